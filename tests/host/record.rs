//! What the store keeps, and what it notices.

mod edits;
mod files;
mod kept;
mod state;
mod vault;

use std::path::Path;

use tempfile::TempDir;
use writ::record::{Store, Verdict};
use writ_core::hash::SpecHash;
use writ_core::model::{Kind, ObjectId};
use writ_core::plan::{Act, Cause, Step, Verb};
use writ_core::time::Timestamp;

/// 2026-11-21T09:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp(1_795_251_600_000);

/// A directory in memory where there is one: a store waits for the disk at every write.
pub(crate) fn state_folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn new() -> (TempDir, Store) {
    let folder = state_folder();
    let store = Store::open(NOW, folder.path()).unwrap();
    (folder, store)
}

/// A store of a host that has its key, by which values of buckets are sealed.
fn with_key() -> (TempDir, Store) {
    let (folder, store) = new();
    store.make_host_key(NOW, "edge-1").unwrap();
    (folder, store)
}

fn object() -> ObjectId {
    ObjectId::new(Kind::StatefulSet, "data", "pg")
}

fn hash(digit: char) -> SpecHash {
    SpecHash::parse(&format!("1:{}", digit.to_string().repeat(64))).unwrap()
}

fn step() -> Step {
    Step {
        verb: Verb::Remove,
        object: object(),
        pod: Some("data-pg.1".to_owned()),
        why: "replicas 2 -> 1".to_owned(),
        cause: Cause::Change,
        from: Some(hash('a')),
        to: None,
        act: Act::RemovePod { pod: "data-pg.1".to_owned(), container: "c0ffee".to_owned(), grace: None },
        wait: None,
    }
}

#[track_caller]
pub(crate) fn whole(verdict: &Verdict) -> i64 {
    match verdict {
        Verdict::Whole { head, seals: _ } => head.record.0,
        Verdict::Broken { .. } => panic!("{verdict}"),
    }
}

/// Copies all files of a state directory, as a backup or a crash would leave them.
pub(crate) fn copy(from: &Path) -> TempDir {
    let to = state_folder();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), to.path().join(file.file_name())).unwrap();
    }
    to
}
