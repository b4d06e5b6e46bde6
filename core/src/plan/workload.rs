//! The lane of one workload: recreated, stateful or replicated; and what stands in its way.

use std::collections::BTreeSet;

use super::draft::{Draft, nothing};
use super::step::{Act, Cause, Fix, Lane, Step, Verb};
use super::world::{Subject, World};
use super::{Input, cronjob, deployment, draft, job, leftover, removal, statefulset, why};
use crate::model::{Controller, DaemonUpdate, ObjectId, PodIndex, PodManagement, PodSpec, StatefulUpdate, Workload};
use crate::observed::{NetworkState, ObservedPod};

/// The lane of a desired workload.
pub(super) fn lane(world: &World<'_>, workload: &Workload) -> Lane {
    let subject = Subject::new(world, workload);
    let Some(changes) = fixed_changes(&subject) else {
        if let Some(why) = leftover::left_behind(&subject) {
            return draft::refusal(&workload.id, why);
        }
        let mut draft = Draft::new(&subject);
        if let Some(why) = leftover::other_sizes(&subject) {
            draft.note_all(why, Cause::None);
        }
        return steps(&subject, draft, &BTreeSet::new());
    };
    if !world.input.policy.recreate {
        return removal::needs_recreation(&subject, &changes);
    }
    recreate(&subject, &changes)
}

/// The lane of a workload that cannot be run now.
pub(super) fn pending(id: &ObjectId, reason: &str) -> Lane {
    let why = format!("pending: {reason}; what runs stays as it is");
    draft::refusal(id, why)
}

fn steps<'a>(subject: &'a Subject<'a>, draft: Draft<'a>, gone: &BTreeSet<&str>) -> Lane {
    match &subject.workload.controller {
        Controller::StatefulSet { start, management, update, claims: _ } => {
            let rules = statefulset::Rules { start: *start, management: *management, update: *update };
            statefulset::lane(subject, rules, draft, gone)
        }
        Controller::Job(rules) => job::lane(subject, rules, draft),
        Controller::CronJob(rules) => cronjob::lane(subject, rules, draft),
        // One pod with a stable name: what a StatefulSet of one does, whose pods do not wait for each other.
        Controller::DaemonSet { update } => {
            let update = match update {
                DaemonUpdate::Rolling => StatefulUpdate::Rolling { partition: 0, max_unavailable: 1 },
                DaemonUpdate::OnDelete => StatefulUpdate::OnDelete,
            };
            let rules = statefulset::Rules { start: 0, management: PodManagement::Parallel, update };
            statefulset::lane(subject, rules, draft, gone)
        }
        Controller::Deployment { recreate, max_surge, max_unavailable } => {
            let rules =
                deployment::Rules { recreate: *recreate, max_surge: *max_surge, max_unavailable: *max_unavailable };
            deployment::lane(subject, rules, draft, gone)
        }
    }
}

/// What changed about the fields that cannot change; none if nothing did, or if nobody knows what they were.
///
/// Names with a slash are members of a list (`volumeClaimTemplates/data`), which may come and go. All others are always
/// there, so one that is missing on either side comes from another version of Writ, and says nothing.
fn fixed_changes(subject: &Subject<'_>) -> Option<String> {
    let held = &subject.held.filter(|held| !held.fixed.is_empty())?.fixed;
    let wanted = &subject.workload.fixed;
    let both = |name: &str| name.contains('/') || (held.contains_key(name) && wanted.contains_key(name));
    let old = held.iter().filter(|(name, _)| both(name)).collect();
    let new = wanted.iter().filter(|(name, _)| both(name)).collect();
    why::changes(&old, &new)
}

/// Removes all pods of another revision, highest first, and makes them anew. Volumes stay. A pod of the wanted revision
/// is what recreation would make, for all that a fixed field changes about a pod is part of the revision; so a
/// recreation that was interrupted goes on instead of starting over.
fn recreate(subject: &Subject<'_>, changes: &str) -> Lane {
    let id = &subject.workload.id;
    let mut draft = Draft::new(subject);
    let unseen = subject.world.unseen(id);
    if !unseen.is_empty() {
        for (name, _, reason) in unseen {
            draft.unseen(name, reason);
        }
        draft.note_all(format!("not recreated, for not every pod was seen: {changes}"), Cause::None);
        return draft.finish(false);
    }
    let ordinals = subject.workload.ordinals();
    let is_surplus = |index: &PodIndex| match index {
        PodIndex::Ordinal(ordinal) => !ordinals.contains(ordinal),
        PodIndex::Replica(_) | PodIndex::Try { .. } => false,
    };
    let is_old = |pod: &ObservedPod| pod.revision.as_ref() != Some(&subject.workload.revision);
    let mut pods = subject.world.pods(id).to_vec();
    // A number too many goes here as well, so that none goes before a higher one.
    pods.retain(|(_, pod)| is_old(pod) || is_surplus(&pod.index));
    pods.sort_by(|(_, one), (_, other)| other.index.cmp(&one.index));
    for (name, pod) in &pods {
        let why = if is_old(pod) { format!("recreation: {changes}") } else { "its number is not wanted".to_owned() };
        draft.remove(Verb::Remove, name, pod, why, Cause::Change);
    }
    let gone = pods.iter().map(|(name, _)| *name).collect();
    steps(subject, draft, &gone)
}

/// The lane, or one that refuses because a name that it needs belongs to someone else.
pub(super) fn unless_blocked(input: &Input<'_>, lane: Lane) -> Lane {
    let reasons: BTreeSet<String> = lane.steps.iter().filter_map(|step| obstacle(input, step)).collect();
    if reasons.is_empty() {
        return lane;
    }
    let refuse = |why| nothing(Verb::Refuse, &lane.object, None, why, Cause::None);
    Lane {
        object: lane.object.clone(),
        steps: reasons.into_iter().map(refuse).collect(),
        then: None,
        delay: None,
        run: None,
    }
}

/// What stands in the way of a step.
fn obstacle(input: &Input<'_>, step: &Step) -> Option<String> {
    let spec = needs(&step.act)?;
    if let NetworkState::Foreign(holder) = &input.observed.network {
        return Some(format!("the host's network is held by {}", holder.0));
    }
    let Some(spec) = spec else { return volume_obstacle(input, step) };
    let others = spec.containers().filter(|container| spec.is_joined() || container.name != spec.main.name);
    let others = others.map(|container| spec.container_name(&container.name));
    let mut names = std::iter::once(spec.name.clone()).chain(others);
    let foreign = names.find_map(|name| {
        let holder = input.observed.foreign.get(&name)?;
        Some(format!("the name {name} is held by {}", holder.0))
    });
    let other = || {
        let pod = input.observed.pods.get(&spec.name).filter(|pod| pod.object != spec.object)?;
        Some(format!("the name {} is held by {}", spec.name, pod.object))
    };
    foreign
        .or_else(other)
        .or_else(|| spec.volumes.iter().find_map(|volume| held_volume(input, &volume.name, &step.object)))
}

fn volume_obstacle(input: &Input<'_>, step: &Step) -> Option<String> {
    match &step.act {
        Act::CreateVolume(volume) => held_volume(input, &volume.name, &step.object),
        Act::Nothing
        | Act::CreateNetwork
        | Act::BackUp(_)
        | Act::CreatePod(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::ReplacePod { .. }
        | Act::RemovePod { .. }
        | Act::RemoveVolume { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
    }
}

fn held_volume(input: &Input<'_>, name: &str, object: &ObjectId) -> Option<String> {
    if let Some(holder) = input.observed.foreign_volumes.get(name) {
        return Some(format!("the volume {name} is held by {}", holder.0));
    }
    let other = input.observed.volumes.get(name)?.object.as_ref().filter(|other| *other != object)?;
    Some(format!("the volume {name} belongs to {other}"))
}

/// None if an act needs neither the network nor a name; the pod whose names it needs, where there is one.
fn needs(act: &Act) -> Option<Option<&PodSpec>> {
    match act {
        Act::CreatePod(spec) | Act::ReplacePod { container: _, spec } => Some(Some(spec)),
        Act::MendPod { spec, container: _, fixes } if fixes.contains(&Fix::Rename) || fixes.contains(&Fix::Parts) => {
            Some(Some(spec))
        }
        Act::MendPod { .. } | Act::StartPod { .. } | Act::CreateVolume(_) => Some(None),
        Act::Serve(serving) => (!serving.is_empty()).then_some(None),
        Act::Nothing
        | Act::CreateNetwork
        | Act::BackUp(_)
        | Act::RemovePod { .. }
        | Act::RemoveVolume { .. }
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
    }
}

/// True for a step that cannot be taken without the host's network.
#[must_use]
pub fn needs_network(step: &Step) -> bool {
    needs(&step.act).is_some()
}

/// The step that makes the host's network, where it is not there and something needs it.
pub(super) fn network(input: &Input<'_>, lanes: &[Lane], serve: Option<&Step>) -> Vec<Step> {
    let mut steps = lanes.iter().flat_map(|lane| &lane.steps).chain(serve);
    let first = steps.find(|step| needs_network(step));
    let Some(first) = first.filter(|_| input.observed.network == NetworkState::Absent) else { return Vec::new() };
    let mut step = nothing(Verb::Create, &first.object, None, "the host has no network yet".to_owned(), first.cause);
    step.act = Act::CreateNetwork;
    vec![step]
}
