//! Files with fixed contents that pods mount, kept below the state directory by the hash of what they hold.
//!
//! Invariant: what stands under a hash was written whole, and to the disk, before the hash became its name.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use writ_core::model::{FileContent, Files};

use crate::target::TargetError;

/// Directory of the kept files below the state directory.
const DIRECTORY: &str = "files";

/// The one file of a directory that stands for a single file.
const SINGLE: &str = "content";

/// Age below which unused files are kept: a pod that mounts them may be in the making.
const KEEP_UNUSED: Duration = Duration::from_secs(3_600);

/// Writes a directory of files, if it does not stand there already; its path is what a container mounts.
pub(super) fn keep_directory(state: &Path, files: &Files) -> Result<PathBuf, TargetError> {
    let home = home(state)?;
    let path = home.join(digest(files));
    if stands(&path, files) {
        return Ok(path);
    }
    let draft = home.join(format!(".draft-{}", std::process::id()));
    remove(&draft)?;
    make_directory(&draft)?;
    for (name, file) in files {
        write_file(&draft, name, file)?;
    }
    sync(&draft)?;
    // Something else under that hash was changed by hand; what mounts it goes on with what it has open.
    remove(&path)?;
    fs::rename(&draft, &path).map_err(|source| failed("put in place", &path, source))?;
    sync(&home)?;
    Ok(path)
}

/// Writes one file, if it does not stand there already.
pub(super) fn keep_file(state: &Path, file: &FileContent) -> Result<PathBuf, TargetError> {
    let files = Files::from([(SINGLE.to_owned(), file.clone())]);
    Ok(keep_directory(state, &files)?.join(SINGLE))
}

/// Removes kept files that no container mounts.
pub(super) fn sweep(state: &Path, mounted: &BTreeSet<PathBuf>) -> Result<(), TargetError> {
    let home = state.join(DIRECTORY);
    let entries = match fs::read_dir(&home) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("read", &home, source)),
    };
    for entry in entries {
        let path = entry.map_err(|source| failed("read", &home, source))?.path();
        let used = mounted.iter().any(|mount| mount.starts_with(&path));
        let age = fs::symlink_metadata(&path).and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        if !used && age.is_some_and(|age| age > KEEP_UNUSED) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Where the kept files are, without any link in it.
pub(super) fn folder(state: &Path) -> PathBuf {
    let home = state.join(DIRECTORY);
    fs::canonicalize(&home).unwrap_or(home)
}

fn home(state: &Path) -> Result<PathBuf, TargetError> {
    let home = state.join(DIRECTORY);
    fs::create_dir_all(&home).map_err(|source| failed("make", &home, source))?;
    // Containers reach what they mount through the engine; nobody else has to come through here.
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).map_err(|source| failed("protect", &home, source))?;
    fs::canonicalize(&home).map_err(|source| failed("find", &home, source))
}

fn digest(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (name, FileContent { content, mode }) in files {
        for part in [name.as_bytes(), &mode.to_be_bytes(), content.expose()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

fn stands(path: &Path, files: &Files) -> bool {
    files.iter().all(|(name, file)| {
        let path = path.join(name);
        let mode = fs::symlink_metadata(&path).map(|found| found.permissions().mode() & 0o7777);
        mode.is_ok_and(|mode| mode == file.mode) && fs::read(&path).is_ok_and(|found| found == file.content.expose())
    }) && path.is_dir()
}

fn write_file(root: &Path, name: &str, file: &FileContent) -> Result<(), TargetError> {
    let relative = Path::new(name);
    let path = root.join(relative);
    if relative.components().any(|part| !matches!(part, Component::Normal(_))) || name.is_empty() {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "the name leads out of the directory");
        return Err(failed("write", &path, source));
    }
    let mut parents: Vec<&Path> = relative.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).collect();
    parents.reverse();
    for parent in parents.into_iter().map(|parent| root.join(parent)).filter(|parent| !parent.is_dir()) {
        make_directory(&parent)?;
    }
    let write = || {
        let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        out.write_all(file.content.expose())?;
        out.set_permissions(fs::Permissions::from_mode(file.mode))?;
        out.sync_all()
    };
    write().map_err(|source| failed("write", &path, source))
}

fn make_directory(path: &Path) -> Result<(), TargetError> {
    fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o755)))
        .map_err(|source| failed("make", path, source))
}

fn sync(path: &Path) -> Result<(), TargetError> {
    fs::File::open(path).and_then(|directory| directory.sync_all()).map_err(|source| failed("write", path, source))
}

fn remove(path: &Path) -> Result<(), TargetError> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed("remove", path, source)),
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> TargetError {
    TargetError::File { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use writ_core::text::SecretText;

    fn files(pairs: &[(&str, &str)]) -> Files {
        let content = |text: &str| FileContent { content: SecretText::new(text), mode: 0o644 };
        pairs.iter().map(|(name, text)| ((*name).to_owned(), content(text))).collect()
    }

    #[test]
    fn the_same_files_are_kept_once_and_others_apart() {
        let state = tempfile::tempdir().unwrap();
        let first = keep_directory(state.path(), &files(&[("a.conf", "x"), ("sub/b", "y")])).unwrap();
        assert_eq!(fs::read_to_string(first.join("sub/b")).unwrap(), "y");
        assert_eq!(fs::metadata(first.join("a.conf")).unwrap().permissions().mode() & 0o777, 0o644);
        assert_eq!(keep_directory(state.path(), &files(&[("a.conf", "x"), ("sub/b", "y")])).unwrap(), first);
        assert_ne!(keep_directory(state.path(), &files(&[("a.conf", "x"), ("sub/b", "z")])).unwrap(), first);
    }

    #[test]
    fn a_file_changed_by_hand_is_written_again() {
        let state = tempfile::tempdir().unwrap();
        let wanted = files(&[("a.conf", "x")]);
        let path = keep_directory(state.path(), &wanted).unwrap();
        fs::write(path.join("a.conf"), "changed").unwrap();
        assert_eq!(keep_directory(state.path(), &wanted).unwrap(), path);
        assert_eq!(fs::read_to_string(path.join("a.conf")).unwrap(), "x");
    }

    #[test]
    fn a_name_that_leads_out_of_the_directory_is_refused() {
        let state = tempfile::tempdir().unwrap();
        for name in ["../a", "/a", "a/../../b", "."] {
            let refused = keep_directory(state.path(), &files(&[(name, "x")])).unwrap_err();
            assert!(refused.to_string().starts_with("cannot write"), "{refused}");
        }
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_old_files_that_nothing_mounts_are_swept() {
        let state = tempfile::tempdir().unwrap();
        let keep = |text: &str| keep_directory(state.path(), &files(&[("a", text)])).unwrap();
        let (mounted, unused, fresh) = (keep("mounted"), keep("unused"), keep("fresh"));
        let old = std::time::UNIX_EPOCH + Duration::from_secs(1);
        for path in [&mounted, &unused] {
            fs::File::open(path).unwrap().set_modified(old).unwrap();
        }
        sweep(state.path(), &BTreeSet::from([mounted.join("a")])).unwrap();
        assert_eq!((mounted.exists(), unused.exists(), fresh.exists()), (true, false, true));
    }
}
