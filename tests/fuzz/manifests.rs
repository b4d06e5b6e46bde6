//! All dialects, with a secret in front of what a stranger wrote.
//!
//! The secret stands in a part of its own that nothing behind it can change, so that no message may hold its value.

use std::path::{Path, PathBuf};

use writ_core::dialect::{self, Contents, Files, Given, Lowered, Variables, lower, lower_with, unasked};
use writ_core::hash::HashKey;
use writ_core::model::{Buckets, World, resolve};
use writ_core::text::{Problems, Sources};

use crate::driver::Target;

const CANARY: &str = "canary-that-nobody-reads";

const SECRET_YAML: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: pw, namespace: shop}\n\
    stringData: {word: canary-that-nobody-reads}\n---\n";

const SECRET_HCL: &str =
    "deployment \"shop\" \"cart\" {\n  image = \"cart:1\"\n  env = { WORD = \"canary-that-nobody-reads\" }\n}\n";

/// The files below a folder of the project whose names end so.
fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.sort();
    paths.retain(|path| path.to_string_lossy().ends_with(ending));
    assert!(!paths.is_empty(), "no {ending} below {folder}");
    paths.iter().map(|path| std::fs::read(path).unwrap()).filter(|bytes| bytes.len() < 8 << 10).collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() { walk(&entry.path(), paths) } else { paths.push(entry.path()) }
    }
}

/// What is given to the manifests.
fn variables() -> Variables {
    let mut variables = Variables::default();
    for (name, value) in [("VERSION", "1.27"), ("REPLICAS", "3"), ("END", "END"), ("DOLLAR", "$"), ("EMPTY", "")] {
        variables.set(name, value).unwrap();
    }
    variables
}

/// What is said about files, and what is made of them if they are sound.
fn told(files: &Files) -> (String, Option<Lowered>) {
    let (lowered, sources) =
        lower_with(files, &unasked(files, &variables()), &Given { variables: variables(), ..Given::default() });
    let (mut text, found) = match lowered {
        Ok(lowered) => (lowered.notes.render(&sources, false), Some(lowered)),
        Err(problems) => (problems.render(&sources, false), None),
    };
    if let Some(lowered) = &found {
        text += &resolved(lowered, &sources);
    }
    assert!(!text.contains(CANARY), "the secret is shown:\n{text}");
    (text, found)
}

/// What is said about objects together.
fn resolved(lowered: &Lowered, sources: &Sources) -> String {
    let world = World { buckets: Buckets::new(), hash_key: HashKey([7; 32]) };
    let problems: Problems = match resolve(&lowered.objects, &world) {
        Ok((desired, problems)) => {
            assert!(!format!("{desired:?}").contains(CANARY), "the secret is shown by `Debug`");
            problems
        }
        Err(problems) => problems,
    };
    problems.render(sources, false)
}

/// Objects are the same when they are written as Kubernetes YAML and read again.
fn same_again(lowered: &Lowered) {
    let text: String = lowered.objects.iter().map(|object| format!("---\n{}\n", object.body)).collect();
    let again = lower(&Files::from([("again.yaml".to_owned(), text.clone().into_bytes())]));
    let again = again.0.unwrap_or_else(|problems| panic!("{}\n{text}", problems.render(&again.1, false)));
    let bodies = |lowered: &Lowered| -> Vec<(String, serde_json::Value)> {
        lowered.objects.iter().map(|object| (object.id.to_string(), object.body.clone())).collect()
    };
    assert_eq!(bodies(&again), bodies(lowered));
}

fn answer(name: &str, before: &str, bytes: &[u8]) -> String {
    let manifest = [before.as_bytes(), bytes].concat();
    let (text, found) = told(&Files::from([(name.to_owned(), manifest)]));
    if let Some(lowered) = &found {
        same_again(lowered);
    }
    // The first lines of each problem; what stands in the file is not what was said.
    let said = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()));
    let words = said.collect::<Vec<_>>().join("\n");
    format!("{}\n{words}", if found.is_some() { "taken" } else { "refused" })
}

/// Whether a cluster would take it, which is sent other objects than a host; what is told beside objects holds no secret either.
fn in_cluster(bytes: &[u8]) -> &'static str {
    let files = Files::from([("a.yaml".to_owned(), [SECRET_YAML.as_bytes(), bytes].concat())]);
    let given = Given { target: dialect::Target::Kubernetes, ..Given::default() };
    let (lowered, sources) = lower_with(&files, &Contents::new(), &given);
    let (told, said) = match lowered {
        Ok(Lowered { objects: _, notes, sealed: _, sealed_files: _, outputs, unfilled }) => {
            (format!("{}{outputs:?}{unfilled:?}", notes.render(&sources, false)), "taken by a cluster")
        }
        Err(problems) => (problems.render(&sources, false), "refused by a cluster"),
    };
    assert!(!told.contains(CANARY), "the secret is shown:\n{told}");
    said
}

#[test]
fn no_kubernetes_manifest_is_too_much_and_none_shows_the_secret_before_it() {
    let mut seeds = files("tests/data/yaml", ".yaml");
    seeds.extend(files("policies/cases", ".yaml"));
    let words = [
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "apiVersion: v1\n",
        "kind: Secret\n",
        "kind: Deployment\n",
        "metadata: {name: a, namespace: b}\n",
        "spec:\n",
        "stringData: ",
        "data: ",
        "!!binary ",
        "!!str ",
        "&a ",
        "*a ",
        "<<: *a\n",
        "? ",
        ": ",
        "- ",
        "|\n  ",
        ">-\n",
        "null",
        "~",
        "0o17",
        ".nan",
        "image: 'a:1'\n",
        "env: [{name: A, value: b}]\n",
        "replicas: ",
        "hostPath: {path: /etc}\n",
        "readinessProbe: ",
        "valueFrom: ",
        "500m",
        "1Gi",
    ];
    let check = |bytes: &[u8]| answer("a.yaml", SECRET_YAML, bytes);
    Target { name: "yaml", seeds, words: &words, check: &check }.run();
}

#[test]
fn no_document_of_openmcf_is_too_much_and_none_shows_the_secret_before_it() {
    let mut seeds = files("tests/data/yaml", ".yaml");
    seeds.retain(|seed| seed.windows(11).any(|part| part == b"openmcf.org"));
    let words = [
        "---\n",
        "apiVersion: kubernetes.openmcf.org/v1\n",
        "kind: KubernetesStatefulSet\n",
        "kind: KubernetesDeployment\n",
        "kind: KubernetesCronJob\n",
        "schedule: '* * * * *'\n",
        "metadata: {name: a}\n",
        "spec: {namespace: a, container: {app: {image: {repo: a, tag: b}}}}\n",
        "container: {app: ",
        "image: {repo: redis, tag: '7'}\n",
        "env: {variables: {A: b}, secrets: {C: d}}\n",
        "secret_ref: {name: a, key: b}",
        "valueFrom: {kind: KubernetesRedis, name: a, field: status.outputs.service}",
        "ports: [{name: a, containerPort: 1, networkProtocol: TCP, appProtocol: b, servicePort: 2}]\n",
        "volume_claim_templates: [{name: a, size: 1Gi}]\n",
        "volumeMounts: [{name: a, mountPath: /a}]\n",
        "ingress: {enabled: true, hostname: a.b.c}\n",
        "sidecars: ",
        "_",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a ",
        "<<: *a\n",
        "''",
        "null",
        "true",
        "-1",
    ];
    let check = |bytes: &[u8]| {
        let in_cluster = in_cluster(bytes);
        format!("{}\n{in_cluster}", answer("a.yaml", SECRET_YAML, bytes))
    };
    Target { name: "openmcf", seeds, words: &words, check: &check }.run();
}

#[test]
fn no_manifest_in_hcl_is_too_much_and_none_shows_the_secret_before_it() {
    let mut seeds = files("tests/data/hcl", ".case");
    seeds.extend(files("policies/cases", ".hcl"));
    seeds.extend(files("examples", ".hcl"));
    let words = [
        "deployment \"a\" \"b\" {\n",
        "statefulset \"a\" \"b\" {\n",
        "asset \"a\" \"b\" {\n",
        "}\n",
        "image = \"a:1\"\n",
        "env = {\n",
        "file(\"x\")",
        "url(\"https://a\")",
        "${asset.a.b.c}",
        "${VERSION}",
        "${REPLICAS:-1}",
        "${END}",
        "${DOLLAR}",
        "${EMPTY}",
        "${",
        "%{",
        "<<EOT\n",
        "EOT\n",
        "[for x in y : x]",
        "ports = [\"80\"]\n",
        "volumes = [\"/etc:/v\"]\n",
        "volume_claim \"d\" {\n",
        "replicas = ",
        "?",
        "==",
        "/*",
        "//",
        "#",
        "\"",
        "\\u202e",
        "init \"a\" {\n",
        "probe",
        "release",
    ];
    let check = |bytes: &[u8]| answer("a.hcl", SECRET_HCL, bytes);
    Target { name: "hcl", seeds, words: &words, check: &check }.run();
}
