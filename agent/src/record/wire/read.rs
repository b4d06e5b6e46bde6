//! Events from their stored form.

use std::collections::BTreeMap;

use serde_json::Value;
use writ_core::hash::SpecHash;
use writ_core::model::{BucketRef, ObjectId, Scope};
use writ_core::plan::{Cause, Fix, Verb};
use writ_core::status::State;
use writ_core::time::Timestamp;

use super::write::fix_name;
use super::{ALLOWED, KEY_MADE, KEY_REPLACED, KEY_ROTATED, Row, VERSION};
use crate::record::event::{AgentEvent, Event, OperatorEvent, ReportEvent, TrustEvent, WorkEvent};
use crate::record::{ActRecord, Allowed, Outcome, RecordId, StepRecord};

type Read<T> = Result<T, String>;

/// The event of a stored row, or what about it is not understood.
pub(in crate::record) fn read(row: &Row) -> Read<Event> {
    let body: Value = serde_json::from_str(&row.body).map_err(|error| format!("its body is no JSON: {error}"))?;
    let from = Stored { row, body: &body };
    if from.number::<u64>("v")? != VERSION {
        return Err("its body is of a newer form; run the newer writ".to_owned());
    }
    let kind = row.kind.as_str();
    if let Some(event) = agent(kind, &from)? {
        return Ok(event.into());
    }
    if let Some(event) = trust(kind, &from)? {
        return Ok(event.into());
    }
    if let Some(event) = work(kind, &from)? {
        return Ok(event.into());
    }
    if let Some(event) = operator(kind, &from)? {
        return Ok(event.into());
    }
    if let Some(event) = report(kind, &from)? {
        return Ok(event.into());
    }
    Err(format!("there is no kind called {kind}"))
}

/// The columns and the body of a row, with a name for whatever is missing.
struct Stored<'a> {
    row: &'a Row,
    body: &'a Value,
}

impl Stored<'_> {
    fn unit(&self) -> Read<String> {
        self.row.unit.clone().ok_or_else(|| "it names no unit".to_owned())
    }

    fn commit(&self) -> Read<String> {
        self.row.commit.clone().ok_or_else(|| "it names no commit".to_owned())
    }

    fn maybe_commit(&self) -> Option<String> {
        self.row.commit.clone()
    }

    fn object(&self) -> Read<ObjectId> {
        self.maybe_object()?.ok_or_else(|| "it names no object".to_owned())
    }

    fn maybe_object(&self) -> Read<Option<ObjectId>> {
        let text = self.row.object.as_deref();
        text.map(|text| ObjectId::parse(text).ok_or_else(|| format!("{text} is no object"))).transpose()
    }

    fn pod(&self) -> Read<String> {
        self.row.pod.clone().ok_or_else(|| "it names no pod".to_owned())
    }

    fn maybe_pod(&self) -> Option<String> {
        self.row.pod.clone()
    }

    fn value(&self, name: &str) -> Read<&Value> {
        self.body.get(name).ok_or_else(|| format!("its body has no `{name}`"))
    }

    fn text(&self, name: &str) -> Read<String> {
        let value = self.value(name)?.as_str();
        value.map(str::to_owned).ok_or_else(|| format!("`{name}` of its body is no text"))
    }

    fn maybe_text(&self, name: &str) -> Read<Option<String>> {
        if self.value(name)?.is_null() { Ok(None) } else { self.text(name).map(Some) }
    }

    fn texts(&self, name: &str) -> Read<Vec<String>> {
        let list = self.value(name)?.as_array().and_then(|list| {
            list.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        });
        list.ok_or_else(|| format!("`{name}` of its body is no list of texts"))
    }

    fn named(&self, name: &str) -> Read<BTreeMap<String, String>> {
        let map = self.value(name)?.as_object().and_then(|map| {
            let entries = map.iter().map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            entries.collect::<Option<BTreeMap<String, String>>>()
        });
        map.ok_or_else(|| format!("`{name}` of its body is no map of texts"))
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Read<T> {
        let value = self.value(name)?.as_i64().and_then(|value| T::try_from(value).ok());
        value.ok_or_else(|| format!("`{name}` of its body is no fitting number"))
    }

    fn flag(&self, name: &str) -> Read<bool> {
        self.value(name)?.as_bool().ok_or_else(|| format!("`{name}` of its body is neither true nor false"))
    }

    fn maybe_hash(&self, name: &str) -> Read<Option<SpecHash>> {
        let text = self.maybe_text(name)?;
        text.map(|text| SpecHash::parse(&text).ok_or_else(|| format!("`{name}` of its body is no hash"))).transpose()
    }

    fn state(&self) -> Read<State> {
        State::parse(&self.text("state")?).ok_or_else(|| "`state` of its body is no state".to_owned())
    }

    fn bucket(&self) -> Read<BucketRef> {
        Ok(BucketRef { scope: Scope(self.text("scope")?), name: self.maybe_text("name")? })
    }
}

fn agent(kind: &str, from: &Stored<'_>) -> Read<Option<AgentEvent>> {
    Ok(Some(match kind {
        "store-made" => AgentEvent::StoreMade { id: from.text("id")?, schema: from.number("schema")? },
        "store-migrated" => AgentEvent::StoreMigrated { from: from.number("from")?, to: from.number("to")? },
        "agent-started" => AgentEvent::Started {
            version: from.text("version")?,
            process: from.number("process")?,
            host: from.text("host")?,
        },
        "agent-stopped" => AgentEvent::Stopped { reason: from.text("reason")? },
        KEY_MADE => AgentEvent::HostKeyMade { host: from.text("host")?, key: from.text("key")? },
        KEY_ROTATED => AgentEvent::HostKeyRotated {
            host: from.text("host")?,
            from: from.text("from")?,
            to: from.text("to")?,
            signature: from.text("signature")?,
        },
        KEY_REPLACED => AgentEvent::HostKeyReplaced {
            host: from.text("host")?,
            from: from.text("from")?,
            to: from.text("to")?,
            owner: from.text("owner")?,
            reason: from.text("reason")?,
        },
        _ => return Ok(None),
    }))
}

fn trust(kind: &str, from: &Stored<'_>) -> Read<Option<TrustEvent>> {
    let source = || from.text("source");
    Ok(Some(match kind {
        "enrolled" => TrustEvent::Enrolled { source: source()?, commit: from.commit()?, signer: from.text("signer")? },
        "admitted" => TrustEvent::Admitted {
            source: source()?,
            commit: from.commit()?,
            signer: from.text("signer")?,
            principal: from.maybe_text("principal")?,
            allowed: allowed(from)?,
        },
        "commit-refused" => TrustEvent::Refused {
            source: source()?,
            commit: from.commit()?,
            culprit: from.maybe_text("culprit")?,
            reason: from.text("reason")?,
            detail: from.text("detail")?,
        },
        "commit-unchecked" => {
            TrustEvent::Unchecked { source: source()?, commit: from.maybe_commit(), detail: from.text("detail")? }
        }
        "floor-set" => TrustEvent::FloorSet { source: source()?, from: from.maybe_text("from")?, to: from.commit()? },
        "split-view" => TrustEvent::SplitView {
            source: source()?,
            host: from.text("host")?,
            head: from.text("head")?,
            own: from.commit()?,
            detail: from.text("detail")?,
        },
        "rewound" => TrustEvent::Rewound {
            source: source()?,
            from: from.text("from")?,
            to: from.commit()?,
            statement: from.text("statement")?,
            signers: from.texts("signers")?,
        },
        _ => return Ok(None),
    }))
}

fn allowed(from: &Stored<'_>) -> Read<Vec<Allowed>> {
    let Some(list) = from.body.get(ALLOWED) else { return Ok(Vec::new()) };
    let list = list.as_array().ok_or_else(|| format!("`{ALLOWED}` of its body is no list"))?;
    let one = |body: &Value| {
        let from = Stored { row: from.row, body };
        Ok(Allowed {
            parent: from.text("parent")?,
            rules: from.texts("rules")?,
            people: from.texts("people")?,
            approvals: from.texts("approvals")?,
            paths: from.texts("paths")?,
            more: from.number("more")?,
        })
    };
    list.iter().map(one).collect()
}

fn work(kind: &str, from: &Stored<'_>) -> Read<Option<WorkEvent>> {
    let (unit, commit, pod) = (|| from.unit(), from.maybe_commit(), from.maybe_pod());
    let detail = || from.text("detail");
    Ok(Some(match kind {
        "intent" => WorkEvent::Intent { unit: unit()?, commit, step: step(from)? },
        "outcome" => WorkEvent::Outcome {
            intent: RecordId(from.number("intent")?),
            unit: unit()?,
            commit,
            object: from.object()?,
            pod,
            outcome: outcome(from)?,
        },
        "held" => WorkEvent::Held {
            unit: unit()?,
            commit,
            object: from.object()?,
            from: from.maybe_hash("from")?,
            to: from.maybe_hash("to")?.ok_or("it names no revision")?,
            replicas: from.number("replicas")?,
            changed: from.texts("changed")?,
        },
        "released" => WorkEvent::Released { unit: unit()?, object: from.object()? },
        "refused" => WorkEvent::Refused {
            unit: unit()?,
            commit,
            object: from.maybe_object()?,
            pod,
            rule: from.text("rule")?,
            detail: detail()?,
        },
        "failed" => WorkEvent::Failed { unit: unit()?, commit, object: from.maybe_object()?, pod, detail: detail()? },
        "drift" => WorkEvent::Drift { unit: unit()?, commit, object: from.object()?, pod, detail: detail()? },
        "image-pulled" => WorkEvent::ImagePulled {
            unit: unit()?,
            commit,
            object: from.object()?,
            pod: from.pod()?,
            image: from.text("image")?,
            digest: from.text("digest")?,
        },
        "backup-made" => WorkEvent::BackupMade {
            unit: unit()?,
            commit,
            object: from.object()?,
            pod,
            volume: from.text("volume")?,
            file: from.text("file")?,
            digest: from.text("digest")?,
            bytes: from.number("bytes")?,
            in_motion: from.flag("in_motion")?,
        },
        WorkEvent::OUTPUTS => WorkEvent::Outputs {
            unit: unit()?,
            commit,
            object: from.object()?,
            resource: from.text("resource")?,
            values: from.named("values")?,
        },
        "probe-restart" => WorkEvent::ProbeRestart {
            unit: unit()?,
            object: from.object()?,
            pod: from.pod()?,
            container: from.text("container")?,
            detail: detail()?,
        },
        "pass-ended" => WorkEvent::PassEnded { unit: unit()?, commit, state: from.state()?, text: from.text("text")? },
        _ => return Ok(None),
    }))
}

fn outcome(from: &Stored<'_>) -> Read<Outcome> {
    match from.text("outcome")?.as_str() {
        "ok" => Ok(Outcome::Ok),
        "failed" => from.text("detail").map(Outcome::Failed),
        "unknown" => Ok(Outcome::Unknown),
        other => Err(format!("{other} is no outcome")),
    }
}

fn step(from: &Stored<'_>) -> Read<StepRecord> {
    const VERBS: [Verb; 8] =
        [Verb::Create, Verb::Start, Verb::Replace, Verb::Update, Verb::Scale, Verb::Remove, Verb::Keep, Verb::Refuse];
    let verb = from.text("verb")?;
    let cause = from.text("cause")?;
    Ok(StepRecord {
        verb: VERBS.into_iter().find(|known| known.name() == verb).ok_or_else(|| format!("{verb} is no verb"))?,
        object: from.object()?,
        pod: from.maybe_pod(),
        why: from.text("why")?,
        cause: match cause.as_str() {
            "change" => Cause::Change,
            "drift" => Cause::Drift,
            "none" => Cause::None,
            other => return Err(format!("{other} is no cause")),
        },
        from: from.maybe_hash("from")?,
        to: from.maybe_hash("to")?,
        act: act(from)?,
    })
}

fn act(from: &Stored<'_>) -> Read<ActRecord> {
    let container = || from.text("container");
    Ok(match from.text("act")?.as_str() {
        "nothing" => ActRecord::Nothing,
        "create-network" => ActRecord::CreateNetwork,
        "create-volume" => ActRecord::CreateVolume { volume: from.text("volume")? },
        "back-up" => ActRecord::BackUp { volume: from.text("volume")?, directory: from.text("directory")? },
        "create-pod" => ActRecord::CreatePod { images: from.texts("images")? },
        "start-pod" => ActRecord::StartPod { container: container()? },
        "mend-pod" => ActRecord::MendPod { container: container()?, fixes: fixes(&from.texts("fixes")?)? },
        "replace-pod" => ActRecord::ReplacePod { container: container()?, images: from.texts("images")? },
        "remove-pod" => ActRecord::RemovePod { container: container()? },
        "remove-volume" => ActRecord::RemoveVolume { volume: from.text("volume")? },
        "serve" => ActRecord::Serve { routes: from.text("routes")? },
        "apply-object" => ActRecord::ApplyObject { taken: from.texts("taken")? },
        "delete-object" => ActRecord::DeleteObject { uid: from.text("uid")?, orphan: from.flag("orphan")? },
        other => return Err(format!("{other} is no act")),
    })
}

fn fixes(names: &[String]) -> Read<Vec<Fix>> {
    let known = [Fix::Rename, Fix::Connect, Fix::Unpause, Fix::Parts, Fix::End];
    let fix = |name: &String| known.into_iter().find(|fix| fix_name(*fix) == name);
    names.iter().map(|name| fix(name).ok_or_else(|| format!("{name} is no mend"))).collect()
}

fn operator(kind: &str, from: &Stored<'_>) -> Read<Option<OperatorEvent>> {
    let owner = || from.text("owner");
    Ok(Some(match kind {
        "suspended" => OperatorEvent::Suspended {
            unit: from.unit()?,
            owner: owner()?,
            reason: from.text("reason")?,
            until: match from.value("until")?.is_null() {
                true => None,
                false => Some(Timestamp(from.number("until")?)),
            },
        },
        "resumed" => OperatorEvent::Resumed { unit: from.unit()?, owner: from.maybe_text("owner")? },
        "overridden" => OperatorEvent::Overridden {
            unit: from.unit()?,
            object: from.maybe_object()?,
            owner: owner()?,
            rule: from.text("rule")?,
            reason: from.text("reason")?,
        },
        "unsigned-apply" => {
            OperatorEvent::UnsignedApply { unit: from.unit()?, owner: owner()?, path: from.text("path")? }
        }
        "pruned" => OperatorEvent::Pruned {
            unit: from.row.unit.clone(),
            object: from.object()?,
            owner: owner()?,
            volumes: from.texts("volumes")?,
        },
        "volume-backed-up" => OperatorEvent::VolumeBackedUp {
            unit: from.unit()?,
            volume: from.text("volume")?,
            owner: owner()?,
            digest: from.text("digest")?,
            bytes: from.number("bytes")?,
            in_motion: from.flag("in_motion")?,
        },
        "volume-restoring" => OperatorEvent::VolumeRestoring {
            unit: from.unit()?,
            volume: from.text("volume")?,
            owner: owner()?,
            digest: from.text("digest")?,
            replaces: from.flag("replaces")?,
        },
        "volume-restored" => OperatorEvent::VolumeRestored {
            unit: from.unit()?,
            volume: from.text("volume")?,
            owner: owner()?,
            digest: from.text("digest")?,
        },
        "volume-destroyed" => {
            OperatorEvent::VolumeDestroyed { unit: from.unit()?, volume: from.text("volume")?, owner: owner()? }
        }
        "config-set" => {
            OperatorEvent::ConfigSet { bucket: from.bucket()?, key: from.text("key")?, digest: from.text("digest")? }
        }
        "config-unset" => OperatorEvent::ConfigUnset { bucket: from.bucket()?, key: from.text("key")? },
        _ => return Ok(None),
    }))
}

fn report(kind: &str, from: &Stored<'_>) -> Read<Option<ReportEvent>> {
    let (forge, context) = (|| from.text("forge"), || from.text("context"));
    // An alert may concern none.
    let commit = || from.maybe_commit().unwrap_or_default();
    Ok(Some(match kind {
        "status-enqueued" => ReportEvent::Enqueued {
            forge: forge()?,
            context: context()?,
            commit: commit(),
            state: from.state()?,
            text: from.text("text")?,
        },
        "status-sent" => {
            ReportEvent::Sent { forge: forge()?, context: context()?, commit: commit(), state: from.state()? }
        }
        "status-given-up" => ReportEvent::GivenUp {
            forge: forge()?,
            context: context()?,
            commit: commit(),
            state: from.state()?,
            reason: from.text("reason")?,
        },
        "forge-postponed" => ReportEvent::Postponed { forge: forge()?, reason: from.text("reason")? },
        _ => return Ok(None),
    }))
}
