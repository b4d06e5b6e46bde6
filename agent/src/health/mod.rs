//! Keeps asking pods how they are, on a schedule of its own, and leads others to those that are ready.
//!
//! [`Health`] is the handle that passes and commands use; [`Runner`] does the asking and never waits for a pass.
//!
//! Invariant: one pod that answers slowly delays no other.
//! Invariant: with nobody running the runner nothing is restarted, and nothing stops.

mod runner;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{Notify, mpsc};
use writ_core::health::{self, Question, Rules, Transition};
use writ_core::model::{Hook, ObjectId, PodSpec};
use writ_core::observed::Readiness;
use writ_core::time::{Seconds, Timestamp};

use crate::clock::Clock;
use crate::target::{Event, EventKind, Target};

pub use runner::Runner;

/// A pod whose health is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// What it must be.
    pub spec: PodSpec,
    /// The engine's identifier of its container.
    pub container: String,
}

/// Something that happened to a pod's health, for the record and for those who wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// When.
    pub at: Timestamp,
    /// The unit.
    pub unit: String,
    /// The pod.
    pub pod: String,
    /// Its container, by its name in the engine; the pod's own name where it has one alone.
    pub container: String,
    /// Its workload.
    pub object: ObjectId,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is ready; its shared names are being led to it.
    Ready,
    /// It is ready no longer, and why; its shared names are being taken from it.
    NotReady(String),
    /// It has been ready for as long as it must be.
    Available,
    /// It must be restarted, and why. It is once [`Health::recorded`] was called.
    Restarting(String),
    /// It was restarted.
    Restarted,
    /// Its shared names lead to it (`true`) or not.
    Published(bool),
    /// Something could not be done; it will be tried again.
    Failed(String),
}

/// Knows how the watched pods are.
#[derive(Debug, Clone)]
pub struct Health {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    target: Arc<Target>,
    clock: Clock,
    pods: Mutex<BTreeMap<String, Pod>>,
    /// Wakes the runner.
    work: Notify,
    /// Wakes those who wait for a change.
    changed: Notify,
    lives: AtomicU64,
    reports: mpsc::UnboundedSender<Report>,
}

/// All that is known about one pod.
#[derive(Debug, Clone)]
struct Pod {
    unit: String,
    /// The pod that it is a container of, of a pod that has several.
    part_of: Option<String>,
    watched: Watched,
    health: health::Health,
    /// Since when it was seen not to be available, or to be so between restarts alone; none if it is, or nothing was seen yet.
    unavailable: Option<Timestamp>,
    /// Its container must be looked at before anything else.
    look: bool,
    /// It was seen not to run, and the engine leaves it so.
    ended: bool,
    /// It was seen to stop or to start again since it is watched.
    interrupted: bool,
    /// Whether the shared names lead to it, as far as known.
    published: Option<bool>,
    /// Something other than a question is under way.
    busy: bool,
    /// Whether it must be restarted.
    restart: Restart,
    /// Time that its program has to end when it is restarted.
    grace: Seconds,
    /// Which watch of the name this is: what was asked in an earlier one says nothing about it.
    life: u64,
    /// Nothing but questions before then: the last try failed.
    not_before: Timestamp,
}

/// Whether a pod must be restarted. A restart is recorded before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restart {
    No,
    /// Whoever keeps the record was told.
    Reported,
    Due,
}

impl Health {
    /// A handle, and the runner that does the work: whoever starts the agent polls [`Runner::run`] beside everything
    /// else. What happens is told to `reports`.
    #[must_use]
    pub fn new(target: Arc<Target>, clock: Clock, reports: mpsc::UnboundedSender<Report>) -> (Self, Runner) {
        let shared = Arc::new(Shared {
            target,
            clock,
            pods: Mutex::new(BTreeMap::new()),
            work: Notify::new(),
            changed: Notify::new(),
            lives: AtomicU64::new(0),
            reports,
        });
        (Self { shared: Arc::clone(&shared) }, Runner::new(shared))
    }

    /// The pods of `unit` whose health is kept from now on. One that is watched already, with the same container and
    /// specification, goes on as it is.
    pub fn watch(&self, unit: &str, pods: Vec<Watched>) {
        let mut known = self.shared.pods();
        let pods: Vec<Asked> = pods.into_iter().flat_map(asked).collect();
        let names: BTreeSet<&String> = pods.iter().map(|(_, pod)| &pod.spec.name).collect();
        known.retain(|name, pod| pod.unit != unit || names.contains(name));
        for (part_of, watched) in pods {
            let name = watched.spec.name.clone();
            match known.get(&name) {
                Some(pod) if pod.is_as(unit, &watched) => {}
                Some(_) | None => {
                    known.insert(name, Pod::new(unit, part_of, watched, self.shared.next_life()));
                }
            }
        }
        drop(known);
        self.shared.work.notify_one();
        self.shared.changed.notify_waiters();
    }

    /// Watches one pod more, right after it was made or started. Its container goes by the pod's name.
    pub fn watch_also(&self, unit: &str, spec: PodSpec) {
        let container = spec.name.clone();
        self.insert(unit, Watched { spec, container });
    }

    fn insert(&self, unit: &str, watched: Watched) {
        let mut known = self.shared.pods();
        for (part_of, watched) in asked(watched) {
            let name = watched.spec.name.clone();
            match known.get_mut(&name) {
                // What was done to a pod of several containers was not done to each of them.
                Some(pod) if part_of.is_some() && pod.is_as(unit, &watched) => pod.look = true,
                Some(_) | None => {
                    known.insert(name, Pod::new(unit, part_of, watched, self.shared.next_life()));
                }
            }
        }
        drop(known);
        self.shared.work.notify_one();
        self.shared.changed.notify_waiters();
    }

    /// What is watched under a pod's name.
    #[must_use]
    pub fn known(&self, pod: &str) -> Option<Watched> {
        self.shared.pods().get(pod).map(|pod| pod.watched.clone())
    }

    /// Lets go of a pod, before it is stopped on purpose. Gives what was watched.
    pub fn forget(&self, pod: &str) -> Option<Watched> {
        let mut pods = self.shared.pods();
        pods.retain(|_, other| other.part_of.as_deref() != Some(pod));
        pods.remove(pod).map(|pod| pod.watched)
    }

    /// Watches a pod that was let go of and is still there, as if nobody had looked at it.
    pub fn watch_again(&self, unit: &str, watched: Watched) {
        self.insert(unit, watched);
    }

    /// Tells what happened on the target, so that a container that stopped or started is looked at at once.
    pub fn notify(&self, event: &Event) {
        match event.kind {
            EventKind::Started | EventKind::Died | EventKind::Paused => {
                for pod in self.shared.pods().values_mut().filter(|pod| pod.is_of(event)) {
                    pod.look = true;
                    pod.interrupted |= event.kind != EventKind::Paused;
                }
            }
            EventKind::Network => {
                for pod in self.shared.pods().values_mut().filter(|pod| pod.is_of(event)) {
                    pod.look |= !pod.busy;
                }
            }
            EventKind::Created
            | EventKind::Removed
            | EventKind::Renamed
            | EventKind::Updated
            | EventKind::VolumeRemoved
            | EventKind::Stirred => return,
        }
        self.shared.work.notify_one();
    }

    /// Looks at every container anew: events may have been missed.
    pub fn refresh(&self) {
        for pod in self.shared.pods().values_mut() {
            pod.look = true;
        }
        self.shared.work.notify_one();
    }

    /// How the watched pods are, by name.
    #[must_use]
    pub fn readiness(&self) -> BTreeMap<String, Readiness> {
        let pods = self.shared.pods();
        let whole = pods.iter().filter(|(_, pod)| pod.part_of.is_none());
        whole.map(|(name, pod)| (name.clone(), together(&pods, name, pod))).collect()
    }

    /// Since when the watched pods that are not available were seen not to be, or to be so between restarts alone, by name.
    #[must_use]
    pub fn unavailable(&self) -> BTreeMap<String, Timestamp> {
        let pods = self.shared.pods();
        let mut since: BTreeMap<String, Timestamp> = BTreeMap::new();
        for (name, pod) in pods.iter() {
            if let Some(moment) = pod.unavailable {
                let first = since.entry(pod.part_of.as_ref().unwrap_or(name).clone()).or_insert(moment);
                *first = moment.min(*first);
            }
        }
        since
    }

    /// True while something is being done to a pod, such as leading its names to it: that must not be cut off.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.shared.pods().values().any(|pod| pod.busy)
    }

    /// How one pod is.
    #[must_use]
    pub fn readiness_of(&self, pod: &str) -> Readiness {
        let pods = self.shared.pods();
        pods.get(pod).map_or(Readiness::Unknown, |found| together(&pods, pod, found))
    }

    /// True if a pod was seen not to run, and not to be started again by the engine: somebody stopped it.
    #[must_use]
    pub fn stands_still(&self, pod: &str) -> bool {
        let pods = self.shared.pods();
        let mut all = pods.get(pod).into_iter().chain(parts(&pods, pod).map(|(_, part)| part));
        all.any(|pod| !pod.look && pod.ended)
    }

    /// Why pods are not available, by name, as far as anything told.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<String, String> {
        let pods = self.shared.pods();
        let told = pods.iter().filter(|(_, pod)| is_held_up(&pod.health));
        let mut reasons: BTreeMap<String, String> = BTreeMap::new();
        for (name, pod) in told {
            let (of, text) = match &pod.part_of {
                Some(of) => (of, format!("container {}: {}", pod.watched.spec.main.name, pod.health.why())),
                None => (name, pod.health.why().to_owned()),
            };
            let reason = reasons.entry(of.clone()).or_default();
            let separator = if reason.is_empty() { "" } else { "; " };
            reason.push_str(&format!("{separator}{text}"));
        }
        reasons
    }

    /// Waits until the readiness of any pod may have changed. Make the future before looking, so that no change in
    /// between is missed.
    pub fn changed(&self) -> impl Future<Output = ()> + '_ {
        self.shared.changed.notified()
    }

    /// A restart that was reported as [`What::Restarting`] stands in the record, so that it may be made now; or it could
    /// not be written down, and the pod is asked once more.
    pub fn recorded(&self, container: &str, stands: bool) {
        let retry = self.shared.clock.now().plus(runner::RETRY);
        if let Some(pod) = self.shared.pods().get_mut(container).filter(|pod| pod.restart == Restart::Reported) {
            if stands {
                pod.restart = Restart::Due;
            } else {
                (pod.restart, pod.look, pod.not_before) = (Restart::No, true, retry);
            }
        }
        self.shared.work.notify_one();
    }
}

fn is_held_up(health: &health::Health) -> bool {
    health.readiness() != Readiness::Available && !health.why().is_empty()
}

/// A pod or a container of one, and the pod that it is a part of.
type Asked = (Option<String>, Watched);

/// What is asked by itself of a pod: each of its containers where it has several, and what bears its name.
fn asked(watched: Watched) -> Vec<Asked> {
    let spec = &watched.spec;
    let containers = spec.lasting().filter(|_| spec.is_joined());
    let part = |container| {
        let alone = spec.alone(container);
        (Some(spec.name.clone()), Watched { container: alone.name.clone(), spec: alone })
    };
    let mut all: Vec<Asked> = containers.map(part).collect();
    all.push((None, watched));
    all
}

/// The containers of a pod that has several.
fn parts<'a>(pods: &'a BTreeMap<String, Pod>, pod: &str) -> impl Iterator<Item = (&'a String, &'a Pod)> {
    let pod = pod.to_owned();
    let first = format!("{pod}.");
    pods.range(first.clone()..)
        .take_while(move |(name, _)| name.starts_with(&first))
        .filter(move |(_, part)| part.part_of.as_ref() == Some(&pod))
}

/// How a pod is with all of its containers: as the worst of them.
fn together(pods: &BTreeMap<String, Pod>, name: &str, pod: &Pod) -> Readiness {
    let all: Vec<Readiness> = parts(pods, name).map(|(_, part)| part.readiness()).chain([pod.readiness()]).collect();
    let order = [Readiness::NotReady, Readiness::Unknown];
    order.into_iter().find(|readiness| all.contains(readiness)).unwrap_or(Readiness::Available)
}

impl Shared {
    fn next_life(&self) -> u64 {
        self.lives.fetch_add(1, Ordering::Relaxed)
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, Pod>> {
        self.pods.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Pod {
    fn new(unit: &str, part_of: Option<String>, watched: Watched, life: u64) -> Self {
        Self {
            unit: unit.to_owned(),
            part_of,
            grace: watched.spec.grace,
            health: health::Health::new(Rules::of(&watched.spec)),
            watched,
            unavailable: None,
            look: true,
            ended: false,
            interrupted: false,
            published: None,
            busy: false,
            restart: Restart::No,
            life,
            not_before: Timestamp::default(),
        }
    }

    /// Notes an event, and what follows from it.
    fn after(&mut self, event: &health::Event, now: Timestamp) -> Vec<Transition> {
        let (health, transitions) = self.health.after(event, now);
        for transition in &transitions {
            match transition {
                Transition::Restart(question, _) => {
                    self.restart = Restart::Reported;
                    self.grace = self.grace_of(*question);
                }
                Transition::Ready | Transition::NotReady(_) | Transition::Available => {}
            }
        }
        self.health = health;
        // However often it starts again meanwhile, it is waited for from the first moment on.
        self.unavailable = if self.health.is_well(now) { None } else { Some(self.unavailable.unwrap_or(now)) };
        transitions
    }

    /// True if this is that pod already. One that was made by this agent is watched by its name.
    fn is_as(&self, unit: &str, watched: &Watched) -> bool {
        let Watched { spec, container } = &self.watched;
        self.unit == unit && *spec == watched.spec && (*container == watched.container || *container == spec.name)
    }

    /// True if something happened to its container.
    fn is_of(&self, event: &Event) -> bool {
        event.pod.as_ref().is_some_and(|pod| *pod == self.watched.spec.name)
    }

    /// What a plan is told: nobody has asked a pod that was not looked at.
    fn readiness(&self) -> Readiness {
        if self.look && self.published.is_none() { Readiness::Unknown } else { self.health.readiness() }
    }

    /// Time that the program has to end where a question restarts its container.
    fn grace_of(&self, question: Question) -> Seconds {
        let main = &self.watched.spec.main;
        let probe = match question {
            Question::Startup => main.startup.as_ref(),
            Question::Liveness => main.liveness.as_ref(),
            Question::PostStart | Question::Readiness => None,
        };
        probe.and_then(|probe| probe.grace).unwrap_or(self.watched.spec.grace)
    }

    /// What a question is put by, and how long the answer may take.
    fn question(&self, question: Question) -> Option<(Hook, Seconds)> {
        let spec = &self.watched.spec;
        let main = &spec.main;
        let probe = match question {
            // A container that never comes to an end of it does not become available.
            Question::PostStart => return Some((main.hooks.post_start.clone()?, spec.progress_deadline)),
            Question::Startup => main.startup.as_ref(),
            Question::Liveness => main.liveness.as_ref(),
            Question::Readiness => main.readiness.as_ref(),
        };
        probe.map(|probe| (Hook::Act(probe.action.clone()), probe.timeout))
    }
}
