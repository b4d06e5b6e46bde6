//! What trust and the record cost: many signed commits beside Git's own check, one signature, one durable record.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use ed25519_dalek::{Signer as _, SigningKey};
use writ::git::Repository as Opened;
use writ::record::{Store, WorkEvent};
use writ_core::time::Timestamp;
use writ_core::trust::{HostTrust, Introduction, Question};

#[path = "../fixtures/long_history.rs"]
mod long_history;
#[path = "../fixtures/repository.rs"]
mod repository;

use repository::{FIRST_COMMIT, Repository, key, program};

/// Commits that the agent judges at once.
const COMMITS: usize = 10_000;
/// Commits that Git is asked about; each costs it the same, so that the report scales it.
const SAMPLE: usize = 50;

fn commits(criterion: &mut Criterion) {
    let keys = tempfile::tempdir().unwrap();
    let alice = key(keys.path(), "alice");
    let (repository, start) = Repository::introduced_by(&alice);
    let introduction = Introduction { commit: start.parse().unwrap(), signer: alice.fingerprint.parse().unwrap() };
    let head = long_history::extend(&repository, &alice, COMMITS);
    let first_seen = Timestamp::from_seconds(FIRST_COMMIT + 60 * i64::try_from(COMMITS + 10).unwrap());
    let host = Arc::new(HostTrust::default());
    let question = Question { head: head.parse().unwrap(), introduction, floor: None, first_seen, host };

    let mut group = criterion.benchmark_group("commits");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(100));
    group.measurement_time(Duration::from_secs(10));
    group.bench_function("writ 10000", |it| {
        it.iter(|| {
            let opened = Opened::open(&repository.path()).unwrap();
            opened.judge(&question).unwrap().end(None).unwrap()
        });
    });
    let signers = keys.path().join("allowed_signers");
    fs::write(&signers, alice.line()).unwrap();
    let setting = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let sample = repository.git(&["rev-list", "-n", &SAMPLE.to_string(), &head]);
    group.bench_function("git 50", |it| {
        it.iter(|| {
            let mut git = program("git");
            git.arg("-C").arg(repository.path()).args(["-c", &setting, "verify-commit"]).args(sample.lines());
            assert!(git.output().unwrap().status.success());
        });
    });
    group.finish();
}

fn small(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("small");
    group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let pair = SigningKey::from_bytes(&[7; 32]);
    let (message, public) = ([42_u8; 200], pair.verifying_key());
    let signature = pair.sign(&message);
    group.bench_function("ed25519", |it| it.iter(|| public.verify_strict(black_box(&message), &signature).unwrap()));

    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::open(Timestamp::from_seconds(FIRST_COMMIT), folder.path()).unwrap();
    let mut number = 0;
    group.bench_function("journal", |it| {
        it.iter(|| {
            number += 1;
            let event = WorkEvent::Refused {
                unit: "edge".to_owned(),
                commit: None,
                object: None,
                pod: None,
                rule: "bench".to_owned(),
                detail: number.to_string(),
            };
            store.append(Timestamp::from_seconds(FIRST_COMMIT + number), &event.into()).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, commits, small);
criterion_main!(benches);
