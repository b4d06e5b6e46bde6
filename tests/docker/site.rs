//! A host as its owner has it: the real program, a signed repository that it follows, and a forge that is told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::forge::{Forge, TOKEN};
use crate::repository::{Key, Repository, Sign, key};
use crate::world::{HOST, World, until};

/// A secret that must stand nowhere but where it is used.
pub const CANARY: &str = "canary-90be";

/// Commands that print no secret, whatever they are about.
const SECRETIVE: [&str; 14] = [
    "run", "plan", "apply", "delete", "check", "verify", "status", "why", "history", "audit", "suspend", "resume",
    "enrol", "doctor",
];

/// A host with one unit.
pub struct Site {
    pub world: World,
    pub repository: Repository,
    pub key: Key,
    pub forge: Forge,
    folder: TempDir,
    introduction: String,
    /// Where the program is told that the engine is.
    pub endpoint: RefCell<String>,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub error: String,
}

/// An agent that runs. It is killed when dropped.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Site {
    /// A host on the shared engine.
    pub async fn new() -> Self {
        Self::with(World::new().await, "").await
    }

    /// A host with further settings of its unit.
    pub async fn with(world: World, more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let key = key(folder.path(), "ann");
        let (repository, introduction) = Repository::introduced_by(&key);
        let (forge, endpoint) = (Forge::start().await, RefCell::new(world.endpoint.clone()));
        let site = Self { world, repository, key, forge, folder, introduction, endpoint };
        site.settings(more);
        site.enrol(&[]).await.exits(0);
        site
    }

    /// Follows the repository of another host from then on, from the same beginning.
    pub async fn follow(&mut self, other: &Self) {
        let settings = fs::read_to_string(self.path("agent.toml")).unwrap();
        fs::write(self.path("agent.toml"), settings.replace(&self.repository.url(), &other.repository.url())).unwrap();
        self.introduction.clone_from(&other.introduction);
        self.key = other.key.clone();
        self.enrol(&[]).await.exits(0);
    }

    /// Enrols the repository from its beginning.
    pub async fn enrol(&self, more: &[&str]) -> Ran {
        let words = ["enrol", "infra", "--commit", &self.introduction, "--signer", &self.key.fingerprint, "--yes"];
        self.writ(&[&words[..], more].concat()).await
    }

    fn settings(&self, more: &str) {
        let token = self.path("token");
        fs::write(&token, TOKEN).unwrap();
        fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let (state, url, unit) = (self.path("state"), self.repository.url(), self.unit());
        let forge = self.forge.url();
        let text = format!(
            "[host]\nname = \"{HOST}\"\nstate = {state:?}\nallow_unsigned_apply = true\n\
             [[source]]\nname = \"infra\"\nurl = \"{url}\"\nbranch = \"main\"\npoll = \"5s\"\n\
             [[unit]]\nname = \"{unit}\"\nsource = \"infra\"\npath = \"host\"\ntarget = \"docker\"\n{more}\n\
             [[report]]\nforge = \"gitea\"\nurl = \"{forge}\"\ntoken_file = {token:?}\nproject = \"ops/infra\"\n"
        );
        fs::write(self.path("agent.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn unit(&self) -> String {
        self.world.context.unit.clone()
    }

    /// The text with the test's own scope in the place of `SCOPE`.
    pub fn scoped(&self, text: &str) -> String {
        text.replace("SCOPE", &self.world.scope)
    }

    /// The name in the engine of the pod of that workload and ordinal.
    pub fn pod(&self, name: &str, ordinal: u32) -> String {
        format!("{}-{name}.{ordinal}", self.world.scope)
    }

    pub fn write(&self, path: &str, text: &str) {
        self.repository.write(&format!("host/{path}"), self.scoped(text));
    }

    /// Commits one file, signed.
    pub fn commit(&self, path: &str, text: &str) -> String {
        self.write(path, text);
        self.repository.commit(Sign::By(&self.key), &format!("Change {path}"))
    }

    /// Commits one file and makes passes until there is nothing to do. Gives the commit.
    pub async fn deploy(&self, path: &str, text: &str) -> String {
        let commit = self.commit(path, text);
        self.settle().await;
        commit
    }

    /// Passes until one has nothing to do; the changes that were made.
    pub async fn settle(&self) -> u64 {
        let mut changes = 0;
        for _ in 0..6 {
            let pass = self.pass().await;
            changes += pass.document()["changes"].as_u64().unwrap();
            match pass.code {
                Some(0) => return changes,
                Some(2) => {}
                _ => panic!("{pass:?}"),
            }
        }
        panic!("there is always something to do:\n{}", self.told().await)
    }

    pub async fn pass(&self) -> Ran {
        self.writ(&["run", "--once", "-o", "json"]).await
    }

    /// Runs the program.
    pub async fn writ(&self, words: &[&str]) -> Ran {
        self.called("writ", words).await
    }

    /// Runs the program by another name.
    pub async fn called(&self, name: &str, words: &[&str]) -> Ran {
        let output = self.command(name).args(words).stdin(Stdio::null()).output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let ran = Ran { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) };
        let tells = words.first().is_some_and(|word| SECRETIVE.contains(word));
        assert!(
            !tells || !ran.out.contains(CANARY) && !ran.error.contains(CANARY),
            "{words:?} tells a secret: {ran:?}"
        );
        ran
    }

    fn command(&self, name: &str) -> Command {
        let program = self.path(name);
        if !program.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_writ"), &program).unwrap();
        }
        let mut path = self.path("programs").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = Command::new(program);
        command.env_clear().env("PATH", path).env("USER", "operator").env("NO_PROXY", "127.0.0.1");
        command.env("WRIT_CONFIG", self.path("agent.toml")).env("DOCKER_HOST", self.endpoint.borrow().as_str());
        // The logins of the test's own user, not of whoever runs the tests.
        command.env("DOCKER_CONFIG", self.path("logins")).env("WRIT_LOG", "info,writ=debug").kill_on_drop(true);
        command
    }

    /// Starts a command that is not waited for.
    pub fn spawn(&self, words: &[&str]) -> Child {
        let mut command = self.command("writ");
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Starts the agent.
    pub fn start(&self) -> Running {
        let log = self.path("agent.log");
        let file = fs::File::options().create(true).append(true).open(&log).unwrap();
        let mut command = self.command("writ");
        command.arg("run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
        Running { child: command.spawn().unwrap(), log }
    }

    /// What the record holds, oldest first.
    pub async fn history(&self) -> Vec<Value> {
        let told = self.writ(&["history", "-o", "json", "--limit", "10000"]).await;
        told.document()["records"].as_array().unwrap().clone()
    }

    /// The record as people read it.
    pub async fn told(&self) -> String {
        self.writ(&["history"]).await.out
    }

    /// States and descriptions that stand on a commit, oldest first.
    pub fn said(&self, commit: &str) -> Vec<(String, String)> {
        self.forge.said(commit, &format!("writ/{HOST}/{}", self.unit()))
    }

    /// Each container of the unit with its identifier and the moment of its start.
    pub fn containers(&self) -> BTreeMap<String, String> {
        let filter = format!("label=writ.unit={}", self.unit());
        let form = "{{.Name}} {{.Id}} {{.State.Status}} {{.State.StartedAt}}";
        let seen = loop {
            let ids = self.world.person(&["ps", "-aq", "--no-trunc", "--filter", &filter]);
            let words: Vec<&str> = ["inspect", "-f", form].into_iter().chain(ids.split_whitespace()).collect();
            match self.world.tries(&words) {
                _ if ids.is_empty() => break String::new(),
                Ok(seen) => break seen,
                // One was removed since the list was made.
                Err(error) => assert!(error.contains("No such object"), "{error}"),
            }
        };
        let split =
            |line: &str| line.trim_start_matches('/').split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
        seen.lines().filter_map(split).collect()
    }

    /// The volumes of a scope, sorted.
    pub fn volumes(&self, scope: &str) -> Vec<String> {
        let filter = format!("name=voodu-{scope}-");
        let found = self.world.person(&["volume", "ls", "-q", "--filter", &filter]);
        found.lines().map(str::to_owned).collect()
    }

    /// The record is whole, every intent has its outcome, and no secret stands in it, in a status or in a log.
    pub async fn holds(&self) {
        self.writ(&["audit", "verify"]).await.exits(0);
        let history = self.history().await;
        let count = |kind: &str| history.iter().filter(|record| record["kind"] == kind).count();
        assert_eq!(count("intent"), count("outcome"), "{history:#?}");
        let log = fs::read_to_string(self.path("agent.log")).unwrap_or_default();
        let statuses = format!("{:?}", self.forge.requests());
        for place in [format!("{history:?}"), log, statuses] {
            assert!(!place.contains(CANARY), "a secret stands in {place}");
        }
    }

    /// Asks until it is so.
    pub async fn becomes<T>(&self, what: &str, ask: impl AsyncFn() -> Result<T, String>) -> T {
        let tries = until(|| async {
            match ask().await {
                Ok(answer) => (Some(answer), String::new()),
                Err(seen) => (None, seen),
            }
        });
        match tries.await {
            Ok(answer) => answer,
            Err(seen) => {
                let log = fs::read_to_string(self.path("agent.log")).unwrap_or_default();
                panic!("it did not come to it: {what}: {seen}\n{}\n{log}", self.told().await)
            }
        }
    }

    /// Waits until the newest word on a commit is this state.
    pub async fn is_said(&self, commit: &str, state: &str) -> String {
        self.becomes(&format!("{state} on {commit}"), async || match self.said(commit).pop() {
            Some((found, text)) if found == state => Ok(text),
            other => Err(format!("{other:?}")),
        })
        .await
    }
}

impl Ran {
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.error);
        self
    }

    #[track_caller]
    pub fn document(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn shows(&self, text: &str) -> &Self {
        assert!(self.out.contains(text), "`{text}` is not in:\n{}{}", self.out, self.error);
        self
    }
}

impl Running {
    /// Asks it to stop; how it ended.
    pub async fn stop(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.child.wait().await.unwrap().code()
    }

    /// Ends it without warning.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}
