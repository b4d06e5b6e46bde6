//! The decision: may this head change the host?

use std::fmt;
use std::sync::Arc;

use super::commit::PayloadDigest;
use super::evidence::Evidence;
use super::host::HostTrust;
use super::id::{CommitId, TreeId};
use super::judge::{Court, Judged, Outcome};
use super::key_id::KeyId;
use super::permission::{Allowance, Grounds};
use super::proceedings::Proceedings;
use super::reason::Reason;
use super::rules::Rules;
use super::terms::Terms;
use super::witness::Witnesses;
use crate::time::Timestamp;

/// Whose rules they are, as messages say it.
const OF_REPOSITORY: &str = ".writ/trust.toml";
const OF_HOST: &str = "this host";

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
/// Invariant: only [`Proceedings::end`] gives one away, of which [`admit`] is the short form; so holding it is the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    commit: CommitId,
    tree: TreeId,
    signer: KeyId,
    principal: String,
    payload: PayloadDigest,
    /// Shared: each pass holds one of these beside the last, and a commit may change thousands of paths.
    allowances: Arc<[Allowance]>,
    /// The rules of the repository by which its manifests are granted powers.
    granting: Vec<Rules>,
    /// The host's own, which count beside them.
    ceiling: Option<Rules>,
    host: Option<String>,
    stale: Option<Timestamp>,
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
    /// What let it change each path; nothing where no rules of trust were asked, and where it was not admitted.
    pub allowances: Vec<Allowance>,
}

/// What to think of every commit that a head brings, for `writ verify`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    /// The head that was offered.
    pub head: CommitId,
    /// One for each commit, parents before children, the head last.
    pub commits: Vec<Verdict>,
}

/// What is decided upon: a history, where trust in it begins, and who asks.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The commits.
    pub evidence: &'a Evidence,
    /// Where trust begins.
    pub introduction: &'a Introduction,
    /// The last commit that was applied; none before the first deployment.
    pub floor: Option<&'a CommitId>,
    /// What else tells that the host followed a commit; none where no host is asked for.
    pub witnesses: Option<&'a Witnesses>,
    /// When the host first saw what lies above the floor: the time of the pass.
    pub first_seen: Timestamp,
    /// What the host itself says.
    pub host: &'a HostTrust,
}

/// Decides whether an offered head may change the host.
///
/// Every commit that the head brings since the floor is judged, on all edges.
///
/// # Errors
/// If one of them is refused or could not be checked: the oldest of these.
pub fn admit(case: &Case<'_>) -> Result<Admitted, Refusal> {
    Proceedings::whole(case).take(case.evidence).end(case.witnesses)
}

/// The verdict on every commit that an offered head brings; the head is admitted if all of them are.
#[must_use]
pub fn verdicts(case: &Case<'_>) -> Verdicts {
    Proceedings::whole(case).telling().take(case.evidence).verdicts(case.witnesses)
}

/// What let a commit change each path, on each of its edges: nothing where no rules of trust were asked.
///
/// # Errors
/// If it is not among the commits of the case, or may not make its changes.
pub fn explain(case: &Case<'_>, commit: &CommitId) -> Result<Vec<Allowance>, Outcome> {
    Court::new(case, None).explain(commit)
}

/// What let a path be what it is in the tree of the head.
///
/// # Errors
/// If that cannot be told from the evidence.
pub fn grounds(case: &Case<'_>, path: &[u8]) -> Result<Grounds, Outcome> {
    Court::new(case, None).grounds(path)
}

impl Admitted {
    /// Of the head of a case that was judged good, as the whole history behind it was.
    pub(super) fn of(case: &Case<'_>, judged: &Judged, allowances: Vec<Allowance>) -> Option<Self> {
        let Case { evidence, introduction, floor: _, witnesses: _, first_seen: _, host } = *case;
        let node = evidence.node(&judged.commit)?;
        let content = node.content.as_ref().ok()?;
        let own = evidence.authorizations_of(content).listed()?;
        // Powers are granted by those who came before; the introduction's are its own, for it was pinned as it is.
        let parents = if judged.commit == introduction.commit { [].as_slice() } else { node.parents.as_slice() };
        let granting = parents.iter().filter_map(|id| {
            let parent = evidence.node(id)?.content.as_ref().ok()?;
            evidence.authorizations_of(parent).listed()
        });
        let granting = granting.chain(parents.is_empty().then_some(own));
        let granting = granting.filter_map(|listed| listed.rules.as_ref()).cloned();
        let ages = own.rules.iter().chain(&host.ceiling).filter_map(Rules::max_age);
        Some(Self {
            granting: granting.collect(),
            ceiling: host.ceiling.clone(),
            host: host.name.clone(),
            stale: ages.min().map(|age| Timestamp::from_seconds(content.committed).plus(age)),
            commit: judged.commit,
            tree: content.tree,
            signer: judged.signer?,
            principal: judged.principal.clone()?,
            payload: content.payload,
            allowances: allowances.into(),
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

    /// What let it change each path, on each of its edges: nothing where no rules of trust were asked, and of the
    /// introduction.
    #[must_use]
    pub fn allowances(&self) -> &[Allowance] {
        &self.allowances
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

    /// What the manifests at a path of its tree may ask of the host, and as whom they are applied. All rules in force count:
    /// those of each parent, for rules apply to the commit after them, and the host's own.
    #[must_use]
    pub fn terms(&self, path: &[u8]) -> Terms {
        let granting = self.granting.iter().map(|rules| (rules, OF_REPOSITORY));
        let all = granting.chain(self.ceiling.iter().map(|rules| (rules, OF_HOST)));
        all.map(|(rules, from)| rules.terms(self.host.as_deref(), path, from)).fold(Terms::default(), Terms::and)
    }

    /// Refuses a commit that is too old to change anything by now, as the rules of its tree or of the host say.
    ///
    /// # Errors
    /// The refusal.
    pub fn fresh(&self, now: Timestamp) -> Result<(), Refusal> {
        let Some(stale) = self.stale.filter(|stale| *stale <= now) else { return Ok(()) };
        let detail = format!("nothing was signed for longer than `max_age` allows: it counts no longer since {stale}");
        let (head, commit) = (self.commit, self.commit);
        Err(Refusal { head, commit, reason: Some(Reason::Stale), detail, further: 0 })
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
