//! Trees of Kubernetes objects, made of what stands in a document of OpenMCF.
//!
//! Invariant: each value stands where a person wrote what it follows from.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use super::read::Word;
use crate::dialect::yaml::{Content, Entry, Node};

/// A value of an object.
pub(super) type Made<'a> = Rc<Node<'a>>;

/// A map that is being written.
#[derive(Debug, Clone)]
pub(super) struct Draft<'a> {
    at: Range<usize>,
    entries: Vec<Entry<'a>>,
}

impl<'a> Draft<'a> {
    /// One that follows from what stands at `at`.
    pub(super) fn new(at: &Range<usize>) -> Self {
        Self { at: at.clone(), entries: Vec::new() }
    }

    pub(super) fn put(mut self, name: impl Into<Cow<'a, str>>, value: Made<'a>) -> Self {
        let range = if value.range.is_empty() { self.at.clone() } else { value.label() };
        self.entries.push(Entry { name: name.into(), range, value });
        self
    }

    /// Puts what is given.
    pub(super) fn maybe(self, name: &'static str, value: Option<Made<'a>>) -> Self {
        match value {
            Some(value) => self.put(name, value),
            None => self,
        }
    }

    /// Puts a list, unless it is empty.
    pub(super) fn list(self, name: &'static str, items: Vec<Made<'a>>) -> Self {
        let at = items.first().map(|item| item.label());
        self.maybe(name, at.map(|at| list(&at, items)))
    }

    /// Puts a text that follows from the whole.
    pub(super) fn says(self, name: impl Into<Cow<'a, str>>, text: &str) -> Self {
        let value = word(&Word::new(text, &self.at));
        self.put(name, value)
    }

    pub(super) fn word(self, name: &'static str, text: Option<&Word>) -> Self {
        self.maybe(name, text.map(word))
    }

    pub(super) fn number(self, name: &'static str, number: Option<(i64, Range<usize>)>) -> Self {
        self.maybe(name, number.map(|(value, at)| self::number(value, &at)))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn done(self) -> Made<'a> {
        Node::made(self.at, Content::Map(self.entries))
    }
}

pub(super) fn word<'a>(word: &Word) -> Made<'a> {
    Node::made(word.at.clone(), Content::Text(Cow::Owned(word.text.clone())))
}

pub(super) fn number<'a>(value: i64, at: &Range<usize>) -> Made<'a> {
    Node::made(at.clone(), Content::Number(value.into()))
}

pub(super) fn flag<'a>(value: bool, at: &Range<usize>) -> Made<'a> {
    Node::made(at.clone(), Content::Boolean(value))
}

pub(super) fn list<'a>(at: &Range<usize>, items: Vec<Made<'a>>) -> Made<'a> {
    Node::made(at.clone(), Content::List(items))
}
