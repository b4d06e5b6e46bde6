//! What is held, and that what one call changes is committed as one.

use std::collections::BTreeMap;

use writ::record::{
    AgentEvent, Event, Filter, Introduced, OperatorEvent, Outcome, Pass, PassState, RecordError, Store, WorkEvent,
};
use writ_core::holdings::{Held, HoldingChange};
use writ_core::model::{
    BucketRef, ContainerSpec, FileContent, Kind, Mount, MountSource, ObjectId, PodIndex, PodSpec, Scope,
};
use writ_core::plan::{Act, Step};
use writ_core::status::{CommitStatus, State};
use writ_core::text::SecretText;
use writ_core::time::{Seconds, Timestamp};

use super::vault::holding;
use super::{NOW, hash, new, object, step, with_key};

const LATER: Timestamp = Timestamp(NOW.0 + 1_000);

fn held(digit: char, image: &str) -> Held {
    Held {
        revision: hash(digit),
        replicas: 3,
        commit: Some("c1".to_owned()),
        parts: BTreeMap::from([
            ("container/pg/image".to_owned(), image.to_owned()),
            ("asset/x".to_owned(), "1".to_owned()),
        ]),
        fixed: BTreeMap::from([("serviceName".to_owned(), "pg".to_owned())]),
    }
}

fn hold(held: &Held) -> HoldingChange {
    HoldingChange::Hold(object(), Box::new(held.clone()))
}

fn told(store: &Store, kind: &'static str) -> Vec<Event> {
    let records = store.history(&Filter { kind: Some(kind), ..Filter::default() }).unwrap();
    records.into_iter().map(|record| record.event).collect()
}

fn bucket(name: Option<&str>) -> BucketRef {
    BucketRef { scope: Scope("data".to_owned()), name: name.map(str::to_owned) }
}

#[test]
fn holdings_come_back_as_they_were_and_the_journal_tells_what_differs() {
    let (folder, store) = new();
    store.change_holdings(NOW, "edge", &hold(&held('a', "postgres:15"))).unwrap();
    store.change_holdings(NOW, "other", &hold(&held('c', "postgres:15"))).unwrap();
    store.change_holdings(NOW, "edge", &hold(&held('b', "postgres:16"))).unwrap();
    drop(store);
    let store = Store::open(LATER, folder.path()).unwrap();
    assert_eq!(store.holdings("edge").unwrap().objects, BTreeMap::from([(object(), held('b', "postgres:16"))]));
    let last = told(&store, "held").pop().unwrap();
    let Event::Work(WorkEvent::Held { from, to, changed, .. }) = last else { panic!("{last:?}") };
    assert_eq!((from, to, changed), (Some(hash('a')), hash('b'), vec!["container/pg/image".to_owned()]));
    store.change_holdings(NOW, "edge", &HoldingChange::Release(object())).unwrap();
    assert!(store.holdings("edge").unwrap().objects.is_empty());
    assert_eq!(store.holdings("other").unwrap().objects.len(), 1, "a unit's holdings are its own");
}

#[test]
fn what_is_already_so_writes_nothing() {
    let (_folder, store) = with_key();
    let status = CommitStatus {
        commit: "c1".to_owned(),
        context: "writ/edge/web".to_owned(),
        state: State::Success,
        description: "3 pods".to_owned(),
    };
    let pass = || Pass {
        unit: "edge",
        commit: Some("c1"),
        floor: Some(("infra", "c1")),
        state: Some(PassState { state: State::Success, text: "3 pods" }),
        statuses: vec![("gitea https://forge.example/ops/infra", status.clone())],
    };
    let all = |now| {
        store.finish_lane(now, "edge", None, Some(&hold(&held('a', "postgres:15")))).unwrap();
        store.finish_pass(now, &pass()).unwrap();
        store.bucket_set(now, &bucket(None), "KEY", &SecretText::new("value")).unwrap();
        store.audit_head().unwrap()
    };
    let head = all(NOW);
    assert_eq!(head.record.0, 7, "store, host key, holding, floor, pass, status, key");
    assert_eq!(all(LATER), head);
    assert!(!store.bucket_unset(LATER, &bucket(Some("pg")), "KEY").unwrap());
    assert!(!store.resume(LATER, "edge", Some("root")).unwrap());
    store.change_holdings(LATER, "edge", &HoldingChange::Release(ObjectId::new(Kind::Service, "a", "b"))).unwrap();
    let only_the_commit_moved = Held { commit: Some("c2".to_owned()), ..held('a', "postgres:15") };
    store.change_holdings(LATER, "edge", &hold(&only_the_commit_moved)).unwrap();
    assert_eq!(store.audit_head().unwrap(), head);
    assert_eq!(store.holdings("edge").unwrap().objects[&object()].commit.as_deref(), Some("c2"));
    let standing = store.standing("edge").unwrap().unwrap();
    assert_eq!((standing.state, standing.since), (State::Success, NOW), "since the first pass of its kind");
    assert_eq!(store.floor("infra").unwrap().as_deref(), Some("c1"));
}

#[test]
fn what_fails_in_the_middle_leaves_nothing_behind() {
    let (_folder, store) = new();
    let intent = store.intend(NOW, "edge", None, &step()).unwrap();
    let before = store.audit_head().unwrap();
    let failed: Result<(), RecordError> = store.batch(|batch| {
        batch.outcome(NOW, intent, &Outcome::Ok)?;
        batch.set_floor(NOW, "infra", "c1")?;
        batch.change_holdings(NOW, "edge", &hold(&held('a', "postgres:15")))?;
        batch.outcome(NOW, intent, &Outcome::Ok).map(drop)
    });
    assert!(matches!(failed, Err(RecordError::NoSuchIntent(_))), "{failed:?}");
    assert_eq!(store.audit_head().unwrap(), before);
    assert_eq!(store.floor("infra").unwrap(), None);
    assert!(store.holdings("edge").unwrap().objects.is_empty());
    assert_eq!(store.open_intents().unwrap().len(), 1);
}

#[test]
fn an_intent_stays_open_until_its_outcome_and_has_one_only() {
    let (folder, store) = new();
    let first = store.intend(NOW, "edge", Some("c1"), &step()).unwrap();
    let second = store.intend(LATER, "edge", None, &step()).unwrap();
    store.outcome(LATER, first, &Outcome::Failed("the engine refused".to_owned())).unwrap();
    drop(store);
    let store = Store::open(LATER, folder.path()).unwrap();
    let open = store.open_intents().unwrap();
    assert_eq!(open.iter().map(|intent| intent.id).collect::<Vec<_>>(), [second]);
    assert_eq!((open[0].at, open[0].unit.as_str(), &open[0].commit), (LATER, "edge", &None));
    assert_eq!((open[0].step.why.as_str(), &open[0].step.pod), ("replicas 2 -> 1", &step().pod));
    store.finish_lane(LATER, "edge", Some((second, &Outcome::Unknown)), None).unwrap();
    assert!(store.open_intents().unwrap().is_empty());
    for again in [first, second] {
        assert!(matches!(store.outcome(LATER, again, &Outcome::Ok), Err(RecordError::NoSuchIntent(_))));
    }
    let outcomes = told(&store, "outcome");
    let Event::Work(WorkEvent::Outcome { intent, commit, object: of, outcome, .. }) = &outcomes[0] else { panic!() };
    assert_eq!((*intent, commit.as_deref(), of), (first.0, Some("c1"), &object()));
    assert_eq!(*outcome, Outcome::Failed("the engine refused".to_owned()));
}

#[test]
fn enrolling_again_forgets_the_floor_of_before() {
    let (_folder, store) = new();
    let introduced = |commit: &str| Introduced { commit: commit.to_owned(), signer: "SHA256:abc".to_owned() };
    assert_eq!(store.introduction("infra").unwrap(), None);
    store.enrol(NOW, "infra", &introduced("c1")).unwrap();
    store.set_floor(NOW, "infra", "c2").unwrap();
    store.set_floor(NOW, "other", "c9").unwrap();
    store.enrol(LATER, "infra", &introduced("c5")).unwrap();
    assert_eq!(store.introduction("infra").unwrap(), Some(introduced("c5")));
    assert_eq!((store.floor("infra").unwrap(), store.floor("other").unwrap().as_deref()), (None, Some("c9")));
    assert_eq!(told(&store, "enrolled").len(), 2);
}

#[test]
fn a_suspension_has_an_owner_a_reason_and_an_end() {
    let (_folder, store) = new();
    let until = Some(NOW.plus(Seconds(3_600)));
    store.suspend(NOW, "edge", "alice", "moving house", until).unwrap();
    let found = store.suspension("edge").unwrap().unwrap();
    assert_eq!(
        (found.owner.as_str(), found.reason.as_str(), found.since, found.until),
        ("alice", "moving house", NOW, until)
    );
    assert_eq!(store.suspension("other").unwrap(), None);
    assert!(store.resume(LATER, "edge", None).unwrap());
    assert_eq!(store.suspension("edge").unwrap(), None);
    assert_eq!(told(&store, "resumed"), [OperatorEvent::Resumed { unit: "edge".to_owned(), owner: None }.into()]);
}

#[test]
fn what_is_seen_again_is_told_once_until_something_is_done_about_it() {
    let (_folder, store) = new();
    let drift = |detail: &str| -> Event {
        let (unit, pod, detail) = ("edge".to_owned(), Some("data-pg.0".to_owned()), detail.to_owned());
        WorkEvent::Drift { unit, commit: None, object: object(), pod, detail }.into()
    };
    let news = |event: &Event| store.append_news(LATER, event).unwrap().is_some();
    assert!(news(&drift("stopped")));
    assert!(news(&drift("renamed")), "something else is news");
    assert!(!news(&drift("stopped")) && !news(&drift("renamed")));
    let intent = store.intend(NOW, "edge", None, &step()).unwrap();
    store.outcome(NOW, intent, &Outcome::Ok).unwrap();
    assert!(news(&drift("stopped")), "it was mended in between");
    let refused = |commit: &str| -> Event {
        writ::record::TrustEvent::Refused {
            source: "infra".to_owned(),
            commit: commit.to_owned(),
            culprit: None,
            reason: "unsigned".to_owned(),
            detail: "sign it".to_owned(),
        }
        .into()
    };
    assert!(news(&refused("c1")) && news(&refused("c2")) && !news(&refused("c1")) && !news(&refused("c2")));
}

#[test]
fn buckets_come_back_and_their_keys_are_told_by_digest_alone() {
    let (folder, store) = with_key();
    let value = SecretText::new("line one\nline two");
    assert!(store.bucket_set(NOW, &bucket(Some("pg")), "PASSWORD", &value).unwrap());
    assert!(store.bucket_set(NOW, &bucket(None), "PASSWORD", &value).unwrap());
    assert!(store.bucket_set(NOW, &bucket(None), "OTHER", &value).unwrap());
    drop(store);
    let store = Store::open(LATER, folder.path()).unwrap();
    let buckets = store.buckets().unwrap();
    assert_eq!(buckets[&bucket(Some("pg"))], BTreeMap::from([("PASSWORD".to_owned(), value.clone())]));
    assert_eq!(buckets[&bucket(None)].len(), 2);
    let digests: std::collections::BTreeSet<String> = (told(&store, "config-set").into_iter())
        .map(|event| {
            let Event::Operator(OperatorEvent::ConfigSet { digest, .. }) = event else { panic!("{event:?}") };
            digest
        })
        .collect();
    assert_eq!(digests.len(), 3, "the same value in two places has two digests");
    assert_eq!(store.bucket_destroy(LATER, &bucket(None)).unwrap(), 2);
    assert_eq!(store.buckets().unwrap().len(), 1);
    assert_eq!(told(&store, "config-unset").len(), 2);
}

/// A pod that holds a secret wherever one can stand.
fn secretive(canary: &str) -> PodSpec {
    let secret = || SecretText::new(canary);
    let file = FileContent { content: secret(), mode: 0o600 };
    let main = ContainerSpec {
        name: "pg".to_owned(),
        image: "postgres:15".to_owned(),
        pull: Default::default(),
        entrypoint: None,
        arguments: None,
        working_dir: None,
        env: BTreeMap::from([("PASSWORD".to_owned(), secret())]),
        ports: Vec::new(),
        mounts: vec![
            Mount { path: "/f".to_owned(), source: MountSource::File(file.clone()), read_only: true },
            Mount {
                path: "/d".to_owned(),
                source: MountSource::Directory(BTreeMap::from([("x".to_owned(), file)])),
                read_only: true,
            },
        ],
        resources: Default::default(),
        readiness: None,
        liveness: None,
        startup: None,
        security: Default::default(),
        sidecar: false,
        hooks: writ_core::model::Hooks::default(),
        terminal: writ_core::model::Terminal::default(),
    };
    PodSpec {
        name: "data-pg.0".to_owned(),
        object: object(),
        index: PodIndex::Ordinal(0),
        revision: hash('a'),
        hostname: "pg-0".to_owned(),
        init: vec![main.clone()],
        main,
        beside: Vec::new(),
        share_processes: false,
        sandboxed: false,
        late: None,
        default_container: None,
        volumes: Vec::new(),
        own_names: Vec::new(),
        shared_names: Vec::new(),
        publish_not_ready: false,
        fs_group: None,
        extras: Default::default(),
        ends: false,
        grace: Seconds(30),
        min_ready: Seconds(2),
        progress_deadline: Seconds(600),
    }
}

#[test]
fn no_planted_secret_stands_anywhere_in_the_state_directory() {
    const CANARY: &str = "canary-9c1e-do-not-tell";
    let (folder, store) = with_key();
    let spec = Box::new(secretive(CANARY));
    for act in [
        Act::CreatePod(spec.clone()),
        Act::ReplacePod { container: "c0ffee".to_owned(), spec: spec.clone() },
        Act::MendPod { spec, container: "c0ffee".to_owned(), fixes: Vec::new() },
    ] {
        let intent = store.intend(NOW, "edge", None, &Step { act, ..step() }).unwrap();
        store.outcome(NOW, intent, &Outcome::Ok).unwrap();
    }
    store.bucket_set(NOW, &bucket(None), "PASSWORD", &SecretText::new(CANARY)).unwrap();
    for record in store.history(&Filter::default()).unwrap() {
        assert!(!format!("{record:?}").contains(CANARY), "{record:?}");
    }
    assert!(!format!("{store:?}").contains(CANARY));
    assert_eq!(holding(folder.path(), CANARY), Vec::<String>::new());
    store.bucket_unset(NOW, &bucket(None), "PASSWORD").unwrap();
    store.append(NOW, &AgentEvent::Stopped { reason: "done".to_owned() }.into()).unwrap();
    drop(store);
    assert_eq!(holding(folder.path(), CANARY), Vec::<String>::new());
}

#[test]
fn history_is_filtered_and_cut_to_the_newest() {
    let (_folder, store) = new();
    for (number, unit) in [(1, "edge"), (2, "web"), (3, "edge")] {
        let object = Some(ObjectId::new(Kind::Deployment, "data", unit));
        let commit = Some(format!("c{number}"));
        let event = WorkEvent::Failed { unit: unit.to_owned(), commit, object, pod: None, detail: "late".to_owned() };
        store.append(Timestamp(NOW.0 + number), &event.into()).unwrap();
    }
    let check = |filter: Filter, want: &[i64]| {
        let found: Vec<i64> = store.history(&filter).unwrap().iter().map(|record| record.id.0).collect();
        assert_eq!(found, want, "{filter:?}");
    };
    check(Filter::default(), &[1, 2, 3, 4]);
    check(Filter { unit: Some("edge".to_owned()), ..Filter::default() }, &[2, 4]);
    check(Filter { object: Some(ObjectId::new(Kind::Deployment, "data", "web")), ..Filter::default() }, &[3]);
    check(Filter { commit: Some("c3".to_owned()), ..Filter::default() }, &[4]);
    check(Filter { kind: Some("failed"), newest: Some(2), ..Filter::default() }, &[3, 4]);
    check(Filter { since: Some(Timestamp(NOW.0 + 2)), ..Filter::default() }, &[3, 4]);
    check(Filter { unit: Some("none".to_owned()), ..Filter::default() }, &[]);
}
