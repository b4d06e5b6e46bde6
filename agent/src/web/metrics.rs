//! `/metrics`: what can be counted and measured of the agent and its host.
//!
//! Invariant: labels are names of the settings, of forges, and of rules and reasons of the program: their number does not
//! grow with what a repository says.

use std::sync::PoisonError;

use serde_json::Value;
use writ_core::status::State;

use super::exposition::{Exposition, Kind, Label, number};
use super::found::report;
use super::tally::Count;
use super::{House, process};
use crate::bulletin::{Ended, Said};
use crate::record::{Reader, RecordError};
use crate::view::health::Health;
use crate::view::status::{Report, view};

/// Every state of a unit and of an object, so that one which is over is told to be 0.
const STATES: [State; 4] = [State::Pending, State::Success, State::Failure, State::Error];
const HEALTHS: [Health; 4] = [Health::Healthy, Health::Progressing, Health::Drifted, Health::Failing];

/// Everything, as text.
pub(super) fn metrics(house: &House, reader: &Reader) -> Result<String, RecordError> {
    let (said, now) = (house.bulletin.said(), house.clock.now());
    let report = report(house, reader, &said, now)?;
    let mut text = Exposition::default();
    let version = vec![("version", env!("CARGO_PKG_VERSION"))];
    text.family("writ_build_info", Kind::Gauge, "The program.", [(version, 1.0)]);
    let silence = said.silence().as_secs_f64();
    text.one("writ_pulse_age_seconds", Kind::Gauge, "Time since the agent's loop last had a turn.", silence);
    passes(&mut text, &said);
    targets(&mut text, &said);
    units(&mut text, &report);
    objects(&mut text, &view(&report, now).document);
    counts(&mut text, house, reader)?;
    outbox(&mut text, reader)?;
    audit(&mut text, house, reader)?;
    process::measure(&mut text);
    Ok(text.finish())
}

fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

fn passes(text: &mut Exposition, said: &Said) {
    let sources = || said.sources.iter();
    let ended = sources().flat_map(|(source, passes)| {
        let count = |end: Ended| number(passes.ends.get(&end).copied().unwrap_or_default());
        Ended::ALL.into_iter().map(move |end| (vec![("source", source.as_str()), ("result", end.name())], count(end)))
    });
    text.family("writ_passes_total", Kind::Counter, "Passes over a source, by how they ended.", ended);
    let changes = sources().map(|(source, passes)| (vec![("source", source.as_str())], number(passes.changes)));
    text.family("writ_pass_changes_total", Kind::Counter, "Steps of passes that changed the world.", changes);
    let durations = sources().map(|(source, passes)| (("source", source.as_str()), passes.durations.clone()));
    text.durations("writ_pass_duration_seconds", "How long passes over a source took.", durations);
    let stages = said.stages.iter().map(|(stage, durations)| (("stage", stage.name()), durations.clone()));
    text.durations("writ_pass_stage_duration_seconds", "How long the parts of passes took.", stages);
    let last =
        |(source, passes): (&'_ String, &'_ crate::bulletin::Passes)| Some((source.clone(), passes.last.clone()?));
    let last: Vec<_> = sources().filter_map(last).collect();
    let reached = last.iter().map(|(source, last)| {
        (vec![("source", source.as_str())], flag(!matches!(last.end, Ended::Unreachable | Ended::Impossible)))
    });
    text.family("writ_source_reached", Kind::Gauge, "Whether the remote answered the last pass.", reached);
    let at = last.iter().map(|(source, last)| (vec![("source", source.as_str())], seconds(last.at.0)));
    text.family("writ_source_last_pass_timestamp_seconds", Kind::Gauge, "When the last pass ended.", at);
    let trouble = last.iter().map(|(source, last)| (vec![("source", source.as_str())], flag(last.trouble.is_some())));
    text.family("writ_source_head_refused", Kind::Gauge, "Whether the head of the branch is not followed.", trouble);
    let splits =
        last.iter().map(|(source, last)| (vec![("source", source.as_str())], number(last.splits.len() as u64)));
    text.family("writ_source_split_views", Kind::Gauge, "Hosts that follow a history apart from this one's.", splits);
}

fn targets(text: &mut Exposition, said: &Said) {
    let reached = said
        .units
        .iter()
        .filter_map(|(unit, looked)| Some((vec![("unit", unit.as_str())], flag(looked.as_ref()?.seen.is_ok()))));
    text.family("writ_target_reached", Kind::Gauge, "Whether the last look at a unit's target showed it.", reached);
    let calls: Vec<_> = said.calls.iter().map(|(target, calls)| (target.as_str(), calls.counted())).collect();
    let ended = calls.iter().flat_map(|(target, calls)| {
        let by = [("answered", calls.answered), ("refused", calls.refused), ("unanswered", calls.unanswered)];
        by.map(|(result, count)| (vec![("target", *target), ("result", result)], number(count)))
    });
    text.family("writ_engine_calls_total", Kind::Counter, "Questions to an engine or a cluster, by result.", ended);
    let durations = calls.iter().map(|(target, calls)| (("target", *target), calls.durations.clone()));
    text.durations("writ_engine_call_duration_seconds", "How long an engine or a cluster took to answer.", durations);
}

fn units(text: &mut Exposition, report: &Report) {
    let states = report.units.iter().flat_map(|unit| {
        let state = unit.standing.as_ref().map(|standing| standing.state);
        STATES.map(|one| (vec![("unit", unit.name.as_str()), ("state", one.name())], flag(state == Some(one))))
    });
    text.family("writ_unit_state", Kind::Gauge, "How the last pass over a unit ended: 1 for that state.", states);
    let since = report
        .units
        .iter()
        .filter_map(|unit| Some((vec![("unit", unit.name.as_str())], seconds(unit.standing.as_ref()?.since.0))));
    text.family("writ_unit_state_since_timestamp_seconds", Kind::Gauge, "Since when a unit is in its state.", since);
    let suspended =
        report.units.iter().map(|unit| (vec![("unit", unit.name.as_str())], flag(unit.suspension.is_some())));
    text.family("writ_unit_suspended", Kind::Gauge, "Whether a unit is let alone.", suspended);
}

/// Objects by their health, as `writ status` has it.
fn objects(text: &mut Exposition, document: &Value) {
    let units = document["units"].as_array().into_iter().flatten();
    let counted = units.flat_map(|unit| {
        let (name, objects) = (unit["name"].as_str().unwrap_or_default(), unit["objects"].as_array());
        HEALTHS.map(|health| {
            let is_so = |object: &&Value| object["health"] == health.name();
            let count = objects.map_or(0, |objects| objects.iter().filter(is_so).count());
            (vec![("unit", name), ("health", health.name())], number(count as u64))
        })
    });
    text.family("writ_objects", Kind::Gauge, "Objects of a unit, by health.", counted);
}

fn counts(text: &mut Exposition, house: &House, reader: &Reader) -> Result<(), RecordError> {
    let counts = {
        let mut tally = house.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.go_on(reader)?;
        tally.counts.clone()
    };
    let families: [(Count, &str, &[&'static str], &str); 6] = [
        (
            Count::Refusals,
            "writ_refusals_total",
            &["of", "reason"],
            "Refusals of commits and of work, by reason or rule.",
        ),
        (Count::Drifts, "writ_drifts_total", &["unit"], "Drift that was found and left as it is."),
        (Count::Steps, "writ_steps_total", &["unit", "verb"], "Steps that were begun."),
        (Count::StepFailures, "writ_step_failures_total", &["unit"], "Steps that failed, or whose end is unknown."),
        (Count::ProbeRestarts, "writ_probe_restarts_total", &["unit"], "Containers restarted because of a probe."),
        (Count::Statuses, "writ_statuses_total", &["forge", "result"], "Commit statuses, by what became of them."),
    ];
    for (count, name, labels, help) in families {
        let measures = counts.iter().filter(|((counted, _), _)| *counted == count).map(|((_, values), number_of)| {
            let labels: Vec<Label<'_>> = labels.iter().copied().zip(values.iter().map(String::as_str)).collect();
            (labels, number(*number_of))
        });
        text.family(name, Kind::Counter, help, measures);
    }
    Ok(())
}

fn outbox(text: &mut Exposition, reader: &Reader) -> Result<(), RecordError> {
    let waiting = reader.waiting()?;
    let waiting = waiting.iter().map(|(forge, count)| (vec![("forge", forge.as_str())], number(*count)));
    text.family("writ_outbox_statuses", Kind::Gauge, "Commit statuses that wait for their forge.", waiting);
    Ok(())
}

fn audit(text: &mut Exposition, house: &House, reader: &Reader) -> Result<(), RecordError> {
    let now = house.clock.now();
    let newest = reader.newest()?;
    let records = newest.as_ref().map_or(0, |record| record.id.0.unsigned_abs());
    text.one("writ_audit_records", Kind::Gauge, "Records of the journal.", number(records));
    let age = newest.map(|record| (Vec::new(), seconds(now.millis_since(record.at))));
    text.family("writ_audit_head_age_seconds", Kind::Gauge, "Time since the newest record.", age);
    let sealed = reader.checkpoint()?;
    let age = sealed.map(|checkpoint| (Vec::new(), seconds(now.millis_since(checkpoint.time))));
    text.family("writ_audit_checkpoint_age_seconds", Kind::Gauge, "Time since the journal was signed last.", age);
    Ok(())
}

/// Seconds of so many milliseconds.
fn seconds(millis: i64) -> f64 {
    millis as f64 / 1_000.0
}
