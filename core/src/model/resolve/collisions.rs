//! Two identities that would bear one name in the engine, or hold one port of the host.

use std::collections::BTreeMap;

use serde_json::Value;

use super::workload::Draft;
use crate::model::template::{container_name, container_prefix, volume_prefix};
use crate::model::{Controller, Kind, Object, ObjectId, Port, Publish};
use crate::text::{Place, Problem, Problems};

/// Refuses what cannot be told apart in the engine. Errors stand at both places.
pub(super) fn check(drafts: &[Draft<'_>], problems: &mut Problems) {
    let mut names: BTreeMap<String, Vec<(&ObjectId, Option<Place>)>> = BTreeMap::new();
    for draft in drafts {
        let id = &draft.object.id;
        let mut take = |what: String, place| names.entry(what).or_default().push((id, place));
        // A relay is one, and no pod is called as it is.
        let name = match id.kind == Kind::Service {
            true => container_name(id, ""),
            false => format!("{}…", container_prefix(id)),
        };
        take(format!("container name {name}"), draft.object.place("/metadata/name"));
        if let Controller::StatefulSet { claims, start: _, management: _, update: _ } = &draft.controller {
            for (at, claim) in claims.iter().enumerate() {
                let place = draft.object.place(&format!("/spec/volumeClaimTemplates/{at}/metadata/name"));
                take(format!("volume name {}…", volume_prefix(id, &claim.name)), place);
            }
        }
        for (pointer, listens) in draft.template.ports() {
            let Some(Publish { address, port: Some(port) }) = listens.publish else { continue };
            let place = match id.kind == Kind::Service {
                true => service_port(draft.object, listens),
                false => draft.object.place(&format!("/spec/template/spec/{pointer}/hostPort")),
            };
            if draft.replicas > 1 {
                let message = format!("{id}: {} pods cannot all hold port {port} of one host", draft.replicas);
                problems.push(Problem::error(place.clone(), message).help("use one replica, or no hostPort"));
            }
            take(format!("host port {address}:{port}"), place);
        }
    }
    for (what, takers) in names.iter().filter(|(_, takers)| takers.len() > 1) {
        let all: Vec<String> = takers.iter().map(|(id, _)| id.to_string()).collect();
        for (_, place) in takers {
            let message = format!("{what} would belong to {}", all.join(" and to "));
            problems.push(Problem::error(place.clone(), message).help("change one of them"));
        }
    }
}

/// Where a Service has the port that its relay listens on.
fn service_port(service: &Object, listens: &Port) -> Option<Place> {
    let ports = service.at("/spec/ports").and_then(Value::as_array);
    let number = i64::from(listens.container);
    let at = ports.and_then(|ports| ports.iter().position(|port| port["port"].as_i64() == Some(number)));
    service.place(&at.map_or_else(|| "/spec/ports".to_owned(), |at| format!("/spec/ports/{at}")))
}
