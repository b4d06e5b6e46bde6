//! Hosts that publish find out that they were shown different histories, say so everywhere, and go on.

use std::fs;

use serde_json::Value;

use crate::machine::{Machine, Origin, web};
use crate::published::{publishing, text_of};
use crate::repository::{key, sign};

/// Another host that publishes.
fn named(origin: &Origin, name: &str) -> Machine {
    let machine = publishing(origin);
    let settings = fs::read_to_string(machine.path("agent.toml")).unwrap();
    fs::write(machine.path("agent.toml"), settings.replace("edge-1", name)).unwrap();
    machine
}

fn splits(machine: &Machine) -> usize {
    machine.history().iter().filter(|record| record.kind == "split-view").count()
}

/// The words stand nowhere that a split view is told.
#[track_caller]
fn silent(machine: &Machine) {
    let ran = machine.pass();
    assert!(!ran.text.contains("split view"), "{ran:?}");
    assert!(!machine.writ(&["status"]).text.contains("split view") && splits(machine) == 0);
    let doctor = machine.writ(&["doctor"]).text;
    assert!(doctor.contains("none follows a history apart"), "{doctor}");
}

#[test]
fn hosts_that_are_shown_different_histories_tell_it_everywhere_and_go_on() {
    let origin = Origin::new();
    let (one, other) = (publishing(&origin), named(&origin, "edge-2"));
    let first = origin.deploy(&[("web.hcl", &web("1"))]);
    other.pass();
    let shown: Value = serde_json::from_str(&other.writ(&["key", "show", "-o", "json"]).text).unwrap();
    let line = shown["key"].as_str().unwrap().to_owned();
    // Honest neighbours: one host is behind the other, whichever it is, and one publishes about another branch.
    silent(&one);
    let second = origin.deploy(&[("web.hcl", &web("2"))]);
    other.pass();
    origin.offer(&first);
    silent(&one);
    let keys = tempfile::tempdir().unwrap();
    let third = key(keys.path(), "third");
    let elsewhere = text_of("edge-3", &origin.introduction, &origin.introduction).replace("branch main", "branch old");
    origin.repository.state(
        "refs/writ/hosts/edge-3/infra",
        &elsewhere,
        &sign(&third, "audit@writ", elsewhere.as_bytes()),
    );
    silent(&one);
    // This host is shown another commit in the place of the second.
    origin.repository.reset(&first);
    origin.repository.write(".writ/hosts/edge-2.pub", format!("{line} edge-2\n"));
    let beside = origin.deploy(&[("web.hcl", &web("3"))]);
    let ran = one.pass();
    for words in ["split view", "edge-2", &second, "the key that .writ/hosts/edge-2.pub lists"] {
        assert!(ran.text.contains(words), "{words} in {}", ran.text);
    }
    assert_eq!(one.store().floor("infra").unwrap().as_ref(), Some(&beside), "it goes on");
    let (commit, _, text) = one.standing().unwrap();
    assert!(commit.as_ref() == Some(&beside) && text.contains("; split view: host edge-2 follows"), "{text}");
    assert_eq!(splits(&one), 1);
    one.pass();
    assert_eq!(splits(&one), 1, "it is told once");
    assert!(one.writ(&["history"]).text.contains("SPLIT VIEW"));
    let status = one.writ(&["status"]).text;
    assert!(status.contains("split view: host edge-2 follows"), "{status}");
    let status: Value = serde_json::from_str(&one.writ(&["status", "-o", "json"]).text).unwrap();
    assert_eq!(status["units"][0]["split_view"].as_array().unwrap().len(), 1);
    let doctor = one.writ(&["doctor"]);
    assert!(
        doctor.code == Some(1) && doctor.text.contains("find out who shows them different histories"),
        "{doctor:?}"
    );
    // The other host refuses that history, and tells the same.
    let ran = other.writ(&["run", "--once"]);
    assert!(ran.code == Some(3) && ran.text.contains("split view") && ran.text.contains("host edge-1"), "{ran:?}");
    assert!(ran.text.contains(".writ/hosts/edge-1.pub is not there"), "its tree lists nobody: {ran:?}");
    one.check_journal();
}

#[test]
fn a_host_that_does_not_publish_compares_nothing_and_a_stranger_is_told_as_one() {
    let origin = Origin::new();
    let first = origin.deploy(&[("web.hcl", &web("1"))]);
    let second = origin.deploy(&[("web.hcl", &web("2"))]);
    origin.repository.point("refs/heads/kept", &second);
    let keys = tempfile::tempdir().unwrap();
    let stranger = key(keys.path(), "stranger");
    let text = text_of("edge-2", &second, &second);
    origin.repository.state("refs/writ/hosts/edge-2/infra", &text, &sign(&stranger, "audit@writ", text.as_bytes()));
    origin.repository.reset(&first);
    origin.repository.write(".writ/hosts/edge-2.pub", &origin.key.public);
    let beside = origin.deploy(&[("web.hcl", &web("3"))]);
    let (silent, one) = (Machine::new(&origin, ""), named(&origin, "edge-1"));
    assert!(!silent.pass().text.contains("split view") && splits(&silent) == 0);
    let ran = one.pass();
    // The commit itself is not fetched with a record that does not bring it along.
    assert!(!ran.text.contains("split view"), "what is not here may be ahead: {ran:?}");
    let brought = origin.repository.git(&["rev-parse", "refs/writ/hosts/edge-2/infra^{tree}"]);
    let commit = origin.repository.git(&["commit-tree", "-m", "statement", "-p", &second, &brought]);
    origin.repository.point("refs/writ/hosts/edge-2/infra", &commit);
    let ran = one.pass();
    assert!(ran.text.contains("is not the one that .writ/hosts/edge-2.pub lists"), "{ran:?}");
    assert!(ran.text.contains(&stranger.fingerprint), "{ran:?}");
    assert_eq!(one.store().floor("infra").unwrap(), Some(beside));
}
