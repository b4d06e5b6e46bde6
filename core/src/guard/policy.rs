//! What a host allows, beyond what every host refuses.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::{image, profile, sysctl};
use crate::text::{Problems, Section};

/// What a host allows. Everything that is not allowed here is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What refusals call it: the name of a profile, or the file that it was read from.
    pub name: String,
    /// Containers with all of the host's powers.
    pub privileged: bool,
    /// Containers in the host's network.
    pub host_network: bool,
    /// Containers that see the host's processes.
    pub host_pid: bool,
    /// Containers that share memory with the host's processes.
    pub host_ipc: bool,
    /// Capabilities that a container may add, without `CAP_`.
    pub capabilities: Allowed<String>,
    /// Parameters of the kernel that a pod may set for its own namespaces, beside those that harm nobody else: by name, or
    /// `net.core.*` for all below it.
    pub sysctls: Allowed<String>,
    /// Containers may keep the capabilities that the engine gives to all.
    pub default_capabilities: bool,
    /// Programs may gain powers that the container's first one did not have.
    pub privilege_escalation: bool,
    /// Containers may run as root.
    pub root: bool,
    /// Containers may write to their own root file system.
    pub writable_root: bool,
    /// Directories of the host of which, and below which, a container may mount.
    pub host_paths: BTreeSet<String>,
    /// Paths of the host that no container may mount, nor anything below or above them, whatever `host_paths` says;
    /// beside [`Policy::PROTECTED_PATHS`].
    pub protected_paths: BTreeSet<String>,
    /// Addresses of the host on which ports may be published, besides loopback.
    pub host_addresses: Allowed<IpAddr>,
    /// Ports of the host that may be published.
    pub host_ports: HostPorts,
    /// Registries (`ghcr.io`), or parts of them (`ghcr.io/acme`), of which images may be.
    pub registries: Allowed<String>,
    /// Host names for which requests may be led through the host's ingress: `shop.example.org`, or `*.example.org` for all
    /// names below it.
    pub ingress_hosts: Allowed<String>,
    /// Kinds of objects of a cluster that live in no namespace, as `kubectl` calls them (`clusterrole.rbac.authorization.k8s.io`).
    pub cluster_kinds: Allowed<String>,
    /// Kinds of objects of a cluster that only their own controllers understand (`certificate.cert-manager.io`).
    pub other_kinds: Allowed<String>,
    /// Images must be named with a digest.
    pub pinned_images: bool,
}

/// What may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed<T> {
    /// Anything; `"*"` in files.
    All,
    /// What is listed.
    Only(BTreeSet<T>),
}

/// Ports of the host that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPorts {
    /// One that the engine chooses; `"free"` in files.
    pub free: bool,
    /// Those that a manifest may name.
    pub named: Vec<RangeInclusive<u16>>,
}

impl<T: Ord> Allowed<T> {
    /// True if `item` may be chosen.
    pub fn allows<Q: Ord + ?Sized>(&self, item: &Q) -> bool
    where
        T: std::borrow::Borrow<Q>,
    {
        match self {
            Self::All => true,
            Self::Only(listed) => listed.contains(item),
        }
    }
}

impl HostPorts {
    /// True if the port may be published; `None` is one that the engine chooses.
    #[must_use]
    pub fn allows(&self, port: Option<u16>) -> bool {
        port.map_or(self.free, |port| self.named.iter().any(|range| range.contains(&port)))
    }
}

impl Policy {
    /// Paths through which a container would have the host, or Writ: accounts, devices, the kernel, engines, services.
    /// No policy opens them.
    pub const PROTECTED_PATHS: [&'static str; 20] = [
        "/boot",
        "/dev",
        "/etc",
        "/lib/systemd",
        "/proc",
        "/root",
        "/run/containerd",
        "/run/crio",
        "/run/dbus",
        "/run/docker.sock",
        "/run/podman",
        "/run/systemd",
        "/run/writ",
        "/sys",
        "/usr/lib/systemd",
        "/var/lib/containerd",
        "/var/lib/docker",
        "/var/lib/writ",
        "/var/run",
        "/var/spool/cron",
    ];

    /// The profile that a host has unless it says otherwise.
    #[must_use]
    pub fn baseline() -> Self {
        profile::Profile::Baseline.policy()
    }

    /// Reads a policy of a host's own. `file` is its name in messages and in refusals. None if there is a problem.
    pub fn read(file: &str, text: &str, problems: &mut Problems) -> Option<Self> {
        let mut own = Problems::default();
        let policy = crate::text::read_toml(file, "the policy", text, &mut own, |root: &mut Section<'_>, problems| {
            profile::read(file, root, problems)
        });
        let sound = !own.has_errors();
        problems.extend(own);
        policy.filter(|_| sound)
    }

    /// The same, with one more path that no container may mount: where this host keeps Writ's state, say.
    #[must_use]
    pub fn protecting(mut self, path: &str) -> Self {
        self.protected_paths.insert(path.to_owned());
        self
    }

    /// True if requests for that host may be led through the ingress; none stands for whatever host.
    pub(super) fn allows_host(&self, host: Option<&str>) -> bool {
        match (&self.ingress_hosts, host) {
            (Allowed::All, _) => true,
            (Allowed::Only(_), None) => false,
            (Allowed::Only(listed), Some(host)) => {
                let below = |pattern: &String| {
                    let ending = pattern.strip_prefix('*').filter(|ending| ending.starts_with('.'));
                    ending.is_some_and(|ending| host.len() > ending.len() && host.ends_with(ending))
                };
                listed.contains(host) || listed.iter().any(below)
            }
        }
    }

    /// True if a pod may set that parameter of the kernel for its own namespaces.
    pub(super) fn allows_sysctl(&self, name: &str) -> bool {
        match &self.sysctls {
            Allowed::All => true,
            Allowed::Only(listed) => listed.iter().any(|entry| sysctl::is_of(name, entry)),
        }
    }

    /// True if images may be of the registry that `image` names.
    pub(super) fn allows_registry(&self, image: &str) -> bool {
        match &self.registries {
            Allowed::All => true,
            Allowed::Only(listed) => listed.iter().any(|entry| image::is_of(image, entry)),
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::baseline()
    }
}
