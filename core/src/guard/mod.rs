//! What even an admitted commit may not do to a host.
//!
//! Invariant: only [`check`] makes a [`CheckedPlan`], and only a `CheckedPlan` can be applied.
//! Invariant: whatever a step would make is judged field by field; a new field breaks the build until it is decided.

mod paths;
mod policy;
mod power;
mod rules;

pub use policy::{Policy, Rule};
pub use power::Power;

use std::collections::BTreeSet;

use crate::model::PodSpec;
use crate::plan::{Act, Cause, Lane, Plan, Step, Verb};

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
    /// The rule, by name (`no-host-network`).
    pub rule: &'static str,
    /// What asked for it and what it asked for.
    pub detail: String,
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

/// Judges every pod that a plan would make or mend. A lane with a refused pod keeps only the refusal, so that nothing
/// of it is applied and what runs stays; other lanes go on.
pub fn check(plan: Plan, policy: &Policy) -> CheckedPlan {
    let Plan { shared, lanes } = plan;
    let mut refusals = Vec::new();
    let shared = shared.into_iter().map(|step| check_shared(step, policy, &mut refusals)).collect();
    let lanes = lanes.into_iter().map(|lane| check_lane(lane, policy, &mut refusals)).collect();
    CheckedPlan { plan: Plan { shared, lanes }, refusals }
}

fn check_shared(step: Step, policy: &Policy, refusals: &mut Vec<Refusal>) -> Step {
    let found = judge([&step], policy);
    if found.is_empty() {
        return step;
    }
    let refused = refuse(&step.object, &found);
    refusals.extend(found);
    refused
}

fn check_lane(lane: Lane, policy: &Policy, refusals: &mut Vec<Refusal>) -> Lane {
    let found = judge(&lane.steps, policy);
    if found.is_empty() {
        return lane;
    }
    let Lane { object, steps: _, then: _ } = lane;
    let steps = vec![refuse(&object, &found)];
    refusals.extend(found);
    Lane { object, steps, then: None }
}

/// What the pods of some steps may not do, each thing once.
fn judge<'a>(steps: impl IntoIterator<Item = &'a Step>, policy: &Policy) -> BTreeSet<Refusal> {
    let pods = steps.into_iter().filter_map(|step| pod(&step.act));
    pods.flat_map(|pod| rules::judge(pod, policy)).collect()
}

/// The pod that an act would make or mend.
fn pod(act: &Act) -> Option<&PodSpec> {
    match act {
        Act::CreatePod(spec) => Some(spec),
        Act::MendPod { spec, container: _, fixes: _ } | Act::ReplacePod { container: _, spec } => Some(spec),
        // A container that is only started was judged when it was made.
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::StartPod { pod: _, container: _ }
        | Act::RemovePod { pod: _, container: _, grace: _ }
        | Act::RemoveVolume { volume: _ } => None,
    }
}

fn refuse(object: &crate::model::ObjectId, found: &BTreeSet<Refusal>) -> Step {
    let reasons: Vec<String> = found.iter().map(|Refusal { rule, detail }| format!("guard {rule}: {detail}")).collect();
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
