//! A row of the outbox as news for people.

use writ_core::status::State;
use writ_core::time::Timestamp;

use crate::record::Waiting;

/// Digits of a commit that people read.
const COMMIT_DIGITS: usize = 12;

/// Characters of a title: a line of a list of mails.
const TITLE_CHARACTERS_MAX: usize = 120;

/// What a row tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct News<'a> {
    /// The row.
    pub(super) id: i64,
    /// The host that tells.
    pub(super) host: &'a str,
    /// The unit that it is about.
    pub(super) unit: &'a str,
    /// The kind of trouble.
    pub(super) kind: &'a str,
    /// It is over.
    pub(super) is_over: bool,
    /// The commit that it concerns; none where there is none.
    pub(super) commit: Option<&'a str>,
    /// What is wrong.
    pub(super) text: &'a str,
    /// The head of the audit that covers the telling.
    pub(super) audit: &'a str,
    /// When it was found out.
    pub(super) at: Timestamp,
}

impl<'a> News<'a> {
    /// Reads a row; none if it is a status of a commit.
    pub(super) fn read(waiting: &'a Waiting) -> Option<Self> {
        let status = &waiting.status;
        let mut parts = status.context.strip_prefix("writ/")?.split('/');
        let (host, unit, kind) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            id: waiting.id.number(),
            host,
            unit,
            kind,
            is_over: status.state == State::Success,
            commit: Some(status.commit.as_str()).filter(|commit| !commit.is_empty()),
            text: &waiting.text,
            audit: status.description.rsplit(' ').next().unwrap_or_default(),
            at: waiting.enqueued,
        })
    }

    /// A line: where, what kind, and the beginning of what is wrong.
    pub(super) fn title(&self) -> String {
        let Self { host, unit, kind, is_over, .. } = self;
        let over = if *is_over { " is over" } else { "" };
        let text: String = format!("[writ] {host}/{unit}: {kind}{over}");
        text.chars().map(|it| if it.is_control() { ' ' } else { it }).take(TITLE_CHARACTERS_MAX).collect()
    }

    /// All of it, in lines.
    pub(super) fn body(&self) -> String {
        let commit = self
            .commit
            .map_or_else(String::new, |commit| format!("Commit {}. ", commit.get(..COMMIT_DIGITS).unwrap_or(commit)));
        format!("{}\n{commit}Told at {}; audit {}.", self.text, self.at, self.audit)
    }
}
