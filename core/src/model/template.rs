//! A workload's pods before their index is known: what is left symbolic is what differs from pod to pod.
//!
//! Invariant: everything here enters the spec hash (see [`crate::hash`]), which binds every field.

use std::collections::BTreeMap;
use std::fmt;

use super::identity::RELAY;
use super::pod::{Hooks, Port, Probe, PullPolicy, Resources, Security, Terminal};
use super::{Extras, Kind, ObjectId, Scope, Work};
use crate::text::SecretText;
use crate::time::Seconds;

/// A pod template with every reference resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    /// Labels of the template.
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations of the template.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The names that lead to its pods.
    pub(crate) names: Names,
    /// What the manifest says of the names of its machines.
    pub(crate) machine: Machine,
    /// Containers that run before the main one, in order.
    pub(crate) init: Vec<ContainerTemplate>,
    /// The first main container.
    pub(crate) main: ContainerTemplate,
    /// The further main ones.
    pub(crate) beside: Vec<ContainerTemplate>,
    /// Its containers see each other's processes.
    pub(crate) share_processes: bool,
    /// Group that owns the files of the pod's claims.
    pub(crate) fs_group: Option<u32>,
    /// What its pods are given beyond that. Limits and logs stand in the annotations as well.
    pub(crate) extras: Extras,
    /// Time from asking a pod to stop to killing it.
    pub(crate) grace: Seconds,
    /// What its pods are to bring to an end; none for pods that are kept running.
    pub(crate) work: Option<Work>,
}

/// What a manifest says of the name by which the machine of a pod calls itself. Source: `hostname`, `subdomain` and
/// `setHostnameAsFQDN` of the Kubernetes PodSpec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Instead of the pod's name.
    pub(crate) name: Option<String>,
    /// The Service below which its pods have names.
    pub(crate) subdomain: Option<String>,
    /// The machine calls itself by its whole name in DNS.
    pub(crate) whole: bool,
}

/// The DNS names of a workload's pods.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Names {
    /// What follows the pod's own name in each of its names (`.data`, `.pg.data.svc`).
    pub(crate) own_endings: Vec<String>,
    /// Names of Services that lead to a pod whether it is ready or not.
    pub(crate) always: Vec<SharedName>,
    /// Names of Services that lead to a pod while it is ready.
    pub(crate) shared: Vec<SharedName>,
    /// `shared` lead to pods that are not ready, too.
    pub(crate) publish_not_ready: bool,
}

/// A name of a Service.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SharedName {
    pub(crate) name: String,
    /// The only pod that it leads to; none for all pods.
    pub(crate) ordinal: Option<u32>,
}

/// A container with every reference resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContainerTemplate {
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) pull: PullPolicy,
    /// With its `$(VAR)`.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// With its `$(VAR)`.
    pub(crate) arguments: Option<Vec<String>>,
    pub(crate) working_dir: Option<String>,
    /// In the order in which `$(VAR)` in one may refer to another; a later one of the same name wins.
    pub(crate) env: Vec<Variable>,
    pub(crate) ports: Vec<Port>,
    pub(crate) mounts: Vec<MountTemplate>,
    pub(crate) resources: Resources,
    pub(crate) readiness: Option<Probe>,
    pub(crate) liveness: Option<Probe>,
    pub(crate) startup: Option<Probe>,
    pub(crate) security: Security,
    /// It goes on beside the main ones.
    pub(crate) sidecar: bool,
    pub(crate) hooks: Hooks,
    pub(crate) terminal: Terminal,
}

/// An environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: Text,
}

/// A text and where it comes from. Nothing prints it: a variable may hold a secret wherever its value is written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Text {
    /// As it stands in the manifest, with its `$(VAR)`.
    Plain(String),
    /// A key of a ConfigMap, a Secret or a bucket.
    Content(Content),
    /// Something about the pod.
    Field(Field),
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("(secret)"),
            Self::Content(content) => content.fmt(f),
            Self::Field(field) => field.fmt(f),
        }
    }
}

/// What a key of a ConfigMap, a Secret or a bucket holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) of: ContentId,
    pub(crate) value: SecretText,
}

/// A key of a ConfigMap, a Secret or a bucket. Written `configmap/data/pg-config/custom.conf`,
/// `secret/data/pg-auth/password`, `bucket/data/PASSWORD`, `bucket/data/pg/PASSWORD`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContentId {
    pub(crate) kind: ContentKind,
    pub(crate) scope: Scope,
    /// None for the bucket of a whole scope.
    pub(crate) name: Option<String>,
    pub(crate) key: String,
}

/// What holds contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ContentKind {
    ConfigMap,
    /// A ConfigMap that stood encrypted.
    SealedConfigMap,
    Secret,
    Bucket,
}

impl ContentKind {
    /// True if its values must not be guessed from their digests.
    pub(crate) const fn is_secret(self) -> bool {
        match self {
            Self::ConfigMap => false,
            Self::SealedConfigMap | Self::Secret | Self::Bucket => true,
        }
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, scope, name, key } = self;
        let kind = match kind {
            ContentKind::ConfigMap | ContentKind::SealedConfigMap => "configmap",
            ContentKind::Secret => "secret",
            ContentKind::Bucket => "bucket",
        };
        match name {
            Some(name) => write!(f, "{kind}/{scope}/{name}/{key}"),
            None => write!(f, "{kind}/{scope}/{key}"),
        }
    }
}

/// What a pod may be told about itself. Source: the downward API of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// `metadata.name`: what the pod calls itself (`pg-0`).
    Name,
    /// `metadata.namespace`.
    Namespace,
    /// `metadata.labels['…']`; empty if there is none.
    Label(String),
    /// `metadata.annotations['…']`; empty if there is none.
    Annotation(String),
    /// `metadata.labels`, in a file.
    Labels,
    /// `metadata.annotations`, in a file.
    Annotations,
    /// `spec.serviceAccountName`, as the manifest has it.
    ServiceAccount(String),
    /// `resourceFieldRef`.
    Amount(Amount),
    /// What is known only where the pod is made.
    Late(LateField),
}

/// What a container of a pod may use, in some unit. Source: ResourceFieldSelector of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    /// The container, by its name.
    pub(crate) container: String,
    pub(crate) resource: Resource,
    /// What is counted: thousandths of a core, or bytes.
    pub(crate) divisor: u64,
}

/// What is told of a container's resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    CpuLimit,
    CpuRequest,
    MemoryLimit,
    MemoryRequest,
}

/// What is known of a pod only where it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LateField {
    /// `spec.nodeName`: what the host calls itself.
    Node,
    /// `status.hostIP` and `status.hostIPs`: where pods reach the host.
    HostAddress,
    /// `status.podIP` and `status.podIPs`.
    Address,
    /// `metadata.uid`: no other pod has it, and the one that comes in its place has another.
    Uid,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountTemplate {
    pub(crate) path: String,
    pub(crate) source: SourceTemplate,
    pub(crate) read_only: bool,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SourceTemplate {
    /// A claim template, by name.
    Claim(String),
    /// Files, by path below the directory.
    Directory(BTreeMap<String, FileTemplate>),
    /// One file.
    File(FileTemplate),
    /// An empty directory.
    Empty { name: String, memory: bool, limit: Option<u64> },
    /// A path of the host.
    Host(String),
    /// What is below a path of the host at a path with `$(VAR)`, which differs from pod to pod.
    Below { host: String, path: String },
}

/// One file with its permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileTemplate {
    pub(crate) content: Text,
    pub(crate) mode: u32,
}

impl Template {
    /// Its containers, init ones first.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &ContainerTemplate> {
        self.init.iter().chain(self.mains())
    }

    /// Its main containers, the first one first.
    pub(crate) fn mains(&self) -> impl Iterator<Item = &ContainerTemplate> {
        std::iter::once(&self.main).chain(&self.beside)
    }

    /// The ports of its containers that run as long as a pod does, each with its container's place in the manifest.
    pub(crate) fn ports(&self) -> impl Iterator<Item = (String, &Port)> {
        let of = |list: &'static str, at: usize, container| {
            let ContainerTemplate { ports, .. }: &ContainerTemplate = container;
            ports.iter().enumerate().map(move |(port, it)| (format!("{list}/{at}/ports/{port}"), it))
        };
        let init = self.init.iter().enumerate().filter(|(_, container)| container.sidecar);
        let init = init.flat_map(move |(at, container)| of("initContainers", at, container));
        init.chain(self.mains().enumerate().flat_map(move |(at, container)| of("containers", at, container)))
    }
}

/// The names under which a pod of `object` is known, before its index.
pub(crate) fn container_prefix(object: &ObjectId) -> String {
    format!("{}-{}.", object.scope, object.name)
}

/// The name of a pod in the engine (`data-pg.0`); of a Service, that of its relay, which is one (`shop-web.service`).
pub(crate) fn container_name(object: &ObjectId, index: impl fmt::Display) -> String {
    let prefix = container_prefix(object);
    if object.kind == Kind::Service { format!("{prefix}{RELAY}") } else { format!("{prefix}{index}") }
}

/// The name of a claim's volume, before its ordinal.
pub(crate) fn volume_prefix(object: &ObjectId, claim: &str) -> String {
    format!("voodu-{}-{}-{claim}-", object.scope, object.name)
}
