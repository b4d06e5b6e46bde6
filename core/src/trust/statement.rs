//! Statements that people sign apart from commits: approvals of a tree, and rewinds of a host.
//!
//! A statement is a text of a few lines, signed as a file by `ssh-keygen -Y sign` in a namespace of its own:
//!
//! ```text
//! writ approval 1                                   writ rewind 1
//! tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904     source infra
//! hosts edge-*,!edge-9                              host edge-1
//! until 2026-12-24T12:00:00Z                        from 1111111111111111111111111111111111111111
//!                                                   to 2222222222222222222222222222222222222222
//!                                                   until 2026-12-24T12:00:00Z
//! ```
//!
//! Invariant: one meaning has one spelling: the lines stand in this order, each once, each ends with one line feed.
//! Invariant: a statement is about a tree or a commit by its full name, never about a branch.

use super::id::{CommitId, TreeId};
use super::pattern::PatternList;
use super::signer::Signer;
use crate::limits::STATEMENT_BYTES_MAX;
use crate::time::Timestamp;

/// The namespace in which approvals are signed.
pub const APPROVAL_NAMESPACE: &str = "deploy@writ";

/// The namespace in which rewinds are signed.
pub const REWIND_NAMESPACE: &str = "rewind@writ";

const APPROVAL: &str = "writ approval 1";
const REWIND: &str = "writ rewind 1";

/// Somebody approves of a tree, whichever commit records it: so it also holds for the commit that a forge makes of a
/// squashed or rebased branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The tree.
    pub tree: TreeId,
    /// For which hosts, as patterns in a list; all if none.
    pub hosts: Option<String>,
    /// From when on it counts no longer.
    pub until: Option<Timestamp>,
}

/// An approval with a good signature in its namespace, whoever made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedApproval {
    /// What is approved of.
    pub approval: Approval,
    /// Who signed it.
    pub signer: Signer,
}

/// Somebody lets one host go back, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewind {
    /// The source, by the host's name for it.
    pub source: String,
    /// The host.
    pub host: String,
    /// The commit that the host applied last.
    pub from: CommitId,
    /// The commit that it goes back to: what is offered must be it or descend from it.
    pub to: CommitId,
    /// From when on it counts no longer.
    pub until: Timestamp,
}

/// Why a text is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// It is too long, or no text of whole lines.
    #[error("it is no text of whole lines, or longer than {STATEMENT_BYTES_MAX} bytes")]
    NotText,
    /// A line is missing, unknown or out of order.
    #[error("line {line}: `{expected}` belongs here")]
    Line {
        /// The line, counted from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// What stands behind a word is not what it must be.
    #[error("line {line}: the value of `{key}` cannot be read")]
    Value {
        /// The line, counted from 1.
        line: usize,
        /// Its first word.
        key: &'static str,
    },
    /// Lines too many.
    #[error("line {line}: nothing belongs here")]
    Surplus {
        /// The line, counted from 1.
        line: usize,
    },
}

impl Approval {
    /// Reads an approval.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let mut lines = Lines::of(bytes, APPROVAL)?;
        let tree = lines.wanted("tree", |value| value.parse().ok())?;
        let hosts = lines.optional("hosts", |value| PatternList::parse(value).map(|_| value.to_owned()))?;
        let until = lines.optional("until", moment)?;
        lines.end().map(|()| Self { tree, hosts, until })
    }

    /// The text to be signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { tree, hosts, until } = self;
        let hosts = hosts.as_ref().map_or(String::new(), |hosts| format!("hosts {hosts}\n"));
        let until = until.map_or(String::new(), |until| format!("until {}\n", whole_seconds(until)));
        format!("{APPROVAL}\ntree {tree}\n{hosts}{until}")
    }

    /// True if it counts on a host at a moment. On a host of unknown name one that names hosts does not.
    #[must_use]
    pub fn counts(&self, host: Option<&str>, now: Timestamp) -> bool {
        self.why_not(host, now).is_none()
    }

    /// Why it does not count on a host at a moment, in words; none if it does.
    #[must_use]
    pub fn why_not(&self, host: Option<&str>, now: Timestamp) -> Option<String> {
        let Self { tree: _, hosts, until } = self;
        let matches = |hosts: &str, host: &str| PatternList::parse(hosts).is_some_and(|list| list.matches(host));
        let ended = until.filter(|until| *until <= now).map(|until| format!("it ended at {until}"));
        match (hosts, host) {
            (Some(hosts), Some(host)) if !matches(hosts, host) => Some(format!("it is for the hosts {hosts}")),
            (Some(hosts), None) => Some(format!("it is for the hosts {hosts}, and nobody says which host this is")),
            (Some(_) | None, Some(_)) | (None, None) => ended,
        }
    }
}

impl Rewind {
    /// Reads a rewind.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let mut lines = Lines::of(bytes, REWIND)?;
        let source = lines.wanted("source", word)?;
        let host = lines.wanted("host", word)?;
        let from = lines.wanted("from", |value| value.parse().ok())?;
        let to = lines.wanted("to", |value| value.parse().ok())?;
        let until = lines.wanted("until", moment)?;
        lines.end().map(|()| Self { source, host, from, to, until })
    }

    /// The text to be signed.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { source, host, from, to, until } = self;
        let until = whole_seconds(*until);
        format!("{REWIND}\nsource {source}\nhost {host}\nfrom {from}\nto {to}\nuntil {until}\n")
    }
}

/// A value without a blank in it.
pub(super) fn word(value: &str) -> Option<String> {
    (!value.contains(' ')).then(|| value.to_owned())
}

/// A moment in whole seconds, in the one spelling that a statement has for it.
pub(super) fn moment(value: &str) -> Option<Timestamp> {
    Timestamp::parse(value).filter(|moment| whole_seconds(*moment) == value)
}

pub(super) fn whole_seconds(moment: Timestamp) -> String {
    Timestamp::from_seconds(moment.seconds()).to_string().replace(".000Z", "Z")
}

/// The lines of a statement that were not read yet.
pub(super) struct Lines<'a> {
    rest: std::iter::Peekable<std::iter::Enumerate<std::str::Split<'a, char>>>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(bytes: &'a [u8], first: &'static str) -> Result<Self, StatementError> {
        let short = u64::try_from(bytes.len()).is_ok_and(|length| length <= STATEMENT_BYTES_MAX);
        let text = std::str::from_utf8(bytes).ok().filter(|_| short).and_then(|text| text.strip_suffix('\n'));
        let text = text.filter(|text| !text.chars().any(|character| character.is_control() && character != '\n'));
        let mut rest = text.ok_or(StatementError::NotText)?.split('\n').enumerate().peekable();
        if rest.next().is_none_or(|(_, line)| line != first) {
            return Err(StatementError::Line { line: 1, expected: first });
        }
        Ok(Self { rest })
    }

    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, StatementError> {
        let value = |line: &'a str| line.strip_prefix(key)?.strip_prefix(' ');
        let Some((at, line)) = self.rest.next_if(|(_, line)| value(line).is_some()) else { return Ok(None) };
        let read = value(line).filter(|value| !value.is_empty() && value.trim() == *value).and_then(read);
        read.map(Some).ok_or(StatementError::Value { line: at + 1, key })
    }

    pub(super) fn wanted<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StatementError> {
        let line = self.rest.peek().map_or(0, |(at, _)| at + 1);
        self.optional(key, read)?.ok_or(StatementError::Line { line, expected: key })
    }

    pub(super) fn end(&mut self) -> Result<(), StatementError> {
        match self.rest.next() {
            None => Ok(()),
            Some((at, _)) => Err(StatementError::Surplus { line: at + 1 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

    fn approval(rest: &str) -> Result<Approval, StatementError> {
        Approval::parse(format!("writ approval 1\n{rest}").as_bytes())
    }

    #[test]
    fn an_approval_is_written_and_read_back() {
        for rest in
            ["", "hosts edge-*,!edge-9\n", "until 2026-12-24T12:00:00Z\n", "hosts a\nuntil 2026-12-24T12:00:00Z\n"]
        {
            let text = format!("tree {TREE}\n{rest}");
            assert_eq!(approval(&text).unwrap().text(), format!("writ approval 1\n{text}"));
        }
    }

    #[test]
    fn what_has_another_spelling_is_no_approval() {
        let line = |line, expected| Err(StatementError::Line { line, expected });
        assert_eq!(Approval::parse(format!("writ approval 2\ntree {TREE}\n").as_bytes()), line(1, "writ approval 1"));
        assert_eq!(approval("hosts a\n"), line(2, "tree"));
        assert_eq!(approval(""), line(0, "tree"));
        assert_eq!(approval(&format!("tree {TREE}")), Err(StatementError::NotText));
        assert_eq!(approval(&format!("tree {TREE}\r\n")), Err(StatementError::NotText));
        let surplus = Err(StatementError::Surplus { line: 3 });
        for rest in ["tree x\n", "\n", "until\n", "note x\n"] {
            assert_eq!(approval(&format!("tree {TREE}\n{rest}")), surplus, "{rest}");
        }
        let value = |key| Err(StatementError::Value { line: 3, key });
        for (rest, key) in [
            ("until 2026-12-24T12:00:00.000Z\n", "until"),
            ("until 2026-12-24\n", "until"),
            ("hosts \n", "hosts"),
            ("hosts a,\n", "hosts"),
            ("hosts  a\n", "hosts"),
        ] {
            assert_eq!(approval(&format!("tree {TREE}\n{rest}")), value(key), "{rest}");
        }
        assert_eq!(
            approval(&format!("tree {}\n", TREE.to_uppercase())),
            Err(StatementError::Value { line: 2, key: "tree" })
        );
        assert_eq!(approval(&format!("until 2026-12-24T12:00:00Z\ntree {TREE}\n")), line(2, "tree"));
    }

    #[test]
    fn an_approval_counts_on_its_hosts_until_its_end() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let approval = approval(&format!("tree {TREE}\nhosts edge-*,!edge-9\nuntil 2026-12-24T12:00:00Z\n")).unwrap();
        let before = at("2026-12-24T11:59:59Z");
        assert!(approval.counts(Some("edge-1"), before));
        assert!(!approval.counts(Some("edge-1"), at("2026-12-24T12:00:00Z")));
        assert!(!approval.counts(Some("edge-9"), before));
        assert!(!approval.counts(None, before));
    }

    #[test]
    fn a_rewind_is_written_and_read_back_and_each_line_is_needed() {
        let text =
            format!("writ rewind 1\nsource infra\nhost edge-1\nfrom {TREE}\nto {TREE}\nuntil 2026-12-24T12:00:00Z\n");
        assert_eq!(Rewind::parse(text.as_bytes()).unwrap().text(), text);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for left_out in 0..lines.len() {
            let shorter: String =
                lines.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, line)| *line).collect();
            assert!(Rewind::parse(shorter.as_bytes()).is_err(), "{shorter}");
        }
    }
}
