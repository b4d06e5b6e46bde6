//! A container of a pod as the engine is asked for it.
//!
//! Invariant: a pure function of its input; whatever it cannot express is an error, never left out.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig, Mount as EngineMount,
    MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig, PortBinding, ResourcesUlimits, RestartPolicy,
};
use writ_core::model::{ContainerSpec, Dns, Extras, LogRoom, PodSpec, Port, ProcessLimit, Protocol, Publish, Security};
use writ_core::text::SecretText;

use super::labels::{Asked, Labels, Role};
use super::{NETWORK, asked};

/// What keeps programs from gaining powers.
pub(super) const NO_NEW_PRIVILEGES: &str = "no-new-privileges";

/// Everything about a container that has to be found out before it can be asked for.
pub(super) struct Facts {
    /// Its labels.
    pub(super) labels: Labels,
    /// What is mounted.
    pub(super) mounts: Vec<Mounted>,
    /// The user that its image names, empty for root.
    pub(super) image_user: String,
}

/// What a container is to its pod, as far as a request for it depends on that.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// It is the pod.
    Whole(&'a Asked),
    /// It prepares the pod that is one container.
    Init,
    /// It is the sandbox of a pod of several containers.
    Sandbox(&'a Asked),
    /// It prepares a pod of several, joined to the sandbox of that identifier.
    JoinedInit(&'a str),
    /// It is one of several, joined to the sandbox of that identifier.
    Joined(&'a Asked, &'a str),
}

impl<'a> Place<'a> {
    /// Its role, as the label says it.
    pub(super) const fn role(self) -> Role {
        match self {
            Self::Whole(_) => Role::Whole,
            Self::Init | Self::JoinedInit(_) => Role::Init,
            Self::Sandbox(_) => Role::Sandbox,
            Self::Joined(..) => Role::Part,
        }
    }

    /// What it is asked to be, as far as that can change; none of what runs to its end before the pod.
    pub(super) const fn asked(self) -> Option<&'a Asked> {
        match self {
            Self::Whole(asked) | Self::Sandbox(asked) | Self::Joined(asked, _) => Some(asked),
            Self::Init | Self::JoinedInit(_) => None,
        }
    }

    /// The sandbox that it is joined to.
    pub(super) const fn sandbox(self) -> Option<&'a str> {
        match self {
            Self::JoinedInit(sandbox) | Self::Joined(_, sandbox) => Some(sandbox),
            Self::Whole(_) | Self::Init | Self::Sandbox(_) => None,
        }
    }

    /// Its place on the network is the pod's: names, address and ports lead to it.
    pub(super) const fn is_reached(self) -> bool {
        match self {
            Self::Whole(_) | Self::Sandbox(_) => true,
            Self::Init | Self::JoinedInit(_) | Self::Joined(..) => false,
        }
    }
}

/// The namespaces of a container: of the network, of its processes and of what processes send each other.
pub(super) struct Namespaces {
    pub(super) network: String,
    pub(super) pid: Option<String>,
    pub(super) ipc: Option<String>,
}

/// The namespaces of a container that asks for those of the host.
pub(super) fn namespaces(pod: &PodSpec, container: &ContainerSpec, place: Place<'_>) -> Namespaces {
    let asks = |name: &str| container.security.host_namespaces.iter().any(|namespace| namespace == name);
    let host = |name: &str| asks(name).then(|| "host".to_owned());
    let joined = place.sandbox().map(|sandbox| format!("container:{sandbox}"));
    let shareable = matches!(place, Place::Sandbox(_)).then(|| "shareable".to_owned());
    Namespaces {
        network: joined.clone().or_else(|| host("network")).unwrap_or_else(|| NETWORK.to_owned()),
        pid: host("pid").or_else(|| joined.clone().filter(|_| pod.share_processes)),
        ipc: host("ipc").or(joined).or(shareable),
    }
}

/// A mount whose source is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mounted {
    pub(super) path: String,
    pub(super) source: Source,
    pub(super) read_only: bool,
}

/// What the engine mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// A volume by name.
    Volume(String),
    /// A volume by name, into which nothing of the image is copied.
    EmptyVolume(String),
    /// A path of the host.
    Bind(String),
    /// Memory, with its limit in bytes.
    Memory(Option<u64>),
}

/// The request for a container of `pod`.
pub(super) fn body(
    pod: &PodSpec,
    container: &ContainerSpec,
    place: Place<'_>,
    facts: Facts,
) -> Result<ContainerCreateBody, String> {
    let Facts { labels, mounts, image_user } = facts;
    let main = place.asked();
    let (exposed, bindings) = if place.is_reached() { ports(&container.ports) } else { (Vec::new(), HashMap::new()) };
    let user = user(&container.security, &image_user)?;
    let mut host = HostConfig {
        mounts: Some(mounts.into_iter().map(mount).collect::<Result<_, _>>()?),
        port_bindings: Some(bindings),
        restart_policy: Some(RestartPolicy {
            name: Some(asked::restarts(main.is_none_or(|asked| asked.ends))),
            maximum_retry_count: None,
        }),
        log_config: Some(log_config(&pod.extras)),
        extra_hosts: extra_hosts(&pod.extras, place),
        ulimits: ulimits(&pod.extras),
        sysctls: sysctls(&pod.extras, place),
        ..HostConfig::default()
    };
    let Resolver { servers, searches, options } = resolver(&pod.extras, place);
    (host.dns, host.dns_search, host.dns_options) = (servers, searches, options);
    let init_limits = asked::of_pod(&PodSpec { main: container.clone(), ..pod.clone() }, None, false);
    asked::put(main.unwrap_or(&init_limits), &mut host);
    put_security(pod, container, place, &mut host)?;
    let on_network = host.network_mode.as_deref() == Some(NETWORK);
    Ok(ContainerCreateBody {
        hostname: on_network.then(|| pod.hostname.clone()),
        user,
        exposed_ports: Some(exposed),
        env: Some(environment(container)?),
        cmd: container.arguments.clone().filter(|arguments| !arguments.is_empty()),
        entrypoint: container.entrypoint.clone().filter(|program| !program.is_empty()),
        image: Some(container.image.clone()),
        working_dir: container.working_dir.clone(),
        labels: Some(labels.into_iter().collect()),
        open_stdin: container.terminal.stdin.then_some(true),
        stdin_once: container.terminal.stdin_once.then_some(true),
        tty: container.terminal.tty.then_some(true),
        stop_signal: container.hooks.stop_signal.clone(),
        stop_timeout: Some(i64::from(pod.grace.0)),
        host_config: Some(host),
        networking_config: on_network.then(|| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(
                NETWORK.to_owned(),
                endpoint(main, pod.is_ready_from_its_start()),
            )])),
        }),
        ..ContainerCreateBody::default()
    })
}

/// A pod's place on the host's network: its address and the names that lead to it.
pub(super) fn endpoint(asked: Option<&Asked>, ready: bool) -> EndpointSettings {
    let Some(asked) = asked else { return EndpointSettings::default() };
    let shared = asked.shared.iter().filter(|_| ready);
    let names: BTreeSet<&String> = asked.own.iter().chain(shared).collect();
    EndpointSettings {
        ipam_config: asked
            .address
            .clone()
            .map(|address| EndpointIpamConfig { ipv4_address: Some(address), ..EndpointIpamConfig::default() }),
        aliases: Some(names.into_iter().cloned().collect()),
        ..EndpointSettings::default()
    }
}

fn environment(container: &ContainerSpec) -> Result<Vec<String>, String> {
    let variable = |(name, value): (&String, &SecretText)| {
        // The engine repeats a malformed variable in its error, value and all.
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("environment of {}: {name:?} is no name of a variable", container.name));
        }
        let text = value.expose_str().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| format!("environment of {}: the value of {name} is not text", container.name))?;
        Ok(format!("{name}={text}"))
    };
    container.env.iter().map(variable).collect()
}

/// Where the logs of every container go: a file of the engine's, of which old parts are dropped.
pub(super) fn log_config(extras: &Extras) -> HostConfigLogConfig {
    let LogRoom { bytes, files } = extras.log.unwrap_or(LogRoom::DEFAULT);
    // The engine's own units, as people read them in `docker inspect`.
    let size = match (bytes % (1 << 20), bytes % (1 << 10)) {
        (0, _) => format!("{}m", bytes >> 20),
        (_, 0) => format!("{}k", bytes >> 10),
        (_, _) => bytes.to_string(),
    };
    let options = [("max-size".to_owned(), size), ("max-file".to_owned(), files.to_string())];
    HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(options.into()) }
}

/// Names that lead to addresses inside of the pod. What is joined to a sandbox has those of the sandbox.
pub(super) fn extra_hosts(extras: &Extras, place: Place<'_>) -> Option<Vec<String>> {
    let hosts = extras.hosts.iter().filter(|_| place.sandbox().is_none());
    let hosts: Vec<String> = hosts.map(|(name, address)| format!("{name}:{address}")).collect();
    (!hosts.is_empty()).then_some(hosts)
}

/// Whom a container asks for names beyond those of the host's network.
pub(super) struct Resolver {
    pub(super) servers: Option<Vec<String>>,
    pub(super) searches: Option<Vec<String>>,
    pub(super) options: Option<Vec<String>>,
}

/// Whom a container asks for names. What is joined to a sandbox asks as the sandbox does.
pub(super) fn resolver(extras: &Extras, place: Place<'_>) -> Resolver {
    let some = |list: Vec<String>| (!list.is_empty() && place.sandbox().is_none()).then_some(list);
    let Dns { nameservers, searches, options } = &extras.dns;
    Resolver {
        servers: some(nameservers.iter().map(IpAddr::to_string).collect()),
        searches: some(searches.clone()),
        options: some(options.clone()),
    }
}

/// Parameters of the kernel for a container's own namespaces. What is joined to a sandbox has those of the sandbox.
pub(super) fn sysctls(extras: &Extras, place: Place<'_>) -> Option<HashMap<String, String>> {
    let sysctls: HashMap<String, String> = extras.sysctls.clone().into_iter().collect();
    (!sysctls.is_empty() && place.sandbox().is_none()).then_some(sysctls)
}

/// Limits of processes.
pub(super) fn ulimits(extras: &Extras) -> Option<Vec<ResourcesUlimits>> {
    let number = |number: u64| i64::try_from(number).ok();
    let limit = |(name, limit): (&String, &ProcessLimit)| {
        let ProcessLimit { soft, hard } = *limit;
        ResourcesUlimits { name: Some(name.clone()), soft: number(soft), hard: number(hard) }
    };
    let limits: Vec<ResourcesUlimits> = extras.limits.iter().map(limit).collect();
    (!limits.is_empty()).then_some(limits)
}

/// The ports that a container listens on, and those of the host that lead to them.
pub(super) fn ports(ports: &[Port]) -> (Vec<String>, HashMap<String, Option<Vec<PortBinding>>>) {
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    let mut exposed = BTreeSet::new();
    for Port { name: _, container, protocol, publish } in ports {
        let protocol = match protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        };
        let key = format!("{container}/{protocol}");
        exposed.insert(key.clone());
        if let Some(publish) = publish {
            bindings.entry(key).or_default().get_or_insert_default().push(binding(publish));
        }
    }
    (exposed.into_iter().collect(), bindings)
}

fn binding(publish: &Publish) -> PortBinding {
    let Publish { address, port } = publish;
    let address: &IpAddr = address;
    PortBinding { host_ip: Some(address.to_string()), host_port: Some(port.unwrap_or(0).to_string()) }
}

fn mount(mounted: Mounted) -> Result<EngineMount, String> {
    let Mounted { path, source, read_only } = mounted;
    let base = EngineMount { target: Some(path.clone()), read_only: Some(read_only), ..EngineMount::default() };
    Ok(match source {
        Source::Volume(name) => EngineMount { typ: Some(MountType::VOLUME), source: Some(name), ..base },
        Source::EmptyVolume(name) => EngineMount {
            typ: Some(MountType::VOLUME),
            source: Some(name),
            volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
            ..base
        },
        Source::Bind(host) => EngineMount { typ: Some(MountType::BIND), source: Some(host), ..base },
        Source::Memory(limit) => {
            let size = limit.map(i64::try_from).transpose();
            let size_bytes = size.map_err(|_| format!("the limit of the directory at {path} is too large"))?;
            EngineMount {
                typ: Some(MountType::TMPFS),
                tmpfs_options: Some(MountTmpfsOptions {
                    size_bytes,
                    mode: Some(0o1777),
                    ..MountTmpfsOptions::default()
                }),
                ..base
            }
        }
    })
}

/// The user to run as, in the engine's form; none for the image's own.
fn user(security: &Security, image_user: &str) -> Result<Option<String>, String> {
    let Security { run_as_user, run_as_group, run_as_non_root, .. } = security;
    let image_id = image_user.split(':').next().unwrap_or_default();
    if *run_as_non_root {
        let uid = match run_as_user {
            Some(uid) => Some(*uid),
            None if image_id.is_empty() => Some(0),
            None => image_id.parse().ok(),
        };
        match uid {
            Some(0) => return Err("runAsNonRoot is set and the container would run as root".to_owned()),
            None => {
                return Err(format!(
                    "runAsNonRoot is set and the image's user {image_id:?} is no number; set runAsUser"
                ));
            }
            Some(_) => {}
        }
    }
    Ok(match (run_as_user, run_as_group) {
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (Some(user), None) => Some(user.to_string()),
        (None, Some(group)) => Some(format!("{}:{group}", if image_id.is_empty() { "0" } else { image_id })),
        (None, None) => None,
    })
}

fn put_security(
    pod: &PodSpec,
    container: &ContainerSpec,
    place: Place<'_>,
    host: &mut HostConfig,
) -> Result<(), String> {
    let Security {
        run_as_user: _,
        run_as_group: _,
        run_as_non_root: _,
        supplemental_groups,
        read_only_root,
        privileged,
        allow_privilege_escalation,
        capabilities_add,
        capabilities_drop,
        host_namespaces,
    } = &container.security;
    if let Some(other) = host_namespaces.iter().find(|name| !["network", "pid", "ipc"].contains(&name.as_str())) {
        return Err(format!("the host's {other} namespace cannot be given to a container"));
    }
    let Namespaces { network, pid, ipc } = namespaces(pod, container, place);
    (host.network_mode, host.pid_mode, host.ipc_mode) = (Some(network), pid, ipc);
    let groups: BTreeSet<u32> = supplemental_groups.iter().copied().chain(pod.fs_group).collect();
    host.group_add = Some(groups.iter().map(u32::to_string).collect());
    host.readonly_rootfs = Some(*read_only_root);
    host.privileged = Some(*privileged);
    host.cap_add = Some(capabilities_add.clone());
    host.cap_drop = Some(capabilities_drop.clone());
    if *allow_privilege_escalation == Some(false) {
        host.security_opt = Some(vec![NO_NEW_PRIVILEGES.to_owned()]);
    }
    Ok(())
}

/// A message of the engine without values of the container's environment, should it repeat one.
pub(super) fn without_values(container: &ContainerSpec, message: &str) -> String {
    /// Shorter values hide in any message by chance.
    const LENGTH_MIN: usize = 4;
    let values = container.env.values().filter_map(SecretText::expose_str).filter(|text| text.len() >= LENGTH_MIN);
    values.fold(message.to_owned(), |message, value| message.replace(value, "(secret)"))
}
