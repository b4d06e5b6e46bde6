//! Whether a unit may be brought to a new commit now: when it may be changed, and what it comes after.
//!
//! Invariant: until it may, it is kept at the commit before, and what was begun goes on.

use std::fmt;

use writ_core::status::State;
use writ_core::time::Timestamp;
use writ_core::window::closed_until;

use crate::agent::{Agent, Unit};
use crate::record::RecordError;
use crate::settings::Unit as Settings;

/// A commit that is not begun yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The commit.
    pub commit: String,
    /// What it waits for.
    pub why: String,
    /// When that is over, where it is a matter of time.
    pub until: Option<Timestamp>,
}

/// `1f0c7a52 waits for its window, which opens at 2026-11-28T02:00:00.000Z`
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.8} waits for {}", self.commit, self.why)
    }
}

/// Why a unit is not brought to a commit now; none if it is.
///
/// # Errors
/// If the record cannot be read.
pub fn wait(agent: &Agent, unit: &Unit, commit: &str) -> Result<Option<Wait>, RecordError> {
    let Settings { windows, depends_on, .. } = &unit.settings;
    if windows.is_empty() && depends_on.is_empty() {
        return Ok(None);
    }
    let standing = agent.store.standing(&unit.settings.name)?;
    if standing.is_some_and(|it| it.commit.as_deref() == Some(commit)) {
        return Ok(None);
    }
    let waits = |why, until| Some(Wait { commit: commit.to_owned(), why, until });
    if let Some(opens) = closed_until(windows, agent.clock.now()) {
        return Ok(waits(format!("its window, which opens at {opens}"), Some(opens)));
    }
    for name in depends_on {
        if let Some(why) = missing(agent, unit, name, commit)? {
            return Ok(waits(format!("unit {name}, which {why}"), None));
        }
    }
    Ok(None)
}

/// How a unit stands that another one comes after, if not as its commit has it; for units of one source that is the same commit.
fn missing(agent: &Agent, unit: &Unit, before: &str, commit: &str) -> Result<Option<String>, RecordError> {
    let Some(standing) = agent.store.standing(before)? else { return Ok(Some("was never applied".to_owned())) };
    let together = agent.unit(before).is_some_and(|it| it.settings.source == unit.settings.source);
    Ok(match (standing.state, standing.commit) {
        (State::Success, Some(at)) if together && at != commit => Some(format!("is at {at:.8}")),
        (State::Success, _) => None,
        (state @ (State::Pending | State::Failure | State::Error), _) => {
            Some(format!("is not ready ({}: {})", state.name(), standing.text))
        }
    })
}

/// Those that wait and come after a unit: they are to be looked at again once it stands otherwise.
pub(crate) fn waiting_behind<'a>(agent: &'a Agent, unit: &Unit) -> Vec<&'a Unit> {
    let behind = |it: &&Unit| it.settings.depends_on.contains(&unit.settings.name) && it.waits.borrow().is_some();
    agent.units().iter().filter(behind).collect()
}
