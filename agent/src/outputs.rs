//! What resources of OpenMCF let others know, told in the journal once they are there.
//!
//! Invariant: what was told of an object is told again only when it is another thing.

use writ_core::dialect::Outputs;
use writ_core::status::State;

use crate::agent::{Agent, Unit};
use crate::record::{Event, Filter, RecordError, WorkEvent};
use crate::wanted::Wanted;

/// Tells the outputs of a unit that has just become as a commit wants it. While it stays so, nothing is looked up.
///
/// # Errors
/// If the record cannot be read or written.
pub fn tell(agent: &Agent, unit: &Unit, wanted: &Wanted) -> Result<(), RecordError> {
    let (store, unit, commit) = (&agent.store, &unit.settings.name, Some(wanted.commit.clone()));
    let is_told = |it: crate::record::Standing| it.state == State::Success && it.commit == commit;
    if wanted.outputs.is_empty() || store.standing(unit)?.is_some_and(is_told) {
        return Ok(());
    }
    for Outputs { kind: resource, name: _, object, values } in &wanted.outputs {
        let (unit, object, kind) = (unit.clone(), object.clone(), Some(WorkEvent::OUTPUTS));
        let last = Filter {
            unit: Some(unit.clone()),
            object: Some(object.clone()),
            kind,
            newest: Some(1),
            ..Filter::default()
        };
        let is_known = store.history(&last)?.iter().any(|record| match &record.event {
            Event::Work(WorkEvent::Outputs { resource: told, values: known, .. }) => {
                told == resource && known == values
            }
            Event::Work(_) | Event::Agent(_) | Event::Trust(_) | Event::Operator(_) | Event::Report(_) => false,
        });
        if !is_known {
            let (commit, resource, values) = (commit.clone(), resource.clone(), values.clone());
            let event = WorkEvent::Outputs { unit, commit, object, resource, values };
            store.append(agent.clock.now(), &event.into())?;
        }
    }
    Ok(())
}
