//! What manifests for a cluster hold in secret is hashed with the host's own key, so that nobody finds it again by guessing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use writ_core::cluster::resolve;
use writ_core::dialect::{Contents, Files, Given, Target, lower_with};
use writ_core::hash::HashKey;
use writ_core::model::{BucketRef, Buckets, Object, Scope, World};
use writ_core::text::SecretText;

const CANARY: &str = "cn4ry";

/// The hash and the digests of each object, by a host with that key.
fn hashes(file: &str, text: &str, seal: bool, key: u8) -> BTreeMap<String, String> {
    let files = Files::from([(file.to_owned(), text.as_bytes().to_vec())]);
    let given = Given { target: Target::Kubernetes, ..Given::default() };
    let mut objects = lower_with(&files, &Contents::new(), &given).0.unwrap().objects;
    objects.iter_mut().filter(|_| seal).for_each(sealed);
    let bucket = BucketRef { scope: Scope("shop".to_owned()), name: Some("web".to_owned()) };
    let buckets = Buckets::from([(bucket, [("TOKEN".to_owned(), SecretText::new(CANARY))].into())]);
    let (desired, _) = resolve(&objects, &World { buckets, hash_key: HashKey([key; 32]) }).unwrap();
    let all = desired.objects.into_values().map(|object| {
        let digests = format!("{} {:?}", object.revision.as_str(), object.parts);
        assert!(!digests.contains(CANARY), "{digests}");
        (object.id.to_string(), digests)
    });
    all.collect()
}

/// As if it had been decrypted.
fn sealed(object: &mut Object) {
    if let Some(metadata) = object.body.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("annotations".to_owned(), json!({"writ.sealed": "sops"}));
    }
}

/// The objects whose hashes depend on whose they are.
#[track_caller]
fn check(file: &str, text: &str, seal: bool, wanted: &[&str]) {
    let (one, other) = (hashes(file, text, seal, 7), hashes(file, text, seal, 8));
    let keyed: Vec<&String> = one.iter().filter(|(id, digests)| other[*id] != **digests).map(|(id, _)| id).collect();
    assert_eq!(keyed, wanted);
}

fn yaml(kind: &str, field: &str) -> String {
    format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: it, namespace: shop}}\n{field}: {{a: {CANARY}}}\n")
}

#[test]
fn what_a_secret_or_an_encrypted_file_holds_is_hashed_with_the_hosts_key_and_nothing_else_is() {
    check("a.yaml", &yaml("Secret", "stringData"), false, &["secret/shop/it"]);
    check("a.yaml", &yaml("Secret", "data").replace(CANARY, "Y240cnk="), false, &["secret/shop/it"]);
    check("a.yaml", &yaml("ConfigMap", "data"), false, &[]);
    check("a.yaml", &yaml("ConfigMap", "data"), true, &["configmap/shop/it"]);
}

#[test]
fn so_is_a_bucket_and_what_notes_on_a_template_that_its_pods_read_it() {
    let hcl = "deployment \"shop\" \"web\" {\n  image = \"web:1\"\n}\n";
    check("a.hcl", hcl, false, &["deployment/shop/web", "secret/shop/web.shop.bucket"]);
}
