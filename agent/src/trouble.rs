//! Where trust in a source begins, and why a head is not followed.

use writ_core::trust::{self, Admitted, CommitId, Introduction, KeyId};

use crate::record::{Allowed, RecordError, Store, TrustEvent};
use crate::settings;

/// Why a head is not followed. What runs stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody has said where trust in this source begins.
    NotEnrolled,
    /// The settings pin another beginning than the one that was enrolled.
    Contradiction,
    /// The beginning that was pinned, or the commit that was asked for, is no such thing; what to do.
    Unreadable(String),
    /// The remote could not be asked.
    Unreachable(String),
    /// The remote has no such branch (any more).
    Gone,
    /// The head may not change this host.
    Refused(trust::Refusal),
}

/// The heart of a refusal, short enough for a commit status.
pub(crate) fn in_short(refusal: &trust::Refusal) -> String {
    let trust::Refusal { head, commit, reason, detail, further: _ } = refusal;
    let what = reason.map_or_else(|| "could not be checked".to_owned(), |reason| format!("refused: {reason}"));
    let culprit = if commit == head { String::new() } else { format!(", by {:.8}", commit.to_string()) };
    format!("{what}{culprit}: {detail}")
}

/// A judgement as the journal tells it.
pub(crate) fn told(source: &str, head: CommitId, verdict: &Result<Admitted, trust::Refusal>) -> TrustEvent {
    let (source, commit) = (source.to_owned(), head.to_string());
    match verdict {
        Ok(admitted) => TrustEvent::Admitted {
            source,
            commit,
            signer: admitted.signer().to_string(),
            principal: Some(admitted.principal().to_owned()),
            allowed: Allowed::of(admitted.allowances()),
        },
        Err(refusal) => match refusal.reason {
            None => TrustEvent::Unchecked { source, commit: Some(commit), detail: refusal.to_string() },
            Some(reason) => TrustEvent::Refused {
                source,
                commit,
                culprit: (refusal.commit != head).then(|| refusal.commit.to_string()),
                reason: reason.code().to_owned(),
                detail: refusal.to_string(),
            },
        },
    }
}

/// Where trust in a source begins: as enrolled on this host, or as the settings pin it. Two that differ are no beginning.
///
/// # Errors
/// If the record cannot be read.
pub fn introduction(store: &Store, source: &settings::Source) -> Result<Result<Introduction, Trouble>, RecordError> {
    let enrolled = store.introduction(&source.name)?.map(|introduced| (introduced.commit, introduced.signer));
    let pinned = source.introduction.as_ref().map(|pinned| (pinned.commit.clone(), pinned.signer.clone()));
    if let (Some(enrolled), Some(pinned)) = (&enrolled, &pinned)
        && enrolled != pinned
    {
        return Ok(Err(Trouble::Contradiction));
    }
    let Some((commit, signer)) = enrolled.or(pinned) else { return Ok(Err(Trouble::NotEnrolled)) };
    let again = |why: String| format!("the introduction cannot be read: {why}; run `writ enrol` again");
    let commit = commit.parse::<CommitId>().map_err(|error| again(error.to_string()));
    let signer = signer.parse::<KeyId>().map_err(|error| again(error.to_string()));
    Ok(commit.and_then(|commit| Ok(Introduction { commit, signer: signer? })).map_err(Trouble::Unreadable))
}

/// The last commit that was verified and applied. One that cannot be read is an error: without a floor, a rewind would pass.
pub(crate) fn floor(store: &Store, source: &str) -> Result<Option<CommitId>, RecordError> {
    let unreadable = |text: &str| RecordError::Meaning {
        path: store.path().to_path_buf(),
        row: format!("the floor of {source}"),
        detail: format!("{text} is no commit"),
    };
    store.floor(source)?.map(|text| text.parse().map_err(|_| unreadable(&text))).transpose()
}

impl Trouble {
    /// The commit that is offered and not followed; none where none is offered.
    #[must_use]
    pub fn commit(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(refusal.head.to_string()),
            Self::NotEnrolled | Self::Contradiction | Self::Unreadable(_) | Self::Unreachable(_) | Self::Gone => None,
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotEnrolled => f.write_str("the source is not enrolled: run `writ enrol`"),
            Self::Contradiction => f.write_str(
                "the settings pin another introduction than the one that was enrolled: \
                 take it out of the settings, or run `writ enrol` again",
            ),
            Self::Unreadable(why) => f.write_str(why),
            Self::Unreachable(why) => write!(f, "the remote could not be asked: {why}"),
            Self::Gone => f.write_str("the remote has no such branch; what runs stays as it is"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}
