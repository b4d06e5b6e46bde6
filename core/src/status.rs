//! What a pass comes to, in the words of a commit status.

use crate::limits::STATUS_CHARACTERS_MAX;

/// State of a commit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Admitted; applying, or waiting.
    Pending,
    /// As desired.
    Success,
    /// Health, the guard, or drift found later.
    Failure,
    /// Refused, could not be checked, stale or superseded.
    Error,
}

/// One commit status, as it is to stand on a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// The commit.
    pub commit: String,
    /// Who says it: `writ/<host>/<unit>`.
    pub context: String,
    /// Its state.
    pub state: State,
    /// What and how many, at most [`STATUS_CHARACTERS_MAX`] characters.
    pub description: String,
}

impl State {
    /// Its name in the forges' interfaces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }

    /// Finds a state by name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Success, Self::Failure, Self::Error].into_iter().find(|state| state.name() == name)
    }
}

/// Cuts a description to the length that forges take, keeping `tail` (the audit head) whole.
#[must_use]
pub fn describe(text: &str, tail: &str) -> String {
    let room = STATUS_CHARACTERS_MAX.saturating_sub(tail.chars().count() + 1);
    let mut cut: String = text.chars().take(room).collect();
    if text.chars().count() > room {
        cut.pop();
        cut.push('…');
    }
    format!("{cut} {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_description_is_cut_and_keeps_the_audit_head() {
        let text = describe(&"ä".repeat(200), "audit 0123abcd");
        assert_eq!(text.chars().count(), STATUS_CHARACTERS_MAX);
        assert!(text.ends_with("… audit 0123abcd"));
        assert_eq!(describe("3 pods", "audit 0123abcd"), "3 pods audit 0123abcd");
    }
}
