//! Every field that Kubernetes v1.33 has in the kinds that Writ knows, and what becomes of it.
//!
//! Source: the API of Kubernetes v1.33. One line is one field: its name, what stands under it, and what a container
//! engine makes of it: honoured (`yes`, `must`), without effect and why (`idle`), or refused and what to do instead
//! (`no`, `only`).

mod container;
mod metadata;
mod place;
mod pod;
mod service;
mod storage;
mod volume;
mod workload;

use super::shape::Shape;
use crate::model::Kind;

/// The fields of a kind.
pub(super) const fn shape(kind: Kind) -> &'static Shape {
    match kind {
        Kind::Namespace => &storage::NAMESPACE,
        Kind::StorageClass => &storage::STORAGE_CLASS,
        Kind::ConfigMap => &storage::CONFIG_MAP,
        Kind::Secret => &storage::SECRET,
        Kind::Service => &service::SERVICE,
        Kind::StatefulSet => &workload::STATEFUL_SET,
        Kind::Deployment => &workload::DEPLOYMENT,
        Kind::PodDisruptionBudget => &workload::POD_DISRUPTION_BUDGET,
    }
}
