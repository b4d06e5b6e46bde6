//! The numbered requirements of the dialect, one test each. The number is in the name.

use serde_json::{Value, json};
use writ_core::dialect::{Fetched, Files, Variables, addresses, unasked};
use writ_core::limits::ADDRESSES_MAX;

use super::{lowered, lowered_with, object, objects, problems, single};

const CONTAINER: &str = "/spec/template/spec/containers/0";

/// A statefulset with further lines in it.
fn statefulset(lines: &str) -> String {
    format!("statefulset \"data\" \"pg\" {{\n  image = \"postgres:15-alpine\"\n{lines}\n}}\n")
}

/// A part of the StatefulSet that those lines make.
fn part(lines: &str, pointer: &str) -> Value {
    object(&statefulset(lines), "statefulset/data/pg").pointer(pointer).cloned().unwrap_or(Value::Null)
}

fn container(lines: &str, field: &str) -> Value {
    part(lines, &format!("{CONTAINER}/{field}"))
}

/// The variable of that name in the main container.
fn variable(lines: &str, name: &str) -> Value {
    let env = container(lines, "env");
    env.as_array().unwrap().iter().find(|entry| entry["name"] == name).cloned().unwrap_or(Value::Null)
}

#[test]
fn v01_a_resource_is_a_kind_with_exactly_two_labels() {
    assert!(objects("deployment \"a\" \"b\" {\n  image = \"i\"\n}").iter().any(|(id, _)| id == "deployment/a/b"));
    for labels in ["", "\"a\"", "\"a\" \"b\" \"c\""] {
        let text = problems(&format!("deployment {labels} {{\n  image = \"i\"\n}}"));
        assert!(text.contains("exactly two labels"), "{text}");
    }
}

#[test]
fn v02_one_file_holds_any_number_of_resources_of_mixed_kinds() {
    let two =
        format!("{}asset \"data\" \"c\" {{\n}}\ndeployment \"a\" \"b\" {{\n  image = \"i\"\n}}\n", statefulset(""));
    let ids: Vec<String> = objects(&two).into_iter().map(|(id, _)| id).collect();
    let wanted = [
        "namespace/a",
        "namespace/data",
        "configmap/data/c",
        "service/a/b",
        "service/data/pg",
        "statefulset/data/pg",
        "deployment/a/b",
    ];
    assert_eq!(ids, wanted);
    assert_eq!(objects(""), []);
}

#[test]
fn v03_comments_of_all_three_forms_stand_anywhere() {
    let commented =
        statefulset("  # one\n  replicas = 2 # two\n  // three\n  /* four\n  five */ restart = \"always\" // six");
    assert_eq!(object(&commented, "statefulset/data/pg")["spec"]["replicas"], 2);
}

#[test]
fn v04_values_are_strings_integers_lists_and_objects_with_an_entry_on_each_line() {
    let lines = "  replicas = 2\n  command = [\"a\", \"b\"]\n  env = {\n    A = \"1\"\n    B = \"2\"\n  }";
    assert_eq!(container(lines, "args"), json!(["a", "b"]));
    assert_eq!(variable(lines, "B")["value"], "2");
    assert!(problems(&statefulset("  replicas = 1 + 1")).contains("calculations are not evaluated"));
}

#[test]
fn v05_lists_span_lines_and_may_end_with_a_comma() {
    assert_eq!(container("  command = [\n    \"a\",\n    \"b\",\n  ]", "args"), json!(["a", "b"]));
}

#[test]
fn v06_a_nested_block_carries_one_label() {
    let claims = part("  volume_claim \"data\" {\n    mount_path = \"/d\"\n  }", "/spec/volumeClaimTemplates");
    assert_eq!(claims[0]["metadata"]["name"], "data");
    for labels in ["", "\"a\" \"b\""] {
        let text = problems(&statefulset(&format!("  volume_claim {labels} {{\n    mount_path = \"/d\"\n  }}")));
        assert!(text.contains("needs one label"), "{text}");
    }
}

#[test]
fn v07_a_nested_block_may_have_no_label() {
    let resources = container("  resources {\n    memory = \"1Gi\"\n  }", "resources");
    assert_eq!(resources, json!({"limits": {"memory": "1Gi"}}));
    assert!(problems(&statefulset("  resources \"x\" {\n    memory = \"1Gi\"\n  }")).contains("has no label"));
}

#[test]
fn v08_file_and_url_are_values_of_assets_alone() {
    assert_eq!(with_files("k = file(\"./f\")", &[("f", b"bytes")])["data"]["k"], "bytes");
    assert!(problems(&statefulset("  command = [file(\"./f\")]")).contains("this is the contents of a file"));
    let manifest = "asset \"a\" \"b\" {\n  k = url(\"https://example.org/x\")\n}";
    assert!(problems(manifest).contains("cannot fetch https://example.org/x"));
    let files = single(manifest);
    let none = Variables::default();
    let contents =
        addresses(&files, &none).into_keys().map(|address| (address, Fetched::Fresh(b"bytes".to_vec()))).collect();
    let (objects, text, refused) = lowered_with(&files, &contents, &none);
    assert!(!refused && objects[1].body["data"]["k"] == "bytes", "{text}");
    assert!(
        problems(&statefulset("  command = [url(\"https://a.example\")]")).contains("this is the contents of a URL")
    );
}

#[test]
fn a_unit_names_so_many_addresses_and_no_more() {
    let manifest = |count: usize| {
        let keys: String = (0..count).map(|key| format!("  k{key} = url(\"https://a.example/{key}\")\n")).collect();
        single(&format!("asset \"a\" \"b\" {{\n{keys}}}\n"))
    };
    let judged = |files: &Files| {
        let none = Variables::default();
        lowered_with(files, &unasked(files, &none), &none)
    };
    assert!(!judged(&manifest(ADDRESSES_MAX)).2);
    let (_, text, refused) = judged(&manifest(ADDRESSES_MAX + 1));
    assert!(refused && text.contains("at most 64 are fetched"), "{text}");
}

#[test]
fn v09_a_reference_stands_in_a_text_and_its_names_may_have_hyphens() {
    let lines = "  volumes = [\"${asset.data.pg-config.the-key}:/etc/x:ro\"]";
    let text = format!("{}asset \"data\" \"pg-config\" {{\n  the-key = \"v\"\n}}\n", statefulset(lines));
    let volume = object(&text, "statefulset/data/pg")["spec"]["template"]["spec"]["volumes"][0].clone();
    assert_eq!(volume["configMap"]["name"], "pg-config");
    assert_eq!(volume["configMap"]["items"], json!([{"key": "the-key", "path": "the-key"}]));
    assert!(problems(&statefulset("  volumes = [asset.data.pg-config.the-key]")).contains("inside of a text"));
}

#[test]
fn v10_keys_of_assets_are_free_names() {
    let data = with_files("Any_Key-1 = \"v\"\n  image = \"w\"", &[]);
    assert_eq!(data["data"], json!({"Any_Key-1": "v", "image": "w"}));
}

#[test]
fn v11_two_resources_of_one_identity_are_an_error_at_both_places() {
    let twice = format!("{}{}", statefulset(""), statefulset("  replicas = 2"));
    let text = problems(&twice);
    assert!(text.contains("stack.hcl:1:1") && text.contains("stack.hcl:5:1"), "{text}");
    assert_eq!(text.matches("statefulset/data/pg is declared more than once").count(), 2, "{text}");
    let files = Files::from([
        ("a.hcl".to_owned(), statefulset("").into_bytes()),
        ("b.hcl".to_owned(), statefulset("").into_bytes()),
    ]);
    let (_, text, refused) = lowered(&files);
    assert!(refused && text.contains("--> a.hcl:1:1") && text.contains("--> b.hcl:1:1"), "{text}");
}

#[test]
fn v13_paths_of_files_are_relative_to_the_directory_of_their_manifest() {
    let manifest = b"asset \"a\" \"b\" {\n  k = file(\"./configs/x\")\n}\n".to_vec();
    let files =
        |at: &str| Files::from([("deep/er/stack.hcl".to_owned(), manifest.clone()), (at.to_owned(), b"here".to_vec())]);
    let (objects, text, refused) = lowered(&files("deep/er/configs/x"));
    assert!(!refused, "{text}");
    assert_eq!(objects[1].body["data"]["k"], "here");
    let (_, text, refused) = lowered(&files("configs/x"));
    assert!(refused && text.contains("there is no file `deep/er/configs/x`"), "{text}");
}

#[test]
fn v14_the_image_is_used_verbatim() {
    for image in ["postgres:15-alpine", "ghcr.io/o/i@sha256:0000", "localhost:5000/I/i:T"] {
        let text = format!("deployment \"a\" \"b\" {{\n  image = \"{image}\"\n}}");
        let deployment = object(&text, "deployment/a/b");
        assert_eq!(deployment.pointer(CONTAINER).unwrap()["image"], *image);
    }
}

#[test]
fn v15_v16_replicas_is_the_number_of_pods_and_one_where_none_is_written() {
    assert_eq!(part("", "/spec/replicas"), 1);
    for number in [0, 1, 3] {
        assert_eq!(part(&format!("  replicas = {number}"), "/spec/replicas"), number);
    }
    for wrong in ["-1", "1.5", "\"3\"", "1001", "true", "null", "99999999999999999999"] {
        assert!(problems(&statefulset(&format!("  replicas = {wrong}"))).contains("`replicas` must be"), "{wrong}");
    }
}

#[test]
fn v17_every_variable_reaches_the_container_with_its_exact_value() {
    let lines = "  env = {\n    A = \"a:b@c/d=e\\n\\\"$(A)$$\"\n    B = 5432\n    C = true\n    D = \"\"\n  }";
    // Kubernetes replaces `$(A)`, and makes one of two dollars: both are written so that neither happens.
    assert_eq!(variable(lines, "A")["value"], "a:b@c/d=e\n\"$$(A)$$$");
    assert_eq!(variable(lines, "B")["value"], "5432");
    assert_eq!(variable(lines, "C")["value"], "true");
    assert_eq!(variable(lines, "D")["value"], "");
    for inexact in ["1.50", "0644", "1e3"] {
        let text = problems(&statefulset(&format!("  env = {{\n    A = {inexact}\n  }}")));
        assert!(text.contains("put it in double quotes"), "{text}");
    }
}

#[test]
fn v18_a_bare_port_is_published_on_the_loopback_address_and_demands_no_port_of_the_host() {
    let lines = "  ports = [\"5432\"]";
    assert_eq!(container(lines, "ports"), json!([{"containerPort": 5432, "protocol": "TCP"}]));
    assert_eq!(part(lines, "/spec/template/metadata/annotations/writ.publish"), "loopback");
    assert_eq!(part("", "/spec/template/metadata/annotations/writ.publish"), Value::Null);
}

#[test]
fn a_port_with_a_port_of_the_host_is_on_the_loopback_address_unless_another_is_written() {
    let port = |text: &str| container(&format!("  ports = [\"{text}\"]"), "ports")[0].clone();
    let on = |address: &str, protocol: &str| json!({"containerPort": 80, "protocol": protocol, "hostIP": address, "hostPort": 8080});
    assert_eq!(port("8080:80"), on("127.0.0.1", "TCP"));
    assert_eq!(port("0.0.0.0:8080:80/udp"), on("0.0.0.0", "UDP"));
    assert_eq!(port("[::1]:8080:80"), on("::1", "TCP"));
    assert_eq!(port("127.0.0.1::80/tcp"), json!({"containerPort": 80, "protocol": "TCP"}));
    for wrong in
        ["", "0", "65536", "a", "80:", ":80", "::80", "0.0.0.0::80", "1:2:3", "::1:2:3", "[::1]80", "80/icmp", "1-2"]
    {
        let text = problems(&statefulset(&format!("  ports = [\"{wrong}\"]")));
        assert!(text.contains("port"), "{wrong}: {text}");
    }
}

#[test]
fn v19_a_claim_is_mounted_at_its_path() {
    let lines = "  volume_claim \"data\" {\n    mount_path = \"/var/lib/postgresql/data\"\n  }";
    let mounts = container(lines, "volumeMounts");
    assert_eq!(mounts, json!([{"name": "data", "mountPath": "/var/lib/postgresql/data"}]));
    assert!(problems(&statefulset("  volume_claim \"data\" {\n  }")).contains("has no `mount_path`"));
}

#[test]
fn v20_a_statefulset_has_several_claims_with_names_of_their_own() {
    let claim = |name: &str, path: &str| format!("  volume_claim \"{name}\" {{\n    mount_path = \"{path}\"\n  }}\n");
    let lines = claim("wal", "/wal") + &claim("data", "/data");
    let claims = part(&lines, "/spec/volumeClaimTemplates");
    assert_eq!(claims[0]["metadata"]["name"], "data");
    assert_eq!(claims[1]["metadata"]["name"], "wal");
    assert!(problems(&statefulset(&(claim("data", "/a") + &claim("data", "/b")))).contains("two claims `data`"));
    assert!(problems(&statefulset(&(claim("a", "/d") + &claim("b", "/d/")))).contains("mounted at `/d` already"));
}

#[test]
fn v21_command_replaces_the_command_of_the_image_and_keeps_its_entry_point() {
    let lines = "  command = [\"redis-server\", \"$(A)\"]";
    assert_eq!(container(lines, "args"), json!(["redis-server", "$$(A)"]));
    assert_eq!(container(lines, "command"), Value::Null);
    assert_eq!(container("  entrypoint = [\"/bin/x\"]", "command"), json!(["/bin/x"]));
    assert!(problems(&statefulset("  command = \"redis-server\"")).contains("`command` must be a list"));
}

#[test]
fn v22_volumes_are_mounts_and_ro_makes_one_read_only() {
    let mount = |text: &str| container(&format!("  volumes = [\"{text}\"]"), "volumeMounts")[0].clone();
    assert_eq!(mount("/srv:/data"), json!({"name": "host-0", "mountPath": "/data"}));
    assert_eq!(mount("/srv:/data:rw"), json!({"name": "host-0", "mountPath": "/data"}));
    assert_eq!(mount("/srv:/data:ro"), json!({"name": "host-0", "mountPath": "/data", "readOnly": true}));
    let volumes = part("  volumes = [\"/srv/./x/:/data\"]", "/spec/template/spec/volumes");
    assert_eq!(volumes, json!([{"name": "host-0", "hostPath": {"path": "/srv/x"}}]));
    for wrong in ["/srv", "/srv:data", "/srv:/data:z", "data:/data", "./x:/data", "/a/../b:/data", "/srv:/", "/:/data"]
    {
        problems(&statefulset(&format!("  volumes = [\"{wrong}\"]")));
    }
}

#[test]
fn v24_an_init_block_sees_the_ordinal_and_the_volumes_of_its_pod_and_runs_in_the_order_written() {
    let lines = "  volumes = [\"/srv:/srv:ro\"]\n  volume_claim \"data\" {\n    mount_path = \"/data\"\n  }\n\
                 init \"second\" {\n    command = [\"b\"]\n  }\n\
                 init \"first\" {\n    image = \"busybox\"\n    volumes = [\"/tmp:/srv\"]\n  }";
    let inits = part(lines, "/spec/template/spec/initContainers");
    assert_eq!(inits[0]["name"], "second");
    assert_eq!(inits[0]["image"], "postgres:15-alpine");
    assert_eq!(inits[0]["args"], json!(["b"]));
    let paths = |init: &Value| -> Vec<(String, bool)> {
        let mounts = init["volumeMounts"].as_array().unwrap().iter();
        mounts.map(|mount| (mount["mountPath"].as_str().unwrap().to_owned(), mount["readOnly"] == true)).collect()
    };
    assert_eq!(paths(&inits[0]), [("/data".to_owned(), false), ("/srv".to_owned(), true)]);
    assert_eq!(paths(&inits[1]), [("/data".to_owned(), false), ("/srv".to_owned(), false)]);
    let names = |init: &Value| init["env"].as_array().unwrap().iter().any(|env| env["name"] == "VOODU_REPLICA_ORDINAL");
    assert!(names(&inits[0]) && names(&inits[1]));
    assert!(problems(&statefulset("  init \"pg\" {\n  }")).contains("the name \"pg\" is taken"));
}

#[test]
fn v25_no_secret_is_demanded_and_the_bucket_of_the_name_is_laid_over_the_environment() {
    assert_eq!(part("", "/spec/template/metadata/annotations/writ.bucket"), "data/pg");
    assert_eq!(variable("", "POSTGRES_PASSWORD"), Value::Null);
}

#[test]
fn v52_a_statefulset_tells_its_pods_their_ordinal_and_a_deployment_does_not() {
    let from = json!({"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}});
    assert_eq!(variable("", "VOODU_REPLICA_ORDINAL")["valueFrom"], from);
    assert_eq!(variable("", "VOODU_REPLICA_ID")["valueFrom"], from);
    assert_eq!(variable("", "VOODU_SCOPE")["value"], "data");
    assert_eq!(variable("", "VOODU_NAME")["value"], "pg");
    let deployment = object("deployment \"a\" \"b\" {\n  image = \"i\"\n}", "deployment/a/b");
    let env = deployment.pointer(CONTAINER).unwrap()["env"].clone();
    assert_eq!(env, json!([{"name": "VOODU_SCOPE", "value": "a"}, {"name": "VOODU_NAME", "value": "b"}]));
    assert!(problems(&statefulset("  env = {\n    VOODU_NAME = \"x\"\n  }")).contains("belongs to the platform"));
}

/// The ConfigMap of an asset with those lines, next to those files.
fn with_files(lines: &str, beside: &[(&str, &[u8])]) -> Value {
    let mut files = single(&format!("asset \"a\" \"b\" {{\n  {lines}\n}}\n"));
    files.extend(beside.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())));
    let (objects, text, refused) = lowered(&files);
    assert!(!refused, "{text}");
    objects[1].body.clone()
}

#[test]
fn v60_an_asset_holds_any_number_of_keys() {
    assert_eq!(with_files("", &[]).get("data"), None);
    assert_eq!(with_files("a = \"1\"\n  b = \"2\"", &[])["data"], json!({"a": "1", "b": "2"}));
    let long = with_files("a = <<END\none\n  two\nEND\n  b = <<-END\n    one\n      two\n    END", &[]);
    assert_eq!(long["data"], json!({"a": "one\n  two\n", "b": "one\n  two\n"}));
}

#[test]
fn v61_file_takes_the_bytes_of_a_file_whatever_they_are() {
    let body = with_files("t = file(\"./t\")\n  b = file(\"b\")", &[("t", "zwölf\r\n".as_bytes()), ("b", &[0xff, 0])]);
    assert_eq!(body["data"], json!({"t": "zwölf\r\n"}));
    assert_eq!(body["binaryData"], json!({"b": "/wA="}));
}

#[test]
fn v63_v64_each_key_of_an_asset_is_mounted_as_a_file_of_its_own() {
    let lines = "  volumes = [\n    \"${asset.data.c.one}:/etc/one:ro\",\n    \"${asset.data.c.two}:/etc/2\",\n  ]";
    let text = format!("{}asset \"data\" \"c\" {{\n  one = \"1\"\n  two = \"2\"\n}}\n", statefulset(lines));
    let pod = object(&text, "statefulset/data/pg")["spec"]["template"]["spec"].clone();
    let mounts = json!([
        {"name": "asset-1", "mountPath": "/etc/2", "subPath": "two", "readOnly": true},
        {"name": "asset-0", "mountPath": "/etc/one", "subPath": "one", "readOnly": true},
    ]);
    assert_eq!(pod["containers"][0]["volumeMounts"], mounts);
    assert_eq!(pod["volumes"][1]["configMap"], json!({"name": "c", "items": [{"key": "two", "path": "two"}]}));
}

#[test]
fn an_asset_of_another_scope_is_mounted_from_a_copy_of_the_keys_used() {
    let lines = "  volumes = [\"${asset.shared.c.one}:/etc/one:ro\"]";
    let text = format!("{}asset \"shared\" \"c\" {{\n  one = \"1\"\n  two = \"2\"\n}}\n", statefulset(lines));
    assert_eq!(object(&text, "configmap/data/c.shared")["data"], json!({"one": "1"}));
    let pod = object(&text, "statefulset/data/pg")["spec"]["template"]["spec"].clone();
    assert_eq!(pod["volumes"][0]["configMap"]["name"], "c.shared");
    assert_eq!(object(&text, "configmap/shared/c")["data"], json!({"one": "1", "two": "2"}));
}

#[test]
fn v65_v68_one_changed_byte_changes_that_key_and_no_other_object() {
    let text = format!(
        "{}asset \"data\" \"c\" {{\n  k = file(\"./k\")\n}}\n",
        statefulset("  volumes = [\"${asset.data.c.k}:/k\"]")
    );
    let with = |bytes: &[u8]| {
        let mut files = single(&text);
        files.insert("k".to_owned(), bytes.to_vec());
        lowered(&files).0
    };
    let changed: Vec<String> = with(b"one")
        .into_iter()
        .zip(with(b"two"))
        .filter(|(one, two)| one != two)
        .map(|(one, _)| one.id.to_string())
        .collect();
    assert_eq!(changed, ["configmap/data/c"]);
    assert_eq!(with(b"one"), with(b"one"));
}

#[test]
fn v71_a_reference_to_an_undeclared_asset_or_key_is_an_error_at_its_place_also_across_files() {
    let consumer = statefulset("  volumes = [\"${asset.data.config.kye}:/etc/x:ro\"]");
    let with = |asset: &str| {
        let files = Files::from([
            ("a.hcl".to_owned(), consumer.clone().into_bytes()),
            ("b/assets.hcl".to_owned(), asset.as_bytes().to_vec()),
        ]);
        let (_, text, refused) = lowered(&files);
        (text, refused)
    };
    let (text, refused) = with("asset \"data\" \"config\" {\n  key = \"v\"\n}\n");
    assert!(refused && text.contains("has no key `kye`") && text.contains("did you mean `key`?"), "{text}");
    assert!(text.contains("--> a.hcl:3:15"), "{text}");
    let (text, refused) = with("asset \"data\" \"confog\" {\n  kye = \"v\"\n}\n");
    assert!(
        refused && text.contains("no asset \"data\" \"config\"") && text.contains("asset.data.confog.kye"),
        "{text}"
    );
    let (text, refused) = with("asset \"data\" \"config\" {\n  kye = \"v\"\n}\n");
    assert!(!refused, "{text}");
}

#[test]
fn no_message_shows_the_value_of_a_variable_whether_or_not_the_manifest_can_be_read() {
    let lines = "  env = {\n    TOKEN = [\"hunter2\"]\n    PASSWORD = \"hunter2\", LIST = [\"hunter2\"]\n  }";
    let text = problems(&statefulset(lines));
    assert!(text.contains("`TOKEN` must be a string") && !text.contains("hunter2"), "{text}");
    for broken in
        ["  env = {\n    A = \"hunter2\n  }", "  env {\n    A = \"hunter2\" x\n  }", "  env = { A = \"hunter2\" x }"]
    {
        let text = problems(&statefulset(broken));
        assert!(text.contains("--> stack.hcl:") && !text.contains("hunter2"), "{text}");
    }
    let beside = problems(&statefulset("  env = {\n    A = \"1\"\n  }\n  restart = \"sometimes\""));
    assert!(beside.contains("sometimes"), "{beside}");
}
