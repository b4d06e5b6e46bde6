//! One manifest being read: its text, where problems go, and values read as what they should be.

use std::cell::Cell;
use std::sync::Arc;

use super::nearest::nearest;
use super::tree::{Form, Piece, Span, Value};
use crate::text::{Place, Problem, Problems, is_control, quoted};

/// One manifest being read.
pub(super) struct Scene<'a> {
    pub(super) file: Arc<str>,
    pub(super) text: &'a str,
    pub(super) problems: Problems,
    /// Values that no message may show, not even in the line it points at.
    pub(super) hidden: Vec<Span>,
    /// How many more names may be looked for among others, in all files together: looking takes long, and only the
    /// first problems are shown.
    pub(super) suggestions: &'a Cell<usize>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(file: &str, text: &'a str, suggestions: &'a Cell<usize>) -> Self {
        Self { file: file.into(), text, problems: Problems::default(), hidden: Vec::new(), suggestions }
    }

    /// The one of `names` that was probably meant. The names are made only if they are looked at.
    pub(super) fn nearest<Name: AsRef<str> + Ord>(
        &self,
        written: &str,
        names: impl IntoIterator<Item = Name>,
    ) -> Option<Name> {
        let left = self.suggestions.get().checked_sub(1)?;
        self.suggestions.set(left);
        nearest(written, names)
    }

    pub(super) fn place(&self, span: &Span) -> Place {
        Place { file: Arc::clone(&self.file), start: span.start, end: span.end }
    }

    /// Adds an error with advice.
    pub(super) fn refuse(&mut self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        let place = self.place(span);
        self.problems.push(Problem::error(Some(place), message).help(help));
    }

    /// Adds a note with advice.
    pub(super) fn note(&mut self, span: &Span, message: impl Into<String>, help: impl Into<String>) {
        let place = self.place(span);
        self.problems.push(Problem::note(Some(place), message).help(help));
    }

    /// Says that `what` is not of the right kind; silent for what was refused before.
    pub(super) fn wrong_kind(&mut self, what: &str, wanted: &str, value: &Value, help: &str) {
        if !matches!(value.form, Form::Faulty) {
            let found = value.describe();
            self.refuse(&value.span, format!("`{what}` must be {wanted}, and this is {found}"), help);
        }
    }

    /// A string without references.
    pub(super) fn string(&mut self, what: &str, value: &Value) -> Option<String> {
        let Form::Text(pieces) = &value.form else {
            self.wrong_kind(what, "a string", value, "put it in double quotes");
            return None;
        };
        self.literal(what, pieces)
    }

    /// The text of pieces that hold no reference.
    pub(super) fn literal(&mut self, what: &str, pieces: &[Piece]) -> Option<String> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Literal(part) => text.push_str(part),
                Piece::Asset(_, span) => {
                    self.refuse(
                        span,
                        format!("`{what}` cannot refer to an asset"),
                        "a reference stands for the path of a file: mount it with \
                         `volumes = [\"${asset.SCOPE.NAME.KEY}:/path:ro\"]`, or write it in `command` or `env`",
                    );
                    return None;
                }
            }
        }
        Some(text)
    }

    /// A string of one line that is not empty.
    pub(super) fn filled_string(&mut self, what: &str, value: &Value) -> Option<String> {
        let text = self.string(what, value)?;
        if text.trim().is_empty() {
            self.refuse(&value.span, format!("`{what}` is empty"), "fill it in or leave the attribute out");
            return None;
        }
        if text.chars().any(is_control) {
            let message = format!("`{what}` is one line without control characters, and not {}", quoted(&text));
            self.refuse(&value.span, message, "write it with letters that can be seen");
            return None;
        }
        Some(text)
    }

    /// A whole number within bounds.
    pub(super) fn integer(&mut self, what: &str, value: &Value, lowest: u32, highest: u32) -> Option<u32> {
        let Form::Number(text) = &value.form else {
            self.wrong_kind(what, "a whole number", value, "write it without quotes, as in `3`");
            return None;
        };
        let number = text.parse::<u32>().ok().filter(|number| (lowest..=highest).contains(number));
        if number.is_none() {
            let wanted = if lowest == highest {
                format!("`{what}` must be {lowest} here")
            } else {
                format!("`{what}` must be a whole number from {lowest} to {highest}")
            };
            self.refuse(&value.span, wanted, "write another number");
        }
        number
    }

    /// A list.
    pub(super) fn list<'v>(&mut self, what: &str, value: &'v Value, help: &str) -> Option<&'v [Value]> {
        let Form::List(items) = &value.form else {
            self.wrong_kind(what, "a list", value, help);
            return None;
        };
        Some(items)
    }

    /// A list of strings without references.
    pub(super) fn strings(&mut self, what: &str, value: &Value) -> Option<Vec<(String, Span)>> {
        self.strings_by(what, value, |scene, pieces| scene.literal(what, pieces))
    }

    /// A list of strings, each read by `read`.
    pub(super) fn strings_by(
        &mut self,
        what: &str,
        value: &Value,
        mut read: impl FnMut(&mut Self, &[Piece]) -> Option<String>,
    ) -> Option<Vec<(String, Span)>> {
        let help = "put each word in quotes, as in `[\"redis-server\", \"--appendonly\", \"yes\"]`";
        let mut words = Some(Vec::new());
        for item in self.list(what, value, help)? {
            let word = match &item.form {
                Form::Text(pieces) => read(self, pieces),
                Form::Faulty => None,
                Form::Null | Form::Bool(_) | Form::Number(_) | Form::List(_) | Form::Map(_) | Form::Call(..) => {
                    let found = item.describe();
                    self.refuse(&item.span, format!("`{what}` is a list of strings, and this is {found}"), help);
                    None
                }
            };
            words = words.zip(word).map(|(mut words, word)| {
                words.push((word, item.span.clone()));
                words
            });
        }
        words
    }
}
