//! What even an admitted commit may not do to a host.
//!
//! Invariant: only [`check`] makes a [`CheckedPlan`], and only a `CheckedPlan` can be applied.

use crate::plan::{Lane, Plan, Step};

/// A plan of which every step passed the guard.
#[derive(Debug)]
#[must_use = "a checked plan does nothing until it is applied"]
pub struct CheckedPlan {
    plan: Plan,
    refusals: Vec<Refusal>,
}

/// Something that the guard did not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
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
