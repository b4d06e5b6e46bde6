//! The last good copy of a file of `url()`, and what its server said by which it knows that file again.
//!
//! Invariant: what the server said is used for the bytes that it was said of alone, wherever a crash came between the two.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use reqwest::header::{ETAG, HeaderMap, HeaderName, LAST_MODIFIED};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};
use sha2::{Digest as _, Sha256};
use writ_core::limits::ASSET_BYTES_MAX;
use writ_core::time::Timestamp;

/// Ends the name of the file beside a copy.
pub(super) const BESIDE: &str = ".known";

/// Longest word of a server by which it knows a file, in bytes. Real ones have some 40.
const WORD_BYTES_MAX: usize = 512;

/// A copy.
pub(super) struct Copy {
    pub(super) bytes: Vec<u8>,
    /// When its server last said that this is the file.
    pub(super) since: Timestamp,
    pub(super) known_by: KnownBy,
}

/// The words by which a server knows a file again. Source: RFC 9110, section 8.8.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KnownBy {
    pub(super) tag: Option<String>,
    pub(super) modified: Option<String>,
}

impl KnownBy {
    /// What an answer says.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let word = |name: HeaderName| headers.get(name)?.to_str().ok().filter(|word| is_word(word)).map(str::to_owned);
        Self { tag: word(ETAG), modified: word(LAST_MODIFIED) }
    }

    const fn is_empty(&self) -> bool {
        self.tag.is_none() && self.modified.is_none()
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty() && word.len() <= WORD_BYTES_MAX && word.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Puts a copy in place as a whole, readable by nobody else, and what its server said beside it.
pub(super) fn keep(folder: &Path, path: &Path, bytes: &[u8], known_by: &KnownBy) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    put(path, bytes)?;
    if known_by.is_empty() {
        return match fs::remove_file(beside(path)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
    }
    let KnownBy { tag, modified } = known_by;
    let line = |word: &Option<String>| word.as_deref().unwrap_or_default().to_owned();
    put(&beside(path), format!("{}\n{}\n{}\n", digest(bytes), line(tag), line(modified)).as_bytes())
}

/// Notes that a copy is what its server would send now.
pub(super) fn confirm(path: &Path) -> io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    for path in [path.to_path_buf(), beside(path)] {
        futimens(File::options().write(true).open(path)?, &Timestamps { last_access: now, last_modification: now })?;
    }
    Ok(())
}

/// A copy; none if there is none.
pub(super) fn kept(path: &Path) -> io::Result<Option<Copy>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let since = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    file.take(ASSET_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > ASSET_BYTES_MAX {
        return Err(io::Error::other("it is larger than any that is kept"));
    }
    let seconds = i64::try_from(since.as_secs()).map_err(io::Error::other)?;
    let known_by = known_by(path, &bytes).unwrap_or_default();
    Ok(Some(Copy { bytes, since: Timestamp::from_seconds(seconds), known_by }))
}

/// What the server said of just these bytes; none if that cannot be told, and then it is asked for all of them.
fn known_by(path: &Path, bytes: &[u8]) -> Option<KnownBy> {
    let mut text = String::new();
    let most = 2 * WORD_BYTES_MAX as u64 + 256;
    File::open(beside(path)).ok()?.take(most).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    if lines.next()? != digest(bytes) {
        return None;
    }
    let mut word = || lines.next().filter(|word| is_word(word)).map(str::to_owned);
    Some(KnownBy { tag: word(), modified: word() })
}

fn beside(path: &Path) -> PathBuf {
    PathBuf::from(format!("{}{BESIDE}", path.display()))
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = PathBuf::from(format!("{}.{}", path.display(), std::process::id()));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

/// SHA-256 in hexadecimal digits.
pub(super) fn digest(bytes: impl AsRef<[u8]>) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_said_holds_for_the_bytes_that_it_was_said_of_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("urls/copy");
        let known = KnownBy { tag: Some("\"one two\"".to_owned()), modified: None };
        let keep = |bytes: &[u8], known: &KnownBy| keep(&folder.path().join("urls"), &path, bytes, known).unwrap();
        let found = || kept(&path).unwrap().unwrap();
        assert!(kept(&path).unwrap().is_none());
        keep(b"one", &known);
        assert_eq!((found().bytes, found().known_by), (b"one".to_vec(), known.clone()));
        // A crash came between the new bytes and what was said of them.
        put(&path, b"two").unwrap();
        assert_eq!((found().bytes, found().known_by), (b"two".to_vec(), KnownBy::default()));
        keep(b"one", &known);
        assert_eq!(found().known_by, known);
        keep(b"one", &KnownBy::default());
        assert!(found().known_by.is_empty() && !beside(&path).exists());
    }
}
