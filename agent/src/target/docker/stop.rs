//! Brings a container to its end, or to another start, as its pod asks for it: what is done before first, then the signal.
//!
//! Source: the termination of pods of Kubernetes; what is done before counts against the grace.
//!
//! Invariant: whatever comes of what is done before, the container is asked to end.

use std::time::Duration;

use bollard::query_parameters::{RestartContainerOptionsBuilder, StopContainerOptionsBuilder};
use tokio::time::{sleep, timeout};
use writ_core::model::Hook;
use writ_core::time::Seconds;

use super::Docker;
use super::connection::WORK;
use super::execute::Ours;
use crate::clock::Clock;
use crate::error::chain;
use crate::target::{ProbeResult, TargetError};

/// Time beyond its grace that a killed container may take to end. Source: the engine waits as long.
const KILL: Duration = Duration::from_secs(30);

/// Time for the program itself, should what is done before it take all of the grace. Source: a kubelet gives as much.
const REST_SECONDS: u32 = 2;

impl Docker {
    /// Restarts a container in place.
    ///
    /// # Errors
    /// If it was not restarted.
    pub async fn restart(&self, container: &str, grace: Seconds) -> Result<(), TargetError> {
        let operation = "restart a container".to_owned();
        let found = self.ours(&operation, container).await?;
        let operation = format!("restart {}", found.name());
        self.stays_put(&operation, &found)?;
        let grace = self.prepare_end(&found, container, grace).await;
        let engine = self.engine().await?;
        let options = RestartContainerOptionsBuilder::new().t(seconds(grace)).build();
        self.ask(&operation, limit(grace) + WORK, engine.restart_container(container, Some(options))).await
    }

    /// Asks a container to end, and kills it when its grace is over. One that is gone has ended.
    pub(super) async fn stop_container(
        &self,
        operation: &str,
        container: &str,
        grace: Seconds,
    ) -> Result<(), TargetError> {
        let grace = match self.ours(operation, container).await {
            Ok(found) => self.prepare_end(&found, container, grace).await,
            Err(TargetError::Failed { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let engine = self.engine().await?;
        let options = StopContainerOptionsBuilder::new().t(seconds(grace)).build();
        let stop = engine.stop_container(container, Some(options));
        match self.bring_about(operation, limit(grace), stop).await {
            Ok(_) => Ok(()),
            Err(TargetError::Refused { reason, .. }) if reason.contains("No such container") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Does what is to be done before a container is asked to end; the grace that is left.
    async fn prepare_end(&self, found: &Ours, container: &str, grace: Seconds) -> Seconds {
        let hook = found.asked.as_ref().and_then(|asked| asked.pre_stop.clone());
        let running = found.inspect.state.as_ref().and_then(|state| state.running).unwrap_or(false);
        let Some(hook) = hook.filter(|_| running) else { return grace };
        let begun = Clock.now();
        let all = Duration::from_secs(u64::from(grace.0));
        let done = async {
            match hook.hook() {
                Hook::Act(action) => Box::pin(self.probe(container, &action, all)).await,
                Hook::Sleep(seconds) => {
                    sleep(Duration::from_secs(u64::from(seconds.0))).await;
                    Ok(ProbeResult::Success)
                }
            }
        };
        match timeout(all, done).await {
            Ok(Ok(ProbeResult::Success)) => {}
            Ok(Ok(ProbeResult::Failure(why))) => tracing::warn!(container = found.name(), "preStop failed: {why}"),
            Ok(Err(error)) => tracing::warn!(container = found.name(), error = chain(&error), "preStop was not done"),
            Err(_elapsed) => tracing::warn!(container = found.name(), "preStop took all of the grace"),
        }
        grace.left(begun, Clock.now()).max(Seconds(REST_SECONDS.min(grace.0)))
    }
}

fn seconds(grace: Seconds) -> i32 {
    i32::try_from(grace.0).unwrap_or(i32::MAX)
}

fn limit(grace: Seconds) -> Duration {
    Duration::from_secs(u64::from(grace.0)) + KILL
}
