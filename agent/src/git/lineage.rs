//! Reads who descends from whom, and nothing else of the commits.
//!
//! Invariant: a commit that is missing or is none is left out, and so shows as one that was not read.

use std::collections::BTreeSet;

use gix::objs::Kind;
use writ_core::limits::COMMIT_BYTES_MAX;
use writ_core::trust::{CommitId, Lineage, PayloadDigest, RawCommit};

use super::error::GitError;
use super::objects::{Object, Repository};
use crate::limits::COMMITS_MAX;

impl Repository {
    /// The history behind each of `roots`, each as far as it takes to meet all of `wanted`.
    ///
    /// # Errors
    /// If a history is too long, or the objects cannot be read.
    pub fn lineage(&self, roots: &[CommitId], wanted: &BTreeSet<CommitId>) -> Result<Lineage, GitError> {
        let mut lineage = Lineage::default();
        for root in roots {
            let (mut seen, mut left) = (BTreeSet::new(), wanted.clone());
            let mut open = vec![*root];
            while let Some(id) = open.pop().filter(|_| !left.is_empty()) {
                if !seen.insert(id) {
                    continue;
                }
                if seen.len() > COMMITS_MAX {
                    return Err(GitError::TooManyCommits { head: *root, limit: COMMITS_MAX });
                }
                left.remove(&id);
                if let Some(parents) = lineage.parents(&id) {
                    open.extend(parents);
                } else if let Some((parents, payload)) = self.parents_and_payload(id)? {
                    open.extend(&parents);
                    lineage.add(id, parents, payload);
                }
            }
        }
        Ok(lineage)
    }

    /// The hash of what a commit's signature covers; none if the commit is not here.
    ///
    /// # Errors
    /// If it is here and cannot be read.
    pub fn payload_of(&self, commit: CommitId) -> Result<Option<PayloadDigest>, GitError> {
        Ok(self.parents_and_payload(commit)?.map(|(_, payload)| payload))
    }

    /// A commit and the first parents behind it, the newest first, at most so many.
    ///
    /// # Errors
    /// If one of them is here and cannot be read.
    pub fn first_parents(&self, from: CommitId, most: usize) -> Result<Vec<CommitId>, GitError> {
        let (mut line, mut next) = (Vec::new(), Some(from));
        while let Some(id) = next.filter(|_| line.len() < most) {
            line.push(id);
            next = self.parents_and_payload(id)?.and_then(|(parents, _)| parents.first().copied());
        }
        Ok(line)
    }

    fn parents_and_payload(&self, id: CommitId) -> Result<Option<(Vec<CommitId>, PayloadDigest)>, GitError> {
        if !self.inner.has_object(gix::ObjectId::from(*id.as_bytes())) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let Object::Right(bytes) = self.read(id.as_bytes(), Kind::Commit, COMMIT_BYTES_MAX, &mut bytes)? else {
            return Ok(None);
        };
        Ok(RawCommit::parse(id, bytes).ok().map(|commit| (commit.parents().to_vec(), commit.payload_digest())))
    }
}
