//! The audit as people and other programs check it: the host key, checkpoints, exports and proofs.

mod excerpts;
mod keys;
mod proofs;
mod tamper;
mod without;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::machine::{Machine, Origin, Ran};

/// A program without data.
const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
                   selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                   spec: {containers: [{name: web, image: 'web:1'}]}\n";

/// A host on which one commit was applied, and what an auditor has of it.
struct Audited {
    origin: Origin,
    machine: Machine,
    commit: String,
    desk: TempDir,
}

impl Audited {
    fn new() -> Self {
        let origin = Origin::new();
        let machine = Machine::new(&origin, "");
        let commit = origin.deploy(&[("web.yaml", WEB)]);
        machine.pass();
        Self { origin, machine, commit, desk: TempDir::new().unwrap() }
    }

    /// A file of the auditor.
    fn desk(&self, name: &str) -> PathBuf {
        self.desk.path().join(name)
    }

    /// Writes a file of the auditor.
    fn put(&self, name: &str, text: &str) -> String {
        fs::write(self.desk(name), text).unwrap();
        self.desk(name).display().to_string()
    }

    /// The file of allowed signers that the host's own words make.
    fn signers(&self) -> String {
        let line = json(&self.machine, &["key", "show"])["allowed_signers"].as_str().unwrap().to_owned();
        self.put("allowed_signers", &format!("{line}\n"))
    }

    fn state(&self, name: &str) -> String {
        fs::read_to_string(self.machine.state().join(name)).unwrap()
    }

    /// A commit with another image, which no pass has seen yet.
    fn deploy(&self, image: &str) {
        self.origin.deploy(&[("web.yaml", &WEB.replace("web:1", image))]);
    }

    /// One more thing that happens to the record, without a pass.
    fn more(&self) {
        self.machine.writ(&["config", "set", "-s", "shop", "MODE=fast"]).exits(0);
        self.machine.writ(&["config", "unset", "-s", "shop", "MODE"]).exits(0);
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.text.contains(words), "no {words:?} in {}", self.text);
        self
    }
}

/// What a command prints as a document, whatever its exit code.
#[track_caller]
fn json(machine: &Machine, words: &[&str]) -> Value {
    let output = machine.command(&[words, &["-o", "json"]].concat()).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// What a command prints on standard output alone; it must end well.
#[track_caller]
fn printed(machine: &Machine, words: &[&str]) -> String {
    let output = machine.command(words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The program on a machine that has neither settings nor a record.
fn elsewhere(words: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(words).env_clear().env("WRIT_CONFIG", "/nowhere/agent.toml").stdin(Stdio::null());
    command.output().unwrap().into()
}

/// A program of the system, by a shell in a folder.
fn shell(folder: &Path, script: &str) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap().into()
}

/// Makes a key of somebody else beside the auditor's files.
fn strangers_key(folder: &Path) -> PathBuf {
    let path = folder.join("stranger");
    shell(folder, "ssh-keygen -q -t ed25519 -N '' -C '' -f stranger").exits(0);
    path
}

/// Signs a text with a key, as `ssh-keygen` does.
fn signed_by(folder: &Path, key: &Path, namespace: &str, text: &str) -> String {
    fs::write(folder.join("text"), text).unwrap();
    let script = format!("rm -f text.sig; ssh-keygen -q -Y sign -f '{}' -n {namespace} text", key.display());
    shell(folder, &script).exits(0);
    fs::read_to_string(folder.join("text.sig")).unwrap()
}

/// The fingerprint of a public key in one line.
fn fingerprint_of(key: &str) -> String {
    writ::record::HostKey::parse(key).unwrap().fingerprint()
}
