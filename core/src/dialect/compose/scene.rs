//! One compose file being converted: its text, what is given, and where remarks go.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::Given;
use super::variables::interpolated;
use crate::dialect::yaml::{Content, Entry, Node, place};
use crate::text::{Problem, Problems, quoted};

/// One file being converted.
pub(super) struct Scene<'a> {
    file: Arc<str>,
    text: &'a str,
    pub(super) given: Given<'a>,
    pub(super) remarks: Problems,
    /// Files that it names and that were not given.
    pub(super) missing: BTreeSet<String>,
    /// Values of variables, which no remark shows.
    pub(super) hidden: Vec<Range<usize>>,
}

impl<'a> Scene<'a> {
    pub(super) const fn new(file: Arc<str>, text: &'a str, given: Given<'a>, remarks: Problems) -> Self {
        Self { file, text, given, remarks, missing: BTreeSet::new(), hidden: Vec::new() }
    }

    /// Something that would run otherwise than it did.
    pub(super) fn error(&mut self, range: &Range<usize>, message: impl Into<String>, help: &str) {
        let place = place(&self.file, self.text, range);
        self.remarks.push(Problem::error(Some(place), message).help(help));
    }

    /// Something that is not carried, or not as it was.
    pub(super) fn remark(&mut self, range: &Range<usize>, message: impl Into<String>, help: &str) {
        let place = place(&self.file, self.text, range);
        self.remarks.push(Problem::warning(Some(place), message).help(help));
    }

    /// A scalar as compose reads it: its text, with variables filled in; none for nothing, for lists and for maps.
    pub(super) fn scalar(&mut self, node: &Node<'_>) -> Option<String> {
        let text = match &node.content {
            Content::Text(text) => text.to_string(),
            // As it was written: `yes` is a text to compose, and `0644` is no number.
            Content::Boolean(_) | Content::Number(_) => {
                self.text.get(node.range.clone()).unwrap_or_default().trim().to_owned()
            }
            Content::Broken | Content::Null | Content::List(_) | Content::Map(_) => return None,
        };
        match interpolated(&text, self.given.variables) {
            Ok(text) => Some(text),
            Err((message, help)) => {
                let within = |hidden: &Range<usize>| hidden.start <= node.range.start && node.range.end <= hidden.end;
                if self.hidden.iter().any(within) {
                    let help = "write `${NAME:-else}`, give the variable by `--var` or in `.env`, or `$$` for a dollar";
                    self.error(&node.range, "a variable in this value has no value, or is none", help);
                } else {
                    self.error(&node.range, message, &help);
                }
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn text(&mut self, what: &str, node: &Node<'_>) -> Option<String> {
        let is_scalar = matches!(node.content, Content::Text(_) | Content::Boolean(_) | Content::Number(_));
        if !is_scalar {
            self.wrong(what, "a text", node);
            return None;
        }
        let text = self.scalar(node)?;
        if text.contains('\0') {
            self.error(&node.range, format!("`{what}` holds a NUL character"), "take it out");
            return None;
        }
        Some(text)
    }

    /// True or false.
    pub(super) fn truth(&mut self, what: &str, node: &Node<'_>) -> bool {
        let text = self.text(what, node);
        match text.as_deref() {
            Some("true" | "yes" | "on") => true,
            Some("false" | "no" | "off") | None => false,
            Some(_) => {
                self.wrong(what, "true or false", node);
                false
            }
        }
    }

    /// A list of texts, or one text as a list of one.
    pub(super) fn texts(&mut self, what: &str, node: &Node<'_>) -> Vec<String> {
        match &node.content {
            Content::List(items) => items.iter().filter_map(|item| self.text(what, item)).collect(),
            Content::Null => Vec::new(),
            Content::Broken | Content::Boolean(_) | Content::Number(_) | Content::Text(_) | Content::Map(_) => {
                self.text(what, node).into_iter().collect()
            }
        }
    }

    pub(super) fn wrong(&mut self, what: &str, wanted: &str, node: &Node<'_>) {
        if !matches!(node.content, Content::Broken) {
            let message = format!("`{what}` must be {wanted}, and this is {}", node.description());
            self.error(&node.label(), message, "see the reference of docker compose");
        }
    }

    /// The contents of a file that the compose file names; told where there is none.
    pub(super) fn file(&mut self, path: &str, at: &Range<usize>) -> Option<&'a [u8]> {
        let path = path.strip_prefix("./").unwrap_or(path).to_owned();
        if path.starts_with('/') || path.starts_with('~') || path.split('/').any(|part| part == "..") {
            let help = "put the file beside the compose file, or below its folder";
            self.error(at, format!("{} is outside of the folder of this file", quoted(&path)), help);
            return None;
        }
        let found = self.given.files.get(&path);
        if found.is_none() {
            let message = format!("there is no file {} beside this one", quoted(&path));
            self.error(at, message, "name a file that is there; a folder is carried by its whole path on the host");
            self.missing.insert(path);
        }
        found.map(Vec::as_slice)
    }
}

/// The names that a map has and `known` has not.
pub(super) fn unknown<'n, 'a>(node: &'n Node<'a>, known: &[&str]) -> Vec<&'n Entry<'a>> {
    node.entries().iter().filter(|entry| !known.contains(&&*entry.name) && !entry.name.starts_with("x-")).collect()
}
