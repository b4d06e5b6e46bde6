//! What a container host must become.

use std::collections::BTreeMap;

use super::pod::PodSpec;
use super::template::Template;
use super::{Budget, CronRules, Entrance, JobRules, ObjectId, PodIndex};
use crate::cluster::ClusterObject;
use crate::hash::SpecHash;
use crate::time::Seconds;

/// Everything that one unit wants on one host, or of one cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Desired {
    /// The workloads, by identity.
    pub workloads: BTreeMap<ObjectId, Workload>,
    /// Workloads that cannot be run and why, while the rest can (a claim of an unknown storage class). What runs of
    /// them stays as it is.
    pub pending: BTreeMap<ObjectId, String>,
    /// What is led from outside to pods, by the Ingress that asks for it.
    pub entrances: BTreeMap<ObjectId, Entrance>,
    /// How many pods must stay ready while some are mended.
    pub budgets: BTreeMap<ObjectId, Budget>,
    /// All objects as they were written, for a cluster, which has workloads of its own; then all else is empty.
    pub objects: BTreeMap<ObjectId, ClusterObject>,
}

/// A StatefulSet, a Deployment, a DaemonSet, a Job or a CronJob with everything that it refers to filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// What it is called.
    pub id: ObjectId,
    /// The file that declares it, by its path in the tree; what a rule about paths says of the file holds for its pods.
    pub file: Option<String>,
    /// How its pods are named, ordered and replaced.
    pub controller: Controller,
    /// How many pods.
    pub replicas: u32,
    /// Hash of the template and of all contents that it uses.
    pub revision: SpecHash,
    /// Digests that went into the revision, by what they are of (`configmap/data/web/key`, `container/web/image`), so
    /// that a changed revision can be explained. An image stands for itself. Holds no value of a secret.
    pub parts: BTreeMap<String, String>,
    /// Fields that cannot change while it lives, as text, by name.
    pub fixed: BTreeMap<String, String>,
    /// A pod with everything but its index filled in; [`Workload::pod`] makes the pods from it.
    pub(crate) template: Template,
    pub(crate) min_ready: Seconds,
    pub(crate) progress_deadline: Seconds,
}

/// How the pods of a workload are named, ordered and replaced.
#[derive(Debug, Clone, PartialEq)]
pub enum Controller {
    /// Stable numbers, names and volumes. Source: StatefulSet of Kubernetes.
    StatefulSet {
        /// First ordinal.
        start: u32,
        /// One after the other or all at once.
        management: PodManagement,
        /// How a changed template reaches the pods.
        update: StatefulUpdate,
        /// Volumes of each pod.
        claims: Vec<ClaimTemplate>,
    },
    /// Interchangeable replicas. Source: Deployment of Kubernetes.
    Deployment {
        /// Old ones go before new ones come.
        recreate: bool,
        /// How many may run beyond `replicas` during an update.
        max_surge: u32,
        /// How many may be missing during an update.
        max_unavailable: u32,
    },
    /// One pod on each host, so one pod here. Source: DaemonSet of Kubernetes.
    DaemonSet {
        /// How a changed template reaches the pod.
        update: DaemonUpdate,
    },
    /// Pods that run to their end. Source: Job of Kubernetes.
    Job(JobRules),
    /// A Job again and again. Source: CronJob of Kubernetes.
    CronJob(Box<CronRules>),
}

/// How a changed template reaches the pod of a DaemonSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DaemonUpdate {
    /// The new pod takes the place of the old one.
    #[default]
    Rolling,
    /// When a person removes the pod.
    OnDelete,
}

/// Order of creation and removal of a StatefulSet's pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PodManagement {
    /// One after the other, each when the one before is available.
    #[default]
    OrderedReady,
    /// All at once.
    Parallel,
}

/// How a changed template reaches the pods of a StatefulSet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatefulUpdate {
    /// From the highest ordinal down to `partition`.
    Rolling {
        /// Pods below it keep what they run.
        partition: u32,
        /// So many are replaced at a time, at least one.
        max_unavailable: u32,
    },
    /// When a person removes a pod.
    OnDelete,
}

/// A volume that each pod of a StatefulSet gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimTemplate {
    /// Its name.
    pub name: String,
    /// The size asked for, in bytes; Docker's volumes have no size.
    pub bytes: Option<u64>,
    /// Its storage class.
    pub class: Option<String>,
}

impl Workload {
    /// The pods that it must have: ordinals for a StatefulSet, 0 for a DaemonSet; none for a Deployment, whose replicas
    /// have no numbers, and for a Job, whose pods come and go.
    #[must_use]
    pub fn ordinals(&self) -> Vec<u32> {
        match &self.controller {
            Controller::StatefulSet { start, .. } => (*start..start.saturating_add(self.replicas)).collect(),
            Controller::DaemonSet { .. } => (0..self.replicas).collect(),
            Controller::Deployment { .. } | Controller::Job(_) | Controller::CronJob(_) => Vec::new(),
        }
    }

    /// The index of some pod that it may have, to judge its pods by: they differ in names alone.
    #[must_use]
    pub fn some_index(&self) -> PodIndex {
        match &self.controller {
            Controller::StatefulSet { start, .. } => PodIndex::Ordinal(*start),
            Controller::DaemonSet { .. } => PodIndex::Ordinal(0),
            Controller::Deployment { .. } => PodIndex::Replica(String::new()),
            Controller::Job(_) => PodIndex::Try { run: None, completion: 0, earlier: 0 },
            Controller::CronJob(_) => PodIndex::Try { run: Some(0), completion: 0, earlier: 0 },
        }
    }

    /// Its pod of that index.
    #[must_use]
    pub fn pod(&self, index: &PodIndex) -> PodSpec {
        super::concrete::pod(self, index)
    }

    /// Time that a pod must run, ready, before it counts as available.
    #[must_use]
    pub const fn min_ready(&self) -> Seconds {
        self.min_ready
    }

    /// Time that a pod may take to become available.
    #[must_use]
    pub const fn progress_deadline(&self) -> Seconds {
        self.progress_deadline
    }

    /// Time from asking a pod to stop to killing it.
    #[must_use]
    pub const fn grace(&self) -> Seconds {
        self.template.grace
    }
}
