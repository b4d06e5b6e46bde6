//! Reads tables of a TOML document key by key, with the place of each, and reports what nobody asked for.
//!
//! Invariant: a document that is no TOML gives nothing: what the rest of it seems to say would mislead.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Place, Problem, Problems};

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Written<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub place: Place,
}

/// One table, of which keys are taken until none should be left.
#[derive(Debug)]
pub struct Section<'a> {
    file: &'a str,
    /// What the whole document is called in messages.
    document: &'static str,
    /// What the table is called in messages; empty for the document itself.
    title: String,
    /// Where it stands.
    pub place: Place,
    keys: BTreeMap<&'a str, (Range<usize>, &'a Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
}

/// Reads a whole document with `read`, which takes its keys; every problem of its form goes to `problems`. `document` is
/// what messages call it. None if it is not TOML.
pub fn read_toml<T>(
    file: &str,
    document: &'static str,
    text: &str,
    problems: &mut Problems,
    read: impl FnOnce(&mut Section<'_>, &mut Problems) -> T,
) -> Option<T> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let is_toml = errors.is_empty();
    for error in errors {
        let place = error.span().map(|span| Place { file: file.into(), start: span.start, end: span.end });
        problems.push(Problem::error(place, format!("not TOML: {}", error.message())));
    }
    if !is_toml {
        return None;
    }
    let mut root = Section::new(file, document, String::new(), 0..0, table.get_ref());
    let value = read(&mut root, problems);
    root.finish(problems);
    Some(value)
}

/// True for a key whose value would be a secret itself, and not the name of a file that holds one.
#[must_use]
pub fn is_secret_name(key: &str) -> bool {
    /// Words that mark a key as holding a secret.
    const WORDS: [&str; 6] = ["token", "password", "passphrase", "secret", "private_key", "api_key"];
    let key = key.to_lowercase();
    !key.ends_with("_file") && WORDS.iter().any(|word| key.contains(word))
}

impl<'a> Section<'a> {
    /// A table, called `title` in messages; `span` is where a missing key is reported.
    fn new(file: &'a str, document: &'static str, title: String, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        let keys = table.iter().map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value))).collect();
        Self { file, document, title, place: place(file, span), keys, known: Vec::new() }
    }

    /// Takes a string.
    pub fn string(&mut self, key: &'static str, problems: &mut Problems) -> Option<Written<String>> {
        self.typed(key, "text in quotes", problems, |value| value.as_str().map(str::to_owned))
    }

    /// Takes `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, problems: &mut Problems) -> Option<Written<bool>> {
        self.typed(key, "true or false", problems, |value| value.as_bool())
    }

    /// Takes a whole number that is not negative.
    pub fn number(&mut self, key: &'static str, problems: &mut Problems) -> Option<Written<u32>> {
        self.typed(key, "a whole number from 0 to 4294967295", problems, |value| {
            let number = value.as_integer()?;
            u32::from_str_radix(number.as_str(), number.radix()).ok()
        })
    }

    /// Takes a list of texts, each with its place.
    pub fn strings(&mut self, key: &'static str, problems: &mut Problems) -> Option<Written<Vec<Written<String>>>> {
        let file = self.file;
        self.typed(key, "a list of texts in quotes", problems, |value| {
            let text = |item: &Spanned<DeValue<'_>>| {
                Some(Written { value: item.get_ref().as_str()?.to_owned(), place: place(file, item.span()) })
            };
            value.as_array()?.iter().map(text).collect()
        })
    }

    /// Takes one text, or a list of texts, each with its place.
    pub fn string_or_strings(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
    ) -> Option<Written<Vec<Written<String>>>> {
        let file = self.file;
        let Written { value, place: whole } =
            self.typed(key, "text in quotes, or a list of such texts", problems, |value| match value.as_str() {
                Some(text) => Some(vec![(text.to_owned(), None)]),
                None => {
                    let text = |item: &Spanned<DeValue<'_>>| {
                        Some((item.get_ref().as_str()?.to_owned(), Some(place(file, item.span()))))
                    };
                    value.as_array()?.iter().map(text).collect()
                }
            })?;
        let place = |place: Option<Place>| place.unwrap_or_else(|| whole.clone());
        let value = value.into_iter().map(|(value, at)| Written { value, place: place(at) }).collect();
        Some(Written { value, place: whole })
    }

    /// Takes a table.
    pub fn section(&mut self, key: &'static str, problems: &mut Problems) -> Option<Self> {
        let (span, value) = self.take(key)?;
        let title = if self.title.is_empty() { format!("[{key}]") } else { format!("{} {key}", self.title) };
        let Some(table) = value.get_ref().as_table() else {
            problems.push(self.wrong_type(key, "a table", value));
            return None;
        };
        Some(Self::new(self.file, self.document, title, span, table))
    }

    /// Takes a table of texts under names that the writer chooses, in order of the names; each place is the name's.
    pub fn texts(&mut self, key: &'static str, problems: &mut Problems) -> Vec<(String, Written<String>)> {
        let Some(table) = self.section(key, problems) else { return Vec::new() };
        let mut texts = Vec::new();
        for (name, (span, value)) in &table.keys {
            match value.get_ref().as_str() {
                Some(text) => {
                    let place = place(self.file, span.clone());
                    texts.push(((*name).to_owned(), Written { value: text.to_owned(), place }));
                }
                None => problems.push(table.wrong_type(name, "text in quotes", value)),
            }
        }
        texts
    }

    /// Takes a list of tables, each written `[[key]]`.
    pub fn sections(&mut self, key: &'static str, problems: &mut Problems) -> Vec<Self> {
        let Some((_, value)) = self.take(key) else { return Vec::new() };
        let tables = value.get_ref().as_array().map(|array| {
            array.iter().map(|item| item.get_ref().as_table().map(|table| (item.span(), table))).collect::<Option<_>>()
        });
        let Some(Some(tables)) = tables else {
            problems.push(self.wrong_type(key, &format!("written as [[{key}]], once for each"), value));
            return Vec::new();
        };
        let tables: Vec<(Range<usize>, &DeTable<'_>)> = tables;
        let section = |(span, table)| Self::new(self.file, self.document, format!("[[{key}]]"), span, table);
        tables.into_iter().map(section).collect()
    }

    /// Takes a key that this version understands and cannot honour; an empty list asks for nothing and is let through.
    pub fn later(&mut self, key: &'static str, problems: &mut Problems) {
        let Some((span, value)) = self.take(key) else { return };
        let asks_for_nothing = value.get_ref().as_array().is_some_and(|array| array.is_empty());
        if !asks_for_nothing {
            let message = format!("`{key}` of {} is not supported yet", self.shown_title());
            problems.push(Problem::error(Some(place(self.file, span)), message).help(format!("remove `{key}`")));
        }
    }

    /// Reports that a key is missing that must be there.
    pub fn require<T>(&self, key: &str, value: Option<Written<T>>, problems: &mut Problems) -> Option<Written<T>> {
        // A key of the wrong type has its problem already.
        if value.is_none() && !self.was_written(key) {
            let message = format!("{} needs `{key}`", self.shown_title());
            problems.push(Problem::error(Some(self.place.clone()), message));
        }
        value
    }

    /// Reports every key that nobody took.
    pub fn finish(self, problems: &mut Problems) {
        let Self { file, document, ref title, place: _, ref keys, ref known } = self;
        for (key, (span, _)) in keys.iter().filter(|(key, _)| !known.contains(key)) {
            let shown = if title.is_empty() { document } else { title };
            let message = format!("unknown key `{}` in {shown}", key.escape_debug());
            problems.push(Problem::error(Some(place(file, span.clone())), message).help(self.advice(key)));
        }
    }

    fn advice(&self, key: &str) -> String {
        if is_secret_name(key) {
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
        if self.title.is_empty() { self.document } else { &self.title }
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
