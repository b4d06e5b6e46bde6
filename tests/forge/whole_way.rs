//! The whole way: a commit is pushed to a real forge, the real program fetches it over HTTP with a token, applies it to a
//! described host, and what it says is read back from the forge.

use std::fs;
use std::path::PathBuf;
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

    fn config(&self) -> PathBuf {
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
        self.git(&["push", "-q", "--force"], "HEAD:refs/heads/main");
    }

    /// Runs a command of the clone that speaks to the forge about a ref.
    fn git(&self, words: &[&str], reference: &str) {
        let token = fs::read_to_string(self.gitea.token_file()).unwrap();
        let address = self.gitea.url.replacen("://", &format!("://{}:{}@", self.gitea.user, token.trim()), 1);
        let address = format!("{address}/{}/{}.git", self.gitea.user, self.name);
        self.clone.git(&[words, &[&address, reference]].concat());
    }

    /// Pushes a change to a branch, which is made if it is not there, and gives its head.
    fn propose(&self, branch: &str, text: &str, sign: Sign<'_>) -> String {
        self.clone.branch(branch, &self.clone.head());
        self.clone.write("host/web.hcl", text);
        let head = self.clone.commit(sign, branch);
        self.git(&["push", "-q"], &format!("HEAD:refs/heads/{branch}"));
        head
    }

    /// Pushes a signed change to a branch of its own, has the forge merge it in this style, and gives the new head.
    async fn merge(&self, style: &str, text: &str) -> String {
        self.propose(style, text, Sign::By(&self.key));
        let head = self.gitea.merge(self.name, style, style).await;
        self.clone.switch("main");
        self.git(&["fetch", "-q"], "main");
        self.clone.reset(&head);
        head
    }

    /// Runs the agent once, and wants this exit code.
    #[track_caller]
    fn run(&self, code: i32) {
        let run = self.writ(&["run", "--once"]);
        assert_eq!(run.status.code(), Some(code), "{}", said(&run));
    }

    fn described(&self) -> PathBuf {
        self.folder.path().join("state/simulated.host")
    }

    fn host(&self) -> String {
        fs::read_to_string(self.described()).unwrap()
    }

    /// Removes the pods by hand.
    fn remove_pods(&self) {
        let host = self.host();
        let kept: Vec<&str> = host.lines().filter(|line| !line.starts_with("pod shop-web.")).collect();
        assert!(kept.len() < host.lines().count(), "there is a pod: {host}");
        fs::write(self.described(), kept.join("\n") + "\n").unwrap();
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

/// What a person lets the forge do: it merges, and is nobody by itself.
const RULES: &str =
    "version = 1\nforge = [\"forge\"]\n[[rule]]\nname = \"all\"\npaths = [\"**\"]\nsigners = [\"ann@example.com\"]\n";

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
    let host = world.host();
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
    world.remove_pods();
    let run = world.writ(&["run", "--once"]);
    let (state, text) = gitea.said("drift", &commit, CONTEXT).await.pop().unwrap();
    assert!(state == "failure" && text.contains("drift"), "{state}: {text}; {}", said(&run));
}

#[tokio::test]
async fn what_the_forge_merges_is_followed_and_what_it_squashes_waits_for_a_person() {
    let gitea = Gitea::running();
    let world = World::new(&gitea, "merges").await;
    world.clone.authorize(&format!("{}forge {}\n", world.key.line(), gitea.signing_key()));
    world.clone.write(".writ/trust.toml", RULES);
    world.deploy(WEB, Sign::By(&world.key));
    world.run(2);

    let merged = world.merge("merge", &WEB.replace("web:1", "web:2")).await;
    world.run(2);
    assert_eq!(world.states(&merged).await.last().map(String::as_str), Some("success"));
    assert!(world.host().contains(&format!("commit={merged}")), "{}", world.host());

    let squashed = world.merge("squash", &WEB.replace("web:1", "web:3")).await;
    let before = world.host();
    world.run(3);
    let (state, text) = gitea.said("merges", &squashed, CONTEXT).await.pop().unwrap();
    assert!(state == "error" && text.contains("refused"), "{state}: {text}");
    assert_eq!(world.host(), before, "what runs stays");
    assert_eq!(world.states(&merged).await.last().map(String::as_str), Some("success"), "and keeps its word");

    world.clone.approve(&world.key, &squashed, "");
    world.git(&["push", "-q"], "refs/writ/approvals/*:refs/writ/approvals/*");
    world.run(2);
    assert_eq!(world.states(&squashed).await.last().map(String::as_str), Some("success"));
    assert!(world.host().contains(&format!("commit={squashed}")), "{}", world.host());
}

#[tokio::test]
async fn what_was_removed_by_hand_is_repaired_and_a_branch_that_was_set_back_is_refused() {
    let gitea = Gitea::running();
    let world = World::new(&gitea, "set-back").await;
    let first = world.deploy(WEB, Sign::By(&world.key));
    world.run(2);
    let second = world.deploy(&WEB.replace("web:1", "web:2"), Sign::By(&world.key));
    world.run(2);
    let before = world.states(&second).await.len();

    world.remove_pods();
    world.run(2);
    assert!(world.host().contains("pod shop-web."), "it is repaired: {}", world.host());
    let states = world.states(&second).await;
    assert!(states.len() > before && states.last().is_some_and(|state| state == "success"), "it is told: {states:?}");

    world.clone.reset(&first);
    world.push();
    world.run(3);
    let (state, text) = gitea.said("set-back", &first, CONTEXT).await.pop().unwrap();
    assert!(state == "error" && text.contains("rewind"), "{state}: {text}");
    assert!(world.host().contains(&format!("commit={second}")), "{}", world.host());
}

#[tokio::test]
async fn an_open_request_is_told_what_it_would_do_in_a_status_and_one_comment_that_follow_its_head() {
    let gitea = Gitea::running();
    let world = World::new(&gitea, "previews").await;
    let config = fs::read_to_string(world.config()).unwrap().replace("simulated\"", "simulated\"\npreviews = {}");
    fs::write(world.config(), config).unwrap();
    world.deploy(WEB, Sign::By(&world.key));
    world.run(2);
    let before = world.host();
    let first = world.propose("wish", &WEB.replace("web:1", "web:2"), Sign::Not);
    let pull = gitea.open("previews", "wish").await;
    let told = async |head: &str| {
        world.run(0);
        let said = gitea.said("previews", head, &format!("{CONTEXT}/preview")).await;
        let [(state, text)] = said.as_slice() else { panic!("{said:?}") };
        assert!(state == "success" && text.starts_with("2 to create, 2 to remove"), "{state}: {text}");
        let comments = gitea.comments("previews", pull).await;
        let [(id, text)] = comments.as_slice() else { panic!("{comments:?}") };
        assert!(text.contains("\ncreate   shop-web.") && text.contains(&format!("\nPlanned for {head:.12}")), "{text}");
        *id
    };
    let comment = told(&first).await;
    assert_eq!(told(&first).await, comment, "said once");
    world.clone.write("host/web.hcl", WEB.replace("web:1", "web:3"));
    let second = world.clone.commit(Sign::Not, "wish more");
    world.git(&["push", "-q"], "HEAD:refs/heads/wish");
    assert_eq!(told(&second).await, comment, "the same comment is changed");
    assert_eq!(world.host(), before, "nothing was done");

    let path = format!("repos/{}/previews/pulls/{pull}", gitea.user);
    gitea.ask(Method::PATCH, &path, Some(json!({ "state": "closed" }))).await;
    world.clone.write("host/web.hcl", WEB.replace("web:1", "web:4"));
    let third = world.clone.commit(Sign::Not, "wish in vain");
    world.git(&["push", "-q"], "HEAD:refs/heads/wish");
    world.run(0);
    assert!(gitea.said("previews", &third, &format!("{CONTEXT}/preview")).await.is_empty(), "nobody asks any more");
}
