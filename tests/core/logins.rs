//! Logins to registries that come with manifests: `imagePullSecrets`, and `registry` in HCL.

use writ_core::dialect::{Files, lower};
use writ_core::model::{Desired, Kind, Logins, resolve};
use writ_core::text::Problems;

use crate::desired_text::{desired, messages, objects, only, pod, refusal, world};

const CANARY: &str = "canary-41c7";

/// A Deployment of two images, with more of its pod.
fn workload(more: &str) -> String {
    format!(
        "---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: web, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{{more}containers: [{{name: app, image: 'ghcr.io/team/app:1'}}, {{name: side, image: 'a:1'}}]}}
"
    )
}

/// A Secret of a type in a namespace.
fn secret(scope: &str, name: &str, kind: &str, key: &str, text: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: {scope}}}\ntype: {kind}\n\
         stringData:\n  {key}: '{text}'\n"
    )
}

fn config(scope: &str, name: &str, text: &str) -> String {
    secret(scope, name, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", text)
}

fn auths(host: &str) -> String {
    format!(r#"{{"auths": {{"{host}": {{"username": "ann", "password": "{CANARY}"}}}}}}"#)
}

fn logins(desired: &Desired) -> Logins {
    pod(only(desired), 0).extras.logins
}

/// The logins that are tried for an image, each with the Secret that it is from.
fn tried(logins: &Logins, image: &str) -> Vec<String> {
    logins.of(image).iter().map(|(secret, login)| format!("{secret} {}", login.registry)).collect()
}

#[test]
fn the_secrets_that_a_pod_names_are_the_logins_for_its_images_in_both_forms() {
    let cfg = format!(r#"{{"ghcr.io/team": {{"username": "ann", "password": "{CANARY}"}}}}"#);
    let yaml = [
        workload("imagePullSecrets: [{name: one}, {name: two}, {name: one}], "),
        config("shop", "one", &auths("ghcr.io")),
        secret("shop", "two", "kubernetes.io/dockercfg", ".dockercfg", &cfg),
        config("other", "three", &auths("ghcr.io")),
    ];
    let (desired, notes) = desired(&yaml.concat());
    assert_eq!(messages(&notes), "");
    let logins = logins(&desired);
    let both = ["secret/shop/two ghcr.io/team", "secret/shop/one ghcr.io"];
    assert_eq!(tried(&logins, "ghcr.io/team/app:1"), both);
    assert_eq!(tried(&logins, "a:1"), [""; 0]);
    let password = logins.of("ghcr.io/team/app:1")[0].1.password.clone();
    assert_eq!(password.expose_str(), Some(CANARY));
    assert!(!format!("{desired:?}").contains(CANARY), "no value is shown");
}

#[test]
fn a_secret_that_cannot_be_used_is_told_and_stops_nothing() {
    let all = "imagePullSecrets: [{name: gone}, {name: plain}, {name: empty}, {name: odd}], ";
    let yaml = [
        workload(all),
        secret("shop", "plain", "Opaque", ".dockerconfigjson", &auths("ghcr.io")),
        config("shop", "odd", CANARY),
        config("shop", "empty", "{}"),
    ];
    let (desired, notes) = desired(&yaml.concat());
    let told = messages(&notes);
    for says in [
        "login of Secret `gone`: it is not there in scope shop",
        "login of Secret `plain`: its type is neither",
        "login of Secret `odd`: its `.dockerconfigjson` is no such file of Docker's",
    ] {
        assert!(
            told.contains(&format!("Warning: statefulset/shop/web: images are pulled without the {says}")),
            "{told}"
        );
    }
    assert!(!told.contains("empty") && !told.contains(CANARY), "{told}");
    let account = logins(&desired).account("ghcr.io/team/app:1").unwrap();
    assert!(
        account.contains("secret/shop/gone: it is not there")
            && account.contains("secret/shop/empty has no login for ghcr.io"),
        "{account}"
    );
}

#[test]
fn a_secret_of_logins_without_its_key_is_refused() {
    let text = secret("shop", "one", "kubernetes.io/dockerconfigjson", "other", "x");
    let (lowered, sources) = lower(&Files::from([("a.yaml".to_owned(), text.into_bytes())]));
    let told = lowered.unwrap_err().render(&sources, false);
    assert!(told.contains("needs the key `.dockerconfigjson`"), "{told}");
}

#[test]
fn logins_change_nothing_about_what_runs() {
    let revision = |yaml: &str| {
        let (desired, _) = desired(yaml);
        let workload = only(&desired);
        (workload.revision.clone(), workload.parts.clone())
    };
    let plain = revision(&workload(""));
    let named = workload("imagePullSecrets: [{name: one}], ");
    for yaml in [
        named.clone(),
        format!("{named}{}", config("shop", "one", &auths("ghcr.io"))),
        format!("{named}{}", config("shop", "one", &auths("quay.io"))),
    ] {
        assert_eq!(revision(&yaml), plain);
    }
}

#[test]
fn what_is_no_name_of_a_secret_is_refused() {
    let text = workload("imagePullSecrets: [{name: No_Name}], ");
    let (lowered, sources) = lower(&Files::from([("a.yaml".to_owned(), text.into_bytes())]));
    let told = lowered.unwrap_err().render(&sources, false);
    assert!(told.contains("No_Name"), "{told}");
    // Beside it, one that is taken.
    assert_eq!(objects(&workload("imagePullSecrets: [{name: a-name}], ")).len(), 1);
}

const HCL: &str = "
registry \"ghcr.io\" {
  username = \"ann\"
  password = \"canary-41c7\"
}

registry \"local\" {
  url      = \"https://127.0.0.1:5000/v2/\"
  username = \"bob\"
  password_from = \"registries/TOKEN\"
}

deployment \"shop\" \"web\" {
  image = \"ghcr.io/team/app:1\"
  init \"first\" {
    image = \"127.0.0.1:5000/tool:1\"
  }
}

cronjob \"data\" \"backup\" {
  image    = \"ghcr.io/team/backup:1\"
  schedule = \"30 2 * * *\"
}

statefulset \"data\" \"pg\" {
  image = \"postgres:15\"
}
";

fn hcl(text: &str) -> (Desired, Problems) {
    let (lowered, sources) = lower(&Files::from([("a.hcl".to_owned(), text.as_bytes().to_vec())]));
    let lowered = lowered.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
    let secrets = lowered.objects.iter().filter(|object| object.id.kind == Kind::Secret);
    assert_eq!(secrets.count(), 3, "one in each scope that uses it");
    let world = world(&["registries TOKEN=canary-41c7"]);
    resolve(&lowered.objects, &world).unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)))
}

#[test]
fn a_registry_in_hcl_is_the_login_of_the_workloads_that_have_its_images_and_of_no_other() {
    let (desired, notes) = hcl(HCL);
    assert_eq!(messages(&notes), "");
    let tried_by = |name: &str, image: &str| {
        let workload = desired.workloads.values().find(|workload| workload.id.name == name).unwrap();
        tried(&workload.pod(&workload.some_index()).extras.logins, image)
    };
    assert_eq!(tried_by("web", "ghcr.io/team/app:1"), ["secret/shop/ghcr.io.registry ghcr.io"]);
    assert_eq!(tried_by("web", "127.0.0.1:5000/tool:1"), ["secret/shop/local.registry 127.0.0.1:5000"]);
    let web = desired.workloads.values().find(|workload| workload.id.name == "web").unwrap();
    let logins = web.pod(&web.some_index()).extras.logins;
    let passwords = ["ghcr.io/team/app:1", "127.0.0.1:5000/tool:1"].map(|image| logins.of(image)[0].1.password.clone());
    assert!(passwords.iter().all(|password| password.expose_str() == Some(CANARY)));
    assert_eq!(tried_by("backup", "ghcr.io/team/backup:1"), ["secret/data/ghcr.io.registry ghcr.io"]);
    assert_eq!(tried_by("pg", "ghcr.io/team/backup:1"), [""; 0]);
    assert!(!format!("{desired:?}").contains(CANARY));
}

#[test]
fn a_workload_with_logins_is_the_same_one_without_them() {
    let (with, _) = hcl(HCL);
    let without = HCL.split_once("deployment").map(|(_, rest)| format!("deployment{rest}")).unwrap();
    let (without, _) = desired_of(&without);
    let revisions = |desired: &Desired| -> Vec<_> {
        desired.workloads.values().map(|workload| (workload.id.clone(), workload.revision.clone())).collect()
    };
    assert_eq!(revisions(&with), revisions(&without));
}

fn desired_of(text: &str) -> (Desired, Problems) {
    let (lowered, _) = lower(&Files::from([("a.hcl".to_owned(), text.as_bytes().to_vec())]));
    resolve(&lowered.unwrap().objects, &world(&[])).unwrap()
}

#[test]
fn a_reference_to_a_secret_that_is_needed_is_refused_as_before() {
    let yaml = workload("volumes: [{name: v, secret: {secretName: gone}}], ")
        .replace("image: 'a:1'", "image: 'a:1', volumeMounts: [{name: v, mountPath: /v}]");
    assert!(refusal(&yaml).contains("Secret `gone` is not there"));
}
