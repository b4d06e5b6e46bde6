//! Judges a history of signed commits, as at the first look of a new host, and tells what memory that took.
//!
//! `judge COMMITS` prints the KiB that were resident before it began, and the most that ever were.
#![allow(clippy::print_stdout, reason = "its output is what is measured")]
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::fs;

use writ::git::Repository as Opened;
use writ_core::time::Timestamp;
use writ_core::trust::{Case, HostTrust, Introduction, admit};

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
    let host = HostTrust::default();
    let first_seen = Timestamp::from_seconds(FIRST_COMMIT + 60 * i64::try_from(commits + 10).unwrap());
    let opened = Opened::open(path.as_ref()).unwrap();
    let before = resident("VmRSS:");
    let evidence = opened.evidence(&introduction, None, head.parse().unwrap(), &host).unwrap();
    assert_eq!(evidence.len(), commits + 1);
    let introduction = &introduction;
    admit(&Case { evidence: &evidence, introduction, floor: None, witnesses: None, first_seen, host: &host }).unwrap();
    println!("{before} {}", resident("VmHWM:"));
}

/// KiB by the kernel's own count. Source: proc_pid_status(5).
fn resident(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
