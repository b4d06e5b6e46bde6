//! A described host as a target: for trying plans, and for machines without an engine.
//!
//! The description is a file of lines in the state directory (see [`writ_core::simulated::Host`]). It is read before
//! and written after each act, so that separate commands see the same host, and a person may edit it between them.
//!
//! Invariant: a description that cannot be read is an error, never an empty host.
//! Invariant: what such a host cannot do (write logs, run programs) is refused in words.

use std::collections::BTreeSet;
use std::fs;
use std::future;
use std::io;
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use writ_core::model::PodSpec;
use writ_core::observed::{Observed, PodState, Readiness};
use writ_core::plan::Act;
use writ_core::simulated::{Failure, Host};
use writ_core::time::Timestamp;

use super::{Context, Event, ExecRequest, LogChunk, LogRequest, Output, ProbeResult, Published, Session, TargetError};
use crate::clock::Clock;

/// Name of the description in the state directory.
const FILE: &str = "simulated.host";

/// A host that is described in a file.
#[derive(Debug)]
pub struct Simulated {
    file: PathBuf,
    clock: Clock,
}

impl Simulated {
    /// The host that is described in the state directory; an empty one while there is no description.
    #[must_use]
    pub fn new(state: &Path, clock: Clock) -> Self {
        Self { file: state.join(FILE), clock }
    }

    /// Where the description is.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Looks at the pods of one unit.
    ///
    /// # Errors
    /// If the description cannot be read.
    pub fn observe(&self, unit: &str, now: Timestamp) -> Result<Observed, TargetError> {
        Ok(self.read()?.observe_for(Some(unit), now))
    }

    /// The units and commits that pods are labelled with.
    ///
    /// # Errors
    /// If the description cannot be read.
    pub fn commits(&self) -> Result<BTreeSet<(String, String)>, TargetError> {
        let host = self.read()?;
        Ok(host.commits().map(|(unit, commit)| (unit.to_owned(), commit.to_owned())).collect())
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If the host refuses it. A host that is described to hang never answers, and one that is described to crash
    /// ends this process as `kill -9` would.
    pub async fn execute(&self, context: &Context, act: &Act) -> Result<(), TargetError> {
        let mut host = self.read()?;
        let done = host.execute_for((Some(&context.unit), context.commit.as_deref()), act, self.clock.now());
        self.write(&host)?;
        match done {
            Ok(()) => Ok(()),
            Err(Failure::Refused(reason)) => Err(TargetError::Refused { operation: operation(act), reason }),
            Err(Failure::Hangs(_)) => future::pending().await,
            Err(Failure::Crashes(number)) => Err(die(act, number)),
        }
    }

    /// Tries a probe: it succeeds once the description makes the pod available.
    ///
    /// # Errors
    /// If there is no such container, or it does not run.
    pub fn probe(&self, container: &str) -> Result<ProbeResult, TargetError> {
        let (state, readiness, _) = self.container(container, "probe")?;
        match (state, readiness) {
            (PodState::Running, Readiness::Available) => Ok(ProbeResult::Success),
            (PodState::Running, Readiness::NotReady | Readiness::Unknown) => {
                Ok(ProbeResult::Failure("the simulated pod is not ready".to_owned()))
            }
            (
                PodState::Created | PodState::Paused | PodState::Restarting | PodState::Exited { .. } | PodState::Dead,
                _,
            ) => Err(failed(&format!("probe {container}"), "it does not run")),
        }
    }

    /// Such a host has no names of the kind; that the container is there is all that is looked at.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn set_ready(&self, spec: &PodSpec, container: &str) -> Result<(), TargetError> {
        self.container(container, &format!("publish the names of {} for", spec.name)).map(|_| ())
    }

    /// When a container was started; the shared names lead to it while it is available.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn published(&self, container: &str) -> Result<Published, TargetError> {
        let (state, readiness, since) = self.container(container, "look at")?;
        let running = state == PodState::Running;
        let ended = !running && state != PodState::Restarting;
        let shared = running && readiness == Readiness::Available;
        let ailment = if let PodState::Exited { code: _, ailment } = state { ailment } else { None };
        Ok(Published { running, ended, started: since, finished: None, shared, ailment })
    }

    /// Restarts a container in place.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn restart(&self, container: &str) -> Result<(), TargetError> {
        let mut host = self.read()?;
        host.restart(container, self.clock.now())
            .map_err(|failure| failed(&format!("restart {container}"), &failure.to_string()))?;
        self.write(&host)
    }

    /// Nothing ever happens on such a host by itself; a look finds what a person wrote into the description.
    #[must_use]
    pub fn events(&self) -> Output<Event> {
        futures_util::stream::pending().boxed()
    }

    /// Refused: such a host writes no logs.
    ///
    /// # Errors
    /// Always.
    pub fn logs(&self, container: &str, request: &LogRequest) -> Result<Output<LogChunk>, TargetError> {
        let LogRequest { follow: _, tail: _, since: _, timestamps: _ } = request;
        Err(failed(&format!("read the log of {container}"), "the pods of a simulated host write nothing"))
    }

    /// Refused: such a host runs no programs.
    ///
    /// # Errors
    /// Always.
    pub fn exec(&self, container: &str, request: &ExecRequest) -> Result<Session, TargetError> {
        let program = request.command.first().map_or("a program", String::as_str);
        Err(no_programs(&format!("run {program} in {container}")))
    }

    /// Refused: such a host runs no programs.
    ///
    /// # Errors
    /// Always.
    pub fn session<T>(&self, session: &str) -> Result<T, TargetError> {
        Err(no_programs(&format!("ask for session {session}")))
    }

    fn container(&self, id: &str, operation: &str) -> Result<(PodState, Readiness, Timestamp), TargetError> {
        let observed = self.read()?.observe(self.clock.now());
        let mut pods = observed.pods.into_iter();
        let pod = pods.find(|(name, pod)| pod.container == id || name == id).map(|(_, pod)| pod);
        let pod = pod.ok_or_else(|| failed(&format!("{operation} {id}"), "there is no such container"))?;
        Ok((pod.state, pod.readiness, pod.since))
    }

    fn read(&self) -> Result<Host, TargetError> {
        match fs::read_to_string(&self.file) {
            Ok(text) => Host::parse(&text).map_err(|error| failed(&self.reading(), &error.to_string())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Host::empty()),
            Err(source) => Err(self.file_error("read", source)),
        }
    }

    /// A description is replaced as a whole, so that no reader and no crash meets half of one.
    fn write(&self, host: &Host) -> Result<(), TargetError> {
        let new = self.file.with_extension("host.new");
        fs::write(&new, host.to_string())
            .and_then(|()| fs::rename(&new, &self.file))
            .map_err(|source| self.file_error("write", source))
    }

    fn reading(&self) -> String {
        format!("read {}", self.file.display())
    }

    fn file_error(&self, operation: &'static str, source: io::Error) -> TargetError {
        TargetError::File { operation, path: self.file.clone(), source }
    }
}

fn failed(operation: &str, reason: &str) -> TargetError {
    TargetError::Failed { operation: operation.to_owned(), reason: reason.to_owned() }
}

fn no_programs(operation: &str) -> TargetError {
    failed(operation, "the pods of a simulated host run no programs")
}

/// What an act is, for an error.
fn operation(act: &Act) -> String {
    match act {
        Act::Nothing => "do nothing".to_owned(),
        Act::CreateNetwork => "create the network".to_owned(),
        Act::CreateVolume(volume) => format!("create volume {}", volume.name),
        Act::BackUp(backup) => format!("back up volume {}", backup.volume),
        Act::CreatePod(spec) => format!("create {}", spec.name),
        Act::StartPod { pod, container: _ } => format!("start {pod}"),
        Act::MendPod { spec, container: _, fixes: _ } => format!("mend {}", spec.name),
        Act::ReplacePod { container: _, spec } => format!("replace {}", spec.name),
        Act::RemovePod { pod, container: _, grace: _ } => format!("remove {pod}"),
        Act::RemoveVolume { volume } => format!("remove volume {volume}"),
        Act::Serve(serving) => format!("bring about {}", serving.pod.name),
        Act::ApplyObject(application) => format!("apply {}", application.object.id),
        Act::DeleteObject(deletion) => format!("delete {}", deletion.id),
    }
}

/// Ends this process at once, as a crash would; the error stands for a kernel that does not let it.
fn die(act: &Act, number: u64) -> TargetError {
    let reason = match rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL) {
        Ok(()) => format!("the simulated host ends the agent at act {number}"),
        Err(error) => format!("the simulated host cannot end the agent at act {number}: {error}"),
    };
    failed(&operation(act), &reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context { host: "here".to_owned(), unit: "edge".to_owned(), commit: None }
    }

    fn described(lines: &str) -> (tempfile::TempDir, Simulated) {
        let state = tempfile::tempdir().unwrap();
        fs::write(state.path().join(FILE), lines).unwrap();
        let host = Simulated::new(state.path(), Clock);
        (state, host)
    }

    const POD: &str = "network present\npod data-pg.0 object=statefulset/data/pg index=0 revision=unreadable unit=edge container=c1\n";

    #[tokio::test]
    async fn what_one_command_did_the_next_one_sees() {
        let (state, host) = described(POD);
        let act = Act::RemovePod { pod: "data-pg.0".to_owned(), container: "c1".to_owned(), grace: None };
        host.execute(&context(), &act).await.unwrap();
        let other = Simulated::new(state.path(), Clock);
        assert!(other.observe("edge", Timestamp(0)).unwrap().pods.is_empty());
        let again = other.execute(&context(), &act).await.unwrap_err();
        let expected = "cannot remove data-pg.0: there is no container c1 of the name data-pg.0";
        assert_eq!(again.to_string(), expected);
    }

    #[tokio::test]
    async fn a_host_without_a_description_is_empty_and_one_that_cannot_be_read_is_an_error() {
        let state = tempfile::tempdir().unwrap();
        let host = Simulated::new(state.path(), Clock);
        assert!(host.observe("edge", Timestamp(0)).unwrap().pods.is_empty());
        host.execute(&context(), &Act::CreateNetwork).await.unwrap();
        fs::write(host.file(), "nonsense").unwrap();
        let error = host.observe("edge", Timestamp(0)).unwrap_err().to_string();
        assert!(error.contains("simulated.host: cannot read line 1 of the described host"), "{error}");
    }

    #[tokio::test]
    async fn a_host_that_hangs_never_answers() {
        let (_state, host) = described("fault 1 hang\n");
        let (context, act) = (context(), Act::CreateNetwork);
        let mut answer = std::pin::pin!(host.execute(&context, &act));
        assert!(futures_util::poll!(answer.as_mut()).is_pending());
        assert!(fs::read_to_string(host.file()).unwrap().contains("count acts=1"), "the act was counted");
    }

    #[test]
    fn a_probe_follows_the_description() {
        let (_state, host) = described(POD);
        assert_eq!(host.probe("c1").unwrap(), ProbeResult::Success);
        let (_state, host) = described(&POD.replace("container=c1", "container=c1 available=never"));
        assert!(matches!(host.probe("c1").unwrap(), ProbeResult::Failure(_)));
        let (_state, host) = described(&POD.replace("container=c1", "container=c1 state=exited:1"));
        assert_eq!(host.probe("c1").unwrap_err().to_string(), "cannot probe c1: it does not run");
        assert_eq!(host.probe("c9").unwrap_err().to_string(), "cannot probe c9: there is no such container");
    }
}
