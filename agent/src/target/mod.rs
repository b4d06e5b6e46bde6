//! What runs pods: it is looked at, and made to take the steps of a plan.
//!
//! Invariant: targets do not import each other, and no target plans.

pub mod docker;
mod error;
mod interface;
pub mod kubernetes;
mod simulated;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use writ_core::account::Account;
use writ_core::cluster::Answers;
use writ_core::guard::HostPaths;
use writ_core::model::{Hook, PodSpec, ProbeAction, Reference};
use writ_core::observed::Observed;
use writ_core::plan::{Act, Evidence, Question};
use writ_core::time::{Seconds, Timestamp};

use crate::measure::Calls;

pub use docker::Docker;
pub use error::TargetError;
pub use interface::{
    Context, Depth, Event, EventKind, ExecRequest, HeldVolume, ImageNews, Input, Keeper, LogChunk, LogRequest, Output,
    ProbeResult, Progress, Published, Quiet, Session, VolumeUser,
};
pub use kubernetes::Kubernetes;
use kubernetes::Run;
pub use simulated::Simulated;

/// One target of a unit.
#[derive(Debug)]
pub enum Target {
    /// A Docker engine.
    Docker(Docker),
    /// A host that is described in a file.
    Simulated(Simulated),
    /// A cluster.
    Kubernetes(Box<Kubernetes>),
}

impl Target {
    /// Looks at the pods of one unit, and at everything whose name could be in their way.
    ///
    /// # Errors
    /// If the target cannot be reached: never an empty look instead.
    pub async fn observe(&self, unit: &str, depth: Depth, now: Timestamp) -> Result<Observed, TargetError> {
        match self {
            Self::Docker(docker) => docker.observe(unit, depth, now).await,
            Self::Simulated(simulated) => simulated.observe(unit, now),
            Self::Kubernetes(cluster) => cluster.observe_held(unit, now).await,
        }
    }

    /// The units of this host that have containers, each with the commits that these are labelled with, as they are written.
    ///
    /// # Errors
    /// If the target cannot be reached: never an empty answer instead.
    pub async fn commits(&self) -> Result<BTreeSet<(String, String)>, TargetError> {
        match self {
            Self::Docker(docker) => docker.commits().await,
            Self::Simulated(simulated) => simulated.commits(),
            Self::Kubernetes(cluster) => cluster.commits().await,
        }
    }

    /// The same target, where these units are looked at as these accounts of a cluster.
    #[must_use]
    pub fn acting_as(self, accounts: BTreeMap<String, Account>) -> Self {
        match self {
            Self::Docker(docker) => Self::Docker(docker),
            Self::Simulated(simulated) => Self::Simulated(simulated),
            Self::Kubernetes(cluster) => Self::Kubernetes(Box::new(cluster.acting_as(accounts))),
        }
    }

    /// The same target, looked after from one state directory. A described host lies in that directory and needs no mark.
    #[must_use]
    pub fn kept_by(self, keeper: Keeper) -> Self {
        match self {
            Self::Docker(docker) => Self::Docker(docker.kept_by(keeper)),
            Self::Simulated(simulated) => Self::Simulated(simulated),
            Self::Kubernetes(cluster) => Self::Kubernetes(Box::new(cluster.kept_by(keeper))),
        }
    }

    /// The same target, whose calls are counted there. A described host is asked nothing.
    #[must_use]
    pub fn counted_by(self, calls: Arc<Calls>) -> Self {
        match self {
            Self::Docker(docker) => Self::Docker(docker.counted_by(calls)),
            Self::Simulated(simulated) => Self::Simulated(simulated),
            Self::Kubernetes(cluster) => Self::Kubernetes(Box::new(cluster.counted_by(calls))),
        }
    }

    /// Marks a unit as looked after from here, unless it is marked so.
    ///
    /// # Errors
    /// [`TargetError::Kept`] if another state directory looks after it.
    pub async fn keep(&self, context: &Context) -> Result<(), TargetError> {
        match self {
            Self::Docker(docker) => docker.keep(context).await,
            Self::Simulated(_) => Ok(()),
            Self::Kubernetes(cluster) => cluster.keep(context).await,
        }
    }

    /// Who looks after a unit, if it is not looked after from here.
    ///
    /// # Errors
    /// If the target cannot be reached.
    pub async fn other_keeper(&self, context: &Context) -> Result<Option<Keeper>, TargetError> {
        match self {
            Self::Docker(docker) => docker.other_keeper(context).await,
            Self::Simulated(_) => Ok(None),
            Self::Kubernetes(cluster) => cluster.other_keeper(context).await,
        }
    }

    /// Marks a unit as looked after from here, whoever did so before.
    ///
    /// # Errors
    /// If the target cannot be reached.
    pub async fn take_over(&self, context: &Context) -> Result<(), TargetError> {
        match self {
            Self::Docker(docker) => docker.take_over(context).await,
            Self::Simulated(_) => Ok(()),
            Self::Kubernetes(cluster) => cluster.take_over(context).await,
        }
    }

    /// Takes one step. Taking it a second time changes nothing more.
    ///
    /// # Errors
    /// If it was not taken; [`TargetError::outcome_unknown`] says whether it may have been.
    pub async fn execute(&self, context: &Context, act: &Act, progress: &dyn Progress) -> Result<(), TargetError> {
        match self {
            // The steps of an engine take much room, which those who wait for them need not have.
            Self::Docker(docker) => Box::pin(docker.execute(context, act, progress)).await,
            Self::Simulated(simulated) => simulated.execute(context, act).await,
            Self::Kubernetes(cluster) => Box::pin(cluster.execute(context, act)).await,
        }
    }

    /// What resources tell that somebody else made there. A container host has none.
    ///
    /// # Errors
    /// If the target cannot be reached.
    pub async fn outside(&self, references: &BTreeSet<&Reference>) -> Result<Answers, TargetError> {
        match self {
            Self::Docker(_) | Self::Simulated(_) => Ok(Answers::new()),
            Self::Kubernetes(cluster) => cluster.outside(references).await,
        }
    }

    /// What can be found out about data that pods would be let at; what cannot be is said to be unknown.
    pub async fn data(&self, questions: &[Question]) -> Evidence {
        match self {
            Self::Docker(docker) => docker.data(questions).await,
            Self::Simulated(_) | Self::Kubernetes(_) => Evidence::new(),
        }
    }

    /// Where paths of the host lead, for the guard.
    #[must_use]
    pub fn host_paths(&self, wanted: &BTreeSet<String>) -> HostPaths {
        match self {
            Self::Docker(docker) => docker.host_paths(wanted),
            Self::Simulated(_) | Self::Kubernetes(_) => HostPaths::as_written(),
        }
    }

    /// Paths of the host that are the target's own, which no pod may mount.
    #[must_use]
    pub fn private_paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Docker(docker) => docker.private_paths(),
            Self::Simulated(_) | Self::Kubernetes(_) => Vec::new(),
        }
    }

    /// Tries one probe once.
    ///
    /// # Errors
    /// If the probe could not be tried, which says nothing about the container.
    pub async fn probe(
        &self,
        container: &str,
        action: &ProbeAction,
        timeout: Duration,
    ) -> Result<ProbeResult, TargetError> {
        match self {
            Self::Docker(docker) => docker.probe(container, action, timeout).await,
            Self::Simulated(simulated) => simulated.probe(container),
            Self::Kubernetes(_) => Err(not_here("probe", container)),
        }
    }

    /// Does what is to be done after the start of a container, unless it was done after this very start.
    ///
    /// # Errors
    /// If it could not be tried, which says nothing about the container.
    pub async fn post_start(
        &self,
        container: &str,
        hook: &Hook,
        timeout: Duration,
    ) -> Result<ProbeResult, TargetError> {
        match self {
            Self::Docker(docker) => docker.post_start(container, hook, timeout).await,
            // Nothing is done in the pods of such a host.
            Self::Simulated(_) | Self::Kubernetes(_) => Ok(ProbeResult::Success),
        }
    }

    /// Lets the shared names of a pod lead to it, or not. Its own names, its address and its connections stay.
    ///
    /// # Errors
    /// If the names were not changed.
    pub async fn set_ready(&self, spec: &PodSpec, container: &str, ready: bool) -> Result<(), TargetError> {
        match self {
            Self::Docker(docker) => docker.set_ready(spec, container, ready).await,
            Self::Simulated(simulated) => simulated.set_ready(spec, container),
            Self::Kubernetes(_) => Err(not_here("set the names of", container)),
        }
    }

    /// Restarts a container in place.
    ///
    /// # Errors
    /// If it was not restarted.
    pub async fn restart(&self, container: &str, grace: Seconds) -> Result<(), TargetError> {
        match self {
            Self::Docker(docker) => docker.restart(container, grace).await,
            Self::Simulated(simulated) => simulated.restart(container),
            Self::Kubernetes(_) => Err(not_here("restart", container)),
        }
    }

    /// When a container was last started, and whether the shared names lead to it.
    ///
    /// # Errors
    /// If it could not be looked at.
    pub async fn published(&self, container: &str) -> Result<Published, TargetError> {
        match self {
            Self::Docker(docker) => docker.published(container).await,
            Self::Simulated(simulated) => simulated.published(container),
            Self::Kubernetes(_) => Err(not_here("look at", container)),
        }
    }

    /// Everything that happens to the host's pods from now on; ends with an error when the target is lost.
    ///
    /// # Errors
    /// If the target cannot be reached.
    pub async fn events(&self) -> Result<Output<Event>, TargetError> {
        match self {
            Self::Docker(docker) => docker.events().await,
            Self::Simulated(simulated) => Ok(simulated.events()),
            Self::Kubernetes(cluster) => cluster.events().await,
        }
    }

    /// What a container wrote.
    ///
    /// # Errors
    /// If the target cannot be reached or does not have the container.
    pub async fn logs(&self, container: &str, request: &LogRequest) -> Result<Output<LogChunk>, TargetError> {
        match self {
            Self::Docker(docker) => docker.logs(container, request).await,
            Self::Simulated(simulated) => simulated.logs(container, request),
            Self::Kubernetes(cluster) => cluster.logs(container, request, Run::Newest).await,
        }
    }

    /// What the run of a container before its newest one wrote; none of a target that keeps one log of all runs.
    ///
    /// # Errors
    /// If the target cannot be reached or does not have the container, or nothing of an earlier run.
    pub async fn earlier_logs(
        &self,
        container: &str,
        request: &LogRequest,
    ) -> Result<Option<Output<LogChunk>>, TargetError> {
        match self {
            Self::Docker(_) | Self::Simulated(_) => Ok(None),
            Self::Kubernetes(cluster) => cluster.logs(container, request, Run::Earlier).await.map(Some),
        }
    }

    /// Runs a program in a container.
    ///
    /// # Errors
    /// If it could not be started.
    pub async fn exec(&self, container: &str, request: &ExecRequest) -> Result<Session, TargetError> {
        match self {
            Self::Docker(docker) => docker.exec(container, request).await,
            Self::Simulated(simulated) => simulated.exec(container, request),
            Self::Kubernetes(cluster) => cluster.exec(container, request).await,
        }
    }

    /// Tells a running program the size of its terminal, in characters.
    ///
    /// # Errors
    /// If it was not told.
    pub async fn exec_resize(&self, session: &str, width: u16, height: u16) -> Result<(), TargetError> {
        match self {
            Self::Docker(docker) => docker.exec_resize(session, width, height).await,
            Self::Simulated(simulated) => simulated.session(session),
            Self::Kubernetes(cluster) => cluster.exec_resize(session, width, height),
        }
    }

    /// The exit code of a program whose output has ended.
    ///
    /// # Errors
    /// If it still runs or cannot be asked for.
    pub async fn exec_code(&self, session: &str) -> Result<i64, TargetError> {
        match self {
            Self::Docker(docker) => docker.exec_code(session).await,
            Self::Simulated(simulated) => simulated.session(session),
            Self::Kubernetes(cluster) => cluster.exec_code(session),
        }
    }

    /// The cluster, of one that is looked at by what is wanted of it.
    #[must_use]
    pub fn cluster(&self) -> Option<&Kubernetes> {
        match self {
            Self::Kubernetes(cluster) => Some(cluster),
            Self::Docker(_) | Self::Simulated(_) => None,
        }
    }

    /// The engine, for what is on its volumes.
    ///
    /// # Errors
    /// A described host has no data.
    pub fn engine_of_volumes(&self) -> Result<&Docker, TargetError> {
        match self {
            Self::Docker(docker) => Ok(docker),
            Self::Simulated(_) => Err(TargetError::Failed {
                operation: "reach volumes".to_owned(),
                reason: "this host is described in a file, and its volumes hold nothing".to_owned(),
            }),
            Self::Kubernetes(_) => Err(TargetError::Failed {
                operation: "reach volumes".to_owned(),
                reason: "those of a cluster are not this host's".to_owned(),
            }),
        }
    }

    /// Drains what a container wrote so far into one text, for a message: its last `lines` lines.
    ///
    /// # Errors
    /// If the target cannot be reached or does not have the container.
    pub async fn last_words(&self, container: &str, lines: u32) -> Result<String, TargetError> {
        let request = LogRequest { follow: false, tail: Some(lines), since: None, timestamps: false };
        let mut chunks = self.logs(container, &request).await?;
        let mut text = Vec::new();
        while let Some(chunk) = chunks.next().await {
            text.extend_from_slice(&chunk?.bytes);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

/// What nobody does to a pod of a cluster from here: its nodes do.
fn not_here(operation: &str, container: &str) -> TargetError {
    let reason = "it is the cluster's own to do".to_owned();
    TargetError::Failed { operation: format!("{operation} {container}"), reason }
}
