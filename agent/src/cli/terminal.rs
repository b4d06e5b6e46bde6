//! All that is printed: documents on standard output, everything else on standard error.
//!
//! Invariant: colour and questions appear only on a terminal; `NO_COLOR` is honoured.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use serde_json::Value;

use super::exit::{Exit, Failure};
use super::yaml;

/// How a document is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

/// A colour of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Good,
    Bad,
    Busy,
    Faint,
}

/// Where a command speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    format: Format,
    out_colour: bool,
    error_colour: bool,
    asks: bool,
}

impl Terminal {
    /// That of this process.
    pub(crate) fn of_this_process(format: Format) -> Self {
        let colour = writ::settings::wants_colour();
        let error_terminal = io::stderr().is_terminal();
        Self {
            format,
            out_colour: colour && format == Format::Text && io::stdout().is_terminal(),
            error_colour: colour && error_terminal,
            asks: io::stdin().is_terminal() && error_terminal,
        }
    }

    /// How documents are printed.
    pub(crate) const fn format(&self) -> Format {
        self.format
    }

    /// Whether standard error takes colour.
    pub(crate) const fn error_colour(&self) -> bool {
        self.error_colour
    }

    /// Whether a progress bar may be drawn on standard error.
    pub(crate) fn draws(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Prints a document: `text` for people, `value` for programs.
    pub(crate) fn show(&self, value: &Value, text: &str) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.print(text),
            Format::Json => self.print(&format!("{value:#}\n")),
            Format::Yaml => self.print(&yaml::document(value)),
        }
    }

    /// Prints one of several documents, of which each takes the place of the one before: on a terminal literally, for
    /// programs as a line of JSON or a document of YAML, else below it.
    pub(crate) fn show_next(&self, value: &Value, text: &str, first: bool) -> Result<(), Failure> {
        match self.format {
            // Source: ECMA-48, cursor position and erase in page.
            Format::Text if io::stdout().is_terminal() => self.print(&format!("\x1b[H\x1b[2J{text}")),
            Format::Text => self.print(&format!("{}{text}", if first { "" } else { "\n" })),
            Format::Json => self.print(&format!("{value}\n")),
            Format::Yaml => self.print(&format!("---\n{}", yaml::document(value))),
        }
    }

    /// Prints text on standard output.
    pub(crate) fn print(&self, text: &str) -> Result<(), Failure> {
        self.print_bytes(text.as_bytes())
    }

    /// Prints bytes on standard output.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(()),
            // Whoever read has read enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::Said(Exit::Success)),
            Err(error) => Err(Failure::message(format!("cannot write to standard output: {error}"))),
        }
    }

    /// Prints bytes of somebody else on standard error.
    pub(crate) fn print_error_bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut error = io::stderr().lock();
        Ok(error.write_all(bytes).and_then(|()| error.flush())?)
    }

    /// Says something on standard error.
    pub(crate) fn say(&self, text: &str) {
        // Nothing can be said about not being able to say anything.
        drop(writeln!(io::stderr().lock(), "{}", text.trim_end_matches('\n')));
    }

    /// Says that something failed.
    pub(crate) fn complain(&self, text: &str) {
        let label = if self.error_colour { "\x1b[1;31merror\x1b[0m" } else { "error" };
        self.say(&format!("{label}: {text}"));
    }

    /// Text for standard output in a colour, if that takes colour.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.out_colour {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Good => 32,
            Colour::Bad => 31,
            Colour::Busy => 33,
            Colour::Faint => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Goes on only if `yes` was given or a person at the terminal agrees.
    pub(crate) fn confirm(&self, question: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !self.asks {
            let message = format!("{question} There is nobody to ask: run it again with --yes");
            return Err(Failure::message(message));
        }
        let mut error = io::stderr().lock();
        write!(error, "{question} [y/N] ").and_then(|()| error.flush())?;
        drop(error);
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::message("nothing was done")),
        }
    }
}
