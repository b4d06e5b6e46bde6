//! YAML text to trees of values that know where they stand: the notation of two dialects.
//!
//! A scalar means what it means to `kubectl`, which reads YAML as `sigs.k8s.io/yaml` does: `yes` and `on` are true,
//! `0644` is 420, `<<` merges. What that reader decides by accident (a key given twice, a merge after the key that it
//! overrides) is an error here.
//!
//! Invariant: time and memory are bounded by `limits`, whatever the text holds; nothing recurses over it.

mod build;
mod scalar;

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Number;

use crate::text::Place;

pub(super) use build::parse;

/// One value, and where it stands. Text that stands as it is read is that of the file.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// The bytes that it was written in; where an alias stands for it, those of the anchored value.
    pub(super) range: Range<usize>,
    /// What it is.
    pub(super) content: Content<'a>,
    weight: Weight,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// Could not be read, which is reported already.
    Broken,
    /// Nothing: empty, `~` or `null`.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Rc<Node<'a>>>),
    /// Names with values, in the order of writing.
    Map(Vec<Entry<'a>>),
}

/// One name with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry<'a> {
    /// The name, as text.
    pub(super) name: Cow<'a, str>,
    /// The bytes that the name was written in.
    pub(super) range: Range<usize>,
    /// The value.
    pub(super) value: Rc<Node<'a>>,
}

/// What a text holds.
#[derive(Debug, Default)]
pub(super) struct Stream<'a> {
    /// The documents that are not empty.
    pub(super) documents: Vec<Rc<Node<'a>>>,
    /// The text was read to its end and no part of it was left out.
    pub(super) sound: bool,
}

/// How much a value holds when every alias in it is written out.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    /// Values, itself included.
    nodes: usize,
    /// Bytes of text.
    bytes: usize,
    /// Levels of lists and maps, itself included.
    levels: usize,
}

impl<'a> Node<'a> {
    /// A value that a dialect makes of what was written at `range`.
    pub(super) fn made(range: Range<usize>, content: Content<'a>) -> Rc<Self> {
        Rc::new(Self { range, content, weight: Weight::default() })
    }

    /// The value under a name, if this is a map that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Rc<Self>> {
        self.entries().iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// The names with their values; none if this is no map.
    pub(super) fn entries(&self) -> &[Entry<'a>] {
        if let Content::Map(entries) = &self.content { entries } else { &[] }
    }

    /// The text, if this is text.
    pub(super) fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    /// The same value with another content, at the same place.
    pub(super) const fn replaced(&self, content: Content<'a>) -> Self {
        Self { range: Range { start: self.range.start, end: self.range.end }, content, weight: self.weight }
    }

    /// The bytes that stand for the value when a person is pointed to it: its first name for a map, else its start.
    pub(super) fn label(&self) -> Range<usize> {
        match &self.content {
            Content::Map(entries) if !entries.is_empty() => entries[0].range.clone(),
            Content::Broken | Content::Null | Content::Boolean(_) | Content::Number(_) | Content::Text(_) => {
                self.range.clone()
            }
            Content::List(_) | Content::Map(_) => self.range.start..self.range.start + 1,
        }
    }

    /// What it is, for people.
    pub(super) const fn description(&self) -> &'static str {
        match self.content {
            Content::Broken => "not readable",
            Content::Null => "empty",
            Content::Boolean(_) => "a boolean",
            Content::Number(_) => "a number",
            Content::Text(_) => "text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }
}

/// The place of some bytes, cut at the end of their first line so that a message stays short.
pub(super) fn place(file: &Arc<str>, text: &str, range: &Range<usize>) -> Place {
    let start = range.start.min(text.len());
    let end = range.end.clamp(start, text.len());
    let written = text.as_bytes().get(start..end).unwrap_or_default();
    let line_end = written.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(end, |at| start + at);
    Place { file: Arc::clone(file), start, end: line_end }
}
