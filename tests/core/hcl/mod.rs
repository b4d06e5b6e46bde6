//! The HCL dialect: what manifests become, and what is said about those that cannot be read.

mod case;
mod claims;
mod hostile;
mod order;

use std::path::Path;

use serde_json::Value;
use writ_core::dialect::voodu::{Lowering, lower};
use writ_core::dialect::{Files, is_manifest};
use writ_core::text::{Problems, Sources};

use self::case::Case;

/// Lowers all manifests among `files`; the problems as text, and whether one of them is an error.
fn lowered(files: &Files) -> (Lowering, String, bool) {
    let mut sources = Sources::default();
    let mut manifests = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| is_manifest(path)) {
        let text = std::str::from_utf8(bytes).unwrap();
        sources.insert(path, text);
        manifests.push((path.as_str(), text));
    }
    let mut problems = Problems::default();
    let lowering = lower(&manifests, files, &mut problems);
    (lowering, problems.render(&sources, false), problems.has_errors())
}

/// The body of the one object `id` that a single manifest becomes. The manifest must be sound.
fn object(manifest: &str, id: &str) -> Value {
    let bodies = objects(manifest);
    bodies.into_iter().find(|(name, _)| name == id).unwrap_or_else(|| panic!("no {id}")).1
}

/// All objects that a single manifest becomes, with their identities. The manifest must be sound.
fn objects(manifest: &str) -> Vec<(String, Value)> {
    let (lowering, problems, refused) = lowered(&single(manifest));
    assert!(!refused, "{problems}");
    lowering.objects.into_iter().chain(lowering.implied).map(|object| (object.id.to_string(), object.body)).collect()
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

/// Two problems with manifests make two different texts, one set the same text.
fn render(lowering: &Lowering) -> String {
    let mut text = String::new();
    for object in lowering.objects.iter().chain(&lowering.implied) {
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
        let (lowering, problems, refused) = lowered(&case.files("file"));
        if refused {
            return Err(problems);
        }
        case.expect("notes", &problems);
        case.expect("objects", &render(&lowering));
        Ok(())
    });
}

#[test]
fn every_refused_case_has_its_problems_and_an_accepted_neighbour() {
    Case::each(&folder("reject"), |case| {
        let (_, problems, refused) = lowered(&case.files("refused"));
        if !refused {
            return Err("the refused manifest is accepted".to_owned());
        }
        case.expect("problems", &problems);
        let (lowering, problems, refused) = lowered(&case.files("accepted"));
        if refused || lowering.objects.is_empty() {
            return Err(format!("the accepted neighbour is refused:\n{problems}"));
        }
        Ok(())
    });
}
