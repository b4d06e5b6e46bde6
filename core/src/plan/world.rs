//! What the lanes of a plan look things up in: the input, ordered by workload.

use std::collections::BTreeMap;

use super::earlier::stays_at;
use super::leftover::sizes;
use super::{Drift, Input};
use crate::holdings::{Held, RunMark};
use crate::model::template::container_prefix;
use crate::model::{Controller, DaemonUpdate, ObjectId, PodIndex, PodManagement, StatefulUpdate, Workload};
use crate::observed::{ObservedPod, ObservedVolume};
use crate::time::Seconds;

/// The name among the held parts that stands for how pods are ordered and replaced. It is no part of the revision; it
/// is held so that pods which an earlier strategy left alone are known to be work that was asked for, not drift.
pub(super) const ROLLOUT: &str = "rollout";

/// The input, with what was seen grouped by workload.
pub(super) struct World<'a> {
    pub(super) input: &'a Input<'a>,
    pods: BTreeMap<&'a ObjectId, Vec<(&'a str, &'a ObservedPod)>>,
    volumes: BTreeMap<&'a ObjectId, Vec<(&'a str, &'a ObservedVolume)>>,
    /// Pods that must not be stopped now to mend them, and why.
    pub(super) withheld: BTreeMap<String, String>,
}

impl<'a> World<'a> {
    pub(super) fn new(input: &'a Input<'a>) -> Self {
        let mut pods: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, pod) in &input.observed.pods {
            if !input.observed.unseen.contains_key(name) {
                pods.entry(&pod.object).or_default().push((name.as_str(), pod));
            }
        }
        let mut volumes: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, volume) in &input.observed.volumes {
            if let Some(object) = &volume.object {
                volumes.entry(object).or_default().push((name.as_str(), volume));
            }
        }
        Self { input, pods, volumes, withheld: BTreeMap::new() }
    }

    /// The workloads of which pods were seen.
    pub(super) fn objects(&self) -> impl Iterator<Item = &'a ObjectId> {
        self.pods.keys().copied()
    }

    /// The pods of a workload that were seen, by name.
    pub(super) fn pods(&self, object: &ObjectId) -> &[(&'a str, &'a ObservedPod)] {
        self.pods.get(object).map_or(&[], Vec::as_slice)
    }

    /// The volumes of a workload, of every ordinal there ever was.
    pub(super) fn volumes(&self, object: &ObjectId) -> &[(&'a str, &'a ObservedVolume)] {
        self.volumes.get(object).map_or(&[], Vec::as_slice)
    }

    /// The pods that bear a name of this workload and could not be looked at, each with the reason.
    pub(super) fn unseen(&self, object: &ObjectId) -> Vec<(&'a str, PodIndex, &'a str)> {
        let prefix = container_prefix(object);
        let found = self.input.observed.unseen.iter().filter_map(|(name, reason)| {
            let index = PodIndex::parse(object.kind, name.strip_prefix(&prefix)?)?;
            Some((name.as_str(), index, reason.as_str()))
        });
        found.collect()
    }
}

/// One workload and what is held of it.
pub(super) struct Subject<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) workload: &'a Workload,
    pub(super) held: Option<&'a Held>,
    /// The template, the strategy and the fixed fields that are wanted had been applied to the end.
    pub(super) applied: bool,
}

impl<'a> Subject<'a> {
    pub(super) fn new(world: &'a World<'a>, workload: &'a Workload) -> Self {
        let held = world.input.held.objects.get(&workload.id);
        let applied = held.is_some_and(|held| {
            let strategy = held.parts.get(ROLLOUT).is_none_or(|text| *text == rollout(workload));
            let fixed = held.fixed.is_empty() || held.fixed == workload.fixed;
            held.revision == workload.revision && strategy && fixed && !held.is_under_way()
        });
        Self { world, workload, held, applied }
    }

    /// True if as many pods as are wanted had been applied, too.
    pub(super) fn applied_in_full(&self) -> bool {
        self.applied && self.held.is_some_and(|held| held.replicas == self.workload.replicas)
    }

    /// How far the run is that is held, where it is one of the wanted revision.
    pub(super) fn run(&self) -> Option<RunMark> {
        self.held.filter(|held| held.revision == self.workload.revision)?.run()
    }

    /// True if drift of this unit is only reported.
    pub(super) fn reports_drift(&self) -> bool {
        self.world.input.policy.drift == Drift::Report
    }

    /// What is held once the lane succeeded.
    pub(super) fn to_hold(&self) -> Held {
        let workload = self.workload;
        let mut parts = workload.parts.clone();
        parts.insert(ROLLOUT.to_owned(), rollout(workload));
        let commit = self.world.input.commit.map(str::to_owned);
        let (revision, fixed) = (workload.revision.clone(), workload.fixed.clone());
        let held = Held { revision, replicas: workload.replicas, commit, parts, fixed };
        held.staying_at(stays_at(workload, self.held).as_ref()).sized(&sizes(self))
    }

    /// Time that a pod may take to become available.
    pub(super) const fn progress_deadline(&self) -> Seconds {
        self.workload.progress_deadline()
    }

    /// True if what is held already says all that [`Subject::to_hold`] would, whichever commit asked for it.
    pub(super) fn is_held_as_wanted(&self) -> bool {
        let workload = self.workload;
        self.held.is_some_and(|held| {
            let Held { revision, replicas, commit: _, parts, fixed } = held;
            *revision == workload.revision
                && *replicas == workload.replicas
                && *fixed == workload.fixed
                && template_parts(parts).eq(&workload.parts)
                && !held.is_under_way()
                && (held.sizes().is_empty() || held.sizes() == sizes(self))
                && held.stays_at() == stays_at(workload, self.held)
                && parts.get(ROLLOUT).is_none_or(|text| *text == rollout(workload))
        })
    }
}

/// The parts that went into a revision.
pub(super) fn template_parts(parts: &BTreeMap<String, String>) -> impl Iterator<Item = (&String, &String)> {
    parts.iter().filter(|(name, _)| name.as_str() != ROLLOUT && !Held::is_mark(name))
}

/// The lowest ordinal of a StatefulSet that is held; none where the record does not tell.
#[must_use]
pub fn first_ordinal(held: &Held) -> Option<u32> {
    let (_, rest) = held.parts.get(ROLLOUT)?.split_once(FROM)?;
    rest.split_once(',')?.0.parse().ok()
}

/// Stands before the lowest ordinal in [`rollout`].
const FROM: &str = " from ";

/// How pods are ordered and replaced, as text that is held.
fn rollout(workload: &Workload) -> String {
    match &workload.controller {
        Controller::StatefulSet { start, management, update, claims: _ } => {
            let order = match management {
                PodManagement::OrderedReady => "ordered",
                PodManagement::Parallel => "parallel",
            };
            match update {
                StatefulUpdate::Rolling { partition, max_unavailable: 1 } => {
                    format!("{order}{FROM}{start}, rolling from {partition}")
                }
                StatefulUpdate::Rolling { partition, max_unavailable } => {
                    format!("{order}{FROM}{start}, rolling from {partition}, unavailable {max_unavailable}")
                }
                StatefulUpdate::OnDelete => format!("{order}{FROM}{start}, on delete"),
            }
        }
        Controller::Deployment { recreate: true, max_surge: _, max_unavailable: _ } => "recreate".to_owned(),
        Controller::Deployment { recreate: false, max_surge, max_unavailable } => {
            format!("rolling, surge {max_surge}, unavailable {max_unavailable}")
        }
        // What a run allows may change while it goes on.
        Controller::Job(_) | Controller::CronJob(_) => "run".to_owned(),
        Controller::DaemonSet { update: DaemonUpdate::Rolling } => "rolling".to_owned(),
        Controller::DaemonSet { update: DaemonUpdate::OnDelete } => "on delete".to_owned(),
    }
}
