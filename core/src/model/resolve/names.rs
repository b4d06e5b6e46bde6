//! The DNS names of pods and Services on the host's one network.
//!
//! A name with its scope belongs to one thing, or it is an error. A short name (`pg`, `pg-0.pg`) has no scope in it,
//! and on one flat network it would lead from one scope into another; it is given only where just one thing of the
//! unit bears it.

use std::collections::BTreeSet;

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

/// What a name leads to, and the object that says so.
struct Claim<'a> {
    name: String,
    owner: Owner<'a>,
    object: &'a Object,
}

/// Names and what they lead to, in this order once all are claimed: there are several for each thing, and hardly ever two of
/// one name.
#[derive(Default)]
struct Claims<'a>(Vec<Claim<'a>>);

impl<'a> Claims<'a> {
    fn claim(&mut self, mut name: String, owner: Owner<'a>, object: &'a Object) {
        name.make_ascii_lowercase();
        self.0.push(Claim { name, owner, object });
    }

    /// The claims in order, one for each name and owner: of the same two, the one that was made last.
    fn settle(mut self) -> Self {
        self.0.reverse();
        self.0.sort_by(|one, other| one.key().cmp(&other.key()));
        self.0.dedup_by(|later, one| later.key() == one.key());
        self
    }

    /// The claims of each name. They are settled.
    fn by_name(&self) -> impl Iterator<Item = &[Claim<'a>]> {
        self.0.chunk_by(|one, next| one.name == next.name)
    }

    /// The claims of one name. They are settled.
    fn of(&self, name: &str) -> &[Claim<'a>] {
        let start = self.0.partition_point(|claim| claim.name.as_str() < name);
        let from = self.0.get(start..).unwrap_or_default();
        &from[..from.partition_point(|claim| claim.name == name)]
    }
}

impl Claim<'_> {
    fn key(&self) -> (&str, Owner<'_>) {
        (&self.name, self.owner)
    }
}

/// Gives every draft its names; those of each Service come back. Where a relay stands for a Service, its names lead to that, and
/// its pods have a name by which the relay finds them.
pub(super) fn give<'a>(
    services: &[Service<'a>],
    relays: &[Option<Relay>],
    drafts: &mut [Draft<'a>],
    selection: &Selection,
    problems: &mut Problems,
) -> Vec<Vec<String>> {
    let (mut scoped, mut short) = (Claims::default(), Claims::default());
    for (at, draft) in drafts.iter().enumerate() {
        let governing = governing(services, draft, selection.of_draft(at));
        let object = draft.object;
        for ordinal in ordinals(draft) {
            let host = pod_hostname(&object.id, &PodIndex::Ordinal(ordinal));
            let owner = Owner::Pod(&object.id, ordinal);
            for ending in own_endings(governing, draft) {
                scoped.claim(format!("{host}{ending}"), owner, object);
            }
            if let Some(ending) = short_ending(governing) {
                short.claim(format!("{host}{ending}"), owner, object);
            }
        }
    }
    for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| !draft.object.id.kind.ends()) {
        let mut named = false;
        for service in selection.of_draft(at).iter().map(|(at, _)| &services[*at]) {
            for name in names_below(service, draft) {
                named = true;
                scoped.claim(name, Owner::Service(&service.object.id), draft.object);
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
            scoped.claim(name, Owner::Service(&object.id), object);
        }
        short.claim(object.id.name.clone(), Owner::Service(&object.id), object);
    }
    let (scoped, short) = (scoped.settle(), short.settle());
    for claims in scoped.by_name().filter(|claims| claims.len() > 1) {
        refuse_shared(claims, problems);
    }
    let ambiguous = |claims: &&[Claim<'a>]| {
        let others = claims.first().map_or(&[][..], |claim| scoped.of(&claim.name));
        let owners = claims.iter().map(|claim| claim.owner);
        claims.len() > 1 || !others.is_empty() && !others.iter().map(|claim| claim.owner).eq(owners)
    };
    let ambiguous: Vec<&[Claim<'a>]> = short.by_name().filter(ambiguous).collect();
    ambiguous.iter().for_each(|claims| note_left_out(claims, problems));
    let ambiguous = ambiguous.iter().filter_map(|claims| Some(claims.first()?.name.as_str())).collect();
    for (at, draft) in drafts.iter_mut().enumerate() {
        if draft.object.id.kind.ends() {
            continue;
        }
        draft.template.names = names_of(services, relays, draft, selection.of_draft(at), &ambiguous);
    }
    services.iter().map(|service| all_names(&service.object.id, &ambiguous)).collect()
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
    ["", ".voodu", ".svc", ".svc.cluster.local"].map(|tail| [name, ".", &scope.0, tail].concat())
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
    let mut names: Vec<String> = service_names(id).into_iter().chain(short).collect();
    names.iter_mut().for_each(|name| name.make_ascii_lowercase());
    names
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

fn refuse_shared(claims: &[Claim<'_>], problems: &mut Problems) {
    let all: Vec<String> = claims.iter().map(|claim| claim.owner.to_string()).collect();
    for Claim { name, owner: _, object } in claims {
        let message = format!("the DNS name {name} would lead to different things: {}", all.join(" and "));
        problems.push(Problem::error(object.place("/metadata/name"), message).help("rename one of them"));
    }
}

fn note_left_out(claims: &[Claim<'_>], problems: &mut Problems) {
    for Claim { name, owner, object } in claims {
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
