//! The lanes of Ingresses, and the one step by which the host's ingress comes to serve what they ask for.
//!
//! Invariant: an Ingress is held once the host's ingress serves it; one that is refused is served as it was before.

use std::collections::BTreeMap;

use super::draft::{nothing, refusal};
use super::look::reported;
use super::step::{Act, Cause, Lane, Step, Verb};
use super::{Drift, Input, why};
use crate::holdings::{Held, HoldingChange};
use crate::ingress::{CONTAINER, Need, Serving, VOLUME, conflict, identity};
use crate::model::{Entrance, ObjectId, Route};

/// The lane of an Ingress that is wanted.
pub(super) fn lane(input: &Input<'_>, entrance: &Entrance) -> Lane {
    let Entrance { id, file: _, routes, pairs: _, revision, parts } = entrance;
    if let Some(conflict) = conflict(input.ingress, routes) {
        return refusal(id, conflict);
    }
    let before = input.held.objects.get(id);
    let same = before.is_some_and(|held| held.revision == *revision && held.routes().as_ref() == Some(routes));
    if same {
        let step = nothing(Verb::Keep, id, None, format!("as desired: {}", leads(routes)), Cause::None);
        return Lane { object: id.clone(), steps: vec![step], then: None, delay: None, run: None };
    }
    let (verb, why) = match before {
        None => (Verb::Create, leads(routes)),
        Some(held) => {
            let old = held.parts.iter().filter(|(name, _)| !Held::is_mark(name)).collect();
            let changes = why::changes(&old, &parts.iter().collect());
            (Verb::Update, changes.unwrap_or_else(|| leads(routes)))
        }
    };
    let held = Held {
        revision: revision.clone(),
        replicas: 0,
        commit: input.commit.map(str::to_owned),
        parts: parts.clone(),
        fixed: BTreeMap::new(),
    };
    let steps = vec![nothing(verb, id, None, why, Cause::Change)];
    let then = Some(HoldingChange::Hold(id.clone(), Box::new(held.leading(routes))));
    Lane { object: id.clone(), steps, then, delay: None, run: None }
}

/// The lane of an Ingress that nobody wants any more.
pub(super) fn leave(input: &Input<'_>, id: &ObjectId, reason: &str) -> Lane {
    let held = input.held.objects.contains_key(id);
    let why = format!("{reason}; what it led through the host's ingress is served no more");
    let steps = vec![nothing(Verb::Remove, id, None, why, Cause::Change)];
    let then = held.then(|| HoldingChange::Release(id.clone()));
    Lane { object: id.clone(), steps, then, delay: None, run: None }
}

/// Most routes that one line names; the rest is counted.
const ROUTES_SHOWN_MAX: usize = 3;

fn leads(routes: &[Route]) -> String {
    let shown = routes.iter().take(ROUTES_SHOWN_MAX);
    let mut words: Vec<String> = shown.map(|route| format!("{} -> {}", route.address(), route.leads_to())).collect();
    match routes.len().saturating_sub(ROUTES_SHOWN_MAX) {
        0 => {}
        rest => words.push(format!("{rest} more")),
    }
    if words.is_empty() { "it leads nowhere".to_owned() } else { words.join(", ") }
}

/// The step that brings the host's ingress to serve what the lanes come to; none if it does, or nothing is asked of it.
pub(super) fn serve(input: &Input<'_>, lanes: &[Lane]) -> Option<Step> {
    let around = input.ingress;
    // Whoever leads nothing through it leaves it to those who do.
    if !lanes.iter().any(|lane| lane.object.kind.is_entrance()) {
        return None;
    }
    let mut own = around.held.get(&around.unit).cloned().unwrap_or_default();
    for lane in lanes.iter().filter(|lane| lane.object.kind.is_entrance() && !refuses(lane)) {
        match input.desired.entrances.get(&lane.object) {
            Some(entrance) => drop(own.insert(lane.object.clone(), entrance.routes.clone())),
            None => drop(own.remove(&lane.object)),
        }
    }
    let pairs = input.desired.entrances.values().flat_map(|entrance| entrance.pairs.clone()).collect();
    let serving = Serving::new(around, own, pairs, input.observed.ingress.as_ref());
    let mut step = told(&serving)?;
    if step.cause == Cause::Drift && input.policy.drift == Drift::Report {
        step.why = reported(&step.why);
        step.verb = Verb::Keep;
        return Some(step);
    }
    step.act = Act::Serve(Box::new(serving));
    Some(step)
}

/// What is to be done, and why, without the deed.
fn told(serving: &Serving) -> Option<Step> {
    let words = serving.words();
    let (verb, why, cause) = match serving.need()? {
        Need::Absent { missing: false } => (Verb::Create, format!("to serve {words}"), Cause::Change),
        Need::Absent { missing: true } => (Verb::Create, format!("it is gone, and is to serve {words}"), Cause::Drift),
        Need::Outdated => (Verb::Replace, "the host's settings say otherwise about it".to_owned(), Cause::Change),
        Need::Stopped => (Verb::Start, format!("it does not run, and is to serve {words}"), Cause::Drift),
        Need::Elsewhere { moved: false } => (Verb::Update, format!("to serve {words}"), Cause::Change),
        Need::Elsewhere { moved: true } => {
            (Verb::Update, format!("it serves something else than {words}"), Cause::Drift)
        }
        Need::Needless => {
            (Verb::Remove, format!("nothing is led through it any more; volume {VOLUME} stays"), Cause::Change)
        }
    };
    Some(nothing(verb, &identity(), Some(CONTAINER), why, cause))
}

/// The step once a part of what it would serve was refused: `objects` are served as before. None if nothing is left to
/// do.
pub(crate) fn without(step: &Step, refused: &[ObjectId]) -> Option<Step> {
    let Act::Serve(serving) = &step.act else { return Some(step.clone()) };
    if refused.is_empty() {
        return Some(step.clone());
    }
    let mut serving = serving.clone();
    refused.iter().for_each(|object| serving.withdraw(object));
    Some(Step { act: Act::Serve(serving.clone()), ..told(&serving)? })
}

fn refuses(lane: &Lane) -> bool {
    lane.steps.iter().any(|step| step.verb == Verb::Refuse)
}
