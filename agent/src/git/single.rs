//! Reads one file of a commit, or of the commit that a tag names: the program of a plugin.
//!
//! Invariant: whoever takes the file knows what it must be by its digest; nothing is said here about who made it.

use gix::objs::Kind;
use writ_core::trust::{CommitId, EntryKind};

use super::error::GitError;
use super::objects::{Object, Repository, commit_id, tree_id};
use crate::limits::{OBJECT_BYTES_MAX, PLUGIN_BYTES_MAX};

/// Tags that name tags, followed at most this often.
const TAGS_FOLLOWED_MAX: usize = 5;

impl Repository {
    /// The bytes of the file at `path`.
    ///
    /// # Errors
    /// If it is not there, or is anything but a file that can be read.
    pub fn file_at(&self, offered: CommitId, path: &str) -> Result<Vec<u8>, GitError> {
        let refuse = |reason: String| GitError::Content { path: path.to_owned(), commit: offered, reason };
        let mut object = self.tree_of(self.behind_tags(offered)?)?;
        let mut parts = path.split('/').peekable();
        while let Some(name) = parts.next() {
            let wanted = if parts.peek().is_some() { EntryKind::Folder } else { EntryKind::File };
            let entry = self.entry(object, name)?.ok_or_else(|| refuse(format!("there is no `{name}`")))?;
            if entry.kind != wanted {
                return Err(refuse(format!(
                    "`{name}` is no {}",
                    if parts.peek().is_some() { "folder" } else { "file" }
                )));
            }
            // A blob's name is kept in the same type: both are names in the database.
            object = tree_id(&entry.id).map_err(|error| refuse(error.to_string()))?;
        }
        let mut bytes = Vec::new();
        match self.read(object.as_bytes(), Kind::Blob, PLUGIN_BYTES_MAX, &mut bytes)? {
            Object::Right(_) => Ok(bytes),
            Object::Other(kind) => Err(refuse(format!("it is a {kind} where a file should be"))),
            Object::Long(length) => {
                Err(refuse(format!("it is {length} bytes long; at most {PLUGIN_BYTES_MAX} are read")))
            }
        }
    }

    /// What a tag names in the end; itself if it is none.
    fn behind_tags(&self, offered: CommitId) -> Result<CommitId, GitError> {
        let mut id = offered;
        for _ in 0..TAGS_FOLLOWED_MAX {
            let mut buffer = Vec::new();
            let bytes = match self.read(id.as_bytes(), Kind::Tag, OBJECT_BYTES_MAX, &mut buffer)? {
                Object::Right(bytes) => bytes,
                Object::Other(_) | Object::Long(_) => break,
            };
            let line = bytes.split(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok());
            let named = line.and_then(|line| gix::ObjectId::from_hex(line.strip_prefix("object ")?.as_bytes()).ok());
            let named = named.and_then(|named| commit_id(&named).ok());
            id = named.ok_or_else(|| self.broken(&format!("tag {id} does not follow the grammar")))?;
        }
        Ok(id)
    }
}
