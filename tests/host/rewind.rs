//! A host goes back by a signed statement, once; each attack beside the honest statement that it resembles.

use std::fs;

use writ::record::{Event, TrustEvent};

use crate::machine::{Machine, Origin, Ran, web};
use crate::repository::{Key, Sign, key, sign};

/// A host that applied the second of two commits, and a branch that was taken back to the first.
struct Story {
    origin: Origin,
    machine: Machine,
    first: String,
    second: String,
}

impl Story {
    fn new() -> Self {
        let origin = Origin::new();
        let machine = Machine::new(&origin, "");
        let first = origin.deploy(&[("web.hcl", &web("1"))]);
        let second = origin.deploy(&[("web.hcl", &web("2"))]);
        machine.pass();
        origin.offer(&first);
        let story = Self { origin, machine, first, second };
        story.refused(&["(rewind)"]);
        story
    }

    fn floor(&self) -> String {
        self.machine.store().floor("infra").unwrap().unwrap()
    }

    /// Ann signs with the command, in the repository itself.
    fn rewind(&self, words: &[&str]) -> Ran {
        let (key, folder) = (self.origin.key.file.display().to_string(), self.origin.repository.path());
        let folder = folder.display().to_string();
        let mut all = vec!["rewind", "--source", "infra", "--from", &self.second, "--to", &self.first];
        all.extend(["--key", &key, "--git-dir", &folder]);
        all.extend(words);
        self.machine.writ(&all)
    }

    /// Anybody publishes any text, signed in any namespace.
    fn state(&self, by: &Key, namespace: &str, text: &str) {
        self.origin.repository.state("refs/writ/rewinds/edge-1/x", text, &sign(by, namespace, text.as_bytes()));
    }

    fn text(&self) -> String {
        let (from, to) = (&self.second, &self.first);
        format!("writ rewind 1\nsource infra\nhost edge-1\nfrom {from}\nto {to}\nuntil 2100-01-01T00:00:00Z\n")
    }

    /// The next pass changes nothing and says these words.
    #[track_caller]
    fn refused(&self, words: &[&str]) {
        let (host, floor) = (self.machine.host(), self.floor());
        let ran = self.machine.writ(&["run", "--once"]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(words.iter().all(|word| ran.text.contains(word)), "{words:?} in {}", ran.text);
        assert_eq!((self.machine.host(), self.floor()), (host, floor), "{ran:?}");
    }

    /// The next pass goes back to the first commit.
    #[track_caller]
    fn followed(&self) {
        assert_eq!(self.machine.pass().code, Some(2));
        assert_eq!(self.machine.standing().unwrap().0.as_ref(), Some(&self.first));
        assert_eq!(self.floor(), self.first);
        assert_eq!(rewound(&self.machine).len(), 1);
        self.machine.check_journal();
    }
}

fn rewound(machine: &Machine) -> Vec<TrustEvent> {
    let mut found = Vec::new();
    for record in machine.history() {
        if let Event::Trust(event @ TrustEvent::Rewound { .. }) = record.event {
            found.push(event);
        }
    }
    found
}

#[test]
fn a_signed_rewind_lets_a_host_go_back_once_and_a_replay_is_refused() {
    let story = Story::new();
    let ran = story.rewind(&["--host", "edge-1"]);
    assert!(ran.code == Some(0) && ran.text.contains("git -C"), "{ran:?}");
    assert!(ran.text.contains("push origin refs/writ/rewinds/edge-1/"), "{ran:?}");
    story.followed();
    let [TrustEvent::Rewound { source, from, to, statement: _, signers }] = &rewound(&story.machine)[..] else {
        panic!("told once");
    };
    assert_eq!([source, from, to], ["infra", &story.second, &story.first]);
    assert_eq!(signers, &[story.origin.key.fingerprint.clone(), "ann@example.com".to_owned()]);
    assert!(story.machine.writ(&["history"]).text.contains("REWOUND"));
    assert_eq!(story.machine.pass().code, Some(0), "a second pass does nothing");
    // Forward again, as any commit that descends from the floor; back again it takes another statement.
    story.origin.offer(&story.second);
    story.machine.pass();
    story.origin.offer(&story.first);
    story.refused(&["(rewind)", "it was used already"]);
    story.rewind(&["--host", "edge-1", "--for", "2d"]);
    story.machine.pass();
    assert_eq!((story.floor(), rewound(&story.machine).len()), (story.first.clone(), 2));
}

#[test]
fn a_rewind_by_the_lines_of_the_document_is_followed_on_its_host() {
    let story = Story::new();
    let key = story.origin.key.file.display().to_string();
    let run = |name: &str| {
        let commits = [("FROM", story.second.as_str()), ("TO", &story.first), ("UNTIL", "2100-01-01T00:00:00Z")];
        let more = [("SOURCE", "infra"), ("NAME", name), ("KEY", &key)];
        crate::statements::run_lines(&story.origin.repository, 1, &[&commits[..], &more].concat());
    };
    run("edge-2");
    story.refused(&["(rewind)"]);
    run("edge-1");
    story.followed();
}

#[test]
fn a_rewind_is_for_its_host_its_source_and_its_floor() {
    let story = Story::new();
    story.rewind(&["--host", "edge-2"]);
    story.refused(&["(rewind)"]);
    for (old, new) in [("host edge-1", "host edge-2"), ("source infra", "source other")] {
        story.state(&story.origin.key, "rewind@writ", &story.text().replace(old, new));
        story.refused(&["(rewind)"]);
    }
    let text = story.text().replace(&format!("from {}", story.second), &format!("from {}", story.origin.introduction));
    story.state(&story.origin.key, "rewind@writ", &text);
    story.refused(&["was applied last"]);
    story.state(&story.origin.key, "rewind@writ", &story.text());
    let plan = story.machine.writ(&["plan"]);
    assert!(plan.text.contains("web:2 -> web:1"), "{plan:?}");
    assert_eq!(story.floor(), story.second, "a plan uses nothing");
    story.followed();
}

#[test]
fn a_rewind_that_cannot_be_used_is_told_with_its_reason() {
    let story = Story::new();
    let keys = tempfile::tempdir().unwrap();
    let stranger = key(keys.path(), "stranger");
    let (ann, text) = (&story.origin.key, story.text());
    let ended = text.replace("2100", "2026");
    for (by, namespace, text, words) in [
        (&stranger, "rewind@writ", &text, "may not sign it"),
        (ann, "git", &text, "made for the namespace"),
        (ann, "deploy@writ", &text, "made for the namespace"),
        (ann, "rewind@writ", &ended, "it ended at"),
        (ann, "rewind@writ", &text.replace("until", "till"), "belongs here"),
    ] {
        story.state(by, namespace, text);
        story.refused(&["(rewind)", words]);
    }
    story.state(ann, "rewind@writ", &text);
    story.followed();
}

#[test]
fn a_head_is_judged_from_where_the_rewind_leads_and_a_bad_one_uses_nothing() {
    let story = Story::new();
    story.rewind(&["--host", "edge-1"]);
    let repository = &story.origin.repository;
    repository.reset(&story.first);
    repository.write("host/web.hcl", web("evil"));
    repository.commit(Sign::Not, "not from us");
    story.refused(&["(unsigned)"]);
    repository.reset(&story.origin.introduction);
    repository.write("host/web.hcl", web("3"));
    repository.commit(Sign::By(&story.origin.key), "beside");
    story.refused(&["by the rewind to", "does not descend"]);
    repository.reset(&story.first);
    repository.write("host/web.hcl", web("4"));
    let head = repository.commit(Sign::By(&story.origin.key), "another way");
    story.machine.pass();
    assert_eq!(story.machine.standing().unwrap().0.as_ref(), Some(&head));
    assert_eq!((story.floor(), rewound(&story.machine).len()), (head, 1));
}

#[test]
fn killed_after_any_record_of_a_rewind_it_was_used_once_or_not_at_all() {
    let story = Story::new();
    story.rewind(&["--host", "edge-1"]);
    let whole = story.machine.copy();
    whole.pass();
    let records = story.machine.history().len() + 1..=whole.history().len();
    assert!(records.clone().count() > 3, "{records:?}");
    for record in records {
        let machine = story.machine.copy();
        let mut command = machine.command(&["run", "--once"]);
        let died: Ran = command.env("WRIT_TEST_DIE_AT_RECORD", record.to_string()).output().unwrap().into();
        assert_eq!(died.code, None, "it did not die at {record}: {died:?}");
        machine.pass();
        machine.check_journal();
        assert_eq!(machine.pods(), whole.pods(), "record {record}");
        assert_eq!((rewound(&machine).len(), machine.store().rewinds_used().unwrap().len()), (1, 1), "{record}");
        assert_eq!(machine.store().floor("infra").unwrap().as_ref(), Some(&story.first));
    }
}

#[test]
fn a_rewind_brings_the_commit_along_that_the_host_was_at() {
    for published_whole in [true, false] {
        let story = Story::new();
        if published_whole {
            story.rewind(&["--host", "edge-1"]);
        } else {
            story.state(&story.origin.key, "rewind@writ", &story.text());
        }
        // The clone is lost, and no branch leads to that commit any more.
        fs::remove_dir_all(story.machine.state().join("git")).unwrap();
        story.origin.repository.git(&["reflog", "expire", "--expire=now", "--all"]);
        if published_whole {
            story.followed();
        } else {
            let ran = story.machine.writ(&["run", "--once"]);
            assert!(ran.code == Some(1) && ran.text.contains("could not be checked"), "{ran:?}");
            assert_eq!(story.floor(), story.second);
        }
    }
}

#[test]
fn the_commands_refuse_what_would_be_no_statement() {
    let story = Story::new();
    let folder = story.origin.repository.path().display().to_string();
    let key = story.origin.key.file.display().to_string();
    let at = ["--git-dir", folder.as_str(), "--key", key.as_str()];
    for (words, told) in [
        (vec!["--hosts", "a,"], "no patterns of hosts"),
        (vec!["--for", "soon"], "no span of time"),
        (vec!["nowhere"], "names no commit"),
    ] {
        let ran = story.machine.writ(&[&["approve"][..], &at, &words].concat());
        assert!(ran.code == Some(1) && ran.text.contains(told), "{ran:?}");
    }
    let ran = story.machine.writ(&["approve", "--git-dir", &folder, "--key", "/nonexistent/key"]);
    assert!(ran.code == Some(1) && ran.text.contains("did not sign"), "{ran:?}");
    let unknown = "1".repeat(40);
    let ran = story
        .machine
        .writ(&[&["rewind", "--source", "a", "--host", "b", "--from", &unknown, "--to", &unknown][..], &at].concat());
    assert!(ran.code == Some(1) && ran.text.contains("not in this clone"), "{ran:?}");
    assert!(!story.origin.repository.git(&["for-each-ref"]).contains("refs/writ"), "nothing was kept");
}

#[test]
fn an_approval_by_the_command_counts_and_the_same_again_is_the_same() {
    let story = Story::new();
    let folder = story.origin.repository.path().display().to_string();
    let key = story.origin.key.file.display().to_string();
    let words = ["-o", "json", "approve", "main", "--hosts", "edge-*", "--git-dir", &folder, "--key", &key];
    let ran = story.machine.writ(&words);
    // What `ssh-keygen` says goes to standard error, behind the document.
    let (document, _) = ran.text.rsplit_once('}').unwrap();
    let document: serde_json::Value = serde_json::from_str(&format!("{document}}}")).unwrap();
    let tree = story.origin.repository.git(&["rev-parse", "main^{tree}"]);
    assert_eq!(document["text"], format!("writ approval 1\ntree {tree}\nhosts edge-*\n"));
    assert_eq!(document["signer"], story.origin.key.fingerprint.as_str());
    story.machine.writ(&words);
    let refs = story.origin.repository.git(&["for-each-ref", "--format=%(refname)", "refs/writ"]);
    assert_eq!(refs, document["ref"].as_str().unwrap());
}
