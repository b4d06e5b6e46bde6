//! Blocks that plugins expand: what a plugin is asked, and what becomes of its answer.

use std::collections::BTreeMap;

use writ_core::dialect::{BlockId, Contents, Expansion, Expansions, is_built_in, lower, lower_expanded, questions};

use super::{render, single};

const BLOCK: &str = r#"
hep3 "shop" "web" {
  plugin {
    version = "1.0.0"
  }
  image  = "web:1"
  number = 3
  on     = true
  list   = ["a", "${asset.shop.conf.key}:/etc/key:ro"]
  env    = { KEY = "canary-5d1c", COUNT = 3 }
  part "a" {
    size = 1
  }
  part "b" {
    nothing = null
  }
  plain {
    deep = { x = 1 }
  }
}
asset "shop" "conf" {
  key = "text"
}
"#;

fn kinds() -> BTreeMap<String, String> {
    [("hep3".to_owned(), "1.0.0".to_owned())].into()
}

fn id() -> BlockId {
    BlockId { kind: "hep3".into(), scope: "shop".into(), name: "web".into() }
}

/// What a manifest becomes when the plugin answers so; its objects or its problems as text.
fn answered(manifest: &str, answer: &str) -> Result<String, String> {
    let answers = [(id(), Expansion::Answered(answer.as_bytes().to_vec()))].into();
    let (lowered, sources) =
        lower_expanded(&single(manifest), &Contents::new(), &Expansions { kinds: kinds(), answers });
    match lowered {
        Ok(lowered) => Ok(render(&lowered.objects)),
        Err(problems) => Err(problems.render(&sources, false)),
    }
}

fn refused(answer: &str) -> String {
    let problems = answered(BLOCK, answer).unwrap_err();
    assert!(problems.contains("--> stack.hcl:2:1") && !problems.contains("canary"), "{problems}");
    problems
}

#[test]
fn a_plugin_is_asked_with_its_block_as_json_and_with_no_configuration() {
    let asked = questions(&single(BLOCK), &kinds());
    let (asked, question) = asked.into_iter().next().unwrap();
    assert_eq!(asked, id());
    let expected = serde_json::json!({
        "kind": "hep3", "scope": "shop", "name": "web", "config": {},
        "spec": {
            "image": "web:1", "number": 3, "on": true, "list": ["a", "${asset.shop.conf.key}:/etc/key:ro"],
            "env": {"KEY": "canary-5d1c", "COUNT": "3"},
            "part": [{"_labels": ["a"], "size": 1}, {"_labels": ["b"], "nothing": null}],
            "plain": {"deep": {"x": 1}},
        },
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&question).unwrap(), expected);
    assert!(questions(&single(BLOCK), &BTreeMap::new()).is_empty());
    assert!(questions(&single(&BLOCK.replace("\"web:1\"", "file(\"./x\")")), &kinds()).is_empty());
}

#[test]
fn manifests_of_an_answer_mean_what_the_same_blocks_would() {
    let answer = serde_json::json!({"status": "ok", "data": {"actions": [], "manifests": [
        {"kind": "asset", "scope": "shop", "name": "made", "spec": {
            "conf": "a = 1\n", "file": {"_source": "file", "filename": "x", "content": "YiA9IDIK"},
        }},
        {"kind": "statefulset", "scope": "shop", "name": "web", "spec": {
            "image": "web:1", "replicas": 2, "command": ["run", "$(X)"], "ports": ["80"], "health_check": null,
            "env": {"COUNT": "3", "ON": true},
            "volumes": ["${asset.shop.made.conf}:/etc/conf:ro", "${asset.shop.conf.key}:/etc/key"],
            "volume_claims": [{"name": "data", "mount_path": "/data", "size": "1Gi"}],
            "inits": {"_labels": ["prepare"], "command": ["true"]},
            "probes": {"readiness": {"exec": ["true"], "period": "5s"}},
        }},
    ]}});
    let written = r#"
asset "shop" "conf" {
  key = "text"
}
asset "shop" "made" {
  conf = "a = 1\n"
  file = "b = 2\n"
}
statefulset "shop" "web" {
  image    = "web:1"
  replicas = 2
  command  = ["run", "$(X)"]
  ports    = ["80"]
  env      = { COUNT = "3", ON = true }
  volumes  = ["${asset.shop.made.conf}:/etc/conf:ro", "${asset.shop.conf.key}:/etc/key"]
  volume_claim "data" {
    mount_path = "/data"
    size       = "1Gi"
  }
  init "prepare" {
    command = ["true"]
  }
  probes {
    readiness {
      exec   = ["true"]
      period = "5s"
    }
  }
}
"#;
    let objects = lower(&single(written)).0.unwrap().objects;
    assert_eq!(answered(BLOCK, &answer.to_string()).unwrap(), render(&objects));
}

#[test]
fn all_places_of_an_answer_are_the_block_in_the_manifest() {
    let answer =
        r#"{"status":"ok","data":[{"kind":"deployment","scope":"shop","name":"web","spec":{"image":"web:1"}}]}"#;
    let answers = [(id(), Expansion::Answered(answer.as_bytes().to_vec()))].into();
    let expansions = Expansions { kinds: kinds(), answers };
    let (lowered, sources) = lower_expanded(&single(BLOCK), &Contents::new(), &expansions);
    let objects = lowered.unwrap().objects;
    let web = objects.iter().find(|object| object.id.to_string() == "deployment/shop/web").unwrap();
    assert!(web.places.iter().all(|(_, place)| sources.describe(place) == "stack.hcl:2:1"));
    assert!(!sources.text("stack.hcl").unwrap().contains("canary"), "values of variables are hidden");
}

#[test]
fn an_answer_that_is_not_one_is_told_at_the_block() {
    let with = |data: &str| format!("{{\"status\":\"ok\",\"data\":{data}}}");
    let manifest =
        |spec: &str| with(&format!("{{\"kind\":\"deployment\",\"scope\":\"shop\",\"name\":\"web\",\"spec\":{spec}}}"));
    assert!(answered(BLOCK, &manifest("{\"image\":\"web:1\"}")).is_ok());
    for (answer, told) in [
        (String::new(), "its answer is not JSON: line 1, column 0"),
        ("[]".to_owned(), "its answer is no object"),
        ("{}".to_owned(), "has no `status`"),
        ("{\"status\":\"error\",\"error\":\"no \\u202e\"}".to_owned(), "it refuses: `no \\u{202e}`"),
        ("{\"status\":\"ok\",\"data\":[],\"more\":1}".to_owned(), "a member `more` that nobody knows"),
        (with("[]"), "it answers with 0 manifests"),
        (with("7"), "`data` of its answer is neither a manifest nor a list of them"),
        (with("{\"manifests\":{},\"actions\":[]}"), "`manifests` of its answer is no list"),
        (with("{\"manifests\":[],\"actions\":{}}"), "it asks for `actions`"),
        (with("{\"kind\":\"deployment\"}"), "has no `kind` or no `name`"),
        (manifest("[]"), "the `spec` of a manifest of its answer is no object"),
        (manifest("{\"image\":\"a\\u0000\"}"), "its answer holds a NUL character"),
        (manifest("{\"image\":\"${asset.a\"}"), "is no reference to a key of an asset"),
        (manifest("{\"image\":\"web:1\",\"inits\":[7]}"), "a `init` of its answer is no object"),
        (manifest("{}"), "`image` is missing"),
        (manifest("{\"image\":\"web:1\",\"replicas\":99999}"), "`replicas` must be a whole number from 0 to"),
        (manifest("{\"image\":\"web:1\",\"volumes\":[\"${asset.shop.no.key}:/x\"]}"), "no asset \"shop\" \"no\""),
    ] {
        let problems = refused(&answer);
        assert!(problems.contains(told), "{answer}: {problems}");
    }
    let deep = format!("{{\"status\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(refused(&deep).contains("its answer is not JSON"));
}

#[test]
fn a_block_asks_for_the_version_that_the_settings_name() {
    let answer = r#"{"status":"ok","data":{"kind":"deployment","scope":"shop","name":"web","spec":{"image":"web:1"}}}"#;
    assert!(answered(&BLOCK.replace("1.0.0", "latest"), answer).is_ok());
    let problems = answered(&BLOCK.replace("1.0.0", "2.0.0"), answer).unwrap_err();
    assert!(problems.contains("the settings name version `1.0.0` of this plugin, and not `2.0.0`"), "{problems}");
    assert!(problems.contains("--> stack.hcl:4:15"), "{problems}");
    let file = answered(&BLOCK.replace("\"web:1\"", "file(\"./x\")"), answer).unwrap_err();
    assert!(file.contains("a plugin is given no contents of files"), "{file}");
    let nameless = answered(&BLOCK.replace("\"shop\" \"web\" {", "\"web\" {"), answer).unwrap_err();
    assert!(nameless.contains("`hep3` needs exactly two labels"), "{nameless}");
}

#[test]
fn a_kind_that_is_built_in_is_none_for_a_plugin() {
    for kind in ["statefulset", "postgres", "asset", "app", "", "Hep3", "1a", "a b", "a.b"] {
        assert!(is_built_in(kind), "{kind}");
    }
    for kind in ["hep3", "minio", "my-own_kind2"] {
        assert!(!is_built_in(kind), "{kind}");
    }
}
