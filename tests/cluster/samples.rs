//! What people begin with, in a cluster: the examples and the documents of OpenMCF's page, with the real servers where one node can
//! run them, and else field by field.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::machine::Ran;
use crate::place::{Place, until};

/// Room that nobody uses up.
const ROOM: &str = "500Gi";

/// The cluster makes no volumes by itself: those that wait for claims, gone with the test.
pub(crate) struct Volumes<'p> {
    place: &'p Place,
    names: Vec<String>,
}

impl<'p> Volumes<'p> {
    /// Volumes for claims of a class; of none where it is empty.
    pub(crate) fn new(place: &'p Place, class: &str, claims: &[&str]) -> Self {
        let namespace = &place.namespace;
        let names: Vec<String> = claims.iter().map(|claim| format!("{namespace}-{claim}")).collect();
        let volume = |(name, claim): (&String, &&str)| {
            let path = place.machine.path(&format!("volume-{claim}"));
            format!(
                "---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {name}}}\nspec:\n  capacity: {{storage: {ROOM}}}\n  \
                 accessModes: [ReadWriteOnce]\n  persistentVolumeReclaimPolicy: Retain\n  storageClassName: '{class}'\n  \
                 claimRef: {{namespace: {namespace}, name: {claim}}}\n  hostPath: {{path: '{}', type: DirectoryOrCreate}}\n",
                path.display()
            )
        };
        let text: String = names.iter().zip(claims).map(volume).collect();
        let file = place.machine.path(&format!("volumes-{}.yaml", names.join("-")));
        fs::write(&file, text).unwrap();
        place.kubectl(&["create", "-f", file.to_str().unwrap()]);
        Self { place, names }
    }
}

impl Drop for Volumes<'_> {
    fn drop(&mut self) {
        let words = ["delete", "pv", "--wait=false"].into_iter().chain(self.names.iter().map(String::as_str));
        drop(self.place.try_kubectl(&words.collect::<Vec<_>>()));
    }
}

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(file(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A document of OpenMCF's page in another namespace, with amounts that fit on one small node.
fn page(name: &str, namespace: &str, other: &str) -> String {
    let text = text(&format!("tests/data/yaml/accept/{name}.yaml"));
    let text = text.replace(&format!("namespace: {namespace}"), &format!("namespace: {other}"));
    text.replace("cpu: \"500m\"", "cpu: \"10m\"").replace("memory: \"1Gi\"", "memory: \"16Mi\"")
}

/// Commits files as all that there is.
fn deploy(place: &Place, files: &[(&str, String)]) {
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    place.origin.deploy(&files);
}

/// True if the end of a pass tells that all objects are ready.
fn all_ready(ran: &Ran) -> bool {
    let words: Vec<&str> = ran.text.split_whitespace().collect();
    words
        .windows(5)
        .any(|five| matches!(five, [ready, "of", all, "objects", rest] if ready == all && rest.starts_with("ready")))
}

/// Makes a pass that brings everything up, and one that writes nothing.
fn comes_up(place: &Place) {
    let first = place.pass();
    assert!(first.code == Some(2) && all_ready(&first), "{first:?}");
    let second = place.pass();
    assert_eq!(second.code, Some(0), "{second:?}");
}

/// Asks again until it is so, for as long as it takes on a machine that has much else to do.
fn patiently(is_so: impl Fn() -> bool) -> bool {
    (0..5).any(|_| until(&is_so))
}

/// What a shell in a pod says, once that is so.
fn says(place: &Place, pod: &str, command: &str, wanted: &str) {
    let ask = || place.try_kubectl(&["exec", pod, "--", "sh", "-c", command]);
    assert!(patiently(|| ask().is_ok_and(|said| said == wanted)), "{command}: {:?}", ask());
}

#[test]
fn the_kubernetes_examples_are_healthy_in_a_cluster_and_keep_their_data() {
    // One of them is a class for the whole cluster.
    let place = Place::new("guard = \"privileged\"\n");
    let namespace = place.namespace.clone();
    let class = format!("{namespace}-local");
    let own = |text: String| {
        let text = text.replace("namespace: data", &format!("namespace: {namespace}"));
        text.replace("storageClassName: local", &format!("storageClassName: {class}"))
    };
    let base = text("examples/kubernetes-postgres/base.yaml").replace("name: data", &format!("name: {namespace}"));
    let redis = text("examples/kubernetes-redis/redis.yaml");
    // Its namespace is that of the other example.
    let (_, redis) = redis.split_once("---\n").unwrap();
    deploy(
        &place,
        &[
            ("base.yaml", base.replace("name: local", &format!("name: {class}"))),
            ("postgres.yaml", own(text("examples/kubernetes-postgres/postgres.yaml"))),
            ("redis.yaml", own(redis.to_owned())),
        ],
    );
    let _volumes = (Volumes::new(&place, &class, &["data-ledger-0"]), Volumes::new(&place, "", &["data-sessions-0"]));
    comes_up(&place);
    let sql = "psql -U ledger -d ledger -Atc";
    says(&place, "ledger-0", &format!("{sql} 'create table t as select 42 as answer'"), "SELECT 1");
    says(&place, "sessions-0", "redis-cli --no-auth-warning -a \"$REDIS_PASSWORD\" set kept yes", "OK");
    let name = format!("ledger-0.ledger.{namespace}.svc.cluster.local");
    says(&place, "sessions-0", &format!("getent hosts {name} | wc -l"), "1");
    place.kubectl(&["delete", "pod", "ledger-0"]);
    says(&place, "ledger-0", &format!("{sql} 'table t'"), "42");
    says(&place, "ledger-0", "grep -c max_connections /etc/postgresql/conf.d/tuning.conf", "1");
    place.kubectl(&["delete", "storageclass", &class]);
}

#[test]
fn the_whole_stack_in_hcl_is_healthy_in_a_cluster_with_its_buckets_files_names_and_ingress() {
    let place = Place::new("");
    let namespace = place.namespace.clone();
    let _volumes = Volumes::new(&place, "", &["data-pg-0", "data-cache-0"]);
    let serve = "trap 'exit 0' TERM; mkdir /www; echo well >/www/healthz; httpd -f -p 8080 -h /www & wait";
    let app = format!("image    = \"writ-test/box:1\"\n  command  = [\"sh\", \"-c\", \"{serve}\"]");
    let mut stack = text("examples/stack/voodu.hcl").replace("image    = \"shop:1.4.0\"", &app);
    for scope in ["data", "shop"] {
        for kind in ["asset", "postgres", "redis", "app"] {
            stack = stack.replace(&format!("{kind} \"{scope}\""), &format!("{kind} \"{namespace}\""));
        }
        stack = stack.replace(&format!("asset.{scope}."), &format!("asset.{namespace}."));
    }
    let config = |name: &str| text(&format!("examples/stack/configs/{name}"));
    deploy(
        &place,
        &[
            ("voodu.hcl", stack),
            ("configs/postgresql.conf", config("postgresql.conf")),
            ("configs/pg_hba.conf", config("pg_hba.conf")),
            ("configs/redis.conf", config("redis.conf")),
            ("configs/users.acl", config("users.acl")),
        ],
    );
    let set = place.machine.writ(&["config", "set", "-s", &namespace, "-n", "pg", "POSTGRES_PASSWORD=geheim"]);
    assert_eq!(set.code, Some(0), "{set:?}");
    comes_up(&place);
    for name in [format!("pg-0.{namespace}"), format!("pg.{namespace}")] {
        let ask = format!("PGPASSWORD=$POSTGRES_PASSWORD psql -h {name} -U postgres -d pg -Atc 'select 42'");
        says(&place, "pg-0", &ask, "42");
    }
    says(&place, "pg-0", "grep -c max_connections /etc/pg/server.conf; echo $VOODU_REPLICA_ORDINAL", "1\n0");
    // The list of users that the file holds lets in nobody without a name.
    says(&place, "cache-0", &format!("redis-cli -h cache.{namespace} ping"), "NOAUTH Authentication required.");
    says(&place, "deployment/web", &format!("wget -q -O - http://web.{namespace}:8080/healthz"), "well");
    let rule = place.object("ingress/web").unwrap()["spec"]["rules"][0].clone();
    assert_eq!(rule["host"], "shop.example.org");
    assert_eq!(rule["http"]["paths"][0]["backend"]["service"]["name"], "web");
}

#[test]
fn m8_m79_m80_the_database_and_the_cache_of_the_page_are_healthy_in_a_cluster_once_their_namespace_is_there() {
    let place = Place::new("");
    let namespace = place.namespace.clone();
    let cache = page("openmcf-cache", "caching", &namespace);
    let password = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: sentinel-password, namespace: {namespace}}}\nstringData: {{password: hush}}\n"
    );
    deploy(&place, &[("cache.yaml", cache.clone()), ("password.yaml", password.clone())]);
    let alone = place.plan();
    assert!(
        alone.code == Some(3) && alone.text.contains(&format!("namespaces \"{namespace}\" not found")),
        "{alone:?}"
    );

    let database = page("openmcf-database", "databases", &namespace);
    let _volumes = (
        Volumes::new(&place, "", &["data-postgres-0", "data-sentinel-0"]),
        Volumes::new(&place, "ssd", &["data-redis-cluster-0", "data-redis-cluster-1", "data-redis-cluster-2"]),
    );
    deploy(&place, &[("cache.yaml", cache), ("password.yaml", password), ("database.yaml", database)]);
    comes_up(&place);
    let ask = "PGPASSWORD=$POSTGRES_PASSWORD psql -U postgres -h postgres -d appdb -Atc 'select 42'";
    says(&place, "postgres-0", ask, "42");
    for pod in ["redis-cluster-0", "redis-cluster-1", "redis-cluster-2"] {
        says(&place, pod, "redis-cli info cluster | grep -c cluster_enabled:1; echo $SENTINEL_HOST", "1\nsentinel");
        says(
            &place,
            pod,
            "grep -c 'appendfsync everysec' /etc/redis/redis.conf; ls /data/appendonlydir/*.manifest | wc -l",
            "1\n1",
        );
    }
    let set = place.object("statefulset/redis-cluster").unwrap();
    assert_eq!((&set["spec"]["podManagementPolicy"], &set["status"]["readyReplicas"]), (&"Parallel".into(), &3.into()));
}

/// The definitions that the ingress of a document needs.
const DEFINITIONS: [&str; 3] = ["certificates", "gateways", "httproutes"];

#[test]
fn m19_m20_m21_m22_m25_m81_the_event_store_of_the_page_is_in_a_cluster_that_has_its_kinds_field_by_field() {
    let place = Place::new("");
    let namespace = place.namespace.clone();
    place.kubectl(&["create", "namespace", &namespace]);
    // Another run may have left it.
    drop(place.try_kubectl(&["create", "namespace", "istio-ingress"]));
    // What is made in a namespace of everybody's has a name of this test.
    let name = format!("{namespace}-store");
    let store = page("openmcf-event-store", "production", &namespace).replace("event-store", &name);
    deploy(&place, &[("store.yaml", store.clone())]);
    let definitions = DEFINITIONS.map(|name| file(&format!("tests/cluster/crds/{name}.yaml")).display().to_string());
    for definition in &definitions {
        place.kubectl(&["delete", "-f", definition, "--ignore-not-found"]);
    }
    let kinds =
        ["Certificate of cert-manager.io/v1", "Gateway of gateway.networking.k8s.io/v1", "HTTPRoute of gateway"];
    let lacks_all = |text: &str| kinds.iter().all(|kind| text.contains(&format!("the cluster has no {kind}")));
    // A server serves a kind for a moment longer than its definition is there.
    assert!(patiently(|| lacks_all(&place.plan().text)), "{:?}", place.plan());
    for definition in &definitions {
        place.kubectl(&["apply", "-f", definition]);
        place.kubectl(&["wait", "--for=condition=Established", "-f", definition, "--timeout=300s"]);
    }
    let path = place.machine.path("store.yaml");
    fs::write(&path, store).unwrap();
    let rendered = place.machine.writ(&["render", path.to_str().unwrap(), "--target", "kubernetes", "-o", "json"]);
    // Notes follow the document.
    let document = serde_json::Deserializer::from_str(&rendered.text).into_iter::<Value>().next();
    let document = document.unwrap_or_else(|| panic!("{rendered:?}")).unwrap();
    let wanted = document["items"].as_array().unwrap();
    assert!(wanted.iter().filter(|object| object["kind"] == "HTTPRoute").count() == 4 && wanted.len() > 14);

    // Five pods of two processors each have no room here, so that it does not become ready.
    let mut agent = place.machine.command(&["run"]).spawn().unwrap();
    let live = |object: &Value| {
        let word = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (kind, named, home) = (word("/kind"), word("/metadata/name"), word("/metadata/namespace"));
        let said = place.try_kubectl(&["get", &kind, &named, "-n", &home, "-o", "json", "--ignore-not-found"]);
        serde_json::from_str::<Value>(&said.unwrap_or_default()).unwrap_or_default()
    };
    let missing = || -> Vec<String> { wanted.iter().flat_map(|object| lacking(object, &live(object), "")).collect() };
    let is_there = patiently(|| missing().is_empty());
    let missing = missing();
    agent.kill().unwrap();
    agent.wait().unwrap();
    drop(place.try_kubectl(&["delete", "gateways,certificates", "-n", "istio-ingress", "-l", &format!("app={name}")]));
    assert!(is_there, "{missing:#?}");
}

/// Where something of one value is not in another, or is another.
fn lacking(wanted: &Value, live: &Value, path: &str) -> Vec<String> {
    match (wanted, live) {
        (Value::Object(wanted), live) => {
            let none = Map::new();
            let live = live.as_object().unwrap_or(&none);
            let field = |(name, value): (&String, &Value)| {
                lacking(value, live.get(name).unwrap_or(&Value::Null), &format!("{path}/{name}"))
            };
            wanted.iter().flat_map(field).collect()
        }
        (Value::Array(wanted), Value::Array(live)) if wanted.len() == live.len() => {
            let pairs = wanted.iter().zip(live).enumerate();
            pairs.flat_map(|(at, (wanted, live))| lacking(wanted, live, &format!("{path}/{at}"))).collect()
        }
        (Value::String(one), Value::String(other))
            if thousandths(one).is_some_and(|one| Some(one) == thousandths(other)) =>
        {
            Vec::new()
        }
        (wanted, live) if wanted == live => Vec::new(),
        (wanted, live) => vec![format!("{path} is {live} and not {wanted}")],
    }
}

/// An amount of processors, which a server writes in its own way.
fn thousandths(amount: &str) -> Option<u64> {
    match amount.strip_suffix('m') {
        Some(number) => number.parse().ok(),
        None => amount.parse::<u64>().ok().map(|whole| whole * 1000),
    }
}
