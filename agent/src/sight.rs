//! What a look shows: the target's answer, and what the probes know.

use std::collections::BTreeSet;
use std::time::Duration;

use writ_core::cluster::{Condition, ObservedObject};
use writ_core::model::{Desired, ObjectId};
use writ_core::observed::{Observed, ObservedPod, PodState, Readiness};
use writ_core::time::Seconds;

use crate::agent::{Agent, Unit};
use crate::apply::{Applied, LaneEnd};
use crate::bulletin::Stage;
use crate::cycle::CycleError;
use crate::error::chain;
use crate::health::Watched;
use crate::interrupt::Interrupt;
use crate::limits::{
    ACQUAINTANCE_SECONDS, CLUSTER_SETTLE_MILLIS, CLUSTER_SETTLE_MILLIS_MAX, LOOK_AGAIN_MILLIS, OBJECT_FAILURE_SECONDS,
    OBJECT_SECONDS_MAX,
};
use crate::target::Depth;
use crate::target::kubernetes::Asked;
use crate::wanted::Wanted;

/// Waits, for a short while, until the pods that nobody has asked yet have answered: an agent that has just started must not
/// take a pod for broken, or count it as missing, because it does not know it.
pub(crate) async fn get_to_know(unit: &Unit, wanted: &Wanted, observed: &mut Observed, interrupt: &Interrupt) {
    let health = &unit.place.health;
    let stranger = |pod: &ObservedPod| {
        let ours = wanted.desired.workloads.contains_key(&pod.object) && !pod.object.kind.ends();
        ours && pod.state == PodState::Running && pod.readiness == Readiness::Unknown
    };
    let strangers = observed.pods.iter().filter(|(_, pod)| stranger(pod)).map(|(name, _)| name.clone());
    let strangers: Vec<String> = strangers.collect();
    let met = async {
        loop {
            let changed = health.changed();
            if strangers.iter().all(|pod| health.readiness_of(pod) == Readiness::Available) {
                break;
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MILLIS)) => {}
                _ = interrupt.wait() => break,
            }
        }
    };
    if !strangers.is_empty() && tokio::time::timeout(Duration::from_secs(ACQUAINTANCE_SECONDS), met).await.is_err() {
        tracing::debug!(pods = ?strangers, "not all of them answered");
    }
    lay_over(unit, observed);
}

/// Puts what the probes know over what a look showed.
fn lay_over(unit: &Unit, observed: &mut Observed) {
    for (pod, readiness) in unit.place.health.readiness() {
        if let (Some(pod), true) = (observed.pods.get_mut(&pod), readiness != Readiness::Unknown) {
            pod.readiness = readiness;
        }
    }
    for (pod, since) in unit.place.health.unavailable() {
        if let Some(pod) = observed.pods.get_mut(&pod) {
            pod.unavailable = Some(since);
        }
    }
}

/// One look at the unit's target, with what the probes know laid over it.
pub(crate) async fn look(agent: &Agent, unit: &Unit, desired: &Desired, depth: Depth) -> Result<Observed, CycleError> {
    let _timed = agent.bulletin.timed(Stage::Look);
    let (name, now) = (&unit.settings.name, agent.clock.now());
    let looked = match unit.place.target.cluster() {
        Some(cluster) => {
            // A wait for what was applied is longer than a Lease.
            cluster.hold().await;
            let held = agent.store.holdings(name)?;
            cluster.observe(&Asked { unit: name, desired, held: &held, now }).await
        }
        None => unit.place.target.observe(name, depth, now).await,
    };
    let mut observed = looked.map_err(|source| {
        agent.bulletin.looked(name, now, Err(chain(&source)));
        CycleError::Target { unit: name.clone(), source }
    })?;
    if depth == Depth::Deep {
        unit.looked_deep.set(Some(observed.at));
    }
    lay_over(unit, &mut observed);
    agent.bulletin.looked(name, now, Ok(&observed));
    Ok(observed)
}

/// What is there after steps were taken. In a cluster, what was applied is waited for, until all of it is ready or will not be,
/// its time is over, or the wait is interrupted.
pub(crate) async fn settled(
    agent: &Agent,
    unit: &Unit,
    wanted: &Wanted,
    applied: &Applied,
    interrupt: &Interrupt,
) -> Result<Observed, CycleError> {
    let _timed = agent.bulletin.timed(Stage::Settle);
    let done = applied.ends.iter().filter(|(_, end)| *end == LaneEnd::Done).map(|(object, _)| object);
    let done: BTreeSet<&ObjectId> = done.collect();
    let until = agent.clock.now().plus(Seconds(OBJECT_SECONDS_MAX));
    let early = agent.clock.now().plus(Seconds(OBJECT_FAILURE_SECONDS));
    let mut pause = CLUSTER_SETTLE_MILLIS;
    loop {
        let observed = look(agent, unit, &wanted.desired, Depth::List).await?;
        let objects = observed.cluster.iter().flat_map(|cluster| &cluster.objects);
        let comes = |object: &ObservedObject| match object {
            ObservedObject::Present(present) => match present.condition {
                Condition::Ready => false,
                Condition::Progressing(_) => true,
                // A controller that has just begun may still tell how the object was before.
                Condition::Failed(_) => agent.clock.now() < early,
            },
            ObservedObject::Absent(_) | ObservedObject::Unseen(_) | ObservedObject::Foreign(_) => false,
        };
        let waits = objects.filter(|(id, _)| done.contains(id)).any(|(_, object)| comes(object));
        if !waits || until <= agent.clock.now() || interrupt.reason().is_some() {
            return Ok(observed);
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(pause)) => {}
            _ = interrupt.wait() => {}
        }
        pause = CLUSTER_SETTLE_MILLIS_MAX.min(pause * 2);
    }
}

/// An error if another agent acts on the unit's target, for which this one stands by.
pub(crate) async fn stand(unit: &Unit) -> Result<(), CycleError> {
    let Some(cluster) = unit.place.target.cluster() else { return Ok(()) };
    let acts = cluster.acts(&unit.settings.name).await;
    acts.map_err(|source| CycleError::Target { unit: unit.settings.name.clone(), source })
}

/// Marks the unit as looked after from this state directory; an error if another one does.
pub(crate) async fn keep(agent: &Agent, unit: &Unit, commit: &str) -> Result<(), CycleError> {
    let kept = unit.place.target.keep(&agent.context(unit, Some(commit))).await;
    kept.map_err(|source| CycleError::Target { unit: unit.settings.name.clone(), source })
}

/// Has the probes of the unit's pods kept up. A pod that was made from another template keeps the probes of its own.
pub(crate) fn watch(unit: &Unit, desired: &Desired, observed: &Observed) {
    let health = &unit.place.health;
    // Nobody asks a pod how it is that runs to its end.
    let kept_running = observed.pods.iter().filter(|(_, pod)| !pod.object.kind.ends());
    let watched = kept_running.filter_map(|(name, pod)| {
        let workload = desired.workloads.get(&pod.object)?;
        let known = health.known(name).filter(|_| pod.revision.as_ref() != Some(&workload.revision));
        let fresh = || Watched { spec: workload.pod(&pod.index), container: pod.container.clone() };
        Some(known.unwrap_or_else(fresh))
    });
    health.watch(&unit.settings.name, watched.collect());
}
