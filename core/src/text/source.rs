//! Files as they were written, and places in them.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A stretch of bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path from the root of the tree, with `/`; shared by all places of the file.
    pub file: Arc<str>,
    /// First byte.
    pub start: usize,
    /// One past the last byte; equal to `start` where only a point is known.
    pub end: usize,
}

/// The texts that places point into, by path.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<String, String>);

impl Sources {
    /// Adds a file's text.
    pub fn insert(&mut self, file: impl Into<String>, text: impl Into<String>) {
        self.0.insert(file.into(), text.into());
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// A file's text.
    #[must_use]
    pub fn text(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }

    /// Line and column of a place's start, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self, place: &Place) -> Option<(usize, usize)> {
        let text = self.text(&place.file)?;
        let before = text.get(..place.start.min(text.len()))?;
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(line_start..)?.chars().count() + 1;
        Some((before.bytes().filter(|byte| *byte == b'\n').count() + 1, column))
    }

    /// Writes a star over each byte of some stretches of a file, ends of lines excepted, so that no message can show
    /// what stood there. All other places stay right.
    pub fn hide(&mut self, file: &str, ranges: &[std::ops::Range<usize>]) {
        let Some(text) = self.0.get_mut(file) else { return };
        let mut bytes = std::mem::take(text).into_bytes();
        for range in ranges {
            let end = range.end.min(bytes.len());
            let hidden = bytes.get_mut(range.start..end).into_iter().flatten();
            hidden.filter(|byte| !matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b'*');
        }
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }

    /// The line of a byte of a text, counted from 1.
    #[must_use]
    pub fn line_of(text: &str, at: usize) -> usize {
        text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
    }

    /// `file:line:column` as compilers write it; the file alone where the text is not known.
    #[must_use]
    pub fn describe(&self, place: &Place) -> String {
        match self.line_column(place) {
            Some((line, column)) => format!("{}:{line}:{column}", place.file),
            None => place.file.to_string(),
        }
    }
}
