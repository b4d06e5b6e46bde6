//! Keeps a signed statement in somebody's own clone, under the ref from which it is published.
//!
//! Invariant: nothing of the clone is changed but that ref; objects are added.

use std::path::Path;

use gix::objs::{Kind, Write as _};
use gix::refs::transaction::PreviousValue;
use writ_core::time::Timestamp;
use writ_core::trust::{Approval, CommitId, Published, Rewind};

use super::error::GitError;
use super::objects::{Repository, commit_id};
use super::statements::{APPROVALS, HOSTS, REWINDS, SIGNATURE, TEXT};

impl Repository {
    /// Opens the repository that a folder lies in, as `git` finds it: at the folder, or above it.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    pub fn around(folder: &Path) -> Result<Self, GitError> {
        let is_one = |folder: &&Path| {
            let bare = ["HEAD", "objects", "refs"].iter().all(|part| folder.join(part).exists());
            bare || folder.join(".git").exists()
        };
        let found = folder.ancestors().find(is_one);
        Self::open(found.ok_or_else(|| GitError::NoRepository { folder: folder.to_owned() })?)
    }

    /// True if a commit is here.
    pub fn holds_commit(&self, commit: CommitId) -> bool {
        self.tree_of(commit).is_ok()
    }

    /// Writes a statement and its signature as a commit of two files, and points a ref at it. With `parent`, whoever fetches
    /// the statement gets that commit as well.
    ///
    /// # Errors
    /// If the repository cannot be written to.
    pub fn keep_statement(
        &self,
        name: &str,
        (text, signature): (&str, &str),
        parent: Option<CommitId>,
        now: Timestamp,
    ) -> Result<CommitId, GitError> {
        let failed = |source: gix::Error| GitError::Write {
            what: name.to_owned(),
            folder: self.folder().to_owned(),
            source: source.into(),
        };
        let write = |kind: Kind, bytes: &[u8]| self.inner.objects.write_buf(kind, bytes).map_err(failed);
        let mut tree = Vec::new();
        for (file, content) in [(TEXT, text), (SIGNATURE, signature)] {
            let blob = write(Kind::Blob, content.as_bytes())?;
            tree.extend_from_slice(format!("100644 {file}\0").as_bytes());
            tree.extend_from_slice(blob.as_bytes());
        }
        let tree = write(Kind::Tree, &tree)?;
        let parent = parent.map_or(String::new(), |parent| format!("parent {parent}\n"));
        // Who makes the commit says nothing: the signature under the text alone counts.
        let by = format!("writ <writ@localhost> {} +0000", now.seconds());
        let message = text.lines().next().unwrap_or_default();
        let commit = format!("tree {tree}\n{parent}author {by}\ncommitter {by}\n\n{message}\n");
        let commit = write(Kind::Commit, commit.as_bytes())?;
        self.inner.reference(name, commit, PreviousValue::Any, "writ").map_err(failed)?;
        commit_id(&commit).map_err(|error| self.broken(&error.to_string()))
    }
}

/// The ref under which an approval is published. `mark` tells it from others of the same tree.
#[must_use]
pub fn approval_ref(approval: &Approval, mark: &str) -> String {
    format!("refs/writ/{APPROVALS}{}/{mark}", approval.tree)
}

/// The ref under which a rewind is published. `mark` tells it from others for the same host.
#[must_use]
pub fn rewind_ref(rewind: &Rewind, mark: &str) -> String {
    format!("refs/writ/{REWINDS}{}/{mark}", rewind.host)
}

/// The ref under which a host publishes where it is. There is one for each host and source.
#[must_use]
pub fn host_ref(published: &Published) -> String {
    format!("refs/writ/{HOSTS}{}/{}", published.host, published.source)
}
