//! The revision that pods below a partition stay at, and come back at.
//!
//! Source: the current revision of a StatefulSet in Kubernetes, at which a missing pod below the partition is made anew.

use std::collections::BTreeMap;

use crate::holdings::{Earlier, Held, Holdings};
use crate::model::{Controller, Desired, ObjectId, PodIndex, StatefulUpdate, Workload};
use crate::observed::{Observed, PodState};

/// What became of the search for an earlier template.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// The workload as the earlier commit asks for it, with the present values of buckets and secrets.
    Found(Box<Workload>),
    /// It cannot be had; why.
    Lost(String),
}

/// Earlier templates, by workload.
pub type Templates = BTreeMap<ObjectId, Template>;

/// The sets that have a pod to be made below the partition at an earlier revision, each with what that is.
#[must_use]
pub fn earlier(desired: &Desired, observed: &Observed, held: &Holdings) -> BTreeMap<ObjectId, Earlier> {
    let to_make = |workload: &Workload| {
        let partition = partition(workload).unwrap_or(0);
        let mut below = workload.ordinals().into_iter().filter(|ordinal| *ordinal < partition);
        below.any(|ordinal| {
            let name = workload.pod(&PodIndex::Ordinal(ordinal)).name;
            let there = observed.pods.get(&name).is_some_and(|pod| pod.state != PodState::Dead);
            !there && !observed.unseen.contains_key(&name)
        })
    };
    let sets = desired.workloads.iter().filter_map(|(id, workload)| {
        let earlier = stays_at(workload, held.objects.get(id))?;
        to_make(workload).then(|| (id.clone(), earlier))
    });
    sets.collect()
}

/// What the pods of a workload below its partition stay at, where that is not what is wanted.
pub(super) fn stays_at(workload: &Workload, held: Option<&Held>) -> Option<Earlier> {
    let held = held?;
    partition(workload)?;
    // A set that is recreated has no earlier revision any more.
    if !held.fixed.is_empty() && held.fixed != workload.fixed {
        return None;
    }
    let now = || Earlier { revision: held.revision.clone(), commit: held.commit.clone() };
    Some(held.stays_at().unwrap_or_else(now)).filter(|earlier| earlier.revision != workload.revision)
}

/// The number below which pods are left at their revision; none if there are no such pods.
fn partition(workload: &Workload) -> Option<u32> {
    match &workload.controller {
        Controller::StatefulSet {
            start,
            update: StatefulUpdate::Rolling { partition, max_unavailable: _ },
            management: _,
            claims: _,
        } => Some(*partition).filter(|partition| partition > start),
        Controller::StatefulSet { update: StatefulUpdate::OnDelete, .. }
        | Controller::Deployment { .. }
        | Controller::DaemonSet { .. }
        | Controller::Job(_)
        | Controller::CronJob(_) => None,
    }
}
