//! Judges a history of signed commits, as at the first look of a new host, and tells what memory that took.
//!
//! `judge COMMITS` prints the KiB of memory of its own before it began, and the most that it had at any look, one each
//! millisecond. Mapped pages of packs are not counted: the kernel takes them away where it needs them.
#![allow(clippy::print_stdout, reason = "its output is what is measured")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use writ::git::Repository as Opened;
use writ_core::time::Timestamp;
use writ_core::trust::{HostTrust, Introduction, Question};

#[path = "../fixtures/long_history.rs"]
mod long_history;
#[path = "../fixtures/repository.rs"]
mod repository;

use repository::{FIRST_COMMIT, Repository, key};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let commits = match words.as_slice() {
        [count] => count.parse().expect("COMMITS is a number"),
        [path, start, signer, head, count] => return judge(path, start, signer, head, count.parse().unwrap()),
        _ => panic!("judge COMMITS"),
    };
    let keys = tempfile::tempdir().unwrap();
    let alice = key(keys.path(), "alice");
    let (repository, start) = Repository::introduced_by(&alice);
    let head = long_history::extend(&repository, &alice, commits);
    // In a process of its own, which has made nothing.
    let path = repository.path();
    let words = [path.to_str().unwrap(), &start, &alice.fingerprint, &head, &commits.to_string()];
    let done = std::process::Command::new(std::env::current_exe().unwrap()).args(words).status().unwrap();
    assert!(done.success());
}

fn judge(path: &str, start: &str, signer: &str, head: &str, commits: usize) {
    let introduction = Introduction { commit: start.parse().unwrap(), signer: signer.parse().unwrap() };
    let first_seen = Timestamp::from_seconds(FIRST_COMMIT + 60 * i64::try_from(commits + 10).unwrap());
    let host = Arc::new(HostTrust::default());
    let question = Question { head: head.parse().unwrap(), introduction, floor: None, first_seen, host };
    let opened = Opened::open(path.as_ref()).unwrap();
    let before = own_memory();
    let ended = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut most = 0;
            while !ended.load(Ordering::Relaxed) {
                most = most.max(own_memory());
                thread::sleep(Duration::from_millis(1));
            }
            most
        });
        opened.judge(&question).unwrap().end(None).unwrap();
        ended.store(true, Ordering::Relaxed);
        watch.join().unwrap()
    });
    println!("{before} {most}");
}

/// KiB that are resident and of no file, by the kernel's own count. Source: proc_pid_status(5).
fn own_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
