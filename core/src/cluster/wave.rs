//! The order in which objects are applied: what others need comes before them, and goes after them.

use crate::model::{DEFINITION, Kind, ObjectId};

/// What is applied together, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wave {
    /// Namespaces, definitions of kinds, and classes that others name.
    Foundations,
    /// Who may do what.
    Access,
    /// What pods read and keep: configuration, secrets, storage; and what bounds a namespace.
    Contents,
    /// Names by which pods find each other.
    Services,
    /// What has pods.
    Workloads,
    /// What leads to pods, watches over them, or is of a kind that only its own controller knows.
    Others,
    /// What the server asks before it takes anything: it would ask what does not run yet.
    Gates,
}

impl Wave {
    /// All of them, in order.
    pub const ALL: [Self; 7] =
        [Self::Foundations, Self::Access, Self::Contents, Self::Services, Self::Workloads, Self::Others, Self::Gates];

    /// The wave of a kind.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Namespace | Kind::StorageClass | Kind::IngressClass | Kind::GatewayClass => Self::Foundations,
            Kind::ConfigMap | Kind::Secret => Self::Contents,
            Kind::Service => Self::Services,
            Kind::StatefulSet | Kind::Deployment | Kind::DaemonSet | Kind::Job | Kind::CronJob => Self::Workloads,
            Kind::PodDisruptionBudget | Kind::Ingress | Kind::Gateway | Kind::HttpRoute => Self::Others,
            Kind::Other(other) => Self::of_other(other.name()),
        }
    }

    fn of_other(name: &str) -> Self {
        match name {
            DEFINITION
            | "priorityclass.scheduling.k8s.io"
            | "runtimeclass.node.k8s.io"
            | "csidriver.storage.k8s.io"
            | "volumeattributesclass.storage.k8s.io" => Self::Foundations,
            "serviceaccount"
            | "clusterrole.rbac.authorization.k8s.io"
            | "clusterrolebinding.rbac.authorization.k8s.io"
            | "role.rbac.authorization.k8s.io"
            | "rolebinding.rbac.authorization.k8s.io" => Self::Access,
            "persistentvolume"
            | "persistentvolumeclaim"
            | "limitrange"
            | "resourcequota"
            | "networkpolicy.networking.k8s.io" => Self::Contents,
            "endpoints" | "endpointslice.discovery.k8s.io" => Self::Services,
            "pod" | "replicationcontroller" | "replicaset.apps" | "podtemplate" => Self::Workloads,
            "apiservice.apiregistration.k8s.io"
            | "mutatingwebhookconfiguration.admissionregistration.k8s.io"
            | "validatingwebhookconfiguration.admissionregistration.k8s.io"
            | "mutatingadmissionpolicy.admissionregistration.k8s.io"
            | "mutatingadmissionpolicybinding.admissionregistration.k8s.io"
            | "validatingadmissionpolicy.admissionregistration.k8s.io"
            | "validatingadmissionpolicybinding.admissionregistration.k8s.io" => Self::Gates,
            _ => Self::Others,
        }
    }

    /// Its number among the waves of a plan, when objects of it are applied.
    #[must_use]
    pub const fn applied(self) -> u8 {
        match self {
            Self::Foundations => 1,
            Self::Access => 2,
            Self::Contents => 3,
            Self::Services => 4,
            Self::Workloads => 5,
            Self::Others => 6,
            Self::Gates => 7,
        }
    }

    /// Its number when objects of it are removed: after all that is applied, and the other way round.
    #[must_use]
    pub const fn removed(self) -> u8 {
        16 - self.applied()
    }
}

/// True if data goes with an object of that kind, so that it is never removed because a manifest is gone.
#[must_use]
pub fn holds_data(kind: Kind) -> bool {
    match kind {
        Kind::Namespace => true,
        Kind::Other(other) => matches!(other.name(), "persistentvolume" | "persistentvolumeclaim" | DEFINITION),
        Kind::StorageClass
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Service
        | Kind::StatefulSet
        | Kind::Deployment
        | Kind::DaemonSet
        | Kind::Job
        | Kind::CronJob
        | Kind::PodDisruptionBudget
        | Kind::Ingress
        | Kind::IngressClass
        | Kind::GatewayClass
        | Kind::Gateway
        | Kind::HttpRoute => false,
    }
}

/// True if an object of a later wave is not to be applied as long as `earlier` could not be: it lives in that namespace, is of
/// a kind that is defined there, or may need what stands beside it.
#[must_use]
pub fn holds_up(earlier: &ObjectId, later: &ObjectId) -> bool {
    match earlier.kind {
        Kind::Namespace => later.scope.0 == earlier.name,
        Kind::Other(_) if earlier.kind.defines_kinds() => {
            earlier.name.split_once('.').is_some_and(|(_, group)| group == later.kind.group())
        }
        Kind::Other(_)
        | Kind::StorageClass
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Service
        | Kind::StatefulSet
        | Kind::Deployment
        | Kind::DaemonSet
        | Kind::Job
        | Kind::CronJob
        | Kind::PodDisruptionBudget
        | Kind::Ingress
        | Kind::IngressClass
        | Kind::GatewayClass
        | Kind::Gateway
        | Kind::HttpRoute => !earlier.scope.0.is_empty() && earlier.scope == later.scope,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> ObjectId {
        ObjectId::parse(text).unwrap()
    }

    #[test]
    fn what_is_needed_comes_first_and_goes_last() {
        let order = [
            "namespace/a",
            "serviceaccount/a/b",
            "persistentvolumeclaim/a/b",
            "service/a/b",
            "deployment/a/b",
            "certificate.cert-manager.io/a/b",
            "validatingwebhookconfiguration.admissionregistration.k8s.io/b",
        ];
        let waves: Vec<Wave> = order.iter().map(|text| Wave::of(id(text).kind)).collect();
        assert_eq!(waves, Wave::ALL);
        assert!(Wave::ALL.windows(2).all(|pair| pair[0].applied() < pair[1].applied()));
        assert!(Wave::ALL.windows(2).all(|pair| pair[0].removed() > pair[1].removed()));
        assert!(Wave::Gates.removed() > Wave::Gates.applied(), "what goes comes after all that is applied");
    }

    #[test]
    fn what_could_not_be_applied_holds_up_what_may_need_it_and_nothing_else() {
        let up = |earlier, later| holds_up(&id(earlier), &id(later));
        assert!(up("namespace/shop", "deployment/shop/web") && !up("namespace/shop", "deployment/data/pg"));
        assert!(up("configmap/shop/a", "deployment/shop/web") && !up("configmap/shop/a", "deployment/data/pg"));
        let definition = "customresourcedefinition.apiextensions.k8s.io/widgets.example.org";
        assert!(up(definition, "widget.example.org/shop/a") && !up(definition, "widget.example.com/shop/a"));
        assert!(!up("clusterrole.rbac.authorization.k8s.io/a", "deployment/shop/web"));
    }
}
