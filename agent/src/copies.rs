//! Which copies of `url()` files are in use, so that the others can go.
//!
//! Invariant: where it is not known what is in use, nothing goes.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::agent::{Agent, Unit};
use crate::fetch;
use crate::one_off::LOCAL;
use crate::record::RecordError;
use crate::wanted::Wanted;

/// Removes the copies that no commit in use names any more. A copy that cannot be removed is only told in the log: the
/// next pass tries again.
///
/// # Errors
/// If the record cannot be read.
pub(crate) fn sweep(agent: &Agent) -> Result<(), RecordError> {
    let (state, now) = (agent.store.folder(), agent.clock.now());
    let idle = fetch::idle_copies(state, now).is_ok_and(|idle| !idle.is_empty());
    if !idle || !all_is_known(agent)? {
        return Ok(());
    }
    let wanted: Vec<Rc<Wanted>> = agent.units().iter().flat_map(in_use).collect();
    let used: BTreeSet<_> = wanted.iter().flat_map(|wanted| &wanted.taken.addresses).collect();
    match fetch::sweep(state, &used, now) {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "copies of files that no commit in use names any more were removed"),
        Err(error) => tracing::warn!(%error, "copies of files that no commit names any more cannot be removed"),
    }
    Ok(())
}

/// True if each unit has said what it wants. What files that were applied by hand name, and what a commit names whose
/// revision only some pods stay at, nobody knows here.
fn all_is_known(agent: &Agent) -> Result<bool, RecordError> {
    if !agent.store.holdings(LOCAL)?.objects.is_empty() {
        return Ok(false);
    }
    for unit in agent.units() {
        let held = agent.store.holdings(&unit.settings.name)?;
        if unit.wanted.last().is_none() || held.objects.values().any(|held| held.stays_at().is_some()) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn in_use(unit: &Unit) -> impl Iterator<Item = Rc<Wanted>> {
    [&unit.wanted, &unit.last_good, &unit.earlier].into_iter().filter_map(|cache| cache.last())
}
