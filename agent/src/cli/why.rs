//! `writ why OBJECT`

use serde_json::{Value, json};
use writ::record::{Event, Filter, Outcome, Record, RecordId, Store, TrustEvent, WorkEvent};
use writ_core::cluster::IgnoreRule;
use writ_core::hash::SpecHash;
use writ_core::model::ObjectId;
use writ_core::plan::Cause;
use writ_core::time::Timestamp;

use super::event::{self, hashes};
use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::{grounds, moment, object};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The object (statefulset/data/pg)
    object: String,
}

/// What is known of the last change of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Story {
    object: ObjectId,
    change: Option<Change>,
    /// Steps taken for that change and since.
    steps: Vec<Taken>,
    /// Refusals, failures and drift since then.
    notes: Vec<(Timestamp, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    at: Timestamp,
    unit: String,
    commit: Option<String>,
    signer: Option<String>,
    principal: Option<String>,
    /// When the commit was admitted.
    admitted: Option<Timestamp>,
    /// What let its file be what it is, or why that cannot be told; none where no commit asks for it.
    declared: Option<Result<grounds::Declared, String>>,
    from: Option<SpecHash>,
    to: Option<SpecHash>,
    replicas: u32,
    changed: Vec<String>,
    /// Fields that rules of the settings leave alone.
    left: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Taken {
    at: Timestamp,
    intent: RecordId,
    verb: &'static str,
    pod: Option<String>,
    why: String,
    cause: Cause,
    commit: Option<String>,
    from: Option<SpecHash>,
    to: Option<SpecHash>,
    outcome: Option<Outcome>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let object = object::parse(&arguments.object)?;
    let store = host.store_read_only()?;
    let records = store.history(&Filter { object: Some(object.clone()), ..Filter::default() })?;
    let mut story = tell(object, &records);
    if story.change.is_none() && story.steps.is_empty() && story.notes.is_empty() {
        let message =
            format!("nothing is known of {}: no unit of this host ever held it or was refused it", story.object);
        return Err(Failure::message(message));
    }
    if let Some(change) = &mut story.change {
        name_signer(&store, change)?;
        if let (Some(commit), Some(_)) = (&change.commit, &change.to) {
            let admitted = change.admitted.unwrap_or(change.at);
            let by = (change.unit.as_str(), commit.as_str());
            change.left = left(host, &change.unit, &story.object)?;
            change.declared = Some(grounds::of_object(host, &store, &story.object, by, admitted)?);
        }
    }
    host.terminal.show(&document(&story), &text(&story))?;
    Ok(Exit::Success)
}

/// The fields of an object that rules of its unit leave alone, each with the rule.
fn left(host: &Host, unit: &str, object: &ObjectId) -> Result<Vec<String>, Failure> {
    let rules = host.settings()?.unit(unit).into_iter().flat_map(|unit| &unit.ignore);
    let of_rule = |rule: &IgnoreRule| -> Vec<String> {
        rule.fields.iter().map(|field| format!("{field} by {}", rule.written)).collect()
    };
    Ok(rules.filter(|rule| rule.is_about(object)).flat_map(of_rule).collect())
}

/// Adds who signed the commit of a change, as it was found when it was admitted.
fn name_signer(store: &Store, change: &mut Change) -> Result<(), Failure> {
    let Some(commit) = change.commit.clone() else { return Ok(()) };
    let admitted = store.history(&Filter { commit: Some(commit), ..Filter::default() })?;
    for record in admitted {
        if let Event::Trust(TrustEvent::Admitted { source: _, commit: _, signer, principal }) = record.event {
            change.signer = Some(signer);
            change.principal = principal;
            change.admitted = Some(record.at);
        }
    }
    Ok(())
}

/// What the records of one object come to: its last change, and what was done for that and since.
fn tell(object: ObjectId, records: &[Record]) -> Story {
    let held: Vec<usize> = (0..records.len()).filter(|at| is_change(records.get(*at))).collect();
    let change = held.last().and_then(|at| change(records.get(*at)?));
    // The steps for a change come before it is held, and after whatever was held before.
    let start = held.len().checked_sub(2).and_then(|before| held.get(before)).map_or(0, |before| before + 1);
    let mut steps: Vec<Taken> = Vec::new();
    let mut notes = Vec::new();
    for record in records.iter().skip(start) {
        let Event::Work(work) = &record.event else { continue };
        match work {
            WorkEvent::Intent { unit: _, commit, step } => steps.push(Taken {
                at: record.at,
                intent: record.id,
                verb: step.verb.name(),
                pod: step.pod.clone(),
                why: step.why.clone(),
                cause: step.cause,
                commit: commit.clone(),
                from: step.from.clone(),
                to: step.to.clone(),
                outcome: None,
            }),
            WorkEvent::Outcome { intent, unit: _, commit: _, object: _, pod: _, outcome } => {
                for step in steps.iter_mut().filter(|step| step.intent == *intent) {
                    step.outcome = Some(outcome.clone());
                }
            }
            WorkEvent::Refused { .. }
            | WorkEvent::Failed { .. }
            | WorkEvent::Drift { .. }
            | WorkEvent::ImagePulled { .. }
            | WorkEvent::BackupMade { .. }
            | WorkEvent::Outputs { .. }
            | WorkEvent::ProbeRestart { .. } => {
                notes.push((record.at, event::told(&record.event).text));
            }
            WorkEvent::Held { .. } | WorkEvent::Released { .. } | WorkEvent::PassEnded { .. } => {}
        }
    }
    Story { object, change, steps, notes }
}

fn is_change(record: Option<&Record>) -> bool {
    matches!(record.map(|record| &record.event), Some(Event::Work(WorkEvent::Held { .. } | WorkEvent::Released { .. })))
}

fn change(record: &Record) -> Option<Change> {
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

fn document(story: &Story) -> Value {
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

fn step_document(step: &Taken) -> Value {
    let Taken { at, intent, verb, pod, why, cause, commit, from, to, outcome } = step;
    json!({
        "at": at.to_string(), "record": intent.0, "verb": verb, "pod": pod, "why": why, "cause": cause_name(*cause),
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

fn text(story: &Story) -> String {
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
        let Taken { at, intent: _, verb, pod, why, cause, commit: _, from: _, to: _, outcome } = step;
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
