//! Where a long history can be cut, so that it is judged part by part in little memory.
//!
//! A cut is a commit through which every line of the history passes: each of the others is its ancestor or its descendant.
//! What a commit is judged by lies between it and the cut below it, so the verdicts do not depend on where the cuts are
//! (`decisions/0020`).
//!
//! Invariant: dates only say in which order commits are looked at; what is a cut is decided by parents alone.

use std::collections::{BTreeMap, BTreeSet};

use super::id::CommitId;

/// Who the parents of a commit are, and when it says that it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Born {
    /// Committer date as claimed, in seconds since 1970.
    pub committed: i64,
    /// Its parents; none where the history ends for this judgement, as at the floor and the introduction.
    pub parents: Vec<CommitId>,
}

/// The heads of the windows in which a history is judged, oldest first, the head itself last. Each holds `size` commits and
/// as many more as it takes to come to a cut; the last ones before the end of the history, fewer.
///
/// `look` tells of one commit, and is asked once for each of the history. What is remembered of them is forgotten at each
/// cut.
///
/// # Errors
/// What `look` fails with.
pub fn windows<E>(
    head: CommitId,
    size: usize,
    mut look: impl FnMut(&CommitId) -> Result<Born, E>,
) -> Result<Vec<CommitId>, E> {
    let mut heads = vec![head];
    // What was met and not yet followed, by date, and all that was met since the last cut.
    let (mut open, mut met) = (BTreeMap::new(), BTreeSet::from([head]));
    let born = look(&head)?;
    open.insert((born.committed, head), born.parents);
    let (mut followed, mut ended) = (0_usize, false);
    while let Some(((_, commit), parents)) = open.pop_last() {
        ended |= parents.is_empty();
        // No line of those that were followed has ended, and none goes on anywhere else: all of them come to this one.
        if open.is_empty() && !ended && followed >= size {
            heads.push(commit);
            met = BTreeSet::from([commit]);
            followed = 0;
        }
        followed += 1;
        for parent in parents {
            if met.insert(parent) {
                let born = look(&parent)?;
                open.insert((born.committed, parent), born.parents);
            }
        }
    }
    heads.reverse();
    Ok(heads)
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
