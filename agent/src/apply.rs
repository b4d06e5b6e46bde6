//! Walks a checked plan: for each step the intent, the deed, and the outcome, in this order.
//!
//! Invariant: takes nothing but a [`CheckedPlan`].
//! Invariant: a step whose intent could not be written down is not taken.
//! Invariant: no pod that is being stopped on purpose is asked how it is, so that no probe restarts it meanwhile.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tracing::Instrument as _;
use writ_core::cluster::holds_up;
use writ_core::guard::CheckedPlan;
use writ_core::holdings::HoldingChange;
use writ_core::model::{Desired, ObjectId, PodIndex};
use writ_core::observed::Readiness;
use writ_core::plan::{Act, BackUp, Cause, Lane, Step, Verb, Wait, needs_network, wave};
use writ_core::time::{Seconds, Timestamp};

use crate::agent::{Agent, Unit};
use crate::backup::{self, Made};
use crate::bulletin::Stage;
use crate::error::chain;
use crate::health::Health;
use crate::interrupt::{Interrupt, Reason};
use crate::limits::{ENGINE_STEPS_AT_ONCE, STANDSTILL_SECONDS, STEP_AFTER_NEWER_SECONDS, STEP_AFTER_STOP_SECONDS};
use crate::pulled::{Noted, Pulled};
use crate::record::{Outcome, RecordError, Store, WorkEvent};
use crate::target::{Context, Progress, TargetError};
use crate::trace;

/// What a plan is applied with.
pub struct Hands<'a> {
    agent: &'a Agent,
    unit: &'a Unit,
    /// What the plan leads to.
    desired: &'a Desired,
    /// For whom: host, unit, commit.
    context: Context,
    /// Ends waits.
    interrupt: &'a Interrupt,
}

impl<'a> Hands<'a> {
    /// What applies a plan that leads to `desired`, for a commit or for local files.
    #[must_use]
    pub fn new(
        agent: &'a Agent,
        unit: &'a Unit,
        desired: &'a Desired,
        commit: Option<&str>,
        interrupt: &'a Interrupt,
    ) -> Self {
        let context = agent.context(unit, commit);
        Self { agent, unit, desired, context, interrupt }
    }

    fn now(&self) -> Timestamp {
        self.agent.clock.now()
    }

    fn store(&self) -> &Store {
        &self.agent.store
    }

    fn health(&self) -> &Health {
        &self.unit.place.health
    }
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

/// Takes the steps of a plan, wave after wave. Lanes of a wave go on side by side, so that one that waits holds up no other.
///
/// # Errors
/// Only if the record cannot be written; then no further step is taken.
pub async fn apply(hands: &Hands<'_>, plan: &CheckedPlan) -> Result<Applied, RecordError> {
    let timed = hands.agent.bulletin.timed(Stage::Apply);
    take_all(hands, plan).instrument(timed.span().clone()).await
}

async fn take_all(hands: &Hands<'_>, plan: &CheckedPlan) -> Result<Applied, RecordError> {
    let engine = Semaphore::new(ENGINE_STEPS_AT_ONCE);
    let mut applied = Applied::default();
    let (mut without_network, mut without_ingress) = (None, None);
    for step in plan.shared() {
        let of_ingress = matches!(step.act, Act::Serve(_));
        if let (true, Some(end)) = (of_ingress && needs_network(step), &without_network) {
            without_ingress = Some(LaneEnd::clone(end));
            continue;
        }
        match take(hands, step, &engine).await? {
            Ok(changed) => applied.changes += usize::from(changed),
            Err(end) if of_ingress => without_ingress = Some(end),
            Err(end) => without_network = Some(end),
        }
    }
    let waves: BTreeSet<u8> = plan.lanes().iter().map(wave).collect();
    for number in waves {
        let mut lanes = FuturesUnordered::new();
        for lane in plan.lanes().iter().filter(|lane| wave(lane) == number) {
            if let (true, Some(end)) = (lane.object.kind.is_entrance(), &without_ingress) {
                applied.ends.push((lane.object.clone(), end.clone()));
                continue;
            }
            if let Some(end) = held_up(lane, &applied) {
                applied.ends.push((lane.object.clone(), end));
                continue;
            }
            match &without_network {
                Some(end) if lane.steps.iter().any(needs_network) => {
                    applied.ends.push((lane.object.clone(), end.clone()));
                }
                Some(_) | None => lanes.push(walk(hands, lane, &engine)),
            }
        }
        while let Some(walked) = lanes.next().await {
            let (object, changes, end) = walked?;
            applied.changes += changes;
            applied.ends.push((object, end));
        }
    }
    applied.ends.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(applied)
}

/// How a lane ends that is not begun because something of an earlier wave, which it may need, could not be done.
fn held_up(lane: &Lane, applied: &Applied) -> Option<LaneEnd> {
    if wave(lane) == 0 {
        return None;
    }
    applied.ends.iter().find_map(|(earlier, end)| match end {
        LaneEnd::Failed(_) if holds_up(earlier, &lane.object) => {
            Some(LaneEnd::Failed(format!("not begun: {earlier} failed")))
        }
        LaneEnd::Interrupted { waiting_for: _, reason } if holds_up(earlier, &lane.object) => {
            Some(LaneEnd::Interrupted { waiting_for: earlier.to_string(), reason: reason.clone() })
        }
        LaneEnd::Done | LaneEnd::Refused(_) | LaneEnd::Failed(_) | LaneEnd::Interrupted { .. } => None,
    })
}

/// Takes the steps of one lane until one fails, is refused or is interrupted.
async fn walk(hands: &Hands<'_>, lane: &Lane, engine: &Semaphore) -> Result<(ObjectId, usize, LaneEnd), RecordError> {
    let mut changes = 0;
    let mut refused = None;
    begin(hands, lane)?;
    for (at, step) in lane.steps.iter().enumerate() {
        if step.verb == Verb::Refuse {
            refused = Some(step.why.clone());
        }
        let end = match take(hands, step, engine).await? {
            Err(end) => {
                go_on(hands, &lane.steps[..=at]).await;
                Some(end)
            }
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
        hands.store().change_holdings(hands.now(), &hands.context.unit, change)?;
    }
    let end = refused.map_or(LaneEnd::Done, LaneEnd::Refused);
    Ok((lane.object.clone(), changes, end))
}

/// Lets go on what stands still for copies, where the step that they were made for was not taken.
async fn go_on(hands: &Hands<'_>, until: &[Step]) {
    let (last, before) = until.split_last().map_or((None, until), |(last, before)| (Some(last), before));
    let copies = before.iter().rev().map(copied).take_while(Option::is_some).flatten();
    for backup in last.and_then(copied).into_iter().chain(copies) {
        backup::go_on(hands.unit, backup).await;
    }
    // The look that follows a failure begins to ask it again.
}

fn copied(step: &Step) -> Option<&BackUp> {
    if let Act::BackUp(backup) = &step.act { Some(backup) } else { None }
}

/// Marks what is held of a workload before its first step, so that a lane that breaks off is known to be unfinished.
fn begin(hands: &Hands<'_>, lane: &Lane) -> Result<(), RecordError> {
    let works = lane.steps.iter().any(|step| step.act != Act::Nothing && step.cause == Cause::Change);
    let unit = &hands.context.unit;
    if !works || hands.interrupt.reason().is_some() {
        return Ok(());
    }
    let held = hands.store().holding(unit, &lane.object)?;
    let Some(held) = held.filter(|held| !held.is_under_way()) else { return Ok(()) };
    let change = HoldingChange::Hold(lane.object.clone(), Box::new(held.begun()));
    hands.store().change_holdings(hands.now(), unit, &change)
}

/// Takes one step: intent, deed, outcome. Tells whether it changed the world, or how the lane ends with it.
async fn take(hands: &Hands<'_>, step: &Step, engine: &Semaphore) -> Result<Result<bool, LaneEnd>, RecordError> {
    if step.act == Act::Nothing {
        return Ok(Ok(false));
    }
    // A copy may take hours, and waits for no other step of an engine.
    let _turn = match copied(step) {
        Some(_) => None,
        None => Some(engine.acquire().await.expect("the semaphore is never closed")),
    };
    let waiting_for = || format!("its turn to {} {}", step.verb, step.pod.as_deref().unwrap_or("what it needs"));
    if let Some(reason) = hands.interrupt.reason() {
        return Ok(Err(LaneEnd::Interrupted { waiting_for: waiting_for(), reason }));
    }
    let Context { host: _, unit, commit } = &hands.context;
    let intent = hands.store().intend(hands.now(), unit, commit.as_deref(), step)?;
    let span = trace::step(step);
    let stopped = stops(step).and_then(|pod| hands.health().forget(pod));
    let noted = Noted::new(hands.agent.progress.as_ref());
    let made = RefCell::new(None);
    let done = execute(hands, step, &noted, &made).instrument(span.clone()).await;
    trace::stepped(&span, matches!(done, Some(Ok(()))));
    drop(span);
    tell_pulled(hands, step, noted.pulled())?;
    tell_copied(hands, step, made.into_inner())?;
    let (outcome, result) = match done {
        Some(Ok(())) => {
            watch(hands, step);
            hands.unit.patience.succeeded(step);
            (Outcome::Ok, Ok(true))
        }
        Some(Err(error)) => {
            // It may still be there. The look that follows says how it is; until then it is asked as before.
            if let Some(stopped) = stopped {
                hands.health().watch_again(unit, stopped);
            }
            let text = chain(&error);
            hands.unit.patience.failed(step, &text, hands.now());
            let outcome = if error.outcome_unknown() { Outcome::Unknown } else { Outcome::Failed(text.clone()) };
            (outcome, Err(LaneEnd::Failed(text)))
        }
        None => {
            let waiting_for = format!("the engine to {} {}", step.verb, step.pod.as_deref().unwrap_or("what it needs"));
            let reason = hands.interrupt.reason().unwrap_or(Reason::Stop);
            (Outcome::Unknown, Err(LaneEnd::Interrupted { waiting_for, reason }))
        }
    };
    hands.store().outcome(hands.now(), intent, &outcome)?;
    Ok(result)
}

/// Records what the images of a step turned out to be, as far as they were pulled for it.
fn tell_pulled(hands: &Hands<'_>, step: &Step, pulled: Vec<Pulled>) -> Result<(), RecordError> {
    for Pulled { image, digest } in pulled {
        let Context { host: _, unit, commit } = hands.context.clone();
        let (object, pod) = (step.object.clone(), step.pod.clone().unwrap_or_default());
        let event = WorkEvent::ImagePulled { unit, commit, object, pod, image, digest };
        hands.store().append(hands.now(), &event.into())?;
    }
    Ok(())
}

/// Records the copy that was made of a volume.
fn tell_copied(hands: &Hands<'_>, step: &Step, made: Option<Made>) -> Result<(), RecordError> {
    let (Some(Made { file, digest, bytes, in_motion }), Some(backup)) = (made, copied(step)) else { return Ok(()) };
    let Context { host: _, unit, commit } = hands.context.clone();
    let (object, pod, volume) = (step.object.clone(), step.pod.clone(), backup.volume.clone());
    let event = WorkEvent::BackupMade { unit, commit, object, pod, volume, file, digest, bytes, in_motion };
    hands.store().append(hands.now(), &event.into()).map(drop)
}

/// Does a step. One that an interrupt finds under way has some time to end, so that its outcome is known; none if it
/// does not use it.
async fn execute(
    hands: &Hands<'_>,
    step: &Step,
    progress: &dyn Progress,
    made: &RefCell<Option<Made>>,
) -> Option<Result<(), TargetError>> {
    let deed = async {
        match copied(step) {
            Some(backup) => {
                let copy = Box::pin(backup::back_up(hands.agent, hands.unit, backup, progress)).await?;
                drop(made.replace(Some(copy)));
                Ok(())
            }
            None => hands.unit.place.target.execute(&hands.context, &step.act, progress).await,
        }
    };
    let stop = async {
        hands.interrupt.stopped().await;
        tokio::time::sleep(Duration::from_secs(STEP_AFTER_STOP_SECONDS)).await;
    };
    let newer = async {
        hands.interrupt.wait().await;
        tokio::time::sleep(Duration::from_secs(STEP_AFTER_NEWER_SECONDS)).await;
    };
    tokio::select! {
        done = deed => Some(done),
        () = stop => None,
        () = newer => None,
    }
}

/// The pod that a step stops.
fn stops(step: &Step) -> Option<&str> {
    match &step.act {
        Act::BackUp(_) => step.pod.as_deref(),
        Act::ReplacePod { container: _, spec } => Some(&spec.name),
        Act::RemovePod { pod, container: _, grace: _ } => Some(pod),
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::CreatePod(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::RemoveVolume { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
    }
}

/// Has the probes of a pod begin that a step made or started.
fn watch(hands: &Hands<'_>, step: &Step) {
    let unit = &hands.context.unit;
    // Nobody asks a pod how it is that runs to its end.
    if step.object.kind.ends() {
        return;
    }
    match &step.act {
        Act::CreatePod(spec) | Act::ReplacePod { spec, .. } | Act::MendPod { spec, .. } => {
            hands.health().watch_also(unit, (**spec).clone());
        }
        Act::StartPod { pod, .. } => {
            let index = pod.rsplit('.').next().and_then(|index| PodIndex::parse(step.object.kind, index));
            if let (Some(workload), Some(index)) = (hands.desired.workloads.get(&step.object), index) {
                hands.health().watch_also(unit, workload.pod(&index));
            }
        }
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::RemovePod { .. }
        | Act::RemoveVolume { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => {}
    }
}

/// Waits until a pod is available, its deadline is over, or the wait is interrupted.
async fn available(hands: &Hands<'_>, wait: &Wait) -> Result<(), LaneEnd> {
    let Wait { pod, deadline } = wait;
    let until = hands.now().plus(*deadline);
    let mut stopped: Option<Timestamp> = None;
    loop {
        let changed = hands.health().changed();
        if hands.health().readiness_of(pod) == Readiness::Available {
            return Ok(());
        }
        let now = hands.now();
        stopped = hands.health().stands_still(pod).then(|| stopped.unwrap_or(now));
        let patience = stopped.map(|since| since.plus(Seconds(STANDSTILL_SECONDS)));
        if patience.is_some_and(|patience| patience <= now) {
            return Err(LaneEnd::Failed(format!("{pod} was stopped before it became available")));
        }
        if until <= now {
            let why = hands.health().reasons().remove(pod).unwrap_or_else(|| "nobody could ask it".to_owned());
            return Err(LaneEnd::Failed(format!("{pod} did not become available in {deadline}: {why}")));
        }
        let left = patience.map_or(until, |patience| patience.min(until)).millis_since(now);
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
