//! A workload's template made into one pod.

use std::collections::BTreeMap;

use super::expand::expand;
use super::late::{self, Late, PodFacts};
use super::pod::{ContainerSpec, FileContent, Mount, MountSource, PodSpec, Resources, VolumeSpec};
use super::template::{
    ContainerTemplate, Field, FileTemplate, LateField, Machine, Names, SharedName, SourceTemplate, Template, Text,
    container_name, volume_prefix,
};
use super::{Controller, Kind, ObjectId, PodIndex, Work, Workload};
use crate::text::SecretText;

/// Label by which a StatefulSet tells a pod its name. Source: Kubernetes, well-known labels.
pub(super) const POD_NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
/// Label by which a StatefulSet tells a pod its ordinal. Source: Kubernetes, well-known labels.
pub(super) const POD_INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

/// Labels by which a Job tells a pod its name. Source: Kubernetes, well-known labels.
pub(super) const JOB_NAME_LABELS: [&str; 2] = ["batch.kubernetes.io/job-name", "job-name"];
/// Label and annotation by which an indexed Job tells a pod which completion it works for. Source: Kubernetes.
pub(super) const COMPLETION_LABEL: &str = "batch.kubernetes.io/job-completion-index";
/// The same as a variable. Source: Kubernetes.
const COMPLETION_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// Annotation by which a pod tells which of its containers is meant where none is named. Source: kubectl.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// Longest name of a machine. Source: RFC 1123.
const HOSTNAME_BYTES_MAX: usize = 63;

/// The pod of `workload` at `index`.
pub(super) fn pod(workload: &Workload, index: &PodIndex) -> PodSpec {
    let Template {
        labels,
        annotations,
        names,
        machine,
        init,
        main,
        beside,
        share_processes,
        fs_group,
        extras,
        grace,
        work,
    } = &workload.template;
    let hostname = pod_name(&workload.id, index, work.as_ref());
    let (mut labels, mut annotations) = (labels.clone(), annotations.clone());
    if workload.id.kind == Kind::StatefulSet {
        labels.insert(POD_NAME_LABEL.to_owned(), hostname.clone());
        labels.insert(POD_INDEX_LABEL.to_owned(), index.to_string());
    }
    if let (Some(_), PodIndex::Try { run, completion, earlier: _ }) = (work, index) {
        for name in JOB_NAME_LABELS {
            labels.insert(name.to_owned(), job_name(&workload.id, *run));
        }
        if tells_completion(work.as_ref()) {
            labels.insert(COMPLETION_LABEL.to_owned(), completion.to_string());
            annotations.insert(COMPLETION_LABEL.to_owned(), completion.to_string());
        }
    }
    let resources: BTreeMap<String, Resources> =
        workload.template.containers().map(|container| (container.name.clone(), container.resources)).collect();
    let this = ThisPod {
        object: &workload.id,
        index,
        name: &hostname,
        labels: &labels,
        annotations: &annotations,
        work: work.as_ref(),
        resources: &resources,
        facts: None,
    };
    let (own, shared) = dns_names(names, &hostname, index);
    PodSpec {
        name: container_name(&workload.id, index),
        object: workload.id.clone(),
        index: index.clone(),
        revision: workload.revision.clone(),
        init: init.iter().map(|container| this.container(container)).collect(),
        main: this.container(main),
        beside: beside.iter().map(|container| this.container(container)).collect(),
        share_processes: *share_processes,
        sandboxed: init.iter().any(|container| !container.sidecar && late::tells_address(container)),
        late: Late::of(&workload.template, &this),
        default_container: annotations.get(DEFAULT_CONTAINER).cloned(),
        volumes: volumes(workload, index),
        own_names: own,
        shared_names: shared,
        publish_not_ready: names.publish_not_ready,
        ends: work.is_some(),
        fs_group: *fs_group,
        extras: extras.clone(),
        grace: *grace,
        min_ready: workload.min_ready,
        progress_deadline: workload.progress_deadline,
        hostname: machine_name(&workload.id, machine, &hostname),
    }
}

/// What Kubernetes calls a pod.
fn pod_name(object: &ObjectId, index: &PodIndex, work: Option<&Work>) -> String {
    match index {
        // Source: Kubernetes, which calls the pod of an indexed Job by its index, whichever try it is.
        PodIndex::Try { run, completion, earlier: _ } if tells_completion(work) => {
            let run = run.map_or_else(String::new, |minute| format!("-{minute}"));
            shortened(&object.name, &format!("{run}-{completion}"))
        }
        PodIndex::Try { .. } => shortened(&object.name, &format!("-{index}")),
        PodIndex::Ordinal(_) | PodIndex::Replica(_) => pod_hostname(object, index),
    }
}

/// The names that lead to a pod from its start to its end, and those that lead to it while it is ready.
fn dns_names(names: &Names, pod: &str, index: &PodIndex) -> (Vec<String>, Vec<String>) {
    let Names { own_endings, always, shared, publish_not_ready: _ } = names;
    let service_names = |names: &[SharedName]| -> Vec<String> {
        let leads_here = |name: &&SharedName| name.ordinal.is_none_or(|only| *index == PodIndex::Ordinal(only));
        names.iter().filter(leads_here).map(|name| name.name.clone()).collect()
    };
    let mut own: Vec<String> = own_endings.iter().map(|ending| format!("{pod}{ending}").to_ascii_lowercase()).collect();
    own.extend(service_names(always));
    let mut shared = service_names(shared);
    shared.retain(|name| !own.contains(name));
    (own, shared)
}

/// What the machine of a pod calls itself.
pub(super) fn machine_name(object: &ObjectId, machine: &Machine, pod: &str) -> String {
    let Machine { name, subdomain, whole } = machine;
    let name = name.as_deref().unwrap_or(pod);
    match subdomain.as_ref().filter(|_| *whole) {
        Some(subdomain) => format!("{name}.{subdomain}.{}.svc.cluster.local", object.scope),
        None => name.to_owned(),
    }
}

/// What a pod is called (`pg-0`); of a Service, what its relay does.
pub(super) fn pod_hostname(object: &ObjectId, index: &PodIndex) -> String {
    if object.kind == Kind::Service { object.name.clone() } else { format!("{}-{index}", object.name) }
}

fn tells_completion(work: Option<&Work>) -> bool {
    work.is_some_and(|work| work.indexed)
}

/// What a Job is called; of a CronJob, the Job of one of its times. Source: Kubernetes, which names it so.
fn job_name(object: &ObjectId, run: Option<u32>) -> String {
    run.map_or_else(|| object.name.clone(), |minute| format!("{}-{minute}", object.name))
}

/// A name with an ending, as long as a machine's name may be. Names of Jobs are letters, digits and hyphens.
fn shortened(name: &str, ending: &str) -> String {
    let room = HOSTNAME_BYTES_MAX.saturating_sub(ending.len());
    format!("{}{ending}", name.get(..room).unwrap_or(name).trim_end_matches('-'))
}

fn volumes(workload: &Workload, index: &PodIndex) -> Vec<VolumeSpec> {
    let (Controller::StatefulSet { claims, .. }, PodIndex::Ordinal(ordinal)) = (&workload.controller, index) else {
        return Vec::new();
    };
    let volume = |claim: &super::ClaimTemplate| VolumeSpec {
        name: format!("{}{ordinal}", volume_prefix(&workload.id, &claim.name)),
        object: workload.id.clone(),
        claim: claim.name.clone(),
        ordinal: *ordinal,
    };
    claims.iter().map(volume).collect()
}

/// What is known of the pod that is being made.
pub(super) struct ThisPod<'a> {
    pub(super) object: &'a ObjectId,
    pub(super) index: &'a PodIndex,
    /// What Kubernetes calls it.
    pub(super) name: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) annotations: &'a BTreeMap<String, String>,
    pub(super) work: Option<&'a Work>,
    /// What its containers may use, by their names.
    pub(super) resources: &'a BTreeMap<String, Resources>,
    /// What is known only once it is made; what is told of that is empty before.
    pub(super) facts: Option<&'a PodFacts>,
}

impl ThisPod<'_> {
    pub(super) fn container(&self, template: &ContainerTemplate) -> ContainerSpec {
        let ContainerTemplate {
            name,
            image,
            pull,
            entrypoint,
            arguments,
            working_dir,
            env,
            ports,
            mounts,
            resources,
            readiness,
            liveness,
            startup,
            security,
            sidecar,
            hooks,
            terminal,
        } = template;
        let mut known = BTreeMap::new();
        for variable in env {
            let value = self.text(&variable.value, &known);
            known.insert(variable.name.clone(), value);
        }
        if let (true, PodIndex::Try { run: _, completion, earlier: _ }) = (tells_completion(self.work), self.index) {
            known.entry(COMPLETION_VARIABLE.to_owned()).or_insert_with(|| SecretText::new(completion.to_string()));
        }
        // Commands are text in every engine; a variable that is not was refused when it was read.
        let words = |words: &Vec<String>| -> Vec<String> {
            words.iter().map(|word| String::from_utf8_lossy(&expand(word, &known)).into_owned()).collect()
        };
        ContainerSpec {
            name: name.clone(),
            image: image.clone(),
            pull: *pull,
            entrypoint: entrypoint.as_ref().map(words),
            arguments: arguments.as_ref().map(words),
            working_dir: working_dir.clone(),
            ports: ports.clone(),
            mounts: mounts
                .iter()
                .map(|mount| Mount {
                    path: mount.path.clone(),
                    source: self.source(&mount.source, &known),
                    read_only: mount.read_only,
                })
                .collect(),
            resources: *resources,
            readiness: readiness.clone(),
            liveness: liveness.clone(),
            startup: startup.clone(),
            security: security.clone(),
            sidecar: *sidecar,
            hooks: hooks.clone(),
            terminal: *terminal,
            env: known,
        }
    }

    fn text(&self, text: &Text, known: &BTreeMap<String, SecretText>) -> SecretText {
        match text {
            Text::Plain(plain) => SecretText::new(expand(plain, known)),
            Text::Content(content) => content.value.clone(),
            Text::Field(field) => SecretText::new(self.field(field)),
        }
    }

    fn field(&self, field: &Field) -> String {
        match field {
            Field::Name => self.name.to_owned(),
            Field::Namespace => self.object.scope.0.clone(),
            Field::Label(key) => self.labels.get(key).cloned().unwrap_or_default(),
            Field::Annotation(key) => self.annotations.get(key).cloned().unwrap_or_default(),
            Field::Labels => listed(self.labels),
            Field::Annotations => listed(self.annotations),
            Field::ServiceAccount(name) => name.clone(),
            Field::Amount(amount) => {
                let of = self.resources.get(&amount.container).copied().unwrap_or_default();
                late::amount(amount, &of, self.facts).map_or_else(String::new, |amount| amount.to_string())
            }
            Field::Late(field) => self.facts.map_or_else(String::new, |facts| match field {
                LateField::Node => facts.node.clone(),
                LateField::HostAddress => facts.host_address.clone(),
                LateField::Address => facts.address.clone(),
                LateField::Uid => facts.uid.clone(),
            }),
        }
    }

    fn source(&self, source: &SourceTemplate, known: &BTreeMap<String, SecretText>) -> MountSource {
        match source {
            SourceTemplate::Claim(claim) => {
                MountSource::Volume(format!("{}{}", volume_prefix(self.object, claim), self.index))
            }
            SourceTemplate::Directory(files) => {
                MountSource::Directory(files.iter().map(|(path, file)| (path.clone(), self.file(file))).collect())
            }
            SourceTemplate::File(file) => MountSource::File(self.file(file)),
            SourceTemplate::Empty { name, memory, limit } => {
                MountSource::Empty { name: name.clone(), memory: *memory, limit: *limit }
            }
            SourceTemplate::Host(path) => MountSource::Host(path.clone()),
            SourceTemplate::Below { host, path } => {
                let path = expand(path, known);
                MountSource::Host(below(host, String::from_utf8_lossy(&path).trim_matches('/')))
            }
        }
    }

    fn file(&self, file: &FileTemplate) -> FileContent {
        let content = match &file.content {
            // Files are never expanded.
            Text::Plain(plain) => SecretText::new(plain.clone()),
            Text::Content(_) | Text::Field(_) => self.text(&file.content, &BTreeMap::new()),
        };
        FileContent { content, mode: file.mode }
    }
}

/// What is below a path of the host.
pub(super) fn below(host: &str, path: &str) -> String {
    format!("{}/{path}", host.trim_end_matches('/'))
}

/// The form in which the downward API writes a map to a file: `key="value"`, one a line.
fn listed(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(key, value)| format!("{key}={value:?}")).collect::<Vec<_>>().join("\n")
}
