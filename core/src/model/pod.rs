//! One pod, down to what a container engine is asked for: nothing symbolic is left.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::late::Late;
use super::{Extras, Kind, ObjectId, PodIndex};
use crate::hash::SpecHash;
use crate::text::SecretText;
use crate::time::Seconds;

/// What a relay has for an image: Writ's own program, which the engine is given without a registry. The number goes up with
/// each change of the program that running relays must not be without.
pub const RELAY_IMAGE: &str = "writ/companion:relay-1";

/// A pod as it must run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodSpec {
    /// The name of its main container in the engine (`data-pg.0`), which stands for the pod.
    pub name: String,
    /// The workload that it belongs to.
    pub object: ObjectId,
    /// Which of the workload's pods.
    pub index: PodIndex,
    /// Hash of the template that it was made from.
    pub revision: SpecHash,
    /// What the pod calls itself (`pg-0`).
    pub hostname: String,
    /// Containers that start one after the other before the main one, each to its end or, as a sidecar, to go on beside it.
    pub init: Vec<ContainerSpec>,
    /// The first of its main containers; where there are no others, the container that is the pod.
    pub main: ContainerSpec,
    /// Its further main containers.
    pub beside: Vec<ContainerSpec>,
    /// Its containers see each other's processes.
    pub share_processes: bool,
    /// It has a sandbox though it may have one container: what prepares it is told its address.
    pub sandboxed: bool,
    /// What it is told that is known only once it is made. See [`PodSpec::told`].
    pub late: Option<Box<Late>>,
    /// The container that is meant where none is named; the first main one if none.
    pub default_container: Option<String>,
    /// Volumes that must be there, each with its name in the engine.
    pub volumes: Vec<VolumeSpec>,
    /// Names that lead to this pod from its start to its end.
    pub own_names: Vec<String>,
    /// Names that it shares with others of its workload, and that lead to it only while it is ready.
    pub shared_names: Vec<String>,
    /// The shared names lead to it before it is ready, too.
    pub publish_not_ready: bool,
    /// Group that owns the files of the pod's claims.
    pub fs_group: Option<u32>,
    /// What it is given beyond that.
    pub extras: Extras,
    /// It runs to its end: the engine does not start it again, and no probe does.
    pub ends: bool,
    /// Time from asking it to stop to killing it.
    pub grace: Seconds,
    /// Time that it must run, ready, before it counts as available.
    pub min_ready: Seconds,
    /// Time that it may take to become available.
    pub progress_deadline: Seconds,
}

impl PodSpec {
    /// True for the relay of a Service, which is Writ's own program and no image of anybody's.
    #[must_use]
    pub fn is_relay(&self) -> bool {
        self.object.kind == Kind::Service && self.main.image == RELAY_IMAGE
    }
}

/// A container as it must run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSpec {
    /// Its name in the manifest.
    pub name: String,
    /// The image, as written.
    pub image: String,
    /// When to pull it.
    pub pull: PullPolicy,
    /// Instead of the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Instead of the image's command.
    pub arguments: Option<Vec<String>>,
    /// Instead of the image's working directory.
    pub working_dir: Option<String>,
    /// The environment, all of it treated as secret.
    pub env: BTreeMap<String, SecretText>,
    /// Ports that it listens on.
    pub ports: Vec<Port>,
    /// What is mounted, by path in the container.
    pub mounts: Vec<Mount>,
    /// What it may use of the machine.
    pub resources: Resources,
    /// Gates readiness, and with it the shared names and the next step of a rollout.
    pub readiness: Option<Probe>,
    /// Restarts the container when it fails.
    pub liveness: Option<Probe>,
    /// Holds the other two back until it has succeeded once.
    pub startup: Option<Probe>,
    /// What it may do to the machine; judged by the guard.
    pub security: Security,
    /// Among the containers before the main one: it is waited for until it has started, and goes on beside the main ones.
    pub sidecar: bool,
    /// What is done when it starts and when it is to end.
    pub hooks: Hooks,
    /// What it finds at its standard input and output.
    pub terminal: Terminal,
}

/// What a container finds at its standard input and output. Source: `stdin`, `stdinOnce`, `tty` of the Kubernetes Container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terminal {
    /// Its input stays open though nobody writes to it; else it is at its end from the start.
    pub stdin: bool,
    /// Its input ends when the first who was attached to it leaves.
    pub stdin_once: bool,
    /// Both are a terminal.
    pub tty: bool,
}

/// What is done right after the start of a container, and how it is brought to its end. Source: Lifecycle of the Kubernetes
/// Container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hooks {
    /// Done after each start; until it is, the container is not ready, and if it fails, the container is restarted.
    pub post_start: Option<Hook>,
    /// Done before the container is asked to end, within its grace.
    pub pre_stop: Option<Hook>,
    /// The signal that asks it to end; the image's if none.
    pub stop_signal: Option<String>,
}

/// Something that is done to a container once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hook {
    /// A program in it or a request to it, which must succeed as a probe does.
    Act(ProbeAction),
    /// A pause.
    Sleep(Seconds),
}

impl PodSpec {
    /// All of its containers, in the order in which they start.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerSpec> {
        self.init.iter().chain([&self.main]).chain(&self.beside)
    }

    /// Those that run as long as the pod does: sidecars first.
    pub fn lasting(&self) -> impl Iterator<Item = &ContainerSpec> {
        self.init.iter().filter(|container| container.sidecar).chain([&self.main]).chain(&self.beside)
    }

    /// True if its containers are joined to a sandbox, which bears the pod's name; else its main container is the pod.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.share_processes || self.sandboxed || self.lasting().count() > 1
    }

    /// True if its shared names lead to it from its start: nothing says that it may run and not be ready. Source: the readiness
    /// of Kubernetes, where a container that runs without probes is ready.
    #[must_use]
    pub fn is_ready_from_its_start(&self) -> bool {
        let ContainerSpec { readiness, startup, hooks, .. } = &self.main;
        let asked = readiness.is_some() || startup.is_some() || hooks.post_start.is_some();
        self.publish_not_ready || !(asked || self.is_joined())
    }

    /// One of its containers as a pod of its own, which nothing but its own name leads to.
    #[must_use]
    pub fn alone(&self, container: &ContainerSpec) -> Self {
        Self {
            name: self.container_name(&container.name),
            init: Vec::new(),
            main: container.clone(),
            beside: Vec::new(),
            share_processes: false,
            sandboxed: false,
            own_names: Vec::new(),
            shared_names: Vec::new(),
            ..self.clone()
        }
    }

    /// What a container beside the one that is the pod is called in the engine (`data-pg.0.app`).
    #[must_use]
    pub fn container_name(&self, container: &str) -> String {
        format!("{}.{container}", self.name)
    }
}

/// When to pull an image. Source: `imagePullPolicy` of the Kubernetes Container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum PullPolicy {
    /// Only if the engine does not have it.
    #[default]
    IfNotPresent,
    /// Before each creation.
    Always,
    /// Never: the engine must have it.
    Never,
}

/// A port that a container listens on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Its name, which probes and services may use.
    pub name: Option<String>,
    /// The port in the container.
    pub container: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// How it is reached from the host; none if only by other containers.
    pub publish: Option<Publish>,
}

/// Protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// A port of the host that leads to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Publish {
    /// The address of the host; loopback unless the manifest says otherwise.
    pub address: IpAddr,
    /// The port of the host; none for a free one that the engine chooses.
    pub port: Option<u16>,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Absolute path in the container.
    pub path: String,
    /// What is there.
    pub source: MountSource,
    /// It cannot be written to.
    pub read_only: bool,
}

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A volume of the pod, by its name in the engine.
    Volume(String),
    /// A directory of files with fixed contents, from ConfigMaps, Secrets and assets.
    Directory(Files),
    /// One file with fixed contents.
    File(FileContent),
    /// An empty directory that lives as long as the pod; in memory if so asked, with its limit in bytes.
    Empty {
        /// Its name in the manifest: containers of the pod that mount the same name share it.
        name: String,
        /// On tmpfs.
        memory: bool,
        /// Largest size in bytes.
        limit: Option<u64>,
    },
    /// A path of the host; judged by the guard.
    Host(String),
}

/// Files with fixed contents, by path below the directory.
pub type Files = BTreeMap<String, FileContent>;

/// One file with fixed contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    /// Its bytes, treated as secret.
    pub content: SecretText,
    /// Its permissions.
    pub mode: u32,
}

/// What a container may use. Sources: `resources` of the Kubernetes Container; Docker's `NanoCpus`, `CpuShares`,
/// `Memory`, `MemoryReservation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Share of processor time under contention, in thousandths of a core.
    pub cpu_request_millis: Option<u64>,
    /// Most processor time, in thousandths of a core.
    pub cpu_limit_millis: Option<u64>,
    /// Memory that is kept for it under pressure, in bytes.
    pub memory_request_bytes: Option<u64>,
    /// Most memory, in bytes.
    pub memory_limit_bytes: Option<u64>,
}

/// A check of a running container. Source: Probe of the Kubernetes Container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// What is tried.
    pub action: ProbeAction,
    /// Time from the container's start to the first try.
    pub initial_delay: Seconds,
    /// Time between tries.
    pub period: Seconds,
    /// Time for one try.
    pub timeout: Seconds,
    /// Successes in a row that make it succeed.
    pub success_threshold: u32,
    /// Failures in a row that make it fail.
    pub failure_threshold: u32,
    /// Time from asking the container to stop to killing it, where this probe restarts it; the pod's if none.
    pub grace: Option<Seconds>,
}

/// What a probe tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeAction {
    /// A program in the container; exit code 0 is success.
    Exec(Vec<String>),
    /// A GET request to the pod; 200 to 399 is success.
    Http {
        /// Path and query.
        path: String,
        /// Port.
        port: u16,
        /// `HTTPS`, with the certificate not checked, as a kubelet does.
        tls: bool,
        /// Headers.
        headers: Vec<(String, String)>,
    },
    /// A connection to the pod.
    Tcp {
        /// Port.
        port: u16,
    },
    /// The question of the health protocol of gRPC; `SERVING` is success. Source: `grpc.health.v1`.
    Grpc {
        /// Port.
        port: u16,
        /// The service that is asked for; empty for all of the server.
        service: String,
    },
}

/// What a container may do to the machine. Everything here is judged by the guard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Security {
    /// User id; the image's if none.
    pub run_as_user: Option<u32>,
    /// Group id.
    pub run_as_group: Option<u32>,
    /// Refuse to start as root.
    pub run_as_non_root: bool,
    /// Further groups.
    pub supplemental_groups: Vec<u32>,
    /// The root file system cannot be written to.
    pub read_only_root: bool,
    /// All of the host's powers.
    pub privileged: bool,
    /// Programs may gain more powers than their parent; the engine's default if none.
    pub allow_privilege_escalation: Option<bool>,
    /// Capabilities beyond the engine's default set.
    pub capabilities_add: Vec<String>,
    /// Capabilities taken away.
    pub capabilities_drop: Vec<String>,
    /// The host's network, process or IPC namespace (`network`, `pid`, `ipc`).
    pub host_namespaces: Vec<String>,
}

/// A volume that must be there before its pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeSpec {
    /// Its name in the engine (`voodu-data-pg-data-0`).
    pub name: String,
    /// The workload that it belongs to.
    pub object: ObjectId,
    /// The claim template that it was made from.
    pub claim: String,
    /// The ordinal that it belongs to.
    pub ordinal: u32,
}
