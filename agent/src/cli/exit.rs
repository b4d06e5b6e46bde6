//! How a command ends: the exit codes that scripts rely on, and failures on their way to the terminal.

use std::error::Error;
use std::process::ExitCode;

/// What a command's exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done; nothing to do; healthy; admitted.
    Success,
    /// Something went wrong, or is failing.
    Failure,
    /// Changes were made or would be; drifted or progressing.
    Changed,
    /// Something was refused, or a chain is broken.
    Refused,
    /// The exit code of a program that ran in a pod.
    Of(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::from(0),
            Exit::Failure => Self::from(1),
            Exit::Changed => Self::from(2),
            Exit::Refused => Self::from(3),
            Exit::Of(code) => Self::from(code),
        }
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error, to be printed with its causes.
    Error(Box<dyn Error>),
    /// A sentence for the user.
    Message(String),
    /// All was said already.
    Said(Exit),
}

/// What a command comes to.
pub(crate) type Ended = Result<Exit, Failure>;

impl Failure {
    /// A sentence for the user.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }
}

impl<E: Error + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Error(Box::new(error))
    }
}
