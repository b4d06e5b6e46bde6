//! What can go wrong between a remote and a file of an admitted commit.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use writ_core::trust::CommitId;

/// Why Git could not be asked, or what it gave cannot be used.
///
/// None of these means that anything was removed: whoever gets one keeps what is.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The settings name something that cannot be used.
    #[error("the source's {what} {value:?} cannot be used: {reason}")]
    Setting {
        /// Which setting.
        what: &'static str,
        /// Its value; never a secret.
        value: String,
        /// Why not.
        reason: String,
    },
    /// A file of credentials cannot be read.
    #[error("cannot read the credentials in {file}")]
    Credentials {
        /// The file.
        file: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The remote did not answer, or not as Git does.
    #[error("cannot {operation} {url}{said}")]
    Remote {
        /// What was tried.
        operation: Operation,
        /// The remote.
        url: String,
        /// What the program in between said, if anything.
        said: String,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The remote took too long.
    #[error("{operation} of {url} took longer than its limit of {seconds} s and was stopped")]
    TimedOut {
        /// What was tried.
        operation: Operation,
        /// The remote.
        url: String,
        /// The limit.
        seconds: f64,
    },
    /// The remote stopped sending in the middle.
    #[error("{operation} of {url} was stopped: nothing came for {seconds} s, the limit for silence")]
    Silent {
        /// What was tried.
        operation: Operation,
        /// The remote.
        url: String,
        /// The limit.
        seconds: f64,
    },
    /// The remote sent too much.
    #[error("{operation} of {url} brought more than its limit of {bytes} bytes and was stopped")]
    TooMuch {
        /// What was tried.
        operation: Operation,
        /// The remote.
        url: String,
        /// The limit.
        bytes: u64,
    },
    /// What the remote sent unpacks to too much.
    #[error("{operation} of {url} brought an object or a count of objects above the limit of {bytes} bytes in memory")]
    TooLarge {
        /// What was tried.
        operation: Operation,
        /// The remote.
        url: String,
        /// The limit.
        bytes: u64,
    },
    /// What the remote sent unpacks to too much at once.
    #[error("{operation} of {url} needed more than its limit of {bytes} bytes of memory and was stopped")]
    TooHeavy {
        /// What was tried.
        operation: Operation,
        /// The remote.
        url: String,
        /// The limit.
        bytes: u64,
    },
    /// The remote sends elsewhere; credentials do not go there.
    #[error("{url} redirects to {to}, which is not followed; if it is right, write that address into the settings")]
    Redirected {
        /// The remote.
        url: String,
        /// Where it sends.
        to: String,
    },
    /// The local copy cannot be read. [`super::Mirror::afresh`] makes a new one; the floor is not in it and stays.
    #[error("the local copy {folder} is broken ({detail}) and must be made afresh")]
    MirrorBroken {
        /// The copy.
        folder: PathBuf,
        /// What was noticed.
        detail: String,
        /// Why.
        #[source]
        source: Option<Box<dyn Error + Send + Sync>>,
    },
    /// The remote or the local repository names its objects by SHA-256.
    #[error(
        "{place} is a SHA-256 repository, which is not supported; use a SHA-1 repository (`git init --object-format=sha1`)"
    )]
    Sha256 {
        /// Which repository.
        place: String,
    },
    /// A revision does not name a commit.
    #[error("{revision:?} names no commit in {folder}: write a full name, a branch or a ref")]
    Revision {
        /// What was asked for.
        revision: String,
        /// Where.
        folder: PathBuf,
    },
    /// The history is longer than any that is judged.
    #[error("the history of {head} has more than {limit} commits to judge; enrol the source at a later introduction")]
    TooManyCommits {
        /// The offered head.
        head: CommitId,
        /// The limit.
        limit: usize,
    },
    /// More approvals or rewinds than are read.
    #[error("there are more than {limit} refs below {prefix}; remove those that are no longer needed")]
    TooManyStatements {
        /// The folder of refs.
        prefix: String,
        /// The limit.
        limit: usize,
    },
    /// Something cannot be written into a repository.
    #[error("cannot write {what} into {folder}")]
    Write {
        /// What.
        what: String,
        /// The repository.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// There is no repository where one was looked for.
    #[error("there is no Git repository in {folder} or above it: name one with --git-dir")]
    NoRepository {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// Something in the tree cannot be used as a unit's file.
    #[error("cannot use {path:?} at {commit}: {reason}")]
    Content {
        /// The path, from the root of the tree.
        path: String,
        /// The commit.
        commit: CommitId,
        /// Why not.
        reason: String,
    },
}

/// What is asked of a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Where the branch is.
    List,
    /// What it brings.
    Fetch,
    /// To take what a host says.
    Push,
}

/// True if the library gave up because a repository names its objects by SHA-256. It has no error of its own for that; what it
/// says is held by a test.
pub(super) fn is_of_sha256(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if said.contains("A hash sized 64 hexadecimal characters") || said.contains("input=\"sha256\"") {
            return true;
        }
        cause = error.source();
    }
    false
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Fetch => "fetch",
            Self::Push => "push",
        })
    }
}
