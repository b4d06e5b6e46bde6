//! Files as they were written, and places in them.

use std::collections::BTreeMap;

/// A stretch of bytes of one file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path from the root of the tree, with `/`.
    pub file: String,
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
            None => place.file.clone(),
        }
    }
}

/// Where each part of an object was written: JSON pointer to place.
///
/// Source of the pointers: RFC 6901.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(BTreeMap<String, Place>);

impl Places {
    /// Notes where the part at `pointer` was written.
    pub fn insert(&mut self, pointer: impl Into<String>, place: Place) {
        self.0.insert(pointer.into(), place);
    }

    /// True if a person wrote the part at `pointer` itself, and no default put it there.
    #[must_use]
    pub fn is_written(&self, pointer: &str) -> bool {
        self.0.contains_key(pointer)
    }

    /// Where the part at `pointer` was written, or the nearest part around it.
    #[must_use]
    pub fn nearest(&self, pointer: &str) -> Option<&Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.0.get(pointer) {
                return Some(place);
            }
            pointer = pointer.rsplit_once('/')?.0;
        }
    }

    /// Each part with its place, by pointer.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.0.iter().map(|(pointer, place)| (pointer.as_str(), place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_described_by_line_and_column_in_characters() {
        let mut sources = Sources::default();
        sources.insert("a.hcl", "one\nzwölf = 1\n");
        let at = |start| Place { file: "a.hcl".into(), start, end: start };
        assert_eq!(sources.describe(&at(0)), "a.hcl:1:1");
        assert_eq!(sources.describe(&at(11)), "a.hcl:2:7");
        assert_eq!(sources.describe(&Place { file: "b".into(), start: 0, end: 0 }), "b");
    }

    #[test]
    fn what_is_hidden_leaves_every_other_place_right() {
        let mut sources = Sources::default();
        sources.insert("a", "key: geheim\u{e4}\n  more\nnext: 1\n");
        sources.hide("a", std::slice::from_ref(&(5..20)));
        assert_eq!(sources.text("a"), Some("key: ********\n******\nnext: 1\n"));
    }

    #[test]
    fn the_nearest_place_is_the_part_itself_or_what_surrounds_it() {
        let mut places = Places::default();
        let at = |start| Place { file: "f".into(), start, end: start };
        places.insert("", at(1));
        places.insert("/spec", at(2));
        assert_eq!(places.nearest("/spec/replicas"), Some(&at(2)));
        assert_eq!(places.nearest("/metadata/name"), Some(&at(1)));
        assert!(places.is_written("/spec") && !places.is_written("/spec/replicas"));
    }
}
