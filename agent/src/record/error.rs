//! What can go wrong with the record, in words that say what to do.

use std::io;
use std::path::{Path, PathBuf};

use super::RecordId;

/// Something about the record that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file system would not.
    #[error("cannot {doing} {path}")]
    Files {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database would not.
    #[error("cannot {doing} in the record {path}")]
    Database {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// The file cannot be read as a database any more.
    #[error(
        "the record {path} is damaged and was not touched: look at it with `writ audit verify`, keep a copy, then put a \
         backup in its place or move it away and enrol again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the database says.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer program made it.
    #[error(
        "the record {path} has schema {found} and this program knows no newer one than {known}: nothing was changed; run \
         the newer writ"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// It is a file of something else.
    #[error(
        "{path} is not a record of Writ: nothing was changed; choose another state directory or move the file away"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// There is none.
    #[error("there is no record at {path}: no agent ran with this state directory yet")]
    Absent {
        /// The file.
        path: PathBuf,
    },
    /// Someone else has the lock.
    #[error("{what} in {state} is held by {holder}: stop that one first, or use another state directory")]
    Locked {
        /// What is locked, in words.
        what: &'static str,
        /// The state directory.
        state: PathBuf,
        /// The process and machine that hold it.
        holder: String,
    },
    /// A record or row says something that this program does not understand.
    #[error("{row} of the record {path} cannot be understood: {detail}")]
    Meaning {
        /// The file.
        path: PathBuf,
        /// Which row.
        row: String,
        /// What is wrong with it.
        detail: String,
    },
    /// There is no intent by this identifier that still waits for its outcome.
    #[error("record {0} is no intent that waits for its outcome")]
    NoSuchIntent(RecordId),
}

/// Gives a database error its operation and file.
pub(super) fn database(doing: &'static str, path: &Path) -> impl FnOnce(rusqlite::Error) -> RecordError {
    move |source| {
        let path = path.to_path_buf();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                RecordError::Damaged { path, source }
            }
            Some(_) | None => RecordError::Database { doing, path, source },
        }
    }
}

/// Gives a file error its operation and file.
pub(super) fn files(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RecordError {
    move |source| RecordError::Files { doing, path: path.to_path_buf(), source }
}
