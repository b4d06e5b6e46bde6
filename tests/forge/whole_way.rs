//! The whole way: a commit is pushed to a real forge, the real program fetches it over HTTP with a token, applies it to a
//! described host, and what it says is read back from the forge.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::gitea::Gitea;
use crate::repository::{Key, Repository, Sign, key};

const CONTEXT: &str = "writ/edge-1/edge";

const WEB: &str = r#"
deployment "shop" "web" {
  image    = "web:1"
  replicas = 2
}
"#;

/// A repository of the forge, a clone to push from, and the settings of a host that follows it.
struct World<'a> {
    gitea: &'a Gitea,
    name: &'a str,
    clone: Repository,
    key: Key,
    folder: TempDir,
}

impl<'a> World<'a> {
    async fn new(gitea: &'a Gitea, name: &'a str) -> Self {
        gitea.ask(Method::POST, "user/repos", Some(json!({ "name": name, "default_branch": "main" }))).await;
        let folder = TempDir::new().unwrap();
        let key = key(folder.path(), "ann");
        let (clone, introduction) = Repository::introduced_by(&key);
        let world = Self { gitea, name, clone, key, folder };
        world.push();
        world.settings();
        let enrolled =
            world.writ(&["enrol", "infra", "--commit", &introduction, "--signer", &world.key.fingerprint, "--yes"]);
        assert!(enrolled.status.success(), "{}", said(&enrolled));
        world
    }

    fn settings(&self) {
        let (url, project) = (&self.gitea.url, format!("{}/{}", self.gitea.user, self.name));
        let (state, token) = (self.folder.path().join("state"), self.gitea.token_file());
        let text = format!(
            "[host]\nname = \"edge-1\"\nstate = {state:?}\n\
             [[source]]\nname = \"infra\"\nurl = \"{url}/{project}.git\"\nbranch = \"main\"\n\
             credentials = {{ token_file = {token:?} }}\n\
             [[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \"host\"\ntarget = \"simulated\"\n\
             [[report]]\nforge = \"gitea\"\nurl = \"{url}\"\ntoken_file = {token:?}\n"
        );
        fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("agent.toml")
    }

    /// Commits the manifest, signed or not, and pushes it.
    fn deploy(&self, text: &str, sign: Sign<'_>) -> String {
        self.clone.write("host/web.hcl", text);
        let commit = self.clone.commit(sign, "change");
        self.push();
        commit
    }

    fn push(&self) {
        let token = fs::read_to_string(self.gitea.token_file()).unwrap();
        let address = self.gitea.url.replacen("://", &format!("://{}:{}@", self.gitea.user, token.trim()), 1);
        let address = format!("{address}/{}/{}.git", self.gitea.user, self.name);
        self.clone.git(&["push", "-q", "--force", &address, "HEAD:refs/heads/main"]);
    }

    fn writ(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.arg("--config").arg(self.config()).args(words);
        command.env("NO_PROXY", "127.0.0.1").output().unwrap()
    }

    async fn states(&self, commit: &str) -> Vec<String> {
        self.gitea.said(self.name, commit, CONTEXT).await.into_iter().map(|(state, _)| state).collect()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn what_is_pushed_is_applied_and_said_on_the_commit_and_a_refusal_too() {
    let gitea = Gitea::running();
    let world = World::new(&gitea, "whole-way").await;

    let good = world.deploy(WEB, Sign::By(&world.key));
    let run = world.writ(&["run", "--once"]);
    assert_eq!(run.status.code(), Some(2), "changes were made: {}", said(&run));
    assert_eq!(world.states(&good).await.last().map(String::as_str), Some("success"), "{}", said(&run));

    let idle = world.writ(&["run", "--once"]);
    assert_eq!(idle.status.code(), Some(0), "nothing to do: {}", said(&idle));
    let states = world.states(&good).await;
    assert_eq!(states.iter().filter(|state| *state == "success").count(), 1, "written on change only: {states:?}");

    let unsigned = world.deploy(&WEB.replace("web:1", "web:evil"), Sign::Not);
    let refused = world.writ(&["run", "--once"]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert_eq!(world.states(&unsigned).await, ["error"]);
    let said_on_it = &gitea.said("whole-way", &unsigned, CONTEXT).await[0].1;
    assert!(said_on_it.contains("unsigned") && said_on_it.contains("audit "), "{said_on_it}");
    let host = fs::read_to_string(Path::new(world.folder.path()).join("state/simulated.host")).unwrap();
    assert!(!host.contains("evil"), "{host}");
}

#[tokio::test]
async fn drift_found_later_stands_on_the_commit_that_had_succeeded() {
    let gitea = Gitea::running();
    let world = World::new(&gitea, "drift").await;
    let config = fs::read_to_string(world.config()).unwrap().replace("simulated\"", "simulated\"\ndrift = \"report\"");
    fs::write(world.config(), config).unwrap();
    let commit = world.deploy(WEB, Sign::By(&world.key));
    assert_eq!(world.writ(&["run", "--once"]).status.code(), Some(2));
    let described = world.folder.path().join("state/simulated.host");
    let host = fs::read_to_string(&described).unwrap();
    let kept: Vec<&str> = host.lines().filter(|line| !line.starts_with("pod shop-web.")).collect();
    assert!(kept.len() < host.lines().count(), "a pod was removed by hand: {host}");
    fs::write(&described, kept.join("\n") + "\n").unwrap();
    let run = world.writ(&["run", "--once"]);
    let (state, text) = gitea.said("drift", &commit, CONTEXT).await.pop().unwrap();
    assert!(state == "failure" && text.contains("drift"), "{state}: {text}; {}", said(&run));
}
