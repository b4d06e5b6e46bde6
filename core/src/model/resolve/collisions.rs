//! Two identities that would bear one name in the engine, or hold one port of the host.

use std::collections::BTreeMap;

use super::workload::Draft;
use crate::model::template::{container_prefix, volume_prefix};
use crate::model::{Controller, ObjectId, Publish};
use crate::text::{Place, Problem, Problems};

/// Refuses what cannot be told apart in the engine. Errors stand at both places.
pub(super) fn check(drafts: &[Draft<'_>], problems: &mut Problems) {
    let mut names: BTreeMap<String, Vec<(&ObjectId, Option<Place>)>> = BTreeMap::new();
    for draft in drafts {
        let id = &draft.object.id;
        let mut take = |what: String, place| names.entry(what).or_default().push((id, place));
        take(format!("container name {}…", container_prefix(id)), draft.object.place("/metadata/name"));
        if let Controller::StatefulSet { claims, start: _, management: _, update: _ } = &draft.controller {
            for (at, claim) in claims.iter().enumerate() {
                let place = draft.object.place(&format!("/spec/volumeClaimTemplates/{at}/metadata/name"));
                take(format!("volume name {}…", volume_prefix(id, &claim.name)), place);
            }
        }
        for (pointer, port) in draft.template.ports() {
            let Some(Publish { address, port: Some(port) }) = port.publish else { continue };
            let place = draft.object.place(&format!("/spec/template/spec/{pointer}/hostPort"));
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
