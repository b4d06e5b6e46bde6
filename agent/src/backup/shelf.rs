//! The copies of one volume in a folder, by their names: `HOST.VOLUME.MOMENT.tar`.
//!
//! Invariant: no file is touched that does not bear such a name of this host and this volume.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use writ_core::time::Timestamp;

use super::draft::{DraftError, PART, digest_file};

/// The end of a copy's name.
const TAR: &str = ".tar";

/// The copies of one volume.
#[derive(Debug)]
pub(super) struct Shelf {
    directory: PathBuf,
    /// `HOST.VOLUME.`
    stem: String,
}

impl Shelf {
    pub(super) fn new(directory: &Path, host: &str, volume: &str) -> Self {
        Self { directory: directory.to_owned(), stem: format!("{host}.{volume}.") }
    }

    /// Where a copy of that moment goes.
    pub(super) fn file(&self, at: Timestamp) -> PathBuf {
        self.directory.join(format!("{}{}{TAR}", self.stem, stamp(at)))
    }

    /// Removes what copies left that a crash ended. Whoever calls this is the only one who makes any.
    pub(super) fn clear_drafts(&self) -> Result<(), DraftError> {
        let stem = format!(".{}", self.stem);
        let of_draft = |name: &str| {
            let middle = name.strip_prefix(&stem)?.strip_suffix(PART)?;
            let (copy, process) = middle.rsplit_once('.')?;
            let digits = !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
            (digits && is_stamp(copy.strip_suffix(TAR)?)).then_some(())
        };
        for (name, path) in self.names()? {
            if of_draft(&name).is_some() {
                fs::remove_file(&path).map_err(|source| DraftError::File { operation: "remove", path, source })?;
            }
        }
        Ok(())
    }

    /// The newest copy, if it is this one.
    pub(super) fn newest_is(&self, digest: &str, bytes: u64) -> Option<String> {
        let newest = self.copies().ok()?.pop()?;
        let beside = fs::read_to_string(digest_file(&newest)).ok()?;
        let same = beside.split_whitespace().next() == Some(digest);
        (same && fs::metadata(&newest).ok()?.len() == bytes).then(|| newest.display().to_string())
    }

    /// Removes all copies but the newest ones. What cannot be removed is told, and harms no step.
    pub(super) fn keep_newest(&self, keep: u32) {
        let copies = match self.copies() {
            Ok(copies) => copies,
            Err(error) => {
                return tracing::warn!(error = crate::error::chain(&error), "older copies were not looked for");
            }
        };
        let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
        for old in copies.iter().rev().skip(keep) {
            for path in [old.clone(), digest_file(old)] {
                match fs::remove_file(&path) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => tracing::warn!("an older copy was not removed: {}: {error}", path.display()),
                }
            }
        }
    }

    /// All copies, the oldest first.
    fn copies(&self) -> Result<Vec<PathBuf>, DraftError> {
        let of_copy = |name: &str| Some(is_stamp(name.strip_prefix(&self.stem)?.strip_suffix(TAR)?));
        let mut found: Vec<PathBuf> =
            self.names()?.into_iter().filter(|(name, _)| of_copy(name) == Some(true)).map(|(_, path)| path).collect();
        found.sort();
        Ok(found)
    }

    fn names(&self) -> Result<Vec<(String, PathBuf)>, DraftError> {
        let read = || {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                let entry = entry?;
                // A name that is no text is none of ours.
                names.extend(entry.file_name().into_string().ok().map(|name| (name, entry.path())));
            }
            Ok(names)
        };
        read().map_err(|source| DraftError::File { operation: "read", path: self.directory.clone(), source })
    }
}

/// A moment as it stands in a name: `20261121T091011.000Z`.
fn stamp(at: Timestamp) -> String {
    at.to_string().chars().filter(|letter| !matches!(letter, '-' | ':')).collect()
}

fn is_stamp(text: &str) -> bool {
    let form = |(at, byte): (usize, u8)| match at {
        8 => byte == b'T',
        15 => byte == b'.',
        19 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 20 && text.bytes().enumerate().all(form)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn older_copies_go_beyond_those_that_are_kept_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path(), "edge-1", "voodu-data-pg-data-0");
        let put = |shelf: &Shelf, minutes: i64, text: &str| {
            let file = shelf.file(Timestamp(minutes * MINUTE));
            fs::write(&file, text).unwrap();
            fs::write(digest_file(&file), format!("{text}  copy\n")).unwrap();
            file
        };
        let copies: Vec<PathBuf> = (0..4).map(|minutes| put(&shelf, minutes, &format!("d{minutes}"))).collect();
        assert!(copies[0].ends_with("edge-1.voodu-data-pg-data-0.19700101T000000.000Z.tar"), "{copies:?}");
        let others = [
            put(&Shelf::new(folder.path(), "edge-2", "voodu-data-pg-data-0"), 0, "x"),
            put(&Shelf::new(folder.path(), "edge-1", "voodu-data-pg-data-1"), 0, "x"),
            folder.path().join("edge-1.voodu-data-pg-data-0.mine.tar"),
        ];
        fs::write(&others[2], "x").unwrap();
        let half = folder.path().join(".edge-1.voodu-data-pg-data-0.19700101T000900.000Z.tar.77.part");
        let by_hand = folder.path().join(".voodu-data-pg-data-0.tar.77.part");
        fs::write(&half, "x").unwrap();
        fs::write(&by_hand, "x").unwrap();
        shelf.clear_drafts().unwrap();
        assert!(!half.exists() && by_hand.exists());
        assert_eq!(shelf.newest_is("d3", 2), Some(copies[3].display().to_string()));
        assert_eq!((shelf.newest_is("d3", 3), shelf.newest_is("d2", 2)), (None, None));
        shelf.keep_newest(2);
        let there = |paths: &[PathBuf]| paths.iter().map(|path| path.exists()).collect::<Vec<_>>();
        assert_eq!(there(&copies), [false, false, true, true]);
        assert!(!digest_file(&copies[1]).exists() && digest_file(&copies[2]).exists());
        assert_eq!(there(&others), [true, true, true]);
        shelf.keep_newest(0);
        assert_eq!(there(&copies), [false, false, false, true], "the newest one always stays");
    }
}
