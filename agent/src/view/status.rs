//! The status of a host as a document and as text.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::{Standing, Suspension};
use serde_json::{Value, json};
use writ_core::ailment::Ailment;
use writ_core::cluster::ObservedCluster;
use writ_core::holdings::{Held, Holdings, RunMark};
use writ_core::ingress::CONTAINER;
use writ_core::model::{ObjectId, Route};
use writ_core::observed::{Alteration, Observed, ObservedPart, ObservedPod, PodState, Readiness};
use writ_core::status::State;
use writ_core::time::Timestamp;

use super::event::short_commit;
use super::health::{self, Health};
use super::moment;
use super::status_cluster::{self, Shown};

/// What is known of the host.
#[derive(Debug)]
pub struct Report {
    /// Its name.
    pub host: String,
    /// Its units.
    pub units: Vec<UnitReport>,
    /// The audit's newest record and its hash; none before there is a record.
    pub audit: Option<(i64, String)>,
}

/// What is known of a unit.
#[derive(Debug)]
pub struct UnitReport {
    /// Its name.
    pub name: String,
    /// The source and its branch; none for what was applied by hand, which has no passes.
    pub follows: Option<(String, String)>,
    /// How it stands since its last pass that ended differently.
    pub standing: Option<Standing>,
    /// It is let alone.
    pub suspension: Option<Suspension>,
    /// Why the head of the branch is not followed, as it was judged last.
    pub head_trouble: Option<String>,
    /// Other hosts that follow a history apart from this one's.
    pub split_view: Vec<String>,
    /// What it holds.
    pub held: Holdings,
    /// What was seen, or why nothing could be.
    pub observed: Result<Observed, String>,
    /// Why containers do not run, or last did not, by their identifiers, where that is known.
    pub ailments: BTreeMap<String, Ailment>,
}

/// A report, judged.
#[derive(Debug)]
pub struct View {
    /// The worst of it.
    pub health: Health,
    /// For programs.
    pub document: Value,
    /// For people, each with the health of what it is about.
    pub lines: Vec<(Option<Health>, String)>,
}

/// What was seen of a unit, and what is needed to judge it.
struct Sight<'a> {
    observed: &'a Observed,
    ailments: &'a BTreeMap<String, Ailment>,
    /// The last pass found everything as desired.
    settled: bool,
    now: Timestamp,
}

/// Judges a report.
#[must_use]
pub fn view(report: &Report, now: Timestamp) -> View {
    let Report { host, units, audit } = report;
    let mut view = View { health: Health::Healthy, document: Value::Null, lines: Vec::new() };
    let documents: Vec<Value> = units.iter().map(|unit| unit_view(unit, now, &mut view)).collect();
    if units.is_empty() {
        view.lines.push((None, format!("host {host}: the settings name no unit")));
    }
    if let Some((record, head)) = audit {
        view.lines.push((None, format!("audit: {record} records, head {}", head.get(..8).unwrap_or(head))));
    }
    view.document = json!({
        "schema": "writ/status/v1", "host": host, "at": now.to_string(), "health": view.health.name(), "units": documents,
        "audit": audit.as_ref().map(|(record, head)| json!({"records": record, "head": head})),
    });
    view
}

fn unit_view(unit: &UnitReport, now: Timestamp, view: &mut View) -> Value {
    let UnitReport { name, follows, standing, suspension, head_trouble, split_view, held, observed, ailments } = unit;
    // What was applied by hand was waited for then, and no pass says anything about it since.
    let settled = follows.is_none() || standing.as_ref().is_some_and(|standing| standing.state == State::Success);
    let mut health = match follows {
        Some(_) => health::of_standing(standing.as_ref(), suspension.as_ref()),
        None => Health::Healthy,
    };
    if head_trouble.is_some() || observed.is_err() {
        health = Health::Failing;
    }
    let none = Observed::default();
    let seen = observed.as_ref().unwrap_or(&none);
    let objects: BTreeSet<&ObjectId> = held.objects.keys().chain(seen.pods.values().map(|pod| &pod.object)).collect();
    let mut below = View { health: Health::Healthy, document: Value::Null, lines: Vec::new() };
    let sight = Sight { observed: seen, ailments, settled: settled && observed.is_ok(), now };
    let documents: Vec<Value> = match &seen.cluster {
        Some(cluster) => cluster_view(held, cluster, now, &mut below),
        None => {
            let shown = |object| object_view(object, held.objects.get(object), &sight, &mut below);
            objects.into_iter().map(shown).collect()
        }
    };
    // Nothing is said of pods that could not be looked at.
    if observed.is_ok() {
        health = health.max(below.health);
    }
    if !seen.unseen.is_empty() {
        health = health.max(Health::Progressing);
    }
    view.health = view.health.max(health);
    let from = follows
        .as_ref()
        .map_or_else(|| "applied by hand".to_owned(), |(source, branch)| format!("source {source}, branch {branch}"));
    view.lines.push((Some(health), format!("unit {name} ({from})")));
    unit_lines(unit, now, view);
    if observed.is_ok() {
        view.lines.append(&mut below.lines);
    }
    json!({
        "name": name, "source": follows.as_ref().map(|(source, _)| source),
        "branch": follows.as_ref().map(|(_, branch)| branch), "health": health.name(),
        "commit": standing.as_ref().and_then(|standing| standing.commit.clone()),
        "state": standing.as_ref().map(|standing| standing.state.name()),
        "text": standing.as_ref().map(|standing| &standing.text),
        "since": standing.as_ref().map(|standing| standing.since.to_string()),
        "suspended": suspension.as_ref().map(suspended), "head_trouble": head_trouble,
        "split_view": split_view,
        "unreachable": observed.as_ref().err(), "unseen": seen.unseen, "objects": documents,
    })
}

fn cluster_view(held: &Holdings, cluster: &ObservedCluster, now: Timestamp, view: &mut View) -> Vec<Value> {
    let shown = status_cluster::objects(held, cluster, now).into_iter();
    let taken = shown.map(|Shown { health, line, document }| {
        view.health = view.health.max(health);
        view.lines.push((Some(health), line));
        document
    });
    taken.collect()
}

fn unit_lines(unit: &UnitReport, now: Timestamp, view: &mut View) {
    let UnitReport { name: _, follows, standing, suspension, head_trouble, split_view, held: _, observed, ailments: _ } =
        unit;
    let mut line = |text: String| view.lines.push((None, format!("  {text}")));
    match standing {
        Some(Standing { commit, state, text, since }) => {
            let commit = commit.as_deref().map_or("local files", short_commit);
            let when = format!("since {} ({})", moment::shown(*since), moment::age(*since, now));
            line(format!("commit {commit}: {}: {text}; {when}", state.name()));
        }
        None if follows.is_none() => {}
        None => line("no pass was made yet".to_owned()),
    }
    if let Some(Suspension { owner, reason, since, until }) = suspension {
        let until = until.map_or_else(|| "it is resumed".to_owned(), moment::shown);
        line(format!("suspended by {owner} {} until {until}: {reason}", moment::shown(*since)));
    }
    if let Some(trouble) = head_trouble {
        line(format!("the head of the branch is not followed: {trouble}"));
    }
    split_view.iter().for_each(|split| line(format!("split view: {split}")));
    match observed {
        Err(why) => line(format!("could not look: {why}")),
        Ok(observed) => observed.unseen.iter().for_each(|(pod, why)| line(format!("could not look at {pod}: {why}"))),
    }
}

fn suspended(suspension: &Suspension) -> Value {
    let Suspension { owner, reason, since, until } = suspension;
    json!({
        "owner": owner, "reason": reason, "since": since.to_string(), "until": until.map(|until| until.to_string()),
    })
}

fn object_view(object: &ObjectId, held: Option<&Held>, sight: &Sight<'_>, view: &mut View) -> Value {
    let Sight { observed: seen, ailments, settled, now } = *sight;
    let mut named: Vec<(&String, &ObservedPod)> = seen.pods.iter().filter(|(_, pod)| pod.object == *object).collect();
    named.sort_by_key(|(name, pod)| (&pod.index, *name));
    let pods: Vec<&ObservedPod> = named.iter().map(|(_, pod)| *pod).collect();
    let volumes: Vec<&String> = seen
        .volumes
        .iter()
        .filter(|(_, volume)| volume.object.as_ref() == Some(object))
        .map(|(name, _)| name)
        .collect();
    let served = seen.ingress.as_ref().is_some_and(|ingress| ingress.running);
    let health = if object.kind.ends() {
        health::of_run(held)
    } else if object.kind.is_entrance() && !served {
        Health::Failing
    } else {
        health::of_object(held, &pods, settled)
    };
    view.health = view.health.max(health);
    let desired = held.map(|held| held.replicas);
    let running = pods.iter().filter(|pod| pod.state == PodState::Running).count();
    let ready = pods.iter().filter(|pod| health::of_pod(pod, settled) == Health::Healthy).count();
    let wanted = desired.map_or_else(|| "none".to_owned(), |desired| desired.to_string());
    let counts = if object.kind.ends() {
        format!("{}, {running} running", run(held, now))
    } else if object.kind.is_entrance() {
        format!("{CONTAINER} {}", if served { "serves it" } else { "does not run" })
    } else {
        format!("{ready} ready, {running} running, {wanted} desired")
    };
    let routes: Vec<String> = held.and_then(Held::routes).into_iter().flatten().map(|it| led(&it)).collect();
    view.lines.push((Some(health), format!("  {object}  {counts}")));
    for (name, pod) in &named {
        let text = pod_line(name, pod, held, sight);
        view.lines.push((Some(health::of_pod(pod, settled)), text));
        for ObservedPart { name, container, state: doing, init, default: _ } in &pod.parts {
            let kind = if *init { "init container" } else { "container" };
            let cause = ailments.get(container).map(|ailment| ailing(doing, *ailment)).unwrap_or_default();
            view.lines.push((None, format!("      {kind} {name}  {}{cause}", state(doing))));
        }
    }
    for route in &routes {
        view.lines.push((None, format!("    {route}")));
    }
    for volume in &volumes {
        view.lines.push((None, format!("    volume {volume}")));
    }
    let pods: Vec<Value> = named.iter().map(|(name, pod)| pod_document(name, pod, sight)).collect();
    json!({
        "object": object.to_string(), "health": health.name(), "desired": desired, "running": running, "ready": ready,
        "revision": held.map(|held| held.revision.as_str()), "commit": held.and_then(|held| held.commit.clone()),
        "run": held.and_then(Held::run).map(|run| run.to_string()), "pods": pods, "volumes": volumes,
        "routes": routes,
    })
}

fn led(route: &Route) -> String {
    format!("{} -> {}", route.address(), route.leads_to())
}

/// How far a run is, by what is held.
fn run(held: Option<&Held>, now: Timestamp) -> String {
    match held.and_then(Held::run) {
        None => "not begun".to_owned(),
        Some(RunMark::Started(at)) => format!("begun {}", moment::age(at, now)),
        Some(RunMark::Suspended(at)) => format!("suspended {}", moment::age(at, now)),
        Some(RunMark::Scheduled(at)) => format!("last run, or first seen, {}", moment::age(at, now)),
        Some(RunMark::Complete(at)) => format!("complete {}", moment::age(at, now)),
        Some(RunMark::Failed(at, why)) => format!("failed {}: {why}", moment::age(at, now)),
    }
}

fn pod_line(name: &str, pod: &ObservedPod, held: Option<&Held>, sight: &Sight<'_>) -> String {
    let Sight { observed: _, ailments, settled, now } = *sight;
    let revision = match (&pod.revision, held) {
        (Some(revision), Some(held)) if *revision != held.revision => format!("{} (not the newest)", revision.short()),
        (Some(revision), _) => revision.short().to_owned(),
        (None, _) => "unknown".to_owned(),
    };
    let mut text = format!("    {name}  {} {}, revision {revision}", state(&pod.state), moment::age(pod.since, now));
    if pod.state == PodState::Running && health::of_pod(pod, settled) == Health::Progressing {
        text.push_str(match pod.readiness {
            Readiness::NotReady => ", not ready",
            Readiness::Available | Readiness::Unknown => ", not known to be ready",
        });
    }
    if let Some(ailment) = ailments.get(&pod.container) {
        text.push_str(&ailing(&pod.state, *ailment));
    }
    for alteration in &pod.altered {
        text.push_str(&format!(", {}", altered(alteration)));
    }
    text
}

fn pod_document(name: &str, pod: &ObservedPod, sight: &Sight<'_>) -> Value {
    let Sight { observed: _, ailments, settled, now: _ } = *sight;
    let ObservedPod {
        container,
        object: _,
        index,
        revision,
        state: doing,
        readiness,
        since,
        unavailable: _,
        ended,
        altered: changes,
        parts,
    } = pod;
    let readiness = match readiness {
        Readiness::Available => "ready",
        Readiness::NotReady => "not-ready",
        Readiness::Unknown => "unknown",
    };
    let mut document = json!({
        "pod": name, "container": container, "index": index.to_string(), "health": health::of_pod(pod, settled).name(),
        "revision": revision.as_ref().map(writ_core::hash::SpecHash::as_str), "state": state(doing),
        "readiness": readiness, "since": since.to_string(),
        "ended": ended.map(|ended| ended.to_string()), "out_of_memory": ailments.get(container) == Some(&Ailment::Memory),
        "ailment": ailments.get(container).map(ailment),
        "altered": changes.iter().map(altered).collect::<Vec<_>>(),
    });
    if let (false, Some(fields)) = (parts.is_empty(), document.as_object_mut()) {
        let part = |part: &ObservedPart| {
            let ObservedPart { name, container, state: doing, init, default } = part;
            json!({
                "name": name, "container": container, "state": state(doing), "init": init, "default": default,
                "ailment": ailments.get(container).map(ailment),
            })
        };
        fields.insert("containers".to_owned(), parts.iter().map(part).collect());
    }
    document
}

fn state(state: &PodState) -> String {
    match state {
        PodState::Created => "never started".to_owned(),
        PodState::Running => "running".to_owned(),
        PodState::Paused => "paused".to_owned(),
        PodState::Restarting => "restarting".to_owned(),
        // The cause is told of every state alike.
        PodState::Exited { code, ailment: _ } => format!("ended with code {code}"),
        PodState::Dead => "dead".to_owned(),
    }
}

/// Why a container does not run, or did not before.
fn ailing(state: &PodState, ailment: Ailment) -> String {
    match (state, ailment) {
        (PodState::Running, Ailment::Memory) => ", ran out of memory before".to_owned(),
        (PodState::Running, ailment) => format!(", did not run before: {ailment}"),
        (_, ailment) => format!(", {ailment}"),
    }
}

fn ailment(ailment: &Ailment) -> Value {
    json!({"cause": ailment.name(), "text": ailment.cause(), "hint": ailment.hint()})
}

fn altered(alteration: &Alteration) -> String {
    match alteration {
        Alteration::Renamed(name) => format!("renamed to {name}"),
        Alteration::Disconnected => "disconnected from the network".to_owned(),
        Alteration::Lingers => "ended, and what stood beside it goes on".to_owned(),
        Alteration::Field(what) | Alteration::Part(what) => what.clone(),
    }
}
