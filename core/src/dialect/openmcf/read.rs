//! Maps of OpenMCF: each field in either spelling, known, given once and of its type.
//!
//! Invariant: what is wrong is reported with the field's path; whoever reads gets nothing for it.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::rc::Rc;
use std::sync::Arc;

use crate::dialect::yaml::{Content, Entry, Node, place};
use crate::model::Unfilled;
use crate::text::{Place, Problem, Problems, quoted};

/// The document at hand, and where goes what is to be said about it.
pub(super) struct Scene<'s> {
    pub(super) file: &'s Arc<str>,
    pub(super) text: &'s str,
    pub(super) problems: &'s mut Problems,
    /// Something in this document was wrong.
    pub(super) failed: bool,
    /// Variables whose values the cluster knows.
    pub(super) unfilled: Vec<Unfilled>,
}

impl Scene<'_> {
    pub(super) fn place(&self, range: &Range<usize>) -> Place {
        place(self.file, self.text, range)
    }

    /// Reports what makes the document unfit.
    pub(super) fn error(&mut self, range: &Range<usize>, message: String, help: &str) {
        self.failed = true;
        let problem = Problem::error(Some(place(self.file, self.text, range)), message);
        self.problems.push(if help.is_empty() { problem } else { problem.help(help) });
    }

    /// Lists what is understood and does nothing.
    pub(super) fn note(&mut self, range: &Range<usize>, message: String) {
        self.problems.push(Problem::note(Some(place(self.file, self.text, range)), message));
    }

    /// The fields of a map, which stands at `path` and is pointed to by `at`. None if it is no map.
    pub(super) fn fields<'n, 'a>(
        &mut self,
        node: &'n Node<'a>,
        (path, at): (String, &Range<usize>),
        known: &[&'static str],
    ) -> Option<Fields<'n, 'a>> {
        let Content::Map(entries) = &node.content else {
            not_a_map(self, node, &path, at);
            return None;
        };
        let mut fields = Fields { path, at: at.clone(), found: BTreeMap::new() };
        for entry in entries {
            let written = camel(&entry.name);
            let Some(name) = known.iter().find(|name| **name == written) else {
                let what = quoted(if fields.path.is_empty() { "the document" } else { &fields.path });
                let message = format!("{what} has no field {}", quoted(&entry.name));
                self.error(&entry.range, message, &format!("known are {}", known.join(", ")));
                continue;
            };
            if fields.found.insert(name, entry).is_some() {
                let message = format!("{} is given in both spellings", quoted(&fields.under(name)));
                self.error(&entry.range, message, "keep one of them");
            }
        }
        Some(fields)
    }

    /// A text that stands at `path`.
    pub(super) fn word(&mut self, node: &Node<'_>, path: &str, at: &Range<usize>) -> Option<Word> {
        let range = if node.range.is_empty() { at } else { &node.range };
        match &node.content {
            Content::Text(text) => Some(Word { text: text.to_string(), at: range.clone() }),
            Content::Broken => None,
            Content::Null | Content::Boolean(_) | Content::Number(_) | Content::List(_) | Content::Map(_) => {
                let scalar = matches!(node.content, Content::Boolean(_) | Content::Number(_));
                let message = format!("{} must be text, but is {}", quoted(path), node.description());
                self.error(if scalar { range } else { at }, message, if scalar { "write it in quotes" } else { "" });
                None
            }
        }
    }
}

/// A text and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) at: Range<usize>,
}

impl Word {
    pub(super) fn new(text: impl Into<String>, at: &Range<usize>) -> Self {
        Self { text: text.into(), at: at.clone() }
    }
}

/// A map whose fields are all known.
#[derive(Debug, Clone)]
pub(super) struct Fields<'n, 'a> {
    /// Path to the map, as people write it.
    pub(super) path: String,
    /// What is pointed to when something is missing in it.
    pub(super) at: Range<usize>,
    found: BTreeMap<&'static str, &'n Entry<'a>>,
}

impl<'n, 'a> Fields<'n, 'a> {
    /// The path of a field.
    pub(super) fn under(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The name and the value of a field that is given. Source: JSON of protocol buffers, where null is not given.
    pub(super) fn entry(&self, name: &str) -> Option<&'n Entry<'a>> {
        self.found.get(name).copied().filter(|entry| !matches!(entry.value.content, Content::Null))
    }

    /// The fields of a map below this one.
    pub(super) fn child(&self, scene: &mut Scene<'_>, name: &str, known: &[&'static str]) -> Option<Self> {
        let entry = self.entry(name)?;
        scene.fields(&entry.value, (self.under(name), &entry.range), known)
    }

    /// The same, which must be there.
    pub(super) fn must_child(&self, scene: &mut Scene<'_>, name: &str, known: &[&'static str]) -> Option<Self> {
        self.needs(scene, name);
        self.child(scene, name, known)
    }

    fn needs(&self, scene: &mut Scene<'_>, name: &str) {
        if self.entry(name).is_none() {
            scene.error(&self.at, format!("{} is required", quoted(&self.under(name))), "");
        }
    }

    pub(super) fn word(&self, scene: &mut Scene<'_>, name: &str) -> Option<Word> {
        let entry = self.entry(name)?;
        scene.word(&entry.value, &self.under(name), &entry.range)
    }

    /// A text that must be there and not empty.
    pub(super) fn must_word(&self, scene: &mut Scene<'_>, name: &str) -> Option<Word> {
        self.needs(scene, name);
        let word = self.word(scene, name)?;
        if word.text.is_empty() {
            scene.error(&word.at, format!("{} must not be empty", quoted(&self.under(name))), "");
            return None;
        }
        Some(word)
    }

    pub(super) fn choice(&self, scene: &mut Scene<'_>, name: &str, words: &[&str]) -> Option<Word> {
        let word = self.word(scene, name)?;
        if words.contains(&word.text.as_str()) {
            return Some(word);
        }
        let known = words.iter().filter(|word| !word.is_empty());
        let known: Vec<String> = known.map(|word| format!("`{word}`")).collect();
        let (path, known) = (quoted(&self.under(name)), known.join(", "));
        scene.error(&word.at, format!("{path} must be one of {known}, not {}", quoted(&word.text)), "");
        None
    }

    pub(super) fn must_choice(&self, scene: &mut Scene<'_>, name: &str, words: &[&str]) -> Option<Word> {
        self.needs(scene, name);
        self.choice(scene, name, words)
    }

    pub(super) fn flag(&self, scene: &mut Scene<'_>, name: &str) -> bool {
        let Some(entry) = self.entry(name) else { return false };
        if let Content::Boolean(value) = entry.value.content {
            return value;
        }
        let message = format!("{} must be `true` or `false`", quoted(&self.under(name)));
        scene.error(&entry.range, message, "");
        false
    }

    pub(super) fn number(
        &self,
        scene: &mut Scene<'_>,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Option<(i64, Range<usize>)> {
        let entry = self.entry(name)?;
        if let Content::Number(number) = &entry.value.content
            && let Some(number) = number.as_i64().filter(|number| range.contains(number))
        {
            return Some((number, entry.value.range.clone()));
        }
        let (least, most) = (range.start(), range.end());
        let message = format!("{} must be a whole number from {least} to {most}", quoted(&self.under(name)));
        scene.error(&entry.range, message, "");
        None
    }

    pub(super) fn must_number(
        &self,
        scene: &mut Scene<'_>,
        name: &str,
        range: RangeInclusive<i64>,
    ) -> Option<(i64, Range<usize>)> {
        self.needs(scene, name);
        self.number(scene, name, range)
    }

    /// The items of a list, each with its path and the place that stands for it.
    pub(super) fn list(&self, scene: &mut Scene<'_>, name: &str) -> Vec<(String, Range<usize>, &'n Rc<Node<'a>>)> {
        let Some(entry) = self.entry(name) else { return Vec::new() };
        let path = self.under(name);
        let Content::List(items) = &entry.value.content else {
            let message = format!("{} must be a list, but is {}", quoted(&path), entry.value.description());
            scene.error(&entry.range, message, "begin each item with `- `");
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items.map(|(index, item)| (format!("{path}[{index}]"), item.label(), item)).collect()
    }

    /// The texts of a list.
    pub(super) fn words(&self, scene: &mut Scene<'_>, name: &str) -> Vec<Word> {
        let items = self.list(scene, name);
        items.iter().filter_map(|(path, at, item)| scene.word(item, path, at)).collect()
    }

    /// The names and values of a map with free names, each with its path.
    pub(super) fn free(&self, scene: &mut Scene<'_>, name: &str) -> Vec<(String, &'n Entry<'a>)> {
        let Some(entry) = self.entry(name) else { return Vec::new() };
        let path = self.under(name);
        let Content::Map(entries) = &entry.value.content else {
            not_a_map(scene, &entry.value, &path, &entry.range);
            return Vec::new();
        };
        entries.iter().map(|entry| (format!("{path}.{}", entry.name), entry)).collect()
    }
}

fn not_a_map(scene: &mut Scene<'_>, node: &Node<'_>, path: &str, at: &Range<usize>) {
    let wrong = node.description();
    scene.error(at, format!("{} must be a map of names and values, but is {wrong}", quoted(path)), "");
}

/// A name of a field as it is spelt in JSON, whichever of the two spellings was written.
pub(super) fn camel(written: &str) -> String {
    let mut parts = written.split('_');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut letters = part.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// Fields below which names stand and no values, though they sound so.
const NAMES_ALONE: [&str; 5] = ["configmapkeyref", "pullsecretname", "secretkeyref", "secretref", "valuefrom"];

/// The bytes of all that may be secret in a document: values of variables, and whatever is called by a word for one.
pub(super) fn secrets(document: &Node<'_>) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let mut waiting = vec![(document, false)];
    while let Some((node, secret)) = waiting.pop() {
        match &node.content {
            Content::Map(entries) => {
                for entry in entries {
                    let name = camel(&entry.name).to_lowercase();
                    let telling = ["env", "variable", "secret", "value", "password", "token"];
                    let inner = NAMES_ALONE.contains(&name.as_str());
                    // `env` is also the name of where something runs.
                    let place = name == "env" && entry.value.text().is_some();
                    let telling = !place && telling.iter().any(|word| name.contains(word));
                    waiting.push((&entry.value, !inner && (secret || telling)));
                }
            }
            Content::List(items) => waiting.extend(items.iter().map(|item| (&**item, secret))),
            Content::Text(_) | Content::Number(_) | Content::Boolean(_) if secret => hidden.push(node.range.clone()),
            Content::Broken | Content::Null | Content::Boolean(_) | Content::Number(_) | Content::Text(_) => {}
        }
    }
    hidden
}
