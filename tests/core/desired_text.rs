//! Objects from YAML, and what a host must become as text, for the tests of model, hash and guard.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use writ_core::dialect::{Files, lower};
use writ_core::hash::HashKey;
use writ_core::model::{
    BucketRef, Buckets, ContainerSpec, Controller, Desired, Kind, MountSource, Object, PodIndex, PodSpec, Scope,
    Workload, World, resolve,
};
use writ_core::text::{Problem, Problems, SecretText, Severity};

/// The objects of a YAML text; panics if it is refused.
pub(crate) fn objects(yaml: &str) -> Vec<Object> {
    lower(&files(yaml)).0.unwrap_or_else(|problems| panic!("{}", messages(&problems))).objects
}

fn files(yaml: &str) -> Files {
    Files::from([("manifest.yaml".to_owned(), yaml.as_bytes().to_vec())])
}

/// A world with a fixed key and the buckets given as `SCOPE[/NAME] KEY=VALUE`.
pub(crate) fn world(buckets: &[&str]) -> World {
    let mut all = Buckets::new();
    for line in buckets {
        let (bucket, pair) = line.split_once(' ').unwrap();
        let (scope, name) = bucket.split_once('/').map_or((bucket, None), |(scope, name)| (scope, Some(name)));
        let (key, value) = pair.split_once('=').unwrap();
        let bucket = BucketRef { scope: Scope(scope.to_owned()), name: name.map(str::to_owned) };
        all.entry(bucket).or_default().insert(key.to_owned(), SecretText::new(value));
    }
    World { buckets: all, hash_key: HashKey([7; 32]) }
}

/// What the host must become, with what was noted; panics on errors.
pub(crate) fn desired(yaml: &str) -> (Desired, Problems) {
    desired_in(yaml, &[])
}

/// The same with buckets.
pub(crate) fn desired_in(yaml: &str, buckets: &[&str]) -> (Desired, Problems) {
    match resolve(&objects(yaml), &world(buckets)) {
        Ok(found) => found,
        Err(problems) => panic!("{}", messages(&problems)),
    }
}

/// The errors of a set that is refused, one a line, each with its line and column.
pub(crate) fn refusal(yaml: &str) -> String {
    let (_, sources) = lower(&files(yaml));
    let Err(problems) = resolve(&objects(yaml), &world(&[])) else { panic!("it was not refused") };
    let errors = problems.sorted().into_iter().filter(|problem| problem.severity == Severity::Error);
    let line = |problem: &Problem| {
        let place = problem.place.as_ref().and_then(|place| sources.line_column(place));
        let (line, column) = place.unwrap_or_else(|| panic!("no place: {}", problem.message));
        format!("{line}:{column} {}\n", problem.message)
    };
    errors.map(line).collect()
}

/// Problems as text, one a line, with their severity.
pub(crate) fn messages(problems: &Problems) -> String {
    problems.sorted().iter().map(|problem| format!("{:?}: {}\n", problem.severity, problem.message)).collect()
}

/// The one workload of a set.
pub(crate) fn only(desired: &Desired) -> &Workload {
    assert_eq!(desired.workloads.len(), 1, "{:?}", desired.workloads.keys());
    desired.workloads.values().next().unwrap()
}

/// The pod of that ordinal.
pub(crate) fn pod(workload: &Workload, ordinal: u32) -> PodSpec {
    workload.pod(&PodIndex::Ordinal(ordinal))
}

/// The value of a variable, which only tests may read.
pub(crate) fn env(container: &ContainerSpec, name: &str) -> Option<String> {
    container.env.get(name).map(|value| value.expose_str().expect("text").to_owned())
}

/// Everything about what a host must become but the values of secrets.
pub(crate) fn text(desired: &Desired) -> String {
    let mut out = String::new();
    for workload in desired.workloads.values() {
        write_workload(&mut out, workload);
    }
    for (id, reason) in &desired.pending {
        writeln!(out, "pending {id}: {reason}").unwrap();
    }
    out
}

fn write_workload(out: &mut String, workload: &Workload) {
    writeln!(out, "{} replicas {}", workload.id, workload.replicas).unwrap();
    match &workload.controller {
        Controller::StatefulSet { start, management, update, claims } => {
            writeln!(out, "  from {start} {management:?} {update:?}").unwrap();
            for claim in claims {
                writeln!(out, "  claim {} bytes {:?} class {:?}", claim.name, claim.bytes, claim.class).unwrap();
            }
        }
        Controller::Deployment { recreate, max_surge, max_unavailable } => {
            writeln!(out, "  recreate {recreate} surge {max_surge} unavailable {max_unavailable}").unwrap();
        }
        Controller::CronJob(rules) => {
            writeln!(out, "  {} {} {:?}", rules.schedule.text(), rules.schedule.zone(), rules.job).unwrap();
        }
        Controller::Job(rules) => writeln!(out, "  {rules:?}").unwrap(),
        Controller::DaemonSet { update } => writeln!(out, "  {update:?}").unwrap(),
    }
    for (name, value) in &workload.fixed {
        writeln!(out, "  fixed {name}: {value}").unwrap();
    }
    writeln!(out, "  parts {}", workload.parts.keys().cloned().collect::<Vec<_>>().join(" ")).unwrap();
    let others = || match workload.some_index() {
        PodIndex::Replica(_) => vec![PodIndex::Replica("1a2b".to_owned())],
        index @ (PodIndex::Try { .. } | PodIndex::Ordinal(_)) => vec![index],
    };
    let indices: Vec<PodIndex> = workload.ordinals().into_iter().map(PodIndex::Ordinal).collect();
    for index in
        if matches!(workload.id.kind, Kind::Deployment | Kind::Job | Kind::CronJob) { others() } else { indices }
    {
        write_pod(out, &workload.pod(&index));
    }
}

fn write_pod(out: &mut String, pod: &PodSpec) {
    writeln!(out, "  pod {} hostname {}", pod.name, pod.hostname).unwrap();
    writeln!(out, "    own {}", pod.own_names.join(" ")).unwrap();
    let unready = if pod.publish_not_ready { " before it is ready" } else { "" };
    writeln!(out, "    shared{unready} {}", pod.shared_names.join(" ")).unwrap();
    writeln!(
        out,
        "    grace {} minimum {} deadline {} group {:?}",
        pod.grace, pod.min_ready, pod.progress_deadline, pod.fs_group
    )
    .unwrap();
    for volume in &pod.volumes {
        writeln!(out, "    volume {} claim {} ordinal {}", volume.name, volume.claim, volume.ordinal).unwrap();
    }
    if pod.is_joined() {
        writeln!(out, "    joined, sees processes {}, default {:?}", pod.share_processes, pod.default_container)
            .unwrap();
    }
    for container in pod.containers() {
        write_container(out, container);
    }
}

fn write_container(out: &mut String, container: &ContainerSpec) {
    let kind = if container.sidecar { "sidecar" } else { "container" };
    writeln!(out, "    {kind} {} image {} pull {:?}", container.name, container.image, container.pull).unwrap();
    for (what, words) in [("entrypoint", &container.entrypoint), ("arguments", &container.arguments)] {
        // A command may hold what `$(VAR)` put there, so that only its length is shown.
        if let Some(words) = words {
            writeln!(out, "      {what} of {} words", words.len()).unwrap();
        }
    }
    writeln!(out, "      env {}", container.env.keys().cloned().collect::<Vec<_>>().join(" ")).unwrap();
    for port in &container.ports {
        writeln!(out, "      port {:?} {} {:?} {:?}", port.name, port.container, port.protocol, port.publish).unwrap();
    }
    for mount in &container.mounts {
        let access = if mount.read_only { "ro" } else { "rw" };
        writeln!(out, "      mount {} {access} {}", mount.path, source(&mount.source)).unwrap();
    }
    writeln!(out, "      {:?}", container.resources).unwrap();
    for (what, probe) in
        [("readiness", &container.readiness), ("liveness", &container.liveness), ("startup", &container.startup)]
    {
        if let Some(probe) = probe {
            writeln!(out, "      {what} {probe:?}").unwrap();
        }
    }
    writeln!(out, "      {:?}", container.security).unwrap();
}

fn source(source: &MountSource) -> String {
    match source {
        MountSource::Volume(name) => format!("volume {name}"),
        MountSource::Directory(files) => {
            let files: BTreeMap<&str, String> =
                files.iter().map(|(path, file)| (path.as_str(), format!("{:o}", file.mode))).collect();
            format!("directory {files:?}")
        }
        MountSource::File(file) => format!("file {:o}", file.mode),
        MountSource::Empty { name, memory, limit } => format!("empty {name} memory {memory} limit {limit:?}"),
        MountSource::Host(path) => format!("host {path}"),
    }
}
