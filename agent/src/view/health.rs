//! How well a unit, an object or a pod is, from what is known of it.

use crate::record::{Standing, Suspension};
use writ_core::holdings::{Held, RunMark};
use writ_core::observed::{ObservedPod, PodState, Readiness};
use writ_core::status::State;

/// From the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As desired.
    Healthy,
    /// On the way, or suspended.
    Progressing,
    /// The world moved away from what was applied.
    Drifted,
    /// It needs somebody.
    Failing,
}

impl Health {
    /// Its name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Progressing => "progressing",
            Self::Drifted => "drifted",
            Self::Failing => "failing",
        }
    }
}

/// The health of a unit by its last pass.
#[must_use]
pub fn of_standing(standing: Option<&Standing>, suspension: Option<&Suspension>) -> Health {
    let Some(standing) = standing else { return Health::Progressing };
    let passed = match standing.state {
        State::Success => Health::Healthy,
        State::Pending => Health::Progressing,
        State::Failure if standing.is_drift() => Health::Drifted,
        State::Failure | State::Error => Health::Failing,
    };
    if suspension.is_some() { passed.max(Health::Progressing) } else { passed }
}

/// The health of one pod. `settled` is true if the last pass found everything as desired.
#[must_use]
pub fn of_pod(pod: &ObservedPod, settled: bool) -> Health {
    let by_state = match &pod.state {
        // Nobody asks it.
        PodState::Running if pod.object.kind.ends() => Health::Healthy,
        PodState::Running => match pod.readiness {
            Readiness::Available => Health::Healthy,
            // The pass that found everything as desired had asked it.
            Readiness::Unknown if settled => Health::Healthy,
            Readiness::NotReady | Readiness::Unknown => Health::Progressing,
        },
        PodState::Created => Health::Progressing,
        PodState::Exited { code: 0, ailment: _ } if pod.object.kind.ends() => Health::Healthy,
        PodState::Paused => Health::Drifted,
        PodState::Restarting | PodState::Exited { .. } | PodState::Dead => Health::Failing,
    };
    if pod.altered.is_empty() { by_state } else { by_state.max(Health::Drifted) }
}

/// The health of an object: that of its worst pod, and whether there are as many as there should be.
#[must_use]
pub fn of_object(held: Option<&Held>, pods: &[&ObservedPod], settled: bool) -> Health {
    let worst = pods.iter().map(|pod| of_pod(pod, settled)).max().unwrap_or(Health::Healthy);
    let wanted = held.map_or(0, |held| held.replicas as usize);
    if pods.len() == wanted {
        return worst;
    }
    worst.max(if settled { Health::Drifted } else { Health::Progressing })
}

/// The health of what runs to its end: how far it is, whatever became of single tries.
#[must_use]
pub fn of_run(held: Option<&Held>) -> Health {
    match held.and_then(Held::run) {
        Some(RunMark::Complete(_) | RunMark::Scheduled(_)) => Health::Healthy,
        Some(RunMark::Failed(..)) => Health::Failing,
        Some(RunMark::Started(_) | RunMark::Suspended(_)) | None => Health::Progressing,
    }
}

#[cfg(test)]
mod tests {
    use writ_core::model::{ObjectId, PodIndex};
    use writ_core::observed::Alteration;
    use writ_core::time::Timestamp;

    use super::*;

    fn pod(state: PodState, readiness: Readiness) -> ObservedPod {
        ObservedPod {
            container: "0123".into(),
            object: ObjectId::parse("statefulset/data/pg").unwrap(),
            index: PodIndex::Ordinal(0),
            revision: None,
            state,
            readiness,
            since: Timestamp(0),
            unavailable: None,
            ended: None,
            altered: Vec::new(),
            parts: Vec::new(),
        }
    }

    #[test]
    fn a_pod_that_runs_and_answers_is_healthy_and_one_that_ended_is_failing() {
        assert_eq!(of_pod(&pod(PodState::Running, Readiness::Available), false), Health::Healthy);
        assert_eq!(of_pod(&pod(PodState::Running, Readiness::Unknown), true), Health::Healthy);
        assert_eq!(of_pod(&pod(PodState::Running, Readiness::Unknown), false), Health::Progressing);
        assert_eq!(of_pod(&pod(PodState::Running, Readiness::NotReady), true), Health::Progressing);
        let ended = PodState::Exited { code: 0, ailment: None };
        assert_eq!(of_pod(&pod(ended, Readiness::Unknown), true), Health::Failing);
    }

    #[test]
    fn what_a_person_changed_is_drift() {
        assert_eq!(of_pod(&pod(PodState::Paused, Readiness::Available), true), Health::Drifted);
        let mut renamed = pod(PodState::Running, Readiness::Available);
        renamed.altered.push(Alteration::Renamed("x".into()));
        assert_eq!(of_pod(&renamed, true), Health::Drifted);
        assert_eq!(of_object(None, &[&pod(PodState::Running, Readiness::Available)], true), Health::Drifted);
        assert_eq!(of_object(None, &[], true), Health::Healthy);
    }
}
