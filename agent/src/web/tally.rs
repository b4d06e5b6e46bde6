//! What the journal tells since the server began, counted by kind.
//!
//! Invariant: what is counted is what was written down; each record counts once.

use std::collections::BTreeMap;

use writ_core::guard::Rule;
use writ_core::trust::Reason;

use crate::record::{Event, Outcome, Reader, Record, RecordError, RecordId, ReportEvent, TrustEvent, WorkEvent};
use crate::settings::Settings;

/// Records that are read at once. A host that works hard writes some hundred a minute.
const RECORDS_AT_ONCE: u32 = 500;

/// Rules that are not the guard's: of planning, and of reading a commit's files.
const OTHER_RULES: [&str; 4] = ["plan", "tree", "confined", "manifests"];

/// A count: its name, and the values of its labels.
pub(super) type Key = (Count, Vec<String>);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Count {
    /// Of what, and by which rule or for which reason.
    Refusals,
    /// Of which unit.
    Drifts,
    /// Of which unit, and what kind of step.
    Steps,
    /// Of which unit.
    StepFailures,
    /// Of which unit.
    ProbeRestarts,
    /// For which forge, and what became of it.
    Statuses,
}

/// Counts of records up to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    upto: RecordId,
    pub(super) counts: BTreeMap<Key, u64>,
}

impl Tally {
    /// Counts what comes after a record. What there may be is told from the beginning, as none: a watcher that first hears of
    /// it when there is one cannot tell that it grew.
    pub(super) fn after(record: RecordId, settings: &Settings) -> Self {
        let own = |of: &str, name: &str| (Count::Refusals, vec![of.to_owned(), name.to_owned()]);
        let reasons = Reason::ALL.into_iter().map(|reason| own("commit", reason.code()));
        let rules = Rule::ALL.into_iter().map(|rule| rule.name()).chain(OTHER_RULES).map(|rule| own("work", rule));
        let of_units = settings.units.iter().flat_map(|unit| {
            [Count::Drifts, Count::StepFailures, Count::ProbeRestarts].map(|count| (count, vec![unit.name.clone()]))
        });
        Self { upto: record, counts: reasons.chain(rules).chain(of_units).map(|key| (key, 0)).collect() }
    }

    /// Counts what was written down since.
    ///
    /// # Errors
    /// If the record cannot be read; what was counted stays.
    pub(super) fn go_on(&mut self, reader: &Reader) -> Result<(), RecordError> {
        // Another record took the place of the one that was read.
        self.upto = self.upto.min(reader.head()?.record);
        loop {
            let records = reader.after(self.upto, RECORDS_AT_ONCE)?;
            let Some(last) = records.last() else { return Ok(()) };
            self.upto = last.id;
            for (count, labels) in records.iter().filter_map(counted) {
                *self.counts.entry((count, labels)).or_default() += 1;
            }
        }
    }
}

/// As what a record counts.
fn counted(record: &Record) -> Option<Key> {
    let key = |count, labels: &[&str]| Some((count, labels.iter().map(|label| (*label).to_owned()).collect()));
    match &record.event {
        Event::Trust(TrustEvent::Refused { reason, .. }) => key(Count::Refusals, &["commit", reason]),
        Event::Work(work) => match work {
            WorkEvent::Refused { rule, .. } => key(Count::Refusals, &["work", rule]),
            WorkEvent::Drift { unit, .. } => key(Count::Drifts, &[unit]),
            WorkEvent::Intent { unit, step, .. } => key(Count::Steps, &[unit, step.verb.name()]),
            WorkEvent::Outcome { unit, outcome: Outcome::Failed(_) | Outcome::Unknown, .. } => {
                key(Count::StepFailures, &[unit])
            }
            WorkEvent::ProbeRestart { unit, .. } => key(Count::ProbeRestarts, &[unit]),
            WorkEvent::Outcome { outcome: Outcome::Ok, .. }
            | WorkEvent::Held { .. }
            | WorkEvent::Released { .. }
            | WorkEvent::Failed { .. }
            | WorkEvent::ImagePulled { .. }
            | WorkEvent::BackupMade { .. }
            | WorkEvent::Outputs { .. }
            | WorkEvent::PassEnded { .. } => None,
        },
        Event::Report(ReportEvent::Sent { forge, .. }) => key(Count::Statuses, &[forge, "sent"]),
        Event::Report(ReportEvent::GivenUp { forge, .. }) => key(Count::Statuses, &[forge, "given-up"]),
        Event::Report(ReportEvent::Postponed { forge, .. }) => key(Count::Statuses, &[forge, "postponed"]),
        Event::Report(ReportEvent::Enqueued { .. }) | Event::Trust(_) | Event::Agent(_) | Event::Operator(_) => None,
    }
}
