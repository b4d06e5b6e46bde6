//! What a pod is told that is known only where it is made: its address, its host, how large that is.
//!
//! Source: the downward API of Kubernetes.
//!
//! Invariant: it decides nothing but variables, commands and files, so that a pod that was judged is the pod that is made.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::concrete::ThisPod;
use super::pod::{ContainerSpec, PodSpec, Resources};
use super::template::{
    Amount, ContainerTemplate, Field, LateField, MountTemplate, Resource, SourceTemplate, Template, Text,
};
use super::{ObjectId, PodIndex, Work};

/// What is known of a pod once it is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodFacts {
    /// What its host calls itself.
    pub node: String,
    /// The address at which pods reach the host.
    pub host_address: String,
    /// The pod's own address; empty while it is not known.
    pub address: String,
    /// What no other pod has.
    pub uid: String,
    /// All processors of the host, in thousandths of a core.
    pub cpu_millis: u64,
    /// All memory of the host, in bytes.
    pub memory_bytes: u64,
}

/// The containers of a pod before that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Late {
    object: ObjectId,
    index: PodIndex,
    name: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    work: Option<Work>,
    resources: BTreeMap<String, Resources>,
    containers: BTreeMap<String, ContainerTemplate>,
}

impl Late {
    /// The containers of a pod, if one of them is told something that is not known yet.
    pub(super) fn of(template: &Template, this: &ThisPod<'_>) -> Option<Box<Self>> {
        let ThisPod { object, index, name, labels, annotations, work, resources, facts: _ } = *this;
        let waits = |container: &ContainerTemplate| fields(container).any(|field| is_late(field, resources));
        let waiting = template.containers().filter(|container| waits(container));
        let containers: BTreeMap<_, _> = waiting.map(|waiting| (waiting.name.clone(), waiting.clone())).collect();
        (!containers.is_empty()).then(|| {
            Box::new(Self {
                object: object.clone(),
                index: index.clone(),
                name: name.to_owned(),
                labels: labels.clone(),
                annotations: annotations.clone(),
                work: work.copied(),
                resources: resources.clone(),
                containers,
            })
        })
    }

    fn tell(&self, container: &mut ContainerSpec, facts: &PodFacts) {
        let Self { object, index, name, labels, annotations, work, resources, containers } = self;
        let Some(template) = containers.get(&container.name) else { return };
        let work = work.as_ref();
        let this = ThisPod { object, index, name, labels, annotations, work, resources, facts: Some(facts) };
        let told = this.container(template);
        (container.env, container.mounts) = (told.env, told.mounts);
        (container.entrypoint, container.arguments) = (told.entrypoint, told.arguments);
    }
}

impl PodSpec {
    /// The same with all that is known once it is made; itself where nothing waits for that.
    #[must_use]
    pub fn told(&self, facts: &PodFacts) -> Cow<'_, Self> {
        let Some(late) = &self.late else { return Cow::Borrowed(self) };
        let mut pod = self.clone();
        for container in pod.init.iter_mut().chain([&mut pod.main]).chain(&mut pod.beside) {
            late.tell(container, facts);
        }
        Cow::Owned(pod)
    }
}

/// What a container is told of its pod.
fn fields(container: &ContainerTemplate) -> impl Iterator<Item = &Field> {
    let files = container.mounts.iter().flat_map(|MountTemplate { path: _, source, read_only: _ }| match source {
        SourceTemplate::Directory(files) => files.values().map(|file| &file.content).collect(),
        SourceTemplate::File(file) => vec![&file.content],
        SourceTemplate::Claim(_)
        | SourceTemplate::Empty { name: _, memory: _, limit: _ }
        | SourceTemplate::Host(_)
        | SourceTemplate::Below { host: _, path: _ } => Vec::new(),
    });
    let texts = container.env.iter().map(|variable| &variable.value).chain(files);
    texts.filter_map(|text| match text {
        Text::Field(field) => Some(field),
        Text::Plain(_) | Text::Content(_) => None,
    })
}

/// True if a container is told the address of its pod.
pub(super) fn tells_address(container: &ContainerTemplate) -> bool {
    fields(container).any(|field| *field == Field::Late(LateField::Address))
}

/// True for what is known only once a pod is made.
fn is_late(field: &Field, resources: &BTreeMap<String, Resources>) -> bool {
    match field {
        Field::Late(_) => true,
        Field::Amount(of) => {
            let resources = resources.get(&of.container).copied().unwrap_or_default();
            amount(of, &resources, None).is_none()
        }
        Field::Name
        | Field::Namespace
        | Field::Label(_)
        | Field::Annotation(_)
        | Field::Labels
        | Field::Annotations
        | Field::ServiceAccount(_) => false,
    }
}

/// What a container may use, in units of the divisor, rounded up. What has no limit may use the whole host, and nothing is
/// kept for what asks for nothing; none while the host is not known. Source: the kubelet.
pub(super) fn amount(amount: &Amount, resources: &Resources, facts: Option<&PodFacts>) -> Option<u64> {
    let Amount { container: _, resource, divisor } = amount;
    let Resources { cpu_request_millis, cpu_limit_millis, memory_request_bytes, memory_limit_bytes } = resources;
    let whole = match resource {
        Resource::CpuLimit => cpu_limit_millis.or(facts.map(|facts| facts.cpu_millis))?,
        Resource::CpuRequest => cpu_request_millis.unwrap_or(0),
        Resource::MemoryLimit => memory_limit_bytes.or(facts.map(|facts| facts.memory_bytes))?,
        Resource::MemoryRequest => memory_request_bytes.unwrap_or(0),
    };
    Some(whole.div_ceil((*divisor).max(1)))
}
