//! The HCL dialect: what manifests become, and what is said about those that cannot be read.

mod case;
mod claims;
mod hostile;
mod macros;
mod order;
mod plugins;
mod pods;

use std::path::Path;

use serde_json::Value;
use writ_core::dialect::{Contents, Files, lower_with};
use writ_core::model::Object;

use self::case::Case;

/// Lowers the files; the objects, the problems as text, and whether one of them is an error.
fn lowered(files: &Files) -> (Vec<Object>, String, bool) {
    lowered_with(files, &Contents::new())
}

/// The same with what came of the addresses that the files name.
fn lowered_with(files: &Files, contents: &Contents) -> (Vec<Object>, String, bool) {
    let (result, sources) = lower_with(files, contents);
    match result {
        Ok(lowered) => (lowered.objects, lowered.notes.render(&sources, false), false),
        Err(problems) => (Vec::new(), problems.render(&sources, false), true),
    }
}

/// The body of the one object `id` that a single manifest becomes. The manifest must be sound.
fn object(manifest: &str, id: &str) -> Value {
    let bodies = objects(manifest);
    bodies.into_iter().find(|(name, _)| name == id).unwrap_or_else(|| panic!("no {id}")).1
}

/// All objects that a single manifest becomes, with their identities. The manifest must be sound.
fn objects(manifest: &str) -> Vec<(String, Value)> {
    let (objects, problems, refused) = lowered(&single(manifest));
    assert!(!refused, "{problems}");
    objects.into_iter().map(|object| (object.id.to_string(), object.body)).collect()
}

/// The problems of a single manifest, which must not be sound.
fn problems(manifest: &str) -> String {
    let (_, problems, refused) = lowered(&single(manifest));
    assert!(refused, "accepted: {manifest}");
    problems
}

fn single(manifest: &str) -> Files {
    Files::from([("stack.hcl".to_owned(), manifest.as_bytes().to_vec())])
}

/// Objects as text, the same for the same objects.
fn render(objects: &[Object]) -> String {
    let mut text = String::new();
    for object in objects {
        text.push_str(&format!("# {}\n", object.id));
        text.push_str(&serde_json::to_string_pretty(&sorted(&object.body)).unwrap());
        text.push('\n');
    }
    text
}

/// The same with all members in order of their names.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: std::collections::BTreeMap<_, _> = map.iter().collect();
            ordered.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        Value::Array(list) => list.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/hcl").join(name)
}

#[test]
fn every_accepted_case_becomes_its_objects() {
    Case::each(&folder("accept"), |case| {
        let (objects, problems, refused) = of_case(case, "file");
        if refused {
            return Err(problems);
        }
        case.expect("notes", &problems);
        case.expect("objects", &render(&objects));
        reads_as_yaml(&objects)
    });
}

/// Lowers the files of one kind with what the case says of their addresses.
fn of_case(case: &Case, kind: &str) -> (Vec<Object>, String, bool) {
    let files = case.files(kind);
    lowered_with(&files, &case.contents(&files))
}

/// Checks that the objects mean the same when they are written as manifests of Kubernetes.
fn reads_as_yaml(objects: &[Object]) -> Result<(), String> {
    let documents: Vec<String> = objects.iter().map(|object| object.body.to_string()).collect();
    let files = Files::from([("objects.yaml".to_owned(), documents.join("\n---\n").into_bytes())]);
    let (again, problems, refused) = lowered(&files);
    if refused {
        return Err(format!("not sound as manifests of Kubernetes:\n{problems}"));
    }
    if render(objects) == render(&again) { Ok(()) } else { Err(format!("read back as:\n{}", render(&again))) }
}

#[test]
fn every_refused_case_has_its_problems_and_an_accepted_neighbour() {
    Case::each(&folder("reject"), |case| {
        let (_, problems, refused) = of_case(case, "refused");
        if !refused {
            return Err("the refused manifest is accepted".to_owned());
        }
        case.expect("problems", &problems);
        let (objects, problems, refused) = of_case(case, "accepted");
        if refused || objects.is_empty() {
            return Err(format!("the accepted neighbour is refused:\n{problems}"));
        }
        reads_as_yaml(&objects)
    });
}
