//! The program as people and scripts call it: words, exit codes, documents, and what must never be printed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::golden::{check_file, data};
use crate::repository::{Key, Repository, Sign, key};

/// A secret that stands in files, buckets and the environment, and must stand nowhere else.
const CANARY: &str = "canary-hunter2";

const MANIFEST: &str = "statefulset \"data\" \"pg\" {\n  image = \"postgres:15\"\n}\n";

/// A host with settings, without an engine, that follows a repository of its own.
struct Machine {
    folder: TempDir,
    repository: Repository,
    introduction: String,
    alice: Key,
}

struct Ran {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Machine {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let alice = key(folder.path(), "alice");
        let (repository, introduction) = Repository::introduced_by(&alice);
        let settings = format!(
            "[host]\nname = \"edge-1\"\nstate = \"{}/state\"\n\n[[source]]\nname = \"infra\"\nurl = \"{}\"\nbranch = \"main\"\n\n\
             [[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \".\"\ntarget = \"docker\"\n",
            folder.path().display(),
            repository.url(),
        );
        std::fs::write(folder.path().join("agent.toml"), settings).unwrap();
        Self { folder, repository, introduction, alice }
    }

    fn enrolled() -> Self {
        let machine = Self::new();
        let (commit, signer) = (machine.introduction.clone(), machine.alice.fingerprint.clone());
        machine.writ(&["enrol", "--commit", &commit, "--signer", &signer, "--yes"]).succeeds();
        machine
    }

    /// Enrolled, on a host that is described, with a signed manifest.
    fn described() -> Self {
        let machine = Self::enrolled();
        let settings = std::fs::read_to_string(machine.path("agent.toml")).unwrap();
        std::fs::write(machine.path("agent.toml"), settings.replace("docker", "simulated")).unwrap();
        machine.repository.write("pg.hcl", MANIFEST);
        machine.repository.commit(Sign::By(&machine.alice), "A database");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; its path.
    fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name).display().to_string()
    }

    fn writ(&self, words: &[&str]) -> Ran {
        self.writ_with(words, "")
    }

    fn writ_with(&self, words: &[&str], input: &str) -> Ran {
        run(Path::new(env!("CARGO_BIN_EXE_writ")), words, input, |command| {
            command.env("WRIT_CONFIG", self.path("agent.toml"));
            command.env("DOCKER_HOST", format!("unix://{}", self.path("no-engine.sock").display()));
        })
    }

    fn json(&self, words: &[&str]) -> Value {
        let ran = self.writ(&[words, &["-o", "json"]].concat());
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{words:?} printed {}{}", ran.out, ran.error))
    }
}

impl Ran {
    #[track_caller]
    fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.error);
        self
    }

    #[track_caller]
    fn succeeds(&self) -> &Self {
        self.exits(0)
    }
}

/// Runs the program with an environment of its own.
fn run(program: &Path, words: &[&str], input: &str, prepare: impl FnOnce(&mut Command)) -> Ran {
    let mut command = Command::new(program);
    command.args(words).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("USER", "operator").env("WRIT_TEST_SECRET", CANARY);
    prepare(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}

fn bare(words: &[&str]) -> Ran {
    run(Path::new(env!("CARGO_BIN_EXE_writ")), words, "", |_| {})
}

#[test]
fn the_help_is_as_reviewed() {
    let ran = bare(&["--help"]);
    check_file(&data("cli/help.expected"), &ran.succeeds().out);
    for command in ["config", "verify", "exec", "logs"] {
        let ran = bare(&[command, "--help"]);
        check_file(&data(&format!("cli/help-{command}.expected")), &ran.succeeds().out);
    }
}

#[test]
fn called_as_vd_it_takes_the_same_words() {
    let folder = TempDir::new().unwrap();
    let vd = folder.path().join("vd");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_writ"), &vd).unwrap();
    let ran = run(&vd, &["--help"], "", |_| {});
    assert!(ran.succeeds().out.contains("Usage: vd "), "{}", ran.out);
}

#[test]
fn words_that_nobody_understands_exit_1_so_that_2_keeps_its_meaning() {
    bare(&["stauts"]).exits(1);
    bare(&["status", "--no-such"]).exits(1);
    bare(&[]).exits(1);
}

#[test]
fn commands_of_later_versions_say_so_and_stand_in_no_help() {
    let help = bare(&["--help"]).out;
    for word in ["pg:promote", "redis:link"] {
        let ran = bare(&[word]);
        assert!(ran.exits(1).error.contains("not supported yet"), "{}", ran.error);
        assert!(!help.contains(&format!("  {word}")), "{word} stands in the help");
    }
}

#[test]
fn settings_that_are_not_right_are_told_in_full_on_standard_error() {
    let machine = Machine::new();
    std::fs::write(machine.path("agent.toml"), format!("[hsot]\n[host]\nnmae = \"x\"\ntoken = \"{CANARY}\"\n"))
        .unwrap();
    let ran = machine.writ(&["status"]);
    assert_eq!(ran.exits(1).out, "");
    for words in ["unknown key `hsot`", "did you mean `name`?", "agent.toml:3:1", "the settings"] {
        assert!(ran.error.contains(words), "{words}: {}", ran.error);
    }
    assert!(!ran.error.contains(CANARY), "{}", ran.error);
}

#[test]
fn check_tells_every_problem_at_its_place_and_lets_a_sound_manifest_pass() {
    let machine = Machine::new();
    std::fs::create_dir(machine.path("good")).unwrap();
    std::fs::write(machine.path("good/pg.hcl"), MANIFEST).unwrap();
    let good = machine.path("good").display().to_string();
    machine.writ(&["check", &good]).succeeds();
    let document = machine.json(&["check", &good]);
    assert_eq!((&document["schema"], &document["ok"]), (&Value::from("writ/check/v1"), &Value::from(true)));

    std::fs::create_dir(machine.path("bad")).unwrap();
    std::fs::write(machine.path("bad/pg.hcl"), MANIFEST.replace("image", "imgae")).unwrap();
    std::fs::write(machine.path("bad/x.yaml"), "kind: StatefulSet\n").unwrap();
    let bad = machine.path("bad").display().to_string();
    let ran = machine.writ(&["check", &bad]);
    assert!(ran.exits(1).error.contains("pg.hcl:2:3") && ran.error.contains("x.yaml:1:1"), "{}", ran.error);
    let document = machine.json(&["check", &bad]);
    assert_eq!(document["ok"], Value::from(false));
    assert!(document["problems"].as_array().unwrap().iter().any(|problem| problem["line"] == 2), "{document}");
}

#[test]
fn check_judges_for_the_target_that_is_named_without_asking_it() {
    let machine = Machine::new();
    let kind = "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: a, namespace: b}\n";
    let (widget, web) = (machine.file("widget.yaml", kind), machine.file("web.hcl", MANIFEST));
    for target in ["kubernetes", "kubernetes:production"] {
        machine.writ(&["check", &widget, "--target", target]).succeeds();
        assert_eq!(machine.json(&["check", &web, "--target", target])["target"], "kubernetes");
    }
    let refused = machine.writ(&["check", &widget, "--target", "docker"]);
    assert!(refused.exits(1).error.contains("the kind `Widget`"), "{}", refused.error);
    assert!(machine.writ(&["check", &web, "--target", "podman"]).error.contains("write `docker`, `kubernetes`"));
    let guarded = machine.writ(&["check", &widget, "--target", "kubernetes", "--guard", "restricted"]);
    assert!(guarded.exits(1).error.contains("guard other-kind:"), "{}", guarded.error);
}

#[test]
fn check_judges_by_the_guard_that_is_named_and_shows_each_refusal_at_its_workload() {
    let machine = Machine::new();
    let path = machine.file("nginx.hcl", "deployment \"shop\" \"web\" {\n  image = \"nginx:1\"\n}\n");
    let own = machine.file("own.toml", "base = \"restricted\"\nroot = true\nprivilege_escalation = true\n");
    let wrong = machine.file("wrong.toml", "rooot = true\n");
    machine.writ(&["check", &path, "--guard", "baseline"]).succeeds();
    let document = machine.json(&["check", &path, "--guard", "restricted"]);
    assert_eq!((&document["ok"], &document["guard"]), (&Value::from(false), &Value::from("restricted")));
    let problems = document["problems"].as_array().unwrap().clone();
    let rules = ["guard default-capabilities:", "guard privilege-escalation:", "guard root:"];
    let errors: Vec<&Value> = problems.iter().filter(|problem| problem["severity"] == "error").collect();
    for (problem, rule) in errors.iter().zip(rules) {
        assert!(problem["message"].as_str().unwrap().starts_with(rule) && problem["line"] == 1, "{problem}");
    }
    assert_eq!(errors.len(), rules.len(), "{errors:?}");
    let ran = machine.writ(&["check", &path, "--guard", &own]);
    assert!(
        ran.exits(1).error.contains("guard default-capabilities") && !ran.error.contains("guard root"),
        "{}",
        ran.error
    );
    let ran = machine.writ(&["check", &path, "--guard", &wrong]);
    assert!(ran.exits(1).error.contains("unknown key `rooot` in the policy"), "{}", ran.error);
    machine.writ(&["check", &path, "--guard", "none"]).exits(1);
}

#[test]
fn check_and_render_fetch_nothing_and_say_so() {
    let machine = Machine::new();
    let manifest = machine.path("asset.hcl");
    // Nobody listens there, so that asking would fail.
    std::fs::write(&manifest, "asset \"a\" \"b\" {\n  k = url(\"http://127.0.0.1:1/x?key=canary\")\n}\n").unwrap();
    let path = manifest.display().to_string();
    for command in ["check", "render"] {
        let ran = machine.writ(&[command, &path]);
        assert!(ran.succeeds().error.contains("http://127.0.0.1:1/x?… were not fetched"), "{}", ran.error);
        assert!(!ran.error.contains("canary") && !ran.out.contains("canary"), "{}{}", ran.error, ran.out);
    }
    assert!(machine.writ(&["render", &path]).out.contains("not fetched"));
}

#[test]
fn render_prints_objects_that_read_back_and_hides_secrets_unless_asked() {
    let machine = Machine::new();
    let manifest = machine.path("secret.yaml");
    let text = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: pw, namespace: data}}\nstringData: {{word: {CANARY}}}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: cm, namespace: data}}\ndata: {{k: \"0644\", lines: \"a\\nb\\n\"}}\n"
    );
    std::fs::write(&manifest, text).unwrap();
    let path = manifest.display().to_string();
    let ran = machine.writ(&["render", &path]);
    assert!(ran.succeeds().out.contains("k: \"0644\"\n  lines: |\n    a\n    b\n"), "{}", ran.out);
    assert!(ran.out.contains("\n---\n") && !ran.out.contains(CANARY), "{}", ran.out);
    assert!(machine.writ(&["render", &path, "--show-secrets"]).succeeds().out.contains(CANARY));

    let again = machine.path("again.yaml");
    std::fs::write(&again, machine.writ(&["render", &path, "--show-secrets"]).out).unwrap();
    let again = again.display().to_string();
    assert_eq!(
        machine.writ(&["render", &again, "--show-secrets"]).out,
        machine.writ(&["render", &path, "--show-secrets"]).out
    );
}

#[test]
fn enrol_pins_a_commit_that_the_named_key_signed_and_nothing_else() {
    let machine = Machine::new();
    let commit = machine.introduction.clone();
    let bob = key(machine.folder.path(), "bob");
    let ran = machine.writ(&["enrol", "--commit", &commit, "--signer", &bob.fingerprint, "--yes"]);
    assert!(ran.exits(1).error.contains("unknown-key"), "{}", ran.error);
    let ran = machine.writ(&["enrol", "--yes"]);
    assert!(ran.exits(1).error.contains("--yes needs --commit and --signer"), "{}", ran.error);
    let ran = machine.writ(&["enrol", "--commit", &commit, "--signer", &machine.alice.fingerprint]);
    assert!(ran.exits(1).error.contains("run it again with --yes"), "{}", ran.error);
    let words = ["enrol", "--commit", &commit, "--signer", &machine.alice.fingerprint, "--yes"];
    assert!(machine.writ(&words).succeeds().out.contains("trust begins at commit"));
    assert!(machine.writ(&words).succeeds().out.contains("was enrolled so already"));
}

#[test]
fn verify_exits_0_for_an_admitted_head_and_3_for_an_unsigned_one_with_its_reason() {
    let machine = Machine::enrolled();
    machine.writ(&["verify"]).succeeds();
    let unsigned = machine.repository.commit(Sign::Not, "unsigned");
    let (folder, introduction) = (machine.repository.path().display().to_string(), machine.introduction.clone());
    let words =
        ["verify", "--git-dir", &folder, "--introduction", &introduction, "--signer", &machine.alice.fingerprint];
    let ran = machine.writ(&words);
    assert!(ran.exits(3).out.contains("unsigned"), "{}", ran.out);
    let document = machine.json(&words);
    assert_eq!(document["schema"], "writ/verdicts/v1");
    assert_eq!((&document["head"], &document["admitted"]), (&Value::from(unsigned.as_str()), &Value::from(false)));
    let commits = document["commits"].as_array().unwrap();
    assert_eq!(
        (&commits[0]["verdict"], &commits[0]["commit"]),
        (&Value::from("admitted"), &Value::from(introduction.as_str()))
    );
    assert_eq!((&commits[1]["reason"], &commits[1]["signer"]), (&Value::from("unsigned"), &Value::Null));
    machine.writ(&[&words[..], &[&introduction]].concat()).succeeds();
    machine.writ(&[&words[..], &["--branch", "nowhere"]].concat()).exits(1);
}

#[test]
fn a_value_of_a_bucket_is_printed_by_get_alone() {
    let machine = Machine::enrolled();
    machine.writ_with(&["config", "set", "-s", "data", "-n", "pg", "PASSWORD=-"], &format!("{CANARY}\n")).succeeds();
    machine.writ(&["config", "data", "set", "MODE=fast"]).succeeds();
    assert_eq!(machine.writ(&["config", "data/pg", "get", "PASSWORD"]).succeeds().out, format!("{CANARY}\n"));
    assert_eq!(machine.writ(&["config", "list", "-s", "data", "-n", "pg"]).succeeds().out, "PASSWORD\n");
    for words in [
        &["history"][..],
        &["history", "-o", "json"],
        &["config", "list", "-s", "data", "-n", "pg", "-o", "json"],
        &["config", "unset", "-s", "data", "-n", "pg", "PASSWORD"],
        &["doctor"],
        &["status"],
        &["audit", "verify"],
    ] {
        let ran = machine.writ(words);
        assert!(!ran.out.contains(CANARY) && !ran.error.contains(CANARY), "{words:?}: {}{}", ran.out, ran.error);
    }
    machine.writ(&["config", "data/pg", "get", "PASSWORD"]).exits(1);
}

#[test]
fn a_suspension_needs_a_reason_and_stands_in_status_and_history_with_its_owner() {
    let machine = Machine::enrolled();
    machine.writ(&["suspend", "edge"]).exits(1);
    machine.writ(&["suspend", "elsewhere", "--reason", "x"]).exits(1);
    machine.writ(&["suspend", "edge", "--reason", "disk swap", "--for", "2h"]).succeeds();
    let status = machine.json(&["status"]);
    assert_eq!(status["units"][0]["suspended"]["reason"], "disk swap");
    assert_eq!(status["units"][0]["suspended"]["owner"], "operator");
    let history = machine.writ(&["history", "--unit", "edge"]);
    assert!(history.succeeds().out.contains("suspended by operator"), "{}", history.out);
    assert_eq!(machine.writ(&["resume", "edge"]).succeeds().out, "edge goes on\n");
    assert_eq!(machine.writ(&["resume", "edge"]).succeeds().out, "edge was not suspended\n");
}

#[test]
fn a_head_that_stands_nowhere_in_the_record_exits_3() {
    let machine = Machine::enrolled();
    let ran = machine.writ(&["audit", "verify"]);
    assert!(ran.succeeds().out.contains("is whole"), "{}", ran.out);
    let head = machine.json(&["audit", "verify"])["head"].as_str().unwrap().to_owned();
    machine.writ(&["audit", "verify", "--expect", head.get(..8).unwrap()]).succeeds();
    machine.writ(&["audit", "verify", "--expect", "00000000"]).exits(3);
    machine.writ(&["audit", "verify", &machine.path("none.db").display().to_string()]).exits(1);
}

#[test]
fn doctor_names_each_problem_with_what_to_do() {
    let machine = Machine::new();
    let ran = machine.writ(&["doctor"]);
    for words in ["not enrolled", "writ enrol infra", "start Docker"] {
        assert!(ran.exits(1).out.contains(words), "{words}: {}", ran.out);
    }
    let document = Machine::enrolled().json(&["doctor"]);
    let problems: Vec<&Value> =
        document["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["check"], "engine");
    let guard = document["checks"].as_array().unwrap().iter().find(|check| check["check"] == "guard");
    assert_eq!(guard.unwrap()["found"], "baseline");
}

#[test]
fn an_engine_that_does_not_answer_is_not_a_host_without_pods() {
    let machine = Machine::enrolled();
    let ran = machine.writ(&["status"]);
    assert!(ran.exits(1).out.contains("could not look"), "{}", ran.out);
    machine.writ(&["logs", "data-pg.0"]).exits(1);
    let ran = machine.writ(&["why", "statefulset/data/pg"]);
    assert!(ran.exits(1).error.contains("nothing is known of statefulset/data/pg"), "{}", ran.error);
    let ran = machine.writ(&["why", "pg"]);
    assert!(ran.exits(1).error.contains("KIND/SCOPE/NAME"), "{}", ran.error);
}

#[test]
fn a_described_host_is_planned_brought_there_explained_and_cleared() {
    let machine = Machine::described();
    let object = "statefulset/data/pg";
    let plan = machine.json(&["plan"]);
    assert_eq!((&plan["schema"], &plan["unit"]), (&Value::from("writ/plan/v1"), &Value::from("edge")));
    assert_eq!(plan["commit"].as_str(), Some(machine.repository.head().as_str()));
    let verbs: Vec<&str> =
        plan["steps"].as_array().unwrap().iter().map(|step| step["verb"].as_str().unwrap()).collect();
    assert_eq!(verbs, ["create", "create"], "{plan}");
    machine.writ(&["plan"]).exits(2);
    machine.writ(&["run", "--once"]).exits(2);
    machine.writ(&["run", "--once"]).succeeds();
    machine.writ(&["plan", "--unit", "edge"]).succeeds();
    let status = machine.writ(&["status"]);
    assert!(status.succeeds().out.contains("data-pg.0  running"), "{}", status.out);
    let status = machine.json(&["status", object]);
    assert_eq!(status["units"][0]["commit"].as_str(), Some(machine.repository.head().as_str()));
    assert_eq!(status["units"][0]["objects"][0]["ready"], 1);
    let why = machine.json(&["why", object]);
    assert_eq!(why["change"]["signer"].as_str(), Some(machine.alice.fingerprint.as_str()));
    assert_eq!(why["steps"].as_array().unwrap().len(), 2, "{why}");

    let head = machine.repository.head();
    let unsigned = machine.repository.commit(Sign::Not, "unsigned");
    machine.writ(&["run", "--once"]).exits(3);
    machine.writ(&["plan"]).exits(3);
    assert!(machine.writ(&["history", "-o", "json"]).out.contains(&unsigned));
    assert!(machine.writ(&["status"]).exits(1).out.contains("not followed"));
    machine.repository.reset(&head);
    machine.writ(&["run", "--once"]).succeeds();
    machine.writ(&["status"]).succeeds();

    machine.writ(&["delete", object]).exits(1);
    machine.writ(&["delete", object, "--yes"]).succeeds();
    machine.writ(&["delete", object, "--yes"]).exits(1);
}

#[test]
fn status_why_and_history_read_as_reviewed() {
    let machine = Machine::described();
    machine.writ(&["config", "set", "-s", "data", "-n", "pg", "MODE=fast"]).succeeds();
    machine.writ(&["run", "--once"]).exits(2);
    let unsigned = machine.repository.commit(Sign::Not, "unsigned");
    machine.writ(&["run", "--once"]).exits(3);
    machine.writ(&["suspend", "edge", "--reason", "disk swap"]).succeeds();
    let host_key = machine.json(&["key", "show"])["fingerprint"].as_str().unwrap().to_owned();
    for command in [&["status"][..], &["why", "statefulset/data/pg"], &["history"]] {
        let text = machine.writ(command).out.replace(&unsigned, "UNSIGNED").replace(&host_key, "HOSTKEY");
        let text = text.replace(&machine.alice.fingerprint, "ALICE");
        check_file(&data(&format!("cli/{}.expected", command[0])), &same_each_run(&text));
    }
}

/// The text with moments, ages, hashes and the widths that follow from them made the same.
pub(crate) fn same_each_run(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let word = |word: &str| {
            let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
            let is_hash = bare.len() >= 8 && bare.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            let is_age =
                bare.len() >= 2 && bare.ends_with('s') && bare.bytes().rev().skip(1).all(|b| b.is_ascii_digit());
            let is_day = bare.len() == 10 && bare.starts_with("20") && bare.matches('-').count() == 2;
            let is_clock = bare.ends_with('Z') && bare.matches(':').count() == 2;
            let kind = [(is_hash, "HASH"), (is_age, "AGE"), (is_day, "DAY"), (is_clock, "CLOCK")];
            kind.iter().find(|(is, _)| *is).map_or_else(|| word.to_owned(), |(_, name)| word.replace(bare, name))
        };
        lines.push_str(&words.into_iter().map(word).collect::<Vec<_>>().join(" "));
        lines.push('\n');
    }
    lines
}

#[test]
fn local_files_are_applied_only_where_the_settings_allow_it() {
    let machine = Machine::described();
    let manifest = machine.path("cache.hcl");
    std::fs::write(&manifest, MANIFEST.replace("pg", "cache")).unwrap();
    let words = ["apply", "-f", &manifest.display().to_string(), "--yes"];
    let ran = machine.writ(&words);
    assert!(ran.exits(3).error.contains("allow_unsigned_apply"), "{}", ran.error);
    let settings = std::fs::read_to_string(machine.path("agent.toml")).unwrap();
    std::fs::write(machine.path("agent.toml"), settings.replace("[host]", "[host]\nallow_unsigned_apply = true"))
        .unwrap();
    machine.writ(&words[..3]).exits(1);
    machine.writ(&words).exits(2);
    machine.writ(&words).exits(0);
    assert!(machine.writ(&["history"]).out.contains("unsigned files from"));
    machine.writ(&["run", "--once"]).exits(2);
    machine.writ(&["status"]).succeeds();
    assert_eq!(machine.json(&["status"])["units"][1]["objects"][0]["object"], "statefulset/data/cache");
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let bash = bare(&["completions", "bash"]).out;
    let manual = bare(&["man"]).out;
    for command in ["status", "verify", "enrol", "config"] {
        assert!(bash.contains(command) && manual.contains(&command.to_uppercase()), "{command}");
    }
}
