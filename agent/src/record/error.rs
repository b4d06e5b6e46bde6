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
    /// The journal names no host key yet.
    #[error("this host has no host key yet: `writ key init` makes it, and so does the first pass of the agent")]
    NoHostKey,
    /// The journal names a host key, and its file is gone.
    #[error(
        "the journal names the host key {named}, and there is no {path}: nothing is signed until it is put back; if it is          lost, run `writ key rotate --lost --reason WHY`"
    )]
    HostKeyAbsent {
        /// Where it should be.
        path: PathBuf,
        /// The fingerprint of the key that is missed.
        named: String,
    },
    /// The file holds another key than the journal names.
    #[error(
        "{path} is the key {found}, and the journal names {named}: nothing is signed until that one is put back; if it is \
         lost, run `writ key rotate --lost --reason WHY`"
    )]
    OtherHostKey {
        /// The file.
        path: PathBuf,
        /// The fingerprint of what is there.
        found: String,
        /// The fingerprint of what should be.
        named: String,
    },
    /// It is said to be lost, and is there.
    #[error("the host key that the journal names is there and can sign: run `writ key rotate` without --lost")]
    HostKeyNotLost,
    /// Values of buckets that cannot be read by the host key.
    #[error(
        "values of config buckets cannot be read, for they are sealed by a host key that is not here: {keys}. Put that key back \
         ({folder}/host_key); if it is lost, so are they: give the host another key by `writ key rotate --lost --reason WHY`, \
         then set each of them anew by `writ config set`, or remove it by `writ config unset`"
    )]
    BucketsSealed {
        /// The keys, as `SCOPE/NAME KEY`.
        keys: String,
        /// The state directory.
        folder: String,
        /// Why the host key cannot be had, if it cannot.
        #[source]
        source: Option<Box<Self>>,
    },
    /// A value that no bucket holds.
    #[error("the value is too large for a config bucket")]
    TooLarge,
    /// The journal says nothing of what is to be proven.
    #[error("the journal {path} tells nothing of {about}")]
    NothingToldOf {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        about: String,
    },
    /// No checkpoint covers it.
    #[error(
        "record {record} is newer than the newest checkpoint, so that nothing vouches for it yet: the agent signs when a \
         pass ends in another state than the one before, and at latest after a day"
    )]
    NotSignedYet {
        /// The newest record about it.
        record: i64,
    },
    /// The file of the host key cannot be used.
    #[error("the host key {path} cannot be used: {detail}")]
    BadHostKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, without its contents.
        detail: String,
    },
    /// The library would not sign.
    #[error("the host key cannot sign")]
    Signing {
        /// Why not.
        #[source]
        source: ssh_key::Error,
    },
    /// The checkpoint beside the journal is about another journal, or a longer one.
    #[error(
        "{file} is about a record {record} that the journal {path} has otherwise or not at all: the journal was exchanged or \
         rolled back. Keep a copy of that file and of its signature, find out why, then move both away"
    )]
    Contradicted {
        /// The journal.
        path: PathBuf,
        /// The file beside it.
        file: PathBuf,
        /// The record.
        record: RecordId,
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
