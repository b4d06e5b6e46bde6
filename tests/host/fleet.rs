//! `writ fleet`: all hosts of a repository, by what each of them says there.

use serde_json::Value;
use writ::clock::Clock;
use writ_core::time::Timestamp;
use writ_core::trust::HostState;

use crate::machine::{Machine, Origin, web};
use crate::many_hosts::{self, Says};
use crate::published::{publishing, text_of};
use crate::repository::{Key, key, sign};

/// Another host that says how far it is.
struct Host<'a> {
    name: &'a str,
    head: &'a str,
    floor: &'a str,
    state: &'a str,
    time: Timestamp,
}

impl Host<'_> {
    fn tell(&self, origin: &Origin, key: &Key) {
        let Self { name, head, floor, state, time } = self;
        let time = format!("{}Z", time.to_string().split('.').next().unwrap());
        let text = text_of(name, head, floor).replace("2026-01-01T00:00:00Z", &time) + state;
        origin.repository.state(
            &format!("refs/writ/hosts/{name}/infra"),
            &text,
            &sign(key, "audit@writ", text.as_bytes()),
        );
    }
}

/// The line of each host, without its age.
fn lines(machine: &Machine, words: &[&str]) -> (Option<i32>, Vec<String>) {
    let ran = machine.writ(&[&["fleet"], words].concat());
    let without_age = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ago = words.iter().position(|word| *word == "ago");
        ago.map_or_else(|| words.join(" "), |ago| [&words[..ago - 1], &words[ago + 1..]].concat().join(" "))
    };
    (ran.code, ran.text.lines().map(without_age).collect())
}

#[test]
fn hosts_that_lag_differ_drift_and_fell_silent_are_told_apart() {
    let origin = Origin::new();
    let machine = publishing(&origin);
    let keys = tempfile::tempdir().unwrap();
    let other = key(keys.path(), "other");
    let first = origin.deploy(&[("web.hcl", &web("1"))]);
    let second = origin.deploy(&[("web.hcl", &web("2"))]);
    origin.repository.point("refs/heads/kept", &second);
    origin.repository.reset(&first);
    for host in ["edge-2", "edge-3", "edge-4", "edge-5", "edge-6"] {
        origin.repository.write(&format!(".writ/hosts/{host}.pub"), &other.public);
    }
    origin.repository.write(".writ/hosts/edge-7.pub", &origin.key.public);
    let head = origin.deploy(&[("web.hcl", &web("3"))]);
    machine.pass();
    let now = Clock.now();
    let long_ago = Timestamp(now.0 - 9 * 86_400_000);
    for (name, head, floor, state, time) in [
        ("edge-2", &head, &head, "state success\n", now),
        ("edge-3", &first, &first, "state success\n", now),
        ("edge-4", &head, &first, "state drifted\n", now),
        ("edge-5", &head, &head, "", long_ago),
        ("edge-6", &second, &second, "state failure\n", now),
        ("edge-7", &head, &head, "state success\n", now),
        ("edge-8", &head, &head, "state success\n", now),
    ] {
        Host { name, head, floor, state, time }.tell(&origin, &other);
    }
    // What another host says of its head is fetched with that.
    let brought = origin.repository.git(&["rev-parse", "refs/writ/hosts/edge-6/infra^{tree}"]);
    let commit = origin.repository.git(&["commit-tree", "-m", "statement", "-p", &second, &brought]);
    origin.repository.point("refs/writ/hosts/edge-6/infra", &commit);
    machine.pass();
    let (code, told) = lines(&machine, &[]);
    let short = |commit: &str| format!("{commit:.8}");
    let (first, second, head) = (short(&first), short(&second), short(&head));
    let vouch = "nobody vouches for its key: .writ/hosts/";
    assert_eq!(
        told,
        [
            "source infra: 8 hosts".to_owned(),
            format!("edge-1 healthy {head} {vouch}edge-1.pub is not there"),
            format!("edge-2 healthy {head}"),
            format!("edge-3 progressing {first} 1 commit behind"),
            format!("edge-4 drifted {head} it applied {first} last; drifted"),
            format!("edge-5 failing {head} silent for 9d; it does not say how it stands"),
            format!("edge-6 failing {second} it was shown another history; failure"),
            format!("edge-7 failing {head} its key is not the one that .writ/hosts/edge-7.pub lists"),
            format!("edge-8 healthy {head} {vouch}edge-8.pub is not there"),
        ]
    );
    assert_eq!(code, Some(1));
    let patient = lines(&machine, &["--silent", "240h"]).1;
    assert!(
        patient.iter().any(|line| *line == format!("edge-5 progressing {head} it does not say how it stands")),
        "{patient:?}"
    );
    let document: Value = serde_json::from_str(&machine.writ(&["fleet", "-o", "json"]).text).unwrap();
    assert_eq!((&document["schema"], &document["health"]), (&"writ/fleet/v1".into(), &"failing".into()));
    let host = &document["sources"][0]["hosts"][2];
    assert_eq!((&host["host"], &host["place"], &host["behind"]), (&"edge-3".into(), &"behind".into(), &1.into()));
}

#[test]
fn a_host_that_takes_no_part_says_how_to_and_one_that_does_tells_how_it_stands() {
    let origin = Origin::new();
    let silent = Machine::new(&origin, "");
    origin.deploy(&[("web.hcl", &web("1"))]);
    silent.pass();
    let (code, told) = lines(&silent, &[]);
    assert!(code == Some(2) && told[0].contains("set `publish = true`"), "{told:?}");
    let machine = publishing(&origin);
    assert!(lines(&machine, &[]).1[0].contains("nothing was applied from it yet"));
    machine.pass();
    let (code, told) = lines(&machine, &[]);
    assert!(code == Some(0) && told[1].starts_with("edge-1 healthy "), "{told:?}");
    // How it stands is published when that changes, and not again while it is the same.
    let said = || origin.repository.git(&["show", "refs/writ/hosts/edge-1/infra:statement"]);
    assert!(said().ends_with("state success"), "{}", said());
    let before = said();
    machine.pass();
    assert_eq!(said(), before);
    machine.writ(&["suspend", "edge", "--reason", "a test"]);
    machine.pass();
    assert!(said().ends_with("state pending"), "{}", said());
    let (code, told) = lines(&machine, &[]);
    assert!(code == Some(2) && told[1].contains("progressing"), "{told:?}");
    let unknown = machine.writ(&["fleet", "--source", "nobody"]);
    assert!(unknown.code == Some(1) && unknown.text.contains("no such source"), "{unknown:?}");
}

#[test]
fn of_a_thousand_hosts_each_that_is_not_well_is_told_apart() {
    let origin = Origin::new();
    let machine = publishing(&origin);
    let first = origin.deploy(&[("web.hcl", &web("1"))]);
    many_hosts::list(&origin.repository.path(), 1_000);
    let head = origin.deploy(&[("web.hcl", &web("2"))]);
    machine.pass();
    let now = Clock.now();
    let long_ago = Timestamp(now.0 - 9 * 86_400_000);
    many_hosts::publish(&origin.repository.path(), "infra", 1_000, |number| match number % 100 {
        0 => Says { head: &first, state: HostState::Success, time: now },
        1 => Says { head: &head, state: HostState::Drifted, time: now },
        2 => Says { head: &head, state: HostState::Success, time: long_ago },
        _ => Says { head: &head, state: HostState::Success, time: now },
    });
    machine.pass();
    let fleet: Value = serde_json::from_str(&machine.writ(&["fleet", "-o", "json"]).text).unwrap();
    let hosts = fleet["sources"][0]["hosts"].as_array().unwrap();
    let count = |name: &str, value: Value| hosts.iter().filter(|host| host[name] == value).count();
    assert_eq!(hosts.len(), 1_001);
    assert_eq!((count("place", "behind".into()), count("health", "drifted".into())), (10, 10));
    assert_eq!(
        (count("silent", true.into()), count("health", "healthy".into())),
        (10, 971),
        "and the host's own, for which nobody vouches"
    );
    // The host is one of them, and its own word moves no more because of all these.
    assert_eq!(machine.pass().code, Some(0));
}
