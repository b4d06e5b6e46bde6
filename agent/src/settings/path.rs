//! Looks at the files that settings name.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use writ_core::text::{Problem, Problems, Written};

/// Permissions of anybody who is neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// How private a file must be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Privacy {
    /// Others may neither read nor write it.
    Secret,
    /// Anybody may read it.
    Public,
}

/// A file that must be there, by an absolute path.
pub(super) fn file(
    key: &str,
    written: Option<Written<String>>,
    privacy: Privacy,
    problems: &mut Problems,
) -> Option<PathBuf> {
    let Written { value, place } = written?;
    let path = PathBuf::from(&value);
    match complaint(&path, privacy) {
        None => Some(path),
        Some((message, help)) => {
            problems.push(Problem::error(Some(place), format!("`{key}`: {message}")).help(help));
            None
        }
    }
}

/// A directory by an absolute path; it may still have to be made.
pub(super) fn directory(key: &str, written: Written<String>, problems: &mut Problems) -> Option<PathBuf> {
    let Written { value, place } = written;
    let path = PathBuf::from(&value);
    if path.is_absolute() {
        return Some(path);
    }
    problems.push(Problem::error(Some(place), format!("`{key}`: {value} is not an absolute path")));
    None
}

fn complaint(path: &Path, privacy: Privacy) -> Option<(String, String)> {
    let shown = path.display();
    if !path.is_absolute() {
        return Some((format!("{shown} is not an absolute path"), "begin it with `/`".to_owned()));
    }
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => {
            return Some((format!("cannot look at {shown}: {error}"), "make the file, or correct the path".to_owned()));
        }
    };
    if !meta.is_file() {
        return Some((format!("{shown} is not a file"), "name the file that holds the value".to_owned()));
    }
    if privacy == Privacy::Secret && meta.permissions().mode() & OTHERS != 0 {
        return Some((format!("everybody on this machine can get at {shown}"), format!("run: chmod 600 {shown}")));
    }
    None
}
