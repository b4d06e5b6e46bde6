//! The doors through which a repository comes in, by the real program: `writ enrol`, `writ verify` and a pass.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::agreement::{Agreed, Operator};
use crate::machine::{Machine, Origin};
use crate::openpgp::Gnupg;
use crate::repository::{Key, Repository, Sign, certify, key};

/// A repository that is introduced by this signer, and its folder of keys.
struct Door {
    repository: Repository,
    introduction: String,
    signer: String,
}

impl Door {
    fn machine(&self) -> Machine {
        Machine::stranger_to(&self.repository.url())
    }

    fn words(&self) -> Vec<String> {
        ["enrol", "--commit", &self.introduction, "--signer", &self.signer, "--yes"].map(str::to_owned).to_vec()
    }
}

/// Enrols, makes a pass and verifies: the signer is shown and kept by its name.
#[track_caller]
fn check(door: &Door, next: impl FnOnce(&Repository)) {
    let machine = door.machine();
    let words = door.words();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wrong = Gnupg::new().make("eve", "ed25519", "sign", "never");
    let ran =
        machine.writ(&["enrol", "--commit", &door.introduction, "--signer", &format!("OPENPGP:{wrong}"), "--yes"]);
    assert!(ran.code == Some(1) && ran.text.contains("unknown-key"), "{ran:?}");
    let ran = machine.writ(&words);
    assert!(ran.code == Some(0) && ran.text.contains(&format!("signed   with {}", door.signer)), "{ran:?}");
    let ran = machine.writ(&words);
    assert!(ran.text.contains("was enrolled so already"), "{ran:?}");
    next(&door.repository);
    machine.pass();
    machine.pass();
    let ran = machine.writ(&["verify", "-o", "json"]);
    let document: Value = serde_json::from_str(ran.text.lines().collect::<String>().as_str()).unwrap();
    assert_eq!(document["admitted"], true, "{document}");
    let (repository, agreed) = (door.repository.path(), Agreed::default());
    let operator = Operator::new(&repository, door.repository.date());
    for commit in document["commits"].as_array().unwrap() {
        assert_eq!(commit["signer"], door.signer.as_str(), "{document}");
        operator.agrees(commit["commit"].as_str().unwrap(), &door.introduction, &agreed);
    }
}

fn deploy(repository: &Repository, sign: Sign<'_>) {
    repository
        .write("host/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\ndata: {a: b}\n");
    repository.commit(sign, "deploy");
}

#[test]
fn a_source_is_enrolled_and_followed_by_an_openpgp_key() {
    let gnupg = Gnupg::new();
    let signer = gnupg.make("ann", "ed25519", "sign,cert", "never");
    let repository = Repository::empty();
    repository.write(".writ/keys/ann@example.com.asc", gnupg.export(&signer));
    let introduction = repository.commit(gnupg.sign(&signer), "introduce");
    let door = Door { repository, introduction, signer: format!("OPENPGP:{signer}") };
    check(&door, |repository| deploy(repository, gnupg.sign(&signer)));
}

#[test]
fn a_source_is_enrolled_and_followed_by_certificates() {
    let keys = TempDir::new().unwrap();
    let (authority, ann) = (key(keys.path(), "authority"), key(keys.path(), "ann"));
    let ann: Key = certify(&authority, &ann, &["-I", "ann", "-n", "ann@example.com"]);
    let repository = Repository::empty();
    repository.authorize(&format!("*@example.com cert-authority {}\n", authority.public));
    let introduction = repository.commit(Sign::By(&ann), "introduce");
    let door = Door { repository, introduction, signer: ann.fingerprint.clone() };
    check(&door, |repository| deploy(repository, Sign::By(&ann)));
}

#[test]
fn a_repository_that_uses_sha256_is_refused_by_name_at_every_door() {
    let origin = Origin::new();
    let sha256 = Repository::of_format("sha256");
    sha256.authorize(&origin.key.line());
    let commit = sha256.commit(Sign::By(&origin.key), "introduce");
    let (sha1, signer) = (origin.introduction.as_str(), origin.key.fingerprint.as_str());
    let folder = sha256.path().display().to_string();
    let machine = Machine::stranger_to(&sha256.url());
    let verify = ["verify", "--git-dir", &folder, "--signer", signer, "--introduction"];
    for words in [
        vec!["enrol", "--signer", signer, "--yes", "--commit", &commit],
        vec!["enrol", "--signer", signer, "--yes", "--commit", sha1],
        [&verify[..], &[&commit]].concat(),
        [&verify[..], &[sha1]].concat(),
    ] {
        let ran = machine.writ(&words);
        let is_named = ran.text.contains("SHA-256 repository, which is not supported");
        assert!(ran.code.is_some_and(|code| code != 0) && is_named, "{words:?}: {ran:?}");
    }
    // A source that became one behind the agent's back.
    let machine = Machine::new(&origin, "");
    origin.deploy(&[]);
    machine.writ(&["run", "--once"]);
    let git = origin.repository.path().join(".git");
    fs::rename(&git, origin.repository.path().join("sha1")).unwrap();
    fs::rename(sha256.path().join(".git"), &git).unwrap();
    assert_eq!(machine.writ(&["run", "--once"]).code, Some(1));
    let ran = machine.writ(&["plan"]);
    assert!(ran.code == Some(1) && ran.text.contains("SHA-256 repository"), "{ran:?}");
}
