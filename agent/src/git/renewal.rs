//! Makes a mirror afresh that grew too large, beside the old one, and exchanges the two.
//!
//! Invariant: the exchange is one step of the file system, made while nobody else reads, and only if the new one holds, whole,
//! every commit that is needed and that the old one had.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use writ_core::trust::CommitId;

use super::bounds::Growth;
use super::error::GitError;
use super::objects::{Repository, broken, io_broken};

/// A file or folder of ours beside a mirror. No source's name begins with a dot.
pub(super) fn beside(folder: &Path, what: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{what}"))
}

/// A lock that everybody holds who reads a mirror.
#[derive(Debug)]
pub(super) struct Reading {
    file: File,
}

impl Reading {
    /// Makes the lock of the mirror in `folder`, so that whoever opens it reads under it.
    pub(super) fn prepare(folder: &Path) -> Result<(), GitError> {
        let opened = File::options().create(true).truncate(false).write(true).open(beside(folder, "readers"));
        opened.map(drop).map_err(|error| io_broken(folder, "its lock cannot be made", error))
    }

    /// Begins to read what lies in `folder`; waits while two mirrors are exchanged. None if it is no mirror of ours.
    pub(super) fn begin(folder: &Path) -> Result<Option<Self>, GitError> {
        match File::open(beside(folder, "readers")) {
            Ok(file) => {
                let reading = Self { file };
                reading.lock(folder, FlockOperation::LockShared)?;
                Ok(Some(reading))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_broken(folder, "its lock cannot be opened", error)),
        }
    }

    /// Runs a call while nobody else reads. None if somebody does: they are not waited for.
    fn alone<T>(&self, folder: &Path, call: impl FnOnce() -> T) -> Result<Option<T>, GitError> {
        if flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_err() {
            // The kernel may have dropped our share for the try.
            self.lock(folder, FlockOperation::LockShared)?;
            return Ok(None);
        }
        let done = call();
        self.lock(folder, FlockOperation::LockShared)?;
        Ok(Some(done))
    }

    fn lock(&self, folder: &Path, how: FlockOperation) -> Result<(), GitError> {
        flock(&self.file, how).map_err(|error| io_broken(folder, "its lock cannot be taken", error.into()))
    }
}

/// What a mirror takes on the disk.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Packs.
    pub(super) packs: usize,
    /// Their bytes.
    bytes: u64,
    /// Bytes of the largest.
    largest: u64,
}

impl Extent {
    /// Of the mirror in `folder`. What cannot be read takes nothing: nothing is made afresh for it.
    pub(super) fn of(folder: &Path) -> Self {
        let mut extent = Self::default();
        for (path, bytes) in pack_files(folder) {
            if path.extension() == Some(OsStr::new("pack")) {
                extent.packs += 1;
                extent.bytes += bytes;
                extent.largest = extent.largest.max(bytes);
            }
        }
        extent
    }

    /// True if that is too much.
    pub(super) fn exceeds(&self, growth: Growth) -> bool {
        let Growth { packs, times, spare } = growth;
        self.packs > packs || (self.bytes > spare && self.bytes / times > self.largest)
    }
}

/// Removes what a crash in the middle of a fetch left: packs without an index, and files that never got their name. Only for
/// whoever alone changes the mirror.
pub(super) fn sweep(folder: &Path) {
    for (path, _) in pack_files(folder) {
        let named = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("pack-"));
        if !(named && path.with_extension("idx").exists() && path.with_extension("pack").exists()) {
            // What cannot be removed is only in the way.
            fs::remove_file(&path).ok();
        }
    }
}

fn pack_files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let Ok(all) = fs::read_dir(folder.join("objects/pack")) else { return Vec::new() };
    let files = all.flatten().filter_map(|entry| {
        let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some((entry.path(), about.len()))
    });
    files.collect()
}

/// Of the commits that are needed, those that the old mirror has and the new one has not, whole.
pub(super) fn lost(old: &Repository, new: &Repository, needed: &[CommitId]) -> Result<Vec<CommitId>, GitError> {
    let mut lost = Vec::new();
    for commit in needed {
        if is_whole(old, *commit)? && !is_whole(new, *commit)? {
            lost.push(*commit);
        }
    }
    Ok(lost)
}

/// True if a commit, all of its history and all of its own files are there.
fn is_whole(repository: &Repository, commit: CommitId) -> Result<bool, GitError> {
    let inner = &repository.inner;
    let id = gix::ObjectId::from_hex(commit.to_string().as_bytes())
        .map_err(|error| broken(repository.folder(), "a commit's name cannot be read", error))?;
    let Ok(found) = inner.find_commit(id) else { return Ok(false) };
    let walked = inner.rev_walk([id]).all().map(|mut walk| walk.all(|commit| commit.is_ok()));
    // Trees that share their parts can name more paths than anybody can walk.
    let mut seen = BTreeSet::new();
    let mut trees: Vec<gix::ObjectId> = found.tree_id().into_iter().map(gix::Id::detach).collect();
    let mut whole = !trees.is_empty() && walked.unwrap_or(false);
    while let (true, Some(tree)) = (whole, trees.pop()) {
        let Ok(tree) = inner.find_tree(tree) else { return Ok(false) };
        for entry in tree.iter() {
            let Ok(entry) = entry else { return Ok(false) };
            let mode = entry.mode();
            if mode.is_tree() {
                trees.extend(seen.insert(entry.oid().to_owned()).then(|| entry.oid().to_owned()));
            } else if !mode.is_commit() {
                whole &= inner.has_object(entry.oid());
            }
        }
    }
    Ok(whole)
}

/// Puts the new mirror into the place of the old one, in one step, and removes the old. False if somebody reads the old one.
pub(super) fn exchange(old: &Repository, fresh: &Path) -> Result<bool, GitError> {
    let folder = old.folder();
    let Some(reading) = &old.reading else { return Ok(false) };
    let exchanged = reading.alone(folder, || renameat_with(CWD, folder, CWD, fresh, RenameFlags::EXCHANGE))?;
    let Some(exchanged) = exchanged else { return Ok(false) };
    exchanged.map_err(|error| io_broken(folder, "it cannot be exchanged for a fresh one", error.into()))?;
    discard(fresh);
    Ok(true)
}

/// Removes a mirror that is no longer, or never was, in use. What stays is removed before the next one is made there.
pub(super) fn discard(fresh: &Path) {
    fs::remove_dir_all(fresh).ok();
}
