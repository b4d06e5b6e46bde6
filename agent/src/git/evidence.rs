//! Walks from an offered head to the floor or the introduction and collects what a judgement needs.
//!
//! Invariant: what is not reached, not read or not understood is missing from the evidence or marked in it; nothing here
//! decides.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use gix::objs::Kind;
use writ_core::limits::COMMIT_BYTES_MAX;
use writ_core::trust::{
    Armor, AuthorizationsId, CommitId, Evidence, EvidenceBuilder, HostTrust, Introduction, Malformed, RawCommit,
    Reason, Signature,
};

use super::error::GitError;
use super::folders::Folders;
use super::objects::{Object, Repository};
use crate::limits::{COMMITS_AT_ONCE, COMMITS_MAX};
use crate::signature::{self, Keyring};

/// A commit whose signature waits to be checked together with others.
struct Waiting {
    id: CommitId,
    bytes: Vec<u8>,
    authorizations: AuthorizationsId,
    /// For an OpenPGP signature: the keys of the trees that may authorize its signer.
    keyrings: Vec<Arc<Keyring>>,
}

struct Walk<'a> {
    repository: &'a Repository,
    evidence: EvidenceBuilder,
    waiting: Vec<Waiting>,
    /// Parents of what was seen, in the evidence or still waiting.
    seen: HashMap<CommitId, Vec<CommitId>>,
    /// Commits with an OpenPGP signature. The keys that may have made it are in the trees of the parents, which are read
    /// later.
    deferred: Vec<CommitId>,
    folders: Folders<'a>,
    head: CommitId,
}

impl Repository {
    /// Everything that [`writ_core::trust::admit`] needs to judge a head: each commit from it to the floor or the
    /// introduction, on all edges, with its signature checked.
    pub fn evidence(
        &self,
        introduction: &Introduction,
        floor: Option<&CommitId>,
        head: CommitId,
        host: &HostTrust,
    ) -> Result<Evidence, GitError> {
        let mut walk = Walk::new(self, head);
        let start = introduction.commit;
        let ends = |id: &CommitId| *id == start || Some(id) == floor;
        walk.go(vec![head], ends, true)?;
        let meets = |walk: &Walk<'_>, id: &CommitId| walk.seen.contains_key(id);
        if let Some(floor) = floor.filter(|floor| meets(&walk, floor))
            && self.is_rooted(floor, &start)?
        {
            walk.evidence.rooted(*floor);
        }
        match floor {
            Some(floor) if *floor != start && meets(&walk, floor) => {
                let below = walk.parents(floor);
                if meets(&walk, &start) {
                    // A line went past the floor: say which commits the floor has settled.
                    walk.go(below, |id| *id == start, false)?;
                } else if *floor == head {
                    // The floor's own parents name its signer.
                    walk.go(below, |_| true, false)?;
                }
            }
            // Enrolled anew above the floor: look for the floor below the introduction.
            Some(floor) if *floor != start && meets(&walk, &start) => {
                let below = walk.parents(&start);
                walk.go(below, |id| id == floor, false)?;
            }
            Some(_) | None => {}
        }
        walk.finish(introduction, floor, host)
    }

    /// The same for the part of a history between a commit through which all its lines pass and a later one. The earlier one
    /// is read as a parent: nobody asks again who signed it.
    pub(super) fn evidence_above(
        &self,
        base: CommitId,
        introduction: &Introduction,
        head: CommitId,
        host: &HostTrust,
    ) -> Result<Evidence, GitError> {
        let mut walk = Walk::new(self, head);
        walk.go(vec![base], |_| true, false)?;
        walk.go(vec![head], |id| *id == introduction.commit, true)?;
        walk.finish(introduction, Some(&base), host)
    }
}

impl<'a> Walk<'a> {
    fn new(repository: &'a Repository, head: CommitId) -> Self {
        Self {
            repository,
            evidence: EvidenceBuilder::new(head),
            waiting: Vec::with_capacity(COMMITS_AT_ONCE),
            seen: HashMap::new(),
            deferred: Vec::new(),
            folders: Folders::new(repository),
            head,
        }
    }

    fn finish(
        mut self,
        introduction: &Introduction,
        floor: Option<&CommitId>,
        host: &HostTrust,
    ) -> Result<Evidence, GitError> {
        self.check_waiting();
        self.check_deferred(&introduction.commit)?;
        let mut evidence = self.evidence.finish();
        self.repository.add_differences(&mut evidence, floor, host)?;
        self.repository.add_approvals(&mut evidence, host)?;
        Ok(evidence)
    }

    fn parents(&self, id: &CommitId) -> Vec<CommitId> {
        self.seen.get(id).cloned().unwrap_or_default()
    }

    /// Reads these commits and their ancestors, up to and with those that `ends` names.
    fn go(&mut self, from: Vec<CommitId>, ends: impl Fn(&CommitId) -> bool, check: bool) -> Result<(), GitError> {
        let mut open = from;
        while let Some(id) = open.pop() {
            if self.seen.contains_key(&id) {
                continue;
            }
            if self.seen.len() >= COMMITS_MAX {
                return Err(GitError::TooManyCommits { head: self.head, limit: COMMITS_MAX });
            }
            let parents = self.take(id, check)?;
            if !ends(&id) {
                open.extend(parents.iter().filter(|parent| !self.seen.contains_key(parent)));
            }
            self.seen.insert(id, parents);
        }
        Ok(())
    }

    /// Reads one commit and returns its parents.
    fn take(&mut self, id: CommitId, check: bool) -> Result<Vec<CommitId>, GitError> {
        let mut bytes = Vec::new();
        let detail = match self.repository.read(id.as_bytes(), Kind::Commit, COMMIT_BYTES_MAX, &mut bytes)? {
            Object::Right(_) => None,
            Object::Other(kind) => Some(format!("it is a {kind} and no commit")),
            Object::Long(length) => Some(format!("it is {length} bytes long")),
        };
        let parsed = match detail {
            None => RawCommit::parse(id, &bytes),
            Some(detail) => Err(Malformed { reason: Reason::MalformedCommit, detail, parents: Vec::new() }),
        };
        let (tree, parents, is_openpgp) = match parsed {
            Ok(commit) => (commit.tree(), commit.parents().to_vec(), matches!(commit.armor(), Armor::OpenPgp(_))),
            Err(malformed) => {
                let parents = malformed.parents.clone();
                self.evidence.malformed(id, malformed);
                return Ok(parents);
            }
        };
        let authorizations = self.folders.authorizations(&mut self.evidence, tree)?;
        let is_asked = check && !is_openpgp;
        let known = if is_asked { self.repository.known.borrow().signature(&bytes) } else { None };
        if let Some(known) = known
            && let Ok(commit) = RawCommit::parse(id, &bytes)
        {
            self.evidence.commit(&commit, known, authorizations);
        } else if is_asked {
            self.wait(Waiting { id, bytes, authorizations, keyrings: Vec::new() });
        } else if let Ok(commit) = RawCommit::parse(id, &bytes) {
            self.evidence.commit(&commit, Signature::NotChecked, authorizations);
            if check {
                self.deferred.push(id);
            }
        }
        Ok(parents)
    }

    /// Checks the OpenPGP signatures, now that the trees of all parents were read. One without any parent in the evidence
    /// stays unchecked.
    fn check_deferred(&mut self, start: &CommitId) -> Result<(), GitError> {
        for id in std::mem::take(&mut self.deferred) {
            let Some(authorizations) = self.evidence.authorizations_at(&id) else { continue };
            // The introduction is signed by a key of its own tree.
            let by = if id == *start { vec![id] } else { self.parents(&id) };
            let by: Vec<AuthorizationsId> =
                by.iter().filter_map(|parent| self.evidence.authorizations_at(parent)).collect();
            if by.is_empty() {
                continue;
            }
            let keyrings = by.iter().flat_map(|by| self.folders.keyrings(*by)).cloned().collect();
            let mut bytes = Vec::new();
            // Read again, so that a long history is not held in memory at once.
            let read = self.repository.read(id.as_bytes(), Kind::Commit, COMMIT_BYTES_MAX, &mut bytes)?;
            if let Object::Right(_) = read {
                self.wait(Waiting { id, bytes, authorizations, keyrings });
            }
        }
        self.check_waiting();
        Ok(())
    }

    fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
        if self.waiting.len() >= COMMITS_AT_ONCE {
            self.check_waiting();
        }
    }

    /// Checks the signatures that wait, on all processors.
    fn check_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let share = waiting.len().div_ceil(workers).max(1);
        let (evidence, mut known) = (&mut self.evidence, self.repository.known.borrow_mut());
        thread::scope(|scope| {
            let running: Vec<_> = waiting.chunks(share).map(|share| scope.spawn(|| check_all(share))).collect();
            for checked in running.into_iter().flat_map(|worker| worker.join().expect("a check does not panic")) {
                let Checked { commit, bytes, signature, authorizations } = checked;
                known.learn(bytes, &signature);
                evidence.commit(&commit, signature, authorizations);
            }
        });
    }
}

/// A commit with what the check of its signature found.
struct Checked<'a> {
    commit: RawCommit<'a>,
    bytes: &'a [u8],
    signature: Signature,
    authorizations: AuthorizationsId,
}

fn check_all(waiting: &[Waiting]) -> Vec<Checked<'_>> {
    waiting.iter().map(check).collect()
}

fn check(waiting: &Waiting) -> Checked<'_> {
    let Waiting { id, bytes, authorizations, keyrings } = waiting;
    let commit = RawCommit::parse(*id, bytes).expect("what waits was parsed before");
    Checked { signature: signature::check(&commit, keyrings), commit, bytes, authorizations: *authorizations }
}
