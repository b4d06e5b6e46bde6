//! Reads a unit's files from the tree of an admitted commit, blob by blob, never by a checkout.
//!
//! Invariant: a path that is missing, a link, a submodule or anything odd is an error and never an empty set of files.

use gix::objs::Kind;
use writ_core::dialect::Files;
use writ_core::limits::{MANIFEST_BYTES_MAX, TREE_BYTES_MAX, TREE_FILES_MAX};
use writ_core::trust::{Admitted, CommitId, EntryKind, TreeId};

use super::error::GitError;
use super::objects::{Entry, Object, Repository, read_entries, tree_id};
use crate::folders::Folders;
use crate::limits::{FOLDER_DEPTH_MAX, FOLDERS_MAX};

impl Repository {
    /// The files of an admitted commit in these folders.
    pub fn files(&self, admitted: &Admitted, folders: &Folders) -> Result<Files, GitError> {
        self.files_below(admitted.commit(), admitted.tree(), folders)
    }

    /// The files in these folders of a commit and its tree.
    pub(super) fn files_below(&self, commit: CommitId, tree: TreeId, folders: &Folders) -> Result<Files, GitError> {
        let mut reader =
            Reader { repository: self, commit, files: Files::new(), bytes: 0, folders: 0, buffer: Vec::new() };
        for (folder, named) in folders.iter() {
            let below = reader.descend(tree, folder)?;
            reader.read_folder(below, folder, named, 0)?;
        }
        Ok(reader.files)
    }
}

struct Reader<'a> {
    repository: &'a Repository,
    commit: CommitId,
    files: Files,
    bytes: u64,
    folders: usize,
    buffer: Vec<u8>,
}

impl Reader<'_> {
    /// The tree at a path.
    fn descend(&mut self, root: TreeId, path: &str) -> Result<TreeId, GitError> {
        let mut tree = root;
        let trimmed = path.trim_end_matches('/');
        if trimmed == "." {
            return Ok(tree);
        }
        for name in trimmed.split('/') {
            odd(name.as_bytes()).map_or(Ok(()), |reason| Err(self.refuse(path, reason)))?;
            let mut found = self.entries(tree, path)?.into_iter().filter(|entry| entry.name == name.as_bytes());
            let (entry, twice) = (found.next(), found.next());
            let entry =
                entry.ok_or_else(|| self.refuse(path, "it is not in the tree; nothing is taken for removed"))?;
            if twice.is_some() {
                return Err(self.refuse(path, "the tree holds this name twice"));
            }
            tree = match entry.kind {
                EntryKind::Folder => self.tree(&entry, path)?,
                EntryKind::File => return Err(self.refuse(path, "it is a file where the unit's folder should be")),
                EntryKind::Link => return Err(self.refuse(path, LINK)),
                EntryKind::Submodule => return Err(self.refuse(path, SUBMODULE)),
                EntryKind::Other => return Err(self.refuse(path, OTHER)),
            };
        }
        Ok(tree)
    }

    /// Reads a folder and all below. `full` is its path from the root of the tree, `path` that from the unit.
    fn read_folder(&mut self, tree: TreeId, full: &str, path: &str, depth: usize) -> Result<(), GitError> {
        self.folders += 1;
        if self.folders > FOLDERS_MAX {
            return Err(self.refuse(full, &format!("the unit has more than {FOLDERS_MAX} folders")));
        }
        if depth > FOLDER_DEPTH_MAX {
            return Err(self.refuse(full, &format!("folders nest deeper than {FOLDER_DEPTH_MAX}")));
        }
        for entry in self.entries(tree, full)? {
            let name = String::from_utf8_lossy(&entry.name);
            let (full, path) = (join(full, &name), join(path, &name));
            odd(&entry.name).map_or(Ok(()), |reason| Err(self.refuse(&full, reason)))?;
            match entry.kind {
                EntryKind::File => self.read_file(&entry, &full, path)?,
                EntryKind::Folder => {
                    let tree = self.tree(&entry, &full)?;
                    self.read_folder(tree, &full, &path, depth + 1)?;
                }
                EntryKind::Link => return Err(self.refuse(&full, LINK)),
                EntryKind::Submodule => return Err(self.refuse(&full, SUBMODULE)),
                EntryKind::Other => return Err(self.refuse(&full, OTHER)),
            }
        }
        Ok(())
    }

    fn read_file(&mut self, entry: &Entry, full: &str, path: String) -> Result<(), GitError> {
        if self.files.len() >= TREE_FILES_MAX {
            return Err(self.refuse(full, &format!("the unit has more than {TREE_FILES_MAX} files")));
        }
        let mut bytes = Vec::new();
        let id = self.tree(entry, full)?;
        match self.repository.read(id.as_bytes(), Kind::Blob, MANIFEST_BYTES_MAX, &mut bytes)? {
            Object::Right(_) => {}
            Object::Other(kind) => return Err(self.refuse(full, &format!("it is a {kind} where a file should be"))),
            Object::Long(length) => {
                let reason = format!("it is {length} bytes long; a file of a unit has at most {MANIFEST_BYTES_MAX}");
                return Err(self.refuse(full, &reason));
            }
        }
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.bytes > TREE_BYTES_MAX {
            return Err(self.refuse(full, &format!("the unit's files have more than {TREE_BYTES_MAX} bytes together")));
        }
        match self.files.insert(path, bytes) {
            None => Ok(()),
            Some(_) => Err(self.refuse(full, "the tree holds this name twice")),
        }
    }

    fn entries(&mut self, tree: TreeId, path: &str) -> Result<Vec<Entry>, GitError> {
        let entries = read_entries(self.repository, tree, &mut self.buffer)?;
        entries.map_err(|reason| self.refuse(path, &reason))
    }

    /// The name of an entry's object. A blob's is kept in the same type: both are names in the database.
    fn tree(&self, entry: &Entry, path: &str) -> Result<TreeId, GitError> {
        tree_id(&entry.id).map_err(|error| self.refuse(path, &error.to_string()))
    }

    fn refuse(&self, path: &str, reason: &str) -> GitError {
        GitError::Content { path: path.to_owned(), commit: self.commit, reason: reason.to_owned() }
    }
}

const LINK: &str = "it is a symbolic link, which is not followed; put the file itself there";
const SUBMODULE: &str = "it is a submodule, which is not fetched; put the files themselves there";
const OTHER: &str = "its mode is neither 100644, 100755 nor a folder's";

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder == "." { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Why a name is none that a unit's file can have.
fn odd(name: &[u8]) -> Option<&'static str> {
    let Ok(name) = std::str::from_utf8(name) else { return Some("its name is not UTF-8") };
    if matches!(name, "" | "." | "..") {
        return Some("its name leads elsewhere");
    }
    if name.contains(['/', '\\']) {
        return Some("its name holds a separator");
    }
    // What hides or turns round characters also hides `.git` from a look.
    if name.chars().any(|character| character.is_control() || is_invisible(character)) {
        return Some("its name holds control or invisible characters");
    }
    if name.eq_ignore_ascii_case(".git") || name.eq_ignore_ascii_case("git~1") {
        return Some("its name is Git's own");
    }
    None
}

/// Characters that show nothing or change the direction of text.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_pass_and_odd_ones_do_not() {
        for name in ["web.yaml", "zwölf", ".github", ".gitignore", "a b", "..a"] {
            assert_eq!(odd(name.as_bytes()), None, "{name}");
        }
        for name in ["", ".", "..", ".git", ".GIT", "GIT~1", "a/b", "a\\b", "a\nb", ".g\u{200c}it", "a\u{202e}b"] {
            assert!(odd(name.as_bytes()).is_some(), "{name:?}");
        }
        assert!(odd(b"\xff").is_some());
    }
}
