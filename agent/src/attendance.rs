//! What goes on beside passes: probes, what the targets tell, and what the probes did written down.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;

use writ_core::ingress::OWNER;

use crate::agent::{Agent, Place};
use crate::error::chain;
use crate::health::{Report, Runner, What};
use crate::record::WorkEvent;
use crate::target::{Event, EventKind};
use crate::wake::Wake;

pub use crate::agent::Attendance;

/// Time until a target that sends no events is asked again.
const EVENTS_AGAIN: Duration = Duration::from_secs(5);

impl Attendance {
    /// Never ends.
    pub async fn run(self, agent: &Agent) -> Infallible {
        let Self { runners, mut reports } = self;
        let probing = join_all(runners.into_iter().map(Runner::run));
        let listening = join_all(agent.places.iter().map(|place| listen(agent, place)));
        let telling = async {
            while let Some(report) = reports.recv().await {
                tell(agent, &report);
            }
        };
        tokio::join!(probing, listening, telling);
        std::future::pending().await
    }
}

/// Hands on what a target tells, and says when that may have been interrupted.
async fn listen(agent: &Agent, place: &Place) {
    loop {
        if let Ok(mut events) = place.target.events().await {
            while let Some(Ok(event)) = events.next().await {
                place.health.notify(&event);
                for unit in agent.units_at(place).filter(|unit| is_of(&event, &unit.settings.name)) {
                    match wakes(event.kind) {
                        Some(Wake::Health) => unit.stirred.notify_one(),
                        Some(_) => unit.drifted.notify_one(),
                        None => {}
                    }
                }
            }
            // Whatever happened meanwhile was not told.
            place.health.refresh();
            for unit in agent.units_at(place) {
                unit.drifted.notify_one();
            }
        }
        tokio::time::sleep(EVENTS_AGAIN).await;
    }
}

/// True if the event is about the unit. What belongs to no unit is all of theirs.
fn is_of(event: &Event, unit: &str) -> bool {
    event.unit.as_ref().is_none_or(|name| name == unit || name == OWNER)
}

/// The pass that what happened is worth: something may not be as it was, or only how it is. What only begins is no loss.
const fn wakes(kind: EventKind) -> Option<Wake> {
    match kind {
        EventKind::Created | EventKind::Started => None,
        EventKind::Died
        | EventKind::Removed
        | EventKind::Paused
        | EventKind::Renamed
        | EventKind::Updated
        | EventKind::Network
        | EventKind::VolumeRemoved => Some(Wake::Drift),
        EventKind::Stirred => Some(Wake::Health),
    }
}

/// Writes down what the probes are about to do to a container; what they only found is for the log.
fn tell(agent: &Agent, report: &Report) {
    let Report { at, unit, pod, container, object, what } = report;
    if let (Some(unit), What::Available | What::NotReady(_)) = (agent.unit(unit), what) {
        unit.stirred.notify_one();
    }
    match what {
        What::Ready | What::Available | What::Restarted => {
            tracing::debug!(pod, container, unit, ?what, "health");
        }
        What::Published(shared) => tracing::debug!(pod, unit, shared, "shared names"),
        What::NotReady(why) => tracing::info!(pod, container, unit, "not ready: {why}"),
        What::Failed(why) => tracing::warn!(pod, container, unit, "{why}"),
        What::Restarting(why) => {
            tracing::warn!(pod, container, unit, "restarting: {why}");
            let event = WorkEvent::ProbeRestart {
                unit: unit.clone(),
                object: object.clone(),
                pod: pod.clone(),
                container: container.clone(),
                detail: why.clone(),
            };
            // What cannot be recorded is not done.
            let recorded = agent.store.append(*at, &event.into());
            if let Err(error) = &recorded {
                tracing::error!(pod, error = chain(error), "not restarted: it could not be recorded");
            }
            if let Some(unit) = agent.unit(unit) {
                unit.place.health.recorded(container, recorded.is_ok());
            }
        }
    }
}
