//! What the engine itself tells of a test's containers: what happened to which of them, in what order and when.

use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::world::World;

/// Longest time for the engine to tell what it has done.
const PATIENCE: Duration = Duration::from_secs(120);

/// What makes and ends containers; the rest is probes, signals and the like.
const TURNS: [&str; 4] = ["create", "start", "die", "destroy"];

/// The engine's stream of events, from the moment on at which it was asked for.
pub struct Timeline {
    lines: Lines<BufReader<ChildStdout>>,
    scope: String,
    endpoint: String,
    marks: u32,
    /// Ends the stream when dropped.
    _child: Child,
}

/// Something that happened to a container.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, in nanoseconds.
    pub at: i64,
    /// The container's name without the test's scope, as `web.0`.
    pub pod: String,
    /// What, as the engine calls it: `create`, `exec_create: test -e /ready`.
    pub what: String,
    /// The signal that was sent, where one was.
    pub signal: String,
}

impl Timeline {
    pub fn begin(world: &World) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let since = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
        let form =
            "{{.TimeNano}}|{{index .Actor.Attributes \"name\"}}|{{index .Actor.Attributes \"signal\"}}|{{.Action}}";
        let mut child = Command::new("docker")
            .args(["events", "--since", &since, "--filter", "type=container", "--format", form])
            .env("DOCKER_HOST", &world.endpoint)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (scope, endpoint) = (world.scope.clone(), world.endpoint.clone());
        Self { lines, scope, endpoint, marks: 0, _child: child }
    }

    /// All that happened since the last question: a container made now marks its end.
    pub async fn so_far(&mut self) -> Vec<Event> {
        let mark = format!("{}.mark{}", self.scope, self.marks);
        self.marks += 1;
        self.docker(&["create", "--name", &mark, "writ-test/box:1"]).await;
        let (mut events, prefix) = (Vec::new(), format!("{}-", self.scope));
        let read = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("the stream of events goes on");
                let mut parts = line.splitn(4, '|');
                let mut next = || parts.next().unwrap().to_owned();
                let (at, name, signal, what) = (next().parse().unwrap(), next(), next(), next());
                if name == mark && what == "create" {
                    break;
                }
                if let Some(pod) = name.strip_prefix(&prefix) {
                    events.push(Event { at, pod: pod.to_owned(), what, signal });
                }
            }
        };
        timeout(PATIENCE, read).await.expect("the engine tells what it did");
        self.docker(&["rm", &mark]).await;
        events
    }

    async fn docker(&self, words: &[&str]) {
        let done = Command::new("docker").args(words).env("DOCKER_HOST", &self.endpoint).output().await.unwrap();
        assert!(done.status.success(), "docker {words:?}: {done:?}");
    }
}

/// The turns that containers took, one after the other, as `create web.0`.
pub fn turns(events: &[Event]) -> Vec<String> {
    let turns = events.iter().filter(|event| TURNS.contains(&event.what.as_str()));
    turns.map(|event| format!("{} {}", event.what, event.pod)).collect()
}

/// When something happened for the first time, in milliseconds.
#[track_caller]
pub fn at(events: &[Event], what: &str, pod: &str) -> i64 {
    let found = events.iter().find(|event| event.what.starts_with(what) && event.pod == pod);
    found.unwrap_or_else(|| panic!("no {what} of {pod} in {events:#?}")).at / 1_000_000
}

/// The turns of pods that are made, or removed, or replaced, each wholly before the next.
pub fn one_by_one(pods: &[&str], of_each: &[&str]) -> Vec<String> {
    pods.iter().flat_map(|pod| of_each.iter().map(move |turn| format!("{turn} {pod}"))).collect()
}

pub const MADE: [&str; 2] = ["create", "start"];
pub const REMOVED: [&str; 2] = ["die", "destroy"];
pub const REPLACED: [&str; 4] = ["die", "destroy", "create", "start"];
