//! What an object is called.

use std::fmt;

use super::OtherKind;
use super::other_kind::DEFINITION;

/// The kinds that a container host understands, and all others that a cluster may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` Namespace.
    Namespace,
    /// `storage.k8s.io/v1` StorageClass.
    StorageClass,
    /// `v1` ConfigMap.
    ConfigMap,
    /// `v1` Secret.
    Secret,
    /// `v1` Service.
    Service,
    /// `apps/v1` StatefulSet.
    StatefulSet,
    /// `apps/v1` Deployment.
    Deployment,
    /// `apps/v1` DaemonSet.
    DaemonSet,
    /// `batch/v1` Job.
    Job,
    /// `batch/v1` CronJob.
    CronJob,
    /// `policy/v1` PodDisruptionBudget.
    PodDisruptionBudget,
    /// `networking.k8s.io/v1` Ingress.
    Ingress,
    /// `networking.k8s.io/v1` IngressClass.
    IngressClass,
    /// `gateway.networking.k8s.io/v1` GatewayClass.
    GatewayClass,
    /// `gateway.networking.k8s.io/v1` Gateway.
    Gateway,
    /// `gateway.networking.k8s.io/v1` HTTPRoute.
    HttpRoute,
    /// One that only a cluster knows.
    Other(OtherKind),
}

impl Kind {
    /// All kinds that a container host understands.
    pub const ALL: [Self; 16] = [
        Self::Namespace,
        Self::StorageClass,
        Self::ConfigMap,
        Self::Secret,
        Self::Service,
        Self::StatefulSet,
        Self::Deployment,
        Self::DaemonSet,
        Self::Job,
        Self::CronJob,
        Self::PodDisruptionBudget,
        Self::Ingress,
        Self::IngressClass,
        Self::GatewayClass,
        Self::Gateway,
        Self::HttpRoute,
    ];

    /// The name that Kubernetes gives the kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::StorageClass => "StorageClass",
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
            Self::Service => "Service",
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Ingress => "Ingress",
            Self::IngressClass => "IngressClass",
            Self::GatewayClass => "GatewayClass",
            Self::Gateway => "Gateway",
            Self::HttpRoute => "HTTPRoute",
            Self::Other(other) => other.name(),
        }
    }

    /// The kind of an object that says `apiVersion` and `kind`, whatever its version; none if no object can say so.
    #[must_use]
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let known = Self::ALL.into_iter().find(|known| known.name() == kind && known.group() == group);
        let sound = !api_version.is_empty() && api_version.matches('/').count() <= 1;
        known.or_else(|| OtherKind::of(api_version, kind).map(Self::Other)).filter(|_| sound)
    }

    /// The group that it is of; empty for the core group.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::Other(other) => other.name().split_once('.').map_or("", |(_, group)| group),
            Self::Namespace
            | Self::StorageClass
            | Self::ConfigMap
            | Self::Secret
            | Self::Service
            | Self::StatefulSet
            | Self::Deployment
            | Self::DaemonSet
            | Self::Job
            | Self::CronJob
            | Self::PodDisruptionBudget
            | Self::Ingress
            | Self::IngressClass
            | Self::GatewayClass
            | Self::Gateway
            | Self::HttpRoute => self.api_version().split_once('/').map_or("", |(group, _)| group),
        }
    }

    /// Its name with its group, as `kubectl` takes it: `deployment.apps`, `secret`.
    #[must_use]
    pub fn qualified(self) -> String {
        match (self, self.group()) {
            (Self::Other(other), _) => other.name().to_owned(),
            (_, "") => self.name().to_ascii_lowercase(),
            (_, group) => format!("{}.{group}", self.name().to_ascii_lowercase()),
        }
    }

    /// The group and version that Writ understands of it; empty for one that only a cluster knows, whose objects say it.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::ConfigMap | Self::Secret | Self::Service => "v1",
            Self::StorageClass => "storage.k8s.io/v1",
            Self::StatefulSet | Self::Deployment | Self::DaemonSet => "apps/v1",
            Self::Job | Self::CronJob => "batch/v1",
            Self::PodDisruptionBudget => "policy/v1",
            Self::Ingress | Self::IngressClass => "networking.k8s.io/v1",
            Self::GatewayClass | Self::Gateway | Self::HttpRoute => "gateway.networking.k8s.io/v1",
            Self::Other(_) => "",
        }
    }

    /// True for kinds that are known to live outside of any namespace. Of one that only a cluster knows, its object says it.
    #[must_use]
    pub const fn is_unscoped(self) -> bool {
        matches!(self, Self::Namespace | Self::StorageClass | Self::IngressClass | Self::GatewayClass)
    }

    /// True for workloads whose pods run to an end, and are not kept running.
    #[must_use]
    pub const fn ends(self) -> bool {
        match self {
            Self::Job | Self::CronJob => true,
            Self::Namespace
            | Self::StorageClass
            | Self::ConfigMap
            | Self::Secret
            | Self::Service
            | Self::StatefulSet
            | Self::Deployment
            | Self::DaemonSet
            | Self::PodDisruptionBudget
            | Self::Ingress
            | Self::IngressClass
            | Self::GatewayClass
            | Self::Gateway
            | Self::HttpRoute
            | Self::Other(_) => false,
        }
    }

    /// Where the template of its pods stands in an object; none if it has none.
    #[must_use]
    pub const fn pod_template(self) -> Option<&'static str> {
        match self {
            Self::StatefulSet | Self::Deployment | Self::DaemonSet | Self::Job => Some("/spec/template"),
            Self::CronJob => Some("/spec/jobTemplate/spec/template"),
            Self::Namespace
            | Self::StorageClass
            | Self::ConfigMap
            | Self::Secret
            | Self::Service
            | Self::PodDisruptionBudget
            | Self::Ingress
            | Self::IngressClass
            | Self::GatewayClass
            | Self::Gateway
            | Self::HttpRoute
            | Self::Other(_) => None,
        }
    }

    /// True for what defines further kinds.
    #[must_use]
    pub fn defines_kinds(self) -> bool {
        matches!(self, Self::Other(other) if other.name() == DEFINITION)
    }

    /// The fields of an object whose values may be secrets, and may stand encrypted in a manifest.
    #[must_use]
    pub const fn value_fields(self) -> &'static [&'static str] {
        match self {
            Self::Secret => &["data", "stringData"],
            Self::ConfigMap => &["data", "binaryData"],
            Self::Namespace
            | Self::StorageClass
            | Self::Service
            | Self::StatefulSet
            | Self::Deployment
            | Self::DaemonSet
            | Self::Job
            | Self::CronJob
            | Self::PodDisruptionBudget
            | Self::Ingress
            | Self::IngressClass
            | Self::GatewayClass
            | Self::Gateway
            | Self::HttpRoute
            | Self::Other(_) => &[],
        }
    }

    /// True for what has no pods of its own, and leads those who ask from outside to pods of others.
    #[must_use]
    pub const fn is_entrance(self) -> bool {
        matches!(self, Self::Ingress | Self::HttpRoute)
    }

    /// Finds a kind by name, in any case (`StatefulSet`, `statefulset`, `certificate.cert-manager.io`).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let known = Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name));
        known.or_else(|| OtherKind::named(&name.to_ascii_lowercase()).map(Self::Other))
    }
}

/// A Voodu scope, which is a Kubernetes namespace; empty for what lives in none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Scope(pub String);

/// One object: kind, scope and name. Written `statefulset/data/pg`, without a scope `namespace/data`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub scope: Scope,
    /// Its name.
    pub name: String,
}

impl ObjectId {
    /// Puts an identity together.
    #[must_use]
    pub fn new(kind: Kind, scope: &str, name: &str) -> Self {
        Self { kind, scope: Scope(scope.to_owned()), name: name.to_owned() }
    }

    /// Reads the form that [`fmt::Display`] writes, as commands take it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once('/')?;
        let kind = Kind::parse(kind)?;
        let (scope, name) = match (kind, rest.split_once('/')) {
            (Kind::Other(_), Some(("", _))) => return None,
            (Kind::Other(_), Some(split)) => split,
            (Kind::Other(_), None) => ("", rest),
            (_, _) if kind.is_unscoped() => ("", rest),
            (_, split) => split.filter(|(scope, _)| !scope.is_empty())?,
        };
        let sound = !name.is_empty() && !name.contains('/');
        sound.then(|| Self::new(kind, scope, name))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, scope, name } = self;
        let kind = kind.name().to_ascii_lowercase();
        if scope.0.is_empty() { write!(f, "{kind}/{name}") } else { write!(f, "{kind}/{scope}/{name}") }
    }
}

/// What stands in the place of a number in the name of a Service's relay (`shop-web.service`), so that it is never that of a
/// pod.
pub(crate) const RELAY: &str = "service";

/// Which pod of its workload.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodIndex {
    /// The stable number of a StatefulSet's pod; 0 for the one pod that a DaemonSet has on a host, and for the relay of a
    /// Service.
    Ordinal(u32),
    /// The name of a Deployment's replica: four hexadecimal digits, new for each.
    Replica(String),
    /// One try of a Job, or of a run of a CronJob.
    Try {
        /// The time of the run, in minutes since 1970; none for a Job, which has one run.
        run: Option<u32>,
        /// Which of the Job's completions it works for, from 0.
        completion: u32,
        /// How many tries of that completion came before.
        earlier: u32,
    },
}

impl fmt::Display for PodIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordinal(ordinal) => write!(f, "{ordinal}"),
            Self::Replica(id) => f.write_str(id),
            Self::Try { run: None, completion, earlier } => write!(f, "{completion}-{earlier}"),
            Self::Try { run: Some(minute), completion, earlier } => write!(f, "{minute}-{completion}-{earlier}"),
        }
    }
}

impl PodIndex {
    /// Reads the form that [`fmt::Display`] writes, and the one in the name of a relay; which of them follows from the kind of
    /// the workload.
    #[must_use]
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        if kind == Kind::Service {
            return (text == RELAY || text == "0").then_some(Self::Ordinal(0));
        }
        if matches!(kind, Kind::StatefulSet | Kind::DaemonSet | Kind::IngressClass) {
            return text.parse().ok().map(Self::Ordinal);
        }
        if kind.ends() {
            let (run, text) = match kind == Kind::CronJob {
                true => text.split_once('-').map(|(run, rest)| (Some(run), rest))?,
                false => (None, text),
            };
            let run = run.map_or(Some(None), |run| number(run).map(Some))?;
            let (completion, earlier) = text.split_once('-')?;
            return Some(Self::Try { run, completion: number(completion)?, earlier: number(earlier)? });
        }
        let hex = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase());
        hex.then(|| Self::Replica(text.to_owned()))
    }
}

/// A number in the only form in which it is written: no sign, no zeros in front.
fn number(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_written_and_read_back() {
        let other = ["certificate.cert-manager.io/data/pg", "clusterrole.rbac.authorization.k8s.io/reader"];
        for text in ["statefulset/data/pg", "namespace/data", "poddisruptionbudget/data/pg"].into_iter().chain(other) {
            assert_eq!(ObjectId::parse(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_try_of_a_job_is_written_and_read_back_in_one_form_only() {
        let index = PodIndex::Try { run: None, completion: 2, earlier: 10 };
        assert_eq!(index.to_string(), "2-10");
        assert_eq!(PodIndex::parse(Kind::Job, "2-10"), Some(index));
        for text in ["2", "2-", "-2", "02-1", "+2-1", "2-1-0", "1a2b"] {
            assert_eq!(PodIndex::parse(Kind::Job, text), None, "{text}");
        }
        assert_eq!(PodIndex::parse(Kind::Deployment, "2-10"), None);
        let index = PodIndex::Try { run: Some(29_920_920), completion: 2, earlier: 10 };
        assert_eq!(index.to_string(), "29920920-2-10");
        assert_eq!(PodIndex::parse(Kind::CronJob, "29920920-2-10"), Some(index));
        for text in ["2-10", "-2-10", "x-2-10", "1-2-3-4"] {
            assert_eq!(PodIndex::parse(Kind::CronJob, text), None, "{text}");
        }
    }

    #[test]
    fn the_relay_of_a_service_is_one_and_no_pod_is_taken_for_it() {
        for text in ["service", "0"] {
            assert_eq!(PodIndex::parse(Kind::Service, text), Some(PodIndex::Ordinal(0)));
        }
        for text in ["1", "", "1a2b", "service.x"] {
            assert_eq!(PodIndex::parse(Kind::Service, text), None, "{text}");
        }
        for kind in [Kind::StatefulSet, Kind::DaemonSet, Kind::Deployment, Kind::Job, Kind::CronJob] {
            assert_eq!(PodIndex::parse(kind, "service"), None, "{kind:?}");
        }
    }

    #[test]
    fn what_is_no_identity_is_none() {
        for text in [
            "pg",
            "statefulset/pg",
            "pot/data/pg",
            "role.rbac//a",
            "statefulset/data/",
            "statefulset//pg",
            "statefulset/a/b/c",
        ] {
            assert_eq!(ObjectId::parse(text), None, "{text}");
        }
    }
}
