//! Walks from an offered head to the floor or the introduction and collects what a judgement needs.
//!
//! Invariant: what is not reached, not read or not understood is missing from the evidence or marked in it; nothing here
//! decides.

use std::collections::{HashMap, HashSet};
use std::thread;

use gix::objs::Kind;
use writ_core::limits::{COMMIT_BYTES_MAX, SIGNERS_BYTES_MAX};
use writ_core::trust::{
    Authorizations, AuthorizationsId, CommitId, EntryKind, Evidence, EvidenceBuilder, FOLDER, Introduction, Malformed,
    RawCommit, Reason, SIGNERS, Signature, TreeId,
};

use super::error::GitError;
use super::objects::{Object, Repository, read_entries, tree_id};
use crate::limits::{COMMITS_AT_ONCE, COMMITS_MAX};
use crate::signature;

/// A commit whose signature waits to be checked together with others.
struct Waiting {
    id: CommitId,
    bytes: Vec<u8>,
    authorizations: AuthorizationsId,
}

struct Walk<'a> {
    repository: &'a Repository,
    evidence: EvidenceBuilder,
    waiting: Vec<Waiting>,
    /// Parents of what was seen, in the evidence or still waiting.
    seen: HashMap<CommitId, Vec<CommitId>>,
    by_tree: HashMap<TreeId, AuthorizationsId>,
    by_folder: HashMap<(gix::ObjectId, bool), AuthorizationsId>,
    head: CommitId,
    buffer: Vec<u8>,
}

impl Repository {
    /// Everything that [`writ_core::trust::admit`] needs to judge a head: each commit from it to the floor or the
    /// introduction, on all edges, with its signature checked.
    pub fn evidence(
        &self,
        introduction: &Introduction,
        floor: Option<&CommitId>,
        head: CommitId,
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
        walk.check_waiting();
        Ok(walk.evidence.finish())
    }
}

impl Repository {
    /// True if every line of a commit's history goes back to the introduction. What was once found true is kept, so that
    /// each commit is read once in the life of the agent.
    fn is_rooted(&self, commit: &CommitId, start: &CommitId) -> Result<bool, GitError> {
        let known = self.rooted.get().filter(|(known, _)| known == start).map(|(_, commit)| commit);
        let mut seen = HashSet::new();
        let mut open = vec![*commit];
        while let Some(id) = open.pop() {
            if id == *start || Some(id) == known || !seen.insert(id) {
                continue;
            }
            if seen.len() > COMMITS_MAX {
                return Err(GitError::TooManyCommits { head: *commit, limit: COMMITS_MAX });
            }
            let mut bytes = Vec::new();
            let Object::Right(bytes) = self.read(id.as_bytes(), Kind::Commit, COMMIT_BYTES_MAX, &mut bytes)? else {
                return Ok(false);
            };
            match RawCommit::parse(id, bytes) {
                Ok(commit) if !commit.parents().is_empty() => open.extend(commit.parents()),
                Ok(_) | Err(_) => return Ok(false),
            }
        }
        self.rooted.set(Some((*start, *commit)));
        Ok(true)
    }
}

impl<'a> Walk<'a> {
    fn new(repository: &'a Repository, head: CommitId) -> Self {
        Self {
            repository,
            evidence: EvidenceBuilder::new(head),
            waiting: Vec::with_capacity(COMMITS_AT_ONCE),
            seen: HashMap::new(),
            by_tree: HashMap::new(),
            by_folder: HashMap::new(),
            head,
            buffer: Vec::new(),
        }
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
        let (tree, parents) = match parsed {
            Ok(commit) => (commit.tree(), commit.parents().to_vec()),
            Err(malformed) => {
                let parents = malformed.parents.clone();
                self.evidence.malformed(id, malformed);
                return Ok(parents);
            }
        };
        let authorizations = self.authorizations(tree)?;
        if check {
            self.waiting.push(Waiting { id, bytes, authorizations });
            if self.waiting.len() >= COMMITS_AT_ONCE {
                self.check_waiting();
            }
        } else if let Ok(commit) = RawCommit::parse(id, &bytes) {
            self.evidence.commit(&commit, Signature::NotChecked, authorizations);
        }
        Ok(parents)
    }

    /// Checks the signatures that wait, on all processors.
    fn check_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let share = waiting.len().div_ceil(workers).max(1);
        let evidence = &mut self.evidence;
        thread::scope(|scope| {
            let running: Vec<_> = waiting.chunks(share).map(|share| scope.spawn(|| check_all(share))).collect();
            for checked in running.into_iter().flat_map(|worker| worker.join().expect("a check does not panic")) {
                let Checked { commit, signature, authorizations } = checked;
                evidence.commit(&commit, signature, authorizations);
            }
        });
    }

    /// The authorizations in a tree, read once for each content of the folder that holds them.
    fn authorizations(&mut self, tree: TreeId) -> Result<AuthorizationsId, GitError> {
        if let Some(known) = self.by_tree.get(&tree) {
            return Ok(*known);
        }
        let place = match self.folder_entry(tree)? {
            Err(detail) => self.evidence.authorizations(Authorizations::unreadable(detail)),
            Ok(None) => self.evidence.authorizations(Authorizations::missing()),
            Ok(Some(key @ (id, is_folder))) => match self.by_folder.get(&key) {
                Some(known) => *known,
                None => {
                    let read = if is_folder { self.read_folder(&id)? } else { Authorizations::not_a_folder() };
                    let place = self.evidence.authorizations(read);
                    self.by_folder.insert(key, place);
                    place
                }
            },
        };
        // A tree's own place is kept for the last tree alone: few commits in a row share one.
        self.by_tree.clear();
        self.by_tree.insert(tree, place);
        Ok(place)
    }

    /// The entry of the root tree that holds the authorizations: its name in the database, and whether it is a folder.
    fn folder_entry(&mut self, tree: TreeId) -> Result<Result<Option<(gix::ObjectId, bool)>, String>, GitError> {
        let entries = match read_entries(self.repository, tree, &mut self.buffer)? {
            Ok(entries) => entries,
            Err(detail) => return Ok(Err(detail)),
        };
        let mut found = entries.into_iter().filter(|entry| entry.name == FOLDER.as_bytes());
        let entry = found.next();
        // Twice the same name is nothing that Git writes: it is taken for no folder, which is refused.
        let twice = found.next().is_some();
        Ok(Ok(entry.map(|entry| (entry.id, entry.kind == EntryKind::Folder && !twice))))
    }

    fn read_folder(&mut self, id: &gix::oid) -> Result<Authorizations, GitError> {
        let tree = tree_id(id).map_err(|error| self.repository.broken(&error.to_string()))?;
        let mut entries = match read_entries(self.repository, tree, &mut self.buffer)? {
            Ok(entries) => entries,
            Err(detail) => return Ok(Authorizations::unreadable(detail)),
        };
        let mut signers = entries.iter_mut().filter(|entry| entry.name == SIGNERS.as_bytes());
        let (first, twice) = (signers.next(), signers.next());
        let mut content = Vec::new();
        let content = match (first, twice) {
            (Some(entry), None) if entry.kind == EntryKind::File => {
                let id = tree_id(&entry.id).map_err(|error| self.repository.broken(&error.to_string()))?;
                match self.repository.read(id.as_bytes(), Kind::Blob, SIGNERS_BYTES_MAX, &mut content)? {
                    Object::Right(bytes) => Some(bytes),
                    Object::Other(_) | Object::Long(_) => None,
                }
            }
            (Some(_) | None, Some(_) | None) => None,
        };
        Ok(Authorizations::read(entries.iter().map(|entry| (entry.name.as_slice(), entry.kind)), content))
    }
}

/// A commit with what the check of its signature found.
struct Checked<'a> {
    commit: RawCommit<'a>,
    signature: Signature,
    authorizations: AuthorizationsId,
}

fn check_all(waiting: &[Waiting]) -> Vec<Checked<'_>> {
    waiting.iter().map(check).collect()
}

fn check(waiting: &Waiting) -> Checked<'_> {
    let Waiting { id, bytes, authorizations } = waiting;
    let commit = RawCommit::parse(*id, bytes).expect("what waits was parsed before");
    Checked { signature: signature::check(&commit), commit, authorizations: *authorizations }
}
