//! Rewinds of a host as a source finds them: what is there, what core says of it, and what the record keeps.
//!
//! Invariant: nothing goes back by itself: without a statement that core lets in, a refusal stays one.

use std::collections::BTreeSet;

use writ_core::time::Timestamp;
use writ_core::trust::{CommitId, HostTrust, LetBack, Reason, Refusal, RewindCase, RewindId, rewinds};

use crate::error::chain;
use crate::git::{GitError, Mirror};
use crate::record::{RecordError, Rewound, Store};

/// The statements that were used on this host.
pub(crate) fn used(store: &Store) -> Result<BTreeSet<RewindId>, RecordError> {
    let unreadable = |text: &str| RecordError::Meaning {
        path: store.path().to_path_buf(),
        row: "a rewind that was used".to_owned(),
        detail: format!("{text} is no digest"),
    };
    let used = store.rewinds_used()?;
    used.iter().map(|text| RewindId::parse(text).ok_or_else(|| unreadable(text))).collect()
}

/// The rewinds that this host may follow from its floor, and for each other one that is about it, why not.
pub(crate) fn ask(
    mirror: &Mirror,
    source: &str,
    host: &HostTrust,
    floor: CommitId,
    used: &BTreeSet<RewindId>,
    now: Timestamp,
) -> Result<(Vec<LetBack>, Vec<String>), GitError> {
    let Some(name) = &host.name else { return Ok((Vec::new(), Vec::new())) };
    let (statements, mut unusable) = mirror.rewinds(name)?;
    if statements.is_empty() {
        return Ok((Vec::new(), unusable));
    }
    let Some(listed) = mirror.listed_at(floor)? else {
        unusable.push(format!("the files of {floor}, which was applied last, let nobody sign it"));
        return Ok((Vec::new(), unusable));
    };
    let case = RewindCase { source, host, floor, listed: &listed, statements: &statements, used, now };
    let (followed, refused) = rewinds(&case);
    unusable.extend(refused);
    Ok((followed, unusable))
}

/// What the record keeps of a rewind that is followed.
pub(crate) fn record(source: &str, from: CommitId, back: &LetBack) -> Rewound {
    let LetBack { id, to, signers, principals } = back;
    Rewound {
        source: source.to_owned(),
        from: from.to_string(),
        to: to.to_string(),
        statement: id.to_string(),
        signers: signers.iter().map(ToString::to_string).chain(principals.iter().cloned()).collect(),
    }
}

/// A refused rewind tells which statements could not be used.
pub(crate) fn with_unusable(refusal: Refusal, unusable: &[String]) -> Refusal {
    if refusal.reason != Some(Reason::Rewind) || unusable.is_empty() {
        return refusal;
    }
    let detail = format!("{}; a rewind cannot be used: {}", refusal.detail, unusable.join("; "));
    Refusal { detail, ..refusal }
}

/// The host may go back, and the head is not admitted from there either.
pub(crate) fn not_from_there(refusal: Refusal, back: &LetBack) -> Refusal {
    let detail = format!("by the rewind to {}: {}", back.to, refusal.detail);
    Refusal { detail, ..refusal }
}

/// Whether the host may go back could not be found out.
pub(crate) fn unchecked(refusal: Refusal, error: &GitError) -> Refusal {
    if refusal.reason != Some(Reason::Rewind) {
        return refusal;
    }
    let detail = format!("{}; whether a rewind lets it in cannot be read: {}", refusal.detail, chain(error));
    Refusal { reason: None, detail, ..refusal }
}
