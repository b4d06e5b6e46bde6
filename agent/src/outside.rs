//! What manifests ask of resources that somebody else made in the cluster, asked at each look.

use std::collections::BTreeSet;
use std::rc::Rc;

use writ_core::cluster::fill;
use writ_core::model::Reference;

use crate::agent::{Agent, Unit};
use crate::cycle::CycleError;
use crate::wanted::Wanted;

/// What a unit wants with everything filled in that the cluster knows now. What asks for something else waits.
///
/// # Errors
/// If the cluster cannot be reached.
pub async fn filled(agent: &Agent, unit: &Unit, wanted: &Rc<Wanted>) -> Result<Rc<Wanted>, CycleError> {
    if wanted.unfilled.is_empty() {
        return Ok(Rc::clone(wanted));
    }
    let references: BTreeSet<&Reference> = wanted.unfilled.iter().map(|unfilled| &unfilled.reference).collect();
    let answers = unit.place.target.outside(&references).await;
    let answers = answers.map_err(|source| CycleError::Target { unit: unit.settings.name.clone(), source })?;
    let mut filled = Wanted::clone(wanted);
    fill(&mut filled.desired, &wanted.unfilled, &answers, (&agent.store.hash_key(), &wanted.sources));
    Ok(Rc::new(filled))
}
