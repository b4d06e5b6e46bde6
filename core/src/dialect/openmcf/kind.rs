//! The kinds of OpenMCF that are known.

use super::server::{SERVERS, Server};
use crate::model::{self, ObjectId};

/// What a document is about.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Namespace,
    Workload(Form),
    CronJob,
    Server(&'static Server),
}

/// Which of the two workloads that stay a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Pods with names and volumes of their own.
    StatefulSet,
    /// Pods that are alike.
    Deployment,
}

impl Kind {
    pub(super) const ALL: [Self; 6] = [
        Self::Namespace,
        Self::Workload(Form::StatefulSet),
        Self::Workload(Form::Deployment),
        Self::CronJob,
        Self::Server(&SERVERS[0]),
        Self::Server(&SERVERS[1]),
    ];

    pub(super) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "KubernetesNamespace",
            Self::Workload(Form::StatefulSet) => "KubernetesStatefulSet",
            Self::Workload(Form::Deployment) => "KubernetesDeployment",
            Self::CronJob => "KubernetesCronJob",
            Self::Server(server) => server.kind,
        }
    }

    /// The object that a resource of that name in a namespace is about.
    pub(super) fn main_object(self, namespace: &str, name: &str) -> ObjectId {
        let (kind, scope, name) = match self {
            Self::Namespace => (model::Kind::Namespace, "", namespace),
            Self::Workload(Form::StatefulSet) | Self::Server(_) => (model::Kind::StatefulSet, namespace, name),
            Self::Workload(Form::Deployment) => (model::Kind::Deployment, namespace, name),
            Self::CronJob => (model::Kind::CronJob, namespace, name),
        };
        ObjectId::new(kind, scope, name)
    }

    /// True if a Service can lead to its pods.
    pub(super) const fn is_served(self) -> bool {
        match self {
            Self::Workload(_) | Self::Server(_) => true,
            Self::Namespace | Self::CronJob => false,
        }
    }

    /// True if each of its pods has a name of its own.
    pub(super) const fn has_peers(self) -> bool {
        match self {
            Self::Workload(Form::StatefulSet) | Self::Server(_) => true,
            Self::Workload(Form::Deployment) | Self::Namespace | Self::CronJob => false,
        }
    }
}
