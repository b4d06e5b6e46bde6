//! The loop that puts the questions: many at once, each with its own time limit.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::sleep;
use writ_core::health::{Answer, Event, Question, Transition};
use writ_core::model::{Hook, ObjectId};
use writ_core::time::{Seconds, Timestamp};

use super::{Pod, Report, Restart, Shared, Watched, What};
use crate::error::chain;
use crate::target::{ProbeResult, Published, TargetError};

/// Time until something that failed is tried again.
pub(super) const RETRY: Seconds = Seconds(2);

/// Longest time without a look at the clock, should nothing be due.
const IDLE: Duration = Duration::from_secs(60);

/// Does what [`super::Health`] knows must be done.
#[derive(Debug)]
pub struct Runner {
    shared: Arc<Shared>,
}

/// The unit, the workload and the name of a pod.
type Whose = (String, ObjectId, String);

/// What the containers of pods that have several say of their pods.
#[derive(Debug, Default)]
struct Others {
    /// Pods with a container that is not ready.
    unready: BTreeSet<String>,
    /// Pods with a container that nobody has looked at.
    unknown: BTreeSet<String>,
}

impl Others {
    fn of(pods: &BTreeMap<String, Pod>) -> Self {
        let mut others = Self::default();
        for part in pods.values() {
            let Some(pod) = &part.part_of else { continue };
            if part.published.is_none() {
                others.unknown.insert(pod.clone());
            }
            if !part.health.is_ready() {
                others.unready.insert(pod.clone());
            }
        }
        others
    }

    /// Whether the shared names must lead to a pod.
    fn is_ready(&self, pod: &Pod) -> bool {
        pod.health.is_ready() && !self.unready.contains(&pod.watched.spec.name)
    }
}

/// Something under way for one container.
type Job = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What came of it.
struct Done {
    pod: String,
    life: u64,
    outcome: Outcome,
}

enum Outcome {
    Looked(Result<Published, TargetError>),
    Answered(Question, Result<ProbeResult, TargetError>),
    SetReady(bool, Result<(), TargetError>),
    Restarted(Result<(), TargetError>),
}

impl Runner {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Asks for ever. Dropping the future ends it; nothing that runs is touched by that.
    pub async fn run(self) {
        let mut jobs: FuturesUnordered<Job> = FuturesUnordered::new();
        loop {
            for job in self.due() {
                jobs.push(job);
            }
            let pause = self.pause();
            tokio::select! {
                Some(done) = jobs.next() => self.note(done),
                () = self.shared.work.notified() => {}
                () = sleep(pause) => {}
            }
        }
    }

    fn whose(pod: &Pod) -> Whose {
        let name = pod.part_of.as_ref().unwrap_or(&pod.watched.spec.name);
        (pod.unit.clone(), pod.watched.spec.object.clone(), name.clone())
    }

    /// Everything that must be done at this moment; it is under way from here on.
    fn due(&self) -> Vec<Job> {
        let now = self.shared.clock.now();
        let mut jobs = Vec::new();
        let mut transitions = Vec::new();
        let mut pods = self.shared.pods();
        let others = Others::of(&pods);
        for (name, pod) in pods.iter_mut() {
            let more = pod.after(&Event::Tick, now);
            transitions.push((name.clone(), Self::whose(pod), more));
            if let Some(job) = self.next_work(pod, &others, now) {
                jobs.push(job);
            }
            if pod.look {
                continue;
            }
            for question in pod.health.due(now) {
                let Some((hook, limit)) = pod.question(question) else { continue };
                let limit = Duration::from_secs(u64::from(limit.0.max(1)));
                jobs.push(self.ask(pod, question, hook, limit));
                pod.health = pod.health.after(&Event::Asked(question), now).0;
            }
        }
        drop(pods);
        for (pod, whose, transitions) in transitions {
            self.tell_all(&whose, &pod, transitions, now);
        }
        jobs
    }

    /// What must be done with the pod beside asking it; one thing at a time.
    fn next_work(&self, pod: &mut Pod, others: &Others, now: Timestamp) -> Option<Job> {
        let latest = now.plus(RETRY);
        if pod.busy || (pod.not_before > now && pod.not_before <= latest) {
            return None;
        }
        let job = if pod.look {
            self.look(pod)
        } else if pod.restart == Restart::Due {
            self.restart(pod)
        } else {
            let ready = others.is_ready(pod);
            let spec = &pod.watched.spec;
            // What nobody has looked at says neither that the names are right nor that they are wrong.
            if others.unknown.contains(&spec.name) {
                return None;
            }
            let settled = spec.shared_names.is_empty() || spec.publish_not_ready || pod.published == Some(ready);
            // The names of a container that does not run lead nowhere; they are set when it is back.
            if settled || pod.health.since().is_none() {
                return None;
            }
            self.set_ready(pod, ready)
        };
        pod.busy = true;
        Some(job)
    }

    /// Time until something is due, if it only takes time.
    fn pause(&self) -> Duration {
        let now = self.shared.clock.now();
        let pods = self.shared.pods();
        let others = Others::of(&pods);
        let moments = pods.values().flat_map(|pod| {
            let waits = pod.look || pod.restart == Restart::Due || pod.published != Some(others.is_ready(pod));
            let retry = (waits && !pod.busy && pod.not_before > now).then_some(pod.not_before);
            [pod.health.next_moment().filter(|_| !pod.look), retry]
        });
        let next = moments.flatten().min();
        let millis = next.map_or(IDLE.as_millis(), |next| u128::try_from(next.millis_since(now)).unwrap_or(0));
        // A millisecond more, so that the moment has come when the sleep ends.
        Duration::from_millis(u64::try_from(millis).unwrap_or(0).saturating_add(1)).min(IDLE)
    }

    /// Notes what came of a job, unless the pod has another container by now.
    fn note(&self, done: Done) {
        let now = self.shared.clock.now();
        let Done { pod: name, life, outcome } = done;
        let mut pods = self.shared.pods();
        let Some(pod) = pods.get_mut(&name).filter(|pod| pod.life == life) else { return };
        let whose = Self::whose(pod);
        let mut told = Vec::new();
        let event = match outcome {
            Outcome::Looked(result) => {
                pod.busy = false;
                looked(pod, result, now, &mut told)
            }
            Outcome::Answered(question, result) => Some(Event::Answered(question, answer(result))),
            Outcome::SetReady(ready, result) => {
                pod.busy = false;
                match result {
                    Ok(()) => {
                        pod.published = Some(ready);
                        told.push(What::Published(ready));
                    }
                    Err(error) => {
                        pod.not_before = now.plus(RETRY);
                        pod.look = true;
                        told.push(What::Failed(chain(&error)));
                    }
                }
                None
            }
            Outcome::Restarted(result) => {
                pod.busy = false;
                pod.look = true;
                pod.interrupted = true;
                match result {
                    Ok(()) => {
                        pod.restart = Restart::No;
                        told.push(What::Restarted);
                    }
                    Err(error) => {
                        pod.not_before = now.plus(RETRY);
                        told.push(What::Failed(chain(&error)));
                    }
                }
                None
            }
        };
        let mut transitions = Vec::new();
        if let Some(event) = event {
            transitions = pod.after(&event, now);
        }
        drop(pods);
        for what in told {
            self.tell(&whose, &name, what, now);
        }
        self.tell_all(&whose, &name, transitions, now);
        self.shared.changed.notify_waiters();
    }

    fn tell_all(&self, whose: &Whose, pod: &str, transitions: Vec<Transition>, now: Timestamp) {
        for transition in transitions {
            let what = match transition {
                Transition::Ready => What::Ready,
                Transition::NotReady(why) => What::NotReady(why),
                Transition::Available => What::Available,
                Transition::Restart(_question, why) => What::Restarting(why),
            };
            self.tell(whose, pod, what, now);
            self.shared.changed.notify_waiters();
        }
    }

    fn tell(&self, (unit, object, pod): &Whose, container: &str, what: What, at: Timestamp) {
        let (unit, object, pod) = (unit.clone(), object.clone(), pod.clone());
        let report = Report { at, unit, pod, container: container.to_owned(), object, what };
        if self.shared.reports.send(report).is_err() {
            tracing::debug!(container, "nobody listens to reports of health any more");
        }
    }

    fn look(&self, pod: &Pod) -> Job {
        let (target, pod, container, life) = self.parts(pod);
        Box::pin(async move {
            let outcome = Outcome::Looked(target.published(&container).await);
            Done { pod, life, outcome }
        })
    }

    fn ask(&self, pod: &Pod, question: Question, hook: Hook, limit: Duration) -> Job {
        let (target, pod, container, life) = self.parts(pod);
        Box::pin(async move {
            let answer = match (question, &hook) {
                (Question::PostStart, _) | (_, Hook::Sleep(_)) => target.post_start(&container, &hook, limit).await,
                (Question::Startup | Question::Liveness | Question::Readiness, Hook::Act(action)) => {
                    target.probe(&container, action, limit).await
                }
            };
            let outcome = Outcome::Answered(question, answer);
            Done { pod, life, outcome }
        })
    }

    fn set_ready(&self, pod: &Pod, ready: bool) -> Job {
        let spec = pod.watched.spec.clone();
        let (target, pod, container, life) = self.parts(pod);
        Box::pin(async move {
            let outcome = Outcome::SetReady(ready, target.set_ready(&spec, &container, ready).await);
            Done { pod, life, outcome }
        })
    }

    fn restart(&self, pod: &Pod) -> Job {
        let grace = pod.grace;
        let (target, pod, container, life) = self.parts(pod);
        Box::pin(async move {
            let outcome = Outcome::Restarted(target.restart(&container, grace).await);
            Done { pod, life, outcome }
        })
    }

    fn parts(&self, pod: &Pod) -> (Arc<crate::target::Target>, String, String, u64) {
        let Watched { spec, container } = &pod.watched;
        (Arc::clone(&self.shared.target), spec.name.clone(), container.clone(), pod.life)
    }
}

/// Notes a look at a pod's container.
fn looked(
    pod: &mut Pod,
    result: Result<Published, TargetError>,
    now: Timestamp,
    told: &mut Vec<What>,
) -> Option<Event> {
    let Published { running, ended, started, finished: _, shared, ailment } = match result {
        Ok(published) => published,
        Err(error) => {
            pod.not_before = now.plus(RETRY);
            if pod.published.is_none() {
                told.push(What::Failed(chain(&error)));
            }
            return None;
        }
    };
    pod.look = false;
    pod.ended = ended;
    // Names that lead to it from its start say nothing of how it is.
    let said = shared && !pod.watched.spec.is_ready_from_its_start();
    let adopted = said && !pod.interrupted && pod.published.is_none();
    pod.published = Some(shared);
    Some(if running { Event::Runs { since: started, adopted } } else { Event::Stopped(ailment) })
}

fn answer(result: Result<ProbeResult, TargetError>) -> Answer {
    match result {
        Ok(ProbeResult::Success) => Answer::Yes,
        Ok(ProbeResult::Failure(why)) => Answer::No(why),
        // Whoever cannot be reached has not said no.
        Err(error) => {
            tracing::debug!(error = chain(&error), "a probe could not be tried");
            Answer::None
        }
    }
}
