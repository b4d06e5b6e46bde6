//! What is known of the host at one moment: what the record holds, and what the agent saw last.

use std::collections::BTreeMap;
use std::sync::Arc;

use writ_core::ailment::Ailment;
use writ_core::observed::{Observed, PodState};
use writ_core::time::Timestamp;

use super::House;
use crate::bulletin::{Looked, Said};
use crate::record::{Reader, RecordError};
use crate::settings::Unit;
use crate::view::status::{Report, UnitReport};

/// What is known of the host.
///
/// # Errors
/// If the record cannot be read.
pub(super) fn report(house: &House, reader: &Reader, said: &Said, now: Timestamp) -> Result<Report, RecordError> {
    let head = reader.head()?;
    let units = house.settings.units.iter().map(|unit| unit_report(house, reader, said, unit, now));
    Ok(Report {
        host: house.settings.host.name.clone(),
        units: units.collect::<Result<_, _>>()?,
        audit: Some((head.record.0, head.hex())),
    })
}

fn unit_report(
    house: &House,
    reader: &Reader,
    said: &Said,
    unit: &Unit,
    now: Timestamp,
) -> Result<UnitReport, RecordError> {
    let source = house.settings.source(&unit.source);
    let last = said.sources.get(&unit.source).and_then(|passes| passes.last.as_ref());
    let observed = seen(said.units.get(&unit.name).and_then(Option::as_ref));
    Ok(UnitReport {
        name: unit.name.clone(),
        follows: source.map(|source| (source.name.clone(), source.branch.clone())),
        standing: reader.standing(&unit.name)?,
        suspension: reader.suspension(&unit.name)?.filter(|it| it.until.is_none_or(|until| until > now)),
        head_trouble: last.and_then(|last| last.trouble.clone()),
        split_view: last.map(|last| last.splits.clone()).unwrap_or_default(),
        held: reader.holdings(&unit.name)?,
        ailments: observed.as_ref().map(|observed| ailments(observed)).unwrap_or_default(),
        observed: observed.map(Arc::unwrap_or_clone),
    })
}

/// What the last look at a unit showed.
fn seen(looked: Option<&Looked>) -> Result<Arc<Observed>, String> {
    match looked {
        Some(Looked { at: _, seen: Ok(Some(seen)) }) => Ok(Arc::clone(seen)),
        Some(Looked { at: _, seen: Err(why) }) => Err(why.clone()),
        Some(Looked { at: _, seen: Ok(None) }) | None => Err("nobody has looked yet".to_owned()),
    }
}

/// Why containers ended, by their identifiers, where that was seen.
fn ailments(observed: &Observed) -> BTreeMap<String, Ailment> {
    let pods = observed.pods.values();
    let containers = pods.flat_map(|pod| {
        let parts = pod.parts.iter().map(|part| (&part.container, &part.state));
        std::iter::once((&pod.container, &pod.state)).chain(parts)
    });
    let ailing = containers.filter_map(|(container, state)| match state {
        PodState::Exited { code: _, ailment: Some(ailment) } => Some((container.clone(), *ailment)),
        PodState::Exited { code: _, ailment: None }
        | PodState::Created
        | PodState::Running
        | PodState::Paused
        | PodState::Restarting
        | PodState::Dead => None,
    });
    ailing.collect()
}
