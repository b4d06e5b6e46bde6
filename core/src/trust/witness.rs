//! What tells, beside its record, which commits a host followed, and whether a head goes on from them.
//!
//! The record can be lost, or be put back to an older state. What runs is labelled with the commit that asked for it, a
//! cluster is annotated with the one that it was brought to, and a host can publish where it is. A commit that any of these
//! names, and of which the record says neither that it was the floor nor that people let the host go back behind it, is a
//! witness: a head has to descend from it as from the floor.
//!
//! Invariant: a witness only ever keeps a head out; none lets anything in.
//! Invariant: a history that was not read to its end is "cannot tell", never "does not descend".

use std::collections::{BTreeMap, BTreeSet};

use super::commit::PayloadDigest;
use super::id::CommitId;
use super::key_id::KeyId;

/// A commit that this host followed, though its record does not know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The commit.
    pub commit: CommitId,
    /// The hash of what its signature covers; none if the commit is not here.
    pub payload: Option<PayloadDigest>,
    /// What says so.
    pub by: Testimony,
}

/// What says that a host followed a commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Testimony {
    /// A container of this unit is labelled with it.
    Runs {
        /// The unit.
        unit: String,
    },
    /// The cluster of this unit was brought to it.
    Holds {
        /// The unit.
        unit: String,
    },
    /// The host published that it was its floor.
    Published {
        /// The key that signed it.
        signer: KeyId,
    },
}

/// Everything by which a head is held against witnesses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Witnesses {
    /// The witnesses.
    pub all: Vec<Witness>,
    /// The history behind the head, the witnesses and what was let back.
    pub lineage: Lineage,
    /// Commits from which people let this host go back: what they and their history witness counts no longer.
    pub let_back: Vec<CommitId>,
    /// Why it cannot be told whether there are more witnesses.
    pub unread: Vec<String>,
}

/// Commits with their parents, without anything else.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage(BTreeMap<CommitId, (Vec<CommitId>, PayloadDigest)>);

/// Whether one commit goes on from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Descent {
    /// It is that one or a copy of it under another signature, or descends from one of these.
    Yes,
    /// It is and does neither.
    No,
    /// This commit of its history is missing.
    CannotTell(CommitId),
}

impl Lineage {
    /// Adds a commit.
    pub fn add(&mut self, commit: CommitId, parents: Vec<CommitId>, payload: PayloadDigest) {
        self.0.insert(commit, (parents, payload));
    }

    /// The parents of a commit; none if it is not here.
    #[must_use]
    pub fn parents(&self, commit: &CommitId) -> Option<&[CommitId]> {
        self.0.get(commit).map(|(parents, _)| parents.as_slice())
    }

    /// The hash of what a commit's signature covers; none if it is not here.
    #[must_use]
    pub fn payload(&self, commit: &CommitId) -> Option<PayloadDigest> {
        self.0.get(commit).map(|(_, payload)| *payload)
    }

    /// Whether `from` is the witness, or descends from it.
    #[must_use]
    pub fn descent(&self, from: &CommitId, witness: &Witness) -> Descent {
        let mut open = vec![*from];
        let mut seen = BTreeSet::new();
        let mut missing = None;
        while let Some(id) = open.pop() {
            if id == witness.commit {
                return Descent::Yes;
            }
            if !seen.insert(id) {
                continue;
            }
            match self.0.get(&id) {
                Some((_, payload)) if Some(payload) == witness.payload.as_ref() => return Descent::Yes,
                Some((parents, _)) => open.extend(parents),
                None => missing = Some(id),
            }
        }
        missing.map_or(Descent::No, Descent::CannotTell)
    }
}

impl Witnesses {
    /// What keeps a head out: a witness, and that the head does not descend from it or that this cannot be told.
    #[must_use]
    pub fn against(&self, head: &CommitId) -> Vec<(&Witness, Descent)> {
        let counting = self.all.iter().filter(|witness| !self.is_let_back(witness));
        let held = counting.map(|witness| (witness, self.lineage.descent(head, witness)));
        held.filter(|(_, descent)| *descent != Descent::Yes).collect()
    }

    /// The same where people let the host go back from one more commit.
    #[must_use]
    pub fn after(&self, from: CommitId) -> Self {
        let let_back = self.let_back.iter().copied().chain([from]).collect();
        Self { let_back, ..self.clone() }
    }

    /// True if a commit lies in the history of another one, as far as that was read.
    #[must_use]
    pub fn is_behind(&self, commit: CommitId, other: &CommitId) -> bool {
        let by = Testimony::Runs { unit: String::new() };
        self.lineage.descent(other, &Witness { commit, payload: None, by }) == Descent::Yes
    }

    fn is_let_back(&self, witness: &Witness) -> bool {
        self.let_back.iter().any(|from| self.lineage.descent(from, witness) == Descent::Yes)
    }
}

impl std::fmt::Display for Testimony {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Runs { unit } => write!(f, "which containers of unit {unit} run by"),
            Self::Holds { unit } => write!(f, "which the cluster of unit {unit} was brought to"),
            Self::Published { signer } => write!(f, "which this host published as its floor with {signer}"),
        }
    }
}

#[cfg(test)]
#[path = "witness_tests.rs"]
mod tests;
