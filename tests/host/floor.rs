//! The floor is as high as its highest witness: a record that is lost or put back lowers nothing, and honest hosts go on.

use std::fs;

use writ::record::{Event, TrustEvent};

use crate::machine::{Machine, Origin, Ran, web};
use crate::repository::{Sign, key};

fn api() -> String {
    web("1").replace("\"web\"", "\"api\"")
}

/// A host that runs the second of two commits.
struct Story {
    origin: Origin,
    first: String,
    second: String,
    /// The host as it is.
    machine: Machine,
    /// What it runs, under a record that knows the first commit alone.
    put_back: Machine,
    /// What it runs, under a new record.
    lost: Machine,
}

impl Story {
    fn new() -> Self {
        let origin = Origin::new();
        let machine = Machine::new(&origin, "");
        let first = origin.deploy(&[("web.hcl", &web("1"))]);
        machine.pass();
        let put_back = machine.copy();
        let second = origin.deploy(&[("web.hcl", &web("2"))]);
        machine.pass();
        let lost = Machine::new(&origin, "");
        for other in [&put_back, &lost] {
            runs_as(other, &machine.host());
        }
        Self { origin, first, second, machine, put_back, lost }
    }
}

/// Describes what runs on a host.
fn runs_as(machine: &Machine, host: &str) {
    fs::write(machine.state().join("simulated.host"), host).unwrap();
}

/// The next pass changes nothing, and says these words.
#[track_caller]
fn kept(machine: &Machine, code: i32, words: &[&str]) -> Ran {
    let (host, floor) = (machine.host(), machine.store().floor("infra").unwrap());
    let ran = machine.writ(&["run", "--once"]);
    assert_eq!(ran.code, Some(code), "{ran:?}");
    assert!(words.iter().all(|word| ran.text.contains(word)), "{words:?} in {}", ran.text);
    assert_eq!((machine.host(), machine.store().floor("infra").unwrap()), (host, floor), "{ran:?}");
    ran
}

/// The next pass goes on to a commit.
#[track_caller]
fn follows(machine: &Machine, commit: &str) {
    machine.pass();
    assert_eq!(machine.store().floor("infra").unwrap().as_deref(), Some(commit));
    machine.check_journal();
}

#[test]
fn a_record_that_is_lost_or_put_back_does_not_let_an_older_commit_in() {
    let story = Story::new();
    story.origin.offer(&story.first);
    for machine in [&story.lost, &story.put_back] {
        let words = ["(rewind)", &story.second, "which containers of unit edge run by"];
        kept(machine, 3, &words);
        kept(machine, 3, &words);
        assert_eq!(machine.writ(&["plan"]).code, Some(3));
    }
    story.origin.offer(&story.second);
    for machine in [&story.lost, &story.put_back] {
        follows(machine, &story.second);
    }
}

#[test]
fn what_goes_on_from_what_runs_is_followed_though_the_record_is_lost_or_put_back() {
    let story = Story::new();
    let third = story.origin.deploy(&[("web.hcl", &web("3"))]);
    for machine in [&story.lost, &story.put_back, &story.machine] {
        follows(machine, &third);
        assert_eq!(machine.pass().code, Some(0), "a second pass does nothing");
    }
}

#[test]
fn a_branch_beside_what_runs_is_refused_where_the_record_is_lost_or_put_back() {
    let story = Story::new();
    story.origin.repository.reset(&story.first);
    story.origin.deploy(&[("web.hcl", &web("evil"))]);
    for machine in [&story.lost, &story.put_back, &story.machine] {
        kept(machine, 3, &["(rewind)", &story.second]);
    }
    // A merge brings both lines together.
    let repository = &story.origin.repository;
    let beside = repository.head();
    repository.reset(&story.second);
    repository.git(&["merge", "-q", "-s", "ours", "--no-commit", &beside]);
    let merged = repository.commit(Sign::By(&story.origin.key), "both");
    for machine in [&story.lost, &story.put_back, &story.machine] {
        follows(machine, &merged);
    }
}

#[test]
fn a_first_deployment_and_a_pod_that_lags_behind_keep_nobody_out() {
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    origin.deploy(&[("api.hcl", &api()), ("web.hcl", &web("1"))]);
    machine.pass();
    // Nothing about the one pod changes, which so keeps the label of the first commit.
    let second = origin.deploy(&[("api.hcl", &api()), ("web.hcl", &web("2"))]);
    machine.pass();
    let lost = Machine::new(&origin, "");
    runs_as(&lost, &machine.host());
    follows(&lost, &second);
    let third = origin.deploy(&[("api.hcl", &api()), ("web.hcl", &web("3"))]);
    follows(&lost, &third);
    assert_eq!(lost.writ(&["run", "--once"]).code, Some(0), "an agent that starts again goes on");
    origin.offer(&second);
    kept(&lost, 3, &["(rewind)"]);
}

#[test]
fn pods_of_another_unit_and_what_no_commit_asked_for_witness_nothing() {
    let story = Story::new();
    story.origin.offer(&story.first);
    let host = story.machine.host();
    for other in [host.replace("unit=edge", "unit=other"), host.replace(&format!(" commit={}", story.second), "")] {
        let lost = Machine::new(&story.origin, "");
        runs_as(&lost, &other);
        lost.writ(&["run", "--once"]);
        assert_eq!(lost.store().floor("infra").unwrap().as_ref(), Some(&story.first));
    }
}

#[test]
fn a_unit_that_moved_to_another_source_is_held_against_what_the_record_knows() {
    let (story, other) = (Story::new(), Origin::new());
    let head = other.deploy(&[("web.hcl", &web("5"))]);
    let settings = fs::read_to_string(story.machine.path("agent.toml")).unwrap();
    let second =
        format!("[[source]]\nname = \"other\"\nurl = \"{}\"\nbranch = \"main\"\n[[unit]]", other.repository.url());
    let moved = settings.replace("[[unit]]", &second).replace("source = \"infra\"", "source = \"other\"");
    for (machine, follows) in [(&story.machine, true), (&story.lost, false)] {
        let state = machine.state().display().to_string();
        fs::write(machine.path("agent.toml"), moved.replace(&story.machine.state().display().to_string(), &state))
            .unwrap();
        let introduced =
            writ::record::Introduced { commit: other.introduction.clone(), signer: other.key.fingerprint.clone() };
        machine.store().enrol(writ::clock::Clock.now(), "other", &introduced).unwrap();
        let ran = machine.writ(&["run", "--once"]);
        let floor = machine.store().floor("other").unwrap();
        assert_eq!(floor.as_ref() == Some(&head), follows, "{ran:?}");
        assert_eq!(ran.text.contains(&story.second), !follows, "with a lost record, nobody knows whose it is: {ran:?}");
    }
}

#[test]
fn a_label_that_cannot_be_read_is_no_answer_and_what_runs_is_let_alone() {
    let story = Story::new();
    let host = story.machine.host();
    runs_as(&story.lost, &host.replace(&story.second, "nonsense"));
    kept(&story.lost, 1, &["could not be checked", "nonsense", "remove that container"]);
    runs_as(&story.lost, &host);
    follows(&story.lost, &story.second);
    // A host that does not answer has said nothing.
    story.origin.deploy(&[("web.hcl", &web("3"))]);
    runs_as(&story.machine, "no such line\n");
    kept(&story.machine, 1, &["could not be checked", "which commit runs here cannot be looked at"]);
}

#[test]
fn people_let_a_host_go_back_from_what_it_runs_where_the_record_is_lost_or_put_back() {
    for put_back in [false, true] {
        let story = Story::new();
        let machine = if put_back { &story.put_back } else { &story.lost };
        story.origin.offer(&story.first);
        kept(machine, 3, &["(rewind)"]);
        let keys = tempfile::tempdir().unwrap();
        let stranger = key(keys.path(), "stranger");
        let rewind = |file: &str| {
            let folder = story.origin.repository.path().display().to_string();
            let words =
                ["rewind", "--source", "infra", "--host", "edge-1", "--from", &story.second, "--to", &story.first];
            machine.writ(&[&words[..], &["--key", file, "--git-dir", &folder]].concat());
        };
        rewind(&stranger.file.display().to_string());
        kept(machine, 3, &["(rewind)", "may not sign it"]);
        rewind(&story.origin.key.file.display().to_string());
        follows(machine, &story.first);
        let told =
            |event: &Event| matches!(event, Event::Trust(TrustEvent::Rewound { from, .. }) if *from == story.second);
        assert_eq!(machine.history().iter().filter(|record| told(&record.event)).count(), 1);
        // From then on the record knows, also for a pod that still bears the label.
        let lagging = machine.host().replace(&format!("commit={}", story.first), &format!("commit={}", story.second));
        runs_as(machine, &lagging);
        story.origin.repository.reset(&story.first);
        let next = story.origin.deploy(&[("web.hcl", &web("4"))]);
        follows(machine, &next);
    }
}
