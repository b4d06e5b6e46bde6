//! Services for which names alone are not enough, and the relay that stands for each of them.
//!
//! A relay is one container of Writ's own. It bears the names of its Service, and passes on what comes to the Service's ports
//! to pods that it finds by a name of theirs, so that the pods know nothing of it.
//!
//! Invariant: a Service that names alone can do has none, and a relay asks for no more of the host than a pod may.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use super::selection::Selection;
use super::services::{Exposure, Service};
use super::workload::Draft;
use crate::backoff::mix;
use crate::limits::{MIN_READY_SECONDS_DEFAULT, PROGRESS_SECONDS_DEFAULT, RELAY_GRACE_SECONDS, RELAY_MEMORY_BYTES};
use crate::model::template::{ContainerTemplate, Machine, Names, SharedName, Template};
use crate::model::view::IntOrString;
use crate::model::view::workload::ServicePort;
use crate::model::{
    Controller, DaemonUpdate, Extras, Hooks, ObjectId, Port, Protocol, Publish, PullPolicy, RELAY_IMAGE, Resources,
    Security, Terminal,
};
use crate::text::{Problem, Problems};
use crate::time::Seconds;

/// Ports from which one of the host is chosen. Source: `--service-node-port-range` of Kubernetes.
pub(super) const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// The name of the container of a relay.
const CONTAINER: &str = "relay";

/// Nobody: a relay has no file.
const NOBODY: u32 = 65_534;

/// The relay of a Service.
pub(super) struct Relay {
    ports: Vec<RelayPort>,
    /// How long a client is led to one pod, in seconds; none for any pod each time.
    affinity: Option<u32>,
}

/// A port of a Service, and where it leads.
struct RelayPort {
    port: u16,
    protocol: Protocol,
    target: u16,
    publish: Vec<Publish>,
}

/// The name by which a relay finds the pods of its Service.
pub(super) fn endpoints(service: &ObjectId) -> String {
    let ObjectId { kind: _, scope, name } = service;
    format!("{name}.{scope}.endpoints.voodu").to_ascii_lowercase()
}

/// The relay of each Service that needs one. Ports that cannot be led to are problems, of every Service.
pub(super) fn settle(
    services: &[Service<'_>],
    selection: &Selection,
    drafts: &[Draft<'_>],
    problems: &mut Problems,
) -> Vec<Option<Relay>> {
    let mut taken = taken(services, drafts);
    let mut relays = Vec::with_capacity(services.len());
    for (at, service) in services.iter().enumerate() {
        // A headless Service is names alone: its ports say nothing about where connections go.
        if service.headless {
            relays.push(None);
            continue;
        }
        let selected: Vec<&Draft<'_>> = selection.of_service(at).iter().map(|(draft, _)| &drafts[*draft]).collect();
        let targets = targets(service, &selected, problems);
        let straight =
            service.ports.iter().zip(&targets).all(|(port, target)| *target == u16::try_from(port.port).ok());
        let plain = service.exposure == Exposure::Inside && service.affinity.is_none();
        if straight && plain {
            relays.push(None);
            continue;
        }
        let ports = service.ports.iter().zip(targets).enumerate();
        let ports =
            ports.filter_map(|(at, (port, target))| relay_port(service, at, port, target?, &mut taken, problems));
        relays.push(Some(Relay { ports: ports.collect(), affinity: service.affinity }));
    }
    relays
}

/// Ports of the host that the unit names.
fn taken(services: &[Service<'_>], drafts: &[Draft<'_>]) -> BTreeSet<u16> {
    let ports = drafts.iter().flat_map(|draft| draft.template.ports());
    let mut taken: BTreeSet<u16> = ports.filter_map(|(_, port)| port.publish?.port).collect();
    for service in services {
        for ServicePort { name: _, port, target_port: _, protocol: _, node_port } in &service.ports {
            taken.extend(node_port.and_then(|port| u16::try_from(port).ok()));
            if service.exposure == Exposure::Balancer {
                taken.extend(u16::try_from(*port).ok());
            }
        }
    }
    taken
}

/// Where each port of a Service leads; none where that cannot be told, which is a problem.
fn targets(service: &Service<'_>, selected: &[&Draft<'_>], problems: &mut Problems) -> Vec<Option<u16>> {
    let mut targets = Vec::with_capacity(service.ports.len());
    for (at, ServicePort { name: _, port, target_port, protocol: _, node_port: _ }) in service.ports.iter().enumerate()
    {
        let mut error = |message: String, help: &str| {
            let message = format!("{}: {message}", service.object.id);
            let place = service.object.place(&format!("/spec/ports/{at}/targetPort"));
            problems.push(Problem::error(place, message).help(help));
        };
        let number = |number: i64| u16::try_from(number).ok().filter(|number| *number > 0);
        let target = match target_port {
            None => number(*port),
            Some(IntOrString::Int(target)) => number(*target),
            Some(IntOrString::Text(name)) => {
                let mut found: BTreeMap<u16, &ObjectId> = BTreeMap::new();
                for draft in selected {
                    match draft.template.ports().find(|(_, port)| port.name.as_ref() == Some(name)) {
                        Some((_, port)) => drop(found.insert(port.container, &draft.object.id)),
                        None => {
                            let message = format!("{} has no port named `{name}`", draft.object.id);
                            error(message, "name one of its ports");
                        }
                    }
                }
                if found.len() > 1 {
                    let all: Vec<String> = found.iter().map(|(port, of)| format!("{port} in {of}")).collect();
                    error(
                        format!("port `{name}` is {}, and one port can lead to one number only", all.join(" and ")),
                        "give the containers the same port, or make the Service headless (clusterIP: None)",
                    );
                }
                if found.is_empty() && selected.is_empty() && service.exposure != Exposure::Inside {
                    error(format!("no workload says which port `{name}` is"), "write its number");
                }
                // Without a workload there is nothing to be led to.
                found.into_keys().next().or_else(|| number(*port).filter(|_| selected.is_empty()))
            }
        };
        targets.push(target);
    }
    targets
}

fn relay_port(
    service: &Service<'_>,
    at: usize,
    written: &ServicePort,
    target: u16,
    taken: &mut BTreeSet<u16>,
    problems: &mut Problems,
) -> Option<RelayPort> {
    let ServicePort { name: _, port: number, target_port: _, protocol: _, node_port } = written;
    let port = u16::try_from(*number).ok()?;
    let protocol = protocol(service, at, written, problems)?;
    let node_port = node_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    let address = service.address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut publish = Vec::new();
    match service.exposure {
        Exposure::Inside => {}
        Exposure::Node => {
            let chosen = node_port.or_else(|| choose(&service.object.id, port, protocol, taken));
            let Some(chosen) = chosen else {
                let message = format!("{}: no port of {NODE_PORTS:?} is left", service.object.id);
                problems.push(Problem::error(service.object.place(&format!("/spec/ports/{at}")), message));
                return None;
            };
            if node_port.is_none() {
                let message = format!(
                    "{}: port {port} is published as port {chosen} of {address}, chosen by its name",
                    service.object.id
                );
                let note = Problem::note(service.object.place(&format!("/spec/ports/{at}")), message);
                problems.push(note.help(format!("`nodePort: {chosen}` keeps it, whatever comes beside it")));
            }
            publish.push(chosen);
        }
        Exposure::Balancer => publish.extend([Some(port), node_port].into_iter().flatten()),
    }
    publish.dedup();
    let publish = publish.into_iter().map(|port| Publish { address, port: Some(port) }).collect();
    Some(RelayPort { port, protocol, target, publish })
}

fn protocol(service: &Service<'_>, at: usize, written: &ServicePort, problems: &mut Problems) -> Option<Protocol> {
    match written.protocol.as_deref() {
        None | Some("" | "TCP") => Some(Protocol::Tcp),
        Some("UDP") => Some(Protocol::Udp),
        Some(other) => {
            let message = format!("{}: {other} cannot be passed on from one port to another", service.object.id);
            let help =
                "use the pod's own port and no more than its name, or make the Service headless (clusterIP: None)";
            let place = service.object.place(&format!("/spec/ports/{at}/protocol"));
            problems.push(Problem::error(place, message).help(help));
            None
        }
    }
}

/// A port of the host that follows from what it is for, and that nobody of the unit has.
fn choose(service: &ObjectId, port: u16, protocol: Protocol, taken: &mut BTreeSet<u16>) -> Option<u16> {
    let text = format!("{service}/{port}/{}", word(protocol));
    let start = text.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)));
    let (first, count) = (*NODE_PORTS.start(), NODE_PORTS.end() - NODE_PORTS.start() + 1);
    let start = u16::try_from(start % u64::from(count)).unwrap_or(0);
    let chosen = (0..count).map(|step| first + (start + step) % count).find(|port| !taken.contains(port))?;
    taken.insert(chosen);
    Some(chosen)
}

const fn word(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    }
}

impl Relay {
    /// The relay as a workload of one pod, under the names of its Service.
    pub(super) fn draft<'a>(self, service: &Service<'a>, names: Vec<String>) -> Draft<'a> {
        let object = service.object;
        let target = endpoints(&object.id);
        let affinity = self.affinity.map(|seconds| format!("affinity/{seconds}"));
        let routes = self.ports.iter().map(|port| {
            let RelayPort { port, protocol, target: inside, publish: _ } = port;
            format!("{}/{port}/{target}/{inside}", word(*protocol))
        });
        let arguments = std::iter::once("relay".to_owned()).chain(affinity).chain(routes).collect();
        let names = names.into_iter().map(|name| SharedName { name, ordinal: None }).collect();
        let template = Template {
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            names: Names { always: names, ..Names::default() },
            machine: Machine::default(),
            init: Vec::new(),
            main: container(arguments, self.ports.iter().flat_map(RelayPort::ports).collect()),
            beside: Vec::new(),
            share_processes: false,
            fs_group: None,
            extras: Extras::default(),
            grace: Seconds(RELAY_GRACE_SECONDS),
            work: None,
        };
        Draft {
            object,
            controller: Controller::DaemonSet { update: DaemonUpdate::Rolling },
            replicas: 1,
            service_name: None,
            fixed: BTreeMap::new(),
            template,
            min_ready: Seconds(MIN_READY_SECONDS_DEFAULT),
            progress_deadline: Seconds(PROGRESS_SECONDS_DEFAULT),
            pending: None,
        }
    }
}

impl RelayPort {
    fn ports(&self) -> Vec<Port> {
        let Self { port, protocol, target: _, publish } = self;
        let one = |publish| Port { name: None, container: *port, protocol: *protocol, publish };
        if publish.is_empty() { vec![one(None)] } else { publish.iter().map(|publish| one(Some(*publish))).collect() }
    }
}

/// It is nobody, can write nowhere and has no power, not even where every pod may have some.
fn container(arguments: Vec<String>, ports: Vec<Port>) -> ContainerTemplate {
    ContainerTemplate {
        name: CONTAINER.to_owned(),
        image: RELAY_IMAGE.to_owned(),
        pull: PullPolicy::Never,
        entrypoint: None,
        arguments: Some(arguments),
        working_dir: None,
        env: Vec::new(),
        ports,
        mounts: Vec::new(),
        resources: Resources { memory_limit_bytes: Some(RELAY_MEMORY_BYTES), ..Resources::default() },
        readiness: None,
        liveness: None,
        startup: None,
        hooks: Hooks::default(),
        terminal: Terminal::default(),
        sidecar: false,
        security: Security {
            run_as_user: Some(NOBODY),
            run_as_group: Some(NOBODY),
            run_as_non_root: true,
            read_only_root: true,
            allow_privilege_escalation: Some(false),
            capabilities_drop: vec!["ALL".to_owned()],
            ..Security::default()
        },
    }
}
