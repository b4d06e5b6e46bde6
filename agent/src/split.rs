//! Compares what other hosts say that they follow with what this one follows.
//!
//! Invariant: nothing here lets a commit in or keeps one out; it is told, and the host goes on.

use writ_core::trust::{CommitId, KeyId, Published, View};

use crate::git::{GitError, Repository, SignedPublished};
use crate::record::HostKey;

/// Another host that follows a history apart from this one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// That host.
    pub host: String,
    /// The commit that it follows.
    pub head: CommitId,
    /// The key that signed that.
    pub signer: KeyId,
    /// What the tree of the commit that this host follows says about that key.
    pub listed: Listed,
}

/// What a tree says about the key of another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// It lists this key for that host.
    Yes,
    /// It lists no key for it.
    Nothing,
    /// It lists another key, or nothing that is one.
    Another,
}

/// The other hosts that publish that they follow `branch`, how many they are, and those that were shown another history
/// than the one of `head`.
///
/// # Errors
/// If the copy of the source cannot be read.
pub fn splits(
    repository: &Repository,
    host: &str,
    branch: &str,
    head: CommitId,
) -> Result<(usize, Vec<Split>), GitError> {
    let (all, _) = repository.published()?;
    let others = all.into_iter().filter(|it| it.published.host != host && it.published.branch == branch);
    let (mut count, mut splits) = (0, Vec::new());
    for signed in others {
        count += 1;
        let other = signed.published.head;
        if other == head || repository.view(head, other)? != View::Split {
            continue;
        }
        let listed = listed(repository, head, &signed)?;
        let SignedPublished { published: Published { host, .. }, signer } = signed;
        splits.push(Split { host, head: other, signer, listed });
    }
    Ok((count, splits))
}

/// What the tree of a commit says about the key that a host signed with.
///
/// # Errors
/// If the tree cannot be read.
pub fn listed(repository: &Repository, commit: CommitId, signed: &SignedPublished) -> Result<Listed, GitError> {
    let SignedPublished { published, signer } = signed;
    Ok(match repository.host_key_at(commit, &published.host)? {
        None => Listed::Nothing,
        Some(text) if fingerprint(&text).as_deref() == Some(&signer.to_string()) => Listed::Yes,
        Some(_) => Listed::Another,
    })
}

/// The fingerprint of the key in a file of OpenSSH; what follows the key is a remark.
fn fingerprint(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Some(HostKey::parse(&words.join(" "))?.fingerprint())
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, head, signer, listed } = self;
        write!(f, "host {host} follows {head}, which is neither before nor after what this host follows; ")?;
        match listed {
            Listed::Yes => write!(f, "it is signed with the key that .writ/hosts/{host}.pub lists"),
            Listed::Nothing => write!(f, "nobody vouches for its key {signer}: .writ/hosts/{host}.pub is not there"),
            Listed::Another => write!(f, "its key {signer} is not the one that .writ/hosts/{host}.pub lists"),
        }
    }
}
