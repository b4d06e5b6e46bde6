//! The agent's life: one loop for each source, one for the outbox, until it is asked to stop.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use writ_core::plan::Setbacks;
use writ_core::time::Timestamp;

use crate::agent::{Agent, Unit};
use crate::attendance::Attendance;
use crate::bulletin::{Ended, Passed};
use crate::clock::Stopwatch;
use crate::cycle::{self, CycleError, PassEnd};
use crate::error::chain;
use crate::interrupt::{Interrupt, Reason};
use crate::limits::{FLUSH_SECONDS_MAX, REQUESTS_SECONDS, SETTLE_MILLIS, STOP_SECONDS};
use crate::previews::Previews;
use crate::record::{AgentEvent, RecordError};
use crate::report::{Pace, flush};
use crate::service::Service;
use crate::source::{Lookout, Sight, Source};
use crate::wake::{Bell, Changes, Schedule, Wake};

/// Time between two looks at the outbox while nothing wakes it.
const OUTBOX_EVERY: Duration = Duration::from_secs(15);

/// Runs until SIGTERM or SIGINT. The step that is under way is ended and recorded first. By its bell somebody can say that a
/// source may have news.
///
/// # Errors
/// If the record cannot be written at its start or its end; in between, it is tried again.
pub async fn run(
    agent: &Agent,
    attendance: Attendance,
    sources: Vec<Source>,
    bells: &BTreeMap<String, Bell>,
    service: &Service,
) -> Result<(), CycleError> {
    // Whoever reads that it has started may ask it to stop.
    let (stop, signals) = (Interrupt::default(), signals());
    let started = AgentEvent::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        process: std::process::id(),
        host: agent.settings.host.name.clone(),
    };
    agent.store.append(agent.clock.now(), &started.into())?;
    service.ready();
    let previews: Vec<Previews<'_>> = sources.iter().filter_map(|source| Previews::of(agent, source)).collect();
    let loops = async {
        let follow = |source: Source| {
            let bell = bells.get(&source.settings.name).cloned().unwrap_or_default();
            follow(agent, source, bell, &stop, service)
        };
        join_all(sources.into_iter().map(follow)).await;
        agent.at_rest().await;
    };
    tokio::select! {
        () = loops => {}
        never = send_outbox(agent) => match never {},
        never = preview(agent, previews) => match never {},
        never = attendance.run(agent) => match never {},
        never = asked_to_stop(signals, &stop, service) => match never {},
        never = live(agent, service) => match never {},
    }
    let reason = stop.reason().map_or_else(|| "its loops ended".to_owned(), |reason| reason.to_string());
    agent.store.append(agent.clock.now(), &AgentEvent::Stopped { reason }.into())?;
    Ok(())
}

/// One pass over every source, and what the outbox holds sent once.
///
/// # Errors
/// If the record fails.
pub async fn once(agent: &Agent, attendance: Attendance, sources: Vec<Source>) -> Result<Vec<PassEnd>, CycleError> {
    let (stop, nobody, signals) = (Interrupt::default(), Service::default(), signals());
    let mut ends = Vec::new();
    let work = async {
        let mut previews: Vec<Previews<'_>> = sources.iter().filter_map(|source| Previews::of(agent, source)).collect();
        for mut source in sources {
            ends.push(cycle::pass(agent, &mut source, Wake::Start, &stop).await?);
            if stop.reason().is_some() {
                return Ok(());
            }
        }
        let telling = async {
            for previews in &mut previews {
                previews.round(random(agent)).await?;
            }
            send_once(agent).await
        };
        tokio::select! {
            told = telling => told?,
            () = stop.stopped() => {}
        }
        agent.at_rest().await;
        // Nobody waits to try again: the next one who asks for a pass has it at once.
        for unit in agent.units() {
            agent.store.set_setbacks(&unit.settings.name, "", &Setbacks::default())?;
        }
        Ok::<_, CycleError>(())
    };
    tokio::select! {
        done = work => done?,
        never = attendance.run(agent) => match never {},
        never = asked_to_stop(signals, &stop, &nobody) => match never {},
        () = overdue(&stop) => ends.push(PassEnd { interrupted: Some(Reason::Stop), ..PassEnd::default() }),
    }
    Ok(ends)
}

/// Shows that the loop has turns.
async fn live(agent: &Agent, service: &Service) -> Infallible {
    loop {
        agent.bulletin.beat();
        service.alive();
        tokio::time::sleep(service.pulse()).await;
    }
}

/// Ends when the agent was asked to stop and has had its time.
async fn overdue(stop: &Interrupt) {
    stop.stopped().await;
    tokio::time::sleep(Duration::from_secs(STOP_SECONDS)).await;
    tracing::warn!("stopped while something was under way; the next start settles it");
}

/// Makes passes over one source until the agent is asked to stop. A pass that cannot be made, for want of a disk or
/// because somebody holds the lock, is tried again.
async fn follow(agent: &Agent, mut source: Source, bell: Bell, stop: &Interrupt, service: &Service) {
    let mut schedule = Schedule::new(source.settings.poll, random(agent));
    let mut changes = watch(&source, bell);
    let name = source.settings.name.clone();
    let mut wake = Wake::Start;
    let mut shown = Vec::new();
    loop {
        let interrupt = Interrupt::default();
        tracing::debug!(source = name, %wake, "pass");
        let watch = Stopwatch::start();
        let (lookout, poll) = (source.lookout(), source.settings.poll);
        changes.seen();
        let end = tokio::select! {
            end = cycle::pass(agent, &mut source, wake, &interrupt) => end,
            never = look_out(&lookout, poll, &mut changes, &interrupt, stop) => match never {},
            () = overdue(stop) => return,
        };
        agent.bulletin.passed(&name, passed(agent, &source, end.as_ref().ok()), watch.elapsed());
        let answered = match end {
            Ok(end) => {
                let news = end.changes > 0 || end.units != shown;
                show(&name, &end, news);
                if news {
                    service.state(&in_a_line(&end));
                }
                shown.clone_from(&end.units);
                !end.unreachable
            }
            Err(error) => {
                tracing::error!(source = name, error = chain(&error), "no pass could be made");
                false
            }
        };
        // What the pass needed is let go of, and the next one may be far.
        writ_heap::give_back();
        if answered {
            schedule.succeeded();
        } else {
            schedule.failed();
        }
        // A commit that came when nothing was left to interrupt counts as well.
        wake = match interrupt.reason() {
            Some(Reason::Stop) => return,
            Some(Reason::Newer { .. }) if answered => Wake::Newer,
            Some(Reason::Newer { .. }) | None => tokio::select! {
                () = stop.stopped() => return,
                wake = changes.next() => wake,
                () = any(agent, &name, |unit| &unit.drifted) => settled(Wake::Drift).await,
                () = any(agent, &name, |unit| &unit.stirred) => settled(Wake::Health).await,
                () = retry(agent, &name) => Wake::Retry,
                () = due(agent, &name) => Wake::Due,
                () = tokio::time::sleep(schedule.pause()) => Wake::Interval,
            },
        };
    }
}

/// What is said of a pass that is over; without an end it could not be made.
fn passed(agent: &Agent, source: &Source, end: Option<&PassEnd>) -> Passed {
    let ended = match end {
        None => Ended::Impossible,
        Some(end) if end.interrupted.is_some() => Ended::CutShort,
        Some(end) if end.unreachable => Ended::Unreachable,
        Some(end) if end.failed => Ended::Failed,
        Some(end) if end.refused => Ended::Refused,
        Some(_) => Ended::Done,
    };
    Passed {
        at: agent.clock.now(),
        end: ended,
        changes: end.map_or(0, |end| end.changes as u64),
        trouble: end.and_then(|end| end.trouble.clone()),
        splits: source.splits.iter().map(ToString::to_string).collect(),
    }
}

/// While a pass is under way: cuts it short when the remote moves on, or when the agent is asked to stop.
async fn look_out(
    lookout: &Lookout,
    poll: Duration,
    changes: &mut Changes,
    interrupt: &Interrupt,
    stop: &Interrupt,
) -> Infallible {
    let looking = async {
        loop {
            tokio::select! {
                _ = changes.next() => {}
                () = tokio::time::sleep(poll) => {}
            }
            match lookout.look().await {
                Ok(Sight::Newer(commit)) => {
                    changes.seen();
                    interrupt.raise(Reason::Newer { commit: commit.to_string() });
                }
                Ok(Sight::Same) => changes.seen(),
                // A remote that does not answer here is asked again by the next pass, which says so.
                Ok(Sight::Nothing) | Err(_) => tokio::time::sleep(poll).await,
            }
        }
    };
    tokio::select! {
        never = looking => never,
        () = stop.stopped() => {
            interrupt.raise(Reason::Stop);
            std::future::pending().await
        }
    }
}

/// Watches a source that is on this machine; one elsewhere is only polled, and hinted at.
fn watch(source: &Source, bell: Bell) -> Changes {
    let Some(path) = source.local_path() else { return Changes::elsewhere(bell) };
    Changes::watch(&path, bell.clone()).unwrap_or_else(|error| {
        tracing::warn!(source = source.settings.name, %error, "cannot watch the repository; it is polled");
        Changes::elsewhere(bell)
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

/// Ends when something of the source's units that failed may be tried again.
async fn retry(agent: &Agent, source: &str) {
    let now = agent.clock.now();
    until(now, agent.units_of(source).filter_map(|unit| unit.patience.next(now)).min()).await;
}

/// Ends when something is to be done for a run of the source's units.
async fn due(agent: &Agent, source: &str) {
    until(agent.clock.now(), agent.units_of(source).filter_map(|unit| unit.due.get()).min()).await;
    // The pass that follows says anew when; one that cannot be made does not come again at once.
    for unit in agent.units_of(source) {
        unit.due.set(None);
    }
}

/// Ends at that moment; never if there is none.
async fn until(now: Timestamp, moment: Option<Timestamp>) {
    match moment {
        None => std::future::pending().await,
        // A millisecond more, so that the moment has come.
        Some(next) => {
            let millis = u64::try_from(next.millis_since(now)).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(millis.saturating_add(1))).await;
        }
    }
}

/// What was told of seldom comes alone: waits a moment for the rest.
async fn settled(wake: Wake) -> Wake {
    tokio::time::sleep(Duration::from_millis(SETTLE_MILLIS)).await;
    wake
}

/// Plans open requests of all sources again and again, beside everything else.
async fn preview(agent: &Agent, mut previews: Vec<Previews<'_>>) -> Infallible {
    let rounds = previews.iter_mut().map(|previews| async {
        loop {
            let pause = previews.round(random(agent)).await.unwrap_or_else(|error| {
                tracing::warn!(error = chain(&error), "no request could be planned");
                Duration::from_secs(REQUESTS_SECONDS)
            });
            tokio::time::sleep(pause).await;
        }
    });
    let ended: Option<Infallible> = join_all(rounds).await.pop();
    match ended {
        Some(never) => match never {},
        None => std::future::pending().await,
    }
}

/// Sends what the outbox holds, again and again, beside everything else.
async fn send_outbox(agent: &Agent) -> Infallible {
    let mut pace = Pace::default();
    loop {
        let now = agent.clock.now();
        if let Err(error) = flush(&agent.store, &agent.receivers, &mut pace, now, random(agent)).await {
            tracing::warn!(error = chain(&error), "cannot work off the outbox");
        }
        tokio::select! {
            () = agent.news.notified() => {}
            () = until(agent.clock.now(), pace.again()) => {}
            () = tokio::time::sleep(OUTBOX_EVERY) => {}
        }
    }
}

/// Sends what the outbox holds and is due, for a bounded time.
async fn send_once(agent: &Agent) -> Result<(), RecordError> {
    let sending = async {
        let mut pace = Pace::default();
        loop {
            flush(&agent.store, &agent.receivers, &mut pace, agent.clock.now(), random(agent)).await?;
            let Some(again) = pace.again() else { return Ok(()) };
            until(agent.clock.now(), Some(again)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(FLUSH_SECONDS_MAX), sending).await.unwrap_or(Ok(()))
}

/// What asks the agent to stop: SIGTERM and SIGINT. From now on neither ends the process by itself.
fn signals() -> [Signal; 2] {
    [SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).expect("signals can be listened to"))
}

/// Raises `stop` at the first of the signals, and then never ends: the loops end by themselves.
async fn asked_to_stop(mut signals: [Signal; 2], stop: &Interrupt, service: &Service) -> Infallible {
    let [terminate, interrupt] = &mut signals;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    service.stopping();
    stop.raise(Reason::Stop);
    std::future::pending().await
}

/// A number that differs between hosts and between calls, for spreading what they do.
fn random(agent: &Agent) -> u64 {
    RandomState::new().hash_one(&agent.settings.host.name)
}

/// What a pass came to, in a line.
fn in_a_line(end: &PassEnd) -> String {
    let units = end.units.iter().map(|(unit, state, text)| format!("{unit}: {}: {text}", state.name()));
    units.collect::<Vec<_>>().join("; ")
}

/// A line for each unit of a pass that did something or came to something else than the one before: what stays wrong
/// is not told at every poll.
fn show(source: &str, end: &PassEnd, news: bool) {
    for (unit, state, text) in &end.units {
        if news {
            tracing::info!(source, unit, state = state.name(), changes = end.changes, "{text}");
        } else {
            tracing::debug!(source, unit, state = state.name(), "{text}");
        }
    }
}
