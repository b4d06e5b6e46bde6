//! A tree of values against the table: every field known, every value of its type.
//!
//! Invariant: what comes out holds nothing that the table does not know, and no `null`.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::shape::{Format, Shape, Type};
use super::{format, suggest};
use crate::dialect::yaml::{Content, Entry, Node, place};
use crate::text::{PlacesDraft, Problem, Problems, quoted};

/// One object on its way from a tree to JSON.
pub(super) struct Check<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) text: &'a str,
    pub(super) problems: &'a mut Problems,
    /// Bytes that no message may show.
    pub(super) hidden: &'a mut Vec<Range<usize>>,
    pub(super) places: PlacesDraft,
    /// Pointers to what was wrong and is left out.
    pub(super) spoiled: Vec<String>,
    /// JSON pointer to the value at hand.
    pointer: String,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        file: &'a Arc<str>,
        text: &'a str,
        problems: &'a mut Problems,
        hidden: &'a mut Vec<Range<usize>>,
    ) -> Self {
        Self {
            file,
            text,
            problems,
            hidden,
            places: PlacesDraft::default(),
            spoiled: Vec::new(),
            pointer: String::new(),
        }
    }

    /// The whole object as JSON, without what is wrong in it.
    pub(super) fn object(&mut self, node: &Node<'_>, shape: &'static Shape) -> Value {
        let label = node.label();
        self.note(&label);
        self.fields(node, shape, &label)
    }

    /// A value under a name that stands at `at`. None if it is wrong, which is then reported.
    fn value(&mut self, node: &Node<'_>, of: &Type, at: &Range<usize>) -> Option<Value> {
        let descended = matches!((of, &node.content), (Type::Map(..), Content::Map(_)));
        if of.is_secret() && !descended {
            self.hidden.push(node.range.clone());
        }
        match (of, &node.content) {
            (_, Content::Broken) => None,
            (Type::Any, _) => Some(plain(node)),
            (Type::Text(format), Content::Text(text)) => self.text(*format, text, node),
            (Type::Hidden, Content::Text(text)) => self.text(Format::Prose, text, node),
            (Type::HiddenBase64, Content::Text(text)) => self.base64(text, node),
            (Type::Boolean, Content::Boolean(value)) => Some(Value::Bool(*value)),
            (Type::Integer(least, most), Content::Number(number)) => {
                if number.as_i64().is_some_and(|number| (*least..=*most).contains(&number)) {
                    return Some(Value::Number(number.clone()));
                }
                let range = match (*least, *most) {
                    (0, 0o777) => "permissions from 0 to 0777 (octal)".to_owned(),
                    (least, most) if most >= i64::from(i32::MAX) => format!("a whole number from {least}"),
                    (least, most) => format!("a whole number from {least} to {most}"),
                };
                self.wrong(node, at, &format!("must be {range}, not {number}"))
            }
            (Type::Port, Content::Number(number)) => match number.as_i64() {
                Some(1..=65_535) => Some(Value::Number(number.clone())),
                _ => self.wrong(node, at, &format!("must be a port from 1 to 65535 or a port's name, not {number}")),
            },
            (Type::Port, Content::Text(text)) => self.text(Format::PortName, text, node),
            (Type::Share, Content::Number(number)) => match number.as_i64() {
                Some(0..=2_147_483_647) => Some(Value::Number(number.clone())),
                _ => self.wrong(node, at, "must be a whole number or a percentage as in \"25%\""),
            },
            (Type::Share, Content::Text(text)) if format::is_percentage(text) => Some(Value::String(text.to_string())),
            (Type::Quantity, Content::Number(number)) if !number.to_string().starts_with('-') => {
                Some(Value::Number(number.clone()))
            }
            (Type::Quantity, Content::Text(text)) if format::is_quantity(text) && !text.starts_with('-') => {
                Some(Value::String(text.to_string()))
            }
            (Type::Choice(words), Content::Text(text)) => self.choice(words, text, node, at),
            (Type::List(of), Content::List(items)) => Some(self.list(items, of)),
            (Type::Map(keys, of), Content::Map(entries)) => Some(self.map(entries, *keys, of)),
            (Type::Object(shape), Content::Map(_)) => Some(self.fields(node, shape, at)),
            (of, _) => self.mismatch(of, node, at),
        }
    }

    fn fields(&mut self, node: &Node<'_>, shape: &'static Shape, at: &Range<usize>) -> Value {
        let mut object = Map::new();
        let mut meant = Vec::new();
        for entry in node.entries() {
            let Some(field) = shape.field(&entry.name) else {
                meant.extend(self.unknown(entry, shape));
                self.spoil(&entry.name);
                continue;
            };
            // A field that is given as null is not given. Source: JSON decoding of the Kubernetes API.
            if matches!(entry.value.content, Content::Null) {
                continue;
            }
            let value = self.under(&entry.name, &entry.range, &entry.value, &field.of);
            object.extend(value.map(|value| (entry.name.to_string(), value)));
        }
        for field in shape.fields.iter().filter(|field| field.required) {
            let given = node.get(field.name).is_some_and(|value| !matches!(value.content, Content::Null));
            if given {
                continue;
            }
            self.spoil(field.name);
            if !meant.contains(&field.name) {
                let message = format!("{} needs `{}`", self.here(), field.name);
                self.error(at, message, None);
            }
        }
        Value::Object(object)
    }

    fn map(&mut self, entries: &[Entry<'_>], keys: Format, of: &Type) -> Value {
        let mut object = Map::new();
        for entry in entries {
            if let Some(fault) = format::fault(keys, &entry.name) {
                self.error(&entry.range, format!("the key {} {fault}", quoted(&entry.name)), None);
                self.spoil(&entry.name);
            }
            let value = self.under(&entry.name, &entry.range, &entry.value, of);
            object.extend(value.map(|value| (entry.name.to_string(), value)));
        }
        Value::Object(object)
    }

    fn list(&mut self, items: &[Rc<Node<'_>>], of: &Type) -> Value {
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let value = self.under(&index.to_string(), &item.label(), item, of);
            // A wrong item keeps its number, so that the places of those behind it stay right.
            list.push(value.unwrap_or_default());
        }
        Value::Array(list)
    }

    /// Goes down by one name and comes back.
    fn under(&mut self, name: &str, at: &Range<usize>, node: &Node<'_>, of: &Type) -> Option<Value> {
        let length = self.pointer.len();
        self.pointer.push('/');
        push_escaped(&mut self.pointer, name);
        let scalar = !matches!(node.content, Content::List(_) | Content::Map(_) | Content::Null | Content::Broken);
        self.note(if scalar && !node.range.is_empty() { &node.range } else { at });
        let value = self.value(node, of, at);
        if value.is_none() {
            self.spoiled.push(self.pointer.clone());
        }
        self.pointer.truncate(length);
        value
    }

    fn text(&mut self, format: Format, text: &str, node: &Node<'_>) -> Option<Value> {
        let fault = format::fault(format, text);
        let Some(fault) = fault else { return Some(Value::String(text.to_owned())) };
        let written = if format == Format::Prose { String::new() } else { format!(", not {}", quoted(text)) };
        let message = format!("{} {fault}{written}", self.here());
        self.error(&node.range, message, None);
        None
    }

    fn base64(&mut self, text: &str, node: &Node<'_>) -> Option<Value> {
        // Kubernetes reads base64 that is broken into lines, too.
        let joined: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        if STANDARD.decode(&joined).is_ok() {
            return Some(Value::String(joined));
        }
        let help = if self.pointer.starts_with("/data/") {
            "plain text belongs into `stringData`"
        } else {
            "plain text belongs into `data`"
        };
        let message = format!("{} must be base64", self.here());
        self.error(&node.range, message, Some(help.to_owned()));
        None
    }

    fn choice(
        &mut self,
        words: &'static [&'static str],
        text: &str,
        node: &Node<'_>,
        at: &Range<usize>,
    ) -> Option<Value> {
        if words.contains(&text) {
            return Some(Value::String(text.to_owned()));
        }
        let meant = suggest::nearest(text, words.iter().copied()).filter(|word| !word.is_empty());
        let words: Vec<String> = words.iter().filter(|word| !word.is_empty()).map(|word| format!("`{word}`")).collect();
        let message = format!("{} must be one of {}, not {}", self.here(), words.join(", "), quoted(text));
        let at = if node.range.is_empty() { at } else { &node.range };
        self.error(at, message, meant.map(|word| format!("did you mean `{word}`?")));
        None
    }

    /// Reports a field that is not known; gives the one that was probably meant.
    fn unknown(&mut self, entry: &Entry<'_>, shape: &'static Shape) -> Option<&'static str> {
        let message = format!("{} has no field {}", shape.name, quoted(&entry.name));
        let meant = suggest::nearest(&entry.name, shape.fields.iter().map(|field| field.name));
        let help = match meant {
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                let names: Vec<&str> = shape.fields.iter().map(|field| field.name).take(12).collect();
                let more = if shape.fields.len() > names.len() { ", …" } else { "" };
                format!("known are {}{more}", names.join(", "))
            }
        };
        // What is not known here may be something secret, misspelt or in a wrong place.
        let misplaced = ["value", "data", "stringData", "binaryData"].contains(&&*entry.name);
        if misplaced || shape.fields.iter().any(|field| field.of.is_secret()) {
            self.hidden.push(entry.value.range.clone());
        }
        self.error(&entry.range, message, Some(help));
        meant
    }

    fn mismatch(&mut self, of: &Type, node: &Node<'_>, at: &Range<usize>) -> Option<Value> {
        let scalar = matches!(node.content, Content::Boolean(_) | Content::Number(_));
        let (wanted, help) = match of {
            Type::Text(_) | Type::Hidden | Type::HiddenBase64 | Type::Choice(_) if scalar => {
                ("text", Some("write it in quotes".to_owned()))
            }
            Type::Text(_) | Type::Hidden | Type::HiddenBase64 | Type::Choice(_) => {
                ("text", matches!(node.content, Content::Null).then(|| "write \"\" for an empty text".to_owned()))
            }
            Type::Boolean => ("`true` or `false`", None),
            Type::Integer(..) => ("a whole number", self.unquote(node)),
            Type::Port => ("a port by number or name", self.unquote(node)),
            Type::Share => ("a whole number or a percentage as in \"25%\"", self.unquote(node)),
            Type::Quantity => ("an amount of 0 or more, as in 250m, 1.5 or 2Gi", None),
            Type::List(_) => ("a list", Some("begin each item with `- `".to_owned())),
            Type::Map(..) | Type::Object(_) => ("a map of names and values", None),
            Type::Any => ("something", None),
        };
        let message = format!("{} must be {wanted}, but is {}", self.here(), node.description());
        let at = if node.range.is_empty() || !scalar && node.text().is_none() { at } else { &node.range };
        self.error(at, message, help);
        None
    }

    fn unquote(&self, node: &Node<'_>) -> Option<String> {
        let number = node.text().is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()));
        number.then(|| "write it without quotes".to_owned())
    }

    fn wrong(&mut self, node: &Node<'_>, at: &Range<usize>, rest: &str) -> Option<Value> {
        let at = if node.range.is_empty() { at } else { &node.range };
        self.error(at, format!("{} {rest}", self.here()), None);
        None
    }

    /// The name of the value at hand, for a message.
    fn here(&self) -> String {
        match self.pointer.strip_prefix('/') {
            None => "the object".to_owned(),
            Some(pointer) => quoted(&path(pointer)),
        }
    }

    fn note(&mut self, range: &Range<usize>) {
        self.places.note(&self.pointer, place(self.file, self.text, range));
    }

    /// Marks a part of the map at hand as wrong.
    fn spoil(&mut self, name: &str) {
        self.spoiled.push(format!("{}/{}", self.pointer, escape(name)));
    }

    fn error(&mut self, range: &Range<usize>, message: String, help: Option<String>) {
        let problem = Problem::error(Some(place(self.file, self.text, range)), message);
        self.problems.push(Problem { help, ..problem });
    }
}

/// A name as a part of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    let mut escaped = String::new();
    push_escaped(&mut escaped, name);
    escaped
}

fn push_escaped(pointer: &mut String, name: &str) {
    if !name.contains(['~', '/']) {
        return pointer.push_str(name);
    }
    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
}

/// A JSON pointer as people write a path: `spec.containers[0].image`.
pub(super) fn path(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/') {
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{part}]"));
        } else {
            let dot = if path.is_empty() { "" } else { "." };
            path.push_str(dot);
            path.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    path
}

/// Any value as JSON.
fn plain(node: &Node<'_>) -> Value {
    match &node.content {
        Content::Broken | Content::Null => Value::Null,
        Content::Boolean(value) => Value::Bool(*value),
        Content::Number(number) => Value::Number(number.clone()),
        Content::Text(text) => Value::String(text.to_string()),
        Content::List(items) => Value::Array(items.iter().map(|item| plain(item)).collect()),
        Content::Map(entries) => {
            Value::Object(entries.iter().map(|entry| (entry.name.to_string(), plain(&entry.value))).collect())
        }
    }
}
