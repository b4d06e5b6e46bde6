//! Judges one pod that was seen: what it needs, why, and who caused that.

use super::step::{Cause, Fix};
use super::why;
use super::world::Subject;
use crate::observed::{Alteration, ObservedPod, PodState, Readiness};

/// A pod that was seen, and what it needs.
pub(super) struct Look<'a> {
    pub(super) name: &'a str,
    pub(super) pod: &'a ObservedPod,
    pub(super) need: Need,
    /// Why it needs that.
    pub(super) why: String,
    pub(super) cause: Cause,
    /// It may be answering its users now. Where nobody asked it yet, it is taken to.
    pub(super) serves: bool,
}

/// What a pod needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// Nothing can be done, and the reason is worth saying.
    Note,
    /// It is as wanted, but not yet available.
    Await,
    /// Its container must be started, after these mends.
    Start(Vec<Fix>),
    /// Its container must be mended.
    Mend(Vec<Fix>),
    /// It needs a new container.
    Renew,
}

/// Judges a pod. `spared` says why its template is not brought up to date, where the strategy leaves it alone.
pub(super) fn look<'a>(subject: &Subject<'_>, name: &'a str, pod: &'a ObservedPod, spared: Option<&str>) -> Look<'a> {
    let serves = pod.state == PodState::Running && pod.readiness != Readiness::NotReady;
    let (need, why) = judge(subject, pod, spared);
    let acts = matches!(need, Need::Start(_) | Need::Mend(_) | Need::Renew);
    // A pod of another revision, or one that was never started, is Writ's own unfinished work: no person makes those.
    let unfinished = pod.revision.as_ref() != Some(&subject.workload.revision) || pod.state == PodState::Created;
    let cause = match (acts, subject.applied && !unfinished) {
        (false, _) => Cause::None,
        (true, true) => Cause::Drift,
        (true, false) => Cause::Change,
    };
    if cause == Cause::Drift && subject.reports_drift() {
        return Look { name, pod, need: Need::Note, why: reported(&why), cause, serves };
    }
    let look = Look { name, pod, need, why, cause, serves };
    match subject.world.withheld.get(name).filter(|_| look.interrupts()) {
        Some(reason) => {
            Look { need: Need::Note, why: format!("drift: {}, not mended now: {reason}", look.why), ..look }
        }
        None => look,
    }
}

impl Look<'_> {
    /// True if to mend what a person altered takes the pod, or one of its containers, from those whom it serves.
    pub(super) fn interrupts(&self) -> bool {
        let stops = match &self.need {
            Need::Renew => true,
            Need::Mend(fixes) => fixes.contains(&Fix::Parts),
            Need::Nothing | Need::Note | Need::Await | Need::Start(_) => false,
        };
        stops && self.serves && self.cause == Cause::Drift
    }
}

/// The words for drift that is not mended.
pub(super) fn reported(why: &str) -> String {
    format!("drift: {why}, reported, not repaired")
}

fn judge(subject: &Subject<'_>, pod: &ObservedPod, spared: Option<&str>) -> (Need, String) {
    let outdated = pod.revision.as_ref() != Some(&subject.workload.revision);
    if outdated && spared.is_none() {
        return (Need::Renew, why::outdated(subject, pod));
    }
    if pod.state == PodState::Dead {
        return (Need::Renew, why::state(&pod.state));
    }
    // A container of a pod is made by the template that is wanted; one of another revision would be a mixture.
    let mixes = |altered: &Alteration| outdated && matches!(altered, Alteration::Part(_));
    let field = pod.altered.iter().any(|altered| matches!(altered, Alteration::Field(_)) || mixes(altered));
    let altered = why::alterations(&pod.altered);
    if field && !outdated {
        return (Need::Renew, altered);
    }
    let (need, words) = mends(pod, outdated);
    match spared.filter(|_| outdated) {
        Some(reason) if need == Need::Nothing && field => {
            (Need::Note, format!("{altered}; only a new pod mends that: {reason}"))
        }
        Some(reason) if need == Need::Nothing => (Need::Note, reason.to_owned()),
        Some(_) | None => (need, words),
    }
}

/// What a container needs that may stay.
fn mends(pod: &ObservedPod, outdated: bool) -> (Need, String) {
    let mut fixes: Vec<Fix> =
        pod.altered.iter().filter_map(fix).filter(|fix| *fix != Fix::Parts || !outdated).collect();
    let mut words = why::alterations(&pod.altered);
    let mut starts = false;
    match &pod.state {
        PodState::Running if fixes.is_empty() && pod.readiness == Readiness::Available => {
            return (Need::Nothing, String::new());
        }
        PodState::Running | PodState::Restarting if fixes.is_empty() => return (Need::Await, unready(pod)),
        PodState::Running | PodState::Restarting | PodState::Dead => {}
        PodState::Paused => fixes.push(Fix::Unpause),
        PodState::Created | PodState::Exited { .. } => starts = true,
    }
    if pod.state != PodState::Running {
        let separator = if words.is_empty() { "" } else { ", " };
        words = format!("{words}{separator}{}", why::state(&pod.state));
    }
    fixes.sort();
    fixes.dedup();
    (if starts { Need::Start(fixes) } else { Need::Mend(fixes) }, words)
}

fn fix(altered: &Alteration) -> Option<Fix> {
    match altered {
        Alteration::Renamed(_) => Some(Fix::Rename),
        Alteration::Disconnected => Some(Fix::Connect),
        Alteration::Part(_) => Some(Fix::Parts),
        // Only what runs to its end lingers, and that is looked at elsewhere.
        Alteration::Lingers | Alteration::Field(_) => None,
    }
}

fn unready(pod: &ObservedPod) -> String {
    match (&pod.state, pod.readiness) {
        (PodState::Restarting, _) => "it restarts again and again",
        (_, Readiness::Unknown) => "nobody has asked it yet",
        (_, Readiness::NotReady | Readiness::Available) => "it is not ready",
    }
    .to_owned()
}
