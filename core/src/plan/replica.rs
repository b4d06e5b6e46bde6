//! Draws names for new replicas.
//!
//! Invariant: the same seed and the same host give the same names; a name in use is never drawn.

use std::collections::BTreeSet;

use super::world::Subject;
use crate::backoff::mix;
use crate::model::template::container_prefix;

/// Names of replicas: four hexadecimal digits.
const NAMES: u64 = 1 << 16;

/// The names that are left for one Deployment.
pub(super) struct Names {
    state: u64,
    prefix: String,
    taken: BTreeSet<String>,
}

impl Names {
    pub(super) fn new(subject: &Subject<'_>) -> Self {
        let input = subject.world.input;
        let prefix = container_prefix(&subject.workload.id);
        let observed = input.observed;
        let names = observed.pods.keys().chain(observed.unseen.keys()).chain(observed.foreign.keys());
        let taken = names.filter(|name| name.starts_with(&prefix)).cloned().collect();
        // Two Deployments of one pass draw different names.
        let state = prefix.bytes().fold(input.seed, |sum, byte| mix(sum ^ u64::from(byte)));
        Self { state, prefix, taken }
    }

    /// A name that nobody has; none if all are taken.
    pub(super) fn next(&mut self) -> Option<String> {
        self.state = mix(self.state);
        let start = self.state % NAMES;
        let ids = (0..NAMES).map(|offset| format!("{:04x}", (start + offset) % NAMES));
        let id = ids.into_iter().find(|id| !self.taken.contains(&format!("{}{id}", self.prefix)))?;
        self.taken.insert(format!("{}{id}", self.prefix));
        Some(id)
    }
}
