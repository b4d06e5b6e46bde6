//! A workload's template made into one pod.

use super::{PodIndex, PodSpec, Workload};

/// The pod of `workload` at `index`.
pub(super) fn pod(workload: &Workload, index: &PodIndex) -> PodSpec {
    PodSpec { index: index.clone(), ..workload.template.clone() }
}
