//! Typed views of Kubernetes objects: only the fields that a container host acts upon.
//!
//! The dialects have checked every field against its schema and listed those without effect, so a view leaves out
//! what it does not need. A part that does not fit its view is a problem at its place, never a panic.

pub(super) mod ingress;
pub(super) mod pod;
pub(super) mod workload;

use serde::Deserialize;

use super::Object;
use crate::text::{Problem, Problems};

/// Reads the part of an object at a JSON pointer; what is not there reads as `null`.
pub(super) fn view<'a, T: Deserialize<'a>>(object: &'a Object, pointer: &str, problems: &mut Problems) -> Option<T> {
    let part = object.at(pointer).unwrap_or(&serde_json::Value::Null);
    match T::deserialize(part) {
        Ok(seen) => Some(seen),
        Err(error) => {
            let part = if pointer.is_empty() { "it" } else { pointer };
            problems
                .push(Problem::error(object.place(pointer), format!("cannot read {} of {}: {error}", part, object.id)));
            None
        }
    }
}

/// A number, or text that names something or holds a percentage. Source: `IntOrString` of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum IntOrString {
    /// A number.
    Int(i64),
    /// Text.
    Text(String),
}

/// A quantity as written: a number, or text with a suffix. Source: `Quantity` of Kubernetes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum RawQuantity {
    /// A JSON number.
    Number(serde_json::Number),
    /// Text.
    Text(String),
}

impl RawQuantity {
    /// As it was written.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}
