//! What a look at a cluster shows of objects.
//!
//! Invariant: absent is what the server said is not there; what could not be asked for is unseen.

use std::collections::BTreeMap;

use super::{Condition, Field, FieldPath};
use crate::hash::SpecHash;
use crate::model::ObjectId;
use crate::observed::Holder;
use crate::time::Timestamp;

/// One look at a cluster, for one unit.
#[derive(Debug, Clone, PartialEq)]
pub struct ObservedCluster {
    /// All objects that are wanted, held, or bear this unit's labels.
    pub objects: BTreeMap<ObjectId, ObservedObject>,
    /// Workloads whose replicas an autoscaler of the cluster sets, each with that; or why it is not known which.
    pub scaled: Scaled,
}

/// Workloads, each with the autoscaler that sets its replicas; or why it is not known which.
pub type Scaled = Result<BTreeMap<ObjectId, ObjectId>, String>;

/// What a look showed of one object.
#[derive(Debug, Clone, PartialEq)]
pub enum ObservedObject {
    /// It is not there: the server said so. What it would make of the wanted one.
    Absent(Trial),
    /// It may be there and could not be looked at; why.
    Unseen(String),
    /// It is there, and bears the labels of nobody or of somebody else.
    Foreign(Holder),
    /// It is there, and this unit's.
    Present(Box<Present>),
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Present {
    /// By which it is told from another of the same name.
    pub uid: String,
    /// What was applied last, by its annotation; none if that is missing or cannot be read.
    pub revision: Option<SpecHash>,
    /// As whom it was applied last, by its annotation; none if that is missing.
    pub account: Option<String>,
    /// It is being deleted.
    pub deleting: bool,
    /// When it was made, or applied last, as far as it tells.
    pub since: Timestamp,
    /// How it is.
    pub condition: Condition,
    /// What the server would make of the wanted one.
    pub trial: Trial,
}

/// What the server says to an application that is only tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trial {
    /// Nobody asked: nothing of it is wanted, or what it needs is not there yet.
    Unasked,
    /// Nothing would change.
    Same,
    /// These fields would change; some of them are somebody else's by now.
    Differs {
        /// Which, and in which way.
        fields: Vec<Field>,
        /// Fields that somebody else set since.
        conflicts: Vec<Conflict>,
    },
    /// The fields cannot change while the object lives; in the server's words.
    Immutable(String),
    /// The server does not take it; in its words.
    Refused(String),
    /// The server did not come to an answer; why.
    Unknown(String),
}

/// A field that an application would take from somebody else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conflict {
    /// The field.
    pub field: FieldPath,
    /// Who set it: the name of a field manager.
    pub manager: String,
}
