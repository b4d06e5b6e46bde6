//! How many pods must stay ready while some are stopped on purpose.

use std::collections::BTreeSet;

use super::ObjectId;

/// A PodDisruptionBudget with its selector followed and its shares counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// What it is called.
    pub id: ObjectId,
    /// The workloads whose pods it selects; none of them ends by itself.
    pub workloads: BTreeSet<ObjectId>,
    /// How many pods they want together.
    pub wanted: u32,
    /// How many of these must stay ready.
    pub ready_min: u32,
}

impl Budget {
    /// True if no pod could ever be stopped, however many are ready.
    #[must_use]
    pub const fn allows_none(&self) -> bool {
        self.ready_min >= self.wanted
    }
}
