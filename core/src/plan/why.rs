//! The reasons of steps, in words.
//!
//! Invariant: names, digests and images only; no value of a secret can come here, for parts hold none.

use std::collections::BTreeMap;

use super::world::{Subject, template_parts};
use crate::hash::SpecHash;
use crate::observed::{Alteration, ObservedPod, PodState};

/// Changes that one reason names; the rest is counted.
const CHANGES_SHOWN_MAX: usize = 3;

/// Longest text of a part that is shown as it is, in characters.
const PART_CHARACTERS_MAX: usize = 80;

/// Shortest run of hexadecimal digits that is taken for a digest and cut.
const DIGEST_DIGITS_MIN: usize = 32;

/// Why a pod of another revision must go: what changed since the last application, or else the two revisions.
pub(super) fn outdated(subject: &Subject<'_>, pod: &ObservedPod) -> String {
    let Some(runs) = &pod.revision else {
        return "what it was made from cannot be read from its labels".to_owned();
    };
    let wanted = &subject.workload.revision;
    let Some(held) = subject.held.filter(|held| held.revision == *runs) else {
        return revisions(runs, wanted);
    };
    let old = template_parts(&held.parts).collect();
    let new = template_parts(&subject.workload.parts).collect();
    changes(&old, &new).unwrap_or_else(|| revisions(runs, wanted))
}

fn revisions(from: &SpecHash, to: &SpecHash) -> String {
    format!("revision {} -> {}", from.short(), to.short())
}

/// What differs between two sets of named texts; none if nothing does.
pub(super) fn changes(old: &BTreeMap<&String, &String>, new: &BTreeMap<&String, &String>) -> Option<String> {
    let mut found: Vec<String> = Vec::new();
    for (name, before) in old {
        match new.get(name) {
            Some(after) if after == before => {}
            Some(after) => found.push(change(name, before, after)),
            None => found.push(format!("{name} removed")),
        }
    }
    found.extend(new.keys().filter(|name| !old.contains_key(*name)).map(|name| format!("{name} added")));
    found.sort();
    let rest = found.len().saturating_sub(CHANGES_SHOWN_MAX);
    found.truncate(CHANGES_SHOWN_MAX);
    if rest > 0 {
        found.push(format!("{rest} more"));
    }
    (!found.is_empty()).then(|| found.join(", "))
}

fn change(name: &str, before: &str, after: &str) -> String {
    match (digest(before), digest(after)) {
        (Some(before), Some(after)) => format!("{name} changed ({before}… -> {after}…)"),
        (None | Some(_), None | Some(_)) => format!("{name} {} -> {}", clip(before), clip(after)),
    }
}

/// The first digits of a text that is a digest (`9f2c…`, `sha256:9f2c…`, `1:9f2c…`).
fn digest(text: &str) -> Option<String> {
    let digits = text.rsplit_once(':').map_or(text, |(_, digits)| digits);
    let is_digest = digits.len() >= DIGEST_DIGITS_MIN && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| digits.chars().take(8).collect())
}

fn clip(text: &str) -> String {
    if text.chars().count() <= PART_CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(PART_CHARACTERS_MAX).chain(['…']).collect()
}

/// What a container that does not run is doing.
pub(super) fn state(state: &PodState) -> String {
    match state {
        PodState::Created => "made but never started".to_owned(),
        PodState::Running => "running".to_owned(),
        PodState::Paused => "paused".to_owned(),
        PodState::Restarting => "restarting".to_owned(),
        PodState::Exited { code, ailment: Some(ailment) } => format!("exited with code {code}, {ailment}"),
        PodState::Exited { code, ailment: None } => format!("exited with code {code}"),
        PodState::Dead => "its container is dead".to_owned(),
    }
}

/// What a person changed about a pod.
pub(super) fn alterations(altered: &[Alteration]) -> String {
    let words: Vec<String> = altered.iter().map(alteration).collect();
    words.join(", ")
}

fn alteration(altered: &Alteration) -> String {
    match altered {
        Alteration::Renamed(name) => format!("renamed to {name}"),
        Alteration::Disconnected => "taken off the network".to_owned(),
        Alteration::Part(text) => text.clone(),
        Alteration::Lingers => "what stood beside its main containers goes on".to_owned(),
        Alteration::Field(text) => format!("altered: {text}"),
    }
}

/// `volume a kept`, `volumes a, b kept`; empty without volumes.
pub(super) fn kept_volumes(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("; volume {one} kept"),
        more => format!("; volumes {} kept", more.join(", ")),
    }
}
