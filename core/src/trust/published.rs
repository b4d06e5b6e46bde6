//! What a host says in public about where it is: a text that its host key signs.
//!
//! ```text
//! writ host 1
//! host edge-1
//! source infra
//! branch main
//! head 2222222222222222222222222222222222222222
//! floor 2222222222222222222222222222222222222222
//! audit 75f1e32a96417533c60519a4fa800fc9392816ca09034a4795bf33336bed9d8c
//! time 2026-11-21T09:10:11Z
//! state success
//! ```
//!
//! Invariant: one meaning has one spelling, as for the statements of people.

use super::id::CommitId;
use super::statement::{Lines, StatementError, moment, whole_seconds, word};
use crate::time::Timestamp;

/// The namespace in which hosts sign.
pub const HOST_NAMESPACE: &str = "audit@writ";

const FIRST: &str = "writ host 1";

/// Digits of a hash of the journal.
const AUDIT_DIGITS: usize = 64;

/// Where a host was at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The host, by its settings.
    pub host: String,
    /// The source, by the host's name for it.
    pub source: String,
    /// The branch that it follows there.
    pub branch: String,
    /// The head that it admitted last.
    pub head: CommitId,
    /// The commit that it applied last.
    pub floor: CommitId,
    /// The head of its journal, in hexadecimal digits.
    pub audit: String,
    /// When it said so.
    pub time: Timestamp,
    /// How it stood then; hosts of before say nothing about that.
    pub state: Option<HostState>,
}

/// How a host stands with a source: the worst of its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostState {
    /// As the commit says.
    Success,
    /// On the way there, suspended, or waiting for a window or for another unit.
    Pending,
    /// Something moved away from what was applied, and was left so.
    Drifted,
    /// Something failed or is not healthy.
    Failure,
    /// Something is refused, or could not be checked.
    Error,
}

impl HostState {
    const ALL: [Self; 5] = [Self::Success, Self::Pending, Self::Drifted, Self::Failure, Self::Error];

    /// Its name, as it is published.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Pending => "pending",
            Self::Drifted => "drifted",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }

    /// Finds a state by name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

impl Published {
    /// Reads the text.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let mut lines = Lines::of(bytes, FIRST)?;
        let digits = |value: &str| {
            let is_hash =
                value.len() == AUDIT_DIGITS && value.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
            is_hash.then(|| value.to_owned())
        };
        let host = lines.wanted("host", word)?;
        let source = lines.wanted("source", word)?;
        let branch = lines.wanted("branch", word)?;
        let head = lines.wanted("head", |value| value.parse().ok())?;
        let floor = lines.wanted("floor", |value| value.parse().ok())?;
        let audit = lines.wanted("audit", digits)?;
        let time = lines.wanted("time", moment)?;
        let state = lines.optional("state", HostState::parse)?;
        lines.end().map(|()| Self { host, source, branch, head, floor, audit, time, state })
    }

    /// The text to be signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { host, source, branch, head, floor, audit, time, state } = self;
        let time = whole_seconds(*time);
        let state = state.map_or(String::new(), |state| format!("state {}\n", state.name()));
        format!(
            "{FIRST}\nhost {host}\nsource {source}\nbranch {branch}\nhead {head}\nfloor {floor}\naudit {audit}\ntime \
             {time}\n{state}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_publishes_is_written_and_read_back_and_each_line_is_needed() {
        let (one, other, audit) = ("1".repeat(40), "2".repeat(40), "a".repeat(64));
        let text = format!(
            "writ host 1\nhost edge-1\nsource infra\nbranch release/2\nhead {other}\nfloor {one}\naudit {audit}\n\
             time 2026-11-21T09:10:11Z\n"
        );
        assert_eq!(Published::parse(text.as_bytes()).unwrap().text(), text);
        for state in HostState::ALL {
            let told = format!("{text}state {}\n", state.name());
            let read = Published::parse(told.as_bytes()).unwrap();
            assert_eq!((read.state, read.text()), (Some(state), told));
        }
        for wrong in ["state well\n", "state\n", "state success\nstate success\n", "note x\n"] {
            assert!(Published::parse(format!("{text}{wrong}").as_bytes()).is_err(), "{wrong}");
        }
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for left_out in 0..lines.len() {
            let shorter = lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| *line);
            assert!(Published::parse(shorter.collect::<String>().as_bytes()).is_err(), "without line {left_out}");
        }
        for (from, to) in [("host 1", "host 2"), (&*audit, "abc"), (&*audit, &*"A".repeat(64)), ("11Z", "11.0Z")] {
            assert!(Published::parse(text.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
        }
    }
}
