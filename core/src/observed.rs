//! What a look at a host showed.
//!
//! Invariant: what could not be seen is said to be unseen; it is never folded into what is not there.

use std::collections::BTreeMap;

use crate::ailment::Ailment;
use crate::cluster::ObservedCluster;
use crate::hash::SpecHash;
use crate::model::{ObjectId, PodIndex};
use crate::time::{Seconds, Timestamp};

/// One look at a host, for one unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// When.
    pub at: Timestamp,
    /// Pods that carry this host's and this unit's labels, by the name that the label gives the pod.
    pub pods: BTreeMap<String, ObservedPod>,
    /// Pods that may be there but could not be looked at, and why.
    pub unseen: BTreeMap<String, String>,
    /// Volumes that carry this host's labels, by name.
    pub volumes: BTreeMap<String, ObservedVolume>,
    /// Names of containers that this unit does not own, and who holds each.
    pub foreign: BTreeMap<String, Holder>,
    /// Names of volumes that this host does not own, and who holds each.
    pub foreign_volumes: BTreeMap<String, Holder>,
    /// The host's network.
    pub network: NetworkState,
    /// The host's ingress, whichever units lead something through it; none if it is not there.
    pub ingress: Option<ObservedIngress>,
    /// What was seen of a cluster; none for a container host, and for a cluster all else is empty.
    pub cluster: Option<ObservedCluster>,
}

/// The container of the host's ingress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedIngress {
    /// The engine's identifier of it.
    pub container: String,
    /// It runs.
    pub running: bool,
    /// What it was made from, by label; none if the label cannot be read.
    pub revision: Option<SpecHash>,
    /// Digest of the configuration that it was given last; none if it was given none, or nobody can tell.
    pub configuration: Option<SpecHash>,
}

/// The state of the host's network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum NetworkState {
    /// There and ours.
    Present,
    /// Not there.
    #[default]
    Absent,
    /// There, not ours.
    Foreign(Holder),
}

/// Who owns something that we must not touch (`container redis, not made by Writ`, `unit web`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder(pub String);

/// A pod that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPod {
    /// The engine's identifier of its main container.
    pub container: String,
    /// Its workload, by label.
    pub object: ObjectId,
    /// Which of the workload's pods, by label.
    pub index: PodIndex,
    /// What it was made from, by label; none if the label cannot be read.
    pub revision: Option<SpecHash>,
    /// What it is doing.
    pub state: PodState,
    /// Whether it answers; see [`Readiness`].
    pub readiness: Readiness,
    /// When it started to run, or was made.
    pub since: Timestamp,
    /// Since when it was seen not to be available, or to be so between restarts alone; none if it is, or nobody watched it.
    pub unavailable: Option<Timestamp>,
    /// When it ended, of a pod that runs to its end and did; none for all others, and where nobody can tell.
    pub ended: Option<Timestamp>,
    /// What a person changed about it, in words, as a look into every field showed it; empty if that look found
    /// nothing or was not made in this pass.
    pub altered: Vec<Alteration>,
    /// Its containers, of a pod that has several, joined to a sandbox; empty for a pod that is one container.
    pub parts: Vec<ObservedPart>,
}

impl ObservedPod {
    /// What is left at `now` of its time to become available. One that starts again and again is not given it anew.
    #[must_use]
    pub fn time_left(&self, deadline: Seconds, now: Timestamp) -> Seconds {
        let since = self.unavailable.map_or(self.since, |unavailable| unavailable.min(self.since));
        match self.state {
            PodState::Restarting => Seconds(0),
            PodState::Created | PodState::Running | PodState::Paused | PodState::Exited { .. } | PodState::Dead => {
                deadline.left(since, now)
            }
        }
    }
}

/// A container of a pod that has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPart {
    /// Its name in the manifest.
    pub name: String,
    /// The engine's identifier.
    pub container: String,
    /// What it is doing.
    pub state: PodState,
    /// It prepared the pod, or does; it does not run as long as the pod.
    pub init: bool,
    /// It is the one that is meant where none is named.
    pub default: bool,
}

/// A difference between a container as it was made and as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alteration {
    /// It bears another name.
    Renamed(String),
    /// It is not on the host's network, or not under its names.
    Disconnected,
    /// One of its several containers is not as it must be, or not there: which and how, in words, without values.
    Part(String),
    /// It ran to its end, and what stood beside its main containers goes on.
    Lingers,
    /// Something else, which only a new container mends: what, in words, without values.
    Field(String),
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Between two runs.
    Restarting,
    /// Ended, with its exit code and why, as far as that is known.
    Exited {
        /// Exit code.
        code: i64,
        /// The cause, if it is a known one and somebody looked.
        ailment: Option<Ailment>,
    },
    /// Cannot be started again; only removed.
    Dead,
}

/// Whether a pod answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Readiness {
    /// It is ready and has been so for `minReadySeconds`.
    Available,
    /// It is not.
    NotReady,
    /// Nobody has asked it yet.
    Unknown,
}

/// A volume that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedVolume {
    /// The workload that it belongs to, by label.
    pub object: Option<ObjectId>,
    /// The claim, by label.
    pub claim: String,
    /// The ordinal, by label.
    pub ordinal: Option<u32>,
}
