//! The host key: made once, told by the journal, never replaced in silence, never shown.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{Audited, elsewhere, json, shell, strangers_key};

const KEY: &str = "host_key";

#[test]
fn the_first_pass_makes_a_key_of_openssh_and_signs_with_it() {
    let audited = Audited::new();
    let state = audited.machine.state();
    for name in [KEY, "host_key.pub", "checkpoint", "checkpoint.sig"] {
        let mode = fs::metadata(state.join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let shown = json(&audited.machine, &["key", "show"]);
    let fingerprint = shown["fingerprint"].as_str().unwrap();
    for file in [KEY, "host_key.pub"] {
        shell(&state, &format!("ssh-keygen -l -f {file}")).exits(0).says(fingerprint).says("(ED25519)");
    }
    let public = shell(&state, "ssh-keygen -y -f host_key | cut -d' ' -f1,2").exits(0).text;
    assert_eq!(shown["key"].as_str(), Some(public.trim()));
    let line = format!("edge-1 namespaces=\"audit@writ\" {}", public.trim());
    assert_eq!(shown["allowed_signers"].as_str(), Some(line.as_str()));
    let verdict = json(&audited.machine, &["audit", "verify"]);
    assert_eq!((&verdict["whole"], &verdict["unsigned"]), (&true.into(), &0.into()), "{verdict}");
    assert_eq!(
        (verdict["signed"]["host"].as_str(), verdict["signed"]["signer"].as_str()),
        (Some("edge-1"), Some(fingerprint))
    );
    audited.machine.writ(&["history"]).exits(0).says(&format!("host key of edge-1 made: {fingerprint}"));
    audited.machine.writ(&["doctor"]).says(fingerprint).says("0 newer ones are not signed yet");
    audited.machine.writ(&["key", "init"]).exits(0).says("was there already").says(fingerprint);
}

#[test]
fn a_pass_that_changes_nothing_signs_nothing_new() {
    let audited = Audited::new();
    let before = audited.state("checkpoint");
    audited.machine.pass();
    assert_eq!(audited.state("checkpoint"), before);
    audited.more();
    audited.machine.pass();
    assert_eq!(audited.state("checkpoint"), before, "a day has time");
    audited.deploy("web:2");
    audited.machine.pass();
    assert_ne!(audited.state("checkpoint"), before, "the pass ended in another state");
}

#[test]
fn files_that_a_crash_left_out_are_written_by_the_next_pass() {
    let audited = Audited::new();
    let before = ["checkpoint", "checkpoint.sig"].map(|name| audited.state(name));
    for name in ["checkpoint", "checkpoint.sig"] {
        fs::remove_file(audited.machine.state().join(name)).unwrap();
        audited.machine.pass();
        assert_eq!(["checkpoint", "checkpoint.sig"].map(|name| audited.state(name)), before, "{name}");
    }
}

#[test]
fn a_key_that_is_rotated_is_signed_by_the_old_one_and_signs_from_there_on() {
    let audited = Audited::new();
    let old = json(&audited.machine, &["key", "show"])["fingerprint"].as_str().unwrap().to_owned();
    let signers = audited.signers();
    let both = fs::read_to_string(&signers).unwrap();
    audited.machine.writ(&["key", "rotate"]).exits(0).says(&old).says("signed by the old one");
    let new = json(&audited.machine, &["key", "show"])["fingerprint"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    assert!(!audited.machine.state().join("host_key.next").exists());
    audited.more();
    audited.machine.writ(&["key", "rotate"]).exits(0);
    let third = json(&audited.machine, &["key", "show"]);
    let verdict = json(&audited.machine, &["audit", "verify"]);
    assert_eq!(
        (&verdict["whole"], &verdict["key"], &verdict["replaced"]),
        (&true.into(), &third["fingerprint"], &serde_json::json!([]))
    );
    audited.machine.writ(&["history"]).exits(0).says(&format!("rotated: {old} -> {new}, signed by the old one"));
    audited.machine.writ(&["audit", "verify", "--allowed-signers", &signers]).exits(3).says("is not listed");
    let history = audited.machine.history();
    let mut rotations = history.iter().filter(|record| record.kind == "host-key-rotated");
    let mut line = |key: &str| {
        rotations.find_map(|record| {
            let event: serde_json::Value = serde_json::from_str(&record.body).unwrap();
            let to = event["to"].as_str().filter(|to| super::fingerprint_of(to) == key)?;
            Some(format!("edge-1 namespaces=\"audit@writ\" {to}\n"))
        })
    };
    let all = both + &line(&new).unwrap() + third["allowed_signers"].as_str().unwrap();
    let all = audited.put("all", &all);
    audited.machine.writ(&["audit", "verify", "--allowed-signers", &all]).exits(0).says("is whole");
}

#[test]
fn a_change_of_keys_that_was_cut_short_is_ended_by_the_next_pass() {
    let audited = Audited::new();
    let state = audited.machine.state();
    let old = fs::read(state.join(KEY)).unwrap();
    audited.machine.writ(&["key", "rotate"]).exits(0);
    // The record tells of the new key, and its file is not in place yet.
    fs::rename(state.join(KEY), state.join("host_key.next")).unwrap();
    fs::write(state.join(KEY), old).unwrap();
    fs::set_permissions(state.join(KEY), fs::Permissions::from_mode(0o600)).unwrap();
    audited.machine.writ(&["key", "show"]).exits(0);
    audited.deploy("web:2");
    audited.machine.pass();
    assert!(!state.join("host_key.next").exists());
    assert_eq!(json(&audited.machine, &["audit", "verify"])["unsigned"], 0);
    // A new key that the record never came to tell of is no key.
    fs::copy(state.join(KEY), audited.desk("kept")).unwrap();
    shell(&state, "ssh-keygen -q -t ed25519 -N '' -f host_key.next").exits(0);
    audited.machine.writ(&["key", "rotate"]).exits(0);
    audited.machine.writ(&["audit", "verify"]).exits(0).says("is whole");
}

#[test]
fn a_key_that_is_missing_or_another_is_told_and_never_replaced_in_silence() {
    let audited = Audited::new();
    let (state, whole) = (audited.machine.state(), Audited::new());
    let stranger = strangers_key(audited.desk.path());
    let kept = fs::read(state.join(KEY)).unwrap();
    let before = audited.state("checkpoint");
    fs::remove_file(state.join(KEY)).unwrap();
    check_untold(&audited, "and there is no");
    assert!(!state.join(KEY).exists());
    fs::copy(stranger, state.join(KEY)).unwrap();
    check_untold(&audited, "and the journal names");
    assert_eq!(audited.state("checkpoint"), before);
    fs::write(state.join(KEY), &kept).unwrap();
    fs::set_permissions(state.join(KEY), fs::Permissions::from_mode(0o640)).unwrap();
    check_untold(&audited, "chmod 600");
    fs::set_permissions(state.join(KEY), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(state.join(KEY), "no key").unwrap();
    check_untold(&audited, "no private key of OpenSSH");
    fs::write(state.join(KEY), kept).unwrap();
    audited.machine.pass();
    assert_ne!(audited.state("checkpoint"), before, "what waited is signed");
    audited.machine.writ(&["key", "rotate", "--lost", "--reason", "x"]).exits(1).says("without --lost");
    whole.machine.writ(&["key", "rotate"]).exits(0);
}

/// The host goes on as ever, says what keeps it from signing, and changes no key.
#[track_caller]
fn check_untold(audited: &Audited, words: &str) {
    let names = json(&audited.machine, &["audit", "verify"])["key"].clone();
    audited.deploy(&format!("web:{}", words.len()));
    audited.machine.pass().says("the record cannot be signed").says(words);
    audited.machine.writ(&["doctor"]).exits(1).says("PROBLEM").says(words);
    audited.machine.writ(&["key", "show"]).exits(1).says(words);
    audited.machine.writ(&["key", "init"]).exits(1).says(words);
    audited.machine.writ(&["key", "rotate"]).exits(1).says(words);
    let verdict = json(&audited.machine, &["audit", "verify"]);
    assert_eq!((&verdict["whole"], &verdict["key"]), (&true.into(), &names), "{verdict}");
    assert_ne!(verdict["unsigned"], 0);
}

#[test]
fn a_lost_key_is_replaced_by_a_person_with_a_reason_and_that_is_remarked_at_every_check() {
    let audited = Audited::new();
    let signers = audited.signers();
    fs::remove_file(audited.machine.state().join(KEY)).unwrap();
    audited.machine.writ(&["key", "rotate", "--lost"]).exits(1).says("--reason");
    let why = ["key", "rotate", "--lost", "--reason", "the disk burnt"];
    audited.machine.writ(&why).exits(0).says("NOT signed by the old one");
    audited
        .machine
        .writ(&["history"])
        .exits(0)
        .says("REPLACED by operator, not signed by the old one")
        .says("the disk burnt");
    audited.machine.writ(&["audit", "verify"]).exits(0).says("the host key was replaced");
    audited.machine.writ(&["audit", "verify", "--allowed-signers", &signers]).exits(3).says("is not listed");
    let known = fs::read_to_string(&signers).unwrap() + &fs::read_to_string(audited.signers()).unwrap();
    let known = audited.put("known", &known);
    audited.machine.writ(&["audit", "verify", "--allowed-signers", &known]).exits(0).says("the host key was replaced");
    audited.machine.writ(&["doctor"]).says("0 newer ones are not signed yet");
}

#[test]
fn a_host_without_a_key_says_so_and_makes_one_when_asked() {
    let origin = crate::machine::Origin::new();
    let machine = crate::machine::Machine::new(&origin, "");
    machine.writ(&["key", "show"]).exits(1).says("writ key init");
    machine.writ(&["key", "rotate"]).exits(1).says("writ key init");
    machine.writ(&["doctor"]).says("none yet: the first pass makes it");
    machine.writ(&["audit", "verify"]).exits(0).says("no checkpoint signs it");
    machine.writ(&["key", "init"]).exits(0).says("made");
    machine.writ(&["audit", "verify"]).exits(0).says("signed up to record");
    elsewhere(&["key", "show"]).exits(1);
}

#[test]
fn the_private_key_stands_in_no_output_and_no_other_file() {
    let audited = Audited::new();
    audited.machine.writ(&["key", "rotate"]).exits(0);
    let key = audited.state(KEY);
    let secret: Vec<&str> = key.lines().filter(|line| !line.starts_with('-')).skip(2).collect();
    assert!(secret.len() >= 2, "{} lines", secret.len());
    let mut texts = vec![];
    for words in [
        &["key", "show"][..],
        &["key", "init"],
        &["history"],
        &["history", "-o", "json"],
        &["audit", "export"],
        &["audit", "prove", "1"],
        &["audit", "prove", "1", "-o", "json"],
        &["doctor"],
        &["key", "rotate"],
    ] {
        texts.push((words.join(" "), audited.machine.writ(words).text));
    }
    let trace = audited.machine.command(&["run", "--once"]).env("WRIT_LOG", "trace").output().unwrap();
    texts.push(("a pass".to_owned(), String::from_utf8_lossy(&trace.stderr).into_owned()));
    for entry in fs::read_dir(audited.machine.state()).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            texts.push((
                format!("{:?}", entry.path()),
                String::from_utf8_lossy(&fs::read(entry.path()).unwrap()).into_owned(),
            ));
        }
    }
    for (place, text) in texts {
        // What was rotated away is gone from the disk, too.
        assert!(secret.iter().all(|line| !text.contains(line)), "{place}");
    }
}
