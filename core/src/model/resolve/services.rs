//! Services: which workloads they select, and what of them a container host can do.
//!
//! On a container host a Service is names that lead to pods. Where that is not enough, because a port is another one in the
//! pods, the host shall have a port of it, or clients shall stay with a pod, a relay stands for it (`relay`).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::relay::NODE_PORTS;
use super::selection::Selection;
use super::workload::Draft;
use crate::limits::AFFINITY_SECONDS_DEFAULT;
use crate::model::view::workload::{Affinity, Metadata, Service as Raw, ServicePort};
use crate::model::view::{IntOrString, view};
use crate::model::{Kind, Object, ObjectId, annotation};
use crate::text::{Problem, Problems};

/// A Service that a container host can do.
pub(super) struct Service<'a> {
    pub(super) object: &'a Object,
    pub(super) headless: bool,
    pub(super) publish_not_ready: bool,
    pub(super) exposure: Exposure,
    /// The address of the host on which its ports are published; loopback if none.
    pub(super) address: Option<IpAddr>,
    /// How long a client is led to one pod, in seconds; none for any pod each time.
    pub(super) affinity: Option<u32>,
    pub(super) ports: Vec<ServicePort>,
    selector: BTreeMap<String, String>,
    /// The one pod that it selects by label, as `NAME-ORDINAL`.
    pod: Option<String>,
}

/// Who is led to a Service. Source: `type` of the Kubernetes Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposure {
    /// Pods of the host alone.
    Inside,
    /// Whoever reaches a port of the host, one in a range kept for that.
    Node,
    /// Whoever reaches the Service's own port on the host.
    Balancer,
}

/// Which pods of a workload a Service selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selected {
    /// All of them.
    All,
    /// The one with that ordinal.
    One(u32),
}

/// Labels that a StatefulSet puts on its pods. Source: Kubernetes, well-known labels.
const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// Reads the Services of the set.
pub(super) fn read<'a>(objects: &'a [Object], problems: &mut Problems) -> Vec<Service<'a>> {
    let mut services: Vec<Service<'a>> = objects
        .iter()
        .filter(|object| object.id.kind == Kind::Service)
        .filter_map(|object| service(object, problems))
        .collect();
    services.sort_by(|one, other| one.object.id.cmp(&other.object.id));
    services
}

fn service<'a>(object: &'a Object, problems: &mut Problems) -> Option<Service<'a>> {
    let raw: Raw = view(object, "/spec", problems)?;
    let Raw {
        kind,
        cluster_ip,
        selector,
        ports,
        publish_not_ready_addresses,
        external_ips,
        session_affinity,
        session_affinity_config,
        load_balancer_source_ranges,
    } = raw;
    let metadata: Option<Metadata> = view(object, "/metadata", problems);
    let mut judge = Judge { object, problems };
    let headless = cluster_ip.as_deref() == Some("None");
    if cluster_ip.is_some_and(|address| !matches!(address.as_str(), "None" | "")) {
        judge.error("/spec/clusterIP", "a container host has no virtual addresses", "use None, or leave it out");
    }
    if external_ips.is_some_and(|addresses| !addresses.is_empty()) {
        let message = "external addresses are not supported on a container host";
        judge.error("/spec/externalIPs", message, "leave them out");
    }
    if load_balancer_source_ranges.is_some_and(|ranges| !ranges.is_empty()) {
        let message = "clients cannot be told apart by their addresses, which not every way to a published port keeps";
        judge.error("/spec/loadBalancerSourceRanges", message, "leave them out, and use the host's firewall");
    }
    let exposure = judge.exposure(kind.as_deref(), headless)?;
    let mut selector = selector.unwrap_or_default();
    if selector.is_empty() {
        let message = "without a selector it leads nowhere";
        judge.error("/spec/selector", message, "select pods by their labels; endpoints by hand are not supported");
        return None;
    }
    let annotations = metadata.and_then(|metadata| metadata.annotations).unwrap_or_default();
    let address = judge.address(annotations.get(annotation::PUBLISH), exposure);
    let affinity = judge.affinity(session_affinity.as_deref(), session_affinity_config.as_ref(), headless);
    let ports = ports.unwrap_or_default();
    judge.node_ports(&ports, exposure);
    let pod = selector.remove(POD_NAME_LABEL);
    let publish_not_ready = publish_not_ready_addresses.unwrap_or(false);
    Some(Service { object, headless, publish_not_ready, exposure, address, affinity, ports, selector, pod })
}

/// A Service whose fields are being read.
struct Judge<'a, 'p> {
    object: &'a Object,
    problems: &'p mut Problems,
}

impl Judge<'_, '_> {
    fn error(&mut self, pointer: &str, message: &str, help: &str) {
        let problem = Problem::error(self.object.place(pointer), format!("{}: {message}", self.object.id));
        self.problems.push(problem.help(help));
    }

    fn exposure(&mut self, kind: Option<&str>, headless: bool) -> Option<Exposure> {
        let exposure = match kind {
            None | Some("" | "ClusterIP") => return Some(Exposure::Inside),
            Some("NodePort") => Exposure::Node,
            Some("LoadBalancer") => Exposure::Balancer,
            Some(other) => {
                let message = format!("type {other} is not supported on a container host");
                self.error("/spec/type", &message, "use ClusterIP, NodePort or LoadBalancer");
                return None;
            }
        };
        if headless {
            let message = "a headless Service is names alone, and cannot be reached from outside";
            self.error("/spec/clusterIP", message, "leave it out, or use the type ClusterIP");
        }
        Some(exposure)
    }

    fn address(&mut self, written: Option<&String>, exposure: Exposure) -> Option<IpAddr> {
        let written = written?;
        let pointer = "/metadata/annotations/writ.publish";
        if exposure == Exposure::Inside {
            let message = format!("annotation {} has no ports to publish", annotation::PUBLISH);
            self.error(pointer, &message, "use the type NodePort or LoadBalancer, or leave it out");
        }
        if written == "loopback" {
            return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        let address = written.parse().ok();
        if address.is_none() {
            let message =
                format!("annotation {} is `{written}`, and must be `loopback` or an address", annotation::PUBLISH);
            self.error(pointer, &message, "write it as 192.0.2.1; 0.0.0.0 is all addresses of the host");
        }
        address
    }

    /// How long a client is led to one pod.
    fn affinity(&mut self, kind: Option<&str>, config: Option<&Affinity>, headless: bool) -> Option<u32> {
        let written = config.and_then(|config| config.client_ip.as_ref()?.timeout_seconds);
        match kind {
            None | Some("" | "None") => {
                if config.is_some() {
                    let message = "nothing stays with a pod without `sessionAffinity: ClientIP`";
                    self.error("/spec/sessionAffinityConfig", message, "add it, or leave this out");
                }
                return None;
            }
            Some("ClientIP") => {}
            Some(other) => {
                let message = format!("`{other}` is no session affinity");
                self.error("/spec/sessionAffinity", &message, "use None or ClientIP");
                return None;
            }
        }
        if headless {
            let message = "clients of a headless Service choose among its pods themselves";
            self.error("/spec/sessionAffinity", message, "leave it out, or leave out `clusterIP: None`");
        }
        let seconds = written.unwrap_or(AFFINITY_SECONDS_DEFAULT.into());
        // Source: validation of Services in Kubernetes.
        let seconds = u32::try_from(seconds).ok().filter(|seconds| (1..=86_400).contains(seconds));
        if seconds.is_none() {
            let pointer = "/spec/sessionAffinityConfig/clientIP/timeoutSeconds";
            self.error(pointer, "the time for which a client stays must be from 1 to 86400 seconds", "");
        }
        seconds
    }

    fn node_ports(&mut self, ports: &[ServicePort], exposure: Exposure) {
        let mut seen = Vec::new();
        for (at, ServicePort { name: _, port, target_port: _, protocol, node_port }) in ports.iter().enumerate() {
            let protocol = protocol.as_deref().filter(|text| !text.is_empty()).unwrap_or("TCP");
            if seen.contains(&(*port, protocol)) {
                let message = format!("port {port} of {protocol} is there twice");
                self.error(&format!("/spec/ports/{at}/port"), &message, "leave one of them out");
            }
            seen.push((*port, protocol));
            let Some(node_port) = node_port.filter(|port| *port != 0) else { continue };
            let pointer = format!("/spec/ports/{at}/nodePort");
            if exposure == Exposure::Inside {
                let message = "a Service of the type ClusterIP has no port of the host";
                self.error(&pointer, message, "use the type NodePort, or leave it out");
            } else if !u16::try_from(node_port).is_ok_and(|port| NODE_PORTS.contains(&port)) {
                let (first, last) = (NODE_PORTS.start(), NODE_PORTS.end());
                let message = format!("nodePort is {node_port}, and must be from {first} to {last}");
                self.error(&pointer, &message, "use the type LoadBalancer for the Service's own port");
            }
        }
    }
}

impl Service<'_> {
    /// A label that each workload it selects must have, if there is one.
    pub(super) fn label(&self) -> Option<(&str, &str)> {
        let label = self.selector.iter().find(|(key, _)| *key != POD_INDEX_LABEL);
        label.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Which pods of a workload it selects, if any.
    pub(super) fn selects(&self, draft: &Draft<'_>) -> Option<Selected> {
        let id = &draft.object.id;
        if self.object.id.scope != id.scope {
            return None;
        }
        let labels = &draft.template.labels;
        let mut selected = Selected::All;
        if let Some(pod) = &self.pod {
            let ordinal = pod.strip_prefix(&id.name)?.strip_prefix('-')?;
            selected = Selected::One(ordinal.parse().ok().filter(|_| id.kind == Kind::StatefulSet)?);
        }
        for (key, value) in &self.selector {
            if key == POD_INDEX_LABEL && id.kind == Kind::StatefulSet {
                selected = Selected::One(value.parse().ok()?);
            } else if labels.get(key) != Some(value) {
                return None;
            }
        }
        Some(selected)
    }
}

impl Service<'_> {
    /// The port on which the pods listen behind a port of the Service, given by its number or its name.
    pub(super) fn port_of_pods(
        &self,
        number: Option<i64>,
        name: Option<&str>,
        selected: &[&Draft<'_>],
    ) -> Result<u16, String> {
        let id = &self.object.id;
        let is_meant = |port: &&ServicePort| match (name, number) {
            (Some(name), _) => port.name.as_deref() == Some(name),
            (None, Some(number)) => port.port == number,
            (None, None) => false,
        };
        let Some(port) = self.ports.iter().find(is_meant) else {
            return Err(match (name, number) {
                (Some(name), _) => format!("{id} has no port named `{name}`"),
                (None, Some(number)) => format!("{id} has no port {number}"),
                (None, None) => format!("no port of {id} is named"),
            });
        };
        let number = match &port.target_port {
            None => Some(port.port),
            Some(IntOrString::Int(target)) => Some(*target),
            Some(IntOrString::Text(name)) => {
                let mut ports = selected.iter().flat_map(|draft| draft.template.ports());
                let found = ports.find(|(_, port)| port.name.as_ref() == Some(name));
                found.map(|(_, port)| i64::from(port.container))
            }
        };
        let number = number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
        number.ok_or_else(|| format!("no pod behind {id} has the port that it names"))
    }
}

/// Judges whether each Service selects any workload, and each `serviceName` against the Services.
pub(super) fn attach(services: &[Service<'_>], drafts: &[Draft<'_>], selection: &Selection, problems: &mut Problems) {
    for (at, service) in services.iter().enumerate() {
        let selected: Vec<&Draft<'_>> = selection.of_service(at).iter().map(|(draft, _)| &drafts[*draft]).collect();
        if selected.is_empty() {
            let message = format!("{}: it selects no workload of this unit", service.object.id);
            let help = "its selector must match the labels of a pod template in the same scope";
            problems.push(Problem::warning(service.object.place("/spec/selector"), message).help(help));
        }
    }
    for (at, draft) in drafts.iter().enumerate() {
        check_service_name(services, draft, selection.of_draft(at), problems);
    }
}

/// The Service that gives the pods of a StatefulSet their names, where it can.
pub(super) fn governing<'s, 'a>(
    services: &'s [Service<'a>],
    draft: &Draft<'_>,
    selecting: &[(usize, Selected)],
) -> Option<&'s Service<'a>> {
    let name = draft.service_name.as_ref()?;
    let mut whole = selecting.iter().filter(|(_, selected)| *selected == Selected::All).map(|(at, _)| &services[*at]);
    whole.find(|service| service.object.id.name == *name && service.headless)
}

/// That the Service is there and headless has been judged with the objects; here, whether it leads to the pods.
fn check_service_name(
    services: &[Service<'_>],
    draft: &Draft<'_>,
    selecting: &[(usize, Selected)],
    problems: &mut Problems,
) {
    let Some(name) = &draft.service_name else { return };
    let id = &draft.object.id;
    let wanted = ObjectId::new(Kind::Service, &id.scope.0, name);
    // They are in the order of their identities.
    let found = services.binary_search_by(|service| service.object.id.cmp(&wanted));
    if found.is_ok_and(|at| !selecting.contains(&(at, Selected::All))) {
        let pods = format!("{}-0.{name}", id.name);
        let message =
            format!("{id}: Service `{name}` does not select its pods, so that names like {pods} do not resolve");
        let help = "its selector must match the labels of the pod template";
        problems.push(Problem::warning(draft.object.place("/spec/serviceName"), message).help(help));
    }
}
