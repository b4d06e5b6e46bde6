//! A commit: who let it in, what it did here, and what became of it.

use serde_json::{Value, json};
use writ_core::time::Timestamp;

use super::history;
use super::why::{self, Taken};
use crate::record::{Allowed, Event, Record, TrustEvent, WorkEvent};

/// What the journal tells of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The commit.
    pub commit: String,
    /// How it was judged, the last word last.
    pub judgements: Vec<Judgement>,
    /// Steps that were taken for it.
    pub steps: Vec<Taken>,
    /// How passes over it ended, whenever that was another way than before.
    pub ends: Vec<End>,
    /// All records about it, oldest first.
    pub records: Vec<Record>,
}

/// How a commit was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// When.
    pub at: Timestamp,
    /// The source that offered it.
    pub source: String,
    /// What was found.
    pub verdict: Verdict,
}

/// What was found of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was let in.
    Admitted {
        /// The fingerprint of its signer.
        signer: String,
        /// The signer's name.
        principal: Option<String>,
        /// What let it change its paths; nothing where no rules of trust were asked.
        allowed: Vec<Allowed>,
    },
    /// It was not.
    Refused {
        /// The code of the reason.
        reason: String,
        /// The reason in words.
        detail: String,
    },
    /// It could not be found out.
    Unchecked {
        /// What failed.
        detail: String,
    },
}

/// How a pass over a unit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// The unit.
    pub unit: String,
    /// The name of the state.
    pub state: &'static str,
    /// What and how many.
    pub text: String,
}

/// What records about a commit come to; none if there are none.
#[must_use]
pub fn tell(commit: &str, records: Vec<Record>) -> Option<Entry> {
    if records.is_empty() {
        return None;
    }
    let judgements = records.iter().filter_map(judgement).collect();
    let ends = records.iter().filter_map(end).collect();
    Some(Entry { commit: commit.to_owned(), judgements, steps: why::steps(&records), ends, records })
}

fn judgement(record: &Record) -> Option<Judgement> {
    let Event::Trust(event) = &record.event else { return None };
    let (source, verdict) = match event {
        TrustEvent::Admitted { source, commit: _, signer, principal, allowed } => {
            let (signer, principal, allowed) = (signer.clone(), principal.clone(), allowed.clone());
            (source, Verdict::Admitted { signer, principal, allowed })
        }
        TrustEvent::Refused { source, commit: _, culprit: _, reason, detail } => {
            (source, Verdict::Refused { reason: reason.clone(), detail: detail.clone() })
        }
        TrustEvent::Unchecked { source, commit: _, detail } => (source, Verdict::Unchecked { detail: detail.clone() }),
        TrustEvent::Enrolled { .. }
        | TrustEvent::FloorSet { .. }
        | TrustEvent::Rewound { .. }
        | TrustEvent::SplitView { .. } => return None,
    };
    Some(Judgement { at: record.at, source: source.clone(), verdict })
}

fn end(record: &Record) -> Option<End> {
    let Event::Work(WorkEvent::PassEnded { unit, commit: _, state, text }) = &record.event else { return None };
    Some(End { at: record.at, unit: unit.clone(), state: state.name(), text: text.clone() })
}

/// For programs.
///
/// # Errors
/// If what is stored of a record is no JSON.
pub fn document(entry: &Entry) -> Result<Value, serde_json::Error> {
    let Entry { commit, judgements, steps, ends, records } = entry;
    let judgement = |judgement: &Judgement| {
        let Judgement { at, source, verdict } = judgement;
        let by = |it: &Allowed| {
            let Allowed { parent, rules, people, approvals, paths, more } = it;
            json!({
                "parent": parent, "rules": rules, "people": people, "approvals": approvals, "paths": paths,
                "paths_beyond": more,
            })
        };
        let (name, signer, principal, allowed, reason, detail) = match verdict {
            Verdict::Admitted { signer, principal, allowed } => {
                ("admitted", Some(signer), principal.as_ref(), allowed.as_slice(), None, None)
            }
            Verdict::Refused { reason, detail } => ("refused", None, None, [].as_slice(), Some(reason), Some(detail)),
            Verdict::Unchecked { detail } => ("unchecked", None, None, [].as_slice(), None, Some(detail)),
        };
        json!({
            "at": at.to_string(), "source": source, "verdict": name, "signer": signer, "principal": principal,
            "allowed": allowed.iter().map(by).collect::<Vec<_>>(), "reason": reason, "detail": detail,
        })
    };
    let end = |end: &End| {
        let End { at, unit, state, text } = end;
        json!({"at": at.to_string(), "unit": unit, "state": state, "text": text})
    };
    Ok(json!({
        "schema": "writ/commit/v1", "commit": commit, "judgements": judgements.iter().map(judgement).collect::<Vec<_>>(),
        "steps": steps.iter().map(why::step_document).collect::<Vec<_>>(), "ends": ends.iter().map(end).collect::<Vec<_>>(),
        "records": records.iter().map(history::document).collect::<Result<Vec<_>, _>>()?,
    }))
}
