//! An answer of a server: the object that it is about, or why not.

use serde_json::{Value, json};
use writ_core::cluster::{Conflict, FieldPath};

/// Longest text of a server that is handed on, in characters.
const WORDS_MAX: usize = 400;

/// What a server answered.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Said {
    pub(super) fn read(status: u16, bytes: &[u8]) -> Self {
        let body = serde_json::from_slice(bytes);
        let body = body.unwrap_or_else(|_| json!({"message": String::from_utf8_lossy(bytes).trim()}));
        Self { status, body }
    }

    pub(super) const fn is_ok(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    pub(super) const fn is_absent(&self) -> bool {
        self.status == 404
    }

    /// True if the same question may be answered in another way soon.
    pub(super) fn is_busy(&self) -> bool {
        let raced = self.status == 409
            && self.conflicts().is_empty()
            && self.words().contains("please apply your changes to the latest");
        // A webhook that does not answer is told as 500, too, and may be there again.
        matches!(self.status, 429 | 500 | 502 | 503 | 504) && !self.is_untyped() || raced
    }

    /// True if the object has a field that its kind does not have. Source: servers tell that of an application as an error of
    /// their own (500).
    pub(super) fn is_untyped(&self) -> bool {
        self.status == 500 && self.text("/message").contains("failed to create typed patch object")
    }

    fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The server's words, in one line.
    pub(super) fn words(&self) -> String {
        let text = match self.text("/message") {
            "" => format!("status {}", self.status),
            text => text.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        if text.chars().count() <= WORDS_MAX {
            return text;
        }
        text.chars().take(WORDS_MAX).chain(['…']).collect()
    }

    /// The fields that the words are about, without their values: what is said of a Secret may hold one.
    pub(super) fn fields(&self) -> String {
        let causes =
            self.causes().filter_map(|cause| Some((cause.get("field")?.as_str()?, cause.get("reason")?.as_str()?)));
        let named: Vec<String> = causes.map(|(field, reason)| format!("{field} ({reason})")).collect();
        if named.is_empty() { format!("status {} {}", self.status, self.text("/reason")) } else { named.join(", ") }
    }

    fn causes(&self) -> impl Iterator<Item = &Value> {
        self.body.pointer("/details/causes").and_then(Value::as_array).into_iter().flatten()
    }

    /// The fields that somebody else set, of an application that is not forced.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let causes =
            self.causes().filter(|cause| cause.get("reason").and_then(Value::as_str) == Some("FieldManagerConflict"));
        let conflict = |cause: &Value| {
            let message = cause.get("message").and_then(Value::as_str).unwrap_or_default();
            let manager = message.split('"').nth(1).unwrap_or("somebody").to_owned();
            Some(Conflict { field: FieldPath::new(cause.get("field")?.as_str()?), manager })
        };
        causes.filter_map(conflict).collect()
    }

    /// True if the object cannot become what is wanted while it lives.
    pub(super) fn is_immutable(&self) -> bool {
        let words = self.text("/message");
        let said =
            ["field is immutable", "is immutable", "may not be changed once set", "are forbidden", "cannot be changed"];
        self.status == 422 && said.iter().any(|text| words.contains(text))
    }

    pub(super) fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_set_a_field_is_read_from_the_words_of_the_server() {
        let body = json!({"message": "Apply failed with 1 conflict", "details": {"causes": [
            {"reason": "FieldManagerConflict", "field": ".spec.replicas",
             "message": "conflict with \"kube-controller-manager\" with subresource \"scale\" using apps/v1"},
            {"reason": "FieldValueInvalid", "field": "spec.x"}]}});
        let said = Said { status: 409, body };
        let found = said.conflicts();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].field.as_str(), found[0].manager.as_str()), ("spec.replicas", "kube-controller-manager"));
    }

    #[test]
    fn a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
        let said = |status, text: &str| Said { status, body: json!({"message": text}) };
        for status in [429, 500, 502, 503, 504] {
            assert!(said(status, "").is_busy(), "{status}");
        }
        assert!(said(409, "the object has been modified; please apply your changes to the latest version").is_busy());
        assert!(
            !said(500, "failed to create typed patch object (a/b): .spec.x: field not declared in schema").is_busy()
        );
        for status in [200, 400, 401, 403, 404, 409, 422] {
            assert!(!said(status, "no").is_busy(), "{status}");
        }
    }

    #[test]
    fn what_is_said_of_a_secret_is_told_without_its_values() {
        let body = json!({"message": "data[a]: Invalid value: \"geheim\"",
            "details": {"causes": [{"reason": "FieldValueInvalid", "field": "data[a]", "message": "geheim"}]}});
        assert_eq!(Said { status: 422, body }.fields(), "data[a] (FieldValueInvalid)");
    }
}
