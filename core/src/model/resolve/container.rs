//! One container of a pod template.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::volumes::Volumes;
use super::{Reader, environment, hooks, probes, security, volumes};
use crate::model::quantity;
use crate::model::template::{ContainerTemplate, Variable};
use crate::model::view::RawQuantity;
use crate::model::view::pod::{Container, ContainerPort, PodFields, Resources as RawResources};
use crate::model::{Port, Protocol, Publish, PullPolicy, Resources, Terminal};

const MILLIS: u64 = 1_000;
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What all containers of a pod share.
pub(super) struct Surroundings<'a> {
    pub(super) pod: &'a PodFields,
    pub(super) volumes: &'a Volumes,
    pub(super) bucket: &'a [Variable],
    /// Of other buckets, below all others.
    pub(super) borrowed: &'a [Variable],
    /// Ports without a host port are published on loopback, at a free port.
    pub(super) publish: bool,
}

/// The container at `pointer`.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    around: &Surroundings<'_>,
    place: Place,
) -> Option<ContainerTemplate> {
    let raw: Container = reader.view(pointer)?;
    let name = raw.name.clone();
    let image = raw.image.clone().unwrap_or_default();
    if image.is_empty() {
        reader.error(&format!("{pointer}/image"), &format!("container `{name}` names no image"));
    }
    let sidecar = is_sidecar(reader, pointer, raw.restart_policy.as_deref(), place);
    let is_init = place == Place::Init && !sidecar;
    let ports = ports(reader, pointer, raw.ports.as_deref().unwrap_or_default(), around.publish && !is_init);
    if is_init && raw.lifecycle.is_some() {
        let message = "an init container that runs to its end has no lifecycle";
        reader.error_help(&format!("{pointer}/lifecycle"), message, "leave it out");
    }
    let hooks = hooks::read(reader, &format!("{pointer}/lifecycle"), raw.lifecycle.as_ref(), &ports);
    let probe = |reader: &mut Reader<'_, '_>, field: &str, raw: Option<&_>, once: bool| {
        let pointer = format!("{pointer}/{field}");
        if is_init && raw.is_some() {
            reader.error(&pointer, "an init container cannot have probes");
            return None;
        }
        probes::read(reader, &pointer, raw, &ports, once)
    };
    let readiness = probe(reader, "readinessProbe", raw.readiness_probe.as_ref(), false);
    let liveness = probe(reader, "livenessProbe", raw.liveness_probe.as_ref(), true);
    let startup = probe(reader, "startupProbe", raw.startup_probe.as_ref(), true);
    let env = (raw.env_from.as_deref(), raw.env.as_deref());
    let env = environment::read(reader, pointer, env.0, env.1, (around.borrowed, around.bucket));
    Some(ContainerTemplate {
        pull: pull(reader, pointer, raw.image_pull_policy.as_deref()),
        entrypoint: raw.command.clone().filter(|words| !words.is_empty()),
        arguments: raw.args.clone().filter(|words| !words.is_empty()),
        working_dir: raw.working_dir.clone().filter(|path| !path.is_empty()),
        mounts: volumes::mounts(reader, pointer, raw.volume_mounts.as_deref(), around.volumes, &env),
        env,
        resources: resources(reader, &format!("{pointer}/resources"), raw.resources.as_ref()),
        security: security::read(reader, pointer, raw.security_context.as_ref(), around.pod),
        name,
        image,
        ports,
        readiness,
        liveness,
        startup,
        sidecar,
        hooks,
        terminal: Terminal {
            stdin: raw.stdin.unwrap_or(false),
            stdin_once: raw.stdin_once.unwrap_or(false),
            tty: raw.tty.unwrap_or(false),
        },
    })
}

/// Where a container stands in its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Among those that start before the main ones.
    Init,
    /// Among the main ones.
    Main,
}

/// True if a container before the main ones goes on beside them. Source: Kubernetes, sidecar containers.
fn is_sidecar(reader: &mut Reader<'_, '_>, pointer: &str, policy: Option<&str>, place: Place) -> bool {
    match (policy.filter(|policy| !policy.is_empty()), place) {
        (None, Place::Init | Place::Main) => false,
        (Some("Always"), Place::Init) => true,
        (Some(other), Place::Init) => {
            let message = format!("the restart policy of an init container is Always or nothing, not `{other}`");
            reader.error(&format!("{pointer}/restartPolicy"), &message);
            false
        }
        (Some(_), Place::Main) => {
            let help = "leave it out; the pod's own `restartPolicy` is for all of its main containers";
            let message = "only an init container has a restart policy of its own";
            reader.error_help(&format!("{pointer}/restartPolicy"), message, help);
            false
        }
    }
}

/// An image is pulled only if absent unless the manifest says otherwise, whatever its tag: a moving tag would let the
/// registry, and not a signed commit, decide what runs.
fn pull(reader: &mut Reader<'_, '_>, pointer: &str, written: Option<&str>) -> PullPolicy {
    match written {
        None | Some("" | "IfNotPresent") => PullPolicy::IfNotPresent,
        Some("Always") => PullPolicy::Always,
        Some("Never") => PullPolicy::Never,
        Some(other) => {
            let message = format!("`{other}` is no pull policy; use IfNotPresent, Always or Never");
            reader.error(&format!("{pointer}/imagePullPolicy"), &message);
            PullPolicy::IfNotPresent
        }
    }
}

fn ports(reader: &mut Reader<'_, '_>, pointer: &str, raw: &[ContainerPort], publish: bool) -> Vec<Port> {
    let mut ports: Vec<Port> = Vec::new();
    for (at, raw) in raw.iter().enumerate() {
        let pointer = format!("{pointer}/ports/{at}");
        let Some(port) = port(reader, &pointer, raw, publish) else { continue };
        if port.name.is_some() && ports.iter().any(|other| other.name == port.name) {
            reader.error(&pointer, "two ports have the same name");
        }
        ports.push(port);
    }
    ports
}

fn port(reader: &mut Reader<'_, '_>, pointer: &str, raw: &ContainerPort, publish: bool) -> Option<Port> {
    let ContainerPort { name, container_port, protocol, host_port, host_ip } = raw;
    let protocol = match protocol.as_deref() {
        None | Some("" | "TCP") => Protocol::Tcp,
        Some("UDP") => Protocol::Udp,
        Some("SCTP") => Protocol::Sctp,
        Some(other) => {
            reader.error(&format!("{pointer}/protocol"), &format!("`{other}` is no protocol; use TCP, UDP or SCTP"));
            return None;
        }
    };
    let address = match host_ip.as_deref().filter(|address| !address.is_empty()).map(str::parse::<IpAddr>) {
        None => None,
        Some(Ok(address)) => Some(address),
        Some(Err(_)) => {
            reader.error(&format!("{pointer}/hostIP"), "hostIP is no address");
            return None;
        }
    };
    let container = to_port(reader, &format!("{pointer}/containerPort"), *container_port)?;
    let host_port = match host_port.filter(|port| *port != 0) {
        None => None,
        Some(port) => Some(to_port(reader, &format!("{pointer}/hostPort"), port)?),
    };
    if host_port.is_some() && address.is_none() {
        let help = "set hostIP to publish it elsewhere, where the host's policy allows that";
        let problem = crate::text::Problem::note(
            reader.place(&format!("{pointer}/hostPort")),
            format!("{}: a host port without hostIP is published on {LOOPBACK} only", reader.object.id),
        );
        reader.problems.push(problem.help(help));
    }
    let asked = host_port.is_some() || address.is_some() || publish;
    let publish = asked.then(|| Publish { address: address.unwrap_or(LOOPBACK), port: host_port });
    Some(Port { name: name.clone(), container, protocol, publish })
}

fn to_port(reader: &mut Reader<'_, '_>, pointer: &str, number: i64) -> Option<u16> {
    let port = u16::try_from(number).ok().filter(|port| *port > 0);
    if port.is_none() {
        reader.error(pointer, &format!("{number} is no port; ports are 1 to 65535"));
    }
    port
}

fn resources(reader: &mut Reader<'_, '_>, pointer: &str, raw: Option<&RawResources>) -> Resources {
    let Some(RawResources { requests, limits }) = raw else { return Resources::default() };
    let (cpu_request, memory_request) = amounts(reader, &format!("{pointer}/requests"), requests.as_ref());
    let (cpu_limit, memory_limit) = amounts(reader, &format!("{pointer}/limits"), limits.as_ref());
    for (what, request, limit) in [("cpu", cpu_request, cpu_limit), ("memory", memory_request, memory_limit)] {
        if request.zip(limit).is_some_and(|(request, limit)| request > limit) {
            reader.error(&format!("{pointer}/requests/{what}"), &format!("the {what} request is above its limit"));
        }
    }
    // As on Kubernetes, what is limited and not requested is requested at its limit.
    Resources {
        cpu_request_millis: cpu_request.or(cpu_limit),
        cpu_limit_millis: cpu_limit,
        memory_request_bytes: memory_request.or(memory_limit),
        memory_limit_bytes: memory_limit,
    }
}

/// Processor in thousandths of a core, and memory in bytes.
fn amounts(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    raw: Option<&BTreeMap<String, RawQuantity>>,
) -> (Option<u64>, Option<u64>) {
    let (mut cpu, mut memory) = (None, None);
    for (name, written) in raw.into_iter().flatten() {
        let pointer = format!("{pointer}/{}", super::catalog::pointer_word(name));
        let (target, unit) = match name.as_str() {
            "cpu" => (&mut cpu, MILLIS),
            "memory" => (&mut memory, 1),
            "ephemeral-storage" => {
                reader.note(&pointer, "ephemeral-storage has no effect on a container host");
                continue;
            }
            other => {
                reader.error(&pointer, &format!("resource `{other}` is not supported on a container host"));
                continue;
            }
        };
        *target = quantity::parse(&written.text(), unit);
        if target.is_none() {
            reader.error(&pointer, &format!("`{}` is no quantity", written.text()));
        }
    }
    // A limit of none at all is no limit.
    (cpu.filter(|cpu| *cpu > 0), memory.filter(|memory| *memory > 0))
}
