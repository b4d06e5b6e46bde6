//! The rules, applied to an object of a cluster: the pods that it asks for, and what else it may reach.
//!
//! Invariant: of a pod, every field that is not known to be harmless is judged, and one that is not known is refused.
//! Invariant: what cannot be looked into, because only its own controller knows what it makes, needs a power of its own.

use std::net::IpAddr;

use serde_json::{Map, Value};

use super::rules::Judgement;
use super::{Grounds, Refusal, Rule, paths, pod};
use crate::cluster::ClusterObject;
use crate::model::Kind;
use crate::text::quoted;

/// Namespaced kinds whose objects give no power, whatever stands in them.
const HARMLESS: [&str; 13] = [
    "controllerrevision.apps",
    "endpoints",
    "endpointslice.discovery.k8s.io",
    "event",
    "event.events.k8s.io",
    "horizontalpodautoscaler.autoscaling",
    "lease.coordination.k8s.io",
    "limitrange",
    "networkpolicy.networking.k8s.io",
    "resourcequota",
    "serviceaccount",
    "csistoragecapacity.storage.k8s.io",
    "resourceclaimtemplate.resource.k8s.io",
];

/// What an object may not do.
pub(super) fn judge(object: &ClusterObject, grounds: &Grounds<'_>) -> Vec<Refusal> {
    // As whom it is applied bounds what the server lets it be, and widens nothing here.
    let ClusterObject {
        id,
        file: _,
        api_version: _,
        body,
        account: _,
        revision: _,
        parts: _,
        renewed: _,
        left: _,
        waits: _,
    } = object;
    let mut judgement = Judgement::new(id, grounds);
    if id.scope.0.is_empty() {
        kind_of_cluster(&mut judgement, id.kind);
    }
    if let Some(pointer) = id.kind.pod_template() {
        pod::template(&mut judgement, body, pointer);
    }
    match id.kind {
        Kind::Service => service(&mut judgement, body),
        Kind::Ingress => hosts(&mut judgement, body, "/spec/rules"),
        Kind::HttpRoute => names(&mut judgement, body.pointer("/spec/hostnames")),
        Kind::Gateway => hosts(&mut judgement, body, "/spec/listeners"),
        Kind::Namespace
        | Kind::StorageClass
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::StatefulSet
        | Kind::Deployment
        | Kind::DaemonSet
        | Kind::Job
        | Kind::CronJob
        | Kind::PodDisruptionBudget
        | Kind::IngressClass
        | Kind::GatewayClass => {}
        Kind::Other(other) => match other.name() {
            "pod" => pod::template(&mut judgement, body, ""),
            "podtemplate" => pod::template(&mut judgement, body, "/template"),
            "replicaset.apps" | "replicationcontroller" => pod::template(&mut judgement, body, "/spec/template"),
            "persistentvolumeclaim" => pod::claim(&mut judgement, "asks for a volume"),
            name if HARMLESS.contains(&name) || id.scope.0.is_empty() => {}
            name => kind_unknown(&mut judgement, name),
        },
    }
    if id.kind == Kind::StatefulSet
        && body.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).is_some_and(|it| !it.is_empty())
    {
        pod::claim(&mut judgement, "asks for volumes");
    }
    judgement.refusals
}

fn kind_of_cluster(judgement: &mut Judgement<'_>, kind: Kind) {
    let name = kind.qualified();
    let allowed = judgement.grounds.policy.cluster_kinds.allows(&name);
    judgement.object(Rule::ClusterKind, allowed, || {
        format!("is {}, which is of no namespace but of the whole cluster", quoted(&name))
    });
}

fn kind_unknown(judgement: &mut Judgement<'_>, name: &str) {
    let allowed = judgement.grounds.policy.other_kinds.allows(name);
    judgement.object(Rule::OtherKind, allowed, || {
        format!("is {}, and what becomes of it only its own controller knows", quoted(name))
    });
}

/// A Service that is reached from outside of the cluster.
fn service(judgement: &mut Judgement<'_>, body: &Value) {
    let policy = judgement.grounds.policy;
    let kind = body.pointer("/spec/type").and_then(Value::as_str).unwrap_or_default();
    if matches!(kind, "NodePort" | "LoadBalancer") {
        let everywhere = IpAddr::from([0, 0, 0, 0]);
        let allowed = policy.host_addresses.allows(&everywhere);
        let what = || format!("is reached from outside of the cluster, on all addresses of its nodes (type {kind})");
        judgement.object(Rule::HostPortAddress, allowed, what);
        for port in items(body.pointer("/spec/ports")) {
            let number = port.get("nodePort").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
            let what = || {
                number.map_or_else(
                    || "takes a port of each node".to_owned(),
                    |port| format!("takes port {port} of each node"),
                )
            };
            judgement.object(Rule::HostPort, policy.host_ports.allows(number), what);
        }
    }
    for address in items(body.pointer("/spec/externalIPs")).filter_map(Value::as_str) {
        let allowed = address.parse::<IpAddr>().is_ok_and(|address| policy.host_addresses.allows(&address));
        judgement.object(Rule::HostPortAddress, allowed, || format!("takes what is sent to {}", quoted(address)));
    }
}

/// Host names below the items of a list, under `host` or `hostname`; an item without one takes them all.
fn hosts(judgement: &mut Judgement<'_>, body: &Value, rules: &str) {
    for rule in items(body.pointer(rules)) {
        let name =
            rule.get("host").or_else(|| rule.get("hostname")).and_then(Value::as_str).filter(|it| !it.is_empty());
        host(judgement, name);
    }
    if body.pointer("/spec/defaultBackend").is_some() {
        host(judgement, None);
    }
}

fn names(judgement: &mut Judgement<'_>, names: Option<&Value>) {
    items(names).for_each(|name| host(judgement, name.as_str()));
    if items(names).next().is_none() {
        host(judgement, None);
    }
}

fn host(judgement: &mut Judgement<'_>, name: Option<&str>) {
    let allowed = judgement.grounds.policy.allows_host(name);
    let what = || {
        name.map_or_else(
            || "takes requests for any host".to_owned(),
            |name| format!("takes requests for the host {}", quoted(name)),
        )
    };
    judgement.object(Rule::IngressHost, allowed, what);
}

pub(super) fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn fields(map: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    map.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// A path of a node, judged as it is written: nobody looks at the disks of nodes.
pub(super) fn node_path(judgement: &mut Judgement<'_>, path: &str) {
    let complaint = paths::refusal(path, judgement.grounds.policy);
    let object = judgement.object;
    judgement.uses(Rule::HostPath, complaint, || format!("{object} asks for the path {} of a node", quoted(path)));
}
