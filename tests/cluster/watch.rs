//! What others do to objects, seen by an agent that runs: by the watch, long before the next pass would look.

use std::fs::{self, File};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use writ_core::time::Timestamp;

use crate::between::Between;
use crate::machine::terminate;
use crate::place::{Place, until};

/// Longest time from a change to its being seen.
const SEEN: Duration = Duration::from_secs(1);

/// Far less than the time between two passes, and enough for a machine that has much else to do.
const AT_ONCE: Duration = Duration::from_secs(60);

const STACK: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS}\n---\n\
                     apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS, labels: {a: one}}\ndata: {key: value}\n---\n\
                     apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NS}\nspec:\n  replicas: 0\n  selector: \
                     {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: app, image: \
                     'writ-test/box:1'}]}\n";

/// How often a word of a change waits for a processor on its way: the server, its store, the way between, the agent, twice each.
const HOPS: u32 = 8;

/// How long the machine lets a program wait that wants nothing but to go on.
struct Stalls {
    done: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Stalls {
    fn measure() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&done);
        let thread = std::thread::spawn(move || {
            let (pause, mut longest) = (Duration::from_millis(5), Duration::ZERO);
            while !until.load(Ordering::Relaxed) {
                let from = Instant::now();
                std::thread::sleep(pause);
                longest = longest.max(from.elapsed().saturating_sub(pause));
            }
            longest
        });
        Self { done, thread }
    }

    fn longest(self) -> Duration {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// An agent that runs, and what it logs.
struct Agent<'p> {
    place: &'p Place,
    child: Child,
}

impl<'p> Agent<'p> {
    /// One that has applied what is committed and watches it.
    fn settled(place: &'p Place, between: &Between) -> Self {
        let log = File::create(place.machine.path("log")).unwrap();
        let child = place.machine.command(&["run"]).env("WRIT_LOG", "writ=debug").stderr(log).spawn().unwrap();
        let agent = Self { place, child };
        let watches =
            || ["/configmaps?watch=1", "/deployments?watch=1"].iter().all(|path| between.count("GET", &[path]) > 0);
        assert!(until(|| agent.log().contains("objects ready") && watches()), "{}", agent.log());
        agent
    }

    fn log(&self) -> String {
        fs::read_to_string(self.place.machine.path("log")).unwrap()
    }

    /// How many passes began because something was changed.
    fn drifts(&self) -> usize {
        self.log().lines().filter(|line| line.contains("pass") && line.contains("wake=drift")).count()
    }

    /// When passes began because something was changed, by the clock that stands in the log.
    fn seen(&self) -> Vec<Timestamp> {
        let log = self.log();
        let drifts = log.lines().filter(|line| line.contains("pass") && line.contains("wake=drift"));
        drifts.filter_map(|line| Timestamp::parse(line.split_whitespace().next()?)).collect()
    }

    /// A person changes something with `kubectl`, and a pass begins for that within a second of its having happened, which is no
    /// later than the end of the command. What the machine lets everybody wait for is no fault of the agent.
    #[track_caller]
    fn sees(&self, words: &[&str]) {
        let begun = now();
        let stalls = Stalls::measure();
        self.place.kubectl(words);
        let done = now();
        let first = || self.seen().into_iter().find(|seen| *seen >= begun);
        assert!(until(|| first().is_some()), "{words:?} was not seen\n{}", self.log());
        let late = first().unwrap().millis_since(done);
        let limit = SEEN + stalls.longest() * HOPS;
        let log = self.log();
        assert!(late < i64::try_from(limit.as_millis()).unwrap(), "{words:?} was seen {late} ms later\n{log}");
    }

    /// Waits until a change was seen and something is so.
    #[track_caller]
    fn soon(&self, what: &str, is_so: impl Fn() -> bool) {
        let from = Instant::now();
        assert!(until(is_so), "{what}\n{}", self.log());
        assert!(from.elapsed() < AT_ONCE, "{what} came after {:?}", from.elapsed());
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(since.as_millis()).unwrap())
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        terminate(&self.child);
        self.child.wait().unwrap();
    }
}

fn label(place: &Place) -> String {
    place.kubectl(&["get", "configmap", "conf", "-o", "jsonpath={.metadata.labels.a}"])
}

#[test]
fn what_a_person_changes_is_seen_at_once_and_mended_and_what_the_agent_writes_is_no_news() {
    let place = Place::new("");
    let between = Between::of(&place);
    place.deploy(STACK);
    let agent = Agent::settled(&place, &between);
    assert_eq!(agent.drifts(), 0, "{}", agent.log());
    place.kubectl(&["scale", "deployment", "web", "--replicas=1"]);
    agent.soon("replicas", || place.object("deployment/web").unwrap()["spec"]["replicas"] == 0);
    place.kubectl(&["label", "configmap", "conf", "a=two", "--overwrite"]);
    agent.soon("label", || label(&place) == "one");
    place.kubectl(&["delete", "configmap", "conf", "--wait=false"]);
    agent.soon("the ConfigMap", || place.object("configmap/conf").is_some());
    let told = || place.machine.writ(&["history"]).text;
    agent
        .soon("the journal", || told().contains("it is gone") && told().contains("spec.replicas changed (by kubectl)"));
    // One for each change, one for what a controller notes on a new Deployment, and one where a pass saw what was told after it.
    assert!((2..=8).contains(&agent.drifts()), "{}", agent.log());
}

#[test]
fn drift_that_is_only_reported_is_told_at_once() {
    let place = Place::new("drift = \"report\"\n");
    let between = Between::of(&place);
    place.deploy(STACK);
    let agent = Agent::settled(&place, &between);
    place.kubectl(&["label", "configmap", "conf", "a=two", "--overwrite"]);
    agent.soon("the report", || agent.log().contains("drifted: configmap/"));
    assert_eq!(label(&place), "two");
}

#[test]
fn a_watch_that_ended_goes_on_and_after_one_that_lost_the_thread_all_is_looked_at_anew() {
    let place = Place::new("");
    let between = Between::of(&place);
    place.deploy(STACK);
    let agent = Agent::settled(&place, &between);
    let watches = || between.count("GET", &["/configmaps?watch=1"]);
    let before = (watches(), between.count("GET", &["/configmaps?labelSelector"]));
    between.server.expire_watches();
    agent.soon("a new list", || between.count("GET", &["/configmaps?labelSelector"]) > before.1);
    agent.soon("a new watch", || watches() > before.0);
    place.kubectl(&["label", "configmap", "conf", "a=two", "--overwrite"]);
    agent.soon("label", || label(&place) == "one");
}

/// What a person does by hand, the object that it is done to, and the reason that is told for what follows.
const BY_HAND: &[(&[&str], &str, &str)] = &[
    (&["scale", "deployment", "web", "--replicas=1"], "deployment", "spec.replicas changed (by kubectl)"),
    (&["edit", "configmap", "conf"], "configmap", "data.key changed (by kubectl-edit)"),
    (&["delete", "configmap", "conf", "--wait=false"], "configmap", "it is gone"),
];

fn why(place: &Place, kind: &str) -> String {
    let name = if kind == "configmap" { "conf" } else { "web" };
    place.machine.writ(&["why", &format!("{kind}/{}/{name}", place.namespace)]).text
}

#[test]
fn scale_edit_and_delete_by_hand_are_seen_within_a_second_mended_and_told_by_why() {
    let place = Place::new("");
    let between = Between::of(&place);
    place.deploy(STACK);
    let agent = Agent::settled(&place, &between);
    for (words, kind, reason) in BY_HAND {
        agent.sees(words);
        agent.soon("the reason", || why(&place, kind).contains(&format!("{reason} (drift): done")));
    }
    assert_eq!(place.object("deployment/web").unwrap()["spec"]["replicas"], 0);
    assert_eq!(place.object("configmap/conf").unwrap()["data"]["key"], "value");
}

#[test]
fn the_same_is_seen_as_soon_and_told_and_left_where_drift_is_only_reported() {
    let place = Place::new("drift = \"report\"\n");
    let between = Between::of(&place);
    place.deploy(STACK);
    let agent = Agent::settled(&place, &between);
    for (words, kind, reason) in BY_HAND {
        agent.sees(words);
        agent.soon("the reason", || why(&place, kind).contains(reason));
    }
    assert_eq!(place.object("deployment/web").unwrap()["spec"]["replicas"], 1);
    assert!(place.object("configmap/conf").is_none());
}
