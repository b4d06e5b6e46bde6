//! Reads which keys a commit's tree lists for hosts, and how what hosts published lies to a commit.

use std::collections::BTreeSet;

use gix::objs::Kind;
use writ_core::limits::STATEMENT_BYTES_MAX;
use writ_core::trust::{CommitId, FOLDER, View};

use super::error::GitError;
use super::objects::{Entry, Object, Repository, read_entries, tree_id};

/// The folder of the tree, below [`FOLDER`], that lists the keys of hosts, each in a file `HOST.pub`.
const HOST_KEYS: &str = "hosts";

impl Repository {
    /// What the tree of a commit says about the key of a host, as it is written there; none if it says nothing.
    ///
    /// # Errors
    /// If the commit or the file cannot be read.
    pub fn host_key_at(&self, commit: CommitId, host: &str) -> Result<Option<String>, GitError> {
        let mut tree = self.tree_of(commit)?;
        for name in [FOLDER, HOST_KEYS] {
            let Some(entry) = self.entry(tree, name)? else { return Ok(None) };
            let Ok(below) = tree_id(&entry.id) else { return Ok(None) };
            tree = below;
        }
        let Some(entry) = self.entry(tree, &format!("{host}.pub"))? else { return Ok(None) };
        let Ok(blob) = tree_id(&entry.id) else { return Ok(None) };
        let mut content = Vec::new();
        Ok(match self.read(blob.as_bytes(), Kind::Blob, STATEMENT_BYTES_MAX, &mut content)? {
            Object::Right(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Object::Other(_) | Object::Long(_) => None,
        })
    }

    pub(super) fn entry(&self, tree: writ_core::trust::TreeId, name: &str) -> Result<Option<Entry>, GitError> {
        let Ok(entries) = read_entries(self, tree, &mut Vec::new())? else { return Ok(None) };
        Ok(entries.into_iter().find(|entry| entry.name == name.as_bytes()))
    }

    /// How the head of another host lies to the own one.
    ///
    /// # Errors
    /// If the history cannot be read.
    pub fn view(&self, own: CommitId, other: CommitId) -> Result<View, GitError> {
        let behind = |from: CommitId, of: CommitId| self.lineage(&[from], &BTreeSet::from([of]));
        // Another host is mostly a little ahead or behind, so that this is short.
        for (from, of) in [(other, own), (own, other)] {
            if behind(from, of)?.view(&own, &other) == View::Same {
                return Ok(View::Same);
            }
        }
        // Nothing was met, so that both were read to their ends.
        let both = self.lineage(&[own, other], &BTreeSet::from([own, other]));
        let both = both?;
        Ok(both.view(&own, &other))
    }
}
