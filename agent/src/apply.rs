//! Walks a checked plan: for each step the intent, the deed, and the outcome, in this order.
//!
//! Invariant: takes nothing but a [`CheckedPlan`].
//! Invariant: a step whose intent could not be written down is not taken.

use std::fmt;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use writ_core::guard::CheckedPlan;
use writ_core::model::{Desired, ObjectId, PodIndex};
use writ_core::observed::Readiness;
use writ_core::plan::{Act, Lane, Step, Verb, Wait};

use crate::clock::Clock;
use crate::error::chain;
use crate::health::Health;
use crate::interrupt::{Interrupt, Reason};
use crate::limits::ENGINE_STEPS_AT_ONCE;
use crate::record::{Outcome, RecordError, Store};
use crate::target::{Context, Progress, Target};

/// What a plan is applied with.
pub struct Hands<'a> {
    /// The engine.
    pub target: &'a Target,
    /// The record.
    pub store: &'a Store,
    /// Who knows which pods answer.
    pub health: &'a Health,
    /// What the plan leads to.
    pub desired: &'a Desired,
    /// Where time comes from.
    pub clock: Clock,
    /// For whom: host, unit, commit.
    pub context: &'a Context,
    /// Shows what takes long.
    pub progress: &'a dyn Progress,
    /// Ends waits.
    pub interrupt: &'a Interrupt,
}

/// What became of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneEnd {
    /// All of its steps were taken and all that it waited for came true.
    Done,
    /// Something it asks for is refused; the reason.
    Refused(String),
    /// A step failed; which, and why.
    Failed(String),
    /// It still waits; for what, and why the wait ended.
    Interrupted {
        /// What it waited for.
        waiting_for: String,
        /// Why it waits no longer.
        reason: Reason,
    },
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Applied {
    /// How many steps changed the world.
    pub changes: usize,
    /// Each workload's end, in order of identity.
    pub ends: Vec<(ObjectId, LaneEnd)>,
}

/// Takes the steps of a plan. Lanes go on side by side, so that one that waits holds up no other.
///
/// # Errors
/// Only if the record cannot be written; then no further step is taken.
pub async fn apply(hands: &Hands<'_>, plan: &CheckedPlan) -> Result<Applied, RecordError> {
    let engine = Semaphore::new(ENGINE_STEPS_AT_ONCE);
    let mut applied = Applied::default();
    for step in plan.shared() {
        match take(hands, step, &engine).await? {
            Ok(changed) => applied.changes += usize::from(changed),
            Err(failure) => {
                let ends = plan.lanes().iter().map(|lane| (lane.object.clone(), LaneEnd::Failed(failure.clone())));
                return Ok(Applied { ends: ends.collect(), ..applied });
            }
        }
    }
    let mut lanes: FuturesUnordered<_> = plan.lanes().iter().map(|lane| walk(hands, lane, &engine)).collect();
    while let Some(walked) = lanes.next().await {
        let (object, changes, end) = walked?;
        applied.changes += changes;
        applied.ends.push((object, end));
    }
    applied.ends.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(applied)
}

/// Takes the steps of one lane until one fails, is refused or is interrupted.
async fn walk(hands: &Hands<'_>, lane: &Lane, engine: &Semaphore) -> Result<(ObjectId, usize, LaneEnd), RecordError> {
    let mut changes = 0;
    let mut refused = None;
    for step in &lane.steps {
        if step.verb == Verb::Refuse {
            refused = Some(step.why.clone());
        }
        let end = match take(hands, step, engine).await? {
            Err(failure) => Some(LaneEnd::Failed(failure)),
            Ok(changed) => {
                changes += usize::from(changed);
                match &step.wait {
                    Some(wait) => available(hands, wait).await.err(),
                    None => None,
                }
            }
        };
        if let Some(end) = end {
            return Ok((lane.object.clone(), changes, end));
        }
    }
    if let Some(change) = &lane.then {
        hands.store.change_holdings(hands.clock.now(), &hands.context.unit, change)?;
    }
    let end = refused.map_or(LaneEnd::Done, LaneEnd::Refused);
    Ok((lane.object.clone(), changes, end))
}

/// Takes one step: intent, deed, outcome. The inner error is what the engine said.
async fn take(hands: &Hands<'_>, step: &Step, engine: &Semaphore) -> Result<Result<bool, String>, RecordError> {
    if step.act == Act::Nothing {
        return Ok(Ok(false));
    }
    let _turn = engine.acquire().await.expect("the semaphore is never closed");
    if let Some(reason) = hands.interrupt.reason() {
        return Ok(Err(format!("not begun: {reason}")));
    }
    let Context { unit, commit, .. } = hands.context;
    let intent = hands.store.intend(hands.clock.now(), unit, commit.as_deref(), step)?;
    match &step.act {
        // Whoever stops a pod on purpose need not be told that it stopped.
        Act::ReplacePod { spec, .. } => hands.health.forget(&spec.name),
        Act::RemovePod { pod, .. } => hands.health.forget(pod),
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::CreatePod(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::RemoveVolume { .. } => {}
    }
    let done = hands.target.execute(hands.context, &step.act, hands.progress).await;
    let (outcome, result) = match done {
        Ok(()) => {
            watch(hands, step);
            (Outcome::Ok, Ok(true))
        }
        Err(error) => {
            let text = chain(&error);
            let outcome = if error.outcome_unknown() { Outcome::Unknown } else { Outcome::Failed(text.clone()) };
            (outcome, Err(text))
        }
    };
    hands.store.outcome(hands.clock.now(), intent, &outcome)?;
    Ok(result)
}

/// Has the probes of a pod begin that a step made or started.
fn watch(hands: &Hands<'_>, step: &Step) {
    let unit = &hands.context.unit;
    match &step.act {
        Act::CreatePod(spec) | Act::ReplacePod { spec, .. } | Act::MendPod { spec, .. } => {
            hands.health.watch_also(unit, (**spec).clone());
        }
        Act::StartPod { pod, .. } => {
            let index = pod.rsplit('.').next().and_then(|index| PodIndex::parse(step.object.kind, index));
            if let (Some(workload), Some(index)) = (hands.desired.workloads.get(&step.object), index) {
                hands.health.watch_also(unit, workload.pod(&index));
            }
        }
        Act::Nothing | Act::CreateNetwork | Act::CreateVolume(_) | Act::RemovePod { .. } | Act::RemoveVolume { .. } => {
        }
    }
}

/// Waits until a pod is available, its deadline is over, or the wait is interrupted.
async fn available(hands: &Hands<'_>, wait: &Wait) -> Result<(), LaneEnd> {
    let Wait { pod, deadline } = wait;
    let until = hands.clock.now().plus(*deadline);
    loop {
        let changed = hands.health.changed();
        if hands.health.readiness_of(pod) == Readiness::Available {
            return Ok(());
        }
        let left = until.millis_since(hands.clock.now());
        if left <= 0 {
            let why = hands.health.reasons().remove(pod).unwrap_or_else(|| "nobody could ask it".to_owned());
            return Err(LaneEnd::Failed(format!("{pod} did not become available in {deadline}: {why}")));
        }
        let left = std::time::Duration::from_millis(u64::try_from(left).unwrap_or(0));
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep(left) => {}
            reason = hands.interrupt.wait() => {
                return Err(LaneEnd::Interrupted { waiting_for: format!("{pod} to become available"), reason });
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stop => f.write_str("the agent was asked to stop"),
            Self::Newer { commit } => write!(f, "commit {} came", commit.get(..8).unwrap_or(commit)),
        }
    }
}
