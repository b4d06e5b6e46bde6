//! A described host in memory: pods, volumes, names that others hold, and faults.
//!
//! `writ plan` against a described host, the scenario tests and hosts without an engine use it. It is read from and
//! written to lines of text; see [`Host::parse`].
//!
//! Invariant: what a real engine would not do, it does not do either (two containers of one name, a pod without its
//! network or volumes, the removal of a volume in use).
//! Invariant: it reads no clock; every moment is handed in.

mod text;

use std::collections::BTreeMap;
use std::fmt;

pub use text::ParseError;

use crate::hash::SpecHash;
use crate::ingress::{Serving, digest};
use crate::model::{ObjectId, PodIndex, PodSpec};
use crate::observed::{
    Alteration, Holder, NetworkState, Observed, ObservedIngress, ObservedPod, ObservedVolume, PodState, Readiness,
};
use crate::plan::{Act, Fix};
use crate::time::{Seconds, Timestamp};

/// A host that exists in memory alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    network: NetworkState,
    pods: BTreeMap<String, Pod>,
    volumes: BTreeMap<String, ObservedVolume>,
    foreign: BTreeMap<String, Holder>,
    foreign_volumes: BTreeMap<String, Holder>,
    /// Pods that a look does not see, and why.
    hidden: BTreeMap<String, String>,
    /// The ingress, as it was brought to be last.
    ingress: Option<ObservedIngress>,
    /// When pods of a workload, or one pod, answer.
    rules: BTreeMap<String, Answer>,
    faults: Vec<Fault>,
    /// Acts that were asked of it, refused ones included.
    acts: u64,
    /// Containers that it ever made.
    made: u64,
}

/// A pod of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pod {
    container: String,
    /// The unit that made it; none if it belongs to whichever looks.
    unit: Option<String>,
    /// The commit that asked for it, as a label would have it.
    commit: Option<String>,
    object: ObjectId,
    index: PodIndex,
    revision: Option<SpecHash>,
    state: PodState,
    since: Timestamp,
    /// When its run ended, if it ended by itself.
    ended: Option<Timestamp>,
    altered: Vec<Alteration>,
    answer: Answer,
    volumes: Vec<String>,
}

/// When a running pod is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// That long after its start.
    After(Seconds),
    /// Never.
    Never,
    /// Nobody asks it.
    Unknown,
    /// Never: it ends so long after its start, with this exit code.
    Ends(Seconds, i64),
}

/// Something that goes wrong at the act of that number, counted from 1 over the host's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    act: u64,
    kind: FaultKind,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FaultKind {
    /// The host says no.
    Refuse,
    /// The host does not answer, and does nothing.
    Hang,
    /// The agent dies before the act.
    CrashBefore,
    /// The agent dies after the act, before it learns of it.
    CrashAfter,
}

/// Why an act was not done, or is not known to be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The host said no, and why.
    #[error("{0}")]
    Refused(String),
    /// It never answered. Nothing was done.
    #[error("the simulated host does not answer act {0}")]
    Hangs(u64),
    /// Who asked is to die now; the act may have been done.
    #[error("the simulated host ends the agent at act {0}")]
    Crashes(u64),
}

fn refused(reason: impl Into<String>) -> Failure {
    Failure::Refused(reason.into())
}

impl Host {
    /// A host with nothing on it.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// What a look at `now` shows, where there is one unit.
    #[must_use]
    pub fn observe(&self, now: Timestamp) -> Observed {
        self.observe_for(None, now)
    }

    /// What a look at `now` for one unit shows: the pods of other units belong to someone else.
    #[must_use]
    pub fn observe_for(&self, unit: Option<&str>, now: Timestamp) -> Observed {
        let mut foreign = self.foreign.clone();
        let mut pods = BTreeMap::new();
        for (name, pod) in self.pods.iter().filter(|(name, _)| !self.hidden.contains_key(*name)) {
            match (unit, &pod.unit) {
                (Some(unit), Some(other)) if unit != other => {
                    foreign.insert(name.clone(), Holder(format!("unit {other}")));
                }
                (Some(_) | None, Some(_) | None) => {
                    pods.insert(name.clone(), pod.observe(now));
                }
            }
        }
        Observed {
            at: now,
            pods,
            unseen: self.hidden.clone(),
            volumes: self.volumes.clone(),
            foreign,
            foreign_volumes: self.foreign_volumes.clone(),
            network: self.network.clone(),
            ingress: self.ingress.clone(),
            cluster: None,
        }
    }

    /// Does one act at `now`, where there is one unit.
    ///
    /// # Errors
    /// If a fault is described for this act, or if an engine would refuse it.
    pub fn execute(&mut self, act: &Act, now: Timestamp) -> Result<(), Failure> {
        self.execute_for((None, None), act, now)
    }

    /// The units and commits that pods are labelled with.
    pub fn commits(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pods.values().filter_map(|pod| Some((pod.unit.as_deref()?, pod.commit.as_deref()?)))
    }

    /// Does one act at `now`, of a unit and by a commit.
    ///
    /// # Errors
    /// If a fault is described for this act, or if an engine would refuse it.
    pub fn execute_for(&mut self, by: (Option<&str>, Option<&str>), act: &Act, now: Timestamp) -> Result<(), Failure> {
        self.acts += 1;
        for pod in self.pods.values_mut() {
            (pod.state, pod.ended) = pod.state_at(now);
        }
        let number = self.acts;
        let fault = self.faults.iter().find(|fault| fault.act == number).map(|fault| fault.kind);
        match fault {
            Some(FaultKind::Refuse) => Err(refused(format!("the simulated host refuses act {number}"))),
            Some(FaultKind::Hang) => Err(Failure::Hangs(number)),
            Some(FaultKind::CrashBefore) => Err(Failure::Crashes(number)),
            Some(FaultKind::CrashAfter) => self.perform(by, act, now).and(Err(Failure::Crashes(number))),
            None => self.perform(by, act, now),
        }
    }

    /// The first moment after `now` at which a running pod becomes available or ends; none if no pod will.
    #[must_use]
    pub fn next_change(&self, now: Timestamp) -> Option<Timestamp> {
        let running = self.pods.values().filter(|pod| pod.state == PodState::Running);
        let moments = running.filter_map(|pod| match pod.answer {
            Answer::After(span) | Answer::Ends(span, _) => Some(pod.since.plus(span)),
            Answer::Never | Answer::Unknown => None,
        });
        moments.filter(|moment| *moment > now).min()
    }

    /// Stops and starts a container at `now`, as a failed liveness probe asks for.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn restart(&mut self, container: &str, now: Timestamp) -> Result<(), Failure> {
        let mut pods = self.pods.iter_mut();
        let pod = pods.find(|(name, pod)| pod.container == container || *name == container).map(|(_, pod)| pod);
        let pod = pod.ok_or_else(|| refused(format!("there is no container {container}")))?;
        (pod.state, pod.since, pod.ended) = (PodState::Running, now, None);
        Ok(())
    }

    fn perform(&mut self, by: (Option<&str>, Option<&str>), act: &Act, now: Timestamp) -> Result<(), Failure> {
        match act {
            Act::Nothing => Ok(()),
            Act::CreateNetwork => self.create_network(),
            Act::CreateVolume(volume) => {
                if let Some(holder) = self.foreign_volumes.get(&volume.name) {
                    return Err(refused(format!("volume {} is held by {}", volume.name, holder.0)));
                }
                let made = ObservedVolume {
                    object: Some(volume.object.clone()),
                    claim: volume.claim.clone(),
                    ordinal: Some(volume.ordinal),
                };
                self.volumes.entry(volume.name.clone()).or_insert(made);
                Ok(())
            }
            // There is nothing on it that could be copied.
            Act::BackUp(backup) => match self.volumes.contains_key(&backup.volume) {
                true => Ok(()),
                false => Err(refused(format!("there is no volume {}", backup.volume))),
            },
            Act::CreatePod(spec) => self.create_pod(by, spec, now),
            Act::StartPod { pod, container } => self.start(pod, container, now),
            Act::MendPod { spec, container, fixes } => self.mend(&spec.name, container, fixes),
            Act::ReplacePod { container, spec } => {
                self.pod(&spec.name, container)?;
                self.pods.remove(&spec.name);
                self.create_pod(by, spec, now)
            }
            Act::RemovePod { pod, container, grace: _ } => {
                self.pod(pod, container)?;
                self.pods.remove(pod);
                Ok(())
            }
            Act::RemoveVolume { volume } => self.remove_volume(volume),
            Act::Serve(serving) => self.serve(serving),
            Act::ApplyObject(_) | Act::DeleteObject(_) => Err(refused("this host is no cluster")),
        }
    }

    fn serve(&mut self, serving: &Serving) -> Result<(), Failure> {
        if serving.is_empty() {
            self.ingress = None;
            return Ok(());
        }
        self.needs_network()?;
        if let Some(holder) = self.foreign.get(&serving.pod.name) {
            return Err(refused(format!("the name {} is held by {}", serving.pod.name, holder.0)));
        }
        self.ingress = Some(ObservedIngress {
            container: serving.pod.name.clone(),
            running: true,
            revision: Some(serving.pod.revision.clone()),
            configuration: digest(&serving.configuration()),
        });
        Ok(())
    }

    fn create_network(&mut self) -> Result<(), Failure> {
        match &self.network {
            NetworkState::Absent => {
                self.network = NetworkState::Present;
                Ok(())
            }
            NetworkState::Present => Err(refused("the network is there already")),
            NetworkState::Foreign(holder) => Err(refused(format!("the network is held by {}", holder.0))),
        }
    }

    fn create_pod(&mut self, by: (Option<&str>, Option<&str>), spec: &PodSpec, now: Timestamp) -> Result<(), Failure> {
        self.needs_network()?;
        if let Some(holder) = self.foreign.get(&spec.name) {
            return Err(refused(format!("the name {} is held by {}", spec.name, holder.0)));
        }
        if self.pods.contains_key(&spec.name) {
            return Err(refused(format!("a container of the name {} is there already", spec.name)));
        }
        if let Some(volume) = spec.volumes.iter().find(|volume| !self.volumes.contains_key(&volume.name)) {
            return Err(refused(format!("there is no volume {}", volume.name)));
        }
        self.made += 1;
        let pod = Pod {
            container: format!("simulated-{}", self.made),
            unit: by.0.map(str::to_owned),
            commit: by.1.map(str::to_owned),
            object: spec.object.clone(),
            index: spec.index.clone(),
            revision: Some(spec.revision.clone()),
            state: PodState::Running,
            since: now,
            ended: None,
            altered: Vec::new(),
            answer: self.answer_of(spec),
            volumes: spec.volumes.iter().map(|volume| volume.name.clone()).collect(),
        };
        self.pods.insert(spec.name.clone(), pod);
        Ok(())
    }

    /// A described rule, for this revision of the pod, for the pod or for its workload; else its time to be available.
    fn answer_of(&self, spec: &PodSpec) -> Answer {
        let object = spec.object.to_string();
        let keys = [format!("{}@{}", spec.name, spec.revision), format!("{object}@{}", spec.revision)];
        let keys = keys.iter().chain([&spec.name, &object]);
        let rule = keys.into_iter().find_map(|key| self.rules.get(key));
        match rule {
            Some(Answer::After(span)) => Answer::After(Seconds(span.0.saturating_add(spec.min_ready.0))),
            Some(Answer::Never) => Answer::Never,
            Some(Answer::Unknown) => Answer::Unknown,
            Some(Answer::Ends(span, code)) => Answer::Ends(*span, *code),
            None => Answer::After(spec.min_ready),
        }
    }

    fn start(&mut self, name: &str, container: &str, now: Timestamp) -> Result<(), Failure> {
        self.needs_network()?;
        let pod = self.pod(name, container)?;
        match &pod.state {
            PodState::Created | PodState::Exited { .. } => {
                (pod.state, pod.since, pod.ended) = (PodState::Running, now, None);
                Ok(())
            }
            PodState::Running | PodState::Restarting => Ok(()),
            PodState::Paused => Err(refused(format!("{name} is paused and cannot be started"))),
            PodState::Dead => Err(refused(format!("{name} is dead and cannot be started"))),
        }
    }

    fn mend(&mut self, name: &str, container: &str, fixes: &[Fix]) -> Result<(), Failure> {
        if fixes.contains(&Fix::Connect) {
            self.needs_network()?;
        }
        let holder = self.foreign.get(name).filter(|_| fixes.contains(&Fix::Rename));
        if let Some(holder) = holder {
            return Err(refused(format!("the name {name} is held by {}", holder.0)));
        }
        let pod = self.pod(name, container)?;
        for fix in fixes {
            match fix {
                Fix::Rename => pod.altered.retain(|altered| !matches!(altered, Alteration::Renamed(_))),
                Fix::Connect => pod.altered.retain(|altered| *altered != Alteration::Disconnected),
                Fix::Unpause if pod.state == PodState::Paused => pod.state = PodState::Running,
                Fix::Unpause => return Err(refused(format!("{name} is not paused"))),
                Fix::Parts => pod.altered.retain(|altered| !matches!(altered, Alteration::Part(_))),
                Fix::End => pod.altered.retain(|altered| *altered != Alteration::Lingers),
            }
        }
        Ok(())
    }

    fn remove_volume(&mut self, volume: &str) -> Result<(), Failure> {
        let user = self.pods.iter().find(|(_, pod)| pod.volumes.iter().any(|used| used == volume));
        if let Some((name, _)) = user {
            return Err(refused(format!("volume {volume} is in use by {name}")));
        }
        let gone = self.volumes.remove(volume);
        gone.map(|_| ()).ok_or_else(|| refused(format!("there is no volume {volume}")))
    }

    fn needs_network(&self) -> Result<(), Failure> {
        match &self.network {
            NetworkState::Present => Ok(()),
            NetworkState::Absent => Err(refused("there is no network")),
            NetworkState::Foreign(holder) => Err(refused(format!("the network is held by {}", holder.0))),
        }
    }

    fn pod(&mut self, name: &str, container: &str) -> Result<&mut Pod, Failure> {
        let pod = self.pods.get_mut(name).filter(|pod| pod.container == container);
        pod.ok_or_else(|| refused(format!("there is no container {container} of the name {name}")))
    }
}

impl Pod {
    /// What it is doing at `now`, and when its run ended.
    fn state_at(&self, now: Timestamp) -> (PodState, Option<Timestamp>) {
        match (&self.state, self.answer) {
            (PodState::Running, Answer::Ends(span, code)) if now >= self.since.plus(span) => {
                (PodState::Exited { code, ailment: None }, Some(self.since.plus(span)))
            }
            (state, _) => (state.clone(), self.ended),
        }
    }

    fn observe(&self, now: Timestamp) -> ObservedPod {
        let (state, ended) = self.state_at(now);
        let Self {
            container,
            unit: _,
            commit: _,
            object,
            index,
            revision,
            state: _,
            since,
            ended: _,
            altered,
            answer,
            volumes: _,
        } = self;
        let running = state == PodState::Running;
        let readiness = match answer {
            Answer::Unknown if running => Readiness::Unknown,
            Answer::After(span) if running && now >= since.plus(*span) => Readiness::Available,
            Answer::After(_) | Answer::Never | Answer::Unknown | Answer::Ends(..) => Readiness::NotReady,
        };
        ObservedPod {
            container: container.clone(),
            object: object.clone(),
            index: index.clone(),
            revision: revision.clone(),
            state,
            readiness,
            since: *since,
            unavailable: None,
            ended,
            altered: altered.clone(),
            parts: Vec::new(),
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::Hang => "hang",
            Self::CrashBefore => "crash-before",
            Self::CrashAfter => "crash-after",
        })
    }
}
