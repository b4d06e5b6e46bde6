//! The profiles that come with the program, and policies that a host writes on top of one.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::policy::{Allowed, HostPorts, Policy};
use super::{image, paths, sysctl};
use crate::model::Kind;
use crate::text::{Problem, Problems, Section, Written};

/// Stands for anything in a list.
const ALL: &str = "*";
/// Stands for a port that the engine chooses.
const FREE: &str = "free";

/// A policy that comes with the program, named as in the Pod Security Standards of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Profile {
    /// Lets a pod have the host, for hosts on which every signer may have it.
    Privileged,
    /// Refuses what would reach beyond the container.
    #[default]
    Baseline,
    /// Asks a pod to give up what it does not need, too.
    Restricted,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 3] = [Self::Privileged, Self::Baseline, Self::Restricted];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// Finds a profile by its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The file in `policies` that says what it allows.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Privileged => include_str!("../../../policies/privileged.toml"),
            Self::Baseline => include_str!("../../../policies/baseline.toml"),
            Self::Restricted => include_str!("../../../policies/restricted.toml"),
        }
    }

    /// What it allows.
    #[must_use]
    pub fn policy(self) -> Policy {
        let mut problems = Problems::default();
        let policy = Policy::read(self.name(), self.text(), &mut problems);
        policy.expect("the tests read every profile that comes with the program")
    }
}

/// What a policy is before its file has said anything.
fn nothing(name: &str) -> Policy {
    Policy {
        name: name.to_owned(),
        privileged: false,
        host_network: false,
        host_pid: false,
        host_ipc: false,
        capabilities: Allowed::Only(BTreeSet::new()),
        sysctls: Allowed::Only(BTreeSet::new()),
        default_capabilities: false,
        privilege_escalation: false,
        root: false,
        writable_root: false,
        host_paths: BTreeSet::new(),
        protected_paths: BTreeSet::new(),
        host_addresses: Allowed::Only(BTreeSet::new()),
        host_ports: HostPorts { free: false, named: Vec::new() },
        registries: Allowed::Only(BTreeSet::new()),
        ingress_hosts: Allowed::Only(BTreeSet::new()),
        cluster_kinds: Allowed::Only(BTreeSet::new()),
        other_kinds: Allowed::Only(BTreeSet::new()),
        pinned_images: true,
    }
}

/// Takes the keys of a policy. What its file does not say is as in its `base`.
pub(super) fn read(name: &str, section: &mut Section<'_>, problems: &mut Problems) -> Policy {
    let base = base(name, section, problems);
    let mut flag = |key, before: bool| section.boolean(key, problems).map_or(before, |written| written.value);
    let privileged = flag("privileged", base.privileged);
    let host_network = flag("host_network", base.host_network);
    let host_pid = flag("host_pid", base.host_pid);
    let host_ipc = flag("host_ipc", base.host_ipc);
    let default_capabilities = flag("default_capabilities", base.default_capabilities);
    let privilege_escalation = flag("privilege_escalation", base.privilege_escalation);
    let root = flag("root", base.root);
    let writable_root = flag("writable_root", base.writable_root);
    let pinned_images = flag("pinned_images", base.pinned_images);
    let protected_paths = list(section, "protected_paths", problems, protected_path);
    Policy {
        name: name.to_owned(),
        privileged,
        host_network,
        host_pid,
        host_ipc,
        capabilities: choice(section, "capabilities", problems, capability).unwrap_or(base.capabilities),
        sysctls: choice(section, "sysctls", problems, parameter).unwrap_or(base.sysctls),
        default_capabilities,
        privilege_escalation,
        root,
        writable_root,
        host_paths: list(section, "host_paths", problems, host_path).unwrap_or(base.host_paths),
        protected_paths: protected_paths.unwrap_or(base.protected_paths),
        host_addresses: choice(section, "host_addresses", problems, address).unwrap_or(base.host_addresses),
        host_ports: ports(section, problems).unwrap_or(base.host_ports),
        registries: choice(section, "registries", problems, registry).unwrap_or(base.registries),
        ingress_hosts: choice(section, "ingress_hosts", problems, host_name).unwrap_or(base.ingress_hosts),
        cluster_kinds: choice(section, "cluster_kinds", problems, kind).unwrap_or(base.cluster_kinds),
        other_kinds: choice(section, "other_kinds", problems, kind).unwrap_or(base.other_kinds),
        pinned_images,
    }
}

/// The policy that a file changes: the profile that it names, else `baseline`. A profile's own file begins with nothing.
fn base(name: &str, section: &mut Section<'_>, problems: &mut Problems) -> Policy {
    if Profile::parse(name).is_some() {
        return nothing(name);
    }
    let Some(Written { value, place }) = section.string("base", problems) else { return Policy::baseline() };
    Profile::parse(&value).map_or_else(
        || {
            let message = format!("there is no profile `{}`", value.escape_debug());
            let help = format!("use {}", Profile::ALL.map(Profile::name).join(", "));
            problems.push(Problem::error(Some(place), message).help(help));
            Policy::baseline()
        },
        Profile::policy,
    )
}

/// What an entry of a list means; else what is wrong with it, and what to write instead.
type Meaning<T> = fn(&str) -> Result<T, (String, &'static str)>;

fn list<T: Ord>(
    section: &mut Section<'_>,
    key: &'static str,
    problems: &mut Problems,
    meaning: Meaning<T>,
) -> Option<BTreeSet<T>> {
    let entries = section.strings(key, problems)?.value;
    Some(entries.into_iter().filter_map(|entry| meant(key, entry, problems, meaning)).collect())
}

/// The same, where `*` stands for anything.
fn choice<T: Ord>(
    section: &mut Section<'_>,
    key: &'static str,
    problems: &mut Problems,
    meaning: Meaning<T>,
) -> Option<Allowed<T>> {
    let entries = section.strings(key, problems)?.value;
    if entries.iter().any(|entry| entry.value == ALL) {
        return Some(Allowed::All);
    }
    let listed = entries.into_iter().filter_map(|entry| meant(key, entry, problems, meaning)).collect();
    Some(Allowed::Only(listed))
}

fn meant<T>(key: &str, entry: Written<String>, problems: &mut Problems, meaning: Meaning<T>) -> Option<T> {
    let Written { value, place } = entry;
    match meaning(&value) {
        Ok(meant) => Some(meant),
        Err((message, help)) => {
            problems.push(Problem::error(Some(place), format!("`{key}`: {message}")).help(help));
            None
        }
    }
}

/// Capabilities of Linux, without `CAP_`. Source: capabilities(7).
const CAPABILITIES: &str = "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN \
    DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE \
    MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN \
    SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG \
    WAKE_ALARM";

fn capability(text: &str) -> Result<String, (String, &'static str)> {
    if CAPABILITIES.split(' ').any(|known| known == text) {
        return Ok(text.to_owned());
    }
    Err((format!("`{}` is no capability", text.escape_debug()), "write it as NET_ADMIN; \"*\" is all of them"))
}

fn parameter(text: &str) -> Result<String, (String, &'static str)> {
    if sysctl::is_pattern(text) {
        return Ok(text.to_owned());
    }
    let help = "write it as net.core.somaxconn, or net.core.* for all below it; \"*\" is all of them";
    Err((format!("`{}` is no parameter of the kernel", text.escape_debug()), help))
}

fn protected_path(text: &str) -> Result<String, (String, &'static str)> {
    if paths::is_sound(text) {
        return Ok(text.to_owned());
    }
    Err((format!("`{}` is no path", text.escape_debug()), "begin it with `/`, and leave out `..`"))
}

fn host_path(text: &str) -> Result<String, (String, &'static str)> {
    let path = protected_path(text)?;
    if let Some(protected) = Policy::PROTECTED_PATHS.iter().find(|protected| paths::is_within(&path, protected)) {
        let message = format!("`{}` can never be mounted: it is of {protected}", text.escape_debug());
        return Err((message, "leave it out"));
    }
    Ok(path)
}

fn address(text: &str) -> Result<IpAddr, (String, &'static str)> {
    let help = "write it as 192.0.2.1 or 2001:db8::1; \"*\" is all of them";
    text.parse().map_err(|_| (format!("`{}` is no address", text.escape_debug()), help))
}

fn registry(text: &str) -> Result<String, (String, &'static str)> {
    let help = "write a host, or a host and the beginning of a path, in lower case: ghcr.io or ghcr.io/acme; \"*\" is \
                all of them";
    if image::is_registry(text) {
        return Ok(text.to_owned());
    }
    Err((format!("`{}` is no registry", text.escape_debug()), help))
}

fn kind(text: &str) -> Result<String, (String, &'static str)> {
    let known = Kind::ALL.into_iter().find(|kind| kind.qualified() == text);
    if known.or_else(|| Kind::parse(text).filter(|kind| kind.qualified() == text)).is_some() {
        return Ok(text.to_owned());
    }
    let help = "write it as kubectl does, with its group: clusterrole.rbac.authorization.k8s.io; \"*\" is all of them";
    Err((format!("`{}` is no kind", text.escape_debug()), help))
}

fn host_name(text: &str) -> Result<String, (String, &'static str)> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = |label: &str| !label.is_empty() && label.bytes().all(inner);
    if name.split('.').all(sound) {
        return Ok(text.to_owned());
    }
    let help =
        "write a name in lower case as shop.example.org, or *.example.org for all below it; \"*\" is all of them";
    Err((format!("`{}` is no host name", text.escape_debug()), help))
}

fn ports(section: &mut Section<'_>, problems: &mut Problems) -> Option<HostPorts> {
    let entries = section.strings("host_ports", problems)?.value;
    let mut ports = HostPorts { free: false, named: Vec::new() };
    for entry in entries {
        match entry.value.as_str() {
            ALL => ports = HostPorts { free: true, named: vec![1..=u16::MAX] },
            FREE => ports.free = true,
            _ => ports.named.extend(meant("host_ports", entry, problems, range)),
        }
    }
    Some(ports)
}

fn range(text: &str) -> Result<RangeInclusive<u16>, (String, &'static str)> {
    let number = |text: &str| {
        let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        sound.then(|| text.parse::<u16>().ok()).flatten().filter(|port| *port > 0)
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(_) | None, Some(_) | None) => {
            let help = "write 8080, 8000-8999, \"free\" for one that the engine chooses, or \"*\" for all";
            Err((format!("`{}` is no port and no range of ports", text.escape_debug()), help))
        }
    }
}
