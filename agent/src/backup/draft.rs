//! A copy while it is written: under a name that says so, until it is whole and on the disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Bytes of the end of a draft's name.
pub(super) const PART: &str = ".part";

/// A copy that is being written. Dropped before it is put in place, it is removed.
#[derive(Debug)]
pub struct Draft {
    file: PathBuf,
    path: PathBuf,
    open: File,
}

/// Why a copy is not in its place.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// Its name is taken.
    #[error("{path} is there already; it is left as it is: name another file", path = path.display())]
    There {
        /// The name.
        path: PathBuf,
    },
    /// Its name is none.
    #[error("{path} is no name of a file", path = path.display())]
    Nameless {
        /// What was named.
        path: PathBuf,
    },
    /// The disk did not do it.
    #[error("cannot {operation} {path}", path = path.display())]
    File {
        /// What was to be done.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Where the digest of a copy stands.
#[must_use]
pub fn digest_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

impl Draft {
    /// Begins a copy that will be called `file`.
    ///
    /// # Errors
    /// If that name is taken or none, or the folder takes no file.
    pub fn new(file: PathBuf) -> Result<Self, DraftError> {
        if fs::symlink_metadata(&file).is_ok() {
            return Err(DraftError::There { path: file });
        }
        let Some(name) = file.file_name() else { return Err(DraftError::Nameless { path: file }) };
        let path = file.with_file_name(format!(".{}.{}{PART}", name.display(), std::process::id()));
        let mut options = File::options();
        match options.write(true).create_new(true).mode(0o600).open(&path) {
            Ok(open) => Ok(Self { file, path, open }),
            Err(source) => Err(DraftError::File { operation: "make", path, source }),
        }
    }

    /// Writes a piece at its end.
    ///
    /// # Errors
    /// If the disk does not take it; in words.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), String> {
        self.open.write_all(piece).map_err(|error| format!("cannot write {}: {error}", self.path.display()))
    }

    /// Gives the copy its name, with its digest beside it; the name.
    ///
    /// # Errors
    /// If it is not whole on the disk under that name.
    pub fn put_in_place(self, digest: &str) -> Result<PathBuf, DraftError> {
        let (draft, file) = (&self.path, &self.file);
        let put = || {
            self.open.sync_all()?;
            let name = file.file_name().unwrap_or_default();
            let mut beside = File::options();
            let mut beside = beside.write(true).create(true).truncate(true).mode(0o600).open(digest_file(file))?;
            writeln!(beside, "{digest}  {}", name.display())?;
            beside.sync_all()?;
            fs::rename(draft, file)?;
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        };
        let put: io::Result<()> = put();
        put.map(|()| file.clone()).map_err(|source| DraftError::File {
            operation: "put the copy in place as",
            path: file.clone(),
            source,
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that was put in place is there no more. The name of another says that it is a part; there is nothing more to
        // do about one that cannot be removed.
        drop(fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_its_name_when_it_is_whole_and_one_that_was_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pg.tar");
        let names = || fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect::<Vec<_>>();
        let mut draft = Draft::new(file.clone()).unwrap();
        draft.write(b"half").unwrap();
        assert!(names().len() == 1 && !file.exists(), "{:?}", names());
        drop(draft);
        assert!(names().is_empty(), "{:?}", names());
        let mut draft = Draft::new(file.clone()).unwrap();
        draft.write(b"whole").unwrap();
        assert_eq!(draft.put_in_place("77a0").unwrap(), file);
        assert_eq!(fs::read_to_string(&file).unwrap(), "whole");
        assert_eq!(fs::read_to_string(digest_file(&file)).unwrap(), "77a0  pg.tar\n");
        assert!(names().len() == 2, "{:?}", names());
        assert!(Draft::new(file).unwrap_err().to_string().contains("is there already"));
        assert!(Draft::new(PathBuf::from("/")).is_err() && Draft::new(folder.path().join("no/pg.tar")).is_err());
    }
}
