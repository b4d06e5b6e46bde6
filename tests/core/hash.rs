//! One identity for content: what changes a workload's hash, and what does not.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use writ_core::hash::{HashKey, SpecHash};
use writ_core::model::{Kind, Object, Workload, World, resolve};

use crate::desired_text::{desired_in, messages, objects, only, world};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/hash").join(name)).unwrap()
}

fn everything() -> Vec<Object> {
    objects(&read("everything.yaml"))
}

fn workload(objects: &[Object], world: &World) -> Workload {
    let (desired, _) = resolve(objects, world).unwrap_or_else(|problems| panic!("{}", messages(&problems)));
    only(&desired).clone()
}

/// The workload after one part of one object was given another value; `null` takes the part away.
fn changed(kind: Kind, pointer: &str, value: &Value) -> Workload {
    let mut objects = everything();
    let object = objects.iter_mut().find(|object| object.id.kind == kind).unwrap();
    let (parent, last) = pointer.rsplit_once('/').unwrap();
    let last = last.replace("~1", "/");
    match object.body.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is not there")) {
        Value::Object(map) if value.is_null() => drop(map.remove(&last).expect("a part to take away")),
        Value::Object(map) => drop(map.insert(last, value.clone())),
        Value::Array(list) if last == "-" => list.push(value.clone()),
        Value::Array(list) => list[last.parse::<usize>().unwrap()] = value.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("{pointer} leads into a scalar"),
    }
    workload(&objects, &world(&[]))
}

fn differing(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    names.into_iter().filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
}

const MAIN: &str = "/spec/template/spec/containers/0";
const POD: &str = "/spec/template/spec";

/// Every field of the template: where it is, another value for it, and the part that then differs.
fn fields_of_the_template() -> Vec<(String, Value, &'static str)> {
    let main = |field: &str| format!("{MAIN}/{field}");
    let pod = |field: &str| format!("{POD}/{field}");
    let security = |field: &str| format!("{MAIN}/securityContext/{field}");
    vec![
        (main("image"), json!("example/app:2"), "container/app/image"),
        (main("imagePullPolicy"), json!("Always"), "container/app/pull"),
        (main("command/0"), json!("second"), "container/app/command"),
        (main("command"), Value::Null, "container/app/command"),
        (main("args/0"), json!("--second"), "container/app/args"),
        (main("args"), Value::Null, "container/app/args"),
        (main("workingDir"), json!("/second"), "container/app/working-dir"),
        (main("env/0/value"), json!("second"), "container/app/env/PLAIN"),
        (main("env/1/valueFrom/configMapKeyRef/key"), json!("app.conf"), "container/app/env/MODE"),
        (main("env/2/valueFrom/secretKeyRef/key"), json!("token"), "container/app/env/PASSWORD"),
        (main("env/3/valueFrom/fieldRef/fieldPath"), json!("metadata.name"), "container/app/env/ORDINAL"),
        (main("env/-"), json!({"name": "NEW", "value": ""}), "container/app/env/NEW"),
        (main("ports/0/containerPort"), json!(9090), "container/app/ports"),
        (main("ports/0/protocol"), json!("UDP"), "container/app/ports"),
        (main("ports/0/hostIP"), json!("127.0.0.1"), "container/app/ports"),
        (main("ports/0/hostIP"), json!("127.0.0.2"), "container/app/ports"),
        (main("volumeMounts/0/mountPath"), json!("/second"), "container/app/mount/second"),
        (main("volumeMounts/0/readOnly"), json!(true), "container/app/mount/data"),
        (main("resources/requests/cpu"), json!("101m"), "container/app/resources"),
        (main("resources/requests/memory"), json!("65Mi"), "container/app/resources"),
        (main("resources/limits/cpu"), json!("2"), "container/app/resources"),
        (main("resources/limits/memory"), json!("129Mi"), "container/app/resources"),
        (main("readinessProbe/httpGet/path"), json!("/second"), "container/app/readiness"),
        (main("readinessProbe/httpGet/port"), json!(8081), "container/app/readiness"),
        (main("readinessProbe/httpGet/scheme"), json!("HTTPS"), "container/app/readiness"),
        (main("readinessProbe/httpGet/httpHeaders/0/name"), json!("Second"), "container/app/readiness"),
        (main("readinessProbe/httpGet/httpHeaders/0/value"), json!("second"), "container/app/readiness"),
        (main("readinessProbe/initialDelaySeconds"), json!(7), "container/app/readiness"),
        (main("readinessProbe/periodSeconds"), json!(7), "container/app/readiness"),
        (main("readinessProbe/timeoutSeconds"), json!(7), "container/app/readiness"),
        (main("readinessProbe/successThreshold"), json!(7), "container/app/readiness"),
        (main("readinessProbe/failureThreshold"), json!(7), "container/app/readiness"),
        (main("livenessProbe/tcpSocket/port"), json!(8081), "container/app/liveness"),
        (main("startupProbe/exec/command/0"), json!("second"), "container/app/startup"),
        (main("startupProbe"), Value::Null, "container/app/startup"),
        (security("runAsUser"), json!(1001), "container/app/security"),
        (security("runAsGroup"), json!(1001), "container/app/security"),
        (security("runAsNonRoot"), json!(false), "container/app/security"),
        (security("readOnlyRootFilesystem"), json!(false), "container/app/security"),
        (security("allowPrivilegeEscalation"), json!(true), "container/app/security"),
        (security("allowPrivilegeEscalation"), Value::Null, "container/app/security"),
        (security("privileged"), json!(true), "container/app/security"),
        (security("capabilities/add/0"), json!("CHOWN"), "container/app/security"),
        (security("capabilities/drop/0"), json!("CHOWN"), "container/app/security"),
        (pod("hostNetwork"), json!(true), "container/app/security"),
        (pod("securityContext/supplementalGroups/0"), json!(2001), "container/app/security"),
        (pod("securityContext/fsGroup"), json!(1001), "pod/fs-group"),
        (pod("hostAliases"), json!([{"ip": "192.0.2.7", "hostnames": ["db.example"]}]), "pod/hosts"),
        (pod("hostAliases"), json!([{"ip": "192.0.2.8", "hostnames": ["db.example"]}]), "pod/hosts"),
        (pod("hostAliases"), json!([{"ip": "192.0.2.7", "hostnames": ["second.example"]}]), "pod/hosts"),
        (pod("terminationGracePeriodSeconds"), json!(11), "pod/grace"),
        (pod("initContainers/0/name"), json!("second"), "pod/containers"),
        (pod("initContainers/0/image"), json!("example/prepare:2"), "container/prepare/image"),
        (pod("containers/0/name"), json!("second"), "pod/containers"),
        (pod("volumes/0/configMap/defaultMode"), json!(0o600), "container/app/mount/etc/app"),
        (pod("volumes/0/configMap/items/0/key"), json!("other.conf"), "container/app/mount/etc/one.conf"),
        (pod("volumes/1/emptyDir/medium"), Value::Null, "container/app/mount/tmp"),
        (pod("volumes/1/emptyDir/sizeLimit"), json!("65Mi"), "container/app/mount/tmp"),
        (pod("volumes/2/secret/items/0/path"), json!("second"), "container/app/mount/run/auth"),
        (pod("volumes/2/secret/items/0/mode"), json!(0o440), "container/app/mount/run/auth"),
        ("/spec/template/metadata/labels/tier".to_owned(), json!("second"), "pod/labels"),
        ("/spec/template/metadata/annotations/example.org~1restarted".to_owned(), json!("x"), "pod/annotations"),
        ("/spec/template/metadata/annotations/writ.limits".to_owned(), json!("nofile=1"), "pod/annotations"),
        ("/spec/template/metadata/annotations/writ.log".to_owned(), json!("max-file=1"), "pod/annotations"),
    ]
}

#[test]
fn changing_any_field_of_the_template_changes_the_hash_and_names_the_part() {
    let before = workload(&everything(), &world(&[]));
    let mut seen = BTreeSet::from([before.revision.clone()]);
    for (pointer, value, part) in fields_of_the_template() {
        let after = changed(Kind::StatefulSet, &pointer, &value);
        assert!(seen.insert(after.revision.clone()), "{pointer} = {value} gives a hash that is taken");
        let parts = differing(&before.parts, &after.parts);
        assert!(parts.iter().any(|differs| differs == part), "{pointer}: {part} is not among {parts:?}");
    }
}

#[test]
fn what_needs_no_new_container_leaves_the_hash_alone() {
    let before = workload(&everything(), &world(&[]));
    for (pointer, value) in [
        ("/spec/replicas", json!(5)),
        ("/spec/minReadySeconds", json!(9)),
        ("/spec/updateStrategy/rollingUpdate/partition", json!(1)),
        ("/spec/updateStrategy", json!({"type": "OnDelete"})),
        ("/spec/podManagementPolicy", json!("Parallel")),
        ("/spec/volumeClaimTemplates/0/spec/resources/requests/storage", json!("2Gi")),
        ("/metadata/annotations", json!({"example.org/note": "of the set, not of its pods"})),
    ] {
        let after = changed(Kind::StatefulSet, pointer, &value);
        assert_eq!(after.revision, before.revision, "{pointer}");
        assert_eq!(differing(&before.parts, &after.parts), Vec::<String>::new(), "{pointer}");
    }
}

#[test]
fn a_changed_key_changes_exactly_its_consumers() {
    let before = workload(&everything(), &world(&[]));
    for (kind, field, key, part) in [
        (Kind::ConfigMap, "data", "mode", Some("configmap/data/settings/mode")),
        (Kind::ConfigMap, "data", "app.conf", Some("configmap/data/settings/app.conf")),
        (Kind::ConfigMap, "data", "other.conf", None),
        (Kind::ConfigMap, "data", "unused", None),
        (Kind::Secret, "stringData", "password", Some("secret/data/auth/password")),
        (Kind::Secret, "stringData", "token", Some("secret/data/auth/token")),
        (Kind::Secret, "stringData", "unused", None),
    ] {
        let after = changed(kind, &format!("/{field}/{key}"), &json!("second"));
        assert_eq!(after.revision != before.revision, part.is_some(), "{key}");
        let expected: Vec<String> = part.into_iter().map(str::to_owned).collect();
        assert_eq!(differing(&before.parts, &after.parts), expected, "{key}");
    }
}

#[test]
fn a_service_that_is_added_changes_the_names_and_so_the_hash() {
    let before = workload(&everything(), &world(&[]));
    let after = changed(Kind::Service, "/spec/publishNotReadyAddresses", &json!(true));
    assert_eq!(differing(&before.parts, &after.parts), ["pod/dns"]);
    assert_ne!(before.revision, after.revision);
}

#[test]
fn reordering_maps_documents_and_independent_variables_changes_nothing() {
    let text = read("everything.yaml").replace("[--mode, $(MODE)]", "[--mode]");
    let before = workload(&objects(&text), &world(&[]));
    let mut documents: Vec<&str> = text.split("---\n").collect();
    documents.reverse();
    let reversed = documents.iter().map(|document| document.trim_end().to_owned() + "\n").collect::<Vec<_>>();
    let mut objects = objects(&reversed.join("---\n"));
    let set = objects.iter_mut().find(|object| object.id.kind == Kind::StatefulSet).unwrap();
    set.body.pointer_mut(&format!("{MAIN}/env")).unwrap().as_array_mut().unwrap().reverse();
    set.body.pointer_mut(&format!("{MAIN}/volumeMounts")).unwrap().as_array_mut().unwrap().reverse();
    objects.reverse();
    assert_eq!(workload(&objects, &world(&[])).revision, before.revision);
}

#[test]
fn the_order_of_variables_counts_where_one_refers_to_another() {
    let with = |first: &str, second: &str| {
        let mut objects = everything();
        let set = objects.iter_mut().find(|object| object.id.kind == Kind::StatefulSet).unwrap();
        let (name, value) = (|text: &str| text.to_owned(), "$(A)");
        let variable = |text: &str| json!({"name": name(text), "value": if text == "B" { value } else { "x" }});
        *set.body.pointer_mut(&format!("{MAIN}/env")).unwrap() = json!([variable(first), variable(second)]);
        *set.body.pointer_mut(&format!("{MAIN}/args")).unwrap() = json!([]);
        workload(&objects, &world(&[])).revision
    };
    assert_ne!(with("A", "B"), with("B", "A"), "B is `x` in one and `$(A)` in the other");
}

#[test]
fn encoding_a_secret_anew_changes_nothing() {
    let text = read("everything.yaml");
    let encoded = text.replace("stringData:\n  password: first\n", "data:\n  password: Zmlyc3Q=\nstringData:\n");
    assert_ne!(text, encoded);
    let revision = |text: &str| workload(&objects(text), &world(&[])).revision;
    assert_eq!(revision(&text), revision(&encoded));
    assert_ne!(revision(&text), revision(&encoded.replace("Zmlyc3Q=", "c2Vjb25k")));
}

#[test]
fn a_secret_enters_by_the_key_of_the_host_alone() {
    let objects = everything();
    let mut other = world(&[]);
    other.hash_key = HashKey([8; 32]);
    let (one, other) = (workload(&objects, &world(&[])), workload(&objects, &other));
    assert_eq!(differing(&one.parts, &other.parts), ["secret/data/auth/password", "secret/data/auth/token"]);
    // `password` and `token` hold the same value, and their digests do not tell.
    assert_ne!(one.parts["secret/data/auth/password"], one.parts["secret/data/auth/token"]);
    for digest in one.parts.values() {
        assert!(!digest.contains("first"), "{digest}");
    }
}

#[test]
fn a_bucket_enters_by_the_key_of_the_host_and_only_where_it_is_read() {
    let text = read("everything.yaml");
    let reads = text.replace("        example.org/restarted: first\n", "        writ.bucket: data/app\n");
    let revision = |text: &str, buckets: &[&str]| only(&desired_in(text, buckets).0).revision.clone();
    assert_ne!(revision(&reads, &["data/app K=1"]), revision(&reads, &["data/app K=2"]));
    assert_ne!(revision(&reads, &["data K=1"]), revision(&reads, &["data/app K=1"]));
    assert_eq!(revision(&text, &["data/app K=1"]), revision(&text, &["data/app K=2"]));
    assert_eq!(revision(&reads, &["data/pg K=1"]), revision(&reads, &["other/app K=2"]));
}

/// `VERSION NAME HASH` of each workload; a line is never changed, for hosts hold these hashes on their containers.
#[test]
fn every_hash_that_was_ever_given_is_given_again() {
    for line in read("golden.txt").lines() {
        let [version, name, hash] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let found = workload(&objects(&read(name)), &world(&[])).revision;
        assert_eq!(found.as_str(), hash, "{name}");
        assert!(hash.starts_with(&format!("{version}:")));
        assert_eq!(SpecHash::parse(hash), Some(found));
    }
    assert_eq!(writ_core::hash::VERSION, 1, "a new version needs its own lines in golden.txt");
}
