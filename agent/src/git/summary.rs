//! What a person needs to recognise a commit: who claims to have made it, when, and its first line.

use gix::objs::Kind;
use writ_core::limits::COMMIT_BYTES_MAX;
use writ_core::time::Timestamp;
use writ_core::trust::{CommitId, Identity, RawCommit, TreeId};

use super::error::GitError;
use super::objects::{Object, Repository};

/// What a commit says of itself. Nothing of it is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Who claims to have written it: `name <address>`.
    pub author: String,
    /// When it claims to have been made.
    pub committed: Timestamp,
    /// The first line of its message, without control characters.
    pub subject: String,
}

impl Repository {
    /// What a commit says of itself.
    ///
    /// # Errors
    /// If it is not there, or is no commit that can be read.
    pub fn summary(&self, id: CommitId) -> Result<Summary, GitError> {
        let mut buffer = Vec::new();
        let (commit, bytes) = self.commit(id, &mut buffer)?;
        let Identity { name, email, seconds: _ } = commit.author();
        let author = format!("{} <{}>", String::from_utf8_lossy(name), String::from_utf8_lossy(email));
        let text = String::from_utf8_lossy(bytes);
        let subject = text.split_once("\n\n").and_then(|(_, message)| message.lines().next()).unwrap_or_default();
        Ok(Summary {
            author: printable(&author),
            committed: Timestamp::from_seconds(commit.committer().seconds),
            subject: printable(subject),
        })
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// If it is not there, or is no commit that can be read.
    pub fn tree_of(&self, id: CommitId) -> Result<TreeId, GitError> {
        Ok(self.commit(id, &mut Vec::new())?.0.tree())
    }

    fn commit<'a>(&self, id: CommitId, buffer: &'a mut Vec<u8>) -> Result<(RawCommit<'a>, &'a [u8]), GitError> {
        let unreadable = |reason: &str| self.broken(&format!("commit {id} {reason}"));
        let bytes = match self.read(id.as_bytes(), Kind::Commit, COMMIT_BYTES_MAX, buffer)? {
            Object::Right(bytes) => bytes,
            Object::Other(kind) => return Err(unreadable(&format!("is a {kind}"))),
            Object::Long(length) => return Err(unreadable(&format!("is {length} bytes long"))),
        };
        let commit = RawCommit::parse(id, bytes).map_err(|malformed| unreadable(&malformed.detail))?;
        Ok((commit, bytes))
    }
}

/// The text without what could play tricks with a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}
