//! The DNS names of pods and Services on the host's one network.
//!
//! A name with its scope belongs to one thing, or it is an error. A short name (`pg`, `pg-0.pg`) has no scope in it,
//! and on one flat network it would lead from one scope into another; it is given only where just one thing of the
//! unit bears it.

use std::collections::{BTreeMap, BTreeSet};

use super::relay::{Relay, endpoints};
use super::selection::Selection;
use super::services::{Selected, Service, governing};
use super::workload::Draft;
use crate::model::concrete::pod_hostname;
use crate::model::template::{Machine, Names, SharedName};
use crate::model::{Controller, Object, ObjectId, PodIndex};
use crate::text::{Problem, Problems};

/// What a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Owner<'a> {
    Pod(&'a ObjectId, u32),
    Service(&'a ObjectId),
}

/// Each with the object that says so.
type Owners<'a> = BTreeMap<Owner<'a>, &'a Object>;

type ByName<'a> = BTreeMap<String, Owners<'a>>;

/// Gives every draft its names; those of each Service come back. Where a relay stands for a Service, its names lead to that, and
/// its pods have a name by which the relay finds them.
pub(super) fn give<'a>(
    services: &[Service<'a>],
    relays: &[Option<Relay>],
    drafts: &mut [Draft<'a>],
    selection: &Selection,
    problems: &mut Problems,
) -> Vec<Vec<String>> {
    let (mut scoped, mut short) = (ByName::new(), ByName::new());
    for (at, draft) in drafts.iter().enumerate() {
        let governing = governing(services, draft, selection.of_draft(at));
        let object = draft.object;
        for ordinal in ordinals(draft) {
            let host = pod_hostname(&object.id, &PodIndex::Ordinal(ordinal));
            let owner = Owner::Pod(&object.id, ordinal);
            for ending in own_endings(governing, draft) {
                claim(&mut scoped, format!("{host}{ending}"), owner, object);
            }
            if let Some(ending) = short_ending(governing) {
                claim(&mut short, format!("{host}{ending}"), owner, object);
            }
        }
    }
    for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| !draft.object.id.kind.ends()) {
        let mut named = false;
        for service in selection.of_draft(at).iter().map(|(at, _)| &services[*at]) {
            for name in names_below(service, draft) {
                named = true;
                claim(&mut scoped, name, Owner::Service(&service.object.id), draft.object);
            }
        }
        if !named {
            warn_of_no_name_below(draft, problems);
        }
    }
    for (at, service) in services.iter().enumerate() {
        let object = service.object;
        if relays[at].is_none() && leads_to_namesake(service, drafts, selection.of_service(at)) {
            continue;
        }
        for name in service_names(&object.id) {
            claim(&mut scoped, name, Owner::Service(&object.id), object);
        }
        claim(&mut short, object.id.name.clone(), Owner::Service(&object.id), object);
    }
    for (name, owners) in scoped.iter().filter(|(_, owners)| owners.len() > 1) {
        refuse_shared(name, owners, problems);
    }
    let ambiguous: BTreeSet<&str> = short
        .iter()
        .filter(|(name, owners)| {
            owners.len() > 1 || scoped.get(*name).is_some_and(|others| !others.keys().eq(owners.keys()))
        })
        .map(|(name, _)| name.as_str())
        .collect();
    for name in &ambiguous {
        note_left_out(name, short.get(*name), problems);
    }
    for (at, draft) in drafts.iter_mut().enumerate() {
        if draft.object.id.kind.ends() {
            continue;
        }
        draft.template.names = names_of(services, relays, draft, selection.of_draft(at), &ambiguous);
    }
    services.iter().map(|service| all_names(&service.object.id, &ambiguous)).collect()
}

fn claim<'a>(names: &mut ByName<'a>, mut name: String, owner: Owner<'a>, object: &'a Object) {
    name.make_ascii_lowercase();
    names.entry(name).or_default().insert(owner, object);
}

fn ordinals(draft: &Draft<'_>) -> std::ops::Range<u32> {
    match &draft.controller {
        Controller::StatefulSet { start, management: _, update: _, claims: _ } => {
            *start..start.saturating_add(draft.replicas)
        }
        Controller::DaemonSet { update: _ } => 0..draft.replicas,
        // A replica's name is drawn when it is made, and bears the workload's scope.
        Controller::Deployment { recreate: _, max_surge: _, max_unavailable: _ } => 0..0,
        // Nobody is led to a pod that runs to its end.
        Controller::Job(_) | Controller::CronJob(_) => 0..0,
    }
}

/// What follows a pod's own name in its names, each with a scope in it.
fn own_endings(governing: Option<&Service<'_>>, draft: &Draft<'_>) -> Vec<String> {
    let scope = &draft.object.id.scope;
    let mut endings = vec![format!(".{scope}"), format!(".{scope}.voodu")];
    if let Some(service) = governing {
        let name = &service.object.id.name;
        endings.extend(["", ".svc", ".svc.cluster.local"].map(|tail| format!(".{name}.{scope}{tail}")));
    }
    endings
}

fn short_ending(governing: Option<&Service<'_>>) -> Option<String> {
    governing.map(|service| format!(".{}", service.object.id.name))
}

/// The names that a pod has below a Service because its manifest says so. Source: `hostname` and `subdomain` of the PodSpec.
fn names_below(service: &Service<'_>, draft: &Draft<'_>) -> Vec<String> {
    let Machine { name, subdomain, whole: _ } = &draft.template.machine;
    let id = &service.object.id;
    let host = name.as_ref().filter(|_| service.headless && subdomain.as_ref() == Some(&id.name));
    let below = |host: &String| service_names(id).map(|name| format!("{host}.{name}").to_ascii_lowercase());
    host.map(below).into_iter().flatten().collect()
}

fn warn_of_no_name_below(draft: &Draft<'_>, problems: &mut Problems) {
    let Machine { name: Some(name), subdomain: Some(below), whole: _ } = &draft.template.machine else { return };
    let id = &draft.object.id;
    let message = format!("{id}: no name {name}.{below} leads to its pods: no headless Service `{below}` selects them");
    let place = draft.object.place("/spec/template/spec/subdomain");
    problems
        .push(Problem::warning(place, message).help("declare it with `clusterIP: None` and the labels of the pods"));
}

fn service_names(id: &ObjectId) -> [String; 4] {
    let ObjectId { kind: _, scope, name } = id;
    ["", ".voodu", ".svc", ".svc.cluster.local"].map(|tail| format!("{name}.{scope}{tail}"))
}

/// True for a Service that bears the name of a pod and selects just that one: their names are the same.
fn leads_to_namesake(service: &Service<'_>, drafts: &[Draft<'_>], selected: &[(usize, Selected)]) -> bool {
    match selected {
        [(at, Selected::One(ordinal))] => {
            pod_hostname(&drafts[*at].object.id, &PodIndex::Ordinal(*ordinal)) == service.object.id.name
        }
        _ => false,
    }
}

/// The names of a Service, with the short one unless others bear it, too.
fn all_names(id: &ObjectId, ambiguous: &BTreeSet<&str>) -> Vec<String> {
    let short = Some(id.name.clone()).filter(|name| !ambiguous.contains(name.to_ascii_lowercase().as_str()));
    service_names(id).into_iter().chain(short).map(|name| name.to_ascii_lowercase()).collect()
}

fn names_of(
    services: &[Service<'_>],
    relays: &[Option<Relay>],
    draft: &Draft<'_>,
    selecting: &[(usize, Selected)],
    ambiguous: &BTreeSet<&str>,
) -> Names {
    let governing = governing(services, draft, selecting);
    let mut own = own_endings(governing, draft);
    let short = short_ending(governing).filter(|ending| {
        ordinals(draft).all(|ordinal| {
            let host = pod_hostname(&draft.object.id, &PodIndex::Ordinal(ordinal));
            !ambiguous.contains(format!("{host}{ending}").to_ascii_lowercase().as_str())
        })
    });
    own.extend(short.filter(|ending| !own.contains(ending)));
    let publish_not_ready = !selecting.is_empty() && selecting.iter().all(|(at, _)| services[*at].publish_not_ready);
    let (mut always, mut shared) = (Vec::new(), Vec::new());
    for (at, selected) in selecting {
        let service = &services[*at];
        let ordinal = match selected {
            Selected::All => None,
            Selected::One(ordinal) => Some(*ordinal),
        };
        let id = &service.object.id;
        let mut names = if relays[*at].is_some() { vec![endpoints(id)] } else { all_names(id, ambiguous) };
        names.extend(names_below(service, draft));
        let target = if service.publish_not_ready && !publish_not_ready { &mut always } else { &mut shared };
        target.extend(names.into_iter().map(|name| SharedName { name, ordinal }));
    }
    Names { own_endings: own, always, shared, publish_not_ready }
}

fn refuse_shared(name: &str, owners: &Owners<'_>, problems: &mut Problems) {
    let all: Vec<String> = owners.keys().map(Owner::to_string).collect();
    for object in owners.values() {
        let message = format!("the DNS name {name} would lead to different things: {}", all.join(" and "));
        problems.push(Problem::error(object.place("/metadata/name"), message).help("rename one of them"));
    }
}

fn note_left_out(name: &str, owners: Option<&Owners<'_>>, problems: &mut Problems) {
    for (owner, object) in owners.into_iter().flatten() {
        let scope = match owner {
            Owner::Pod(id, _) | Owner::Service(id) => &id.scope,
        };
        let message =
            format!("the short name {name} of {owner} is left out: it would not be the only one of that name");
        problems.push(Problem::note(object.place("/metadata/name"), message).help(format!("use {name}.{scope}")));
    }
}

impl std::fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pod(id, ordinal) => write!(f, "pod {ordinal} of {id}"),
            Self::Service(id) => write!(f, "{id}"),
        }
    }
}
