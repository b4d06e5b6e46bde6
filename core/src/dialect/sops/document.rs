//! Documents of an encrypted YAML file: each as the object that it was, with a text for every encrypted value, and the
//! values in the order in which SOPS goes through them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::cipher::{CipherText, ValueType, is_cipher};
use super::metadata::{Said, Seal};
use super::{Sealed, SealedCipher, SealedValue, UNOPENED_BASE64, wrong_type};
use crate::dialect::yaml::{Content, Entry, Node, place};
use crate::model::ObjectId;
use crate::text::{Place, Problem, Problems, UNOPENED, quoted};

/// The name under which SOPS says how it encrypted a file.
const SOPS: &str = "sops";

/// An encrypted file whose documents can be read as objects.
pub(in crate::dialect) struct Masked<'a> {
    /// The documents without what SOPS added.
    pub(in crate::dialect) documents: Vec<Rc<Node<'a>>>,
    place: Place,
    seal: Seal,
    values: Vec<Value>,
}

enum Value {
    Plain(Vec<u8>),
    Cipher { document: usize, path: Vec<String>, text: String, place: Place },
}

/// True if one of the documents says that SOPS encrypted it.
pub(in crate::dialect) fn has_sops(documents: &[Rc<Node<'_>>]) -> bool {
    documents.iter().any(|document| document.get(SOPS).is_some())
}

/// The documents of a file that SOPS encrypted; none if they are not right, which is reported.
pub(in crate::dialect) fn mask<'a>(
    file: &Arc<str>,
    text: &'a str,
    documents: &[Rc<Node<'a>>],
    problems: &mut Problems,
) -> Option<Masked<'a>> {
    let at = |node: &Node<'_>| Some(place(file, text, &node.label()));
    let first = documents.first()?;
    let Some(entry) = first.entries().iter().find(|entry| entry.name == SOPS) else {
        let message = "the first document of the file does not say how it was encrypted, and another one does";
        problems.push(Problem::error(at(first), message).help("encrypt the whole file with SOPS, or split it"));
        return None;
    };
    let seal_place = place(file, text, &entry.range);
    let seal = match said(&entry.value).and_then(Said::seal) {
        Ok(seal) => seal,
        Err((message, help)) => {
            problems.push(Problem::error(Some(seal_place), message).help(help));
            return None;
        }
    };
    let mut walk = Walk { file, text, values: Vec::new(), problems: Problems::default() };
    for (number, document) in documents.iter().enumerate() {
        walk.document(number, document);
    }
    let Walk { values, problems: found, .. } = walk;
    let sound = !found.has_errors();
    problems.extend(found);
    let documents = documents.iter().map(|document| without_ciphers(document)).collect();
    sound.then_some(Masked { documents, place: seal_place, seal, values })
}

impl Masked<'_> {
    /// The encrypted file, with the object that each document turned out to be. None if one is none, which is reported
    /// where it was read.
    pub(in crate::dialect) fn sealed(self, objects: &[Option<ObjectId>]) -> Option<Sealed> {
        let Self { documents: _, place, seal, values } = self;
        let named = |value| {
            Some(match value {
                Value::Plain(bytes) => SealedValue::Plain(bytes),
                Value::Cipher { document, path, text, place } => {
                    let object = objects.get(document)?.clone()?;
                    SealedValue::Cipher(SealedCipher { path, text, object, place })
                }
            })
        };
        let values = values.into_iter().map(named).collect::<Option<_>>()?;
        Some(Sealed { place, seal, values })
    }
}

/// What SOPS says of the file.
fn said(node: &Node<'_>) -> Result<Said, (String, &'static str)> {
    let mut said = Said::default();
    if node.entries().is_empty() {
        return Err(("`sops` must be a map of names and values".to_owned(), "encrypt the file anew with SOPS"));
    }
    for entry in node.entries() {
        let name = entry.name.to_string();
        match &entry.value.content {
            Content::List(items) => {
                let parts = |item: &Rc<Node<'_>>| -> BTreeMap<String, String> {
                    let entries = item.entries().iter();
                    entries.filter_map(|part| Some((part.name.to_string(), word(&part.value)?))).collect()
                };
                said.lists.insert(name, items.iter().map(parts).collect());
            }
            Content::Null => {}
            Content::Boolean(_) | Content::Number(_) | Content::Text(_) => {
                said.words.extend(word(&entry.value).map(|word| (name, word)));
            }
            Content::Broken | Content::Map(_) => {
                said.words.insert(name, String::new());
            }
        }
    }
    Ok(said)
}

fn word(node: &Node<'_>) -> Option<String> {
    match &node.content {
        Content::Text(text) => Some(text.to_string()),
        Content::Boolean(value) => Some(value.to_string()),
        Content::Number(number) => Some(number.to_string()),
        Content::Broken | Content::Null | Content::List(_) | Content::Map(_) => None,
    }
}

/// Goes through the values of documents in the order of writing.
struct Walk<'w> {
    file: &'w Arc<str>,
    text: &'w str,
    values: Vec<Value>,
    problems: Problems,
}

impl Walk<'_> {
    fn document(&mut self, number: usize, document: &Node<'_>) {
        let kind = document.get("kind").and_then(|kind| kind.text()).unwrap_or_default();
        let fields: &[&str] = match kind {
            "Secret" => &["data", "stringData"],
            "ConfigMap" => &["data", "binaryData"],
            _ => &[],
        };
        for entry in document.entries().iter().filter(|entry| entry.name != SOPS) {
            self.value((number, fields), &mut vec![entry.name.to_string()], &entry.value);
        }
    }

    fn value(&mut self, of: (usize, &[&str]), path: &mut Vec<String>, node: &Node<'_>) {
        match &node.content {
            // SOPS leaves out what is empty.
            Content::Null | Content::Broken => {}
            Content::Text(text) if is_cipher(text) => self.cipher(of, path, text, node),
            Content::Text(_) | Content::Boolean(_) | Content::Number(_) => {
                self.values.push(Value::Plain(plain(self.text, node)));
            }
            // Items of a list have the path of the list.
            Content::List(items) => items.iter().for_each(|item| self.value(of, path, item)),
            Content::Map(entries) => {
                for entry in entries {
                    path.push(entry.name.to_string());
                    self.value(of, path, &entry.value);
                    path.pop();
                }
            }
        }
    }

    fn cipher(&mut self, (document, fields): (usize, &[&str]), path: &[String], text: &str, node: &Node<'_>) {
        let at = place(self.file, self.text, &node.range);
        let name = path.join(".");
        let [field, _] = path else { return self.misplaced(at, &name) };
        if !fields.contains(&field.as_str()) {
            return self.misplaced(at, &name);
        }
        match CipherText::read(text).map(|cipher| cipher.kind) {
            None => {
                let message = format!("{} is encrypted in a way that is not SOPS'", quoted(&name));
                self.problems.push(Problem::error(Some(at), message).help("encrypt the file anew with SOPS"));
            }
            Some(ValueType::Text | ValueType::Bytes) => {
                let (path, text) = (path.to_vec(), text.to_owned());
                self.values.push(Value::Cipher { document, path, text, place: at });
            }
            Some(kind) => self.problems.push(wrong_type(at, &name, kind)),
        }
    }

    fn misplaced(&mut self, at: Place, name: &str) {
        let message = format!("{} is encrypted, and only values of a Secret or a ConfigMap may be", quoted(name));
        let help = "encrypt with `encrypted_regex: ^(data|stringData|binaryData)$` in `.sops.yaml`";
        self.problems.push(Problem::error(Some(at), message).help(help));
    }
}

/// The bytes by which a value that stands as it is enters the code over all values. SOPS reads YAML by other rules than
/// kubectl does: `yes` is a text there.
fn plain(text: &str, node: &Node<'_>) -> Vec<u8> {
    let written = text.get(node.range.clone()).unwrap_or_default();
    let bytes = match &node.content {
        Content::Boolean(value) => match written {
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => {
                (if *value { "True" } else { "False" }).to_owned()
            }
            other => other.to_owned(),
        },
        Content::Number(number) => {
            number.as_f64().filter(|_| number.is_f64()).map_or_else(|| number.to_string(), |number| number.to_string())
        }
        Content::Text(value) => value.to_string(),
        Content::Broken | Content::Null | Content::List(_) | Content::Map(_) => String::new(),
    };
    bytes.into_bytes()
}

/// A document without what SOPS added, and with a text for each encrypted value.
fn without_ciphers<'a>(document: &Node<'a>) -> Rc<Node<'a>> {
    let is_secret = document.get("kind").and_then(|kind| kind.text()) == Some("Secret");
    let entries = document.entries().iter().filter(|entry| entry.name != SOPS);
    let masked = |entry: &Entry<'a>| {
        let encoded = entry.name == "binaryData" || is_secret && entry.name == "data";
        Entry { value: masked_field(entry, if encoded { UNOPENED_BASE64 } else { UNOPENED }), ..entry.clone() }
    };
    let entries = entries.map(masked).collect();
    Rc::new(document.replaced(Content::Map(entries)))
}

/// A field with a text for each of its values that is encrypted.
fn masked_field<'a>(field: &Entry<'a>, text: &'static str) -> Rc<Node<'a>> {
    let Content::Map(entries) = &field.value.content else { return Rc::clone(&field.value) };
    let masked = |entry: &Entry<'a>| match &entry.value.content {
        Content::Text(written) if is_cipher(written) => {
            let value = Rc::new(entry.value.replaced(Content::Text(Cow::Borrowed(text))));
            Entry { value, ..entry.clone() }
        }
        Content::Text(_)
        | Content::Broken
        | Content::Null
        | Content::Boolean(_)
        | Content::Number(_)
        | Content::List(_)
        | Content::Map(_) => entry.clone(),
    };
    Rc::new(field.value.replaced(Content::Map(entries.iter().map(masked).collect())))
}
