//! The decision: may this head change the host?

use std::fmt;

use super::commit::PayloadDigest;
use super::evidence::Evidence;
use super::id::{CommitId, TreeId};
use super::judge::{Court, Judged, Outcome};
use super::key_id::KeyId;
use super::reason::Reason;
use crate::time::Timestamp;

/// What a host pinned when it was enrolled: where trust begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introduction {
    /// The introducing commit.
    pub commit: CommitId,
    /// The key that signed it.
    pub signer: KeyId,
}

/// A commit that passed the host's trust policy, with its whole history since the introduction.
///
/// Invariant: only [`admit`] builds one, so holding it is the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    commit: CommitId,
    tree: TreeId,
    signer: KeyId,
    principal: String,
    payload: PayloadDigest,
}

/// Why an offered head may not change the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The head that was offered.
    pub head: CommitId,
    /// The oldest commit that is in the way.
    pub commit: CommitId,
    /// Its reason; none if it could not be checked, which is an error and no judgement.
    pub reason: Option<Reason>,
    /// What exactly is wrong or missing.
    pub detail: String,
    /// How many later commits are in the way, too.
    pub further: usize,
}

/// What to think of one commit of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The commit.
    pub commit: CommitId,
    /// The judgement.
    pub outcome: Outcome,
    /// Who signed it, if the signature is good, whether authorized or not.
    pub signer: Option<KeyId>,
    /// The principal under which it was admitted.
    pub principal: Option<String>,
}

/// What to think of every commit that a head brings, for `writ verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    /// The head that was offered.
    pub head: CommitId,
    /// One for each commit, parents before children, the head last.
    pub commits: Vec<Verdict>,
}

/// Decides whether an offered head may change the host.
///
/// Every commit that the head brings since `floor` (the last one applied; none before the first deployment) is judged, on
/// all edges. `first_seen` is the moment when the host first saw what lies above the floor: the time of the pass.
pub fn admit(
    evidence: &Evidence,
    introduction: &Introduction,
    floor: Option<&CommitId>,
    first_seen: Timestamp,
) -> Result<Admitted, Refusal> {
    let judged = Court::new(evidence, introduction, floor, first_seen).judge();
    let mut refusals = judged.iter().filter_map(|judged| match &judged.outcome {
        Outcome::Admitted => None,
        Outcome::Refused(reason, detail) => Some((judged.commit, Some(*reason), detail)),
        Outcome::Unchecked(detail) => Some((judged.commit, None, detail)),
    });
    let head = evidence.head();
    if let Some((commit, reason, detail)) = refusals.next() {
        let (detail, further) = (detail.clone(), refusals.count());
        return Err(Refusal { head, commit, reason, detail, further });
    }
    let proven = judged.last().filter(|judged| judged.commit == head);
    proven.and_then(|judged| Admitted::of(evidence, judged)).ok_or_else(|| Refusal {
        head,
        commit: head,
        reason: None,
        detail: "the head was not among the commits that were judged".to_owned(),
        further: 0,
    })
}

/// The verdict on every commit that an offered head brings; the head is admitted if all of them are.
#[must_use]
pub fn verdicts(
    evidence: &Evidence,
    introduction: &Introduction,
    floor: Option<&CommitId>,
    first_seen: Timestamp,
) -> Verdicts {
    let judged = Court::new(evidence, introduction, floor, first_seen).judge().into_iter();
    let commits =
        judged.map(|Judged { commit, outcome, signer, principal }| Verdict { commit, outcome, signer, principal });
    Verdicts { head: evidence.head(), commits: commits.collect() }
}

impl Admitted {
    fn of(evidence: &Evidence, judged: &Judged) -> Option<Self> {
        let content = evidence.node(&judged.commit)?.content.as_ref().ok()?;
        Some(Self {
            commit: judged.commit,
            tree: content.tree,
            signer: judged.signer?,
            principal: judged.principal.clone()?,
            payload: content.payload,
        })
    }

    /// The admitted commit.
    #[must_use]
    pub const fn commit(&self) -> CommitId {
        self.commit
    }

    /// Its tree.
    #[must_use]
    pub const fn tree(&self) -> TreeId {
        self.tree
    }

    /// The key that signed it.
    #[must_use]
    pub const fn signer(&self) -> KeyId {
        self.signer
    }

    /// Whose key that is, as its first parent's `.writ/allowed_signers` says.
    #[must_use]
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// The hash of what its signature covers: equal for copies of it that differ in the signature alone.
    #[must_use]
    pub const fn payload_digest(&self) -> PayloadDigest {
        self.payload
    }
}

impl Verdicts {
    /// True if the head may change the host.
    #[must_use]
    pub fn admitted(&self) -> bool {
        let head_is_last = self.commits.last().is_some_and(|last| last.commit == self.head);
        head_is_last && self.commits.iter().all(|verdict| verdict.outcome == Outcome::Admitted)
    }

    /// True if a commit could not be checked, so that a refusal is no judgement.
    #[must_use]
    pub fn unchecked(&self) -> bool {
        self.commits.iter().any(|verdict| matches!(verdict.outcome, Outcome::Unchecked(_)))
    }
}

impl std::error::Error for Refusal {}

/// Names the commit, the reason and what to do.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, commit, reason, detail, further } = self;
        match reason {
            Some(reason) => write!(f, "commit {commit} is refused ({reason}): {detail}")?,
            None => write!(f, "commit {commit} could not be checked: {detail}")?,
        }
        if commit != head {
            write!(f, "; the offered head {head} builds on it")?;
        }
        match further {
            0 => {}
            1 => write!(f, "; one later commit is in the way, too")?,
            more => write!(f, "; {more} later commits are in the way, too")?,
        }
        match reason {
            Some(reason) => write!(f, ". To mend it: {}", reason.advice()),
            None => f.write_str(". Nothing was changed; the next pass tries again"),
        }
    }
}

#[cfg(test)]
#[path = "admit_tests.rs"]
mod tests;
