//! The lane of a Job: pods that run to their end, some at once, tried again when they fail.
//!
//! The containers that ended are the witnesses of what was done. What they told is held as well, so that they may go.
//! Sources: `job_controller.go` of Kubernetes, and its documents on Jobs.
//!
//! Invariant: a Job whose end is known, by its containers or by what is held, is never run again.
//! Invariant: with a pod out of sight nothing is run, for it may be the one that succeeded.

use std::collections::BTreeMap;

use super::draft::{Birth, Draft};
use super::setback::ordinal;
use super::step::{Cause, Lane, Run, RunState, Verb};
use super::why;
use super::world::Subject;
use crate::backoff;
use crate::holdings::RunMark;
use crate::limits::TRY_PAUSE_SECONDS_MAX;
use crate::model::{JobRules, PodIndex};
use crate::observed::{Alteration, ObservedPod, PodState};
use crate::time::Timestamp;

const SECONDS_PER_MINUTE: i64 = 60;

/// A pod that was seen, and its name.
pub(super) type Seen<'a> = (&'a str, &'a ObservedPod);

/// What was seen of one completion.
#[derive(Debug, Clone, Copy)]
enum Slot<'a> {
    /// Nothing yet.
    Open,
    /// A pod that has not ended.
    Active(Seen<'a>),
    /// A pod that succeeded, and when.
    Done(Timestamp),
    /// The last pod failed; how many did.
    Failed(Seen<'a>, u32),
}

/// The tries of a run, as far as they were seen.
pub(super) struct Tries<'a> {
    /// By completion.
    slots: BTreeMap<u32, Slot<'a>>,
    /// Tries that others came after, oldest first.
    surpassed: Vec<Seen<'a>>,
}

/// The lane of a Job.
pub(super) fn lane<'a>(subject: &'a Subject<'a>, rules: &JobRules, mut draft: Draft<'a>) -> Lane {
    let id = &subject.workload.id;
    let now = subject.world.input.now;
    if draft.hides(subject) {
        return draft.lane_of_run(going("not every pod was seen", None));
    }
    let is_of_run = |(_, pod): &Seen<'a>| pod.revision.as_ref() == Some(&subject.workload.revision);
    let (mine, old): (Vec<Seen<'a>>, Vec<Seen<'a>>) = subject.world.pods(id).iter().partition(|seen| is_of_run(seen));
    for (name, pod) in old {
        let why = format!("{}; a new run begins", why::outdated(subject, pod));
        draft.remove(Verb::Remove, name, pod, why, Cause::Change);
    }
    end_lingering(&mut draft, &mine);
    let mark = subject.run();
    if let Some(RunMark::Complete(at) | RunMark::Failed(at, _)) = &mark {
        return after_end(draft, rules, &mine, mark.as_ref(), *at, now);
    }
    let tries = Tries::new(rules, &mine);
    if let Some(at) = tries.complete(rules, now) {
        return after_end(draft, rules, &mine, Some(&RunMark::Complete(at)), at, now);
    }
    if rules.suspended {
        return suspended(draft, &tries, mark.as_ref(), now);
    }
    let started = match mark {
        Some(RunMark::Started(at)) => at,
        // Source: Kubernetes, by which the time of a Job that goes on begins anew.
        Some(RunMark::Suspended(_)) => now,
        Some(RunMark::Complete(_) | RunMark::Failed(..) | RunMark::Scheduled(_)) | None => {
            mine.iter().map(|(_, pod)| pod.since).min().unwrap_or(now)
        }
    };
    let deadline = rules.deadline.map(|deadline| started.plus(deadline));
    let failure = tries.too_many(rules).or_else(|| {
        let allowed = rules.deadline.filter(|_| deadline.is_some_and(|end| end <= now))?;
        Some(format!("it did not end within its activeDeadlineSeconds, {allowed}"))
    });
    if let Some(why) = failure {
        return after_end(draft, rules, &mine, Some(&RunMark::Failed(now, why)), now, now);
    }
    go_on(draft, subject, rules, &tries, (started, deadline))
}

/// Starts what is to be started, within what is allowed.
fn go_on<'a>(
    mut draft: Draft<'a>,
    subject: &'a Subject<'a>,
    rules: &JobRules,
    tries: &Tries<'a>,
    (started, deadline): (Timestamp, Option<Timestamp>),
) -> Lane {
    let Advance { active, due } = advance(&mut draft, subject, rules, tries, None);
    let text = tries.told(rules, active);
    draft.note_all(text.clone(), Cause::None);
    draft.finish_run(Some(&RunMark::Started(started)), going(&text, due.into_iter().chain(deadline).min()))
}

/// What a run came to by one plan.
pub(super) struct Advance {
    /// Pods that run then.
    pub(super) active: u32,
    /// When something of it is tried again.
    pub(super) due: Option<Timestamp>,
}

/// The steps of one run: a Job's only one, or that of a time of a CronJob, in minutes since 1970.
pub(super) fn advance<'a>(
    draft: &mut Draft<'a>,
    subject: &'a Subject<'a>,
    rules: &JobRules,
    tries: &Tries<'a>,
    run: Option<u32>,
) -> Advance {
    let mut due: Option<Timestamp> = None;
    let mut active = leave_active(draft, subject, tries);
    // Once a worker found the queue empty, no other is sent there.
    let sends = rules.completions.is_some() || tries.done() == 0;
    for (completion, slot) in tries.slots.iter().filter(|_| sends) {
        let (earlier, why) = match slot {
            Slot::Active(_) | Slot::Done(_) => continue,
            Slot::Open => (0, run.map_or_else(|| "new".to_owned(), |minute| format!("due at {}", at_minute(minute)))),
            Slot::Failed((name, pod), failures) => {
                let until = pod.ended.unwrap_or(pod.since).plus(backoff::pause_up_to(*failures, TRY_PAUSE_SECONDS_MAX));
                let failure = format!("after the {} failure: {}", ordinal(*failures), why::state(&pod.state));
                if until > subject.world.input.now {
                    due = Some(due.map_or(until, |due| due.min(until)));
                    draft.note(name, format!("tried again at {} {failure}", until.time_of_day()), Cause::None);
                    continue;
                }
                (*failures, format!("again, {failure}"))
            }
        };
        if active >= rules.parallelism {
            continue;
        }
        let birth = Birth { verb: Verb::Create, why, cause: Cause::Change };
        let index = PodIndex::Try { run, completion: *completion, earlier };
        active += u32::from(draft.create(subject.workload, &index, birth));
        if let (Slot::Failed(seen, _), false) = (slot, rules.keeps_failed) {
            make_room(draft, seen);
        }
    }
    for seen in tries.surpassed.iter().filter(|_| !rules.keeps_failed) {
        make_room(draft, seen);
    }
    Advance { active, due }
}

/// The moment of a run of a CronJob.
pub(super) const fn at_minute(minute: u32) -> Timestamp {
    Timestamp::from_seconds(minute as i64 * SECONDS_PER_MINUTE)
}

/// Ends what goes on of pods that ran to their end.
pub(super) fn end_lingering(draft: &mut Draft<'_>, pods: &[Seen<'_>]) {
    for (name, pod) in pods.iter().filter(|(_, pod)| pod.altered.contains(&Alteration::Lingers)) {
        draft.end(name, pod);
    }
}

/// Leaves what runs to its end, and starts what was made and never ran. Gives their number.
fn leave_active(draft: &mut Draft<'_>, subject: &Subject<'_>, tries: &Tries<'_>) -> u32 {
    let mut active: u32 = 0;
    for (name, pod) in tries.active() {
        active = active.saturating_add(1);
        // Containers of another revision are never mixed with those that there are.
        let is_of_run = pod.revision.as_ref() == Some(&subject.workload.revision);
        if is_of_run && pod.altered.iter().any(|altered| matches!(altered, Alteration::Part(_))) {
            draft.complete(name, pod);
            continue;
        }
        if !pod.altered.is_empty() {
            let why = format!("{}; a run is left to its end as it is", why::alterations(&pod.altered));
            draft.note(name, why, Cause::None);
        }
        match pod.state {
            PodState::Created => draft.start(name, pod),
            PodState::Paused => draft.note(name, "paused; a run is left to its end as it is", Cause::None),
            PodState::Running | PodState::Restarting | PodState::Exited { .. } | PodState::Dead => {}
        }
    }
    active
}

fn make_room(draft: &mut Draft<'_>, (name, pod): &Seen<'_>) {
    draft.remove(Verb::Remove, name, pod, "another one is in its place".to_owned(), Cause::Change);
}

/// Stops what runs; what ended stays to be counted when the Job goes on.
fn suspended(mut draft: Draft<'_>, tries: &Tries<'_>, mark: Option<&RunMark>, now: Timestamp) -> Lane {
    for (name, pod) in tries.active() {
        draft.remove(Verb::Remove, name, pod, "the Job is suspended".to_owned(), Cause::Change);
    }
    draft.note_all("suspended".to_owned(), Cause::None);
    let since = match mark {
        Some(RunMark::Suspended(at)) => *at,
        Some(RunMark::Started(_) | RunMark::Complete(_) | RunMark::Failed(..) | RunMark::Scheduled(_)) | None => now,
    };
    draft.finish_run(Some(&RunMark::Suspended(since)), Run { state: RunState::AtRest, due: None })
}

/// What is left to do for a Job that ended at `at`: nothing of it runs on, and its pods go when their time is over. They
/// go only once it is held that the Job ended, or nobody would know.
fn after_end(
    mut draft: Draft<'_>,
    rules: &JobRules,
    pods: &[Seen<'_>],
    mark: Option<&RunMark>,
    at: Timestamp,
    now: Timestamp,
) -> Lane {
    let held = draft.is_held_at(mark);
    let expiry = rules.ttl.map(|ttl| at.plus(ttl));
    let expired = held && expiry.is_some_and(|expiry| expiry <= now);
    for (name, pod) in pods {
        if !has_ended(&pod.state) {
            draft.remove(Verb::Remove, name, pod, "the Job has ended".to_owned(), Cause::Change);
        } else if let (true, Some(ttl)) = (expired, rules.ttl) {
            let why = format!("the Job ended more than {ttl} ago: ttlSecondsAfterFinished");
            draft.remove(Verb::Remove, name, pod, why, Cause::Change);
        }
    }
    let state = match mark {
        Some(RunMark::Failed(_, why)) => {
            draft.note_all(format!("failed: {why}"), Cause::None);
            RunState::Failed(why.clone())
        }
        Some(RunMark::Complete(_) | RunMark::Started(_) | RunMark::Suspended(_) | RunMark::Scheduled(_)) | None => {
            draft.note_all("complete".to_owned(), Cause::None);
            RunState::AtRest
        }
    };
    let due = expiry.filter(|_| !expired && !pods.is_empty());
    draft.finish_run(mark, Run { state, due })
}

fn going(text: &str, due: Option<Timestamp>) -> Run {
    Run { state: RunState::Going(text.to_owned()), due }
}

pub(super) const fn has_ended(state: &PodState) -> bool {
    match state {
        PodState::Exited { .. } | PodState::Dead => true,
        PodState::Created | PodState::Running | PodState::Paused | PodState::Restarting => false,
    }
}

impl<'a> Tries<'a> {
    pub(super) fn new(rules: &JobRules, pods: &[Seen<'a>]) -> Self {
        let mut tries: BTreeMap<u32, BTreeMap<u32, Seen<'a>>> = BTreeMap::new();
        for (name, pod) in pods {
            if let PodIndex::Try { run: _, completion, earlier } = pod.index {
                tries.entry(completion).or_default().insert(earlier, (name, pod));
            }
        }
        let mut slots: BTreeMap<u32, Slot<'a>> = (0..rules.slots()).map(|slot| (slot, Slot::Open)).collect();
        let mut surpassed = Vec::new();
        for (completion, tries) in tries {
            let Some((last, seen)) = tries.last_key_value() else { continue };
            surpassed.extend(tries.values().take(tries.len() - 1).copied());
            let (_, pod) = *seen;
            let slot = match &pod.state {
                PodState::Exited { code: 0, .. } => Slot::Done(pod.ended.unwrap_or(pod.since)),
                PodState::Exited { .. } | PodState::Dead => Slot::Failed(*seen, last.saturating_add(1)),
                PodState::Created | PodState::Running | PodState::Paused | PodState::Restarting => Slot::Active(*seen),
            };
            slots.insert(completion, slot);
        }
        Self { slots, surpassed }
    }

    fn active(&self) -> impl Iterator<Item = Seen<'a>> {
        self.slots.values().filter_map(|slot| match slot {
            Slot::Active(seen) => Some(*seen),
            Slot::Open | Slot::Done(_) | Slot::Failed(..) => None,
        })
    }

    /// How far the run is, for people.
    pub(super) fn told(&self, rules: &JobRules, active: u32) -> String {
        match rules.completions {
            Some(completions) => format!("{} of {completions} complete, {active} running", self.done()),
            None => format!("{active} running"),
        }
    }

    fn done(&self) -> u32 {
        let done = self.slots.values().filter(|slot| matches!(slot, Slot::Done(_))).count();
        u32::try_from(done).unwrap_or(u32::MAX)
    }

    /// When the Job was complete; none if it is not.
    pub(super) fn complete(&self, rules: &JobRules, now: Timestamp) -> Option<Timestamp> {
        let complete = match rules.completions {
            Some(completions) => self.done() >= completions,
            None => self.done() > 0 && self.active().next().is_none(),
        };
        let ends = self.slots.values().filter_map(|slot| match slot {
            Slot::Done(at) => Some(*at),
            Slot::Open | Slot::Active(_) | Slot::Failed(..) => None,
        });
        complete.then(|| ends.max().unwrap_or(now))
    }

    /// Why the Job has failed, where more failed than it bears.
    pub(super) fn too_many(&self, rules: &JobRules) -> Option<String> {
        let mut failures: u32 = 0;
        let mut last: Option<Seen<'a>> = None;
        for slot in self.slots.values() {
            match slot {
                Slot::Failed(seen, count) => {
                    failures = failures.saturating_add(*count);
                    let later = last.is_none_or(|(_, pod)| pod.ended <= seen.1.ended);
                    last = if later { Some(*seen) } else { last };
                }
                Slot::Active((_, pod)) => failures = failures.saturating_add(earlier(pod)),
                Slot::Open | Slot::Done(_) => {}
            }
        }
        let (name, pod) = last?;
        let state = why::state(&pod.state);
        let times = if failures == 1 { "a failure".to_owned() } else { format!("{failures} failures") };
        let limit = rules.backoff_limit;
        (failures > limit).then(|| {
            format!("{times}, more than its backoffLimit of {limit}: {name} {state}; `writ logs {name}` shows why")
        })
    }
}

/// How many tries of the same completion came before a pod.
const fn earlier(pod: &ObservedPod) -> u32 {
    match pod.index {
        PodIndex::Try { run: _, completion: _, earlier } => earlier,
        PodIndex::Ordinal(_) | PodIndex::Replica(_) => 0,
    }
}
