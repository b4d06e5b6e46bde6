//! Decides from the answers of probes whether a pod is ready, available, or to be restarted.
//!
//! Invariant: a pod is ready only if it runs and, where it has probes, they said so; a try that could not be made says
//! nothing either way.
//! Invariant: a clock that jumps delays no probe by more than one period, and no restart by more than the longest pause.

use std::collections::BTreeMap;

use crate::ailment::Ailment;
use crate::backoff;
use crate::limits::{BACKOFF_SECONDS_MAX, WELL_SECONDS};
use crate::model::{PodSpec, Probe};
use crate::observed::Readiness;
use crate::time::{Seconds, Timestamp};

/// What is asked of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Is done what is to be done after its start? Until it is, nothing else is asked.
    PostStart,
    /// Has it started? Until the answer is yes, the other two are not asked.
    Startup,
    /// Does it still live? If not, it is restarted.
    Liveness,
    /// May others be led to it?
    Readiness,
}

/// How a pod wants to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    probes: BTreeMap<Question, Timing>,
    min_ready: Seconds,
}

/// When a question is asked, and how many answers in a row count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timing {
    initial_delay: Seconds,
    period: Seconds,
    successes: u32,
    failures: u32,
}

/// Something that happened to a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It runs, since then. One whose shared names lead to it already, and that nobody saw stop, is taken to be
    /// available until a probe says otherwise, so that a new agent takes no name from a healthy pod.
    Runs {
        /// Since when.
        since: Timestamp,
        /// Its shared names lead to it, and it was not seen to stop.
        adopted: bool,
    },
    /// It does not run, for that reason, if it is a known one.
    Stopped(Option<Ailment>),
    /// A question was asked; the answer is awaited.
    Asked(Question),
    /// The answer.
    Answered(Question, Answer),
    /// Time passed.
    Tick,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// No, and why.
    No(String),
    /// The question could not be put.
    None,
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// Others may be led to it now.
    Ready,
    /// Others may be led to it no longer, and why.
    NotReady(String),
    /// It has been ready for as long as it must be.
    Available,
    /// It must be restarted: which question was answered with no too often, and how at last.
    Restart(Question, String),
}

/// The health of one pod.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an event is noted only in the value that follows it"]
pub struct Health {
    rules: Rules,
    run: Option<Run>,
    why: String,
    /// The known cause for which it did not run, until it is available again.
    ailment: Option<Ailment>,
    /// Restarts that probes asked for in a row, none of them followed by [`WELL_SECONDS`] of health.
    restarts: u32,
    /// A restart that waits for the end of its pause.
    waiting: Option<Waiting>,
}

/// A restart that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    until: Timestamp,
    /// The run that it ends.
    since: Timestamp,
    question: Question,
    why: String,
}

/// One run of a pod, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    since: Timestamp,
    /// What is to be done after its start is done.
    begun: bool,
    started: bool,
    ready: Option<Timestamp>,
    available: bool,
    /// Since when it says that it lives, without one no in between.
    well: Option<Timestamp>,
    series: BTreeMap<Question, Series>,
}

/// The answers to one question so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Series {
    next: Timestamp,
    awaited: bool,
    successes: u32,
    failures: u32,
}

impl Run {
    /// It said that it lives for so long that the restarts before it count no more.
    fn was_well(&self, now: Timestamp) -> bool {
        self.well.is_some_and(|since| since.plus(Seconds(WELL_SECONDS)) <= now)
    }
}

impl Rules {
    /// How `pod` wants to be asked.
    #[must_use]
    pub fn of(pod: &PodSpec) -> Self {
        // Of a pod of several containers, each is asked by itself, and the sandbox has no answers.
        if pod.is_joined() {
            return Self { probes: BTreeMap::new(), min_ready: Seconds(0) };
        }
        let main = &pod.main;
        let probes = [
            (Question::Startup, &main.startup),
            (Question::Liveness, &main.liveness),
            (Question::Readiness, &main.readiness),
        ];
        let timing = |(question, probe): (Question, &Option<Probe>)| Some((question, Timing::of(probe.as_ref()?)));
        // Done once: it fails at the first failure, and where it could not be tried it soon is.
        let once = Timing { initial_delay: Seconds(0), period: Seconds(1), successes: 1, failures: 1 };
        let post_start = main.hooks.post_start.as_ref().map(|_hook| (Question::PostStart, once));
        Self { probes: probes.into_iter().filter_map(timing).chain(post_start).collect(), min_ready: pod.min_ready }
    }
}

impl Timing {
    fn of(probe: &Probe) -> Self {
        let Probe { action: _, initial_delay, period, timeout: _, success_threshold, failure_threshold, grace: _ } =
            probe;
        Self {
            initial_delay: *initial_delay,
            period: Seconds(period.0.max(1)),
            successes: (*success_threshold).max(1),
            failures: (*failure_threshold).max(1),
        }
    }
}

impl Question {
    /// Its name in manifests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PostStart => "postStart",
            Self::Startup => "startupProbe",
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }
}

impl Health {
    /// The health of a pod that nobody has looked at.
    pub const fn new(rules: Rules) -> Self {
        Self { rules, run: None, why: String::new(), ailment: None, restarts: 0, waiting: None }
    }

    /// The health after an event at `now`, and what follows from it.
    pub fn after(&self, event: &Event, now: Timestamp) -> (Self, Vec<Transition>) {
        let mut next = self.clone();
        let mut transitions = match event {
            Event::Runs { since, adopted } => next.runs(*since, *adopted, now),
            Event::Stopped(ailment) => {
                next.waiting = None;
                let cause = ailment.map(|ailment| format!(": {ailment}")).unwrap_or_default();
                next.ailment = *ailment;
                next.stops(&format!("it does not run{cause}"))
            }
            Event::Asked(question) => {
                next.asked(*question, now);
                Vec::new()
            }
            Event::Answered(question, answer) => next.answered(*question, answer, now),
            Event::Tick => Vec::new(),
        };
        transitions.extend(next.becomes_available(now));
        transitions.extend(next.has_waited(now));
        (next, transitions)
    }

    /// The questions to put at `now`.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<Question> {
        let Some(run) = &self.run else { return Vec::new() };
        let due = |(question, series): (&Question, &Series)| {
            let timing = self.rules.probes.get(question)?;
            // What lies further ahead than it can was set by a clock that has been put back since.
            let latest = now.plus(timing.period.max(timing.initial_delay));
            (run.asks(*question) && !series.awaited && (series.next <= now || series.next > latest))
                .then_some(*question)
        };
        run.series.iter().filter_map(due).collect()
    }

    /// The next moment at which something is due, if it only takes time.
    #[must_use]
    pub fn next_moment(&self) -> Option<Timestamp> {
        let Some(run) = &self.run else { return self.waiting.as_ref().map(|waiting| waiting.until) };
        let asked = run.series.iter().filter(|(question, series)| run.asks(**question) && !series.awaited);
        let available = run.ready.filter(|_| !run.available).map(|ready| ready.plus(self.rules.min_ready));
        asked.map(|(_, series)| series.next).chain(available).min()
    }

    /// Others may be led to it.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.ready.is_some())
    }

    /// What a plan is told.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        if self.run.as_ref().is_some_and(|run| run.available) { Readiness::Available } else { Readiness::NotReady }
    }

    /// It is available, and no restart lies so near behind it that it may have to be restarted again.
    #[must_use]
    pub fn is_well(&self, now: Timestamp) -> bool {
        let lasts = self.restarts == 0 || self.run.as_ref().is_some_and(|run| run.was_well(now));
        lasts && self.readiness() == Readiness::Available
    }

    /// Since when it runs.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.run.as_ref().map(|run| run.since)
    }

    /// Why it is not available, as far as a probe or its end told; empty if nothing did.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.why
    }

    fn runs(&mut self, since: Timestamp, adopted: bool, now: Timestamp) -> Vec<Transition> {
        let known = self.run.as_ref().is_some_and(|run| run.since == since);
        if known || self.waiting.as_ref().is_some_and(|waiting| waiting.since == since) {
            return Vec::new();
        }
        self.waiting = None;
        let was_ready = self.is_ready();
        let first = |timing: &Timing| Series {
            next: since.plus(timing.initial_delay).max(now),
            awaited: false,
            successes: 0,
            failures: 0,
        };
        let series = self.rules.probes.iter().map(|(question, timing)| (*question, first(timing))).collect();
        let begun = adopted || !self.rules.probes.contains_key(&Question::PostStart);
        let started = adopted || !self.rules.probes.contains_key(&Question::Startup);
        let ready = adopted || (begun && started && !self.rules.probes.contains_key(&Question::Readiness));
        self.run =
            Some(Run { since, begun, started, ready: ready.then_some(since), available: adopted, well: None, series });
        self.ailment = self.ailment.take().filter(|_| !adopted);
        self.why = self.ailment.map(|ailment| format!("it did not run before: {ailment}")).unwrap_or_default();
        match (was_ready, ready) {
            (false, true) => vec![Transition::Ready],
            (true, false) => vec![Transition::NotReady("it was started again".to_owned())],
            (true, true) | (false, false) => Vec::new(),
        }
    }

    fn stops(&mut self, why: &str) -> Vec<Transition> {
        let was_ready = self.is_ready();
        self.run = None;
        why.clone_into(&mut self.why);
        if was_ready { vec![Transition::NotReady(why.to_owned())] } else { Vec::new() }
    }

    fn asked(&mut self, question: Question, now: Timestamp) {
        let Some(timing) = self.rules.probes.get(&question) else { return };
        if let Some(series) = self.run.as_mut().and_then(|run| run.series.get_mut(&question)) {
            series.awaited = true;
            series.next = now.plus(timing.period);
        }
    }

    fn answered(&mut self, question: Question, answer: &Answer, now: Timestamp) -> Vec<Transition> {
        let Some(timing) = self.rules.probes.get(&question).copied() else { return Vec::new() };
        let Some(series) = self.series(question) else { return Vec::new() };
        // An answer that nobody awaits is of an earlier run.
        if !std::mem::take(&mut series.awaited) {
            return Vec::new();
        }
        match answer {
            Answer::None => Vec::new(),
            Answer::Yes => {
                self.lives(question, true, now);
                let Some(series) = self.series(question) else { return Vec::new() };
                series.failures = 0;
                series.successes = series.successes.saturating_add(1);
                if series.successes < timing.successes { Vec::new() } else { self.succeeds(question, now) }
            }
            Answer::No(why) => {
                self.lives(question, false, now);
                let Some(series) = self.series(question) else { return Vec::new() };
                series.successes = 0;
                series.failures = series.failures.saturating_add(1);
                let enough = series.failures >= timing.failures;
                self.why = format!("{}: {why}", question.name());
                if enough { self.fails(question, why, now) } else { Vec::new() }
            }
        }
    }

    fn succeeds(&mut self, question: Question, now: Timestamp) -> Vec<Transition> {
        let has_readiness = self.rules.probes.contains_key(&Question::Readiness);
        let Some(run) = &mut self.run else { return Vec::new() };
        let becomes_ready = match question {
            Question::PostStart => {
                run.begun = true;
                run.series.remove(&Question::PostStart);
                run.started && !has_readiness
            }
            Question::Startup => {
                run.started = true;
                run.series.remove(&Question::Startup);
                !has_readiness
            }
            Question::Liveness => false,
            Question::Readiness => true,
        };
        if !becomes_ready || run.ready.is_some() {
            return Vec::new();
        }
        run.ready = Some(now);
        self.why.clear();
        vec![Transition::Ready]
    }

    fn fails(&mut self, question: Question, why: &str, now: Timestamp) -> Vec<Transition> {
        match question {
            Question::PostStart | Question::Startup | Question::Liveness => {
                self.must_restart(question, format!("{}: {why}", question.name()), now)
            }
            Question::Readiness => {
                let Some(run) = &mut self.run else { return Vec::new() };
                run.available = false;
                if run.ready.take().is_some() { vec![Transition::NotReady(self.why.clone())] } else { Vec::new() }
            }
        }
    }

    /// Asks for a restart: at once for the first one, after a pause for those that follow it. Until then nobody asks the
    /// pod anything, and nobody is led to it.
    fn must_restart(&mut self, question: Question, why: String, now: Timestamp) -> Vec<Transition> {
        let pause = backoff::pause(self.restarts);
        self.restarts = self.restarts.saturating_add(1);
        let since = self.run.as_ref().map(|run| run.since);
        if pause == Seconds(0) {
            let mut transitions = self.stops(&why);
            transitions.push(Transition::Restart(question, why));
            return transitions;
        }
        self.waiting = since.map(|since| Waiting { until: now.plus(pause), since, question, why: why.clone() });
        self.stops(&format!("{why}; restarts do not help and are made at most every {}", Seconds(BACKOFF_SECONDS_MAX)))
    }

    fn has_waited(&mut self, now: Timestamp) -> Option<Transition> {
        // What lies further ahead than it can was set by a clock that has been put back since.
        let latest = now.plus(Seconds(BACKOFF_SECONDS_MAX));
        let waiting = self.waiting.take_if(|waiting| waiting.until <= now || waiting.until > latest)?;
        Some(Transition::Restart(waiting.question, waiting.why))
    }

    /// Notes whether it says that it lives. Long enough without a no, and its restarts are forgotten.
    fn lives(&mut self, question: Question, yes: bool, now: Timestamp) {
        let Some(run) = &mut self.run else { return };
        match question {
            Question::Readiness | Question::PostStart => {}
            Question::Startup | Question::Liveness if yes => drop(run.well.get_or_insert(now)),
            Question::Startup | Question::Liveness => {
                if run.was_well(now) {
                    self.restarts = 0;
                }
                run.well = None;
            }
        }
    }

    fn series(&mut self, question: Question) -> Option<&mut Series> {
        self.run.as_mut()?.series.get_mut(&question)
    }

    fn becomes_available(&mut self, now: Timestamp) -> Option<Transition> {
        let run = self.run.as_mut()?;
        let since = run.ready.filter(|_| !run.available)?;
        if now < since.plus(self.rules.min_ready) {
            return None;
        }
        run.available = true;
        if self.ailment.take().is_some() {
            self.why.clear();
        }
        Some(Transition::Available)
    }
}

impl Run {
    fn asks(&self, question: Question) -> bool {
        match question {
            Question::PostStart => !self.begun,
            Question::Startup => self.begun && !self.started,
            Question::Liveness | Question::Readiness => self.begun && self.started,
        }
    }
}

#[cfg(test)]
mod tests;
