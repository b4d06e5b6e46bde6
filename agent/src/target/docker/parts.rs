//! What the containers of a pod that has several come to together, as a look shows them.
//!
//! The sandbox bears the pod's name and stands for it; its label says which containers are joined to it.
//!
//! Invariant: a pod whose sandbox does not run is dead, whatever its containers do: they have no network any more.

use std::collections::BTreeMap;

use bollard::models::{ContainerInspectResponse, ContainerSummary};
use writ_core::observed::{Alteration, Observed, ObservedPart, ObservedPod, PodState, Readiness};
use writ_core::time::Timestamp;

use super::labels::{Asked, Members, PodLabels, Role};
use super::{asked, observe};

/// What the mode of a network begins with that is another container's.
const JOINED: &str = "container:";

/// A container that is joined to a sandbox, or was.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) labels: PodLabels,
    /// What it is called in the engine.
    called: Vec<String>,
    /// The sandbox that it is joined to.
    sandbox: String,
    pub(super) state: PodState,
    started: Option<Timestamp>,
    finished: Option<Timestamp>,
    /// What a person changed about it, in words.
    pub(super) altered: Vec<String>,
}

/// The containers of the pods of a unit that have several.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// By pod; those that prepare it among them.
    pub(super) of: BTreeMap<String, Vec<Part>>,
    /// By pod, as its sandbox says.
    members: BTreeMap<String, Members>,
}

/// The sandbox of a container by the mode of its network.
pub(super) fn sandbox_of(mode: Option<&str>) -> Option<&str> {
    mode?.strip_prefix(JOINED)
}

impl Part {
    fn name(&self) -> &str {
        self.labels.container.as_deref().unwrap_or_default()
    }

    /// The same with what a look into every field of it showed.
    pub(super) fn noted(mut self, found: &ContainerInspectResponse) -> Self {
        let moment = |text: Option<&String>| text.and_then(|text| Timestamp::parse(text)).filter(|at| at.0 > 0);
        if let Some(state) = &found.state {
            self.state = observe::state_of_inspect(state);
            self.started = moment(state.started_at.as_ref());
            self.finished = moment(state.finished_at.as_ref());
        }
        let labels = found.config.as_ref().and_then(|config| config.labels.clone()).unwrap_or_default();
        let name = format!("{}.{}", self.labels.pod, self.name());
        self.altered = match Asked::parse(&labels) {
            Some(asked) => fields(asked::alterations(&asked, &name, found)),
            // What prepares a pod ends, and is not asked to stay anything.
            None if self.labels.role == Role::Init => Vec::new(),
            None => vec!["the label that says how it was made cannot be read".to_owned()],
        };
        self
    }
}

/// What only a new container mends.
fn fields(altered: Vec<Alteration>) -> Vec<String> {
    let text = |altered| match altered {
        Alteration::Field(text) => Some(text),
        // What it is called stands in the list, and it has no place of its own on the network.
        Alteration::Renamed(_) | Alteration::Disconnected | Alteration::Part(_) | Alteration::Lingers => None,
    };
    altered.into_iter().filter_map(text).collect()
}

impl Parts {
    /// Notes a container of a list that is joined to a sandbox.
    pub(super) fn note(&mut self, labels: PodLabels, container: &ContainerSummary) {
        let mode = container.host_config.as_ref().and_then(|host| host.network_mode.as_deref());
        let part = Part {
            id: container.id.clone().unwrap_or_default(),
            called: observe::names(container),
            sandbox: sandbox_of(mode).unwrap_or_default().to_owned(),
            state: observe::state_of_summary(container),
            started: None,
            finished: None,
            altered: Vec::new(),
            labels,
        };
        self.of.entry(part.labels.pod.clone()).or_default().push(part);
    }

    /// Notes which containers a sandbox was made for.
    pub(super) fn expect(&mut self, pod: &str, members: Members) {
        self.members.insert(pod.to_owned(), members);
    }

    /// The containers of a pod, if it is joined.
    pub(super) fn of_joined(&self, pod: &str) -> &[Part] {
        let joined = self.members.contains_key(pod);
        self.of.get(pod).filter(|_| joined).map_or(&[], Vec::as_slice)
    }

    /// True for a pod whose sandbox is gone. A container of it stands in its place, which says nothing about the pod.
    pub(super) fn is_orphan(&self, pod: &str) -> bool {
        !self.members.contains_key(pod) && self.of.contains_key(pod)
    }

    /// Lays what the containers of pods do over what their sandboxes do. Containers without a sandbox are dead pods, so that
    /// they are made anew or go.
    pub(super) fn lay_over(&self, observed: &mut Observed) {
        for (name, parts) in &self.of {
            let Some(part) = parts.iter().find(|part| part.labels.role == Role::Part) else { continue };
            if observed.pods.contains_key(name) || observed.unseen.contains_key(name) {
                continue;
            }
            let PodLabels { object, index, revision, .. } = part.labels.clone();
            let orphan = ObservedPod {
                container: part.id.clone(),
                object,
                index,
                revision,
                state: PodState::Dead,
                readiness: Readiness::Unknown,
                since: Timestamp::default(),
                unavailable: None,
                ended: None,
                altered: Vec::new(),
                parts: Vec::new(),
            };
            observed.pods.insert(name.clone(), orphan);
        }
        for (name, pod) in &mut observed.pods {
            self.join(name, pod, self.of_joined(name));
        }
    }

    /// Lays what the containers of a pod do over what its sandbox does; nothing for a pod that is one container.
    pub(super) fn join(&self, name: &str, pod: &mut ObservedPod, parts: &[Part]) {
        let Some(members) = self.members.get(name) else { return };
        pod.altered.retain(|altered| !matches!(altered, Alteration::Part(_) | Alteration::Lingers));
        pod.parts = parts.iter().map(|part| shown(part, members)).collect();
        let ends = pod.object.kind.ends();
        if let (true, Some(end)) = (ends, end_of(pod, members, parts)) {
            let goes_on = |part: &Part| part.labels.role == Role::Part && is_up(&part.state);
            if is_up(&pod.state) || parts.iter().any(goes_on) {
                pod.altered.push(Alteration::Lingers);
            }
            (pod.state, pod.ended) = end;
            return;
        }
        match pod.state {
            PodState::Exited { .. } | PodState::Dead => {
                pod.state = PodState::Dead;
                return;
            }
            PodState::Created | PodState::Running | PodState::Paused | PodState::Restarting => {}
        }
        let mut restarts = false;
        for member in members.all() {
            let part = find(pod, parts, member);
            restarts |= part.is_some_and(|part| part.state == PodState::Restarting);
            let mut wrong = part.map_or_else(|| vec!["is not there".to_owned()], |part| faults(name, part, ends));
            pod.altered.extend(wrong.drain(..).map(|how| Alteration::Part(format!("container {member} {how}"))));
        }
        if restarts && pod.state == PodState::Running {
            pod.state = PodState::Restarting;
        }
        let is_older =
            |part: &&Part| part.state == PodState::Running && part.started.is_some_and(|started| started < pod.since);
        if let Some(part) = parts.iter().find(is_older) {
            let text = format!("its sandbox was started again, and its container {} was not", part.name());
            pod.altered.push(Alteration::Field(text));
        }
    }
}

/// The container of that name, if it is joined to the pod's sandbox.
fn find<'a>(pod: &ObservedPod, parts: &'a [Part], member: &str) -> Option<&'a Part> {
    parts.iter().find(|part| part.labels.role == Role::Part && part.name() == member && part.sandbox == pod.container)
}

/// How and when a pod ended that runs to its end, if all of its main containers did: the first failure, or success.
fn end_of(pod: &ObservedPod, members: &Members, parts: &[Part]) -> Option<(PodState, Option<Timestamp>)> {
    let mut end = PodState::Exited { code: 0, ailment: None };
    let mut at = Some(Timestamp::default());
    for main in &members.mains {
        let part = find(pod, parts, main)?;
        at = at.zip(part.finished).map(|(one, other)| one.max(other));
        match &part.state {
            PodState::Exited { code: 0, ailment: _ } => {}
            failed @ (PodState::Exited { .. } | PodState::Dead)
                if end == (PodState::Exited { code: 0, ailment: None }) =>
            {
                end = failed.clone();
            }
            PodState::Exited { .. } | PodState::Dead => {}
            PodState::Created | PodState::Running | PodState::Paused | PodState::Restarting => return None,
        }
    }
    Some((end, at))
}

const fn is_up(state: &PodState) -> bool {
    match state {
        PodState::Running | PodState::Paused | PodState::Restarting => true,
        PodState::Created | PodState::Exited { .. } | PodState::Dead => false,
    }
}

/// What is not as it must be about a container, in words.
fn faults(pod: &str, part: &Part, ends: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let name = format!("{pod}.{}", part.name());
    if !part.called.contains(&name) {
        faults.push(format!("is called {}", part.called.first().map_or("nothing", String::as_str)));
    }
    faults.extend(part.altered.iter().map(|text| format!("was altered: {text}")));
    match &part.state {
        // The engine starts it again by itself, or the end of it is an end.
        PodState::Running | PodState::Restarting => {}
        PodState::Exited { .. } if ends => {}
        PodState::Created => faults.push("was made and never started".to_owned()),
        PodState::Paused => faults.push("is paused".to_owned()),
        PodState::Exited { code, ailment: _ } => faults.push(format!("exited with code {code}")),
        PodState::Dead => faults.push("is dead".to_owned()),
    }
    faults
}

fn shown(part: &Part, members: &Members) -> ObservedPart {
    ObservedPart {
        name: part.name().to_owned(),
        container: part.id.clone(),
        state: part.state.clone(),
        init: part.labels.role == Role::Init,
        default: part.name() == members.default,
    }
}

#[cfg(test)]
mod tests {
    use writ_core::model::{Kind, ObjectId, PodIndex};

    use super::*;

    const SANDBOX: &str = "c0";

    fn labels(kind: Kind, container: &str) -> PodLabels {
        let index =
            if kind.ends() { PodIndex::Try { run: None, completion: 0, earlier: 0 } } else { PodIndex::Ordinal(0) };
        PodLabels {
            unit: "edge".to_owned(),
            pod: "data-pg.0".to_owned(),
            object: ObjectId::new(kind, "data", "pg"),
            index,
            revision: None,
            role: Role::Part,
            container: Some(container.to_owned()),
        }
    }

    fn part(kind: Kind, name: &str, state: PodState) -> Part {
        Part {
            id: format!("id-{name}"),
            labels: labels(kind, name),
            called: vec![format!("data-pg.0.{name}")],
            sandbox: SANDBOX.to_owned(),
            state,
            started: None,
            finished: Some(Timestamp(7)),
            altered: Vec::new(),
        }
    }

    /// What a pod with the sidecar `log` and the containers `app` and `web` comes to, in words.
    fn come_to(kind: Kind, sandbox: PodState, parts: &[Part]) -> (PodState, Vec<String>) {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut all = Parts::default();
        let members = Members { sidecars: names(&["log"]), mains: names(&["app", "web"]), default: "app".to_owned() };
        all.expect("data-pg.0", members);
        let PodLabels { object, index, revision, .. } = labels(kind, "");
        let mut pod = ObservedPod {
            container: SANDBOX.to_owned(),
            object,
            index,
            revision,
            state: sandbox,
            readiness: Readiness::Unknown,
            since: Timestamp(5),
            unavailable: None,
            ended: None,
            altered: Vec::new(),
            parts: Vec::new(),
        };
        all.join("data-pg.0", &mut pod, parts);
        let words = |altered: &Alteration| match altered {
            Alteration::Part(text) | Alteration::Field(text) => text.clone(),
            other @ (Alteration::Renamed(_) | Alteration::Disconnected | Alteration::Lingers) => format!("{other:?}"),
        };
        (pod.state, pod.altered.iter().map(words).collect())
    }

    fn exited(code: i64) -> PodState {
        PodState::Exited { code, ailment: None }
    }

    #[track_caller]
    fn check(kind: Kind, sandbox: PodState, states: [Option<PodState>; 3], expected: PodState, altered: &[&str]) {
        let named = ["log", "app", "web"].into_iter().zip(states);
        let parts: Vec<Part> = named.filter_map(|(name, state)| Some(part(kind, name, state?))).collect();
        assert_eq!(come_to(kind, sandbox, &parts), (expected, altered.iter().map(|text| (*text).to_owned()).collect()));
    }

    #[test]
    fn a_pod_that_is_kept_running_runs_as_its_sandbox_does_and_each_container_is_told_that_does_not() {
        let run = || Some(PodState::Running);
        let check = |sandbox, states, expected, altered: &[&str]| {
            check(Kind::StatefulSet, sandbox, states, expected, altered);
        };
        check(PodState::Running, [run(), run(), run()], PodState::Running, &[]);
        check(PodState::Running, [run(), None, run()], PodState::Running, &["container app is not there"]);
        check(
            PodState::Running,
            [Some(exited(1)), run(), Some(PodState::Paused)],
            PodState::Running,
            &["container log exited with code 1", "container web is paused"],
        );
        check(PodState::Running, [run(), Some(PodState::Restarting), run()], PodState::Restarting, &[]);
        check(PodState::Created, [run(), run(), None], PodState::Created, &["container web is not there"]);
        check(exited(137), [run(), run(), run()], PodState::Dead, &[]);
    }

    #[test]
    fn a_pod_that_runs_to_its_end_has_ended_with_its_main_containers_and_what_goes_on_lingers() {
        let run = || Some(PodState::Running);
        let check = |sandbox, states, expected, altered: &[&str]| check(Kind::Job, sandbox, states, expected, altered);
        check(PodState::Running, [run(), run(), Some(exited(0))], PodState::Running, &[]);
        check(PodState::Running, [run(), Some(exited(0)), Some(exited(0))], exited(0), &["Lingers"]);
        check(PodState::Running, [Some(exited(0)), Some(exited(0)), Some(exited(3))], exited(3), &["Lingers"]);
        check(exited(0), [Some(exited(0)), Some(exited(2)), Some(exited(3))], exited(2), &[]);
        check(exited(137), [run(), run(), Some(exited(0))], PodState::Dead, &[]);
        check(PodState::Running, [Some(exited(1)), run(), run()], PodState::Running, &[]);
    }

    #[test]
    fn a_container_of_another_sandbox_or_older_than_the_sandbox_is_none_of_the_pods() {
        let run = |name: &str| part(Kind::StatefulSet, name, PodState::Running);
        let other = Part { sandbox: "c9".to_owned(), ..run("web") };
        let (state, altered) = come_to(Kind::StatefulSet, PodState::Running, &[run("log"), run("app"), other]);
        assert_eq!((state, altered), (PodState::Running, vec!["container web is not there".to_owned()]));
        let older = Part { started: Some(Timestamp(4)), ..run("web") };
        let (_, altered) = come_to(Kind::StatefulSet, PodState::Running, &[run("log"), run("app"), older]);
        assert_eq!(altered, ["its sandbox was started again, and its container web was not"]);
        let renamed = Part { called: vec!["other".to_owned()], ..run("web") };
        let (_, altered) = come_to(Kind::StatefulSet, PodState::Running, &[run("log"), run("app"), renamed]);
        assert_eq!(altered, ["container web is called other"]);
    }
}
