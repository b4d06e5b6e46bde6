//! Whether hosts that follow one branch were shown the same history.
//!
//! Invariant: a head that is not here, or whose history was not read to its end, is no split: that host may merely be ahead.

use super::id::CommitId;
use super::witness::{Descent, Lineage, Testimony, Witness};

/// How the head of another host lies to the own one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// One goes on from the other.
    Same,
    /// Neither does.
    Split,
    /// That cannot be told from what is here.
    CannotTell,
}

impl Lineage {
    /// How the head of another host lies to the own one.
    #[must_use]
    pub fn view(&self, own: &CommitId, other: &CommitId) -> View {
        let descent = |from: &CommitId, of: &CommitId| {
            let by = Testimony::Runs { unit: String::new() };
            self.descent(from, &Witness { commit: *of, payload: self.payload(of), by })
        };
        match (descent(own, other), descent(other, own)) {
            (Descent::Yes, _) | (_, Descent::Yes) => View::Same,
            (Descent::No, Descent::No) => View::Split,
            (Descent::CannotTell(_), _) | (_, Descent::CannotTell(_)) => View::CannotTell,
        }
    }
}
