//! What last changed an object, from what the journal tells of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use writ_core::hash::SpecHash;
use writ_core::model::ObjectId;
use writ_core::plan::Cause;
use writ_core::time::Timestamp;

use super::event::{self, hashes};
use super::grounds::Declared;
use super::moment;
use crate::record::{Event, Outcome, Record, RecordId, TrustEvent, WorkEvent};

/// What is known of the last change of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// The object.
    pub object: ObjectId,
    /// Its last change; none if it was never brought to what was asked for.
    pub change: Option<Change>,
    /// Steps taken for that change and since.
    pub steps: Vec<Taken>,
    /// Refusals, failures and drift since then.
    pub notes: Vec<(Timestamp, String)>,
}

/// A change of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When it was done.
    pub at: Timestamp,
    /// The unit.
    pub unit: String,
    /// The commit that asked for it; none for local files.
    pub commit: Option<String>,
    /// The fingerprint of the commit's signer.
    pub signer: Option<String>,
    /// The signer's name.
    pub principal: Option<String>,
    /// When the commit was admitted.
    pub admitted: Option<Timestamp>,
    /// What let its file be what it is, or why that cannot be told; none where no commit asks for it, or nobody looked.
    pub declared: Option<Result<Declared, String>>,
    /// The revision before.
    pub from: Option<SpecHash>,
    /// The revision since; none if it was removed.
    pub to: Option<SpecHash>,
    /// Pods asked for.
    pub replicas: u32,
    /// What differs between the two revisions, by name.
    pub changed: Vec<String>,
    /// Fields that rules of the settings leave alone.
    pub left: Vec<String>,
}

/// A step that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// When it began.
    pub at: Timestamp,
    /// When it ended; none if it has not.
    pub ended: Option<Timestamp>,
    /// The object.
    pub object: ObjectId,
    /// The record of its intent.
    pub intent: RecordId,
    /// What kind of step.
    pub verb: &'static str,
    /// The pod, where it is about one.
    pub pod: Option<String>,
    /// Why.
    pub why: String,
    /// What for.
    pub cause: Cause,
    /// The commit that asked for it.
    pub commit: Option<String>,
    /// The revision before.
    pub from: Option<SpecHash>,
    /// The revision since.
    pub to: Option<SpecHash>,
    /// What came of it; none if it has not ended.
    pub outcome: Option<Outcome>,
}

impl Story {
    /// True if no record tells of the object.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.change.is_none() && self.steps.is_empty() && self.notes.is_empty()
    }

    /// Adds who signed the commit of the change, by the records of that commit.
    pub fn name_signer(&mut self, records: &[Record]) {
        let Some(change) = &mut self.change else { return };
        for record in records {
            if let Event::Trust(TrustEvent::Admitted { source: _, commit: _, signer, principal, allowed: _ }) =
                &record.event
            {
                change.signer = Some(signer.clone());
                change.principal.clone_from(principal);
                change.admitted = Some(record.at);
            }
        }
    }
}

/// What the records of one object come to: its last change, and what was done for that and since.
#[must_use]
pub fn tell(object: ObjectId, records: &[Record]) -> Story {
    let held: Vec<usize> = (0..records.len()).filter(|at| is_change(records.get(*at))).collect();
    let change = held.last().and_then(|at| change(records.get(*at)?));
    // The steps for a change come before it is held, and after whatever was held before.
    let start = held.len().checked_sub(2).and_then(|before| held.get(before)).map_or(0, |before| before + 1);
    let since = records.get(start..).unwrap_or_default();
    let note = |record: &Record| is_note(record).then(|| (record.at, event::told(&record.event).text));
    let notes = since.iter().filter_map(note).collect();
    let steps = steps(since);
    Story { object, change, steps, notes }
}

/// The steps that records tell of, each with what came of it.
#[must_use]
pub fn steps(records: &[Record]) -> Vec<Taken> {
    let mut steps: Vec<Taken> = Vec::new();
    let mut begun: BTreeMap<RecordId, usize> = BTreeMap::new();
    for record in records {
        let Event::Work(work) = &record.event else { continue };
        if let WorkEvent::Intent { unit: _, commit, step } = work {
            begun.insert(record.id, steps.len());
            steps.push(Taken {
                at: record.at,
                ended: None,
                object: step.object.clone(),
                intent: record.id,
                verb: step.verb.name(),
                pod: step.pod.clone(),
                why: step.why.clone(),
                cause: step.cause,
                commit: commit.clone(),
                from: step.from.clone(),
                to: step.to.clone(),
                outcome: None,
            });
        }
        if let WorkEvent::Outcome { intent, unit: _, commit: _, object: _, pod: _, outcome } = work
            && let Some(step) = begun.get(intent).and_then(|at| steps.get_mut(*at))
        {
            (step.outcome, step.ended) = (Some(outcome.clone()), Some(record.at));
        }
    }
    steps
}

/// True for what a reader of the steps must know beside them.
fn is_note(record: &Record) -> bool {
    let Event::Work(work) = &record.event else { return false };
    match work {
        WorkEvent::Refused { .. }
        | WorkEvent::Failed { .. }
        | WorkEvent::Drift { .. }
        | WorkEvent::ImagePulled { .. }
        | WorkEvent::BackupMade { .. }
        | WorkEvent::Outputs { .. }
        | WorkEvent::ProbeRestart { .. } => true,
        WorkEvent::Intent { .. }
        | WorkEvent::Outcome { .. }
        | WorkEvent::Held { .. }
        | WorkEvent::Released { .. }
        | WorkEvent::PassEnded { .. } => false,
    }
}

fn is_change(record: Option<&Record>) -> bool {
    matches!(record.map(|record| &record.event), Some(Event::Work(WorkEvent::Held { .. } | WorkEvent::Released { .. })))
}

/// The change that a record tells of.
#[must_use]
pub fn change(record: &Record) -> Option<Change> {
    let base = Change {
        at: record.at,
        unit: String::new(),
        commit: None,
        signer: None,
        principal: None,
        admitted: None,
        declared: None,
        from: None,
        to: None,
        replicas: 0,
        changed: Vec::new(),
        left: Vec::new(),
    };
    match &record.event {
        Event::Work(WorkEvent::Held { unit, commit, object: _, from, to, replicas, changed }) => Some(Change {
            unit: unit.clone(),
            commit: commit.clone(),
            from: from.clone(),
            to: Some(to.clone()),
            replicas: *replicas,
            changed: changed.clone(),
            ..base
        }),
        Event::Work(WorkEvent::Released { unit, object: _ }) => Some(Change { unit: unit.clone(), ..base }),
        Event::Agent(_) | Event::Trust(_) | Event::Work(_) | Event::Operator(_) | Event::Report(_) => None,
    }
}

/// For programs.
#[must_use]
pub fn document(story: &Story) -> Value {
    let Story { object, change, steps, notes } = story;
    let change = change.as_ref().map(|change| {
        let Change { at, unit, commit, signer, principal, admitted: _, declared, from, to, replicas, changed, left } =
            change;
        let declared = declared.as_ref().map(|declared| match declared {
            Ok(declared) => declared.document(),
            Err(why) => json!({"unknown": why}),
        });
        json!({
            "at": at.to_string(), "unit": unit, "commit": commit, "signer": signer, "principal": principal,
            "from": hash(from.as_ref()), "to": hash(to.as_ref()), "replicas": replicas, "changed": changed,
            "declared": declared, "left_alone": left,
        })
    });
    let steps: Vec<Value> = steps.iter().map(step_document).collect();
    let notes: Vec<Value> = notes.iter().map(|(at, text)| json!({"at": at.to_string(), "text": text})).collect();
    json!({"schema": "writ/why/v1", "object": object.to_string(), "change": change, "steps": steps, "notes": notes})
}

/// A step for programs.
#[must_use]
pub fn step_document(step: &Taken) -> Value {
    let Taken { at, ended, object, intent, verb, pod, why, cause, commit, from, to, outcome } = step;
    json!({
        "at": at.to_string(), "ended": ended.map(|ended| ended.to_string()), "object": object.to_string(), "record": intent.0, "verb": verb, "pod": pod, "why": why, "cause": cause_name(*cause),
        "commit": commit, "from": hash(from.as_ref()), "to": hash(to.as_ref()),
        "outcome": outcome.as_ref().map(event::outcome),
    })
}

fn hash(hash: Option<&SpecHash>) -> Option<&str> {
    hash.map(SpecHash::as_str)
}

const fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Change => "change",
        Cause::Drift => "drift",
        Cause::None => "none",
    }
}

/// For people.
#[must_use]
pub fn text(story: &Story) -> String {
    let Story { object, change, steps, notes } = story;
    let mut text = format!("{object}\n");
    match change {
        Some(change) => text.push_str(&change_text(change, !object.kind.is_entrance())),
        None => text.push_str("  never brought to what was asked for\n"),
    }
    if !steps.is_empty() {
        text.push_str("  steps\n");
    }
    for step in steps {
        let Taken { at, ended: _, object: _, intent: _, verb, pod, why, cause, commit: _, from: _, to: _, outcome } =
            step;
        let pod = pod.as_ref().map(|pod| format!(" {pod}")).unwrap_or_default();
        let drift = if *cause == Cause::Drift { " (drift)" } else { "" };
        let outcome = outcome.as_ref().map_or_else(|| "not ended yet".to_owned(), event::outcome);
        text.push_str(&format!("    {}  {verb}{pod}: {why}{drift}: {outcome}\n", moment::shown(*at)));
    }
    if !notes.is_empty() {
        text.push_str("  notes\n");
    }
    for (at, note) in notes {
        text.push_str(&format!("    {}  {note}\n", moment::shown(*at)));
    }
    text
}

fn change_text(change: &Change, of_pods: bool) -> String {
    let Change { at, unit, commit, signer, principal, admitted: _, declared, from, to, replicas, changed, left } =
        change;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:9} {value}\n"));
    line("changed", &format!("{} by unit {unit}", moment::shown(*at)));
    line("commit", commit.as_deref().unwrap_or("none: local files"));
    match (signer, principal) {
        (Some(signer), Some(principal)) => line("signed", &format!("by {principal} with {signer}")),
        (Some(signer), None) => line("signed", &format!("with {signer}")),
        (None, _) if commit.is_some() => line("signed", "not known: the record holds no admission of this commit"),
        (None, _) => line("signed", "by nobody"),
    }
    match declared {
        Some(Ok(declared)) => declared.lines().iter().for_each(|(name, value)| line(name, value)),
        Some(Err(why)) => line("allowed", &format!("cannot be told any more: {why}")),
        None => {}
    }
    let asked = if of_pods { format!("; pods asked for: {replicas}") } else { String::new() };
    match to {
        Some(to) => line("revision", &format!("{}{asked}", hashes(from.as_ref(), Some(to)))),
        None => line("revision", "none: it was removed"),
    }
    if !changed.is_empty() {
        line("what", &changed.join(", "));
    }
    left.iter().for_each(|field| line("left", field));
    text
}
