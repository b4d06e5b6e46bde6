//! A file that is put in place as a whole, or not at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::RecordError;
use super::error::files;

/// A file under way, readable by its owner alone; removed again unless it is kept.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    draft: PathBuf,
    file: File,
}

impl Draft {
    /// Begins the file that is to stand at `path`.
    pub fn of(path: &Path) -> Result<Self, RecordError> {
        if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
            return Err(files("replace what is no plain file,", path)(std::io::ErrorKind::AlreadyExists.into()));
        }
        let draft = PathBuf::from(format!("{}.draft", path.display()));
        let mut options = File::options();
        let file = (options.write(true).create(true).truncate(true).mode(0o600).open(&draft))
            .map_err(files("write", &draft))?;
        Ok(Self { path: path.to_path_buf(), draft, file })
    }

    /// Where to write.
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Puts it in place, durably.
    pub fn keep(self) -> Result<(), RecordError> {
        self.file.sync_all().map_err(files("write", &self.draft))?;
        fs::rename(&self.draft, &self.path).map_err(files("put in place", &self.path))?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        sync(folder.unwrap_or_else(|| Path::new(".")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already if it was kept; and nobody can be told if it cannot be removed.
        drop(fs::remove_file(&self.draft));
    }
}

/// Puts a file of the state directory in place.
pub(super) fn put(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), RecordError> {
    let mut draft = Draft::of(&folder.join(name))?;
    draft.file.write_all(bytes).map_err(files("write", &draft.draft))?;
    draft.keep()
}

/// Makes what was put into a folder outlast a loss of power.
pub(super) fn sync(folder: &Path) -> Result<(), RecordError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(files("synchronise", folder))
}
