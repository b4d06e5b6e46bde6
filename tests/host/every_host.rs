//! `writ check --all-hosts`: what each host of a repository reads, and the workflows that ask for it.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::machine::{Machine, Origin, web};

/// A repository for two hosts that share a folder.
struct Fleet {
    machine: Machine,
    folder: TempDir,
}

impl Fleet {
    fn new() -> Self {
        let fleet = Self { machine: Machine::new(&Origin::new(), ""), folder: TempDir::new().unwrap() };
        fleet.write("base/web.hcl", &web("1"));
        fleet.write("hosts/a/db.hcl", &web("1").replace("\"web\"", "\"db\""));
        fleet.write("hosts/b/db.hcl", &web("2").replace("\"web\"", "\"db\""));
        fleet
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn check(&self, words: &[&str]) -> Output {
        let folder = self.folder.path().display().to_string();
        self.machine.command(&[&["check", folder.as_str()], words].concat()).output().unwrap()
    }

    fn document(&self, words: &[&str]) -> Value {
        serde_json::from_slice(&self.check(&[words, &["-o", "json"]].concat()).stdout).unwrap()
    }
}

const WORDS: [&str; 5] = ["--all-hosts", "--path", "base", "--path", "hosts/{host}"];

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn what_each_host_reads_is_judged() {
    let fleet = Fleet::new();
    let sound = fleet.check(&WORDS);
    let expected = "host a: 5 objects, nothing wrong\nhost b: 5 objects, nothing wrong\n";
    assert_eq!((sound.status.code(), String::from_utf8_lossy(&sound.stdout).as_ref()), (Some(0), expected));
    let document = fleet.document(&WORDS);
    assert_eq!((&document["schema"], &document["ok"]), (&json!("writ/checks/v1"), &json!(true)));
    let second = json!({"names": {"host": "b"}, "folders": ["base", "hosts/b"], "objects": 5, "ok": true});
    assert_eq!(document["hosts"][1], second);

    fleet.write("hosts/b/again.hcl", &web("2"));
    let twins = fleet.check(&WORDS);
    assert_eq!(twins.status.code(), Some(1));
    assert!(error(&twins).contains("base/web.hcl") && error(&twins).contains("hosts/b/again.hcl"), "{}", error(&twins));
    assert_eq!(fleet.document(&WORDS)["hosts"][0]["ok"], json!(true), "the other host reads nothing of it");
}

#[test]
fn what_many_hosts_have_in_common_is_told_once_and_of_which_hosts() {
    let fleet = Fleet::new();
    fleet.write("base/web.hcl", &web("1").replace("replicas", "replica"));
    fleet.write("hosts/b/db.hcl", &web("2").replace("\"web\"", "\"db\"").replace("image", "imgae"));
    let ran = fleet.check(&WORDS);
    assert_eq!(ran.status.code(), Some(1));
    assert_eq!(error(&ran).matches("base/web.hcl:3:3").count(), 1, "{}", error(&ran));
    assert!(error(&ran).contains("hosts/b/db.hcl:2:3"), "{}", error(&ran));
    let problems = fleet.document(&WORDS)["problems"].as_array().unwrap().clone();
    let hosts = |file: &str| problems.iter().find(|it| it["file"] == file).unwrap()["hosts"].clone();
    assert_eq!(hosts("base/web.hcl"), json!(["host a", "host b"]));
    assert_eq!(hosts("hosts/b/db.hcl"), json!(["host b"]));
}

#[test]
fn paths_that_lead_to_no_host_are_refused() {
    let fleet = Fleet::new();
    for (words, told) in [
        (&["--all-hosts"][..], "--path"),
        (&["--path", "base"], "--all-hosts"),
        (&["--all-hosts", "--path", "sites/{host}"], "cannot read"),
        (&["--all-hosts", "--path", "hosts/{name}"], "use {host} or {label.NAME}"),
    ] {
        let ran = fleet.check(words);
        assert!(ran.status.code() != Some(0) && error(&ran).contains(told), "{words:?}: {}", error(&ran));
    }
}

#[test]
fn the_workflows_among_the_examples_ask_what_the_program_answers() {
    let fleet = Fleet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ci");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "yml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let folders = text.lines().find_map(|line| line.trim().strip_prefix("WRIT_FOLDERS: ")).unwrap();
        let asked = text.lines().find_map(|line| line.split_once("\"$WRIT_IMAGE\" check /repository ")).unwrap().1;
        let asked = asked.trim_end_matches(')').replace("$WRIT_FOLDERS", folders);
        let ran = fleet.check(&asked.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.status.code(), Some(0), "{}: {asked}: {}", path.display(), error(&ran));
        fleet.write("hosts/b/wrong.hcl", "nonsense");
        let ran = fleet.check(&asked.split(' ').collect::<Vec<_>>());
        assert_eq!(ran.status.code(), Some(1), "{}: {asked}: {}", path.display(), error(&ran));
        fs::remove_file(fleet.folder.path().join("hosts/b/wrong.hcl")).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 3);
}
