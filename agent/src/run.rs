//! The agent's life: one loop for each source, one for the outbox, until it is asked to stop.

use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use writ_core::status::State;

use crate::agent::{Agent, Unit};
use crate::attendance::Attendance;
use crate::cycle::{self, CycleError, PassEnd};
use crate::error::chain;
use crate::interrupt::{Interrupt, Reason};
use crate::limits::SETTLE_MILLIS;
use crate::record::AgentEvent;
use crate::report::flush;
use crate::source::{Lookout, Source};
use crate::wake::{LocalChanges, Schedule, Wake};

/// Time between two looks at the outbox while nothing wakes it.
const OUTBOX_EVERY: Duration = Duration::from_secs(15);

/// Runs until SIGTERM or SIGINT. The step that is under way is ended and recorded first.
///
/// # Errors
/// If the record fails.
pub async fn run(agent: &Agent, attendance: Attendance, sources: Vec<Source>) -> Result<(), CycleError> {
    let stop = Interrupt::default();
    let started = AgentEvent::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        host: agent.settings.host.name.clone(),
    };
    agent.store.append(agent.clock.now(), &started.into())?;
    let loops = join_all(sources.into_iter().map(|source| follow(agent, source, &stop)));
    let ended = tokio::select! {
        ended = loops => ended.into_iter().collect::<Result<(), _>>(),
        never = send_outbox(agent) => match never {},
        never = attendance.run(agent) => match never {},
        never = asked_to_stop(&stop) => match never {},
    };
    let reason = stop.reason().map_or_else(|| "its loops ended".to_owned(), |reason| reason.to_string());
    agent.store.append(agent.clock.now(), &AgentEvent::Stopped { reason }.into())?;
    ended
}

/// One pass over every source, and what the outbox holds sent once.
///
/// # Errors
/// If the record fails.
pub async fn once(agent: &Agent, attendance: Attendance, sources: Vec<Source>) -> Result<Vec<PassEnd>, CycleError> {
    let ends = tokio::select! {
        ends = passes(agent, sources) => ends?,
        never = attendance.run(agent) => match never {},
    };
    flush(&agent.store, &agent.forges, agent.clock.now(), random(agent)).await?;
    Ok(ends)
}

/// One pass over every source, one after the other.
async fn passes(agent: &Agent, sources: Vec<Source>) -> Result<Vec<PassEnd>, CycleError> {
    let mut ends = Vec::new();
    for mut source in sources {
        let interrupt = Interrupt::default();
        ends.push(tokio::select! {
            end = cycle::pass(agent, &mut source, Wake::Start, &interrupt) => end?,
            never = asked_to_stop(&interrupt) => match never {},
        });
    }
    Ok(ends)
}

/// Makes passes over one source for as long as the agent runs.
async fn follow(agent: &Agent, mut source: Source, stop: &Interrupt) -> Result<(), CycleError> {
    let mut schedule = Schedule::new(source.settings.poll, random(agent));
    let mut local = watch(&source);
    let name = source.settings.name.clone();
    let mut wake = Wake::Start;
    loop {
        let interrupt = Interrupt::default();
        tracing::debug!(source = name, %wake, "pass");
        let (lookout, poll) = (source.lookout(), source.settings.poll);
        let end = tokio::select! {
            end = cycle::pass(agent, &mut source, wake, &interrupt) => end?,
            never = look_out(&lookout, poll, &mut local, &interrupt, stop) => match never {},
        };
        show(&name, &end);
        if end.unreachable {
            schedule.failed();
        } else {
            schedule.succeeded();
        }
        wake = match end.interrupted {
            Some(Reason::Stop) => return Ok(()),
            Some(Reason::Newer { .. }) => Wake::Newer,
            None => tokio::select! {
                _ = stop.wait() => return Ok(()),
                () = local.next() => Wake::LocalChange,
                () = any(agent, &name, |unit| &unit.drifted) => settled(Wake::Drift).await,
                () = any(agent, &name, |unit| &unit.stirred) => settled(Wake::Health).await,
                () = tokio::time::sleep(schedule.pause()) => Wake::Interval,
            },
        };
    }
}

/// While a pass is under way: cuts it short when the remote moves on, or when the agent is asked to stop.
async fn look_out(
    lookout: &Lookout,
    poll: Duration,
    local: &mut LocalChanges,
    interrupt: &Interrupt,
    stop: &Interrupt,
) -> Infallible {
    loop {
        tokio::select! {
            reason = stop.wait() => {
                interrupt.raise(reason);
                return std::future::pending().await;
            }
            () = local.next() => {}
            () = tokio::time::sleep(poll) => {}
        }
        // A remote that does not answer here is asked again by the next pass, which says so.
        if let Ok(Some(commit)) = lookout.newer().await {
            interrupt.raise(Reason::Newer { commit: commit.to_string() });
        }
    }
}

/// Watches a source that is on this machine; one elsewhere is only polled.
fn watch(source: &Source) -> LocalChanges {
    let Some(path) = source.local_path() else { return LocalChanges::none() };
    LocalChanges::watch(&path).unwrap_or_else(|error| {
        tracing::warn!(source = source.settings.name, %error, "cannot watch the repository; it is polled");
        LocalChanges::none()
    })
}

/// Ends when a unit of the source was told of something. What is told while nobody waits is kept.
async fn any(agent: &Agent, source: &str, told: impl Fn(&Unit) -> &Notify) {
    let waits: Vec<_> = agent.units_of(source).map(|unit| Box::pin(told(unit).notified())).collect();
    if waits.is_empty() {
        return std::future::pending().await;
    }
    select_all(waits).await;
}

/// What was told of seldom comes alone: waits a moment for the rest.
async fn settled(wake: Wake) -> Wake {
    tokio::time::sleep(Duration::from_millis(SETTLE_MILLIS)).await;
    wake
}

/// Sends what the outbox holds, again and again, beside everything else.
async fn send_outbox(agent: &Agent) -> Infallible {
    loop {
        if let Err(error) = flush(&agent.store, &agent.forges, agent.clock.now(), random(agent)).await {
            tracing::warn!(error = chain(&error), "cannot work off the outbox");
        }
        tokio::time::sleep(OUTBOX_EVERY).await;
    }
}

/// Raises `stop` at the first SIGTERM or SIGINT, and then never ends: the loops end by themselves.
async fn asked_to_stop(stop: &Interrupt) -> Infallible {
    let mut signals = [SignalKind::terminate(), SignalKind::interrupt()]
        .map(|kind| signal(kind).expect("signals can be listened to"));
    let [terminate, interrupt] = &mut signals;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.raise(Reason::Stop);
    std::future::pending().await
}

/// A number that differs between hosts and between calls, for spreading what they do.
fn random(agent: &Agent) -> u64 {
    RandomState::new().hash_one(&agent.settings.host.name)
}

/// One line for a pass that did or refused something.
fn show(source: &str, end: &PassEnd) {
    for (unit, state, text) in &end.units {
        let quiet = end.changes == 0 && *state == State::Success;
        if quiet {
            tracing::debug!(source, unit, state = state.name(), "{text}");
        } else {
            tracing::info!(source, unit, state = state.name(), changes = end.changes, "{text}");
        }
    }
}
