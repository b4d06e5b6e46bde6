//! Fields that people name: JSON pointers (RFC 6901) that go through lists by the names of their items, too.

use std::fmt;

use serde_json::Value;

/// A field of an object: `/spec/replicas`, `/spec/template/spec/containers/app/image`, `/metadata/annotations/example.org~1a`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPointer {
    text: String,
    /// Its parts, with `~1` and `~0` read.
    parts: Vec<String>,
}

/// Why a text names no field that can be left to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoPointer {
    /// It is not written as a pointer is.
    #[error("it is no path of a field")]
    Malformed,
    /// It tells one object from another, or is Writ's own.
    #[error("by it an object is known")]
    Identity,
    /// It stands in manifests and never in a cluster, or the other way round.
    #[error("it is never applied")]
    Unapplied,
}

impl FieldPointer {
    /// Reads a pointer.
    ///
    /// # Errors
    /// If it names nothing, or what no one but the agent and the server may set.
    pub fn parse(text: &str) -> Result<Self, NoPointer> {
        let parts = text.strip_prefix('/').ok_or(NoPointer::Malformed)?.split('/');
        let parts: Vec<String> = parts.map(unescaped).collect::<Option<_>>().ok_or(NoPointer::Malformed)?;
        let names: Vec<&str> = parts.iter().map(String::as_str).collect();
        match names.as_slice() {
            ["apiVersion" | "kind"] | ["metadata"] | ["metadata", "name" | "namespace"] => Err(NoPointer::Identity),
            ["metadata", "labels" | "annotations", name] if name.starts_with("writ.") => Err(NoPointer::Identity),
            ["metadata", "labels", name] if name.starts_with("applyset.kubernetes.io/") => Err(NoPointer::Identity),
            ["status" | "stringData", ..] => Err(NoPointer::Unapplied),
            _ => Ok(Self { text: text.to_owned(), parts }),
        }
    }

    /// True if an object names the field.
    #[must_use]
    pub fn is_in(&self, object: &Value) -> bool {
        let mut at = Some(object);
        for part in &self.parts {
            at = at.and_then(|value| match value {
                Value::Array(items) => items.get(place(items, part)?),
                Value::Object(map) => map.get(part),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
            });
        }
        at.is_some()
    }

    /// Gives the field of `own` the value that it has in `live`, and takes it out where it has none there. Nothing that `own`
    /// does not name comes in, but for whole lists whose items have no names.
    pub fn keep(&self, own: &mut Value, live: &Value) {
        keep_below(own, Some(live), &self.parts);
    }
}

impl fmt::Display for FieldPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A part without its escapes; none if it is empty, or one of its escapes is none.
fn unescaped(part: &str) -> Option<String> {
    let mut text = String::with_capacity(part.len());
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        text.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other if other.is_control() => return None,
            other => other,
        });
    }
    (!text.is_empty()).then_some(text)
}

/// Which item of a list is meant: the one of that name, or else of that number.
fn place(items: &[Value], part: &str) -> Option<usize> {
    items.iter().position(|item| name(item) == Some(part)).or_else(|| part.parse().ok())
}

fn name(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

/// The item of the live list that is the same as one of a manifest's: by its name, or by its place if it has none.
fn peer<'v>(live: Option<&'v Value>, item: &Value, place: usize) -> Option<&'v Value> {
    let items = live?.as_array()?;
    match name(item) {
        Some(_) => items.iter().find(|other| name(other) == name(item)),
        None => items.get(place),
    }
}

/// False if the field is to be taken out.
fn keep_below(own: &mut Value, live: Option<&Value>, parts: &[String]) -> bool {
    let Some((part, rest)) = parts.split_first() else { return keep_all(own, live) };
    match own {
        Value::Object(map) => {
            if let Some(below) = map.get_mut(part)
                && !keep_below(below, live.and_then(|live| live.get(part)), rest)
            {
                map.remove(part);
            }
        }
        Value::Array(items) => {
            let place = place(items, part).filter(|place| *place < items.len());
            if let Some(place) = place {
                let live = peer(live, &items[place], place);
                if !keep_below(&mut items[place], live, rest) {
                    items.remove(place);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    true
}

/// The same of a field and all below it.
fn keep_all(own: &mut Value, live: Option<&Value>) -> bool {
    match (own, live) {
        (_, None) => return false,
        (Value::Object(map), Some(Value::Object(live))) => map.retain(|name, below| keep_all(below, live.get(name))),
        (Value::Array(items), Some(all @ Value::Array(_))) if items.iter().all(|item| name(item).is_some()) => {
            items.retain_mut(|item| {
                let live = peer(Some(all), item, 0);
                keep_all(item, live)
            });
        }
        (own, Some(live)) => own.clone_from(live),
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(pointer: &str, own: Value, live: &Value, wanted: &Value) {
        let mut own = own;
        FieldPointer::parse(pointer).unwrap().keep(&mut own, live);
        assert_eq!(own, *wanted, "{pointer}");
    }

    #[test]
    fn a_field_that_is_left_alone_is_sent_as_it_is_and_nothing_else_is() {
        let own = json!({"metadata": {"labels": {"a/b": "1", "c": "1"}}, "spec": {"replicas": 1, "containers": [
            {"name": "app", "image": "a:1", "args": ["x"]}, {"name": "side", "image": "b:1"}]}});
        let live = json!({"metadata": {"labels": {"a/b": "2", "c": "2", "d": "2"}}, "spec": {"replicas": 7, "containers": [
            {"name": "new", "image": "n"}, {"name": "app", "image": "a:2", "args": ["y", "z"], "more": 1}]}});
        let mut wanted = own.clone();
        wanted["spec"]["replicas"] = json!(7);
        check("/spec/replicas", own.clone(), &live, &wanted);
        wanted = own.clone();
        wanted["metadata"]["labels"]["a/b"] = json!("2");
        check("/metadata/labels/a~1b", own.clone(), &live, &wanted);
        wanted["metadata"]["labels"]["c"] = json!("2");
        check("/metadata/labels", own.clone(), &live, &wanted);
        wanted = own.clone();
        wanted["spec"]["containers"][0]["image"] = json!("a:2");
        check("/spec/containers/app/image", own.clone(), &live, &wanted);
        check("/spec/containers/0/image", own.clone(), &live, &wanted);
        wanted["spec"]["containers"] = json!([{"name": "app", "image": "a:2", "args": ["y", "z"]}]);
        check("/spec/containers", own.clone(), &live, &wanted);
        wanted = own.clone();
        wanted["spec"]["containers"].as_array_mut().unwrap().pop();
        check("/spec/containers/side", own.clone(), &live, &wanted);
        check("/spec/none/of/it", own.clone(), &live, &own);
        check("/spec/containers/9", own.clone(), &live, &own);
        assert!(FieldPointer::parse("/spec/containers/app/args/0").unwrap().is_in(&own));
        assert!(!FieldPointer::parse("/spec/containers/none/args").unwrap().is_in(&own));
    }

    #[test]
    fn a_text_that_names_no_field_to_be_left_is_refused() {
        for text in ["", "spec", "/", "/spec/", "/spec//a", "/a~2", "/a~", "/a\nb"] {
            assert_eq!(FieldPointer::parse(text), Err(NoPointer::Malformed), "{text}");
        }
        let own = ["/kind", "/apiVersion", "/metadata", "/metadata/name", "/metadata/annotations/writ.spec"];
        for text in [&own[..], &["/metadata/labels/applyset.kubernetes.io~1part-of"]].concat() {
            assert_eq!(FieldPointer::parse(text), Err(NoPointer::Identity), "{text}");
        }
        for text in ["/status/replicas", "/stringData/a"] {
            assert_eq!(FieldPointer::parse(text), Err(NoPointer::Unapplied), "{text}");
        }
        assert!(FieldPointer::parse("/metadata/labels/app").is_ok());
    }
}
