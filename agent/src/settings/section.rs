//! Reads tables of a TOML document key by key, with the place of each, and reports what nobody asked for.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use writ_core::text::{Place, Problem, Problems};

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// One table, of which keys are taken until none should be left.
pub(super) struct Section<'a> {
    file: &'a str,
    title: String,
    pub(super) place: Place,
    keys: BTreeMap<&'a str, (Range<usize>, &'a Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// A table, called `title` in messages; `span` is where a missing key is reported.
    pub(super) fn new(file: &'a str, title: impl Into<String>, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        let keys = table.iter().map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value))).collect();
        Self { file, title: title.into(), place: place(file, span), keys, known: Vec::new() }
    }

    /// Takes a string.
    pub(super) fn string(&mut self, key: &'static str, problems: &mut Problems) -> Option<Written<String>> {
        self.typed(key, "text in quotes", problems, |value| value.as_str().map(str::to_owned))
    }

    /// Takes `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, problems: &mut Problems) -> Option<Written<bool>> {
        self.typed(key, "true or false", problems, |value| value.as_bool())
    }

    /// Takes a whole number that is not negative.
    pub(super) fn number(&mut self, key: &'static str, problems: &mut Problems) -> Option<Written<u32>> {
        self.typed(key, "a whole number from 0 to 4294967295", problems, |value| {
            let number = value.as_integer()?;
            u32::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    /// Takes a table.
    pub(super) fn section(&mut self, key: &'static str, problems: &mut Problems) -> Option<Self> {
        let (span, value) = self.take(key)?;
        let title = if self.title.is_empty() { format!("[{key}]") } else { format!("{} {key}", self.title) };
        let Some(table) = value.get_ref().as_table() else {
            problems.push(self.wrong_type(key, "a table", value));
            return None;
        };
        Some(Self::new(self.file, title, span, table))
    }

    /// Takes a list of tables, each written `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Self> {
        let Some((_, value)) = self.take(key) else { return Vec::new() };
        let tables = value.get_ref().as_array().map(|array| {
            array.iter().map(|item| item.get_ref().as_table().map(|table| (item.span(), table))).collect::<Option<_>>()
        });
        let Some(Some(tables)) = tables else {
            problems.push(self.wrong_type(key, &format!("written as [[{key}]], once for each"), value));
            return Vec::new();
        };
        let tables: Vec<(Range<usize>, &DeTable<'_>)> = tables;
        tables.into_iter().map(|(span, table)| Self::new(self.file, format!("[[{key}]]"), span, table)).collect()
    }

    /// Takes a key that this version understands and cannot honour; an empty list asks for nothing and is let through.
    pub(super) fn later(&mut self, key: &'static str, problems: &mut Problems) {
        let Some((span, value)) = self.take(key) else { return };
        let asks_for_nothing = value.get_ref().as_array().is_some_and(|array| array.is_empty());
        if !asks_for_nothing {
            let message = format!("`{key}` of {} is not supported yet", self.shown_title());
            problems.push(Problem::error(Some(place(self.file, span)), message).help(format!("remove `{key}`")));
        }
    }

    /// Reports that a key is missing that must be there.
    pub(super) fn require<T>(
        &self,
        key: &str,
        value: Option<Written<T>>,
        problems: &mut Problems,
    ) -> Option<Written<T>> {
        // A key of the wrong type has its problem already.
        if value.is_none() && !self.was_written(key) {
            let message = format!("{} needs `{key}`", self.shown_title());
            problems.push(Problem::error(Some(self.place.clone()), message));
        }
        value
    }

    /// Reports every key that nobody took.
    pub(super) fn finish(self, problems: &mut Problems) {
        let Self { file, ref title, place: _, ref keys, ref known } = self;
        for (key, (span, _)) in keys.iter().filter(|(key, _)| !known.contains(key)) {
            let shown = if title.is_empty() { "the settings" } else { title };
            let message = format!("unknown key `{}` in {shown}", key.escape_debug());
            problems.push(Problem::error(Some(place(file, span.clone())), message).help(self.advice(key)));
        }
    }

    fn advice(&self, key: &str) -> String {
        if super::mask::is_secret_name(key) {
            return "secrets do not stand in this file: write the value to a file that only the agent can read, and \
                    name it with `token_file`"
                .to_owned();
        }
        match self.known.iter().find(|known| is_close(known, key)) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("the keys are: {}", self.known.join(", ")),
        }
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        problems: &mut Problems,
        read: impl FnOnce(&DeValue<'_>) -> Option<T>,
    ) -> Option<Written<T>> {
        let (_, value) = self.take(key)?;
        match read(value.get_ref()) {
            Some(read) => Some(Written { value: read, place: place(self.file, value.span()) }),
            None => {
                problems.push(self.wrong_type(key, wanted, value));
                None
            }
        }
    }

    fn take(&mut self, key: &'static str) -> Option<(Range<usize>, &'a Spanned<DeValue<'a>>)> {
        self.known.push(key);
        self.keys.get(key).map(|(span, value)| (span.clone(), *value))
    }

    fn was_written(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    fn wrong_type(&self, key: &str, wanted: &str, value: &Spanned<DeValue<'_>>) -> Problem {
        let message = format!("`{key}` must be {wanted}, not {}", described(value.get_ref()));
        Problem::error(Some(place(self.file, value.span())), message)
    }

    fn shown_title(&self) -> &str {
        if self.title.is_empty() { "the settings" } else { &self.title }
    }
}

fn place(file: &str, span: Range<usize>) -> Place {
    Place { file: file.into(), start: span.start, end: span.end }
}

fn described(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "this number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// True if one word becomes the other by one letter inserted, left out, changed or swapped with its neighbour.
fn is_close(known: &str, written: &str) -> bool {
    let (known, written): (Vec<char>, Vec<char>) = (known.chars().collect(), written.to_lowercase().chars().collect());
    let before = known.iter().zip(&written).take_while(|(a, b)| a == b).count();
    let after = known.iter().rev().zip(written.iter().rev()).take_while(|(a, b)| a == b).count();
    let longest = known.len().max(written.len());
    let shortest = known.len().min(written.len());
    let swapped = known.len() == written.len()
        && before + 2 <= known.len()
        && known.get(before) == written.get(before + 1)
        && known.get(before + 1) == written.get(before)
        && before + 2 + after >= known.len();
    swapped || (longest - shortest <= 1 && before + after + 1 >= longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_one_letter_off_is_close_and_two_letters_off_is_not() {
        for written in ["brnch", "branchh", "brench", "barnch", "Branch"] {
            assert!(is_close("branch", written), "{written}");
        }
        for written in ["brnc", "poll", "bnarch", ""] {
            assert!(!is_close("branch", written), "{written}");
        }
    }
}
