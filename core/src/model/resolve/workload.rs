//! Workloads: their controllers and their pod templates.

use std::collections::BTreeMap;

use super::container::{self, Surroundings};
use super::{Reader, environment, extras, machine, security, volumes};
use crate::hash::SpecHash;
use crate::limits::{GRACE_SECONDS_DEFAULT, MIN_READY_SECONDS_DEFAULT, PROGRESS_SECONDS_DEFAULT, REPLICAS_MAX};
use crate::model::template::{ContainerTemplate, Names, Template};
use crate::model::view::IntOrString;
use crate::model::view::pod::PodFields;
use crate::model::view::workload::{
    Claim, DaemonSet, Deployment, Expression, Metadata, Retention, RollingUpdate, Selector, StatefulSet, UpdateStrategy,
};
use crate::model::{
    ClaimTemplate, Controller, DaemonUpdate, Kind, Object, PodManagement, StatefulUpdate, Workload, annotation,
    quantity,
};
use crate::time::Seconds;

/// A workload before its names and its hash.
pub(super) struct Draft<'a> {
    pub(super) object: &'a Object,
    pub(super) controller: Controller,
    pub(super) replicas: u32,
    pub(super) service_name: Option<String>,
    pub(super) fixed: BTreeMap<String, String>,
    pub(super) template: Template,
    pub(super) min_ready: Seconds,
    pub(super) progress_deadline: Seconds,
    pub(super) pending: Option<String>,
}

impl Draft<'_> {
    pub(super) fn finish(self, revision: SpecHash, parts: BTreeMap<String, String>) -> Workload {
        Workload {
            id: self.object.id.clone(),
            file: self.object.place("").map(|place| place.file.to_string()),
            controller: self.controller,
            replicas: self.replicas,
            revision,
            parts,
            fixed: self.fixed,
            template: self.template,
            min_ready: self.min_ready,
            progress_deadline: self.progress_deadline,
        }
    }
}

/// Reads one workload.
pub(super) fn read<'a>(reader: &mut Reader<'a, '_>) -> Option<Draft<'a>> {
    let id = &reader.object.id;
    if id.name.contains('.') || id.scope.0.contains('.') || id.scope.0.is_empty() || id.name.is_empty() {
        let help = "dots separate the parts of container names";
        reader.error_help("/metadata/name", "scope and name must not be empty nor hold a dot", help);
    }
    match id.kind {
        Kind::StatefulSet => stateful_set(reader),
        Kind::Deployment => deployment(reader),
        Kind::DaemonSet => daemon_set(reader),
        Kind::Job => super::job::read(reader),
        Kind::CronJob => super::cronjob::read(reader),
        Kind::Namespace
        | Kind::StorageClass
        | Kind::ConfigMap
        | Kind::Secret
        | Kind::Service
        | Kind::PodDisruptionBudget
        | Kind::Ingress
        | Kind::IngressClass
        | Kind::GatewayClass
        | Kind::Gateway
        | Kind::HttpRoute
        | Kind::Other(_) => None,
    }
}

fn stateful_set<'a>(reader: &mut Reader<'a, '_>) -> Option<Draft<'a>> {
    let raw: StatefulSet = reader.view("/spec")?;
    let management = match raw.pod_management_policy.as_deref() {
        None | Some("" | "OrderedReady") => PodManagement::OrderedReady,
        Some("Parallel") => PodManagement::Parallel,
        Some(other) => {
            let message = format!("`{other}` is no pod management policy; use OrderedReady or Parallel");
            reader.error("/spec/podManagementPolicy", &message);
            PodManagement::OrderedReady
        }
    };
    keeps_volumes(reader, raw.persistent_volume_claim_retention_policy.as_ref());
    let start = raw.ordinals.as_ref().and_then(|ordinals| ordinals.start);
    let start = reader.number(start, "/spec/ordinals/start", 0, 0, i32::MAX.unsigned_abs());
    let raw_claims = raw.volume_claim_templates.as_deref().unwrap_or_default();
    let (claims, pending, mut fixed) = claims(reader, raw_claims);
    let ordered = if management == PodManagement::OrderedReady { "OrderedReady" } else { "Parallel" };
    fixed.insert("podManagementPolicy".to_owned(), ordered.to_owned());
    fixed.insert("serviceName".to_owned(), raw.service_name.clone().unwrap_or_default());
    fixed.insert("selector".to_owned(), selector_text(raw.selector.as_ref()));
    let replicas = reader.number(raw.replicas, "/spec/replicas", 1, 0, REPLICAS_MAX);
    let update = stateful_update(reader, raw.update_strategy.as_ref(), replicas);
    let names: Vec<String> = claims.iter().map(|claim| claim.name.clone()).collect();
    let template = template(reader, raw.selector.as_ref(), &names)?;
    Some(Draft {
        controller: Controller::StatefulSet { start, management, update, claims },
        replicas,
        service_name: raw.service_name.filter(|name| !name.is_empty()),
        fixed,
        min_ready: min_ready(reader, raw.min_ready_seconds, &template),
        progress_deadline: Seconds(PROGRESS_SECONDS_DEFAULT),
        pending,
        object: reader.object,
        template,
    })
}

fn deployment<'a>(reader: &mut Reader<'a, '_>) -> Option<Draft<'a>> {
    let raw: Deployment = reader.view("/spec")?;
    if raw.paused.unwrap_or(false) {
        reader.error_help("/spec/paused", "a paused Deployment is not supported", "suspend the unit instead");
    }
    let replicas = reader.number(raw.replicas, "/spec/replicas", 1, 0, REPLICAS_MAX);
    let mut controller = deployment_update(reader, raw.strategy.as_ref(), replicas);
    let template = template(reader, raw.selector.as_ref(), &[])?;
    let holds_port = template.ports().any(|(_, port)| port.publish.is_some_and(|publish| publish.port.is_some()));
    if let Controller::Deployment { recreate: false, max_surge, max_unavailable } = &mut controller
        && holds_port
        && *max_surge > 0
    {
        *max_surge = 0;
        *max_unavailable = (*max_unavailable).max(1);
        let message = "a host port can be held by one pod at a time: updates take the old pod away first";
        reader.note("/spec/strategy", message);
    }
    let deadline = raw.progress_deadline_seconds;
    let deadline = reader.number(deadline, "/spec/progressDeadlineSeconds", PROGRESS_SECONDS_DEFAULT, 1, u32::MAX);
    Some(Draft {
        controller,
        replicas,
        service_name: None,
        fixed: BTreeMap::from([("selector".to_owned(), selector_text(raw.selector.as_ref()))]),
        min_ready: min_ready(reader, raw.min_ready_seconds, &template),
        progress_deadline: Seconds(deadline),
        pending: None,
        object: reader.object,
        template,
    })
}

fn daemon_set<'a>(reader: &mut Reader<'a, '_>) -> Option<Draft<'a>> {
    let raw: DaemonSet = reader.view("/spec")?;
    let kind = raw.update_strategy.as_ref().and_then(|strategy| strategy.kind.as_deref());
    let update = match kind {
        None | Some("" | "RollingUpdate") => DaemonUpdate::Rolling,
        Some("OnDelete") => DaemonUpdate::OnDelete,
        Some(other) => {
            let message = format!("`{other}` is no update strategy; use RollingUpdate or OnDelete");
            reader.error("/spec/updateStrategy/type", &message);
            DaemonUpdate::OnDelete
        }
    };
    let template = template(reader, raw.selector.as_ref(), &[])?;
    Some(Draft {
        controller: Controller::DaemonSet { update },
        replicas: 1,
        service_name: None,
        fixed: BTreeMap::from([("selector".to_owned(), selector_text(raw.selector.as_ref()))]),
        min_ready: min_ready(reader, raw.min_ready_seconds, &template),
        progress_deadline: Seconds(PROGRESS_SECONDS_DEFAULT),
        pending: None,
        object: reader.object,
        template,
    })
}

/// A probe says when a container is ready; without one, only time does.
fn min_ready(reader: &mut Reader<'_, '_>, written: Option<i64>, template: &Template) -> Seconds {
    let probed = template.mains().all(|container| container.readiness.is_some());
    let default = if probed { 0 } else { MIN_READY_SECONDS_DEFAULT };
    Seconds(reader.number(written, "/spec/minReadySeconds", default, 0, i32::MAX.unsigned_abs()))
}

/// Volumes die only when a person says so by name.
fn keeps_volumes(reader: &mut Reader<'_, '_>, retention: Option<&Retention>) {
    let Some(Retention { when_deleted, when_scaled }) = retention else { return };
    for (field, value) in [("whenDeleted", when_deleted), ("whenScaled", when_scaled)] {
        if value.as_deref().is_some_and(|value| value != "Retain") {
            let pointer = format!("/spec/persistentVolumeClaimRetentionPolicy/{field}");
            let help = "use Retain; `writ delete KIND/SCOPE/NAME --prune` destroys volumes";
            reader.error_help(&pointer, &format!("{field} would destroy data"), help);
        }
    }
}

fn stateful_update(reader: &mut Reader<'_, '_>, strategy: Option<&UpdateStrategy>, replicas: u32) -> StatefulUpdate {
    let pointer = "/spec/updateStrategy";
    let kind = strategy.and_then(|strategy| strategy.kind.as_deref());
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let partition = rolling.and_then(|rolling| rolling.partition);
    let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
    match kind {
        None | Some("" | "RollingUpdate") => {
            let pointer = format!("{pointer}/rollingUpdate");
            let partition = reader.number(partition, &format!("{pointer}/partition"), 0, 0, i32::MAX.unsigned_abs());
            let pointer = format!("{pointer}/maxUnavailable");
            if matches!(unavailable, Some(IntOrString::Int(0))) {
                reader.error(
                    &pointer,
                    "`maxUnavailable` of a StatefulSet must be at least 1: no pod could ever be replaced",
                );
            }
            // Source: Kubernetes, which rounds a percentage down, and lets one pod be missing where none would be left.
            let share =
                unavailable.map_or(1, |unavailable| share(reader, &pointer, Some(unavailable), replicas, false));
            StatefulUpdate::Rolling { partition, max_unavailable: share.max(1) }
        }
        Some("OnDelete") => StatefulUpdate::OnDelete,
        Some(other) => {
            let message = format!("`{other}` is no update strategy; use RollingUpdate or OnDelete");
            reader.error(&format!("{pointer}/type"), &message);
            StatefulUpdate::OnDelete
        }
    }
}

fn deployment_update(reader: &mut Reader<'_, '_>, strategy: Option<&UpdateStrategy>, replicas: u32) -> Controller {
    let pointer = "/spec/strategy";
    let rolling = match strategy.and_then(|strategy| strategy.kind.as_deref()) {
        None | Some("" | "RollingUpdate") => strategy.and_then(|strategy| strategy.rolling_update.as_ref()),
        Some("Recreate") => return Controller::Deployment { recreate: true, max_surge: 0, max_unavailable: replicas },
        Some(other) => {
            let message = format!("`{other}` is no strategy; use RollingUpdate or Recreate");
            reader.error(&format!("{pointer}/type"), &message);
            None
        }
    };
    let (surge, unavailable) = match rolling {
        Some(RollingUpdate { partition: _, max_surge, max_unavailable }) => (max_surge, max_unavailable),
        None => (&None, &None),
    };
    let pointer = format!("{pointer}/rollingUpdate");
    let max_surge = share(reader, &format!("{pointer}/maxSurge"), surge.as_ref(), replicas, true);
    let max_unavailable = share(reader, &format!("{pointer}/maxUnavailable"), unavailable.as_ref(), replicas, false);
    // Source: Kubernetes, which lets one pod be missing where rounding would leave no room at all.
    let max_unavailable = if max_surge == 0 { max_unavailable.max(1) } else { max_unavailable };
    Controller::Deployment { recreate: false, max_surge, max_unavailable }
}

/// A number of pods, or a percentage of them (25% where unset), rounded up or down.
fn share(reader: &mut Reader<'_, '_>, pointer: &str, written: Option<&IntOrString>, replicas: u32, up: bool) -> u32 {
    const DEFAULT_PERCENT: u32 = 25;
    let percent = match written {
        None => DEFAULT_PERCENT,
        Some(IntOrString::Int(number)) => return reader.number(Some(*number), pointer, 1, 0, REPLICAS_MAX),
        Some(IntOrString::Text(text)) => {
            let percent = text.strip_suffix('%').and_then(|digits| digits.parse().ok());
            let Some(percent) = percent.filter(|percent| *percent <= 1_000) else {
                reader.error(pointer, &format!("`{text}` is neither a number nor a percentage"));
                return 1;
            };
            percent
        }
    };
    let hundredths = percent * replicas;
    if up { hundredths.div_ceil(100) } else { hundredths / 100 }
}

type Claims = (Vec<ClaimTemplate>, Option<String>, BTreeMap<String, String>);

/// Claim templates, why they cannot be had, and their text by field name.
fn claims(reader: &mut Reader<'_, '_>, raw: &[Claim]) -> Claims {
    let (mut claims, mut pending, mut fixed) = (Vec::<ClaimTemplate>::new(), None, BTreeMap::new());
    for (at, claim) in raw.iter().enumerate() {
        let pointer = format!("/spec/volumeClaimTemplates/{at}");
        let name = claim.metadata.as_ref().and_then(|metadata| metadata.name.clone()).unwrap_or_default();
        if name.is_empty() || claims.iter().any(|other| other.name == name) {
            reader.error(&pointer, &format!("claim template `{name}` needs a name of its own"));
            continue;
        }
        let spec = claim.spec.as_ref();
        let class = spec.and_then(|spec| spec.storage_class_name.clone()).filter(|class| !class.is_empty());
        let modes = spec.and_then(|spec| spec.access_modes.clone()).unwrap_or_default();
        let storage = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref()?.get("storage"));
        let bytes = storage.and_then(|written| {
            let bytes = quantity::parse(&written.text(), 1);
            if bytes.is_none() {
                let pointer = format!("{pointer}/spec/resources/requests/storage");
                reader.error(&pointer, &format!("`{}` is no quantity", written.text()));
            }
            bytes
        });
        if let Some(class) = class.as_ref().filter(|class| !reader.catalog.has_class(class)) {
            let reason = format!("claim {name} asks for storage class {class}, which is not declared");
            reader.warning(&format!("{pointer}/spec/storageClassName"), &format!("pending: {reason}"));
            pending.get_or_insert(reason);
        }
        // The size is left out: volumes of a container engine have none, so that growing it asks for nothing.
        let text = format!("accessModes={} storageClassName={}", modes.join(","), class.as_deref().unwrap_or_default());
        fixed.insert(format!("volumeClaimTemplates/{name}"), text);
        claims.push(ClaimTemplate { name, bytes, class });
    }
    (claims, pending, fixed)
}

/// The template of a workload that keeps its pods running and finds them by a selector.
fn template(reader: &mut Reader<'_, '_>, selector: Option<&Selector>, claims: &[String]) -> Option<Template> {
    let template = pod_template(reader, claims, &["Always"])?;
    if !selects(selector, &template.labels) {
        let help = "write the same labels in spec.selector.matchLabels and spec.template.metadata.labels";
        reader.error_help("/spec/selector", "the selector does not match the labels of its own pod template", help);
    }
    Some(template)
}

/// A pod template whose restart policy is one of those given; `Always` where it is unset.
pub(super) fn pod_template(reader: &mut Reader<'_, '_>, claims: &[String], restarts: &[&str]) -> Option<Template> {
    let metadata: Option<Metadata> = reader.view("/spec/template/metadata")?;
    let (labels, annotations) = metadata.map(|metadata| (metadata.labels, metadata.annotations)).unwrap_or_default();
    let (labels, annotations) = (labels.unwrap_or_default(), annotations.unwrap_or_default());
    let pod: PodFields = reader.view("/spec/template/spec")?;
    if !restarts.contains(&pod.restart_policy.as_deref().unwrap_or("Always")) {
        let message = format!("the restart policy must be {}", restarts.join(" or "));
        reader.error("/spec/template/spec/restartPolicy", &message);
    }
    security::check_pod(reader, &pod);
    let grace = "/spec/template/spec/terminationGracePeriodSeconds";
    let grace = reader.number(pod.termination_grace_period_seconds, grace, GRACE_SECONDS_DEFAULT, 0, u32::MAX);
    let all_volumes = volumes::read(reader, pod.volumes.as_deref(), claims);
    let bucket = annotations.get(annotation::BUCKET).cloned();
    let bucket = bucket.map(|written| environment::bucket(reader, &written)).unwrap_or_default();
    let borrowed = annotations.get(annotation::ENV_FROM).cloned();
    let borrowed = borrowed.map(|written| environment::borrowed(reader, &written)).unwrap_or_default();
    let around = Surroundings {
        pod: &pod,
        volumes: &all_volumes,
        bucket: &bucket,
        borrowed: &borrowed,
        publish: is_published(reader, annotations.get(annotation::PUBLISH)),
    };
    let extras = extras::read(reader, &pod, &annotations);
    let Containers { init, main, beside } = containers(reader, &around)?;
    let template = Template {
        names: Names::default(),
        machine: machine::read(reader, &pod),
        share_processes: pod.share_process_namespace.unwrap_or(false),
        fs_group: pod.security_context.as_ref().and_then(|security| security.fs_group),
        extras,
        grace: Seconds(grace),
        work: None,
        labels,
        annotations,
        init,
        main,
        beside,
    };
    check_containers(reader, &template);
    Some(template)
}

fn is_published(reader: &mut Reader<'_, '_>, written: Option<&String>) -> bool {
    match written.map(String::as_str) {
        None => false,
        Some("loopback") => true,
        Some(other) => {
            let message = format!("annotation {} is `{other}`, and must be `loopback`", annotation::PUBLISH);
            reader.error("/spec/template/metadata/annotations", &message);
            false
        }
    }
}

/// The containers of a pod template.
struct Containers {
    init: Vec<ContainerTemplate>,
    main: ContainerTemplate,
    beside: Vec<ContainerTemplate>,
}

fn containers(reader: &mut Reader<'_, '_>, around: &Surroundings<'_>) -> Option<Containers> {
    let pointer = "/spec/template/spec";
    let mut read = |list: &str, count: usize, place: container::Place| -> Vec<ContainerTemplate> {
        let pointers = (0..count).map(|at| format!("{pointer}/{list}/{at}"));
        pointers.filter_map(|pointer| container::read(reader, &pointer, around, place)).collect()
    };
    let count = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
    let init = read("initContainers", count(&around.pod.init_containers), container::Place::Init);
    let mut mains = read("containers", count(&around.pod.containers), container::Place::Main).into_iter();
    let Some(main) = mains.next() else {
        if count(&around.pod.containers) == 0 {
            reader.error(&format!("{pointer}/containers"), "a pod needs a container");
        }
        return None;
    };
    Some(Containers { init, main, beside: mains.collect() })
}

/// What concerns several containers at once.
fn check_containers(reader: &mut Reader<'_, '_>, template: &Template) {
    let mut names: Vec<&str> = template.containers().map(|container| container.name.as_str()).collect();
    names.sort_unstable();
    for name in names.windows(2).filter(|pair| pair.first() == pair.last()).filter_map(|pair| pair.first()) {
        reader.error("/spec/template/spec/containers", &format!("two containers are named `{name}`"));
    }
}

/// True if the selector is there and fits the labels.
pub(super) fn selects(selector: Option<&Selector>, labels: &BTreeMap<String, String>) -> bool {
    let Some(selector) = selector else { return false };
    let Selector { match_labels, match_expressions } = selector;
    let mut words = match_labels.iter().flatten();
    let mut expressions = match_expressions.iter().flatten();
    !selector.is_empty()
        && words.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.all(|expression| {
            let Expression { key, operator, values } = expression;
            let values = values.as_deref().unwrap_or_default();
            match (operator.as_str(), labels.get(key)) {
                ("In", Some(value)) => values.contains(value),
                ("NotIn", Some(value)) => !values.contains(value),
                ("Exists", label) => label.is_some(),
                ("NotIn", None) => true,
                ("DoesNotExist", label) => label.is_none(),
                _ => false,
            }
        })
}

fn selector_text(selector: Option<&Selector>) -> String {
    let Some(Selector { match_labels, match_expressions }) = selector else { return String::new() };
    let labels = match_labels.iter().flatten().map(|(key, value)| format!("{key}={value}"));
    let mut expressions: Vec<String> = match_expressions
        .iter()
        .flatten()
        .map(|Expression { key, operator, values }| {
            format!("{key} {operator} ({})", values.as_deref().unwrap_or_default().join(","))
        })
        .collect();
    expressions.sort();
    labels.chain(expressions).collect::<Vec<_>>().join(", ")
}
