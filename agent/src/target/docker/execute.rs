//! Takes the steps of a plan, each so that taking it twice changes nothing more.
//!
//! Invariant: a container is looked at right before it is stopped or removed, and left alone if it is not ours.

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::{
    InspectContainerOptions, RemoveContainerOptionsBuilder, RenameContainerOptionsBuilder, StartContainerOptions,
};
use writ_core::guard::Rule;
use writ_core::limits::GRACE_SECONDS_DEFAULT;
use writ_core::model::PodSpec;
use writ_core::plan::{Act, Fix};
use writ_core::time::Seconds;

use super::connection::{ANSWER, WORK};
use super::labels::{self, Asked, HOST, PodLabels};
use super::{Docker, ailing, asked, files, host_path, observe, parts};
use crate::target::{Context, Progress, TargetError};

/// A container of this host.
pub(super) struct Ours {
    pub(super) inspect: ContainerInspectResponse,
    /// What it was asked to be; none for init containers.
    pub(super) asked: Option<Asked>,
    /// Who it belongs to; none if the labels are broken.
    pub(super) labels: Option<PodLabels>,
}

impl Docker {
    /// Takes one step.
    ///
    /// # Errors
    /// If it was not taken; [`TargetError::outcome_unknown`] says whether it may have been.
    pub async fn execute(&self, context: &Context, act: &Act, progress: &dyn Progress) -> Result<(), TargetError> {
        self.keep(context).await?;
        // What goes on for long is kept apart, so that a step takes little of a stack.
        match act {
            Act::Nothing => Ok(()),
            Act::CreateNetwork => self.create_network(context).await,
            Act::CreateVolume(volume) => self.create_volume(context, volume).await,
            // Whoever walks the plan makes it: it goes to a folder of the host.
            Act::BackUp(_) => Ok(()),
            Act::CreatePod(spec) => {
                let spec = &*self.with_own_image(spec).await?;
                Box::pin(self.create_pod(context, spec, None, progress)).await
            }
            Act::StartPod { pod, container } => self.start_pod(pod, container).await,
            Act::MendPod { spec, container, fixes } => {
                Box::pin(self.mend_pod(context, spec, container, fixes, progress)).await
            }
            Act::ReplacePod { container, spec } => {
                let spec = &*self.with_own_image(spec).await?;
                // What runs is not stopped for an image that cannot be had.
                let images = self.images(spec, progress).await?;
                Box::pin(self.remove_pod(context, &spec.name, container, None)).await?;
                Box::pin(self.create_pod(context, spec, Some(images), progress)).await
            }
            Act::RemovePod { pod, container, grace } => {
                Box::pin(self.remove_pod(context, pod, container, *grace)).await
            }
            Act::RemoveVolume { volume } => self.remove_volume(volume).await,
            Act::Serve(serving) => Box::pin(self.serve(context, serving, progress)).await,
            Act::ApplyObject(_) | Act::DeleteObject(_) => Err(TargetError::Failed {
                operation: "act on an object of a cluster".to_owned(),
                reason: "this is a container engine".to_owned(),
            }),
        }
    }

    /// Starts a container that was made before.
    pub(super) async fn start_pod(&self, pod: &str, container: &str) -> Result<(), TargetError> {
        let found = self.ours(&format!("start pod {pod}"), container).await?;
        self.start(pod, &found).await
    }

    /// Starts a container as it was just found, its volumes given to their group first.
    pub(super) async fn start(&self, pod: &str, found: &Ours) -> Result<(), TargetError> {
        let operation = format!("start pod {pod}");
        let container = found.id();
        let state = found.inspect.state.clone().unwrap_or_default();
        if state.paused == Some(true) {
            return self.unpause(&operation, container).await;
        }
        if state.running == Some(true) {
            return Ok(());
        }
        // What runs to its end is started once: an end that nobody had seen yet is an end all the same.
        if found.asked.as_ref().is_some_and(|asked| asked.ends) && observe::ran(&state) {
            return Ok(());
        }
        self.stays_put(&operation, found)?;
        let mounts = found.inspect.mounts.iter().flatten();
        self.are_whole(&operation, mounts.filter_map(|mount| mount.name.as_deref())).await?;
        if let Some(asked) = &found.asked {
            self.give_to_group(pod, asked).await?;
        }
        let engine = self.engine().await?;
        let start = engine.start_container(container, None::<StartContainerOptions>);
        match self.bring_about(&operation, WORK, start).await {
            Ok(_) => Ok(()),
            Err(TargetError::Refused { operation, reason }) => {
                Err(self.who_holds_the_port(operation, reason, container).await)
            }
            Err(error) => Err(error),
        }
    }

    /// What a container mounts of the host is where it was when the guard judged it.
    pub(super) fn stays_put(&self, operation: &str, found: &Ours) -> Result<(), TargetError> {
        let Some(moved) = host_path::moved(found.inspect.mounts.as_ref(), &files::folder(&self.state)) else {
            return Ok(());
        };
        let reason = format!("guard {}: {moved}; it is not started", Rule::HostPath.name());
        Err(TargetError::Failed { operation: operation.to_owned(), reason })
    }

    async fn mend_pod(
        &self,
        context: &Context,
        spec: &PodSpec,
        container: &str,
        fixes: &[Fix],
        progress: &dyn Progress,
    ) -> Result<(), TargetError> {
        let operation = format!("mend pod {}", spec.name);
        for fix in fixes {
            let found = self.ours(&operation, container).await?;
            match fix {
                Fix::Rename => self.rename(&operation, container, &found, &spec.name).await?,
                Fix::Connect => {
                    let Some(asked) = found.asked else { continue };
                    let shared = spec.publish_not_ready || self.memory().published.contains(container);
                    self.reconnect(&operation, container, &asked, shared).await?;
                }
                Fix::Unpause => self.unpause(&operation, container).await?,
                Fix::Parts => Box::pin(self.settle(context, spec, container, None, progress)).await?,
                Fix::End => self.end_lingering(&spec.name, container).await?,
            }
        }
        Ok(())
    }

    pub(super) async fn rename(
        &self,
        operation: &str,
        container: &str,
        found: &Ours,
        name: &str,
    ) -> Result<(), TargetError> {
        if found.name() == name {
            return Ok(());
        }
        let containers = self.containers(operation).await?;
        if let Some(other) = observe::by_name(&containers).get(name) {
            let labels = other.labels.clone().unwrap_or_default();
            let holder = labels::holder(&self.host, "container", name, &labels).0;
            return Err(TargetError::Held { operation: operation.to_owned(), name: name.to_owned(), holder });
        }
        let engine = self.engine().await?;
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        self.ask(operation, WORK, engine.rename_container(container, options)).await
    }

    async fn unpause(&self, operation: &str, container: &str) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        match self.ask(operation, WORK, engine.unpause_container(container)).await {
            Err(TargetError::Refused { reason, .. }) if reason.contains("is not paused") => Ok(()),
            other => other,
        }
    }

    /// Stops and removes a pod with all that lived as long as it. Volumes of claims stay.
    pub(super) async fn remove_pod(
        &self,
        context: &Context,
        pod: &str,
        container: &str,
        grace: Option<Seconds>,
    ) -> Result<(), TargetError> {
        let operation = format!("remove pod {pod}");
        let members = match self.ours(&operation, container).await {
            // Somebody else removed it: what was to be brought about is so.
            Err(TargetError::Failed { .. }) => {
                let grace = grace.unwrap_or(Seconds(GRACE_SECONDS_DEFAULT));
                self.end_members(&operation, pod, None, grace).await?
            }
            Err(error) => return Err(error),
            Ok(found) => {
                let same = |labels: &PodLabels| labels.unit == context.unit && labels.pod == pod;
                if !found.labels.as_ref().is_some_and(same) {
                    return Err(self.not_ours(&operation, container));
                }
                self.withdraw(&operation, container, &found).await?;
                let grace = grace.or(found.asked.as_ref().map(Asked::grace)).unwrap_or(Seconds(GRACE_SECONDS_DEFAULT));
                let order = found.asked.as_ref().and_then(|asked| asked.members.as_ref());
                let members = self.end_members(&operation, pod, order, grace).await?;
                self.stop_container(&operation, container, grace).await?;
                self.remove_container(&operation, container).await?;
                members
            }
        };
        for member in members.iter().filter(|member| *member != container) {
            self.remove_container(&operation, member).await?;
        }
        self.memory().published.remove(container);
        self.remove_empty_directories(pod).await
    }

    /// Takes the shared names from a pod before it is asked to stop, so that nobody is led to it meanwhile.
    async fn withdraw(&self, operation: &str, container: &str, found: &Ours) -> Result<(), TargetError> {
        let running = found.inspect.state.as_ref().and_then(|state| state.running).unwrap_or(false);
        let Some(asked) = &found.asked else { return Ok(()) };
        let published = !asked.shared.is_empty() && asked::is_published(asked, &found.inspect);
        if !running || !published {
            return Ok(());
        }
        match self.reconnect(operation, container, asked, false).await {
            // The names go with the container anyway; what counts is that it goes.
            Ok(()) | Err(TargetError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
        self.drain(asked).await;
        Ok(())
    }

    /// Removes a container that was found to be ours, with the volumes that its image made for it.
    pub(super) async fn remove_container(&self, operation: &str, container: &str) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        let options = RemoveContainerOptionsBuilder::new().v(true).force(true).build();
        match self.find(operation, WORK, engine.remove_container(container, Some(options))).await {
            Ok(_) => Ok(()),
            Err(TargetError::Refused { reason, .. }) if reason.contains("is already in progress") => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The container as it is at this moment; an error if it is gone (`Failed`) or not ours (`NotOurs`).
    pub(super) async fn ours(&self, operation: &str, container: &str) -> Result<Ours, TargetError> {
        let engine = self.engine().await?;
        let question = engine.inspect_container(container, None::<InspectContainerOptions>);
        let Some(inspect) = self.find(operation, ANSWER, question).await? else {
            let reason = format!("container {container} is gone");
            return Err(TargetError::Failed { operation: operation.to_owned(), reason });
        };
        self.recognised(inspect).ok_or_else(|| self.not_ours(operation, container))
    }

    /// A container that was looked at, if it is of this host.
    pub(super) fn recognised(&self, inspect: ContainerInspectResponse) -> Option<Ours> {
        let labels = inspect.config.as_ref()?.labels.as_ref()?;
        if labels.get(HOST) != Some(&self.host) {
            return None;
        }
        Some(Ours { asked: Asked::parse(labels), labels: PodLabels::parse(&self.host, labels), inspect })
    }

    pub(super) fn not_ours(&self, operation: &str, container: &str) -> TargetError {
        TargetError::NotOurs {
            operation: operation.to_owned(),
            object: format!("container {container}"),
            host: self.host.clone(),
        }
    }

    /// The refusal of a start, with the holder of the port where a port is what it is about.
    async fn who_holds_the_port(&self, operation: String, reason: String, container: &str) -> TargetError {
        if !reason.contains("port is already allocated") && !reason.contains("address already in use") {
            return ailing::with_hint(TargetError::Refused { operation, reason });
        }
        let wanted = self.published_ports(&operation, container).await.unwrap_or_default();
        let containers = self.containers(&operation).await.unwrap_or_default();
        for other in containers.iter().filter(|other| other.id.as_deref() != Some(container)) {
            for port in other.ports.iter().flatten().filter_map(|port| port.public_port) {
                if wanted.contains(&port) {
                    let labels = other.labels.clone().unwrap_or_default();
                    let name = observe::names(other).into_iter().next().unwrap_or_default();
                    let holder = labels::holder(&self.host, "container", &name, &labels).0;
                    return TargetError::Held { operation, name: format!("port {port}"), holder };
                }
            }
        }
        let ports: Vec<String> = wanted.iter().map(u16::to_string).collect();
        let name = format!("port {}", ports.join(" or "));
        TargetError::Held { operation, name, holder: "a program of the host outside the engine".to_owned() }
    }

    async fn published_ports(&self, operation: &str, container: &str) -> Result<Vec<u16>, TargetError> {
        let found = self.ours(operation, container).await?;
        let bindings = found.inspect.host_config.and_then(|host| host.port_bindings).unwrap_or_default();
        let ports = bindings.into_values().flatten().flatten().filter_map(|binding| binding.host_port?.parse().ok());
        Ok(ports.filter(|port| *port != 0).collect())
    }
}

impl Ours {
    /// Its identifier.
    pub(super) fn id(&self) -> &str {
        self.inspect.id.as_deref().unwrap_or_default()
    }

    /// What it is called now.
    pub(super) fn name(&self) -> &str {
        self.inspect.name.as_deref().unwrap_or_default().trim_start_matches('/')
    }

    /// The sandbox that it is joined to.
    pub(super) fn joined_to(&self) -> Option<&str> {
        parts::sandbox_of(self.inspect.host_config.as_ref()?.network_mode.as_deref())
    }
}
