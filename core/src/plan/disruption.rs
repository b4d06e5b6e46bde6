//! What disruption budgets let be stopped: a ready pod that only drift would replace waits while too few are ready.
//!
//! Invariant: holds back nothing that a change of the manifests asks for, and nothing about a pod that is not ready: what heals
//! a rollout never waits for it.
//! Invariant: without a budget nothing is held back.

use std::collections::BTreeMap;

use super::look::{Look, look};
use super::world::{Subject, World};
use crate::model::{Budget, Controller, Workload};
use crate::observed::{ObservedPod, PodState, Readiness};

/// The pods that must not be stopped now to mend them, and why, by their names.
pub(super) fn withheld(world: &World<'_>) -> BTreeMap<String, String> {
    let mut withheld = BTreeMap::new();
    for budget in world.input.desired.budgets.values() {
        let ready = budget.workloads.iter().flat_map(|id| world.pods(id)).filter(|(_, pod)| is_ready(pod)).count();
        let ready = u32::try_from(ready).unwrap_or(u32::MAX);
        let mut left = ready.saturating_sub(budget.ready_min);
        for workload in budget.workloads.iter().filter_map(|id| world.input.desired.workloads.get(id)) {
            for name in stopped(world, workload) {
                if left > 0 {
                    left -= 1;
                } else {
                    withheld.entry(name).or_insert_with(|| reason(budget, ready));
                }
            }
        }
    }
    withheld
}

fn reason(budget: &Budget, ready: u32) -> String {
    let Budget { id, workloads: _, wanted, ready_min } = budget;
    let when = if budget.allows_none() {
        "change the budget, or delete the pod by hand"
    } else if ready > *ready_min {
        "others are mended first, and the next pass goes on"
    } else {
        "it goes on when more are ready"
    };
    format!("{id} keeps {ready_min} of {wanted} pods ready, and {ready} are; {when}")
}

/// Ready pods of a workload that mending them would stop, highest first, before anything is held back.
fn stopped(world: &World<'_>, workload: &Workload) -> Vec<String> {
    // A replica is made before the one goes in whose place it stands.
    if let Controller::Deployment { recreate: false, max_surge: 1.., max_unavailable: _ } = workload.controller {
        return Vec::new();
    }
    let subject = Subject::new(world, workload);
    let mut pods = world.pods(&workload.id).to_vec();
    pods.sort_by(|(_, one), (_, other)| other.index.cmp(&one.index));
    let looks = pods.into_iter().map(|(name, pod)| look(&subject, name, pod, None));
    looks.filter(Look::interrupts).map(|look| look.name.to_owned()).collect()
}

fn is_ready(pod: &ObservedPod) -> bool {
    pod.state == PodState::Running && pod.readiness == Readiness::Available
}
