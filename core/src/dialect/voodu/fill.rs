//! A manifest with its variables replaced, and the way back to what was written.
//!
//! Invariant: the text has the structure that was written: a value stays what it is in its place, part of a text, a number
//! or a word. Whatever else it could become is refused, and the filled text is looked through anew.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::nearest::nearest;
use super::scene::Scene;
use super::tree::Span;
use crate::dialect::Variables;
use crate::dialect::variables::{Use, check_value};
use crate::limits::MANIFEST_BYTES_MAX;
use crate::text::quoted;

/// Where a variable is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within<'a> {
    /// A text in quotes, or one of several lines past the beginning of a line.
    Text,
    /// The beginning of a line of a text that this word ends.
    LineUntil(&'a str),
    /// A reference (`${asset.…}`).
    Reference,
    /// Outside of texts.
    Code,
}

/// One use of a variable: where it begins, and in what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Used<'a> {
    pub(super) start: usize,
    pub(super) of: Use<'a>,
    pub(super) within: Within<'a>,
}

/// A manifest with its variables replaced.
pub(super) struct Filled<'a> {
    pub(super) text: Cow<'a, str>,
    edits: Vec<Edit>,
}

/// What was written, and what stands there now.
struct Edit {
    written: Span,
    filled: Span,
}

/// Names that are looked for among others, in one manifest: looking takes time, and one slip is mostly made often.
const SUGGESTIONS_MAX: usize = 8;

impl<'a> Filled<'a> {
    /// A manifest in which no variable is used.
    pub(super) const fn unchanged(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), edits: Vec::new() }
    }

    /// Replaces each use; none if one cannot be, which the problems then say.
    pub(super) fn fill(scene: &mut Scene<'a>, uses: &[Used<'a>], variables: &Variables) -> Option<Self> {
        let text = scene.text;
        let mut filled = Self { text: Cow::Owned(String::with_capacity(text.len())), edits: Vec::new() };
        let mut advice = Advice::default();
        let (mut sound, mut done) = (true, 0);
        for used in uses {
            let span = used.start..used.start + used.of.length;
            let before = text.get(done..used.start).unwrap_or_default();
            let value = one(scene, used, &span, variables, &mut advice);
            sound &= value.is_some();
            sound &= filled.push(scene, before, span.clone(), value.unwrap_or_default());
            if filled.text.len() as u64 > MANIFEST_BYTES_MAX {
                let message =
                    format!("with its variables this manifest is larger than {} KiB", MANIFEST_BYTES_MAX >> 10);
                scene.refuse(&span, message, "split it into several files, or use shorter values");
                return None;
            }
            done = span.end;
        }
        let rest = text.get(done..).unwrap_or_default();
        let sound = sound & filled.follow(scene, rest);
        sound.then_some(filled)
    }

    fn push(&mut self, scene: &mut Scene<'_>, before: &str, written: Span, value: &str) -> bool {
        let sound = self.follow(scene, before);
        let start = self.text.len();
        self.text.to_mut().push_str(value);
        self.edits.push(Edit { written, filled: start..self.text.len() });
        sound
    }

    /// Adds what was written behind a value, if the two do not make something new.
    fn follow(&mut self, scene: &mut Scene<'_>, written: &str) -> bool {
        let opens = written.starts_with('{') && self.text.ends_with(['$', '%']);
        if opens && let Some(edit) = self.edits.last() {
            let message = "the value of this variable and the brace behind it would make a reference";
            scene.refuse(&edit.written.clone(), message, "write something between the two");
            return false;
        }
        self.text.to_mut().push_str(written);
        true
    }

    /// The stretch of the written text that a stretch of this one stands for.
    pub(super) fn back(&self, span: &Span) -> Span {
        let start = self.edit(|edit| edit.filled.start <= span.start);
        let end = self.edit(|edit| edit.filled.start < span.end);
        let start = start.map_or(span.start, |edit| {
            let Edit { written, filled } = edit;
            if span.start < filled.end { written.start } else { written.end + (span.start - filled.end) }
        });
        let end = end.map_or(span.end, |edit| written_end(edit, span.end));
        start..end.max(start)
    }

    /// The last edit of which that is true, as it is of all before.
    fn edit(&self, before: impl Fn(&Edit) -> bool) -> Option<&Edit> {
        self.edits.get(self.edits.partition_point(before).checked_sub(1)?)
    }
}

fn written_end(edit: &Edit, end: usize) -> usize {
    let Edit { written, filled } = edit;
    if end <= filled.end { written.end } else { written.end + (end - filled.end) }
}

/// What was said of unknown names, so that each is looked for once.
#[derive(Default)]
struct Advice<'a>(BTreeMap<&'a str, Option<String>>);

/// The value of one use, if there is one and it can stand there.
fn one<'v>(
    scene: &mut Scene<'_>,
    used: &Used<'v>,
    span: &Span,
    variables: &'v Variables,
    advice: &mut Advice<'v>,
) -> Option<&'v str> {
    let Used { start: _, of, within } = used;
    let Some(value) = of.value(variables) else {
        refuse_unknown(scene, of.name, span, variables, advice);
        return None;
    };
    if let Err(unfit) = check_value(of.name, value) {
        scene.refuse(span, unfit.message, unfit.help);
        return None;
    }
    let name = of.name;
    let (fits, message, help) = match within {
        Within::Text => return Some(value),
        Within::LineUntil(word) => {
            let begins = value.trim_start();
            let fits = !word.starts_with(begins) && !begins.starts_with(word);
            let message = format!("at the beginning of a line the value of `{name}` could end this text");
            (
                fits,
                message,
                format!("write something else first on the line, or end the text with another word than {word}"),
            )
        }
        Within::Reference => {
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            let fits = !value.is_empty() && value.bytes().all(is_word);
            let message = format!("the value of `{name}` cannot be part of a reference");
            (fits, message, "a part of a reference has letters, digits, `_` and `-`".to_owned())
        }
        Within::Code => {
            let digits = (1..=18).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit());
            let message = format!("outside of quotes the value of `{name}` must be a whole number, true or false");
            (digits || value == "true" || value == "false", message, format!("put it in quotes: \"${{{name}}}\""))
        }
    };
    if !fits {
        scene.refuse(span, message, help);
    }
    fits.then_some(value)
}

fn refuse_unknown<'v>(
    scene: &mut Scene<'_>,
    name: &'v str,
    span: &Span,
    variables: &Variables,
    advice: &mut Advice<'v>,
) {
    let looked_for = advice.0.len();
    let meant = advice.0.entry(name).or_insert_with(|| {
        let names = || variables.iter().map(|(known, _)| known).filter(|_| looked_for < SUGGESTIONS_MAX);
        // Names are compared in lower case, and variables are mostly in upper case.
        let lowered = nearest(name, names().map(str::to_ascii_lowercase))?;
        names().find(|known| known.eq_ignore_ascii_case(&lowered)).map(str::to_owned)
    });
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!(
            "name it in the unit's settings, `variables = {{ {name} = \"…\" }}`, or give a default, `${{{name}:-…}}`; \
             a literal `${{` is written `$${{`, and secrets belong into config buckets"
        ),
    };
    scene.refuse(span, format!("the variable {} is not known", quoted(name)), help);
}
