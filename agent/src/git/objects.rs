//! Reads objects by name, each hashed again, from a repository that is trusted with nothing.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};

use gix::objs::{Find as _, Kind, TreeRefIter};
use writ_core::trust::{CommitId, EntryKind, IdError, TreeId};

use super::error::{GitError, is_of_sha256};
use super::known::Known;
use super::renewal::Reading;
use crate::limits::{FOLDER_BYTES_MAX, OBJECT_BYTES_MAX};

/// A repository from which evidence and files are read: a mirror, or any other for `writ verify`.
pub struct Repository {
    pub(super) inner: gix::Repository,
    folder: PathBuf,
    /// Where the refs of statements begin.
    statements: String,
    /// An introduction and a commit that is known to go back to it on every line.
    pub(super) rooted: Cell<Option<(CommitId, CommitId)>>,
    /// Signatures that were found good.
    pub(super) known: RefCell<Known>,
    /// Keeps a mirror from being exchanged for a fresh one meanwhile.
    pub(super) reading: Option<Reading>,
}

/// An object's kind and bytes.
pub(super) enum Object<'a> {
    /// Of the kind that was asked for.
    Right(&'a [u8]),
    /// Of another kind.
    Other(Kind),
    /// Longer than asked for: its length.
    Long(u64),
}

impl Repository {
    /// Opens a repository: a bare one, or the folder that holds `.git`. None of the machine's or the user's Git settings
    /// are read, and of the repository's own none that would change what an object's name stands for.
    pub fn open(folder: &Path) -> Result<Self, GitError> {
        let reading = Reading::begin(folder)?;
        let inner = gix::open_opts(folder, open_options()).map_err(|error| match is_of_sha256(&error) {
            true => GitError::Sha256 { place: folder.display().to_string() },
            false => broken(folder, "it cannot be opened", error),
        })?;
        let statements = "refs/writ/".to_owned();
        let (rooted, known) = (Cell::new(None), RefCell::default());
        Ok(Self { inner, folder: folder.to_owned(), statements, rooted, known, reading })
    }

    /// Opens the copy that the agent keeps of a source, where the refs of statements stand below the source's name.
    pub fn open_copy(folder: &Path, source: &str) -> Result<Self, GitError> {
        Ok(Self::open(folder)?.with_statements(statements_of(source)))
    }

    /// The same repository as it is on the disk now.
    pub(super) fn again(&self) -> Result<Self, GitError> {
        let opened = Self::open(&self.folder)?.with_statements(self.statements.clone());
        opened.rooted.set(self.rooted.get());
        opened.known.replace(self.known.take());
        Ok(opened)
    }

    /// The same with the refs of statements below a folder of their own, as in a mirror.
    #[must_use]
    pub(super) fn with_statements(self, below: String) -> Self {
        Self { statements: below, ..self }
    }

    /// Where the refs of statements begin.
    pub(super) fn statements_prefix(&self) -> &str {
        &self.statements
    }

    /// Where it lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The commit that a full name, `HEAD`, a branch or a ref names. What a tag names is not looked for: a tag is no
    /// commit.
    pub fn resolve(&self, revision: &str) -> Result<CommitId, GitError> {
        if let Ok(id) = revision.parse() {
            return Ok(id);
        }
        let unknown = || GitError::Revision { revision: revision.to_owned(), folder: self.folder.clone() };
        let found = self.inner.try_find_reference(revision).map_err(|_| unknown())?;
        let mut reference = found.ok_or_else(unknown)?;
        for _ in 0..REFS_FOLLOWED_MAX {
            let target = reference.target();
            if let Some(id) = target.try_id() {
                return commit_id(id).map_err(|_| unknown());
            }
            let name = target.try_name().ok_or_else(unknown)?.to_owned();
            reference = self.inner.try_find_reference(name.as_ref()).map_err(|_| unknown())?.ok_or_else(unknown)?;
        }
        Err(unknown())
    }

    /// Reads an object into `buffer`.
    pub(super) fn read<'a>(
        &self,
        id: &[u8; 20],
        wanted: Kind,
        bytes_max: u64,
        buffer: &'a mut Vec<u8>,
    ) -> Result<Object<'a>, GitError> {
        let id = gix::ObjectId::from(*id);
        let cannot = |error| broken(&self.folder, &format!("object {id} cannot be read"), error);
        let missing = || GitError::MirrorBroken {
            folder: self.folder.clone(),
            detail: format!("object {id} is missing"),
            source: None,
        };
        let objects = &self.inner.objects;
        // Read whole, within the limit for any object, and hashed before its kind or length is told: a damaged header can
        // claim any.
        let data = objects.try_find(&id, buffer).map_err(cannot)?.ok_or_else(missing)?;
        data.verify_checksum(&id).map_err(cannot)?;
        let length = u64::try_from(data.data.len()).unwrap_or(u64::MAX);
        Ok(if data.kind != wanted {
            Object::Other(data.kind)
        } else if length > bytes_max {
            Object::Long(length)
        } else {
            Object::Right(data.data)
        })
    }

    /// An error that says that this repository is broken.
    pub(super) fn broken(&self, detail: &str) -> GitError {
        GitError::MirrorBroken { folder: self.folder.clone(), detail: detail.to_owned(), source: None }
    }
}

/// Where the refs of a source's statements begin in its copy.
pub(super) fn statements_of(source: &str) -> String {
    format!("refs/writ/{source}/")
}

/// An entry of a tree.
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: EntryKind,
    /// The mode as it is written, in which an executable file differs from another.
    pub(super) mode: u16,
    pub(super) id: gix::ObjectId,
}

/// The entries of a tree. What is wrong with a tree that is there but cannot be used is told in words: whoever pushed it
/// is at fault, and no new copy would mend it.
pub(super) fn read_entries(
    repository: &Repository,
    tree: TreeId,
    buffer: &mut Vec<u8>,
) -> Result<Result<Vec<Entry>, String>, GitError> {
    let bytes = match repository.read(tree.as_bytes(), Kind::Tree, FOLDER_BYTES_MAX, buffer)? {
        Object::Right(bytes) => bytes,
        Object::Other(kind) => return Ok(Err(format!("object {tree} is a {kind} where a tree should be"))),
        Object::Long(length) => return Ok(Err(format!("tree {tree} is {length} bytes long"))),
    };
    let entries = TreeRefIter::from_bytes(bytes, gix::hash::Kind::Sha1).map(|entry| {
        let entry = entry.map_err(|_| format!("tree {tree} does not follow the grammar"))?;
        Ok(Entry {
            name: entry.filename.to_vec(),
            kind: kind_of(entry.mode),
            mode: entry.mode.value(),
            id: entry.oid.to_owned(),
        })
    });
    Ok(entries.collect())
}

/// What kind of entry a mode says.
fn kind_of(mode: gix::objs::tree::EntryMode) -> EntryKind {
    match mode.value() {
        0o100_644 | 0o100_755 => EntryKind::File,
        0o040_000 => EntryKind::Folder,
        0o120_000 => EntryKind::Link,
        0o160_000 => EntryKind::Submodule,
        _ => EntryKind::Other,
    }
}

impl std::fmt::Debug for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repository").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Refs that lead to other refs, followed at most this often. Source: Git's own limit.
const REFS_FOLLOWED_MAX: usize = 5;

/// How every repository is opened: isolated, and with what matters set by us.
pub(super) fn open_options() -> gix::open::Options {
    let limit = format!("gitoxide.objects.allocLimit={OBJECT_BYTES_MAX}");
    gix::open::Options::isolated().with(gix::sec::Trust::Full).config_overrides([
        "core.useReplaceRefs=false",
        "gitoxide.objects.noReplace=true",
        "clone.rejectShallow=true",
        "core.commitGraph=false",
        "core.multiPackIndex=false",
        limit.as_str(),
    ])
}

pub(super) fn broken(folder: &Path, detail: &str, error: gix::Error) -> GitError {
    GitError::MirrorBroken { folder: folder.to_owned(), detail: detail.to_owned(), source: Some(error.into()) }
}

pub(super) fn io_broken(folder: &Path, detail: &str, error: std::io::Error) -> GitError {
    GitError::MirrorBroken { folder: folder.to_owned(), detail: detail.to_owned(), source: Some(error.into()) }
}

/// Our name of an object that `gix` names.
pub(super) fn commit_id(id: &gix::oid) -> Result<CommitId, IdError> {
    id.as_bytes().try_into().map(CommitId::from_bytes).map_err(|_| IdError::Sha256Repository)
}

/// The same for a tree.
pub(super) fn tree_id(id: &gix::oid) -> Result<TreeId, IdError> {
    id.as_bytes().try_into().map(TreeId::from_bytes).map_err(|_| IdError::Sha256Repository)
}
