//! Events to their stored form.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use writ_core::hash::SpecHash;
use writ_core::model::{BucketRef, ObjectId};
use writ_core::plan::{Cause, Fix};

use super::{ALLOWED, KEY_MADE, KEY_REPLACED, KEY_ROTATED, Row, VERSION};
use crate::record::event::{AgentEvent, Event, OperatorEvent, ReportEvent, TrustEvent, WorkEvent};
use crate::record::{ActRecord, Allowed, Outcome, StepRecord};

/// The stored form of an event.
pub(in crate::record) fn write(event: &Event) -> Row {
    let draft = match event {
        Event::Agent(event) => agent(event),
        Event::Trust(event) => trust(event),
        Event::Work(event) => work(event),
        Event::Operator(event) => operator(event),
        Event::Report(event) => report(event),
    };
    let Draft { mut row, body } = draft;
    row.body = serde_json::to_string(&body).expect("a map of plain values can be written");
    row
}

/// A row under construction.
struct Draft {
    row: Row,
    body: BTreeMap<&'static str, Value>,
}

impl Draft {
    fn new(kind: &str) -> Self {
        Self { row: Row { kind: kind.to_owned(), ..Row::default() }, body: BTreeMap::from([("v", VERSION.into())]) }
    }

    fn unit(mut self, unit: &str) -> Self {
        self.row.unit = Some(unit.to_owned());
        self
    }

    fn commit(mut self, commit: Option<&String>) -> Self {
        self.row.commit = commit.cloned();
        self
    }

    fn object(mut self, object: Option<&ObjectId>) -> Self {
        self.row.object = object.map(ToString::to_string);
        self
    }

    fn pod(mut self, pod: Option<&String>) -> Self {
        self.row.pod = pod.cloned();
        self
    }

    fn put(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.body.insert(name, value.into());
        self
    }
}

fn agent(event: &AgentEvent) -> Draft {
    match event {
        AgentEvent::StoreMade { id, schema } => Draft::new("store-made").put("id", id.as_str()).put("schema", *schema),
        AgentEvent::StoreMigrated { from, to } => Draft::new("store-migrated").put("from", *from).put("to", *to),
        AgentEvent::Started { version, process, host } => Draft::new("agent-started")
            .put("version", version.as_str())
            .put("process", *process)
            .put("host", host.as_str()),
        AgentEvent::Stopped { reason } => Draft::new("agent-stopped").put("reason", reason.as_str()),
        AgentEvent::HostKeyMade { host, key } => {
            Draft::new(KEY_MADE).put("host", host.as_str()).put("key", key.as_str())
        }
        AgentEvent::HostKeyRotated { host, from, to, signature } => Draft::new(KEY_ROTATED)
            .put("host", host.as_str())
            .put("from", from.as_str())
            .put("to", to.as_str())
            .put("signature", signature.as_str()),
        AgentEvent::HostKeyReplaced { host, from, to, owner, reason } => Draft::new(KEY_REPLACED)
            .put("host", host.as_str())
            .put("from", from.as_str())
            .put("to", to.as_str())
            .put("owner", owner.as_str())
            .put("reason", reason.as_str()),
    }
}

fn trust(event: &TrustEvent) -> Draft {
    match event {
        TrustEvent::Enrolled { source, commit, signer } => {
            Draft::new("enrolled").commit(Some(commit)).put("source", source.as_str()).put("signer", signer.as_str())
        }
        TrustEvent::Admitted { source, commit, signer, principal, allowed: by } => {
            let draft = Draft::new("admitted")
                .commit(Some(commit))
                .put("source", source.as_str())
                .put("signer", signer.as_str())
                .put("principal", principal.clone());
            if by.is_empty() { draft } else { draft.put(ALLOWED, by.iter().map(allowed).collect::<Vec<_>>()) }
        }
        TrustEvent::Refused { source, commit, culprit, reason, detail } => Draft::new("commit-refused")
            .commit(Some(commit))
            .put("source", source.as_str())
            .put("culprit", culprit.clone())
            .put("reason", reason.as_str())
            .put("detail", detail.as_str()),
        TrustEvent::Unchecked { source, commit, detail } => Draft::new("commit-unchecked")
            .commit(commit.as_ref())
            .put("source", source.as_str())
            .put("detail", detail.as_str()),
        TrustEvent::FloorSet { source, from, to } => {
            Draft::new("floor-set").commit(Some(to)).put("source", source.as_str()).put("from", from.clone())
        }
        TrustEvent::SplitView { source, host, head, own, detail } => Draft::new("split-view")
            .commit(Some(own))
            .put("source", source.as_str())
            .put("host", host.as_str())
            .put("head", head.as_str())
            .put("detail", detail.as_str()),
        TrustEvent::Rewound { source, from, to, statement, signers } => Draft::new("rewound")
            .commit(Some(to))
            .put("source", source.as_str())
            .put("from", from.as_str())
            .put("statement", statement.as_str())
            .put("signers", signers.clone()),
    }
}

fn allowed(allowed: &Allowed) -> Value {
    let Allowed { parent, rules, people, approvals, paths, more } = allowed;
    json!({
        "approvals": approvals, "more": more, "parent": parent, "paths": paths, "people": people, "rules": rules,
    })
}

fn work(event: &WorkEvent) -> Draft {
    match event {
        WorkEvent::Intent { unit, commit, step: record } => step(record).unit(unit).commit(commit.as_ref()),
        WorkEvent::Outcome { intent, unit, commit, object, pod, outcome } => {
            let draft = Draft::new("outcome").unit(unit).commit(commit.as_ref()).object(Some(object)).pod(pod.as_ref());
            let draft = draft.put("intent", intent.0);
            match outcome {
                Outcome::Ok => draft.put("outcome", "ok"),
                Outcome::Failed(detail) => draft.put("outcome", "failed").put("detail", detail.as_str()),
                Outcome::Unknown => draft.put("outcome", "unknown"),
            }
        }
        WorkEvent::Held { unit, commit, object, from, to, replicas, changed } => {
            let draft = Draft::new("held").unit(unit).commit(commit.as_ref()).object(Some(object));
            let draft = draft.put("from", hash(from.as_ref())).put("to", to.as_str());
            draft.put("replicas", *replicas).put("changed", changed.clone())
        }
        WorkEvent::Released { unit, object } => Draft::new("released").unit(unit).object(Some(object)),
        WorkEvent::Refused { unit, commit, object, pod, rule, detail } => {
            let draft = Draft::new("refused").unit(unit).commit(commit.as_ref());
            draft.object(object.as_ref()).pod(pod.as_ref()).put("rule", rule.as_str()).put("detail", detail.as_str())
        }
        WorkEvent::Failed { unit, commit, object, pod, detail } => {
            let draft = Draft::new("failed").unit(unit).commit(commit.as_ref());
            draft.object(object.as_ref()).pod(pod.as_ref()).put("detail", detail.as_str())
        }
        WorkEvent::Drift { unit, commit, object, pod, detail } => {
            let draft = Draft::new("drift").unit(unit).commit(commit.as_ref()).object(Some(object));
            draft.pod(pod.as_ref()).put("detail", detail.as_str())
        }
        WorkEvent::ImagePulled { unit, commit, object, pod, image, digest } => {
            let draft = Draft::new("image-pulled").unit(unit).commit(commit.as_ref()).object(Some(object));
            draft.pod(Some(pod)).put("image", image.as_str()).put("digest", digest.as_str())
        }
        WorkEvent::BackupMade { unit, commit, object, pod, volume, file, digest, bytes, in_motion } => {
            let draft = Draft::new("backup-made").unit(unit).commit(commit.as_ref()).object(Some(object));
            let draft = draft.pod(pod.as_ref()).put("volume", volume.as_str()).put("file", file.as_str());
            draft.put("digest", digest.as_str()).put("bytes", *bytes).put("in_motion", *in_motion)
        }
        WorkEvent::Outputs { unit, commit, object, resource, values } => {
            let draft = Draft::new(WorkEvent::OUTPUTS).unit(unit).commit(commit.as_ref()).object(Some(object));
            let values = values.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
            draft.put("resource", resource.as_str()).put("values", values.collect::<Map<String, Value>>())
        }
        WorkEvent::ProbeRestart { unit, object, pod, container, detail } => {
            let draft = Draft::new("probe-restart").unit(unit).object(Some(object)).pod(Some(pod));
            draft.put("container", container.as_str()).put("detail", detail.as_str())
        }
        WorkEvent::PassEnded { unit, commit, state, text } => {
            let draft = Draft::new("pass-ended").unit(unit).commit(commit.as_ref());
            draft.put("state", state.name()).put("text", text.as_str())
        }
    }
}

fn step(record: &StepRecord) -> Draft {
    let StepRecord { verb, object, pod, why, cause, from, to, act } = record;
    let cause = match cause {
        Cause::Change => "change",
        Cause::Drift => "drift",
        Cause::None => "none",
    };
    let draft = Draft::new("intent").object(Some(object)).pod(pod.as_ref()).put("verb", verb.name());
    let draft = draft.put("why", why.as_str()).put("cause", cause);
    let draft = draft.put("from", hash(from.as_ref())).put("to", hash(to.as_ref()));
    match act {
        ActRecord::Nothing => draft.put("act", "nothing"),
        ActRecord::CreateNetwork => draft.put("act", "create-network"),
        ActRecord::CreateVolume { volume } => draft.put("act", "create-volume").put("volume", volume.as_str()),
        ActRecord::BackUp { volume, directory } => {
            draft.put("act", "back-up").put("volume", volume.as_str()).put("directory", directory.as_str())
        }
        ActRecord::CreatePod { images } => draft.put("act", "create-pod").put("images", images.clone()),
        ActRecord::StartPod { container } => draft.put("act", "start-pod").put("container", container.as_str()),
        ActRecord::MendPod { container, fixes } => {
            let fixes: Vec<&str> = fixes.iter().map(|fix| fix_name(*fix)).collect();
            draft.put("act", "mend-pod").put("container", container.as_str()).put("fixes", fixes)
        }
        ActRecord::ReplacePod { container, images } => {
            draft.put("act", "replace-pod").put("container", container.as_str()).put("images", images.clone())
        }
        ActRecord::RemovePod { container } => draft.put("act", "remove-pod").put("container", container.as_str()),
        ActRecord::RemoveVolume { volume } => draft.put("act", "remove-volume").put("volume", volume.as_str()),
        ActRecord::Serve { routes } => draft.put("act", "serve").put("routes", routes.as_str()),
        ActRecord::ApplyObject { taken } => draft.put("act", "apply-object").put("taken", taken.clone()),
        ActRecord::DeleteObject { uid, orphan } => {
            draft.put("act", "delete-object").put("uid", uid.as_str()).put("orphan", *orphan)
        }
    }
}

fn operator(event: &OperatorEvent) -> Draft {
    match event {
        OperatorEvent::Suspended { unit, owner, reason, until } => Draft::new("suspended")
            .unit(unit)
            .put("owner", owner.as_str())
            .put("reason", reason.as_str())
            .put("until", until.map(|until| until.0)),
        OperatorEvent::Resumed { unit, owner } => Draft::new("resumed").unit(unit).put("owner", owner.clone()),
        OperatorEvent::Overridden { unit, object, owner, rule, reason } => Draft::new("overridden")
            .unit(unit)
            .object(object.as_ref())
            .put("owner", owner.as_str())
            .put("rule", rule.as_str())
            .put("reason", reason.as_str()),
        OperatorEvent::UnsignedApply { unit, owner, path } => {
            Draft::new("unsigned-apply").unit(unit).put("owner", owner.as_str()).put("path", path.as_str())
        }
        OperatorEvent::Pruned { unit, object, owner, volumes } => {
            let mut draft = Draft::new("pruned").object(Some(object));
            draft.row.unit.clone_from(unit);
            draft.put("owner", owner.as_str()).put("volumes", volumes.clone())
        }
        OperatorEvent::VolumeBackedUp { unit, volume, owner, digest, bytes, in_motion } => {
            of_volume("volume-backed-up", unit, volume, owner)
                .put("digest", digest.as_str())
                .put("bytes", *bytes)
                .put("in_motion", *in_motion)
        }
        OperatorEvent::VolumeRestoring { unit, volume, owner, digest, replaces } => {
            of_volume("volume-restoring", unit, volume, owner).put("digest", digest.as_str()).put("replaces", *replaces)
        }
        OperatorEvent::VolumeRestored { unit, volume, owner, digest } => {
            of_volume("volume-restored", unit, volume, owner).put("digest", digest.as_str())
        }
        OperatorEvent::VolumeDestroyed { unit, volume, owner } => of_volume("volume-destroyed", unit, volume, owner),
        OperatorEvent::ConfigSet { bucket, key, digest } => {
            config(Draft::new("config-set"), bucket).put("key", key.as_str()).put("digest", digest.as_str())
        }
        OperatorEvent::ConfigUnset { bucket, key } => {
            config(Draft::new("config-unset"), bucket).put("key", key.as_str())
        }
    }
}

fn of_volume(kind: &'static str, unit: &str, volume: &str, owner: &str) -> Draft {
    Draft::new(kind).unit(unit).put("owner", owner).put("volume", volume)
}

fn config(draft: Draft, bucket: &BucketRef) -> Draft {
    let BucketRef { scope, name } = bucket;
    draft.put("scope", scope.0.as_str()).put("name", name.clone())
}

fn report(event: &ReportEvent) -> Draft {
    let said = |kind: &str, forge: &str, context: &str, commit: &String| {
        let commit = Some(commit).filter(|commit| !commit.is_empty());
        Draft::new(kind).commit(commit).put("forge", forge).put("context", context)
    };
    match event {
        ReportEvent::Enqueued { forge, context, commit, state, text } => {
            said("status-enqueued", forge, context, commit).put("state", state.name()).put("text", text.as_str())
        }
        ReportEvent::Sent { forge, context, commit, state } => {
            said("status-sent", forge, context, commit).put("state", state.name())
        }
        ReportEvent::GivenUp { forge, context, commit, state, reason } => {
            said("status-given-up", forge, context, commit).put("state", state.name()).put("reason", reason.as_str())
        }
        ReportEvent::Postponed { forge, reason } => {
            Draft::new("forge-postponed").put("forge", forge.as_str()).put("reason", reason.as_str())
        }
    }
}

fn hash(hash: Option<&SpecHash>) -> Value {
    hash.map(SpecHash::as_str).into()
}

/// The stored name of a mend.
pub(super) const fn fix_name(fix: Fix) -> &'static str {
    match fix {
        Fix::Rename => "rename",
        Fix::Connect => "connect",
        Fix::Unpause => "unpause",
        Fix::Parts => "parts",
        Fix::End => "end",
    }
}
