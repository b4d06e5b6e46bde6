//! What the record says a unit holds: the objects that were applied, and what they were.

use std::collections::BTreeMap;

use crate::hash::SpecHash;
use crate::model::ObjectId;

/// All that one unit holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The objects, by identity.
    pub objects: BTreeMap<ObjectId, Held>,
}

/// One object as it was last applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Hash of its template then.
    pub revision: SpecHash,
    /// Pods asked for then.
    pub replicas: u32,
    /// The commit that asked for it; none for local files.
    pub commit: Option<String>,
    /// Digests that went into the revision then, so that a change can be explained.
    pub parts: BTreeMap<String, String>,
    /// Its fixed fields then.
    pub fixed: BTreeMap<String, String>,
}

/// How an apply that succeeded changes the holdings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldingChange {
    /// The object is held as given.
    Hold(ObjectId, Box<Held>),
    /// It is held no longer.
    Release(ObjectId),
}
