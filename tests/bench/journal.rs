//! Fills a state directory with the journal of a host that was deployed to again and again, for tests/bench/host.py.
//!
//! `journal FOLDER RECORDS` makes the record of the host `bench`, signed as often as an agent signs it, and prints the last
//! commit that it tells of. The records are what passes over twenty workloads write; the newest is of now.
#![allow(clippy::print_stdout, reason = "its output names what can be asked for")]

use std::path::Path;

use writ::clock::Clock;
use writ::record::{Allowed, Batch, Outcome, RecordError, Store, TrustEvent, WorkEvent};
use writ_core::hash::SpecHash;
use writ_core::model::{Kind, ObjectId};
use writ_core::plan::{Act, Cause, Step, Verb};
use writ_core::status::State;
use writ_core::time::Timestamp;

const HOST: &str = "bench";
const UNIT: &str = "bench";
const WORKLOADS: usize = 20;
/// Workloads that one commit changes.
const CHANGED: usize = 3;
/// Most records of one pass.
const PASS_RECORDS_MAX: i64 = 6 * CHANGED as i64 + 6;
/// Records that are written together and then signed; an agent signs after a thousand at latest.
const SIGNED_RECORDS: i64 = 1_000;
const MILLIS_BETWEEN: i64 = 10_000;
/// An odd number whose multiples look like names of commits.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// How far the journal is.
struct Tale {
    passes: usize,
    records: i64,
    now: Timestamp,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, records] = words.as_slice() else { panic!("journal FOLDER RECORDS") };
    let records: i64 = records.parse().expect("RECORDS is a number");
    let begin = Timestamp(Clock.now().0 - records * MILLIS_BETWEEN);
    let store = Store::open(begin, Path::new(folder)).expect("the store opens");
    store.make_host_key(begin, HOST).expect("the host key is made");
    let head = store.audit_head().expect("the head is read").record.0;
    let mut tale = Tale { passes: 0, records: head, now: begin };
    while tale.records < records {
        let end = records.min(tale.records + SIGNED_RECORDS);
        store.batch(|batch| tale.goes_on(batch, end)).expect("records are written");
        store.checkpoint(tale.now, HOST, true).expect("the record is signed");
    }
    let head = store.audit_head().expect("the head is read").record.0;
    assert_eq!(head, records, "as many records as were asked for");
    println!("{}", commit(tale.passes));
}

impl Tale {
    /// Tells pass after pass, and of drift where no whole pass has room any more.
    fn goes_on(&mut self, batch: &Batch<'_>, end: i64) -> Result<(), RecordError> {
        while self.records + PASS_RECORDS_MAX <= end {
            self.passes += 1;
            self.pass(batch)?;
        }
        while self.records < end {
            self.drift(batch, self.passes)?;
        }
        Ok(())
    }

    fn pass(&mut self, batch: &Batch<'_>) -> Result<(), RecordError> {
        let (number, commit, before) = (self.passes, commit(self.passes), commit(self.passes - 1));
        let admitted = TrustEvent::Admitted {
            source: UNIT.to_owned(),
            commit: commit.clone(),
            signer: "SHA256:8wTn4rjQmkX0ZPb3hmiKHFnNnH1qXyq4mTzkR5v0sYc".to_owned(),
            principal: Some("bench@example.org".to_owned()),
            allowed: vec![Allowed {
                parent: before.clone(),
                rules: vec!["hosts".to_owned()],
                people: vec!["bench@example.org".to_owned()],
                approvals: Vec::new(),
                paths: (0..CHANGED).map(|change| format!("host/{}.hcl", name(number * CHANGED + change))).collect(),
                more: 0,
            }],
        };
        batch.append(self.next(), &admitted.into())?;
        let floor = TrustEvent::FloorSet { source: UNIT.to_owned(), from: Some(before), to: commit.clone() };
        batch.append(self.next(), &floor.into())?;
        for change in 0..CHANGED {
            self.change(batch, &commit, number * CHANGED + change)?;
        }
        if number.is_multiple_of(3) {
            self.drift(batch, number)?;
        }
        if number.is_multiple_of(4) {
            let (object, container) = (object(number), name(number));
            let (pod, detail) = (pod(number), "GET /healthz: no answer within 1 s".to_owned());
            let restart = WorkEvent::ProbeRestart { unit: UNIT.to_owned(), object, pod, container, detail };
            batch.append(self.next(), &restart.into())?;
        }
        if number.is_multiple_of(5) {
            let refused = WorkEvent::Refused {
                unit: UNIT.to_owned(),
                commit: Some(commit.clone()),
                object: Some(object(number)),
                pod: None,
                rule: "no-host-network".to_owned(),
                detail: "asks for the host's network".to_owned(),
            };
            batch.append(self.next(), &refused.into())?;
        }
        let state = if number.is_multiple_of(5) { State::Failure } else { State::Success };
        let text = format!("{CHANGED} of {WORKLOADS} workloads changed");
        let ended = WorkEvent::PassEnded { unit: UNIT.to_owned(), commit: Some(commit), state, text };
        batch.append(self.next(), &ended.into()).map(|_| ())
    }

    /// One workload is brought to a commit: its pod goes and another one comes.
    fn change(&mut self, batch: &Batch<'_>, commit: &str, number: usize) -> Result<(), RecordError> {
        let (pod, container) = (pod(number), format!("{:012x}", number + 1));
        let leave = Act::RemovePod { pod: pod.clone(), container: container.clone(), grace: None };
        let remove = batch.intend(self.next(), UNIT, Some(commit), &step(number, Verb::Remove, leave))?;
        batch.outcome(self.next(), remove, &Outcome::Ok)?;
        let pulled = WorkEvent::ImagePulled {
            unit: UNIT.to_owned(),
            commit: Some(commit.to_owned()),
            object: object(number),
            pod: pod.clone(),
            image: format!("registry.example.org/app:{number}"),
            digest: format!("sha256:{}", digits(number)),
        };
        batch.append(self.next(), &pulled.into())?;
        let start = step(number, Verb::Start, Act::StartPod { pod, container });
        let start = batch.intend(self.next(), UNIT, Some(commit), &start)?;
        let came = if number.is_multiple_of(7) {
            Outcome::Failed("the engine did not answer within 10 s".to_owned())
        } else {
            Outcome::Ok
        };
        batch.outcome(self.next(), start, &came)?;
        let held = WorkEvent::Held {
            unit: UNIT.to_owned(),
            commit: Some(commit.to_owned()),
            object: object(number),
            from: Some(revision(number)),
            to: revision(number + WORKLOADS),
            replicas: 1,
            changed: vec!["container/app/env/EDITION".to_owned(), "container/app/image".to_owned()],
        };
        batch.append(self.next(), &held.into()).map(|_| ())
    }

    fn drift(&mut self, batch: &Batch<'_>, number: usize) -> Result<(), RecordError> {
        let drift = WorkEvent::Drift {
            unit: UNIT.to_owned(),
            commit: Some(commit(self.passes)),
            object: object(number),
            pod: Some(pod(number)),
            detail: format!("container/app/image differs for the time {}", self.records),
        };
        batch.append(self.next(), &drift.into()).map(|_| ())
    }

    /// The moment of the next record.
    fn next(&mut self) -> Timestamp {
        self.records += 1;
        self.now = Timestamp(self.now.0 + MILLIS_BETWEEN);
        self.now
    }
}

fn step(number: usize, verb: Verb, act: Act) -> Step {
    Step {
        verb,
        object: object(number),
        pod: Some(pod(number)),
        why: format!("deployment/bench/{} env/EDITION changed", name(number)),
        cause: Cause::Change,
        from: Some(revision(number)),
        to: Some(revision(number + WORKLOADS)),
        act,
        wait: None,
    }
}

/// The names of tests/bench/world.py, so that records are of workloads that are there.
fn name(number: usize) -> String {
    format!("app-{:03}", number % WORKLOADS)
}

fn object(number: usize) -> ObjectId {
    ObjectId::new(Kind::Deployment, "bench", &name(number))
}

fn pod(number: usize) -> String {
    format!("bench-{}.{number:04x}", name(number))
}

fn commit(number: usize) -> String {
    format!("{:040x}", SPREAD.wrapping_mul(number as u128 + 1))
}

fn digits(number: usize) -> String {
    format!("{:064x}", SPREAD.wrapping_mul(number as u128 + 1))
}

fn revision(number: usize) -> SpecHash {
    SpecHash::parse(&format!("1:{}", digits(number))).expect("64 digits")
}
