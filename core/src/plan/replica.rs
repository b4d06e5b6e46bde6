//! Draws names for new replicas.
//!
//! Invariant: the same seed and the same host give the same names; a name in use is never drawn.

use std::collections::BTreeSet;

use super::world::{Subject, pod_name};

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
        let prefix = pod_name(&subject.workload.id, "");
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

/// One step of SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
const fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
