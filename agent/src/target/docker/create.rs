//! Makes a pod: images, directories, init containers to their end, then the container that is the pod.
//!
//! Invariant: a container is started only after it was read back and is what was asked for.

use std::borrow::Cow;
use std::time::Duration;

use bollard::models::{ContainerCreateBody, ContainerSummary};
use bollard::query_parameters::{InspectContainerOptions, StartContainerOptions, WaitContainerOptions};
use futures_util::StreamExt as _;
use tokio::time::timeout;
use writ_core::model::{ContainerSpec, MountSource, PodFacts, PodSpec};

use super::address::Subnet;
use super::connection::{ANSWER, WORK, is_conflict};
use super::execute::Ours;
use super::image::{Image, Images};
use super::labels::{self, Asked, Members, PodLabels, Role};
use super::network::used_addresses;
use super::request::{Facts, Mounted, Place, Source};
use super::sent::{Judged, Wanted};
use super::{Docker, ailing, asked, facts, files, host_path, observe, request, sent, verify};
use crate::target::{Context, Progress, TargetError};

/// Addresses that are tried for a pod before the network counts as contested.
const ADDRESS_TRIES: usize = 5;

/// What the container that bears a pod's name is made by.
pub(super) struct Reached<'a> {
    /// The containers that it is the sandbox of; none if it is the pod.
    pub(super) members: Option<Members>,
    /// What it is told, beside its address; none if nothing.
    pub(super) facts: Option<&'a PodFacts>,
    /// Every container of the engine, none of which has its address.
    pub(super) containers: Vec<ContainerSummary>,
}

impl Docker {
    /// Makes and starts a pod. One that an earlier try made already is only started. Images that were not brought before are
    /// brought now, before anything else is done.
    pub(super) async fn create_pod(
        &self,
        context: &Context,
        pod: &PodSpec,
        images: Option<Images>,
        progress: &dyn Progress,
    ) -> Result<(), TargetError> {
        let operation = format!("create pod {}", pod.name);
        let containers = self.containers(&operation).await?;
        if let Some(made) = self.made_before(&operation, context, pod, &containers)? {
            if pod.is_joined() {
                return Box::pin(self.settle(context, pod, &made, images, progress)).await;
            }
            return self.start_pod(&pod.name, &made).await;
        }
        self.check_volumes(pod).await?;
        let images = match images {
            Some(images) => images,
            None => self.images(pod, progress).await?,
        };
        if pod.is_joined() {
            return Box::pin(self.create_joined(&operation, context, pod, images, progress)).await;
        }
        let Images { init: images, main: image, beside: _ } = images;
        let facts = self.facts(&operation, context, pod).await?;
        let told = facts.as_ref().map_or(Cow::Borrowed(pod), |facts| pod.told(facts));
        for ((index, init), image) in pod.init.iter().enumerate().zip(&images) {
            progress.init(&pod.name, &init.name);
            self.run_init(context, &told, index, image, None).await?;
        }
        let reached = Reached { members: None, facts: facts.as_ref(), containers };
        self.make_reached(&operation, context, pod, &image, reached).await.map(|_made| ())
    }

    /// Makes and starts the container that bears a pod's name, at an address of its own, which none of `reached.containers`
    /// has; its identifier.
    pub(super) async fn make_reached(
        &self,
        operation: &str,
        context: &Context,
        pod: &PodSpec,
        image: &Image,
        mut reached: Reached<'_>,
    ) -> Result<String, TargetError> {
        for _ in 0..ADDRESS_TRIES {
            match self.make_and_start(operation, context, pod, image, &reached).await {
                // Somebody else was given the address since the look: another one will do.
                Err(TargetError::Refused { reason, .. }) if reason.contains("Address already in use") => {
                    self.remove_if_ours(operation, &pod.name).await?;
                    reached.containers = self.containers(operation).await?;
                }
                other => return other,
            }
        }
        let reason = format!("each of {ADDRESS_TRIES} addresses was taken by somebody else meanwhile");
        Err(TargetError::Failed { operation: operation.to_owned(), reason })
    }

    async fn make_and_start(
        &self,
        operation: &str,
        context: &Context,
        pod: &PodSpec,
        image: &Image,
        reached: &Reached<'_>,
    ) -> Result<String, TargetError> {
        let Reached { members, facts, containers } = reached;
        let address = self.address(operation, pod, containers).await?;
        let text = address.map(|address| address.to_string());
        let facts = facts.map(|facts| facts::at(facts.clone(), text.clone()));
        let pod = &*facts.as_ref().map_or(Cow::Borrowed(pod), |facts| pod.told(facts));
        let asked = asked::of_pod(pod, text, self.memory().swap_limit);
        let asked = Asked { members: members.clone(), ..asked };
        let place = if asked.members.is_some() { Place::Sandbox(&asked) } else { Place::Whole(&asked) };
        let made = self.make(context, pod, &pod.main, place, &pod.name, image).await;
        if let Some(address) = address {
            self.memory().addresses.remove(&address);
        }
        let started = match made {
            Ok(made) => self.start(&pod.name, &made).await.map(|()| made.id().to_owned()),
            Err(error) => Err(error),
        };
        if started.is_err() {
            // It may be that the network is another one by now.
            self.memory().subnet = None;
        }
        started
    }

    /// The identifier of the pod's container, should an earlier try have made it; an error if its name, or the name
    /// of one of its init containers, is somebody else's.
    fn made_before(
        &self,
        operation: &str,
        context: &Context,
        pod: &PodSpec,
        containers: &[ContainerSummary],
    ) -> Result<Option<String>, TargetError> {
        let by_name = observe::by_name(containers);
        let mut made = None;
        let others = pod.containers().filter(|container| pod.is_joined() || container.name != pod.main.name);
        for name in others.map(|other| pod.container_name(&other.name)).chain([pod.name.clone()]) {
            let Some(found) = by_name.get(&name) else { continue };
            let labels = found.labels.clone().unwrap_or_default();
            let ours = PodLabels::parse(&self.host, &labels);
            let Some(ours) = ours.filter(|ours| ours.unit == context.unit && ours.pod == pod.name) else {
                let holder = labels::holder(&self.host, "container", &name, &labels).0;
                return Err(TargetError::Held { operation: operation.to_owned(), name, holder });
            };
            match ours.role {
                Role::Whole | Role::Sandbox => {}
                Role::Init | Role::Part => continue,
            }
            if ours.revision.as_ref() != Some(&pod.revision) {
                let reason = "another one by that name was made since the last look; the next pass looks again";
                return Err(TargetError::Failed { operation: operation.to_owned(), reason: reason.to_owned() });
            }
            made.clone_from(&found.id);
        }
        Ok(made)
    }

    /// An address for the pod; none if it uses the host's own network.
    async fn address(
        &self,
        operation: &str,
        pod: &PodSpec,
        containers: &[ContainerSummary],
    ) -> Result<Option<std::net::Ipv4Addr>, TargetError> {
        if pod.main.security.host_namespaces.iter().any(|namespace| namespace == "network") {
            return Ok(None);
        }
        let subnet = self.network_of(operation).await?;
        let used = used_addresses(
            containers
                .iter()
                .map(|container| (container.labels.as_ref().and_then(Asked::parse), observe::endpoint(container))),
        );
        self.reserve(&pod.name, subnet, &used).map(Some)
    }

    /// The addresses of the host's network, as they were seen last: the engine refuses one that is no longer in its range.
    pub(super) async fn network_of(&self, operation: &str) -> Result<Subnet, TargetError> {
        let seen = self.memory().subnet;
        if let Some(seen) = seen {
            return Ok(seen);
        }
        self.subnet(operation).await?.ok_or_else(|| TargetError::Failed {
            operation: operation.to_owned(),
            reason: "the host's network is gone; the next pass makes it anew".to_owned(),
        })
    }

    /// Runs the init container at `index` to its end, joined to the pod's sandbox if it has one.
    pub(super) async fn run_init(
        &self,
        context: &Context,
        pod: &PodSpec,
        index: usize,
        image: &Image,
        sandbox: Option<&str>,
    ) -> Result<(), TargetError> {
        let Some(init) = pod.init.get(index) else { return Ok(()) };
        let name = pod.container_name(&init.name);
        let operation = format!("run init container {} of pod {}", init.name, pod.name);
        self.remove_if_ours(&operation, &name).await?;
        let place = sandbox.map_or(Place::Init, Place::JoinedInit);
        let made = self.make(context, pod, init, place, &name, image).await?;
        let groups = asked::of_pod(pod, None, false);
        self.give_to_group(&pod.name, &groups).await?;
        let engine = self.engine().await?;
        let start = engine.start_container(made.id(), None::<StartContainerOptions>);
        self.bring_about(&operation, WORK, start).await.map_err(ailing::with_hint)?;
        let limit = Duration::from_secs(u64::from(pod.progress_deadline.0));
        let mut ended = std::pin::pin!(engine.wait_container(made.id(), None::<WaitContainerOptions>));
        let code = match timeout(limit, ended.next()).await {
            Err(_elapsed) => {
                let reason = format!("it did not end within {}; it is left running as {name}", pod.progress_deadline);
                return Err(TargetError::Failed { operation, reason });
            }
            Ok(Some(Err(bollard::errors::Error::DockerContainerWaitError { error: _, code }))) => code,
            Ok(Some(Err(error))) => return Err(self.error(&operation, error)),
            Ok(Some(Ok(ended))) => ended.status_code,
            Ok(None) => return Err(self.unreachable(&operation, "the engine ended its answer")),
        };
        if code == 0 {
            return Ok(());
        }
        let state = self.ours(&operation, made.id()).await?.inspect.state.unwrap_or_default();
        let cause = self.ailment(made.id(), &state, false).await.map(|ailment| format!("{ailment}; "));
        let cause = cause.unwrap_or_default();
        let reason =
            format!("{cause}it ended with exit code {code}; what it wrote is kept as the log of container {name}");
        Err(TargetError::Failed { operation, reason })
    }

    /// Makes a container and reads it back.
    pub(super) async fn make(
        &self,
        context: &Context,
        pod: &PodSpec,
        container: &ContainerSpec,
        place: Place<'_>,
        name: &str,
        image: &Image,
    ) -> Result<Ours, TargetError> {
        let operation = format!("create container {name}");
        let image_user = image.user.clone();
        let facts = Facts {
            labels: labels::of_container(context, pod, container, &image.digest, (place.role(), place.asked())),
            mounts: self.mounts(&operation, context, pod, container).await?,
            image_user: image_user.clone(),
        };
        let body = request::body(pod, container, place, facts)
            .map_err(|reason| TargetError::Failed { operation: operation.clone(), reason })?;
        let own = files::folder(&self.state);
        let wanted = Wanted { pod, container, place, own: &own };
        let body = sent::container(body, &wanted).map_err(|refused| refused.of(&operation))?;
        let made = self.send(&operation, name, container, &body).await?;
        let engine = self.engine().await?;
        let question = engine.inspect_container(&made, None::<InspectContainerOptions>);
        let found = self.ask(&operation, ANSWER, question).await?;
        if let Some(difference) = verify::difference(body.body(), &image_user, &found)
            .or_else(|| host_path::moved(found.mounts.as_ref(), &own))
        {
            self.remove_if_ours(&operation, &made).await?;
            let reason = format!("the engine made something else than was asked for: {difference}; it was removed");
            return Err(TargetError::Failed { operation, reason });
        }
        self.recognised(found).ok_or_else(|| self.not_ours(&operation, &made))
    }

    async fn send(
        &self,
        operation: &str,
        name: &str,
        container: &ContainerSpec,
        body: &Judged<ContainerCreateBody>,
    ) -> Result<String, TargetError> {
        let engine = self.engine().await?;
        let question = async {
            match body.send(&engine, name).await {
                Err(error) if is_conflict(&error) => Ok(Err(error.to_string())),
                other => other.map(Ok),
            }
        };
        let answer = self.ask(operation, WORK, question).await;
        let answer = answer.map_err(|error| {
            let TargetError::Refused { operation, reason } = error else { return error };
            TargetError::Refused { operation, reason: request::without_values(container, &reason) }
        })?;
        match answer {
            Ok(made) => Ok(made.id),
            Err(_conflict) => {
                // Somebody took the name between the look and the request.
                let containers = self.containers(operation).await?;
                let labels = observe::by_name(&containers).get(name).and_then(|found| found.labels.clone());
                let holder = labels::holder(&self.host, "container", name, &labels.unwrap_or_default()).0;
                Err(TargetError::Held { operation: operation.to_owned(), name: name.to_owned(), holder })
            }
        }
    }

    /// The mounts of a container, with files written and directories made.
    async fn mounts(
        &self,
        operation: &str,
        context: &Context,
        pod: &PodSpec,
        container: &ContainerSpec,
    ) -> Result<Vec<Mounted>, TargetError> {
        let mut mounts = Vec::new();
        for mount in &container.mounts {
            let bind = |path: std::path::PathBuf| Source::Bind(path.to_string_lossy().into_owned());
            let (source, read_only) = match &mount.source {
                MountSource::Volume(name) => (Source::Volume(name.clone()), mount.read_only),
                // What Git says is in a file cannot be changed by the container that reads it.
                MountSource::Directory(wanted) => (bind(files::keep_directory(&self.state, wanted)?), true),
                MountSource::File(wanted) => (bind(files::keep_file(&self.state, wanted)?), true),
                MountSource::Host(path) => (Source::Bind(path.clone()), mount.read_only),
                MountSource::Empty { name, memory: false, limit: _ } => {
                    (Source::EmptyVolume(self.empty_directory(context, pod, name).await?), mount.read_only)
                }
                MountSource::Empty { name, memory: true, limit } => {
                    if mounted_by(pod, name) > 1 {
                        let reason = format!(
                            "the directory {name} is in memory and mounted more than once, which Docker cannot share; \
                             mount it once, or leave out `medium: Memory`"
                        );
                        return Err(TargetError::Failed { operation: operation.to_owned(), reason });
                    }
                    (Source::Memory(*limit), mount.read_only)
                }
            };
            mounts.push(Mounted { path: mount.path.clone(), source, read_only });
        }
        Ok(mounts)
    }

    /// Removes what is called so, if it is a container of ours; if it is somebody else's, that is an error.
    async fn remove_if_ours(&self, operation: &str, container: &str) -> Result<(), TargetError> {
        match self.ours(operation, container).await {
            Ok(_) => self.remove_container(operation, container).await,
            Err(TargetError::Failed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// How often a directory of the pod is mounted.
fn mounted_by(pod: &PodSpec, directory: &str) -> usize {
    let mounts = pod.containers().flat_map(|container| &container.mounts);
    mounts.filter(|mount| matches!(&mount.source, MountSource::Empty { name, .. } if name == directory)).count()
}
