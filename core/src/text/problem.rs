//! Problems in what a person wrote, collected and shown all together.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::quote::{is_control, printable};
use super::{Place, Sources};
use crate::limits::PROBLEMS_SHOWN_MAX;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing of the set is applied.
    Error,
    /// Applied, but probably not what was meant.
    Warning,
    /// Understood and without effect on this target.
    Note,
}

/// One problem, with its place and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// How much it weighs.
    pub severity: Severity,
    /// Where; none only for what concerns no file.
    pub place: Option<Place>,
    /// What is wrong, with the object's or field's name. Never quotes a secret.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// Problems in the order in which a reader meets them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Problems(Vec<Problem>);

impl Problem {
    /// An error at a place.
    #[must_use]
    pub fn error(place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, place, message: message.into(), help: None }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, place, message: message.into(), help: None }
    }

    /// A note at a place.
    #[must_use]
    pub fn note(place: Option<Place>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Note, place, message: message.into(), help: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// True if one of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// True if there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems, by file and place, each once.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Problem> {
        let mut problems: Vec<&Problem> = self.0.iter().collect();
        problems.sort_by_key(|problem| (&problem.place, problem.severity, &problem.message));
        problems.dedup();
        problems
    }

    /// All problems as text: the message, file:line:column, the source line, the help.
    #[must_use]
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let problems = self.sorted();
        let mut text = String::new();
        for problem in problems.iter().take(PROBLEMS_SHOWN_MAX) {
            text.push_str(&render_one(problem, sources, &renderer));
            text.push_str("\n\n");
        }
        if let Some(rest) = problems.len().checked_sub(PROBLEMS_SHOWN_MAX).filter(|rest| *rest > 0) {
            text.push_str(&format!("and {rest} more problems\n"));
        }
        text
    }
}

/// How much of a line is handed to the renderer after a place's start, in bytes. It takes time for what it then cuts.
const SHOWN_BYTES_MAX: usize = 400;

fn render_one(problem: &Problem, sources: &Sources, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(printable(&problem.message));
    let mut group = match &problem.place {
        None => Group::with_title(title),
        Some(place) => match sources.line_column(place).zip(sources.text(&place.file)) {
            None => title.element(Origin::path(printable(&place.file))),
            Some(((line, _), text)) => {
                let (shown, span) = shown(text, place);
                let shown = visible(shown);
                let snippet = Snippet::source(shown).path(printable(&place.file)).line_start(line);
                title.element(snippet.annotation(AnnotationKind::Primary.span(span)))
            }
        },
    };
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(printable(help)));
    }
    renderer.render(&[group])
}

/// The line of a place, without a long end, and where in it the place is.
fn shown<'a>(text: &'a str, place: &Place) -> (&'a str, Range<usize>) {
    let start = floor(text, place.start);
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(start..).unwrap_or_default();
    let first = before.rfind('\n').map_or(0, |at| at + 1);
    let line_end = after.find(['\r', '\n']).map_or(text.len(), |at| start + at);
    let last = floor(text, line_end.min(start + SHOWN_BYTES_MAX));
    let end = floor(text, place.end).clamp(start, last.max(start));
    (text.get(first..last).unwrap_or_default(), start - first..end - first)
}

/// A line of a source without what is invisible, turns the direction of writing or ends a line elsewhere. What stands in
/// for it is as long, so that places stay right. Single bytes are left to the renderer, which shows each by a sign.
fn visible(line: &str) -> String {
    let stands_in = |character: char| match character.len_utf8() {
        2 if is_control(character) => '¿',
        3 if is_control(character) => '\u{fffd}',
        _ => character,
    };
    line.chars().map(stands_in).collect()
}

/// The nearest byte at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
