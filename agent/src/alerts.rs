//! Tells people what is wrong with a unit, that it lasts and that it is over: what is told is decided from what passes found, and
//! goes into the outbox.
//!
//! Invariant: nothing here asks anybody anything; what cannot be delivered holds up no pass.

use std::collections::BTreeMap;

use writ_core::alert::{Found, Kind, News, Notice, Rules, decide};
use writ_core::status::{CommitStatus, State, Summary};
use writ_core::time::{Seconds, Timestamp};

use crate::agent::Agent;
use crate::limits::ALERT_FLAPPING_SECONDS;
use crate::record::RecordError;
use crate::settings::Alert;

/// What a pass looked for and what it found, by unit and kind. What it did not look for stays as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(BTreeMap<(String, Kind), Option<Found>>);

impl Findings {
    /// It was looked for, and this was found. What is found once stays found.
    pub fn put(&mut self, unit: &str, kind: Kind, found: Option<Found>) {
        let known = self.0.entry((unit.to_owned(), kind)).or_default();
        if known.is_none() {
            *known = found;
        }
    }

    /// What was found of a unit that follows a commit. Where the head could not be judged, nobody knows that nothing is refused;
    /// and what still has time may fail yet.
    pub fn put_unit(&mut self, unit: &str, commit: &str, summary: &Summary, is_head_judged: bool) {
        let failed: Vec<String> = summary.failed.iter().chain(&summary.unhealthy).cloned().collect();
        self.put_all(unit, Kind::Drift, commit, &summary.drifted);
        if is_head_judged || !summary.refused.is_empty() {
            self.put_all(unit, Kind::Refusal, commit, &summary.refused);
        }
        if !failed.is_empty() || (summary.waiting.is_empty() && summary.starting.is_empty()) {
            self.put_all(unit, Kind::Failure, commit, &failed);
        }
    }

    /// The same for what was found at a commit, each in words; what there is of it is told at once.
    pub fn put_all(&mut self, unit: &str, kind: Kind, commit: &str, found: &[String]) {
        let text = found.first().map(|first| match found.len() - 1 {
            0 => first.clone(),
            more => format!("{first} (and {more} more)"),
        });
        let commit = Some(commit.to_owned());
        self.put(unit, kind, text.map(|text| Found { commit, text, lasts: Seconds(0) }));
    }
}

/// Decides for each of those who are told what there is to tell them, and puts it into the outbox.
pub(crate) fn tell(agent: &Agent, findings: &Findings) -> Result<(), RecordError> {
    for alert in &agent.settings.alerts {
        let concerns = |unit: &String, kind: Kind| {
            (alert.units.is_empty() || alert.units.contains(unit)) && alert.kinds.contains(&kind)
        };
        for ((unit, kind), found) in findings.0.iter().filter(|((unit, kind), _)| concerns(unit, *kind)) {
            consider(agent, alert, (unit, *kind), found.as_ref())?;
        }
    }
    Ok(())
}

fn consider(
    agent: &Agent,
    alert: &Alert,
    (unit, kind): (&str, Kind),
    found: Option<&Found>,
) -> Result<(), RecordError> {
    let (now, id) = (agent.clock.now(), alert.id());
    let rules = Rules { remind: alert.remind, flapping: Seconds(ALERT_FLAPPING_SECONDS) };
    let known = agent.store.watch(&id, unit, kind)?;
    let (watch, notice) = decide(now, rules, known.as_ref(), found);
    if watch == known && notice.is_none() {
        return Ok(());
    }
    let context = format!("writ/{}/{unit}/{}", agent.settings.host.name, kind.name());
    let said = notice.map(|notice| said(context, notice, now));
    let is_news = agent.store.batch(|batch| {
        batch.watch(&id, unit, kind, watch.as_ref())?;
        said.as_ref().map_or(Ok(false), |said| batch.enqueue(now, &id, said))
    })?;
    if is_news {
        agent.news.notify_one();
    }
    Ok(())
}

/// A notice as the outbox has it: what is wrong is a failure, and what is over a success.
fn said(context: String, notice: Notice, now: Timestamp) -> CommitStatus {
    let Notice { news, commit, text, since } = notice;
    let (state, description) = match news {
        News::Begun => (State::Failure, text),
        News::Lasts => (State::Failure, format!("still so at {now}, since {since}: {text}")),
        News::Over => (State::Success, format!("over at {now}; since {since} it was: {text}")),
    };
    CommitStatus { commit: commit.unwrap_or_default(), context, state, description }
}
