//! Stores that earlier versions wrote, and every event there and back.

use rusqlite::Connection;
use writ::record::{
    ActRecord, AgentEvent, Event, FILE, Filter, OperatorEvent, Outcome, RecordId, ReportEvent, StepRecord, Store,
    TrustEvent, WorkEvent,
};
use writ_core::model::{BucketRef, Scope};
use writ_core::plan::{Cause, Fix, Verb};
use writ_core::status::State;
use writ_core::time::Timestamp;

use super::{NOW, hash, new, object, state_folder, whole};

/// The head of the chain in `tests/data/record/store-1.sql`.
const HEAD_1: &str = "75f1e32a96417533c60519a4fa800fc9392816ca09034a4795bf33336bed9d8c";

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn step(act: ActRecord) -> Event {
    let step = StepRecord {
        verb: Verb::Update,
        object: object(),
        pod: some("data-pg.0"),
        why: "it bears another name: \"x\" \u{1f600}".into(),
        cause: Cause::Drift,
        from: Some(hash('a')),
        to: None,
        act,
    };
    WorkEvent::Intent { unit: "edge".into(), commit: some("c1"), step }.into()
}

fn outcome(outcome: Outcome) -> Event {
    let (unit, commit, pod) = ("edge".into(), None, some("data-pg.0"));
    WorkEvent::Outcome { intent: RecordId(2), unit, commit, object: object(), pod, outcome }.into()
}

/// One of each kind, and of each form that a kind can have. New ones go to the end: the kept stores hold the beginning.
fn every_event() -> Vec<Event> {
    let mut events = agent_and_trust();
    events.extend(work());
    events.extend(operator_and_report());
    events.extend(later());
    events.push(outputs());
    events
}

fn outputs() -> Event {
    WorkEvent::Outputs {
        unit: "edge".into(),
        commit: some("c1"),
        object: object(),
        resource: "KubernetesStatefulSet".into(),
        values: [("service".into(), "pg".into()), ("namespace".into(), "data".into())].into(),
    }
    .into()
}

/// What the first schema did not know yet.
fn later() -> Vec<Event> {
    let (host, key) = (|| "edge-1".to_owned(), |digit: char| format!("ssh-ed25519 {digit}"));
    vec![
        AgentEvent::HostKeyMade { host: host(), key: key('a') }.into(),
        AgentEvent::HostKeyRotated { host: host(), from: key('a'), to: key('b'), signature: "-----\nx\n".into() }
            .into(),
        AgentEvent::HostKeyReplaced {
            host: host(),
            from: key('b'),
            to: key('c'),
            owner: "alice".into(),
            reason: "the disk burnt".into(),
        }
        .into(),
        TrustEvent::Rewound {
            source: "infra".into(),
            from: "c1".into(),
            to: "c0".into(),
            statement: "5f".into(),
            signers: vec!["SHA256:abc alice@example".into()],
        }
        .into(),
        TrustEvent::SplitView {
            source: "infra".into(),
            host: "edge-2".into(),
            head: "c2".into(),
            own: "c1".into(),
            detail: "nobody vouches for it".into(),
        }
        .into(),
        OperatorEvent::VolumeBackedUp {
            unit: "edge".into(),
            volume: "v".into(),
            owner: "alice".into(),
            digest: "00ff".into(),
            bytes: 7,
            in_motion: true,
        }
        .into(),
        OperatorEvent::VolumeRestoring {
            unit: "edge".into(),
            volume: "v".into(),
            owner: "alice".into(),
            digest: "00ff".into(),
            replaces: false,
        }
        .into(),
        OperatorEvent::VolumeRestored {
            unit: "edge".into(),
            volume: "v".into(),
            owner: "alice".into(),
            digest: "00ff".into(),
        }
        .into(),
        OperatorEvent::VolumeDestroyed { unit: "edge".into(), volume: "v".into(), owner: "alice".into() }.into(),
        step(ActRecord::BackUp { volume: "v".into(), directory: "/backups".into() }),
        WorkEvent::BackupMade {
            unit: "edge".into(),
            commit: some("c1"),
            object: object(),
            pod: some("data-pg.0"),
            volume: "v".into(),
            file: "/backups/edge-1.v.tar".into(),
            digest: "00ff".into(),
            bytes: 7,
            in_motion: true,
        }
        .into(),
        step(ActRecord::ApplyObject { taken: vec!["spec.replicas".into()] }),
        step(ActRecord::DeleteObject { uid: "c0ffee".into(), orphan: true }),
    ]
}

fn agent_and_trust() -> Vec<Event> {
    vec![
        AgentEvent::StoreMigrated { from: 1, to: 2 }.into(),
        AgentEvent::Started { version: "0.1.0".into(), process: 4_194_304, host: "edge-1".into() }.into(),
        AgentEvent::Stopped { reason: "asked to".into() }.into(),
        TrustEvent::Enrolled { source: "infra".into(), commit: "c0".into(), signer: "SHA256:abc".into() }.into(),
        TrustEvent::Admitted {
            source: "infra".into(),
            commit: "c1".into(),
            signer: "SHA256:abc".into(),
            principal: some("alice@example"),
            allowed: Vec::new(),
        }
        .into(),
        TrustEvent::Refused {
            source: "infra".into(),
            commit: "c2".into(),
            culprit: None,
            reason: "unsigned".into(),
            detail: "sign it".into(),
        }
        .into(),
        TrustEvent::Unchecked { source: "infra".into(), commit: None, detail: "cannot read".into() }.into(),
        TrustEvent::FloorSet { source: "infra".into(), from: None, to: "c1".into() }.into(),
    ]
}

fn work() -> Vec<Event> {
    let container = || "c0ffee".to_owned();
    let images = || vec!["busybox:1".to_owned(), "postgres:15".to_owned()];
    let unit = || "edge".to_owned();
    vec![
        step(ActRecord::Nothing),
        step(ActRecord::CreateNetwork),
        step(ActRecord::CreateVolume { volume: "voodu-data-pg-data-0".into() }),
        step(ActRecord::CreatePod { images: images() }),
        step(ActRecord::StartPod { container: container() }),
        step(ActRecord::MendPod { container: container(), fixes: vec![Fix::Rename, Fix::Connect, Fix::Unpause] }),
        step(ActRecord::ReplacePod { container: container(), images: images() }),
        step(ActRecord::RemovePod { container: container() }),
        step(ActRecord::RemoveVolume { volume: "voodu-data-pg-data-0".into() }),
        outcome(Outcome::Ok),
        outcome(Outcome::Failed("the engine refused".into())),
        outcome(Outcome::Unknown),
        WorkEvent::Held {
            unit: unit(),
            commit: some("c1"),
            object: object(),
            from: None,
            to: hash('b'),
            replicas: 3,
            changed: vec!["container/pg/image".into()],
        }
        .into(),
        WorkEvent::Released { unit: unit(), object: object() }.into(),
        WorkEvent::Refused {
            unit: unit(),
            commit: None,
            object: None,
            pod: None,
            rule: "prune-budget".into(),
            detail: "9 of 10".into(),
        }
        .into(),
        WorkEvent::Failed { unit: unit(), commit: None, object: None, pod: None, detail: "never ready".into() }.into(),
        WorkEvent::Drift { unit: unit(), commit: None, object: object(), pod: None, detail: "renamed".into() }.into(),
        WorkEvent::ImagePulled {
            unit: unit(),
            commit: some("c1"),
            object: object(),
            pod: "data-pg.0".into(),
            image: "postgres:15".into(),
            digest: "sha256:00".into(),
        }
        .into(),
        WorkEvent::ProbeRestart {
            unit: unit(),
            object: object(),
            pod: "data-pg.0".into(),
            container: container(),
            detail: "exit 1, 3 times".into(),
        }
        .into(),
        WorkEvent::PassEnded { unit: unit(), commit: some("c1"), state: State::Pending, text: "1 of 3".into() }.into(),
    ]
}

fn operator_and_report() -> Vec<Event> {
    let unit = || "edge".to_owned();
    let owner = || "alice".to_owned();
    let bucket = |name| BucketRef { scope: Scope("data".into()), name };
    let forge = || "gitea https://forge.example/ops/infra".to_owned();
    let (context, commit) = (|| "writ/edge-1/edge".to_owned(), || "c1".to_owned());
    vec![
        OperatorEvent::Suspended { unit: unit(), owner: owner(), reason: "moving".into(), until: Some(NOW) }.into(),
        OperatorEvent::Suspended { unit: unit(), owner: owner(), reason: "moving".into(), until: None }.into(),
        OperatorEvent::Resumed { unit: unit(), owner: None }.into(),
        OperatorEvent::Overridden {
            unit: unit(),
            object: Some(object()),
            owner: owner(),
            rule: "prune-budget".into(),
            reason: "as planned".into(),
        }
        .into(),
        OperatorEvent::UnsignedApply { unit: unit(), owner: owner(), path: "/root/x".into() }.into(),
        OperatorEvent::Pruned { unit: None, object: object(), owner: owner(), volumes: vec!["v".into()] }.into(),
        OperatorEvent::ConfigSet { bucket: bucket(None), key: "K".into(), digest: "00ff".into() }.into(),
        OperatorEvent::ConfigUnset { bucket: bucket(some("pg")), key: "K".into() }.into(),
        ReportEvent::Enqueued {
            forge: forge(),
            context: context(),
            commit: commit(),
            state: State::Success,
            text: "3 pods".into(),
        }
        .into(),
        ReportEvent::Sent { forge: forge(), context: context(), commit: commit(), state: State::Failure }.into(),
        ReportEvent::GivenUp {
            forge: forge(),
            context: context(),
            commit: commit(),
            state: State::Error,
            reason: "the forge answered 404".into(),
        }
        .into(),
        ReportEvent::Postponed { forge: forge(), reason: "the forge answered 401".into() }.into(),
    ]
}

/// The events of a store, its own making left aside.
fn events(store: &Store) -> Vec<Event> {
    store.history(&Filter::default()).unwrap().into_iter().skip(1).map(|record| record.event).collect()
}

#[test]
fn every_event_comes_back_as_it_was() {
    let (_folder, store) = new();
    let all = every_event();
    store.batch(|batch| all.iter().try_for_each(|event| batch.append(NOW, event).map(drop))).unwrap();
    assert_eq!(events(&store), all);
    assert_eq!(store.audit_head().unwrap().record.0, 1 + i64::try_from(all.len()).unwrap());
}

#[test]
fn the_first_schema_is_still_read_and_its_chain_still_computes() {
    let folder = state_folder();
    let sql = include_str!("../../data/record/store-1.sql");
    Connection::open(folder.path().join(FILE)).unwrap().execute_batch(sql).unwrap();
    let store = Store::open(Timestamp(NOW.0 + 1), folder.path()).unwrap();
    whole(&store.verify_chain(Some(HEAD_1)).unwrap());
    let mut kept = events(&store);
    assert_eq!(kept.pop(), Some(AgentEvent::StoreMigrated { from: 1, to: 8 }.into()));
    assert_eq!(kept, every_event()[..kept.len()]);
    assert_eq!(kept.len(), 40);
}

#[test]
fn a_record_of_an_unknown_kind_or_form_is_an_error_that_names_it() {
    for (column, value, words) in [
        ("kind", "teleported", "record 2 of the record"),
        ("body", "{\"v\":2,\"reason\":\"x\"}", "newer form"),
        ("body", "{\"v\":1}", "has no `reason`"),
        ("body", "{", "no JSON"),
    ] {
        let (folder, store) = new();
        store.append(NOW, &AgentEvent::Stopped { reason: "x".into() }.into()).unwrap();
        let connection = Connection::open(folder.path().join(FILE)).unwrap();
        connection.execute_batch("DROP TRIGGER journal_keeps_contents").unwrap();
        connection.execute(&format!("UPDATE journal SET {column} = ?1 WHERE sequence = 2"), [value]).unwrap();
        let error = store.history(&Filter::default()).unwrap_err().to_string();
        assert!(error.contains("record 2 of the record") && error.contains(words), "{error}");
    }
}
