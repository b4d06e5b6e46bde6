//! Data that stands under other names or asks for other sizes than a workload asks for now.
//!
//! Invariant: a new, empty volume is not made beside data of the same pod that no claim names, unless the unit allows it.

use std::collections::BTreeMap;

use super::world::Subject;
use crate::model::{ClaimTemplate, Controller, PodIndex};

/// What a claim is called among the fields that cannot change.
const CLAIM: &str = "volumeClaimTemplates/";

/// Why a workload of which nobody knows what it was is not made: pods of it would get new, empty volumes, while volumes of
/// theirs lie there under names that no claim has. Where it is known, a claim of another name is a fixed field that changed.
pub(super) fn left_behind(subject: &Subject<'_>) -> Option<String> {
    let claims = claims(subject);
    let is_known = |claim: &str| subject.held.is_some_and(|held| held.fixed.contains_key(&format!("{CLAIM}{claim}")));
    if subject.world.input.policy.recreate || claims.iter().all(|claim| is_known(&claim.name)) {
        return None;
    }
    let volumes = subject.world.volumes(&subject.workload.id);
    let (mut empty, mut left) = (Vec::new(), Vec::new());
    for ordinal in subject.workload.ordinals() {
        let pod = subject.workload.pod(&PodIndex::Ordinal(ordinal));
        let missing = pod
            .volumes
            .into_iter()
            .filter(|volume| !is_known(&volume.claim) && !volumes.iter().any(|(name, _)| *name == volume.name));
        let missing: Vec<String> = missing.map(|volume| volume.name).collect();
        let unnamed = volumes.iter().filter(|(_, volume)| {
            volume.ordinal == Some(ordinal) && !claims.iter().any(|claim| claim.name == volume.claim)
        });
        let unnamed: Vec<&str> = unnamed.map(|(name, _)| *name).collect();
        if !missing.is_empty() && !unnamed.is_empty() {
            empty.extend(missing);
            left.extend(unnamed);
        }
    }
    (!empty.is_empty()).then(|| {
        format!(
            "{} would be new and empty, while data of the same pods lies in {}, which no claim names: give the claim that name \
             again; or `writ volume rm` what may go; or allow it by the unit's `recreate`; what runs stays",
            empty.join(", "),
            left.join(", ")
        )
    })
}

/// Which claims ask for another size than they did.
pub(super) fn other_sizes(subject: &Subject<'_>) -> Option<String> {
    let before = subject.held?.sizes();
    let changes = claims(subject).iter().filter_map(|ClaimTemplate { name, bytes, class: _ }| {
        let (old, new) = (before.get(name)?, (*bytes)?);
        (*old != new).then(|| format!("claim {name} asks for {} instead of {}", size(new), size(*old)))
    });
    let changes: Vec<String> = changes.collect();
    (!changes.is_empty()).then(|| format!("{}; volumes have no size here, and no data is touched", changes.join(", ")))
}

/// The sizes that the claims of a workload ask for, by their names.
pub(super) fn sizes(subject: &Subject<'_>) -> BTreeMap<String, u64> {
    let sizes = claims(subject).iter().filter_map(|claim| Some((claim.name.clone(), claim.bytes?)));
    sizes.collect()
}

fn claims<'s>(subject: &'s Subject<'_>) -> &'s [ClaimTemplate] {
    match &subject.workload.controller {
        Controller::StatefulSet { claims, start: _, management: _, update: _ } => claims,
        Controller::Deployment { .. } | Controller::DaemonSet { .. } | Controller::Job(_) | Controller::CronJob(_) => {
            &[]
        }
    }
}

/// A number of bytes in the largest unit in which it is whole.
fn size(bytes: u64) -> String {
    let units = ["", "Ki", "Mi", "Gi", "Ti"];
    let (mut number, mut unit) = (bytes, 0);
    while number >= 1_024 && number.is_multiple_of(1_024) && unit + 1 < units.len() {
        (number, unit) = (number / 1_024, unit + 1);
    }
    format!("{number}{}", units.get(unit).copied().unwrap_or_default())
}
