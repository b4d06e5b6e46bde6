//! What a pass came to, counted from what a last look showed.

use std::collections::BTreeMap;

use writ_core::cluster::{Condition, ObservedObject, Trial};
use writ_core::model::{Desired, ObjectId, Workload};
use writ_core::observed::{Observed, Readiness};
use writ_core::plan::{Cause, Plan, RunState, Verb};
use writ_core::status::Summary;
use writ_core::time::{Seconds, Timestamp};

use crate::apply::{Applied, LaneEnd};
use crate::interrupt::Reason;
use crate::limits::OBJECT_SECONDS_MAX;

/// What became of one unit's plan.
#[derive(Debug)]
pub struct Walked {
    /// What it came to.
    pub summary: Summary,
    /// Why it was cut short, if it was.
    pub interrupted: Option<Reason>,
}

/// How a unit stands at the end of a pass.
#[derive(Debug)]
pub struct Moment<'a> {
    /// When.
    pub now: Timestamp,
    /// What must be.
    pub desired: &'a Desired,
    /// What is, as the last look showed it.
    pub observed: &'a Observed,
    /// Why pods do not answer, by name, as far as their probes told.
    pub reasons: &'a BTreeMap<String, String>,
    /// Files of servers for which an older copy stands in, and why.
    pub stale: &'a [String],
    /// Files of servers that nobody has and a manifest goes on without, and why.
    pub left_out: &'a [String],
}

impl Moment<'_> {
    /// Counts what the walk of a plan came to.
    #[must_use]
    pub fn summarize(&self, plan: &Plan, applied: &Applied) -> Walked {
        let mut summary = Summary {
            workloads: self.desired.workloads.len(),
            pods: self.kept_running().map(|workload| workload.replicas as usize).sum(),
            changes: applied.changes,
            stale: self.stale.to_vec(),
            left_out: self.left_out.to_vec(),
            ..Summary::default()
        };
        self.count_pods(&mut summary);
        self.count_objects(&mut summary);
        for step in plan.steps() {
            let what = || format!("{}: {}", step.pod.clone().unwrap_or_else(|| step.object.to_string()), step.why);
            match (step.verb, step.cause) {
                (Verb::Refuse, _) => summary.refused.push(what()),
                (Verb::Keep, Cause::Drift) => summary.drifted.push(what()),
                (_, Cause::Change | Cause::Drift | Cause::None) => {}
            }
        }
        let mut interrupted = None;
        // What waits after a failure has still failed, in the same words.
        let delays = plan.lanes.iter().filter_map(|lane| Some((&lane.object, &lane.delay.as_ref()?.setback.why)));
        let mut failed: BTreeMap<&ObjectId, &String> = delays.collect();
        for (object, end) in &applied.ends {
            match end {
                LaneEnd::Done | LaneEnd::Refused(_) => {}
                LaneEnd::Failed(why) => drop(failed.insert(object, why)),
                LaneEnd::Interrupted { waiting_for, reason } => {
                    summary.waiting.push(waiting_for.clone());
                    interrupted = Some(reason.clone());
                }
            }
        }
        summary.failed.extend(failed.into_iter().map(|(object, why)| format!("{object}: {why}")));
        for (object, run) in plan.lanes.iter().filter_map(|lane| Some((&lane.object, lane.run.as_ref()?))) {
            match &run.state {
                // The same words from its beginning to its end: how far it is changes too often for a status.
                RunState::Going(_) => summary.waiting.push(format!("{object} to end")),
                RunState::Failed(why) => summary.failed.push(format!("{object}: {why}")),
                RunState::AtRest => {}
            }
        }
        Walked { summary, interrupted }
    }

    /// The workloads that are not to come to an end.
    fn kept_running(&self) -> impl Iterator<Item = &Workload> {
        self.desired.workloads.values().filter(|workload| !workload.id.kind.ends())
    }

    /// Tells objects of a cluster that are ready from those that still have time and those that do not.
    fn count_objects(&self, summary: &mut Summary) {
        let Some(cluster) = &self.observed.cluster else { return };
        let mut ready = 0;
        for (id, object) in &self.desired.objects {
            let present = match cluster.objects.get(id) {
                Some(ObservedObject::Present(present)) => present,
                Some(ObservedObject::Foreign(_)) if object.is_content_to_be_there() => {
                    ready += 1;
                    continue;
                }
                Some(ObservedObject::Unseen(why)) => {
                    summary.failed.push(format!("{id}: not seen: {why}"));
                    continue;
                }
                Some(ObservedObject::Absent(Trial::Unknown(why))) => {
                    summary.failed.push(format!("{id}: could not be tried: {why}"));
                    continue;
                }
                // What is not there, or somebody else's, is told by the plan.
                Some(ObservedObject::Absent(_) | ObservedObject::Foreign(_)) | None => continue,
            };
            if let Trial::Unknown(why) = &present.trial {
                summary.failed.push(format!("{id}: could not be tried: {why}"));
            }
            let late = present.since.plus(Seconds(OBJECT_SECONDS_MAX)) <= self.now;
            match &present.condition {
                Condition::Ready => ready += 1,
                Condition::Progressing(what) if !late => summary.starting.push(format!("{id}: {what}")),
                Condition::Progressing(what) | Condition::Failed(what) => {
                    summary.unhealthy.push(format!("{id}: {what}"));
                }
            }
        }
        summary.objects = Some((self.desired.objects.len(), ready));
    }

    /// Tells pods that answer from those that still have time and those that do not.
    fn count_pods(&self, summary: &mut Summary) {
        for (name, pod) in self.observed.pods.iter().filter(|(_, pod)| !pod.object.kind.ends()) {
            let Some(workload) = self.desired.workloads.get(&pod.object) else { continue };
            if pod.readiness == Readiness::Available {
                summary.available += 1;
                continue;
            }
            let why = self.reasons.get(name).map_or("not asked yet", String::as_str);
            let left = pod.time_left(workload.progress_deadline(), self.now);
            let list = if left > Seconds(0) { &mut summary.starting } else { &mut summary.unhealthy };
            list.push(format!("{name}: {why}"));
        }
    }
}
