//! Services: which workloads they select, and what of them a container host can do.
//!
//! On a container host a Service is names that lead to pods. There is no virtual address, so its port cannot differ
//! from the pods' port, and nothing outside of the host leads to it.

use std::collections::BTreeMap;

use super::selection::Selection;
use super::workload::Draft;
use crate::model::view::workload::{Service as Raw, ServicePort};
use crate::model::view::{IntOrString, view};
use crate::model::{Kind, Object, ObjectId};
use crate::text::{Problem, Problems};

/// A Service that a container host can do.
pub(super) struct Service<'a> {
    pub(super) object: &'a Object,
    pub(super) headless: bool,
    pub(super) publish_not_ready: bool,
    selector: BTreeMap<String, String>,
    /// The one pod that it selects by label, as `NAME-ORDINAL`.
    pod: Option<String>,
    ports: Vec<ServicePort>,
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
    let Raw { kind, cluster_ip, selector, ports, publish_not_ready_addresses, external_ips } = raw;
    let mut error = |pointer: &str, message: &str, help: &str| {
        let problem = Problem::error(object.place(pointer), format!("{}: {message}", object.id));
        problems.push(problem.help(help));
    };
    if let Some(kind) = kind.filter(|kind| !matches!(kind.as_str(), "" | "ClusterIP")) {
        let message = format!("type {kind} is not supported yet on a container host");
        error("/spec/type", &message, "use ClusterIP, and hostPort with hostIP in the pod to be reached from outside");
        return None;
    }
    let headless = cluster_ip.as_deref() == Some("None");
    if cluster_ip.is_some_and(|address| !matches!(address.as_str(), "None" | "")) {
        error("/spec/clusterIP", "a container host has no virtual addresses", "use None, or leave it out");
    }
    if external_ips.is_some_and(|addresses| !addresses.is_empty()) {
        error("/spec/externalIPs", "external addresses are not supported on a container host", "leave them out");
    }
    let mut selector = selector.unwrap_or_default();
    if selector.is_empty() {
        let message = "without a selector it leads nowhere";
        error("/spec/selector", message, "select pods by their labels; endpoints by hand are not supported");
        return None;
    }
    let ports = ports.unwrap_or_default();
    for (at, port) in ports.iter().enumerate() {
        if port.node_port.is_some() {
            error(&format!("/spec/ports/{at}/nodePort"), "node ports are not supported yet", "use hostPort in the pod");
        }
    }
    let pod = selector.remove(POD_NAME_LABEL);
    Some(Service {
        object,
        headless,
        publish_not_ready: publish_not_ready_addresses.unwrap_or(false),
        selector,
        pod,
        ports,
    })
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

/// Judges each Service against the workloads that it selects, and each `serviceName` against the Services.
pub(super) fn attach(services: &[Service<'_>], drafts: &[Draft<'_>], selection: &Selection, problems: &mut Problems) {
    for (at, service) in services.iter().enumerate() {
        let selected: Vec<&Draft<'_>> = selection.of_service(at).iter().map(|(draft, _)| &drafts[*draft]).collect();
        if selected.is_empty() {
            let message = format!("{}: it selects no workload of this unit", service.object.id);
            let help = "its selector must match the labels of a pod template in the same scope";
            problems.push(Problem::warning(service.object.place("/spec/selector"), message).help(help));
        }
        // A headless Service is names alone: its ports say nothing about where connections go.
        if !service.headless {
            check_ports(service, &selected, problems);
        }
    }
    for (at, draft) in drafts.iter().enumerate() {
        check_service_name(services, draft, selection.of_draft(at), problems);
    }
}

fn check_ports(service: &Service<'_>, selected: &[&Draft<'_>], problems: &mut Problems) {
    for (at, ServicePort { port, target_port, node_port: _ }) in service.ports.iter().enumerate() {
        let pointer = format!("/spec/ports/{at}/targetPort");
        let mut error = |message: String| {
            let message = format!("{}: {message}", service.object.id);
            let help = "use the pod's own port, or make the Service headless (clusterIP: None)";
            problems.push(Problem::error(service.object.place(&pointer), message).help(help));
        };
        match target_port {
            None => {}
            Some(IntOrString::Int(target)) if target == port => {}
            Some(IntOrString::Int(target)) => {
                error(format!("port {port} that leads to port {target} is not supported yet on a container host"));
            }
            Some(IntOrString::Text(name)) => {
                for draft in selected {
                    let found = draft.template.ports().find(|(_, port)| port.name.as_ref() == Some(name));
                    match found.map(|(_, port)| i64::from(port.container)) {
                        Some(target) if target == *port => {}
                        Some(target) => error(format!(
                            "port {port} that leads to port {target} ({name}) is not supported yet on a container host"
                        )),
                        None => error(format!("{} has no port named `{name}`", draft.object.id)),
                    }
                }
            }
        }
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
