//! Records of the journal as lines for people.
//!
//! Invariant: every kind of event is told with all that it holds; identifiers of the engine are shortened.

use crate::record::{
    AgentEvent, Event, HostKey, OperatorEvent, Outcome, ReportEvent, StepRecord, TrustEvent, WorkEvent,
};
use writ_core::hash::SpecHash;
use writ_core::model::{BucketRef, ObjectId};

use super::moment;

/// What an event is about, and what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// About what: an object, a pod, a unit, a source, the host.
    pub about: String,
    /// What.
    pub text: String,
}

/// Digits of a commit that people read.
const COMMIT_DIGITS: usize = 12;

/// The first digits of a commit.
#[must_use]
pub fn short_commit(commit: &str) -> &str {
    commit.get(..COMMIT_DIGITS).unwrap_or(commit)
}

/// ` (commit 0123…)`, or that there is none.
fn by(commit: Option<&String>) -> String {
    match commit {
        Some(commit) => format!(" (commit {})", short_commit(commit)),
        None => " (local files)".to_owned(),
    }
}

/// `1:9f2c… -> 1:77a0…`, as far as both are known.
#[must_use]
pub fn hashes(from: Option<&SpecHash>, to: Option<&SpecHash>) -> String {
    match (from, to) {
        (Some(from), Some(to)) if from == to => to.short().to_owned(),
        (Some(from), Some(to)) => format!("{} -> {}", from.short(), to.short()),
        (None, Some(to)) => format!("{}, new", to.short()),
        (Some(from), None) => format!("{} -> none", from.short()),
        (None, None) => String::new(),
    }
}

fn of(object: Option<&ObjectId>, pod: Option<&String>, unit: &str) -> String {
    match (pod, object) {
        (Some(pod), _) => pod.clone(),
        (None, Some(object)) => object.to_string(),
        (None, None) => unit.to_owned(),
    }
}

fn bucket_name(bucket: &BucketRef) -> String {
    match &bucket.name {
        Some(name) => format!("bucket {}/{name}", bucket.scope),
        None => format!("bucket {}", bucket.scope),
    }
}

/// What an event tells.
#[must_use]
pub fn told(event: &Event) -> Told {
    let (about, text) = match event {
        Event::Agent(event) => agent(event),
        Event::Trust(event) => trust(event),
        Event::Work(event) => work(event),
        Event::Operator(event) => operator(event),
        Event::Report(event) => report(event),
    };
    Told { about, text }
}

fn agent(event: &AgentEvent) -> (String, String) {
    let text = match event {
        AgentEvent::StoreMade { id, schema } => format!("record {id} begins (schema {schema})"),
        AgentEvent::StoreMigrated { from, to } => format!("record moved from schema {from} to {to}"),
        AgentEvent::Started { version, process, host } => {
            format!("agent {version} started as process {process} on {host}")
        }
        AgentEvent::Stopped { reason } => format!("agent stopped: {reason}"),
        AgentEvent::HostKeyMade { host, key } => format!("host key of {host} made: {}", fingerprint(key)),
        AgentEvent::HostKeyRotated { host, from, to, signature: _ } => {
            format!("host key of {host} rotated: {} -> {}, signed by the old one", fingerprint(from), fingerprint(to))
        }
        AgentEvent::HostKeyReplaced { host, from, to, owner, reason } => format!(
            "host key of {host} REPLACED by {owner}, not signed by the old one: {} -> {}: {reason}",
            fingerprint(from),
            fingerprint(to)
        ),
    };
    ("host".to_owned(), text)
}

/// The fingerprint of a host key, or the text that is none.
fn fingerprint(key: &str) -> String {
    HostKey::parse(key).map_or_else(|| key.to_owned(), |key| key.fingerprint())
}

fn trust(event: &TrustEvent) -> (String, String) {
    match event {
        TrustEvent::Enrolled { source, commit, signer } => {
            (source.clone(), format!("enrolled: trust begins at commit {} of {signer}", short_commit(commit)))
        }
        TrustEvent::Admitted { source, commit, signer, principal, allowed: _ } => {
            let who = principal.as_ref().map_or_else(|| signer.clone(), |principal| format!("{principal}, {signer}"));
            (source.clone(), format!("admitted commit {} of {who}", short_commit(commit)))
        }
        // A detail that names the commit itself tells the whole story.
        TrustEvent::Refused { source, commit, culprit: _, reason: _, detail } if detail.contains(commit.as_str()) => {
            (source.clone(), format!("REFUSED: {detail}"))
        }
        TrustEvent::Refused { source, commit, culprit, reason, detail } => {
            let blamed = culprit.as_ref().filter(|culprit| *culprit != commit);
            let blamed = blamed.map(|culprit| format!(" because of {}", short_commit(culprit))).unwrap_or_default();
            (source.clone(), format!("REFUSED commit {}{blamed}: {reason}: {detail}", short_commit(commit)))
        }
        TrustEvent::Unchecked { source, commit, detail } => {
            let what = commit.as_ref().map_or_else(String::new, |commit| format!(" commit {}", short_commit(commit)));
            (source.clone(), format!("could not check{what}: {detail}"))
        }
        TrustEvent::FloorSet { source, from, to } => {
            let from = from.as_ref().map_or("none", |from| short_commit(from));
            (source.clone(), format!("floor {from} -> {}", short_commit(to)))
        }
        TrustEvent::SplitView { source, host: _, head: _, own, detail } => {
            (source.clone(), format!("SPLIT VIEW: {detail} ({})", short_commit(own)))
        }
        TrustEvent::Rewound { source, from, to, statement, signers } => {
            let (from, to, by) = (short_commit(from), short_commit(to), signers.join(", "));
            (source.clone(), format!("REWOUND: floor {from} -> {to} by {by}, statement {statement:.8}"))
        }
    }
}

fn work(event: &WorkEvent) -> (String, String) {
    match event {
        WorkEvent::Intent { unit, commit, step } => intent(unit, commit.as_ref(), step),
        WorkEvent::Outcome { intent, unit, commit: _, object, pod, outcome: result } => {
            (of(Some(object), pod.as_ref(), unit), format!("{} (record {intent})", outcome(result)))
        }
        WorkEvent::Held { unit: _, commit, object, from, to, replicas, changed } => {
            let what = if changed.is_empty() { String::new() } else { format!(": {}", changed.join(", ")) };
            let hashes = hashes(from.as_ref(), Some(to));
            let pods = match replicas {
                _ if object.kind.is_entrance() => String::new(),
                1 => "1 pod, ".to_owned(),
                _ => format!("{replicas} pods, "),
            };
            (object.to_string(), format!("as desired: {pods}revision {hashes}{what}{}", by(commit.as_ref())))
        }
        WorkEvent::Released { unit, object } => (object.to_string(), format!("no longer held by {unit}")),
        WorkEvent::Refused { unit, commit, object, pod, rule, detail } => {
            let text = format!("REFUSED by {rule}: {detail}{}", by(commit.as_ref()));
            (of(object.as_ref(), pod.as_ref(), unit), text)
        }
        WorkEvent::Failed { unit, commit, object, pod, detail } => {
            (of(object.as_ref(), pod.as_ref(), unit), format!("FAILED: {detail}{}", by(commit.as_ref())))
        }
        WorkEvent::Drift { unit, commit: _, object, pod, detail } => {
            (of(Some(object), pod.as_ref(), unit), format!("drift: {detail}"))
        }
        WorkEvent::ImagePulled { unit: _, commit: _, object: _, pod, image, digest } => {
            (pod.clone(), format!("pulled {image} ({digest})"))
        }
        WorkEvent::BackupMade { unit, commit: _, object, pod, volume, file, digest, bytes, in_motion } => {
            let how = if *in_motion { ", while something that is not ours ran with it" } else { "" };
            let text = format!("volume {volume} copied to {file}{how}: {bytes} bytes, sha256 {digest}");
            (of(Some(object), pod.as_ref(), unit), text)
        }
        WorkEvent::Outputs { unit: _, commit, object, resource, values } => {
            let values: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            (object.to_string(), format!("outputs of {resource}: {}{}", values.join(", "), by(commit.as_ref())))
        }
        WorkEvent::ProbeRestart { unit: _, object: _, pod, container, detail } => {
            (pod.clone(), format!("restarted {container}: {detail}"))
        }
        WorkEvent::PassEnded { unit, commit, state, text } => {
            (unit.clone(), format!("{}: {text}{}", state.name(), by(commit.as_ref())))
        }
    }
}

fn intent(unit: &str, commit: Option<&String>, step: &StepRecord) -> (String, String) {
    let StepRecord { verb, object, pod, why, cause: _, from, to, act: _ } = step;
    let hashes = hashes(from.as_ref(), to.as_ref());
    let hashes = if hashes.is_empty() { hashes } else { format!(" [{hashes}]") };
    (of(Some(object), pod.as_ref(), unit), format!("{}: {why}{hashes}{}", verb.name(), by(commit)))
}

/// What came of a step.
#[must_use]
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ok => "done".to_owned(),
        Outcome::Failed(why) => format!("FAILED: {why}"),
        Outcome::Unknown => "outcome unknown: the agent or the engine went away in between".to_owned(),
    }
}

fn operator(event: &OperatorEvent) -> (String, String) {
    match event {
        OperatorEvent::Suspended { unit, owner, reason, until } => {
            let end = until.map_or_else(String::new, |until| format!(" until {}", moment::shown(until)));
            (unit.clone(), format!("suspended by {owner}{end}: {reason}"))
        }
        OperatorEvent::Resumed { unit, owner } => {
            let who = owner.as_ref().map_or_else(|| "the suspension ran out".to_owned(), |owner| format!("by {owner}"));
            (unit.clone(), format!("resumed: {who}"))
        }
        OperatorEvent::Overridden { unit, object, owner, rule, reason } => {
            (of(object.as_ref(), None, unit), format!("{rule} set aside by {owner}: {reason}"))
        }
        OperatorEvent::UnsignedApply { unit, owner, path } => {
            (unit.clone(), format!("unsigned files from {path} applied by {owner}"))
        }
        OperatorEvent::Pruned { unit: _, object, owner, volumes } => {
            let volumes = if volumes.is_empty() { "no volume".to_owned() } else { volumes.join(", ") };
            (object.to_string(), format!("data destroyed by {owner}: {volumes}"))
        }
        OperatorEvent::VolumeBackedUp { unit: _, volume, owner, digest, bytes, in_motion } => {
            let how = if *in_motion { ", while a pod ran with it" } else { "" };
            (volume.clone(), format!("copied out by {owner}{how}: {bytes} bytes, sha256 {digest}"))
        }
        OperatorEvent::VolumeRestoring { unit: _, volume, owner, digest, replaces } => {
            let how = if *replaces { "what is on it goes" } else { "it is empty" };
            (volume.clone(), format!("being restored by {owner}, {how}: sha256 {digest}"))
        }
        OperatorEvent::VolumeRestored { unit: _, volume, owner, digest } => {
            (volume.clone(), format!("restored by {owner}: sha256 {digest}"))
        }
        OperatorEvent::VolumeDestroyed { unit: _, volume, owner } => {
            (volume.clone(), format!("data destroyed by {owner}"))
        }
        OperatorEvent::ConfigSet { bucket, key, digest: _ } => (bucket_name(bucket), format!("{key} set")),
        OperatorEvent::ConfigUnset { bucket, key } => (bucket_name(bucket), format!("{key} unset")),
    }
}

fn report(event: &ReportEvent) -> (String, String) {
    match event {
        ReportEvent::Enqueued { forge, context, commit, state, text } => {
            (context.clone(), format!("to tell {forge}: {}{}: {text}", state.name(), on(commit)))
        }
        ReportEvent::Sent { forge, context, commit, state } => {
            (context.clone(), format!("told {forge}: {}{}", state.name(), on(commit)))
        }
        ReportEvent::GivenUp { forge, context, commit, state, reason } => {
            let what = format!("{}{}", state.name(), on(commit));
            (context.clone(), format!("gave up telling {forge}: {what}: {reason}"))
        }
        ReportEvent::Postponed { forge, reason } => (forge.clone(), format!("told later: {reason}")),
    }
}

/// On which commit something is said; nothing where that is none.
fn on(commit: &str) -> String {
    if commit.is_empty() { String::new() } else { format!(" on {}", short_commit(commit)) }
}
