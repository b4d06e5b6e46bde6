//! What manifests mean: to Writ what they mean to `kubectl`, but for what docs/differences.md lists with its reason.
//!
//! The corpus is `tests/data/kubectl`. A file whose meaning differs says why in a line `# Differs: …`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Deserializer, Value};
use writ_core::dialect::{Files, Given, Target, lower_with};

use crate::golden;

/// What a reader makes of a file: its objects, or nothing because it refuses it, and why.
type Meaning = Result<Vec<Value>, String>;

/// Says of a place in a corpus that its meaning differs.
const DIFFERS: &str = "# Differs: ";

const HEAD: &str = "# Where a manifest means something else to Writ than to `kubectl`

Each file below `tests/data/kubectl` is read by both, on the cluster of the tests: what `kubectl create --dry-run=client` would send,
and what Writ would. All others mean the same to both. This page is written by that test (`UPDATE=1`).

| file | `kubectl` | Writ | why |
| --- | --- | --- | --- |
";

#[test]
fn manifests_mean_to_writ_what_they_mean_to_kubectl_but_for_what_is_listed() {
    let mut files: Vec<_> = fs::read_dir(golden::data("kubectl")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 40, "the corpus is there");
    let (mut page, mut wrong) = (HEAD.to_owned(), String::new());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let why = text.lines().find_map(|line| line.strip_prefix(DIFFERS));
        let (theirs, ours) = (to_kubectl(&file), to_writ(&text));
        match (same(&theirs, &ours), why) {
            (true, None) => {}
            (false, Some(why)) => writeln!(page, "| `{name}` | {} | {} | {why} |", said(&theirs), said(&ours)).unwrap(),
            (true, Some(why)) => writeln!(wrong, "{name} differs no more ({why})").unwrap(),
            (false, None) => writeln!(wrong, "{name}:\n  kubectl: {theirs:?}\n  Writ: {ours:?}").unwrap(),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    golden::check_file(&golden::data("../../docs/differences.md"), &page);
}

/// What `kubectl` would send.
fn to_kubectl(file: &Path) -> Meaning {
    let folder = std::env::var_os("WRIT_CLUSTER").expect("WRIT_CLUSTER names the directory of a running cluster");
    let folder = Path::new(&folder);
    let mut command = Command::new(folder.join("kubectl"));
    command.arg("--kubeconfig").arg(folder.join("kubeconfig")).args(["create", "--dry-run=client", "-o", "json", "-f"]);
    // It names the file as it was given.
    let done = command.arg(file.file_name().unwrap()).current_dir(file.parent().unwrap()).output().unwrap();
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned());
    }
    let mut objects: Vec<Value> = Vec::new();
    for object in Deserializer::from_slice(&done.stdout).into_iter::<Value>() {
        let object = object.unwrap();
        match object["items"].as_array().filter(|_| object["kind"] == "List") {
            Some(items) => objects.extend(items.iter().cloned()),
            None => objects.push(object),
        }
    }
    Ok(in_order(objects))
}

/// What Writ would send.
fn to_writ(text: &str) -> Meaning {
    let files = Files::from([("a.yaml".to_owned(), text.as_bytes().to_vec())]);
    let given = Given { target: Target::Kubernetes, ..Given::default() };
    let (lowered, sources) = lower_with(&files, &writ_core::dialect::Contents::new(), &given);
    let objects = lowered.map_err(|problems| problems.render(&sources, false))?.objects;
    Ok(in_order(objects.into_iter().map(|object| object.body).collect()))
}

/// The same objects, whoever says first that they stand in the namespace that is anyway meant, and in which order.
fn in_order(mut objects: Vec<Value>) -> Vec<Value> {
    for object in &mut objects {
        let metadata = object["metadata"].as_object_mut().unwrap();
        if metadata.get("namespace").is_some_and(|namespace| namespace == "default") {
            metadata.remove("namespace");
        }
    }
    objects.sort_by_key(|object| (object["kind"].to_string(), object["metadata"]["name"].to_string()));
    objects
}

/// True if both make the same of a file, or both refuse it.
fn same(one: &Meaning, other: &Meaning) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one == other,
        (Err(_), Err(_)) => true,
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

/// A meaning in a cell of a table: what differs is never more than a line of it.
fn said(meaning: &Meaning) -> String {
    match meaning {
        Ok(objects) => {
            let texts: Vec<String> = objects.iter().map(|object| format!("`{}`", without_names(object))).collect();
            texts.join(", ")
        }
        Err(why) => {
            let first = why.lines().next().unwrap_or_default();
            format!("refused: {}", first.trim_start_matches("error: "))
        }
    }
}

/// An object without what all files have.
fn without_names(object: &Value) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().unwrap();
    members.retain(|key, _| !["apiVersion", "kind"].contains(&key.as_str()));
    if members["metadata"] == serde_json::json!({ "name": "a" }) {
        members.remove("metadata");
    }
    if let Some(spec) = members.get_mut("spec").and_then(Value::as_object_mut) {
        spec.retain(|key, _| !["selector", "template"].contains(&key.as_str()));
    }
    object
}
