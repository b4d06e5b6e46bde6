//! The lane of a CronJob: a run for each time at which it is due, each run as a Job.
//!
//! A run bears its time, in minutes since 1970, in the names of its pods: whoever tries to make it a second time finds
//! the names taken. The last time that was run is held as well, so that its pods may go.
//! Sources: `cronjob_controllerv2.go` of Kubernetes, and its documents on CronJobs.
//!
//! Invariant: no time is run twice, and none before the last one that was.
//! Invariant: a run goes on to its end, whatever a later commit asks for.

use std::collections::BTreeMap;

use super::draft::Draft;
use super::job::{Advance, Seen, Tries, advance, at_minute, end_lingering, has_ended};
use super::step::{Cause, Lane, Run, RunState, Verb};
use super::world::Subject;
use crate::holdings::{Held, RunMark};
use crate::limits::MISSED_MAX;
use crate::model::{Concurrency, CronRules, PodIndex};
use crate::time::{Seconds, Timestamp};

const SECONDS_PER_MINUTE: i64 = 60;

/// One run that was seen.
struct Sighted<'a> {
    /// Its time, in minutes since 1970.
    minute: u32,
    pods: Vec<Seen<'a>>,
    tries: Tries<'a>,
    end: Option<End>,
}

/// How a run ended.
enum End {
    Complete(Timestamp),
    Failed(Timestamp, String),
}

/// What the lane is made of so far.
struct State<'a> {
    subject: &'a Subject<'a>,
    rules: &'a CronRules,
    draft: Draft<'a>,
    /// The next moment at which there is something to do.
    due: Option<Timestamp>,
}

/// The lane of a CronJob.
pub(super) fn lane<'a>(subject: &'a Subject<'a>, rules: &'a CronRules, mut draft: Draft<'a>) -> Lane {
    let id = &subject.workload.id;
    let now = subject.world.input.now;
    if draft.hides(subject) {
        return draft.lane_of_run(Run { state: RunState::AtRest, due: rules.schedule.after(now) });
    }
    let held = held(subject);
    let runs = runs(rules, subject.world.pods(id), now);
    runs.iter().for_each(|run| end_lingering(&mut draft, &run.pods));
    let seen = runs.last().map(|run| at_minute(run.minute));
    // Source: Kubernetes: what was due before it was first seen is not run.
    let last = held.max(seen).unwrap_or(now);
    let mut state = State { subject, rules, draft, due: None };
    state.go_on(&runs);
    state.forget(&runs, held);
    let last = state.run_next(&runs, last);
    if !rules.suspended {
        state.consider(rules.schedule.after(now));
    }
    let (standing, failure) = standing(&runs);
    if let Some(why) = failure {
        state.draft.note_all(why, Cause::None);
    }
    let run = Run { state: standing, due: state.due };
    state.draft.finish_run(Some(&RunMark::Scheduled(last)), run)
}

/// The last time that was run, or the first sight of the CronJob, by what is held.
fn held(subject: &Subject<'_>) -> Option<Timestamp> {
    match subject.held.and_then(Held::run)? {
        RunMark::Scheduled(at) => Some(at),
        RunMark::Started(_) | RunMark::Suspended(_) | RunMark::Complete(_) | RunMark::Failed(..) => None,
    }
}

/// The runs of which pods are there, oldest first.
fn runs<'a>(rules: &CronRules, pods: &[Seen<'a>], now: Timestamp) -> Vec<Sighted<'a>> {
    let mut by_minute: BTreeMap<u32, Vec<Seen<'a>>> = BTreeMap::new();
    for (name, pod) in pods {
        if let PodIndex::Try { run: Some(minute), completion: _, earlier: _ } = pod.index {
            by_minute.entry(minute).or_default().push((name, pod));
        }
    }
    let run = |(minute, pods): (u32, Vec<Seen<'a>>)| {
        let tries = Tries::new(&rules.job, &pods);
        let end = end(rules, &pods, &tries, now);
        Sighted { minute, pods, tries, end }
    };
    by_minute.into_iter().map(run).collect()
}

fn end(rules: &CronRules, pods: &[Seen<'_>], tries: &Tries<'_>, now: Timestamp) -> Option<End> {
    if let Some(at) = tries.complete(&rules.job, now) {
        return Some(End::Complete(at));
    }
    let started = pods.iter().map(|(_, pod)| pod.since).min().unwrap_or(now);
    let last_end = pods.iter().filter_map(|(_, pod)| pod.ended).max().unwrap_or(started);
    if let Some(why) = tries.too_many(&rules.job) {
        return Some(End::Failed(last_end, why));
    }
    let deadline = rules.job.deadline?;
    let end = started.plus(deadline);
    (end <= now).then(|| End::Failed(end, format!("it did not end within its activeDeadlineSeconds, {deadline}")))
}

/// A CronJob stands as its last run that ended; and which that is and why it failed, if it did.
fn standing(runs: &[Sighted<'_>]) -> (RunState, Option<String>) {
    match runs.iter().rev().find_map(|run| Some((run.minute, run.end.as_ref()?))) {
        Some((minute, End::Failed(_, why))) => {
            // The same words for each run that fails, for they become a status.
            let state = RunState::Failed("its last run failed; `writ plan` shows why".to_owned());
            (state, Some(format!("failed: the run of {}: {why}", at_minute(minute))))
        }
        Some((_, End::Complete(_))) | None => (RunState::AtRest, None),
    }
}

impl<'a> State<'a> {
    fn now(&self) -> Timestamp {
        self.subject.world.input.now
    }

    fn consider(&mut self, moment: Option<Timestamp>) {
        self.due = self.due.into_iter().chain(moment).min();
    }

    /// Leads the runs that have not ended to their end.
    fn go_on(&mut self, runs: &[Sighted<'a>]) {
        let replaced = self.rules.concurrency == Concurrency::Replace && self.next(runs).is_some();
        for run in runs.iter().filter(|run| run.end.is_none()) {
            if replaced {
                self.stop(&run.pods, "the next run takes its place: concurrencyPolicy Replace");
                continue;
            }
            let started = run.pods.iter().map(|(_, pod)| pod.since).min();
            self.advance(run.minute, &run.tries);
            let deadline = self.rules.job.deadline;
            self.consider(started.zip(deadline).map(|(started, deadline)| started.plus(deadline)));
        }
    }

    fn advance(&mut self, minute: u32, tries: &Tries<'a>) {
        let Advance { active, due } = advance(&mut self.draft, self.subject, &self.rules.job, tries, Some(minute));
        self.consider(due);
        let text = tries.told(&self.rules.job, active);
        self.draft.note_all(format!("the run of {}: {text}", at_minute(minute)), Cause::None);
    }

    fn stop(&mut self, pods: &[Seen<'_>], why: &str) {
        for (name, pod) in pods {
            self.draft.remove(Verb::Remove, name, pod, why.to_owned(), Cause::Change);
        }
    }

    /// Removes what is left of runs that ended: what still runs, and those that are more than are to be kept. A run goes only
    /// once it is held that its time was run.
    fn forget(&mut self, runs: &[Sighted<'a>], held: Option<Timestamp>) {
        let (mut succeeded, mut failed) = (0, 0);
        for run in runs.iter().rev() {
            let (count, kept, field, ended) = match &run.end {
                None => continue,
                Some(End::Complete(ended)) => {
                    (&mut succeeded, self.rules.keep_succeeded, "successfulJobsHistoryLimit", *ended)
                }
                Some(End::Failed(ended, _)) => (&mut failed, self.rules.keep_failed, "failedJobsHistoryLimit", *ended),
            };
            *count += 1;
            let is_held = held.is_some_and(|held| held >= at_minute(run.minute));
            let expiry = self.rules.job.ttl.map(|ttl| ended.plus(ttl));
            let now = self.now();
            if *count > kept && is_held {
                self.stop(&run.pods, &format!("not among the last {kept} to be kept: {field}"));
            } else if is_held && expiry.is_some_and(|expiry| expiry <= now) {
                self.stop(&run.pods, "its time is over: ttlSecondsAfterFinished");
            } else {
                let running: Vec<Seen<'a>> =
                    run.pods.iter().filter(|(_, pod)| !has_ended(&pod.state)).copied().collect();
                self.stop(&running, "its run has ended");
                self.consider(expiry);
                self.consider((*count > kept).then_some(now));
            }
        }
    }

    /// The time that is to be run now, if there is one.
    fn next(&self, runs: &[Sighted<'a>]) -> Option<Timestamp> {
        let last = held(self.subject).max(runs.last().map(|run| at_minute(run.minute))).unwrap_or_else(|| self.now());
        self.due_since(last)
    }

    /// The last time that came after `last` and is not too long ago.
    fn due_since(&self, last: Timestamp) -> Option<Timestamp> {
        let earliest = self.earliest(last);
        self.rules.schedule.until(self.now()).filter(|due| *due > earliest && !self.rules.suspended)
    }

    fn earliest(&self, last: Timestamp) -> Timestamp {
        let Seconds(most) = self.rules.starting_deadline.unwrap_or(Seconds(u32::MAX));
        let Timestamp(now) = self.now();
        // A time is not too late at the very end of its deadline.
        last.max(Timestamp(now.saturating_sub(i64::from(most) * 1_000 + 1)))
    }

    /// Makes the run that is due, if there is one. Gives the last time that was run then.
    fn run_next(&mut self, runs: &[Sighted<'a>], last: Timestamp) -> Timestamp {
        if self.rules.suspended {
            self.draft.note_all("suspended".to_owned(), Cause::None);
            return last;
        }
        let Some(due) = self.due_since(last) else {
            let next = self.rules.schedule.after(self.now());
            let next = next.map_or_else(|| "never".to_owned(), |next| next.to_string());
            self.draft.note_all(format!("next due at {next}"), Cause::None);
            return last;
        };
        let going = runs.iter().rev().find(|run| run.end.is_none());
        if let (Concurrency::Forbid, Some(run)) = (self.rules.concurrency, going) {
            let why =
                format!("the run of {due} waits: that of {} goes on (concurrencyPolicy Forbid)", at_minute(run.minute));
            self.draft.note_all(why, Cause::None);
            return last;
        }
        if let Some(missed) = self.missed(last, due) {
            self.draft.note_all(missed, Cause::None);
        }
        let minute = u32::try_from(due.seconds() / SECONDS_PER_MINUTE).unwrap_or(u32::MAX);
        let tries = Tries::new(&self.rules.job, &[]);
        self.advance(minute, &tries);
        due
    }

    /// How many times before `due` were missed, in words; none if none was.
    fn missed(&self, last: Timestamp, due: Timestamp) -> Option<String> {
        let times = std::iter::successors(self.rules.schedule.after(last), |time| self.rules.schedule.after(*time));
        match times.take_while(|time| *time < due).take(MISSED_MAX + 1).count() {
            0 => None,
            1 => Some(format!("one time before {due} was missed, and is not run")),
            many if many > MISSED_MAX => {
                Some(format!("more than {MISSED_MAX} times before {due} were missed, and are not run"))
            }
            some => Some(format!("{some} times before {due} were missed, and are not run")),
        }
    }
}
