//! What the agent says of itself while it runs, for those who only read: whether it lives, how its passes went, what it saw.
//!
//! Invariant: whoever writes here waits for no reader: values are handed over whole, and the lock is held for no longer.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::Span;
use writ_core::observed::Observed;
use writ_core::time::Timestamp;

use crate::clock::Stopwatch;
use crate::limits::PULSE_SECONDS_MAX;
use crate::measure::{Calls, Durations};
use crate::settings::Settings;
use crate::trace;

/// What is said, shared between the agent and those who read.
#[derive(Debug)]
pub struct Bulletin {
    said: Mutex<Said>,
    /// Somebody may read what was seen; where nobody can, it is not kept.
    keeps_looks: bool,
}

/// Everything that was said, as it stood at one moment.
#[derive(Debug, Clone)]
pub struct Said {
    /// When the agent's loop last had a turn.
    pulse: Stopwatch,
    /// The passes over each source of the settings.
    pub sources: BTreeMap<String, Passes>,
    /// The last look at each unit's target.
    pub units: BTreeMap<String, Option<Looked>>,
    /// How long the parts of passes took.
    pub stages: BTreeMap<Stage, Durations>,
    /// What was asked of each target, by its name in the settings.
    pub calls: BTreeMap<String, Arc<Calls>>,
}

/// The passes over a source.
#[derive(Debug, Clone, Default)]
pub struct Passes {
    /// The last one.
    pub last: Option<Passed>,
    /// How they ended, and how many each way.
    pub ends: BTreeMap<Ended, u64>,
    /// Steps of them that changed the world.
    pub changes: u64,
    /// How long they took.
    pub durations: Durations,
}

/// A pass that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// When it ended.
    pub at: Timestamp,
    /// How.
    pub end: Ended,
    /// Steps that changed the world.
    pub changes: u64,
    /// Why the head of the branch is not followed; none if it is, or could not be asked for.
    pub trouble: Option<String>,
    /// Other hosts that follow a history apart from this one's.
    pub splits: Vec<String>,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ended {
    /// All of it was done.
    Done,
    /// Something was refused.
    Refused,
    /// Something failed, or could not be found out.
    Failed,
    /// The remote did not answer.
    Unreachable,
    /// It was cut short.
    CutShort,
    /// It could not be made, for want of a disk for instance.
    Impossible,
}

/// A part of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The remote is asked, and its head is fetched and judged.
    Source,
    /// The files of a commit are read.
    Read,
    /// A target is looked at.
    Look,
    /// It is planned, and the guard judges the plan.
    Plan,
    /// Steps are taken.
    Apply,
    /// What was done is waited for.
    Settle,
}

/// A look at a unit's target.
#[derive(Debug, Clone)]
pub struct Looked {
    /// When.
    pub at: Timestamp,
    /// What was seen, if that is kept; or why nothing was.
    pub seen: Result<Option<Arc<Observed>>, String>,
}

/// Measures a stage until it is dropped.
#[derive(Debug)]
#[must_use = "what is measured ends when this is dropped"]
pub struct Timed<'a> {
    bulletin: &'a Bulletin,
    stage: Stage,
    watch: Stopwatch,
    span: Span,
}

impl Bulletin {
    /// Nothing was said yet about the sources and units of the settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        let said = Said {
            pulse: Stopwatch::start(),
            sources: settings.sources.iter().map(|source| (source.name.clone(), Passes::default())).collect(),
            units: settings.units.iter().map(|unit| (unit.name.clone(), None)).collect(),
            stages: BTreeMap::new(),
            calls: BTreeMap::new(),
        };
        Self { said: Mutex::new(said), keeps_looks: settings.web.is_some() }
    }

    /// The agent's loop has a turn.
    pub fn beat(&self) {
        self.lock().pulse = Stopwatch::start();
    }

    /// A pass over a source is over, which took that long.
    pub fn passed(&self, source: &str, passed: Passed, took: Duration) {
        let mut said = self.lock();
        let Passes { last, ends, changes, durations } = said.sources.entry(source.to_owned()).or_default();
        *ends.entry(passed.end).or_default() += 1;
        *changes += passed.changes;
        durations.add(took);
        *last = Some(passed);
    }

    /// A unit's target was looked at.
    pub fn looked(&self, unit: &str, at: Timestamp, seen: Result<&Observed, String>) {
        let seen = seen.map(|seen| self.keeps_looks.then(|| Arc::new(seen.clone())));
        self.lock().units.insert(unit.to_owned(), Some(Looked { at, seen }));
    }

    /// A stage begins.
    pub fn timed(&self, stage: Stage) -> Timed<'_> {
        Timed { bulletin: self, stage, watch: Stopwatch::start(), span: trace::stage(stage) }
    }

    /// Where the calls of a target are counted.
    #[must_use]
    pub fn calls(&self, target: &str) -> Arc<Calls> {
        Arc::clone(self.lock().calls.entry(target.to_owned()).or_default())
    }

    /// What was said so far.
    #[must_use]
    pub fn said(&self) -> Said {
        self.lock().clone()
    }

    /// What is said stands after a panic as well: each word of it was written whole.
    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Timed<'_> {
    /// The span of the stage, for what is done in it.
    #[must_use]
    pub const fn span(&self) -> &Span {
        &self.span
    }
}

impl Drop for Timed<'_> {
    fn drop(&mut self) {
        let took = self.watch.elapsed();
        self.bulletin.lock().stages.entry(self.stage).or_default().add(took);
    }
}

impl Said {
    /// For how long the agent's loop had no turn.
    #[must_use]
    pub fn silence(&self) -> Duration {
        self.pulse.elapsed()
    }

    /// Why the agent is taken for dead: for how long its loop had no turn.
    #[must_use]
    pub fn stalled(&self) -> Option<Duration> {
        stalled(self.silence())
    }

    /// What is not there yet that readiness asks for: each source had its first pass, and each target could be looked at.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let passed = self.sources.values().filter(|passes| passes.last.is_some()).count();
        let is_seen = |looked: &&Option<Looked>| looked.as_ref().is_some_and(|looked| looked.seen.is_ok());
        let seen = self.units.values().filter(is_seen).count();
        let (sources, units) = (self.sources.len(), self.units.len());
        (passed < sources || seen < units)
            .then(|| format!("first passes: {passed} of {sources}; targets that could be looked at: {seen} of {units}"))
    }
}

fn stalled(silent: Duration) -> Option<Duration> {
    (silent.as_secs() >= PULSE_SECONDS_MAX).then_some(silent)
}

impl Ended {
    /// All ways.
    pub const ALL: [Self; 6] =
        [Self::Done, Self::Refused, Self::Failed, Self::Unreachable, Self::CutShort, Self::Impossible];

    /// Its name for those who count.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::CutShort => "cut-short",
            Self::Impossible => "impossible",
        }
    }
}

impl Stage {
    /// Its name for those who count.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Read => "read",
            Self::Look => "look",
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Settle => "settle",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_had_no_turn_for_the_limit_is_taken_for_dead_and_one_just_below_is_not() {
        let limit = Duration::from_secs(PULSE_SECONDS_MAX);
        assert_eq!(stalled(limit), Some(limit));
        assert_eq!(stalled(limit - Duration::from_millis(1)), None);
    }

    #[test]
    fn readiness_asks_for_a_pass_over_each_source_and_a_look_at_each_target() {
        let mut said = Said {
            pulse: Stopwatch::start(),
            sources: [("infra".to_owned(), Passes::default())].into(),
            units: [("edge".to_owned(), None), ("trial".to_owned(), None)].into(),
            stages: BTreeMap::new(),
            calls: BTreeMap::new(),
        };
        let missing = |said: &Said| said.missing().unwrap_or_default();
        assert_eq!(missing(&said), "first passes: 0 of 1; targets that could be looked at: 0 of 2");
        let at = Timestamp(0);
        // A pass over a remote that did not answer is one: what was applied before is looked after.
        let passed = Passed { at, end: Ended::Unreachable, changes: 0, trouble: None, splits: Vec::new() };
        said.sources.insert("infra".to_owned(), Passes { last: Some(passed), ..Passes::default() });
        said.units.insert("edge".to_owned(), Some(Looked { at, seen: Ok(None) }));
        said.units.insert("trial".to_owned(), Some(Looked { at, seen: Err("no answer".to_owned()) }));
        assert_eq!(missing(&said), "first passes: 1 of 1; targets that could be looked at: 1 of 2");
        said.units.insert("trial".to_owned(), Some(Looked { at, seen: Ok(None) }));
        assert_eq!(said.missing(), None);
    }
}
