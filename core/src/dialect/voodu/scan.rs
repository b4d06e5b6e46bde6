//! A look at a manifest's brackets and quotes before it is parsed, so that hostile text costs nothing.
//!
//! The parser recurses once for each level of nesting, and looks through all keys of an object for each further key.
//! Both are bounded here, in one pass over the bytes that keeps nothing but the open brackets.
//!
//! Invariant: no recursion, and memory within `NESTING_MAX` frames.

use super::fill::{Used, Within};
use super::scene::Scene;
use super::tree::Span;
use crate::dialect::variables::Use;
use crate::limits::{ENTRIES_MAX, NESTING_MAX, NODES_MAX};
use crate::text::quoted;

/// What is open at a point of the text.
enum Frame<'a> {
    /// `{`, with the entries seen in it so far.
    Brace(usize),
    /// `[` or `(`.
    Bracket,
    /// `${` inside of a text.
    Template,
    /// A quoted text.
    Quote,
    /// A heredoc, with the word that ends it.
    Heredoc(&'a str),
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    open: Vec<(Frame<'a>, Span)>,
    nodes: usize,
    /// Nothing wrong so far that the parser would not say better.
    sound: bool,
    /// Where variables are used.
    variables: Vec<Used<'a>>,
}

/// The variables that are used, in order, if the text is worth parsing; else the reason has been added to the problems.
pub(super) fn scan<'a>(scene: &mut Scene<'a>) -> Option<Vec<Used<'a>>> {
    let text = scene.text;
    let mut scanner = Scanner { text, at: 0, open: Vec::new(), nodes: 0, sound: true, variables: Vec::new() };
    while scanner.at < text.len() {
        let goes_on = match scanner.open.last() {
            Some((Frame::Quote, _)) => scanner.quote(scene),
            Some((Frame::Heredoc(end), _)) => scanner.heredoc(scene, end),
            Some((Frame::Brace(_) | Frame::Bracket | Frame::Template, _)) | None => scanner.code(scene),
        };
        if !goes_on {
            return None;
        }
    }
    if let Some((frame, span)) = scanner.open.last() {
        refuse_unclosed(scene, frame, span);
        scanner.sound = false;
    }
    scanner.sound.then_some(scanner.variables)
}

fn refuse_unclosed(scene: &mut Scene<'_>, frame: &Frame<'_>, span: &Span) {
    let (what, help) = match frame {
        Frame::Brace(_) => ("brace", "add the `}` that belongs to it".to_owned()),
        Frame::Bracket => ("bracket", "add the `]` or `)` that belongs to it".to_owned()),
        Frame::Template => ("`${`", "add a `}`; a literal `${` is written `$${`".to_owned()),
        Frame::Quote => ("quote", "add the `\"` at the end of the text".to_owned()),
        Frame::Heredoc(end) => ("text", format!("add a line with {} alone at its end", quoted(end))),
    };
    scene.refuse(span, format!("this {what} is never closed"), help);
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn starts(&self, with: &str) -> bool {
        self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(with.as_bytes()))
    }

    fn point(&self) -> Span {
        self.at..(self.at + 1).min(self.text.len())
    }

    /// Moves past one character, whatever its length.
    fn skip(&mut self) {
        self.at += 1;
        while self.at < self.text.len() && !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    fn skip_past(&mut self, end: &str) {
        self.at = self.rest().find(end).map_or(self.text.len(), |found| self.at + found + end.len());
    }

    fn push(&mut self, scene: &mut Scene<'_>, frame: Frame<'a>, length: usize) -> bool {
        if self.open.len() >= NESTING_MAX {
            scene.refuse(
                &self.point(),
                format!("this is nested deeper than {NESTING_MAX} levels"),
                "no manifest needs that: write it flatter",
            );
            return false;
        }
        self.open.push((frame, self.at..self.at + length));
        self.at += length;
        true
    }

    fn code(&mut self, scene: &mut Scene<'_>) -> bool {
        let byte = self.text.as_bytes().get(self.at).copied().unwrap_or_default();
        match byte {
            b'#' => self.skip_past("\n"),
            b'/' if self.starts("//") => self.skip_past("\n"),
            b'/' if self.starts("/*") => {
                self.at += 2;
                self.skip_past("*/");
            }
            b'"' => return self.push(scene, Frame::Quote, 1),
            b'{' => return self.push(scene, Frame::Brace(0), 1),
            b'[' | b'(' => return self.push(scene, Frame::Bracket, 1),
            b'}' | b']' | b')' => {
                self.open.pop();
                self.at += 1;
            }
            b'=' | b':' | b',' => return self.separator(scene, byte),
            b'<' if self.starts("<<") => return self.heredoc_start(scene),
            b'$' if self.starts("${") => {
                let within = if matches!(self.open.last(), Some((Frame::Template, _))) {
                    Within::Reference
                } else {
                    Within::Code
                };
                if !self.variable(within) {
                    let end = self.rest().find(['}', '\n']).map_or(self.text.len(), |found| self.at + found + 1);
                    refuse_reference(scene, &(self.at..end));
                    self.sound = false;
                    self.at = end;
                }
            }
            _ => self.skip(),
        }
        true
    }

    fn separator(&mut self, scene: &mut Scene<'_>, byte: u8) -> bool {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            scene.refuse(
                &self.point(),
                format!("this manifest holds more than {NODES_MAX} values"),
                "split it into several files",
            );
            return false;
        }
        if let Some((Frame::Brace(entries), _)) = self.open.last_mut()
            && byte != b','
        {
            *entries += 1;
            if *entries > ENTRIES_MAX {
                scene.refuse(
                    &self.point(),
                    format!("there are more than {ENTRIES_MAX} entries between these braces"),
                    "split them into several objects or blocks",
                );
                return false;
            }
        }
        self.at += 1;
        true
    }

    fn heredoc_start(&mut self, scene: &mut Scene<'_>) -> bool {
        let marker = if self.starts("<<-") { 3 } else { 2 };
        let after = self.text.get(self.at + marker..).unwrap_or_default();
        let length = after.find(|character| !is_word_character(character)).unwrap_or(after.len());
        let (word, rest) = after.split_at(length);
        if word.is_empty() || !(rest.starts_with('\n') || rest.starts_with("\r\n")) {
            self.at += 2;
            return true;
        }
        self.push(scene, Frame::Heredoc(word), marker + length)
    }

    fn heredoc(&mut self, scene: &mut Scene<'_>, end: &'a str) -> bool {
        if self.starts("\n") {
            self.at += 1;
            let line = self.rest();
            let indented = line.trim_start_matches([' ', '\t']);
            let ends = indented.strip_prefix(end).is_some_and(|after| !after.starts_with(is_word_character));
            if ends {
                self.at += line.len() - indented.len() + end.len();
                self.open.pop();
            }
            return true;
        }
        self.text_or_template(scene)
    }

    fn quote(&mut self, scene: &mut Scene<'_>) -> bool {
        if self.starts("\\") {
            self.at += 1;
            self.skip();
            return true;
        }
        if self.starts("\"") {
            self.at += 1;
            self.open.pop();
            return true;
        }
        if self.starts("\n") {
            let span = self.open.last().map_or_else(|| self.point(), |(_, span)| span.clone());
            scene.refuse(
                &span,
                "this quote is not closed on its line",
                "add the `\"`; a text of several lines is written between `<<END` and a line with `END` alone",
            );
            return false;
        }
        self.text_or_template(scene)
    }

    fn text_or_template(&mut self, scene: &mut Scene<'_>) -> bool {
        if self.starts("$${") || self.starts("%%{") {
            self.at += 3;
            return true;
        }
        if self.starts("%{") {
            scene.refuse(
                &(self.at..self.at + 2),
                "conditions and loops in texts (`%{`) are not supported",
                "write the text out; a literal `%{` is written `%%{`",
            );
            return false;
        }
        if self.starts("${") {
            let within = self.within_text();
            return self.variable(within) || self.push(scene, Frame::Template, 2);
        }
        self.skip();
        true
    }

    /// Where in a text this is.
    fn within_text(&self) -> Within<'a> {
        let line = self.text.get(..self.at).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
        match self.open.last() {
            Some((Frame::Heredoc(end), _)) if line.trim().is_empty() => Within::LineUntil(end),
            Some(_) | None => Within::Text,
        }
    }

    /// Passes over a variable, if there is one here.
    fn variable(&mut self, within: Within<'a>) -> bool {
        let Some(of) = Use::at(self.rest()) else { return false };
        let start = self.at;
        self.at += of.length;
        self.variables.push(Used { start, of, within });
        true
    }
}

/// Says that a reference outside of quotes is none.
fn refuse_reference(scene: &mut Scene<'_>, span: &Span) {
    scene.refuse(
        span,
        "this is not a variable, and a reference is written inside of a text",
        "write a variable as `${NAME}` or `${NAME:-default}`, and a reference in quotes, as in \"${asset.SCOPE.NAME.KEY}:/path:ro\"",
    );
}

fn is_word_character(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '-'
}
