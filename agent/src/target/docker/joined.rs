//! Pods of several containers: a sandbox that bears the pod's name, and the containers that are joined to it.
//!
//! Sources: the pods of Kubernetes and its sidecar containers; the container modes of Docker's namespaces.
//!
//! Invariant: a container is joined to no sandbox but one of its own pod.
//! Invariant: what is as it must be is not touched when something beside it is mended.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::ContainerSummary;
use futures_util::future::try_join_all;
use tokio::time::{sleep, timeout};
use writ_core::model::{ContainerSpec, Hooks, PodSpec, Probe, PullPolicy, Resources, Security, Terminal};
use writ_core::observed::{Alteration, PodState};
use writ_core::time::Seconds;

use super::create::Reached;
use super::image::{Image, Images};
use super::labels::{Asked, Members, PodLabels, Role};
use super::request::Place;
use super::{Docker, asked, observe};
use crate::clock::Clock;
use crate::target::{Context, ProbeResult, Progress, TargetError};

/// The word by which Writ's own program holds a pod's namespaces.
const PAUSE: &str = "pause";

/// A container of a pod, by its labels in a list.
struct Member {
    id: String,
    /// Its name in the manifest.
    name: String,
    role: Role,
}

/// The sandbox of a pod as a pod of one container: it has the pod's names, ports and place on the network, and no power.
pub(super) fn sandbox(pod: &PodSpec, image: &str) -> PodSpec {
    let main = ContainerSpec {
        name: PAUSE.to_owned(),
        image: image.to_owned(),
        arguments: Some(vec![PAUSE.to_owned()]),
        ports: pod.lasting().flat_map(|container| container.ports.clone()).collect(),
        security: Security {
            read_only_root: true,
            allow_privilege_escalation: Some(false),
            capabilities_drop: vec!["ALL".to_owned()],
            host_namespaces: pod.main.security.host_namespaces.clone(),
            ..Security::default()
        },
        pull: PullPolicy::Never,
        entrypoint: None,
        working_dir: None,
        env: BTreeMap::new(),
        mounts: Vec::new(),
        resources: Resources::default(),
        readiness: None,
        liveness: None,
        startup: None,
        sidecar: false,
        hooks: Hooks::default(),
        terminal: Terminal::default(),
    };
    PodSpec {
        main,
        init: Vec::new(),
        beside: Vec::new(),
        share_processes: false,
        sandboxed: false,
        late: None,
        ..pod.clone()
    }
}

impl Docker {
    /// Makes the sandbox of a pod, and then its containers.
    pub(super) async fn create_joined(
        &self,
        operation: &str,
        context: &Context,
        pod: &PodSpec,
        images: Images,
        progress: &dyn Progress,
    ) -> Result<(), TargetError> {
        // An earlier sandbox may have gone without them.
        let left = self.members(operation, &pod.name).await?;
        self.end(operation, &left, Members::of(pod).as_ref(), pod.grace).await?;
        for member in &left {
            self.remove_container(operation, &member.id).await?;
        }
        let image = Image { digest: self.companion().await?, user: super::companion::USER.to_owned() };
        let holder = sandbox(pod, &image.digest);
        let (members, containers) = (Members::of(pod), self.containers(operation).await?);
        let reached = Reached { members, facts: None, containers };
        let made = self.make_reached(operation, context, &holder, &image, reached).await?;
        self.settle(context, pod, &made, Some(images), progress).await
    }

    /// Makes, mends and starts what a pod lacks of its containers, one after the other; its sandbox first.
    pub(super) async fn settle(
        &self,
        context: &Context,
        pod: &PodSpec,
        sandbox: &str,
        images: Option<Images>,
        progress: &dyn Progress,
    ) -> Result<(), TargetError> {
        let operation = format!("bring up the containers of pod {}", pod.name);
        self.start_pod(&pod.name, sandbox).await?;
        let pod = &*self.told_by(&operation, context, pod, sandbox).await?;
        let there = self.members(&operation, &pod.name).await?;
        let found = |name: &str| there.iter().find(|member| member.role == Role::Part && member.name == name);
        // Main containers are made only when all before them has ended well.
        let prepared = pod.lasting().any(|container| !container.sidecar && found(&container.name).is_some());
        for (at, container) in pod.containers().enumerate() {
            let known = images.as_ref().and_then(|images| images.all().nth(at)).cloned();
            let lasts = pod.lasting().any(|lasting| lasting.name == container.name);
            if lasts {
                self.keep_up(context, pod, (container, known), sandbox, found(&container.name), progress).await?;
                if let (true, Some(startup)) = (container.sidecar, &container.startup) {
                    self.await_start(pod, container, startup).await?;
                }
            } else if !prepared {
                progress.init(&pod.name, &container.name);
                let image = self.image_of(pod, container, known, progress).await?;
                self.run_init(context, pod, at, &image, Some(sandbox)).await?;
            }
        }
        Ok(())
    }

    async fn image_of(
        &self,
        pod: &PodSpec,
        container: &ContainerSpec,
        known: Option<Image>,
        progress: &dyn Progress,
    ) -> Result<Image, TargetError> {
        match known {
            Some(image) => Ok(image),
            None => self.image(pod, container, progress).await,
        }
    }

    /// One container that lasts as long as its pod: left alone, started, or made anew.
    async fn keep_up(
        &self,
        context: &Context,
        pod: &PodSpec,
        (container, image): (&ContainerSpec, Option<Image>),
        sandbox: &str,
        there: Option<&Member>,
        progress: &dyn Progress,
    ) -> Result<(), TargetError> {
        let name = pod.container_name(&container.name);
        let operation = format!("bring up container {name}");
        if let Some(there) = there {
            if self.may_stay(&operation, &name, there, pod, sandbox).await? {
                return self.start_pod(&pod.name, &there.id).await;
            }
            self.stop_container(&operation, &there.id, pod.grace).await?;
            self.remove_container(&operation, &there.id).await?;
        }
        let image = self.image_of(pod, container, image, progress).await?;
        let asked = asked::of_container(pod, container, self.memory().swap_limit);
        let made = self.make(context, pod, container, Place::Joined(&asked, sandbox), &name, &image).await?;
        self.start(&pod.name, &made).await
    }

    /// True if a container need not be made anew; it bears its name then.
    async fn may_stay(
        &self,
        operation: &str,
        name: &str,
        member: &Member,
        pod: &PodSpec,
        sandbox: &str,
    ) -> Result<bool, TargetError> {
        let found = match self.ours(operation, &member.id).await {
            Ok(found) => found,
            Err(TargetError::Failed { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        let joined = found.joined_to() == Some(sandbox);
        let same = found.labels.as_ref().is_some_and(|labels| labels.revision.as_ref() == Some(&pod.revision));
        let dead = found.inspect.state.as_ref().is_none_or(|state| observe::state_of_inspect(state) == PodState::Dead);
        let altered = found.asked.as_ref().is_none_or(|asked| {
            let altered = asked::alterations(asked, name, &found.inspect);
            altered.iter().any(|altered| matches!(altered, Alteration::Field(_)))
        });
        let stays = joined && same && !dead && !altered;
        if stays {
            self.rename(operation, &member.id, &found, name).await?;
        }
        Ok(stays)
    }

    /// Waits until a sidecar says that it has started. One that says no too often is restarted, as a kubelet does.
    async fn await_start(&self, pod: &PodSpec, container: &ContainerSpec, probe: &Probe) -> Result<(), TargetError> {
        let name = pod.container_name(&container.name);
        let limit = Duration::from_secs(u64::from(probe.timeout.0.max(1)));
        let wait = |seconds: Seconds| sleep(Duration::from_secs(u64::from(seconds.0)));
        let started = async {
            loop {
                wait(probe.initial_delay).await;
                let mut failures = 0;
                while failures < probe.failure_threshold.max(1) {
                    match self.probe(&name, &probe.action, limit).await? {
                        ProbeResult::Success => return Ok(()),
                        ProbeResult::Failure(_) => failures += 1,
                    }
                    wait(probe.period).await;
                }
                self.restart(&name, probe.grace.unwrap_or(pod.grace)).await?;
            }
        };
        match timeout(Duration::from_secs(u64::from(pod.progress_deadline.0)), started).await {
            Ok(started) => started,
            Err(_elapsed) => Err(TargetError::Failed {
                operation: format!("start sidecar {} of pod {}", container.name, pod.name),
                reason: format!("its startupProbe did not succeed within {}", pod.progress_deadline),
            }),
        }
    }

    /// The containers of a pod beside the one that bears its name: those that prepare it, and those that are joined.
    async fn members(&self, operation: &str, pod: &str) -> Result<Vec<Member>, TargetError> {
        let containers = self.containers(operation).await?;
        let member = |container: ContainerSummary| {
            let labels = PodLabels::parse(&self.host, &container.labels?).filter(|labels| labels.pod == pod)?;
            let PodLabels { role, container: name, .. } = labels;
            let apart = matches!(role, Role::Init | Role::Part);
            Some(Member { id: container.id?, name: name.unwrap_or_default(), role }).filter(|_| apart)
        };
        Ok(containers.into_iter().filter_map(member).collect())
    }

    /// Stops the containers of a pod within its grace: the main ones at once, then the sidecars, the last one first.
    async fn end(
        &self,
        operation: &str,
        there: &[Member],
        order: Option<&Members>,
        grace: Seconds,
    ) -> Result<(), TargetError> {
        let begun = Clock.now();
        let left = || grace.left(begun, Clock.now());
        let is_sidecar = |member: &&Member| order.is_some_and(|order| order.sidecars.contains(&member.name));
        let parts = there.iter().filter(|member| member.role == Role::Part);
        let (mut sidecars, mains): (Vec<&Member>, Vec<&Member>) = parts.partition(is_sidecar);
        try_join_all(mains.iter().map(|main| self.stop_container(operation, &main.id, grace))).await?;
        let place = |member: &Member| order.and_then(|order| order.sidecars.iter().position(|it| *it == member.name));
        sidecars.sort_by_key(|member| std::cmp::Reverse(place(member)));
        for sidecar in sidecars {
            self.stop_container(operation, &sidecar.id, left()).await?;
        }
        Ok(())
    }

    /// Stops what is joined to a pod's sandbox, or was, and gives what is to be removed with it.
    pub(super) async fn end_members(
        &self,
        operation: &str,
        pod: &str,
        order: Option<&Members>,
        grace: Seconds,
    ) -> Result<Vec<String>, TargetError> {
        let there = self.members(operation, pod).await?;
        self.end(operation, &there, order, grace).await?;
        Ok(there.into_iter().map(|member| member.id).collect())
    }

    /// Ends what goes on of a pod whose main containers have ended: the sidecars, then the sandbox. All of it stays to be read.
    pub(super) async fn end_lingering(&self, pod: &str, sandbox: &str) -> Result<(), TargetError> {
        let operation = format!("end what goes on of pod {pod}");
        let found = self.ours(&operation, sandbox).await?;
        let grace = found.asked.as_ref().map_or(Seconds(0), Asked::grace);
        let order = found.asked.as_ref().and_then(|asked| asked.members.as_ref());
        self.end_members(&operation, pod, order, grace).await?;
        self.stop_container(&operation, sandbox, grace).await
    }
}
