//! What a plan would come to, for those who tell of it and do nothing.
//!
//! Invariant: nothing here can be applied: what is kept of a step are its words.

use super::{CheckedPlan, Grounds, check};
use crate::plan::{Act, Plan, Step, Verb};

/// What would be done, and what would be left alone or refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// In the order of the plan.
    pub steps: Vec<ForeseenStep>,
}

/// One step in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeseenStep {
    /// What kind of step.
    pub verb: Verb,
    /// The pod, or the object where it is about none.
    pub what: String,
    /// The reason, for an operator. Holds no value of a secret.
    pub why: String,
    /// It would change the world.
    pub changes: bool,
}

/// Judges a plan as [`check`] does, and keeps the words alone.
#[must_use]
pub fn foresee(plan: Plan, grounds: &Grounds<'_>) -> Foreseen {
    let checked: CheckedPlan = check(plan, grounds);
    let in_words = |step: &Step| {
        let Step { verb, object, pod, why, cause: _, from: _, to: _, act, wait: _ } = step;
        let what = pod.clone().unwrap_or_else(|| object.to_string());
        ForeseenStep { verb: *verb, what, why: why.clone(), changes: *act != Act::Nothing }
    };
    Foreseen { steps: checked.plan().steps().map(in_words).collect() }
}
