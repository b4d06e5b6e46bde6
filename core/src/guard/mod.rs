//! What even an admitted commit may not do to a host.
//!
//! Invariant: only [`check`] makes a [`CheckedPlan`], and only a `CheckedPlan` can be applied.
//! Invariant: whatever a step would make is judged field by field; a new field breaks the build until it is decided.
//! Invariant: what was not looked at is refused.

mod cluster;
mod foreseen;
mod image;
mod paths;
mod pod;
mod policy;
mod power;
mod profile;
mod rule;
mod rules;
mod sysctl;

pub use foreseen::{Foreseen, ForeseenStep, foresee};
pub use paths::{HostPaths, Seen};
pub use policy::{Allowed, HostPorts, Policy};
pub use power::{Grants, Power};
pub use profile::Profile;
pub use rule::Rule;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::model::{Desired, MountSource, ObjectId, PodIndex, PodSpec};
use crate::plan::{Act, Cause, Lane, Plan, Step, Verb, without};

/// What a plan is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// What the host allows.
    pub policy: &'a Policy,
    /// What the rules of trust have granted to whom.
    pub grants: &'a Grants,
    /// Where paths of the host lead: at least those of [`host_paths`].
    pub paths: &'a HostPaths,
    /// What the plan was made for: a pod that is only started is judged by it.
    pub desired: &'a Desired,
}

/// A plan of which every step passed the guard.
#[derive(Debug)]
#[must_use = "a checked plan does nothing until it is applied"]
pub struct CheckedPlan {
    plan: Plan,
    refusals: Vec<Refusal>,
}

/// Something that the guard did not let through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// Who did not allow it.
    pub by: Refuser,
    /// What asked for it, what it asked for, and who did not allow it.
    pub detail: String,
}

/// Who did not allow something. Both must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refuser {
    /// The host, by its policy.
    Host,
    /// The repository, by its rules of trust.
    Trust,
}

impl CheckedPlan {
    /// Steps that come before all others.
    #[must_use]
    pub fn shared(&self) -> &[Step] {
        &self.plan.shared
    }

    /// One lane for each workload. Those that the guard refused hold a `refuse` step and nothing else.
    #[must_use]
    pub fn lanes(&self) -> &[Lane] {
        &self.plan.lanes
    }

    /// What the guard did not let through.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// The plan as it will be applied, to be shown.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Judges every pod that a plan would make, mend or start. A lane with a refused pod keeps only the refusal, so that
/// nothing of it is applied and what runs stays; other lanes go on. Paths of the host are mounted as they were found, so
/// that what was judged is what is mounted.
pub fn check(plan: Plan, grounds: &Grounds<'_>) -> CheckedPlan {
    let Plan { shared, lanes } = plan;
    let mut refusals = Vec::new();
    let shared: Vec<Step> = shared.into_iter().map(|step| check_shared(step, grounds, &mut refusals)).collect();
    let wanted: BTreeSet<ObjectId> =
        lanes.iter().filter(|lane| lane.then.is_some()).map(|it| it.object.clone()).collect();
    let lanes: Vec<Lane> = lanes.into_iter().map(|lane| check_lane(lane, grounds, &mut refusals)).collect();
    // What is refused of the host's ingress is served as it was before.
    let refused = lanes.iter().filter(|lane| lane.object.kind.is_entrance() && lane.then.is_none());
    let refused: Vec<ObjectId> =
        refused.map(|lane| lane.object.clone()).filter(|object| wanted.contains(object)).collect();
    let shared = shared.iter().filter_map(|step| without(step, &refused)).collect();
    CheckedPlan { plan: Plan { shared, lanes }, refusals }
}

/// Judges what somebody wants of a host, without a plan and without a look at a disk: nothing can be applied by it.
#[must_use]
pub fn judge(desired: &Desired, policy: &Policy) -> Vec<(ObjectId, Refusal)> {
    let (grants, paths) = (Grants::all(), HostPaths::as_written());
    let grounds = Grounds { policy, grants: &grants, paths: &paths, desired };
    let mut all = Vec::new();
    for workload in desired.workloads.values() {
        let pod = workload.pod(&workload.some_index());
        let found: BTreeSet<Refusal> = rules::judge(&pod, &grounds).into_iter().collect();
        all.extend(found.into_iter().map(|refusal| (workload.id.clone(), refusal)));
    }
    for entrance in desired.entrances.values() {
        let found: BTreeSet<Refusal> = rules::judge_entrance(entrance, &grounds).into_iter().collect();
        all.extend(found.into_iter().map(|refusal| (entrance.id.clone(), refusal)));
    }
    for object in desired.objects.values() {
        let found: BTreeSet<Refusal> = cluster::judge(object, &grounds).into_iter().collect();
        all.extend(found.into_iter().map(|refusal| (object.id.clone(), refusal)));
    }
    all
}

/// The paths of the host that pods of a plan would mount: what must be looked at before it can be checked.
#[must_use]
pub fn host_paths(plan: &Plan, desired: &Desired) -> BTreeSet<String> {
    let pods = plan.steps().filter_map(|step| pod_of(step, desired));
    pods.flat_map(|pod| mounted(&pod)).collect()
}

fn mounted(pod: &PodSpec) -> Vec<String> {
    let mounts = pod.containers().flat_map(|container| &container.mounts);
    let path = |source: &MountSource| match source {
        MountSource::Host(path) => Some(path.clone()),
        MountSource::Volume(_)
        | MountSource::Directory(_)
        | MountSource::File(_)
        | MountSource::Empty { name: _, memory: _, limit: _ } => None,
    };
    mounts.filter_map(|mount| path(&mount.source)).collect()
}

fn check_shared(step: Step, grounds: &Grounds<'_>, refusals: &mut Vec<Refusal>) -> Step {
    let found = judge_steps([&step], grounds);
    if found.is_empty() {
        return settled(step, grounds);
    }
    let refused = refuse(&step.object, &found);
    refusals.extend(found);
    refused
}

fn check_lane(lane: Lane, grounds: &Grounds<'_>, refusals: &mut Vec<Refusal>) -> Lane {
    let mut found = judge_steps(&lane.steps, grounds);
    if let Some(entrance) = grounds.desired.entrances.get(&lane.object).filter(|_| lane.then.is_some()) {
        found.extend(rules::judge_entrance(entrance, grounds));
    }
    let Lane { object, steps, then, delay, run } = lane;
    if found.is_empty() {
        let steps = steps.into_iter().map(|step| settled(step, grounds)).collect();
        return Lane { object, steps, then, delay, run };
    }
    let steps = vec![refuse(&object, &found)];
    refusals.extend(found);
    Lane { object, steps, then: None, delay: None, run: None }
}

/// What the pods and volumes of some steps may not do, each thing once.
fn judge_steps<'a>(steps: impl IntoIterator<Item = &'a Step>, grounds: &Grounds<'_>) -> BTreeSet<Refusal> {
    let mut found = BTreeSet::new();
    for step in steps {
        if let Some(pod) = pod_of(step, grounds.desired) {
            found.extend(rules::judge(&pod, grounds));
        }
        if let Act::CreateVolume(volume) = &step.act {
            found.extend(rules::judge_volume(volume, &step.object, grounds));
        }
        if let Act::ApplyObject(application) = &step.act {
            found.extend(cluster::judge(&application.object, grounds));
        }
    }
    found
}

/// The pod that a step would make, mend or start.
fn pod_of<'a>(step: &'a Step, desired: &Desired) -> Option<Cow<'a, PodSpec>> {
    match &step.act {
        Act::CreatePod(spec)
        | Act::MendPod { spec, container: _, fixes: _ }
        | Act::ReplacePod { container: _, spec } => Some(Cow::Borrowed(spec)),
        // It was judged when it was made, by what the host allowed then.
        Act::StartPod { pod, container: _ } => {
            let workload = desired.workloads.get(&step.object)?;
            let index = pod.rsplit_once('.').and_then(|(_, index)| PodIndex::parse(step.object.kind, index))?;
            Some(Cow::Owned(workload.pod(&index)))
        }
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::RemovePod { pod: _, container: _, grace: _ }
        | Act::RemoveVolume { volume: _ } => None,
        // An object of a cluster is judged as a whole.
        Act::ApplyObject(_) | Act::DeleteObject(_) => None,
        // The host's own settings say what it is; what is led through it is judged with the lane of each Ingress.
        Act::Serve(_) => None,
    }
}

/// A step that passed, with the paths that it mounts as they were found.
fn settled(mut step: Step, grounds: &Grounds<'_>) -> Step {
    match &mut step.act {
        Act::CreatePod(spec)
        | Act::MendPod { spec, container: _, fixes: _ }
        | Act::ReplacePod { container: _, spec } => {
            let PodSpec { init, main, beside, .. } = spec.as_mut();
            let containers = init.iter_mut().chain([main]).chain(beside);
            for mount in containers.flat_map(|container| &mut container.mounts) {
                if let MountSource::Host(path) = &mut mount.source
                    && let Seen::At(found) = grounds.paths.of(path)
                {
                    *path = found;
                }
            }
        }
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::StartPod { pod: _, container: _ }
        | Act::RemovePod { pod: _, container: _, grace: _ }
        | Act::RemoveVolume { volume: _ }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => {}
    }
    step
}

fn refuse(object: &ObjectId, found: &BTreeSet<Refusal>) -> Step {
    let reason = |Refusal { rule, by: _, detail }: &Refusal| format!("guard {}: {detail}", rule.name());
    let reasons: Vec<String> = found.iter().map(reason).collect();
    Step {
        verb: Verb::Refuse,
        object: object.clone(),
        pod: None,
        why: reasons.join("; "),
        cause: Cause::None,
        from: None,
        to: None,
        act: Act::Nothing,
        wait: None,
    }
}
