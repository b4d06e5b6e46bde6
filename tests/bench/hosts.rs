//! Many hosts of one repository, each with a key of its own, for tests/bench/host.py.
//!
//! `hosts list FOLDER COUNT` writes their public keys into a work tree; `hosts publish REPOSITORY SOURCE COUNT BEFORE HEAD`
//! publishes what each of them says: of a hundred one is at the commit before, one has drifted, one fell silent.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on has failed")]

use std::path::Path;

use writ::clock::Clock;
use writ_core::time::Timestamp;
use writ_core::trust::HostState;

#[path = "../fixtures/many_hosts.rs"]
mod many_hosts;
#[path = "../fixtures/repository.rs"]
mod repository;

use many_hosts::Says;

/// Longer than the two days after which a host counts as silent.
const SILENT_MILLIS: i64 = 9 * 86_400_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["list", folder, count] => many_hosts::list(Path::new(folder), count.parse().unwrap()),
        ["publish", repository, source, count, before, head] => {
            let now = Clock.now();
            let long_ago = Timestamp(now.0 - SILENT_MILLIS);
            many_hosts::publish(Path::new(repository), source, count.parse().unwrap(), |number| match number % 100 {
                0 => Says { head: before, state: HostState::Success, time: now },
                1 => Says { head, state: HostState::Drifted, time: now },
                2 => Says { head, state: HostState::Success, time: long_ago },
                _ => Says { head, state: HostState::Success, time: now },
            });
        }
        _ => panic!("hosts list FOLDER COUNT, or hosts publish REPOSITORY SOURCE COUNT BEFORE HEAD"),
    }
}
