//! Local files by `vd apply -f` and `vd delete`, as the seed says it, on a described host.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

const MANIFEST: &str = r#"
statefulset "data" "pg" {
  image    = "postgres:15-alpine"
  replicas = 2
  volume_claim "data" {
    mount_path = "/data"
  }
}
"#;

/// A described host, and the program by its other name.
struct Machine {
    folder: TempDir,
}

impl Machine {
    fn new(allow_unsigned_apply: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let settings = format!(
            "[host]\nname = \"edge-1\"\nstate = \"{0}/state\"\nallow_unsigned_apply = {allow_unsigned_apply}\n\n\
             [[source]]\nname = \"infra\"\nurl = \"file://{0}/repository\"\nbranch = \"main\"\n\n\
             [[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \".\"\ntarget = \"simulated\"\n",
            folder.path().display()
        );
        std::fs::write(folder.path().join("agent.toml"), settings).unwrap();
        std::fs::write(folder.path().join("voodu.hcl"), MANIFEST).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_writ"), folder.path().join("vd")).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn vd(&self, words: &[&str]) -> Output {
        let mut command = Command::new(self.path("vd"));
        command.args(words).current_dir(self.folder.path()).env_clear().env("USER", "operator");
        command.env("WRIT_CONFIG", self.path("agent.toml")).output().unwrap()
    }

    #[track_caller]
    fn exits(&self, code: i32, words: &[&str]) -> String {
        let output = self.vd(words);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
        text
    }

    /// The described host as text.
    fn host(&self) -> String {
        std::fs::read_to_string(self.path("state/simulated.host")).unwrap_or_default()
    }
}

#[test]
fn v12_vd_apply_dash_f_applies_a_manifest_and_again_changes_nothing() {
    let machine = Machine::new(true);
    machine.exits(2, &["apply", "-f", "voodu.hcl", "--yes"]);
    let host = machine.host();
    assert!(host.contains("pod data-pg.0") && host.contains("pod data-pg.1"), "{host}");
    machine.exits(0, &["apply", "-f", "voodu.hcl", "--yes"]);
}

#[test]
fn a_host_that_takes_signed_commits_alone_refuses_local_files() {
    let machine = Machine::new(false);
    let told = machine.exits(3, &["apply", "-f", "voodu.hcl", "--yes"]);
    assert!(told.contains("allow_unsigned_apply") && machine.host().is_empty(), "{told}");
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_applied_or_deleted() {
    let machine = Machine::new(true);
    machine.exits(1, &["apply", "-f", "voodu.hcl"]);
    assert!(!machine.host().contains("pod "), "{}", machine.host());
    machine.exits(2, &["apply", "-f", "voodu.hcl", "--yes"]);
    let before = machine.host();
    machine.exits(1, &["delete", "statefulset/data/pg"]);
    assert_eq!(machine.host(), before);
}

#[test]
fn v26_v27_v29_a_bucket_is_set_before_its_workload_and_a_changed_value_rolls_it() {
    let machine = Machine::new(true);
    machine.exits(0, &["config", "set", "-s", "data", "-n", "pg", "PASSWORD=one"]);
    machine.exits(0, &["config", "set", "-s", "data", "SHARED=url://u:p@h/x?a=b"]);
    machine.exits(2, &["apply", "-f", "voodu.hcl", "--yes"]);
    machine.exits(0, &["config", "set", "-s", "data", "-n", "other", "PASSWORD=unseen"]);
    machine.exits(0, &["apply", "-f", "voodu.hcl", "--yes"]);
    machine.exits(0, &["config", "set", "-s", "data", "SHARED=url://u:p@h/y"]);
    let told = machine.exits(2, &["apply", "-f", "voodu.hcl", "--yes"]);
    assert!(told.contains("bucket/data/SHARED") && !told.contains("u:p@h"), "{told}");
}

#[test]
fn v40_v41_v42_delete_takes_kind_scope_and_name_and_destroys_volumes_with_prune_alone() {
    let machine = Machine::new(true);
    machine.exits(2, &["apply", "-f", "voodu.hcl", "--yes"]);
    machine.exits(1, &["delete", "data/pg", "--yes"]);
    machine.exits(0, &["delete", "statefulset/data/pg", "--yes"]);
    let host = machine.host();
    assert!(!host.contains("pod ") && host.contains("voodu-data-pg-data-1"), "{host}");
    machine.exits(2, &["apply", "-f", "voodu.hcl", "--yes"]);
    machine.exits(0, &["delete", "statefulset/data/pg", "--prune", "--yes"]);
    let host = machine.host();
    assert!(!host.contains("pod ") && !host.contains("voodu-data-pg"), "{host}");
}
