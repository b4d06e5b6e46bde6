//! What differs between an object as it is and as an application would make it.
//!
//! Invariant: fields are named, values never: one of them may be a secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

use super::FieldPath;
use crate::hash::of_value;

/// Fields of `metadata` that change with every write, or never.
const OF_SERVER: [&str; 6] = ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"];

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Field {
    /// Which.
    pub path: FieldPath,
    /// In which way.
    pub change: Change,
}

/// What an application would do to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is missing, and would be there.
    Added,
    /// It has another value.
    Changed,
    /// It is there, and would go.
    Removed,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, change } = self;
        match change {
            Change::Added => write!(f, "{path} added"),
            Change::Changed => write!(f, "{path} changed"),
            Change::Removed => write!(f, "{path} removed"),
        }
    }
}

/// The fields that differ, in order of their paths. What the server alone sets, and the status, say nothing.
#[must_use]
pub fn differences(live: &Value, tried: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    compare(&spoken(live), &spoken(tried), "", &mut found);
    found.sort();
    found
}

/// Changes whenever something changes about an object that a person or a controller sets, and not with its status.
#[must_use]
pub fn fingerprint(live: &Value) -> String {
    of_value("live object", &spoken(live))
}

/// An object without what the server alone sets.
fn spoken(object: &Value) -> Value {
    let Some(map) = object.as_object() else { return object.clone() };
    let mut spoken: Map<String, Value> = map.iter().filter(|(name, _)| *name != "status").map(own).collect();
    if let Some(metadata) = spoken.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|name, _| !OF_SERVER.contains(&name.as_str()));
    }
    Value::Object(spoken)
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn compare(live: &Value, tried: &Value, path: &str, found: &mut Vec<Field>) {
    match (live, tried) {
        (Value::Object(live), Value::Object(tried)) => {
            let names: BTreeSet<&String> = live.keys().chain(tried.keys()).collect();
            for name in names {
                pair(live.get(name), tried.get(name), &below(path, name), found);
            }
        }
        (Value::Array(live), Value::Array(tried)) => lists(live, tried, path, found),
        (_, _) if live == tried => {}
        (_, _) => note(path, Change::Changed, found),
    }
}

fn pair(live: Option<&Value>, tried: Option<&Value>, path: &str, found: &mut Vec<Field>) {
    match (live, tried) {
        (None, None) => {}
        (None, Some(_)) => note(path, Change::Added, found),
        (Some(_), None) => note(path, Change::Removed, found),
        (Some(live), Some(tried)) => compare(live, tried, path, found),
    }
}

/// Items with names are compared by name, all others by their places.
fn lists(live: &[Value], tried: &[Value], path: &str, found: &mut Vec<Field>) {
    let named = |items: &[Value]| -> Option<BTreeMap<String, Value>> {
        let pairs = items.iter().map(|item| Some((item.get("name")?.as_str()?.to_owned(), item.clone())));
        let named: BTreeMap<String, Value> = pairs.collect::<Option<_>>()?;
        (named.len() == items.len()).then_some(named)
    };
    let (Some(live_named), Some(tried_named)) = (named(live), named(tried)) else {
        for index in 0..live.len().max(tried.len()) {
            pair(live.get(index), tried.get(index), &format!("{path}[{index}]"), found);
        }
        return;
    };
    let before = found.len();
    let names: BTreeSet<&String> = live_named.keys().chain(tried_named.keys()).collect();
    for name in names {
        let path = format!("{path}[name={name:?}]");
        pair(live_named.get(name), tried_named.get(name), &path, found);
    }
    if found.len() == before && live != tried {
        note(path, Change::Changed, found);
    }
}

fn below(path: &str, name: &str) -> String {
    // A name with dots stands in brackets, so that it is read as one.
    match (path.is_empty(), name.contains('.')) {
        (true, _) => name.to_owned(),
        (false, false) => format!("{path}.{name}"),
        (false, true) => format!("{path}.[{name}]"),
    }
}

fn note(path: &str, change: Change, found: &mut Vec<Field>) {
    found.push(Field { path: FieldPath::new(path), change });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(live: &Value, tried: &Value, wanted: &[&str]) {
        let found: Vec<String> = differences(live, tried).iter().map(ToString::to_string).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn fields_are_named_as_people_find_them() {
        let live = json!({"metadata": {"labels": {"a": "1"}, "uid": "x", "resourceVersion": "1"}, "status": {"n": 1},
            "spec": {"containers": [{"name": "app", "image": "a"}, {"name": "side", "image": "b"}], "args": ["x"]}});
        let mut tried = live.clone();
        check(&live, &tried, &[]);
        tried["metadata"]["resourceVersion"] = json!("2");
        tried["status"] = json!({});
        check(&live, &tried, &[]);
        tried["spec"]["containers"][1]["image"] = json!("c");
        tried["spec"]["args"] = json!(["x", "y"]);
        tried["metadata"]["labels"] = json!({"writ.host": "h"});
        check(
            &live,
            &tried,
            &[
                "metadata.labels.[writ.host] added",
                "metadata.labels.a removed",
                "spec.args[1] added",
                "spec.containers[name=\"side\"].image changed",
            ],
        );
        tried = live.clone();
        tried["spec"]["containers"].as_array_mut().unwrap().reverse();
        check(&live, &tried, &["spec.containers changed"]);
    }

    #[test]
    fn a_status_that_moves_is_no_other_object_and_a_label_is() {
        let live = json!({"metadata": {"name": "a", "generation": 1}, "status": {"n": 1}});
        let moved = json!({"metadata": {"name": "a", "generation": 2}, "status": {"n": 2}});
        let labelled = json!({"metadata": {"name": "a", "labels": {}}, "status": {"n": 1}});
        assert_eq!(fingerprint(&live), fingerprint(&moved));
        assert_ne!(fingerprint(&live), fingerprint(&labelled));
    }
}
