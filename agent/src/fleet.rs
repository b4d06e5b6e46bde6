//! All hosts of a source, as each of them publishes how far it is.

use std::collections::BTreeMap;

use writ_core::time::Timestamp;
use writ_core::trust::{CommitId, Published, View};

use crate::git::{GitError, Repository, SignedPublished};
use crate::limits::LAG_COMMITS_MAX;
use crate::split::{Listed, listed};

/// A host, as it says itself that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it published last.
    pub published: Published,
    /// What the tree of the own commit says about the key that it signed with.
    pub listed: Listed,
    /// Where its head lies.
    pub place: Place,
    /// It has published nothing for longer than it should have.
    pub silent: bool,
}

/// Where the head of another host lies to the own one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The same.
    Same,
    /// So many commits behind, on the line of first parents.
    Behind(usize),
    /// Before or after it, on the same history.
    Near,
    /// On a history apart.
    Apart,
    /// That cannot be told from what is here.
    Unknown,
}

/// All hosts that publish that they follow a branch, as they lie to the commit `own`, by name; and what could not be used of what
/// is published. Whoever published nothing since `silent_before` counts as silent.
///
/// # Errors
/// If the copy of the source cannot be read.
pub fn members(
    repository: &Repository,
    branch: &str,
    own: CommitId,
    silent_before: Timestamp,
) -> Result<(Vec<Member>, Vec<String>), GitError> {
    let (all, unusable) = repository.published()?;
    let line = repository.first_parents(own, LAG_COMMITS_MAX)?;
    let mut places: BTreeMap<CommitId, Place> = line.into_iter().enumerate().map(at).collect();
    let mut members = Vec::new();
    for signed in all.into_iter().filter(|it| it.published.branch == branch) {
        let head = signed.published.head;
        let place = match places.get(&head) {
            Some(place) => *place,
            None => {
                let place = place_of(repository.view(own, head)?);
                places.insert(head, place);
                place
            }
        };
        let listed = listed(repository, own, &signed)?;
        let SignedPublished { published, signer: _ } = signed;
        let silent = published.time < silent_before;
        members.push(Member { published, listed, place, silent });
    }
    members.sort_by(|one, other| one.published.host.cmp(&other.published.host));
    Ok((members, unusable))
}

const fn at((distance, commit): (usize, CommitId)) -> (CommitId, Place) {
    (commit, if distance == 0 { Place::Same } else { Place::Behind(distance) })
}

const fn place_of(view: View) -> Place {
    match view {
        View::Same => Place::Near,
        View::Split => Place::Apart,
        View::CannotTell => Place::Unknown,
    }
}
