//! What a look at the engine shows of one unit: two lists, and every field of every pod if asked.
//!
//! Invariant: a look at the lists costs two calls for any number of containers, once the network was seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::pin::pin;

use bollard::models::{ContainerInspectResponse, ContainerState, ContainerSummary, ContainerSummaryStateEnum, Volume};
use bollard::query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder, ListVolumesOptions};
use futures_util::{StreamExt as _, stream};
use writ_core::model::ObjectId;
use writ_core::observed::{Alteration, NetworkState, Observed, ObservedPod, PodState, Readiness};
use writ_core::time::Timestamp;

use super::connection::ANSWER;
use super::labels::{self, Asked, PodLabels, Role};
use super::parts::{Part, Parts};
use super::{Docker, NETWORK, ailing, asked, begun, files};
use crate::limits::ENGINE_STEPS_AT_ONCE;
use crate::target::{Depth, TargetError};

impl Docker {
    /// Looks at the pods of one unit, and at everything whose name could be in their way.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub async fn observe(&self, unit: &str, depth: Depth, now: Timestamp) -> Result<Observed, TargetError> {
        // What is being put back on the network, before or after the list was made, is not disconnected.
        let mut moving = self.memory().reconnecting.clone();
        // Both lists are asked for at once, for all that takes time is the engine's answer. Connected first, so that
        // one of the two does it and not each.
        self.engine().await?;
        let (containers, volumes) = tokio::join!(self.containers("list the containers"), self.volumes());
        let (containers, volumes) = (containers?, volumes?);
        moving.append(&mut self.memory().reconnecting.clone());
        let mut observed = Observed { at: now, ..Observed::default() };
        let mut parts = Parts::default();
        for container in &containers {
            self.note_container(unit, container, &moving, &mut observed, &mut parts);
        }
        self.note_ingress(&containers, &volumes, &mut observed);
        self.note_volumes(unit, volumes, &mut observed)?;
        let there = |id: &String| containers.iter().any(|found| found.id.as_ref() == Some(id));
        self.memory().fields.retain(|id, _| there(id));
        self.memory().ends.retain(|id, _| there(id));
        self.memory().started.retain(|id, _| there(id));
        if depth == Depth::List {
            self.recall_fields(&mut observed, &mut parts);
        }
        parts.lay_over(&mut observed);
        if depth == Depth::List {
            self.recall_ends(&mut observed);
            // The lists do not tell when a container ended, which does not change once it did.
            let is_told = |pod: &ObservedPod| !has_ended(pod) || pod.ended.is_some();
            self.look_into(&mut observed, &moving, &parts, |pod| !is_told(pod)).await?;
        } else {
            self.look_into(&mut observed, &moving, &parts, |_| true).await?;
            files::sweep(&self.state, &mounted(&containers))?;
            let there = containers.iter().filter_map(|container| container.id.as_deref());
            begun::sweep(&self.state, &there.collect())?;
        }
        let disconnected = observed.pods.values().any(|pod| pod.altered.contains(&Alteration::Disconnected));
        let seen = self.memory().network_seen || containers.iter().any(|container| self.is_on_network(container));
        observed.network = if depth == Depth::List && seen && !disconnected {
            NetworkState::Present
        } else {
            self.network_state().await?
        };
        Ok(observed)
    }

    /// The units of this host that have containers, running or not, each with the commits that these are labelled with. What
    /// was made for local files has none.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub async fn commits(&self) -> Result<BTreeSet<(String, String)>, TargetError> {
        let containers = self.containers("list the containers").await?;
        let commits = containers.iter().filter_map(|container| labels::commit(&self.host, container.labels.as_ref()?));
        Ok(commits.collect())
    }

    /// Every container of the engine, running or not.
    pub(super) async fn containers(&self, operation: &str) -> Result<Vec<ContainerSummary>, TargetError> {
        let engine = self.engine().await?;
        let options = ListContainersOptionsBuilder::new().all(true).build();
        self.ask(operation, ANSWER, engine.list_containers(Some(options))).await
    }

    fn note_container(
        &self,
        unit: &str,
        container: &ContainerSummary,
        moving: &BTreeSet<String>,
        observed: &mut Observed,
        parts: &mut Parts,
    ) {
        let none = HashMap::new();
        let labels = container.labels.as_ref().unwrap_or(&none);
        let names = names(container);
        let ours = PodLabels::parse(&self.host, labels).filter(|labels| labels.unit == unit);
        let Some(ours) = ours else {
            for name in names {
                let holder = labels::holder(&self.host, "container", &name, labels);
                observed.foreign.insert(name, holder);
            }
            return;
        };
        match ours.role {
            Role::Whole | Role::Sandbox => {}
            Role::Init if ours.container.is_none() => return,
            Role::Init | Role::Part => return parts.note(ours, container),
        }
        let id = container.id.clone().unwrap_or_default();
        let mut altered = Vec::new();
        if !names.contains(&ours.pod) {
            altered.push(Alteration::Renamed(names.first().cloned().unwrap_or_default()));
        }
        let state = state_of_summary(container);
        let asked = Asked::parse(labels);
        let belongs = asked.as_ref().is_some_and(|asked| asked.address.is_some());
        if let Some(members) = asked.and_then(|asked| asked.members) {
            parts.expect(&ours.pod, members);
        }
        if belongs && endpoint(container).is_none() && !moving.contains(&id) {
            altered.push(Alteration::Disconnected);
        }
        let pod = ObservedPod {
            container: id,
            object: ours.object,
            index: ours.index,
            revision: ours.revision,
            state,
            readiness: Readiness::Unknown,
            since: Timestamp::from_seconds(container.created.unwrap_or(0)),
            unavailable: None,
            ended: None,
            altered,
            parts: Vec::new(),
        };
        if let Some(other) = observed.pods.insert(ours.pod.clone(), pod) {
            // Two containers say that they are one pod: which is the right one cannot be told from here.
            observed.pods.remove(&ours.pod);
            let also = container.id.as_deref().unwrap_or_default();
            let why = format!("two containers are labelled as it ({}, {also}); remove one", other.container);
            observed.unseen.insert(ours.pod, why);
        } else if observed.unseen.contains_key(&ours.pod) {
            observed.pods.remove(&ours.pod);
        }
    }

    /// Every volume of the engine.
    async fn volumes(&self) -> Result<Vec<Volume>, TargetError> {
        let engine = self.engine().await?;
        let found = self.ask("list the volumes", ANSWER, engine.list_volumes(None::<ListVolumesOptions>)).await?;
        Ok(found.volumes.unwrap_or_default())
    }

    fn note_volumes(&self, unit: &str, volumes: Vec<Volume>, observed: &mut Observed) -> Result<(), TargetError> {
        self.note_mark(unit, &volumes)?;
        for volume in volumes {
            if labels::is_mark(&self.host, &volume.labels) {
                continue;
            }
            if let Some(ours) = labels::volume(&self.host, &volume.labels) {
                observed.volumes.insert(volume.name, ours);
            } else {
                let holder = labels::holder(&self.host, "volume", &volume.name, &volume.labels);
                observed.foreign_volumes.insert(volume.name, holder);
            }
        }
        Ok(())
    }

    /// Looks into every field of those pods that were listed and are asked for.
    async fn look_into(
        &self,
        observed: &mut Observed,
        moving: &BTreeSet<String>,
        parts: &Parts,
        asked_for: impl Fn(&ObservedPod) -> bool,
    ) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        let (pods, others) = std::mem::take(&mut observed.pods)
            .into_iter()
            .partition(|(name, pod)| asked_for(pod) && !parts.is_orphan(name));
        observed.pods = others;
        let pods: BTreeMap<String, ObservedPod> = pods;
        let looks = pods.into_iter().map(async |(name, pod)| {
            let question = engine.inspect_container(&pod.container, None::<InspectContainerOptions>);
            let found = self.find(&format!("look into {name}"), ANSWER, question).await;
            let joined = self.look_into_parts(parts.of_joined(&name)).await;
            (name, pod, found.and_then(|found| Ok(found.zip(Some(joined?)))))
        });
        let mut looks = pin!(stream::iter(looks).buffered(ENGINE_STEPS_AT_ONCE));
        while let Some((name, mut pod, found)) = looks.next().await {
            match found {
                Ok(Some((found, joined))) => {
                    note_fields(&name, &mut pod, &found);
                    self.note_ailment(&mut pod.state, &pod.object, &pod.container, found.state.as_ref()).await;
                    parts.join(&name, &mut pod, &joined);
                    if moving.contains(&pod.container) || self.memory().reconnecting.contains(&pod.container) {
                        pod.altered.retain(|alteration| *alteration != Alteration::Disconnected);
                    }
                    if let (true, Some(ended)) = (has_ended(&pod), pod.ended) {
                        self.memory().ends.insert(pod.container.clone(), (pod.state.clone(), ended));
                    }
                    let fields = pod.altered.iter().filter(|altered| matches!(altered, Alteration::Field(_)));
                    self.memory().fields.insert(pod.container.clone(), fields.cloned().collect());
                    self.memory().started.insert(pod.container.clone(), pod.since);
                    for part in joined {
                        let fields = part.altered.into_iter().map(Alteration::Field);
                        self.memory().fields.insert(part.id, fields.collect());
                    }
                    observed.pods.insert(name, pod);
                }
                // It went between the list and the look; the next pass will know.
                Ok(None) => {
                    observed.unseen.insert(name, "it was removed while it was looked at".to_owned());
                }
                Err(error @ TargetError::Unreachable { .. }) => return Err(error),
                Err(error) => {
                    observed.unseen.insert(name, error.to_string());
                }
            }
        }
        Ok(())
    }

    /// Looks into every field of the containers of a pod that has several. One that went meanwhile is left out.
    async fn look_into_parts(&self, parts: &[Part]) -> Result<Vec<Part>, TargetError> {
        let engine = self.engine().await?;
        let mut seen = Vec::new();
        for part in parts {
            let question = engine.inspect_container(&part.id, None::<InspectContainerOptions>);
            let found = self.find(&format!("look into container {}", part.id), ANSWER, question).await?;
            let Some(found) = found else { continue };
            let mut part = part.clone().noted(&found);
            self.note_ailment(&mut part.state, &part.labels.object, &part.id, found.state.as_ref()).await;
            seen.push(part);
        }
        Ok(seen)
    }

    /// Adds why a container ended that is not started again, as its last lines show it.
    async fn note_ailment(
        &self,
        ended: &mut PodState,
        object: &ObjectId,
        container: &str,
        state: Option<&ContainerState>,
    ) {
        if let (PodState::Exited { code: _, ailment }, true, Some(state)) = (ended, object.kind.ends(), state) {
            *ailment = self.ailment(container, state, false).await;
        }
    }

    /// Lays over the lists what the last look into every field found, the start included; only another such look can tell that
    /// it is another one.
    fn recall_fields(&self, observed: &mut Observed, parts: &mut Parts) {
        let memory = self.memory();
        for part in parts.of.values_mut().flatten() {
            let text = |altered: &Alteration| match altered {
                Alteration::Field(text) => Some(text.clone()),
                Alteration::Renamed(_) | Alteration::Disconnected | Alteration::Part(_) | Alteration::Lingers => None,
            };
            part.altered = memory.fields.get(&part.id).into_iter().flatten().filter_map(text).collect();
        }
        for pod in observed.pods.values_mut() {
            pod.since = memory.started.get(&pod.container).copied().unwrap_or(pod.since);
            pod.altered.extend(memory.fields.get(&pod.container).into_iter().flatten().cloned());
        }
    }

    /// Lays over the lists what is known of the ends of pods; one that runs again has not ended.
    fn recall_ends(&self, observed: &mut Observed) {
        let mut memory = self.memory();
        for pod in observed.pods.values_mut() {
            if !has_ended(pod) {
                memory.ends.remove(&pod.container);
            } else if let Some((state, ended)) = memory.ends.get(&pod.container) {
                (pod.state, pod.ended) = (state.clone(), Some(*ended));
            }
        }
    }

    fn is_on_network(&self, container: &ContainerSummary) -> bool {
        let labels = container.labels.as_ref();
        endpoint(container).is_some() && labels.and_then(|labels| labels.get(labels::HOST)) == Some(&self.host)
    }
}

/// What a container is called, without the engine's slash.
pub(super) fn names(container: &ContainerSummary) -> Vec<String> {
    let names = container.names.iter().flatten().map(|name| name.trim_start_matches('/'));
    // With a slash in it, it is a name that an old link gives to the container in another one.
    names.filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

/// A container's place on the host's network.
pub(super) fn endpoint(container: &ContainerSummary) -> Option<&bollard::models::EndpointSettings> {
    container.network_settings.as_ref()?.networks.as_ref()?.get(NETWORK)
}

fn mounted(containers: &[ContainerSummary]) -> BTreeSet<PathBuf> {
    let mounts = containers.iter().flat_map(|container| container.mounts.iter().flatten());
    mounts.filter_map(|mount| mount.source.as_deref().map(PathBuf::from)).collect()
}

fn note_fields(name: &str, pod: &mut ObservedPod, found: &ContainerInspectResponse) {
    let none = HashMap::new();
    let labels = found.config.as_ref().and_then(|config| config.labels.as_ref()).unwrap_or(&none);
    if let Some(asked) = Asked::parse(labels) {
        pod.altered = asked::alterations(&asked, name, found);
        // The shared names were led to it while it was available, and stay until a probe fails.
        if !asked.shared.is_empty() && asked::is_published(&asked, found) {
            pod.readiness = Readiness::Available;
        }
    } else {
        pod.altered.push(Alteration::Field("the label that says how it was made cannot be read".to_owned()));
    }
    if let Some(state) = &found.state {
        pod.state = state_of_inspect(state);
        let started = state.started_at.as_deref().and_then(Timestamp::parse);
        // The engine writes the year 1 for a container that was never started.
        pod.since = started.filter(|at| at.0 > 0).unwrap_or(pod.since);
        let finished = state.finished_at.as_deref().and_then(Timestamp::parse).filter(|at| at.0 > 0);
        // One that cannot be read back has ended by the time it is looked at.
        pod.ended = has_ended(pod).then(|| finished.unwrap_or(pod.since));
    }
}

/// True for a pod that runs to its end, and did.
fn has_ended(pod: &ObservedPod) -> bool {
    pod.object.kind.ends() && matches!(pod.state, PodState::Exited { .. } | PodState::Dead)
}

/// True if a container was ever started.
pub(super) fn ran(state: &ContainerState) -> bool {
    state.started_at.as_deref().and_then(Timestamp::parse).is_some_and(|at| at.0 > 0)
}

pub(super) fn state_of_inspect(state: &ContainerState) -> PodState {
    let flag = |flag: Option<bool>| flag.unwrap_or(false);
    if flag(state.dead) {
        PodState::Dead
    } else if flag(state.restarting) {
        PodState::Restarting
    } else if flag(state.paused) {
        PodState::Paused
    } else if flag(state.running) {
        PodState::Running
    } else if ran(state) {
        PodState::Exited { code: state.exit_code.unwrap_or(-1), ailment: ailing::of_state(state, "") }
    } else {
        PodState::Created
    }
}

pub(super) fn state_of_summary(container: &ContainerSummary) -> PodState {
    match container.state {
        Some(ContainerSummaryStateEnum::CREATED) => PodState::Created,
        Some(ContainerSummaryStateEnum::RUNNING | ContainerSummaryStateEnum::STOPPING) => PodState::Running,
        Some(ContainerSummaryStateEnum::PAUSED) => PodState::Paused,
        Some(ContainerSummaryStateEnum::RESTARTING) => PodState::Restarting,
        Some(ContainerSummaryStateEnum::EXITED) => {
            let code = container.status.as_deref().and_then(exit_code).unwrap_or(-1);
            PodState::Exited { code, ailment: None }
        }
        Some(
            ContainerSummaryStateEnum::REMOVING | ContainerSummaryStateEnum::DEAD | ContainerSummaryStateEnum::EMPTY,
        )
        | None => PodState::Dead,
    }
}

/// The exit code in a list's words: `Exited (137) 3 seconds ago`.
fn exit_code(status: &str) -> Option<i64> {
    status.split_once('(')?.1.split_once(')')?.0.parse().ok()
}

/// Every container, by each of its names.
pub(super) fn by_name(containers: &[ContainerSummary]) -> BTreeMap<String, &ContainerSummary> {
    containers.iter().flat_map(|container| names(container).into_iter().map(move |name| (name, container))).collect()
}

#[cfg(test)]
mod tests {
    use writ_core::ailment::Ailment;

    use super::*;

    #[test]
    fn an_exit_code_is_read_from_the_words_of_a_list() {
        assert_eq!(exit_code("Exited (137) 3 seconds ago"), Some(137));
        assert_eq!(exit_code("Up 3 seconds"), None);
    }

    #[test]
    fn a_container_that_never_ran_has_no_exit_code() {
        let never = ContainerState {
            started_at: Some("0001-01-01T00:00:00Z".to_owned()),
            exit_code: Some(0),
            ..ContainerState::default()
        };
        assert_eq!(state_of_inspect(&never), PodState::Created);
        let ended = ContainerState {
            started_at: Some("2026-11-21T09:10:11.5Z".to_owned()),
            exit_code: Some(137),
            oom_killed: Some(true),
            ..ContainerState::default()
        };
        assert_eq!(state_of_inspect(&ended), PodState::Exited { code: 137, ailment: Some(Ailment::Memory) });
    }
}
