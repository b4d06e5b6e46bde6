//! What goes: objects that nobody wants any more, within the budget, and what `writ delete` names.
//!
//! Invariant: [`lanes`] destroys no volume; only [`removal`] does, and only when it is asked to.
//! Invariant: where the unit wants copies, a volume is copied before it is destroyed.
//! Invariant: a removal that is refused leaves the object held, so that the next plan tries again.

use std::collections::BTreeSet;

use super::backup::before_harm;
use super::draft::{nothing, removal as remove_pod};
use super::step::{Act, Cause, Lane, Plan, Step, Verb};
use super::world::{Subject, World};
use super::{Input, draft, ingress, why};
use crate::holdings::HoldingChange;
use crate::model::{Desired, ObjectId};

pub(super) const GONE: &str = "no longer among the manifests";

/// The lanes of all objects that are held or seen, and neither desired nor pending.
pub(super) fn lanes(world: &World<'_>) -> Vec<Lane> {
    let input = world.input;
    let Desired { workloads, pending, entrances, budgets: _, objects: _ } = input.desired;
    let wanted = |id: &ObjectId| workloads.contains_key(id) || pending.contains_key(id) || entrances.contains_key(id);
    let known = input.held.objects.keys().chain(world.objects());
    let leaving: BTreeSet<&ObjectId> = known.filter(|id| !wanted(id)).collect();
    let refusal = refusal(input, leaving.len());
    let lane = |id: &ObjectId| match &refusal {
        Some(why) => draft::refusal(id, why.clone()),
        None if id.kind.is_entrance() => ingress::leave(input, id, GONE),
        None => leave(world, id, GONE, false),
    };
    leaving.into_iter().map(lane).collect()
}

/// Why nothing may be removed; none if it may.
pub(super) fn refusal(input: &Input<'_>, removals: usize) -> Option<String> {
    if removals == 0 {
        return None;
    }
    let Desired { workloads, pending, entrances, budgets: _, objects } = input.desired;
    if workloads.is_empty() && pending.is_empty() && entrances.is_empty() && objects.is_empty() {
        return Some(format!(
            "{GONE}, but nothing at all is: an empty desired state removes nothing; use `writ delete` for what shall go"
        ));
    }
    let budget = &input.policy.prune;
    let held = input.held.objects.len();
    let share = held.saturating_mul(usize::try_from(budget.percent).unwrap_or(usize::MAX)) / 100;
    let allowed = share.max(usize::try_from(budget.max).unwrap_or(usize::MAX));
    (removals > allowed).then(|| {
        format!(
            "{GONE}, but {removals} removals are more than the budget of {allowed} (the larger of {} and {} % of \
             {held} held); raise the unit's `prune` or use `writ delete`",
            budget.max, budget.percent
        )
    })
}

/// What `writ delete` does: removes the pods of one object and, if `prune`, every volume that it ever had.
pub fn removal(input: &Input<'_>, object: &ObjectId, prune: bool) -> Plan {
    const ASKED: &str = "deleted on request";
    if let Some(cluster) = &input.observed.cluster {
        return super::cluster::removal(input, cluster, object, prune);
    }
    if object.kind.is_entrance() {
        let lanes = vec![ingress::leave(input, object, ASKED)];
        return Plan { shared: ingress::serve(input, &lanes).into_iter().collect(), lanes };
    }
    let world = World::new(input);
    Plan { shared: Vec::new(), lanes: vec![before_harm(input, leave(&world, object, ASKED, prune))] }
}

fn leave(world: &World<'_>, id: &ObjectId, reason: &str, prune: bool) -> Lane {
    let unseen = world.unseen(id);
    let volumes: Vec<&str> = world.volumes(id).iter().map(|(name, _)| *name).collect();
    let mut steps: Vec<Step> = Vec::new();
    for (name, _, why) in &unseen {
        steps.push(nothing(Verb::Keep, id, Some(name), format!("not seen: {why}"), Cause::None));
    }
    let mut pods = world.pods(id).to_vec();
    pods.sort_by(|(_, one), (_, other)| other.index.cmp(&one.index));
    for (name, pod) in pods {
        let kept =
            if prune { String::new() } else { why::kept_volumes(&super::draft::of_pod(world.volumes(id), &pod.index)) };
        steps.push(remove_pod(Verb::Remove, id, (name, pod), format!("{reason}{kept}"), Cause::Change));
    }
    if prune && unseen.is_empty() {
        steps.extend(volumes.iter().map(|volume| destroy(id, volume)));
    } else if prune {
        let why = "volumes not destroyed: not every pod was seen".to_owned();
        steps.push(nothing(Verb::Keep, id, None, why, Cause::None));
    }
    if steps.is_empty() {
        let why = format!("{reason}; nothing of it runs{}", why::kept_volumes(&volumes));
        steps.push(nothing(Verb::Keep, id, None, why, Cause::None));
    }
    let held = world.input.held.objects.contains_key(id);
    let then = (held && unseen.is_empty()).then(|| HoldingChange::Release(id.clone()));
    Lane { object: id.clone(), steps, then, delay: None, run: None }
}

fn destroy(id: &ObjectId, volume: &str) -> Step {
    let mut step =
        nothing(Verb::Remove, id, None, format!("volume {volume} and all data on it, on request"), Cause::Change);
    step.act = Act::RemoveVolume { volume: volume.to_owned() };
    step
}

/// The lane of a workload whose fixed fields changed and that may not be recreated.
pub(super) fn needs_recreation(subject: &Subject<'_>, changes: &str) -> Lane {
    let id = &subject.workload.id;
    let volumes: Vec<&str> = subject.world.volumes(id).iter().map(|(name, _)| *name).collect();
    let data = if volumes.is_empty() {
        "no volumes".to_owned()
    } else {
        format!("volumes {} would stay, and be left behind where no claim names them any more", volumes.join(", "))
    };
    let why = format!(
        "needs recreation: {changes}; data: {data}; allow it by the unit's `recreate`, or undo the change; what runs stays"
    );
    draft::refusal(id, why)
}
