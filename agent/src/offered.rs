//! What a remote offers by now, brought into the clone; a clone that broke or grew is made afresh.

use std::path::Path;

use writ_core::trust::CommitId;

use crate::error::chain;
use crate::git::{GitError, Mirror, Remote, Renewed};

/// The remote's head, fetched unless it is the one that is known. A broken clone is made afresh once: it holds nothing
/// that cannot be fetched again.
pub(crate) fn fetch(
    mirror: &mut Mirror,
    known: Option<CommitId>,
    folder: &Path,
    remote: &Remote,
) -> Result<Fetched, GitError> {
    let listed = mirror.list()?;
    let statements_moved = mirror.statements_moved();
    let fetched = match listed {
        Some(head) if Some(head) != known || statements_moved => mirror.fetch(),
        head => return Ok(Fetched { head, statements_moved: false }),
    };
    if let Err(GitError::MirrorBroken { detail, .. }) = &fetched {
        tracing::warn!(source = remote.name, detail, "the local copy is broken and is made afresh");
        *mirror = Mirror::afresh(folder, remote)?;
        return mirror.fetch().map(|head| Fetched { head, statements_moved });
    }
    fetched.map(|head| Fetched { head, statements_moved })
}

/// What a look at the remote brought.
pub(crate) struct Fetched {
    /// The head that it offers, if the branch is there.
    pub(crate) head: Option<CommitId>,
    /// Approvals or rewinds came or went.
    pub(crate) statements_moved: bool,
}

/// Makes the clone afresh if it grew too large. One that cannot be made now serves as it is.
pub(crate) fn renew(mirror: &mut Mirror, needed: &[CommitId], remote: &Remote) {
    let source = &remote.name;
    match mirror.renew(needed) {
        Ok(Renewed::No) => {}
        Ok(Renewed::Yes) => tracing::info!(source, "the local copy had grown and was made afresh"),
        Ok(Renewed::Read) => tracing::debug!(source, "the local copy has grown and is being read; it stays for now"),
        Ok(Renewed::Needed(commits)) => {
            let commits: Vec<String> = commits.iter().map(ToString::to_string).collect();
            let commits = commits.join(", ");
            tracing::warn!(
                source,
                commits,
                "the local copy has grown and stays: the remote has not all that is in use"
            );
        }
        Err(error) => tracing::warn!(source, error = chain(&error), "the local copy has grown and stays for now"),
    }
}
