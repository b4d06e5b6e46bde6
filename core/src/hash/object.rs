//! The hash of an object of a cluster, and the digests of its fields by which a change is explained.
//!
//! Invariant: what a Secret holds enters by a keyed digest alone, as everywhere.

use std::collections::BTreeMap;

use serde_json::Value;

use super::encode::Encoder;
use super::{HashKey, SpecHash, VERSION};
use crate::limits::OBJECT_PARTS_MAX;

/// Deepest part that a change is explained by: the port of a container of a pod template.
const DEPTH_MAX: usize = 9;

/// The hash of an object and digests of its fields by their paths. Below the `secret` fields every value is a secret.
#[must_use]
pub(crate) fn of_object(body: &Value, secret: &[&str], key: &HashKey) -> (SpecHash, BTreeMap<String, String>) {
    let hasher = Hasher { secret, key };
    let mut encoder = Encoder::new("writ object");
    encoder.number(u64::from(VERSION));
    hasher.put(&mut encoder, body, &mut Vec::new());
    let revision = SpecHash::new(VERSION, &encoder.digest());
    // As deep as a bounded number of parts goes: a large object is explained less closely.
    let parts = (1..=DEPTH_MAX).rev().map(|depth| hasher.parts(body, depth));
    let fits = |parts: &BTreeMap<String, String>| parts.len() <= OBJECT_PARTS_MAX;
    let parts = parts.into_iter().find(fits).unwrap_or_else(|| hasher.parts(body, 1));
    (revision, parts)
}

/// The hash of an object of such a content that is applied as somebody.
#[must_use]
pub(crate) fn of_applied(content: &SpecHash, account: &str) -> SpecHash {
    let mut encoder = Encoder::new("writ object applied as");
    encoder.number(u64::from(VERSION)).text(content.as_str()).text(account);
    SpecHash::new(VERSION, &encoder.digest())
}

/// A digest of any value: 64 hexadecimal digits.
#[must_use]
pub(crate) fn of_value(what: &str, value: &Value) -> String {
    let mut encoder = Encoder::new(what);
    put(&mut encoder, value);
    encoder.digest()
}

struct Hasher<'a> {
    secret: &'a [&'a str],
    key: &'a HashKey,
}

impl Hasher<'_> {
    fn is_secret(&self, path: &[String]) -> bool {
        path.first().is_some_and(|field| self.secret.contains(&field.as_str()))
    }

    /// Puts a value in, with keyed digests in the place of secrets. The names of keys are none.
    fn put(&self, encoder: &mut Encoder, value: &Value, path: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                let sorted: BTreeMap<&String, &Value> = map.iter().collect();
                encoder.number(5).count(sorted.len());
                for (name, value) in sorted {
                    encoder.text(name);
                    path.push(name.clone());
                    self.put(encoder, value, path);
                    path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                if self.is_secret(path) {
                    encoder.text(&self.keyed(value, path));
                } else {
                    put(encoder, value);
                }
            }
        }
    }

    fn keyed(&self, value: &Value, path: &[String]) -> String {
        let mut encoder = Encoder::new("secret of an object");
        encoder.list(path.iter(), |encoder, name| {
            encoder.text(name);
        });
        put(&mut encoder, value);
        encoder.keyed_digest(self.key)
    }

    fn parts(&self, body: &Value, depth: usize) -> BTreeMap<String, String> {
        let mut parts = BTreeMap::new();
        let fields = body.as_object().into_iter().flatten();
        for (name, value) in fields.filter(|(name, _)| !matches!(name.as_str(), "apiVersion" | "kind")) {
            self.part(value, name.clone(), &mut vec![name.clone()], depth - 1, &mut parts);
        }
        // Its identity says all that stands in these, and has its own place.
        for field in ["metadata.name", "metadata.namespace"] {
            parts.remove(field);
        }
        parts
    }

    fn part(
        &self,
        value: &Value,
        name: String,
        path: &mut Vec<String>,
        depth: usize,
        parts: &mut BTreeMap<String, String>,
    ) {
        match value {
            Value::Object(map) if depth > 0 && !map.is_empty() => {
                for (field, value) in map {
                    path.push(field.clone());
                    self.part(value, format!("{name}.{field}"), path, depth - 1, parts);
                    path.pop();
                }
            }
            Value::Array(items) if depth > 0 && !items.is_empty() && !self.is_secret(path) => {
                for (index, item) in items.iter().enumerate() {
                    self.part(item, format!("{name}[{index}]"), path, depth - 1, parts);
                }
            }
            // An image stands for itself, for that is what people want to read.
            Value::String(text) if name.ends_with(".image") && !self.is_secret(path) => {
                parts.insert(name, text.clone());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                let mut encoder = Encoder::new("part of an object");
                self.put(&mut encoder, value, path);
                let secret = self.is_secret(path);
                parts.insert(name, if secret { self.keyed(value, path) } else { encoder.digest() });
            }
        }
    }
}

fn put(encoder: &mut Encoder, value: &Value) {
    match value {
        Value::Null => {
            encoder.number(0);
        }
        Value::Bool(value) => {
            encoder.number(1).truth(*value);
        }
        Value::Number(number) => {
            encoder.number(2).text(&number.to_string());
        }
        Value::String(text) => {
            encoder.number(3).text(text);
        }
        Value::Array(items) => {
            encoder.number(4).list(items.iter(), put);
        }
        Value::Object(map) => {
            let sorted: BTreeMap<&String, &Value> = map.iter().collect();
            encoder.number(5).list(sorted.into_iter(), |encoder, (name, value)| {
                encoder.text(name);
                put(encoder, value);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: &Value, key: u8) -> (SpecHash, BTreeMap<String, String>) {
        of_object(body, &["data"], &HashKey([key; 32]))
    }

    #[test]
    fn the_hash_follows_every_value_and_no_order() {
        let body = json!({"kind": "X", "spec": {"a": 1, "b": [true, null, "x"], "image": "web:1"}});
        let (revision, parts) = of(&body, 1);
        let turned: Value =
            serde_json::from_str(r#"{"spec":{"image":"web:1","b":[true,null,"x"],"a":1},"kind":"X"}"#).unwrap();
        assert_eq!(of(&turned, 1), (revision.clone(), parts.clone()));
        assert_eq!(
            revision.as_str(),
            "1:70478d779087bdb713f042dfbc54b39ba94e89ea97a72b26b83ee0724217f111",
            "version 1 is frozen"
        );
        for (pointer, part) in [("/spec/a", "spec.a"), ("/spec/b/0", "spec.b[0]"), ("/spec/b/2", "spec.b[2]")] {
            let mut other = body.clone();
            *other.pointer_mut(pointer).unwrap() = json!("other");
            let (changed, named) = of(&other, 1);
            assert_ne!(changed, revision, "{pointer}");
            let differing: Vec<&String> =
                named.iter().filter(|it| parts.get(it.0) != Some(it.1)).map(|it| it.0).collect();
            assert_eq!(differing, [part]);
        }
        assert_eq!(parts["spec.image"], "web:1");
    }

    #[test]
    fn a_secret_enters_by_the_key_of_the_host_alone() {
        let body = json!({"kind": "Secret", "data": {"word": "Z2VoZWlt", "same": "Z2VoZWlt"}, "type": "Opaque"});
        let ((one, parts), (other, others)) = (of(&body, 1), of(&body, 2));
        assert_ne!(one, other);
        assert_ne!(parts["data.word"], others["data.word"]);
        assert_ne!(parts["data.word"], parts["data.same"], "nobody sees that two are equal");
        assert_eq!(parts["type"], others["type"]);
    }

    #[test]
    fn a_large_object_is_explained_by_fewer_parts() {
        let many: serde_json::Map<String, Value> =
            (0..500).map(|number| (format!("k{number}"), json!({"a": number, "b": number}))).collect();
        let (_, parts) = of(&json!({"metadata": {"name": "x"}, "spec": many}), 1);
        assert_eq!(parts.keys().collect::<Vec<_>>(), ["metadata", "spec"]);
    }
}
