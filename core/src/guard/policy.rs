//! What a host allows, beyond what every host refuses.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a host allows. Everything that is not listed is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Capabilities that a container may add, without `CAP_`.
    pub capabilities: BTreeSet<String>,
    /// Directories of the host of which, and below which, a container may mount.
    pub host_paths: BTreeSet<String>,
    /// Addresses of the host on which ports may be published, besides loopback.
    pub host_addresses: BTreeSet<IpAddr>,
    /// Paths of the host that no container may ever mount, nor anything below or above them, whatever `host_paths`
    /// says: they are ways to the whole machine or to Writ's own state.
    pub protected_paths: BTreeSet<String>,
}

/// Capabilities of the baseline profile. Source: Kubernetes, Pod Security Standards, baseline, "Capabilities"; of that
/// list `AUDIT_WRITE` to `SYS_CHROOT` are those that container engines give by default.
const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Paths through which a container would have the host: accounts, devices, the kernel, the engine.
const PROTECTED_PATHS: [&str; 14] = [
    "/boot",
    "/dev",
    "/etc",
    "/proc",
    "/root",
    "/run/containerd",
    "/run/docker.sock",
    "/run/writ",
    "/sys",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/writ",
    "/var/run",
    "/var/spool/cron",
];

impl Policy {
    /// The profile that a host has unless it says otherwise.
    #[must_use]
    pub fn baseline() -> Self {
        Self {
            capabilities: CAPABILITIES.map(str::to_owned).into(),
            host_paths: BTreeSet::new(),
            host_addresses: BTreeSet::new(),
            protected_paths: PROTECTED_PATHS.map(str::to_owned).into(),
        }
    }

    /// The same, with one more path that no container may mount: where this host keeps Writ's state.
    #[must_use]
    pub fn protecting(mut self, path: &str) -> Self {
        self.protected_paths.insert(path.to_owned());
        self
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::baseline()
    }
}

/// What the guard refuses. Each rule has a case that is refused and one that is accepted in `policies/cases`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A container with all of the host's powers.
    NoPrivileged,
    /// A container in the host's network.
    NoHostNetwork,
    /// A container that sees the host's processes.
    NoHostPid,
    /// A container that shares memory with the host's processes.
    NoHostIpc,
    /// A capability that is not allowed.
    Capability,
    /// A path of the host that is not allowed.
    HostPath,
    /// A port published on an address of the host that is not allowed.
    HostPortAddress,
    /// A volume that is not one of the pod's own claims.
    OwnVolume,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 8] = [
        Self::NoPrivileged,
        Self::NoHostNetwork,
        Self::NoHostPid,
        Self::NoHostIpc,
        Self::Capability,
        Self::HostPath,
        Self::HostPortAddress,
        Self::OwnVolume,
    ];

    /// Its name, as refusals show it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPrivileged => "no-privileged",
            Self::NoHostNetwork => "no-host-network",
            Self::NoHostPid => "no-host-pid",
            Self::NoHostIpc => "no-host-ipc",
            Self::Capability => "capability",
            Self::HostPath => "host-path",
            Self::HostPortAddress => "host-port-address",
            Self::OwnVolume => "own-volume",
        }
    }
}
