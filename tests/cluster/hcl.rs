//! Manifests in HCL in a cluster: pods that find each other by the names that they have on a container host, and that are
//! replaced when what they read changes.

use crate::place::{Place, until};

/// A server in each pod, which shows what it was given.
fn stack(replicas: u32, text: &str) -> String {
    let serve = "trap 'exit 0' TERM; mkdir /www; echo $VOODU_REPLICA_ORDINAL $WORD $(cat /etc/conf) >/www/index.html; httpd -f -p 80 -h \
                 /www & wait";
    format!(
        "asset \"NS\" \"conf\" {{\n  text = \"{text}\"\n  other = \"same\"\n}}\n\
         statefulset \"NS\" \"pg\" {{\n  image = \"writ-test/box:1\"\n  replicas = {replicas}\n  ports = [\"80\"]\n  \
         command = [\"sh\", \"-c\", \"{serve}\"]\n  env = {{ WORD = \"manifest\" }}\n  \
         volumes = [\"${{asset.NS.conf.text}}:/etc/conf:ro\"]\n{PROBES}}}\n\
         deployment \"NS\" \"web\" {{\n  image = \"writ-test/box:1\"\n  command = [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep 1000 & wait\"]\n  \
         volumes = [\"${{asset.NS.conf.other}}:/etc/conf:ro\"]\n{PROBES}}}\n\
         job \"NS\" \"once\" {{\n  image = \"writ-test/box:1\"\n  command = [\"true\"]\n  env = {{ TEXT = \"{text}\" }}\n}}\n\
         cronjob \"NS\" \"clean\" {{\n  image = \"writ-test/box:1\"\n  schedule = \"0 3 1 1 *\"\n}}\n"
    )
}

const PROBES: &str = "  probes {\n    readiness {\n      exec {\n        command = [\"true\"]\n      }\n      period = \"1s\"\n    }\n  }\n";

/// The page that a pod shows under a name, as another pod sees it.
fn page(place: &Place, name: &str) -> String {
    let pod =
        place.kubectl(&["get", "pods", "-l", "app.kubernetes.io/name=web", "-o", "jsonpath={.items[0].metadata.name}"]);
    place.kubectl(&["exec", &pod, "--", "timeout", "10", "wget", "-q", "-O", "-", &format!("http://{name}/")])
}

#[test]
fn pods_find_each_other_and_their_buckets_and_are_replaced_when_what_they_read_changes() {
    let place = Place::new("");
    let set = |word: &str| place.machine.writ(&["config", "set", "-s", &place.namespace, "-n", "pg", word]);
    assert_eq!(set("WORD=geheim-1").code, Some(0));
    place.deploy_hcl(&stack(2, "one"));
    let first = place.pass();
    assert_eq!(first.code, Some(2), "{first:?}");
    assert!(first.text.contains("11 of 11 objects ready"), "{first:?}");
    let scope = &place.namespace;
    assert_eq!(page(&place, &format!("pg-1.{scope}")), "1 geheim-1 one");
    assert_eq!(page(&place, &format!("pg-0.{scope}")), "0 geheim-1 one");
    assert!(page(&place, &format!("pg.{scope}")).ends_with("geheim-1 one"));
    let second = place.pass();
    assert_eq!(second.code, Some(0), "{second:?}");

    let once = || place.object("job/once").unwrap()["metadata"]["uid"].clone();
    let web = || {
        place.kubectl(&["get", "pods", "-l", "app.kubernetes.io/name=web", "-o", "jsonpath={.items[*].metadata.uid}"])
    };
    let before = (web(), once());
    assert_eq!(set("WORD=geheim-2").code, Some(0));
    place.deploy_hcl(&stack(2, "two"));
    let plan = place.plan();
    let (set_of, job) = (format!("statefulset/{scope}/pg"), format!("job/{scope}/once"));
    assert!(plan.text.contains(&format!("bucket/{scope}/pg/WORD changed")), "{plan:?}");
    assert!(plan.text.contains(&format!("configmap/{scope}/conf/text changed")), "{plan:?}");
    assert!(plan.text.contains(&set_of) && plan.text.contains(&format!("remove   {job}  it runs anew")), "{plan:?}");
    let rolled = place.pass();
    assert_eq!(rolled.code, Some(2), "{rolled:?}");
    assert_eq!(page(&place, &format!("pg-0.{scope}")), "0 geheim-2 two");
    assert_eq!(web(), before.0, "a pod was replaced that reads nothing of it");
    assert_ne!(once(), before.1);

    place.deploy_hcl(&stack(1, "two"));
    let fewer = place.pass();
    assert_eq!(fewer.code, Some(2), "{fewer:?}");
    assert!(place.object("service/pg-1").is_none() && place.object("service/pg-0").is_some());
    assert_eq!(place.pass().code, Some(0));
    let history = place.machine.writ(&["history"]);
    for ran in [&first, &plan, &rolled, &history] {
        assert!(!ran.text.contains("geheim"), "{ran:?}");
    }
}

#[test]
fn a_scope_may_be_a_namespace_that_is_there_already() {
    let place = Place::new("");
    place.kubectl(&["create", "namespace", &place.namespace]);
    place.deploy_hcl("asset \"NS\" \"conf\" {\n  text = \"one\"\n}\n");
    let pass = place.pass();
    assert!(pass.code == Some(2) && pass.text.contains("2 of 2 objects ready"), "{pass:?}");
    assert_eq!(place.pass().code, Some(0));
    let labels = place.kubectl(&["get", "namespace", &place.namespace, "-o", "jsonpath={.metadata.labels}"]);
    assert!(!labels.contains("writ."), "{labels}");
    place.deploy_hcl("asset \"NS\" \"conf\" {\n  text = \"two\"\n}\n");
    assert_eq!(place.pass().code, Some(2));
    assert_eq!(place.object("configmap/conf").unwrap()["data"]["text"], "two");
}

#[test]
fn a_stack_with_a_database_and_a_cache_comes_up_and_keeps_its_data() {
    let place = Place::new("");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/stack");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let serve = "[\"sh\", \"-c\", \"mkdir /www; touch /www/healthz; httpd -f -p 8080 -h /www\"]";
    // All of it in the namespace of this test, and a shop that stands for the real one.
    let stack = read("voodu.hcl")
        .replace("asset.data.", "asset.NS.")
        .replace("\"data\"", "\"NS\"")
        .replace("\"shop\"", "\"NS\"");
    let stack = stack
        .replace("shop:1.4.0", "writ-test/box:1")
        .replace("replicas = 3", &format!("replicas = 3\n  command = {serve}"));
    // Volumes of the tests' cluster are for nobody but root to look into.
    let open = "init \"open\" {\n    image = \"writ-test/box:1\"\n    command = [\"chmod\", \"755\", \"/var/lib/postgresql/data\"]\n  }";
    let stack = stack.replace("  plugin {", &format!("  {open}\n\n  plugin {{")).replace("NS", &place.namespace);
    let configs = ["pg_hba.conf", "postgresql.conf", "redis.conf", "users.acl"]
        .map(|name| (format!("configs/{name}"), read(&format!("configs/{name}"))));
    let mut files: Vec<(&str, &str)> = configs.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    files.push(("voodu.hcl", &stack));
    let password = ["config", "set", "-s", &place.namespace, "-n", "pg", "POSTGRES_PASSWORD=geheim"];
    assert_eq!(place.machine.writ(&password).code, Some(0));
    place.origin.deploy(&files);
    let pass = place.pass();
    assert_eq!(pass.code, Some(2), "{pass:?}");
    assert!(pass.text.contains("objects ready") && !pass.text.contains("unhealthy"), "{pass:?}");
    assert_eq!(place.pass().code, Some(0));
    let host = format!("pg-0.{}", place.namespace);
    let psql = |statement: &str| {
        let url = format!("postgres://postgres:geheim@{host}/pg");
        place.kubectl(&["exec", "pg-0", "--", "psql", "-qAt", &url, "-c", statement])
    };
    // The database has no probe, and answers some time after its program began.
    let answers = || place.try_kubectl(&["exec", "pg-0", "--", "pg_isready", "-h", &host]).is_ok();
    assert!(until(answers), "the database does not come up");
    psql("create table kept (word text); insert into kept values ('still here')");
    let cache = format!("cache-0.{}", place.namespace);
    let answer = place.kubectl(&["exec", "cache-0", "--", "redis-cli", "-h", &cache, "ping"]);
    assert!(["PONG", "NOAUTH"].iter().any(|word| answer.contains(word)), "{answer}");
    place.kubectl(&["delete", "pod", "pg-0"]);
    assert!(until(answers), "the database does not come back");
    assert_eq!(psql("select word from kept"), "still here");
}
