//! A described host on which the real program follows a real repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::rc::Rc;

use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use writ::agent::Agent;
use writ::attendance::Attendance;
use writ::clock::Clock;
use writ::record::{Event, Filter, Introduced, Record, Store, Verdict, WorkEvent};
use writ::settings::{Settings, Surroundings, parse};
use writ::source::Source;
use writ::target::Quiet;
use writ_core::holdings::Holdings;
use writ_core::status::State;

use crate::repository::{Key, Repository, Sign};

/// A manifest of one pod of an image of that tag.
pub(crate) fn web(image: &str) -> String {
    format!("deployment \"shop\" \"web\" {{\n  image = \"web:{image}\"\n  replicas = 1\n}}\n")
}

/// A repository with an introduction, and the key that signs in it.
pub(crate) struct Origin {
    pub(crate) repository: Repository,
    pub(crate) key: Key,
    pub(crate) introduction: String,
    _keys: TempDir,
}

/// A host: its settings and its state directory.
pub(crate) struct Machine {
    folder: TempDir,
}

/// What one pass of the program came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

impl Origin {
    pub(crate) fn new() -> Self {
        let keys = TempDir::new().unwrap();
        let key = crate::repository::key(keys.path(), "ann");
        let (repository, introduction) = Repository::introduced_by(&key);
        Self { repository, key, introduction, _keys: keys }
    }

    /// Commits `files` as all that is below `host/`, signed.
    pub(crate) fn deploy(&self, files: &[(&str, &str)]) -> String {
        if self.repository.path().join("host").exists() {
            self.repository.remove("host");
        }
        for (path, text) in files {
            self.repository.write(&format!("host/{path}"), text);
        }
        self.repository.commit(Sign::By(&self.key), "deploy")
    }

    /// Moves the branch to a commit, and nothing else.
    pub(crate) fn offer(&self, commit: &str) {
        self.repository.point("refs/heads/main", commit);
    }
}

impl Machine {
    /// An enrolled host with nothing on it. `more` follows the settings of its one unit.
    pub(crate) fn new(origin: &Origin, more: &str) -> Self {
        let machine = Self { folder: TempDir::new().unwrap() };
        machine.settle_in(&origin.repository.url(), more);
        let introduced = Introduced { commit: origin.introduction.clone(), signer: origin.key.fingerprint.clone() };
        machine.store().enrol(Clock.now(), "infra", &introduced).unwrap();
        machine
    }

    /// A host that is enrolled for nothing, whose one source lies at this address.
    pub(crate) fn stranger_to(url: &str) -> Self {
        let machine = Self { folder: TempDir::new().unwrap() };
        machine.settle_in(url, "");
        machine
    }

    /// Another host in the same state.
    pub(crate) fn copy(&self) -> Self {
        let machine = Self { folder: TempDir::new().unwrap() };
        copy(&self.state(), &machine.state());
        let settings = fs::read_to_string(self.path("agent.toml")).unwrap();
        let here = machine.folder.path().display().to_string();
        let settings = settings.replace(&self.folder.path().display().to_string(), &here);
        fs::write(machine.path("agent.toml"), settings).unwrap();
        machine
    }

    fn settle_in(&self, url: &str, more: &str) {
        let text = format!(
            "[host]\nname = \"edge-1\"\nstate = \"{}\"\n\
             [[source]]\nname = \"infra\"\nurl = \"{url}\"\nbranch = \"main\"\n\
             [[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \"host\"\ntarget = \"simulated\"\n{more}",
            self.state().display()
        );
        fs::write(self.path("agent.toml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(words).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("USER", "operator").env("WRIT_CONFIG", self.path("agent.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn writ(&self, words: &[&str]) -> Ran {
        self.command(words).output().unwrap().into()
    }

    /// One pass, which must end well.
    #[track_caller]
    pub(crate) fn pass(&self) -> Ran {
        let ran = self.writ(&["run", "--once"]);
        assert!(matches!(ran.code, Some(0 | 2)), "{ran:?}\n{}", self.host());
        ran
    }

    /// The agent, which runs until it is ended.
    pub(crate) fn run(&self) -> Running<'_> {
        self.watch(&["run"])
    }

    /// A command that goes on until it is ended.
    pub(crate) fn watch(&self, words: &[&str]) -> Running<'_> {
        Running { machine: self, child: Some(self.command(words).spawn().unwrap()) }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(Clock.now(), &self.state()).unwrap()
    }

    /// Its settings.
    pub(crate) fn settings(&self) -> Settings {
        let path = self.path("agent.toml");
        parse(&path, &fs::read_to_string(&path).unwrap(), &Surroundings::default()).unwrap()
    }

    /// Its first source, as an agent opens it.
    pub(crate) fn source(&self) -> Source {
        let settings = self.settings();
        Source::open(&settings.host, &settings.sources[0]).unwrap()
    }

    /// An agent in this process that just started.
    pub(crate) fn agent(&self) -> (Agent, Attendance) {
        let store = Rc::new(self.store());
        let (mut agent, attendance) = Agent::new(self.settings(), Clock, store, Box::new(Quiet)).unwrap();
        agent.child = crate::confine::child();
        (agent, attendance)
    }

    pub(crate) fn history(&self) -> Vec<Record> {
        self.store().history(&Filter::default()).unwrap()
    }

    /// The bodies of all records, oldest first.
    pub(crate) fn told(&self) -> String {
        self.history().into_iter().map(|record| record.body).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn holdings(&self) -> Holdings {
        self.store().holdings("edge").unwrap()
    }

    pub(crate) fn standing(&self) -> Option<(Option<String>, State, String)> {
        self.store().standing("edge").unwrap().map(|it| (it.commit, it.state, it.text))
    }

    /// The described host.
    pub(crate) fn host(&self) -> String {
        fs::read_to_string(self.state().join("simulated.host")).unwrap_or_default()
    }

    /// Describes something more about the host.
    pub(crate) fn describe(&self, line: &str) {
        fs::write(self.state().join("simulated.host"), format!("{}{line}\n", self.host())).unwrap();
    }

    /// How many acts the host was asked for so far.
    pub(crate) fn acts(&self) -> u64 {
        let host = self.host();
        let count = host.lines().find_map(|line| line.strip_prefix("count acts="));
        count.map_or(0, |text| text.split(' ').next().unwrap().parse().unwrap())
    }

    /// Pods by object, number and revision: what must be the same however it was reached.
    pub(crate) fn pods(&self) -> Vec<String> {
        pods(&self.host())
    }

    /// The names of volumes.
    pub(crate) fn volumes(&self) -> BTreeSet<String> {
        let name = |line: &str| Some(line.strip_prefix("volume ")?.split(' ').next()?.to_owned());
        self.host().lines().filter_map(name).collect()
    }

    /// The chain holds, and each intent has exactly one outcome.
    #[track_caller]
    pub(crate) fn check_journal(&self) {
        let verdict = self.store().verify_chain(None).unwrap();
        assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
        let history = self.history();
        for record in &history {
            let Event::Work(WorkEvent::Intent { .. }) = &record.event else { continue };
            let outcome = |other: &&Record| matches!(&other.event, Event::Work(WorkEvent::Outcome { intent, .. }) if *intent == record.id);
            assert_eq!(history.iter().filter(outcome).count(), 1, "outcomes of record {}: {}", record.id, record.body);
        }
    }
}

/// An agent that runs; killed if it still does when the test is over.
pub(crate) struct Running<'a> {
    machine: &'a Machine,
    child: Option<Child>,
}

impl Running<'_> {
    /// Waits until something is so on the machine.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Machine) -> bool) {
        let start = std::time::Instant::now();
        while !is_so(self.machine) {
            assert!(start.elapsed().as_secs() < 20, "{what} did not come\n{}", self.machine.host());
            std::thread::sleep(crate::again::pause(start));
        }
    }

    /// What it prints on standard output; to be had once.
    pub(crate) fn output(&mut self) -> ChildStdout {
        self.child.as_mut().unwrap().stdout.take().unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn stop(mut self) -> (Ran, std::time::Duration) {
        let start = std::time::Instant::now();
        let child = self.child.take().unwrap();
        terminate(&child);
        let ran = child.wait_with_output().unwrap().into();
        (ran, start.elapsed())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

pub(crate) fn terminate(child: &Child) {
    let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(id, Signal::TERM).unwrap();
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), text: text(output.stdout) + &text(output.stderr) }
    }
}

/// What of a line about a pod must not depend on the way there. Replicas have names by chance.
/// The pods of a described host: object, number and revision.
pub(crate) fn pods(host: &str) -> Vec<String> {
    let mut pods: Vec<String> = host.lines().filter_map(pod).collect();
    pods.sort();
    pods
}

fn pod(line: &str) -> Option<String> {
    let words: Vec<&str> = line.strip_prefix("pod ")?.split(' ').collect();
    let field = |name: &str| words.iter().find(|word| word.starts_with(name)).copied().unwrap_or_default();
    let object = field("object=");
    let number = if object.contains("statefulset") { field("index=") } else { "" };
    Some([object, number, field("revision="), field("state="), field("volumes=")].join(" "))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
