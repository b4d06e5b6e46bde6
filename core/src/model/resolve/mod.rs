//! Turns objects into what a container host must become: references followed, defaults filled in, names given.
//!
//! Invariant: all problems come back together, each at its place; nothing is dropped silently.
//! Invariant: no message quotes a value of a Secret or a bucket.

mod budget;
mod catalog;
mod collisions;
mod container;
mod cronjob;
mod dns;
mod downward;
mod environment;
mod extras;
mod gateway;
mod hooks;
mod ingress;
mod job;
mod logins;
mod machine;
mod names;
mod probes;
mod relay;
mod security;
mod selection;
mod services;
mod subpath;
mod sysctls;
mod volumes;
mod workload;

pub(crate) use self::sysctls::is_parameter;
use std::collections::BTreeMap;

use super::{BucketRef, Desired, Kind, Object};
use crate::cores;
use crate::hash::{HashKey, of_template};
use crate::text::{Place, Problem, Problems, SecretText};

use catalog::Catalog;
use selection::Selection;
use workload::Draft;

/// The contents of config buckets, by bucket and key.
pub type Buckets = BTreeMap<BucketRef, BTreeMap<String, SecretText>>;

/// What a host adds to what its manifests say.
#[derive(Debug, Clone)]
pub struct World {
    /// Config buckets.
    pub buckets: Buckets,
    /// Key by which values of secrets enter hashes.
    pub hash_key: HashKey,
}

/// What `objects` want of a container host, with warnings and notes.
///
/// # Errors
///
/// All problems, if one of them is an error: a reference that leads nowhere, a field that a container host cannot
/// honour, two identities that would bear the same name.
pub fn resolve(objects: &[Object], world: &World) -> Result<(Desired, Problems), Problems> {
    let mut problems = Problems::default();
    let catalog = Catalog::read(objects, &mut problems);
    let services = services::read(objects, &mut problems);
    let cron: Vec<Object> = objects.iter().filter_map(Object::flattened).collect();
    let others = objects.iter().filter(|object| is_workload(object.id.kind) && object.id.kind != Kind::CronJob);
    let workloads: Vec<&Object> = others.chain(&cron).collect();
    let mut drafts: Vec<Draft<'_>> = Vec::with_capacity(workloads.len());
    for (draft, found) in cores::map(&workloads, WORKLOADS_MANY, |object| {
        let mut found = Problems::default();
        let mut reader = Reader { object, catalog: &catalog, buckets: &world.buckets, problems: &mut found };
        (workload::read(&mut reader), found)
    }) {
        drafts.extend(draft);
        problems.extend(found);
    }
    drafts.sort_by(|one, other| one.object.id.cmp(&other.object.id));
    let selection = Selection::new(&services, &drafts);
    services::attach(&services, &drafts, &selection, &mut problems);
    let relays = relay::settle(&services, &selection, &drafts, &mut problems);
    let names = names::give(&services, &relays, &mut drafts, &selection, &mut problems);
    let relayed: Vec<bool> = relays.iter().map(Option::is_some).collect();
    let relays = services.iter().zip(relays).zip(names);
    drafts.extend(relays.filter_map(|((service, relay), names)| Some(relay?.draft(service, names))));
    collisions::check(&drafts, &mut problems);
    let around = ingress::Surroundings {
        catalog: &catalog,
        services: &services,
        drafts: &drafts,
        selection: &selection,
        key: &world.hash_key,
        relayed: &relayed,
    };
    let budgets = budget::read(objects, &drafts, &mut problems);
    let entrances = ingress::read(objects, &around, &mut problems);
    if problems.has_errors() {
        return Err(problems);
    }
    let hashed = cores::map(&drafts, WORKLOADS_MANY, |draft| {
        draft.pending.is_none().then(|| of_template(&draft.object.id, &draft.template, &world.hash_key))
    });
    let mut desired = Desired { entrances, budgets, ..Desired::default() };
    for (draft, hashed) in drafts.into_iter().zip(hashed) {
        let id = draft.object.id.clone();
        if let Some(reason) = &draft.pending {
            desired.pending.insert(id, reason.clone());
        } else if let Some((revision, parts)) = hashed {
            desired.workloads.insert(id, draft.finish(revision, parts));
        }
    }
    Ok((desired, problems))
}

/// Workloads that are worth resolving on several cores: so many take longer than threads take to start.
const WORKLOADS_MANY: usize = 128;

const fn is_workload(kind: Kind) -> bool {
    match kind {
        Kind::StatefulSet | Kind::Deployment | Kind::DaemonSet | Kind::Job | Kind::CronJob => true,
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
        | Kind::Other(_) => false,
    }
}

/// One workload that is being read, with all that it may refer to.
struct Reader<'a, 'p> {
    object: &'a Object,
    catalog: &'a Catalog<'a>,
    buckets: &'a Buckets,
    problems: &'p mut Problems,
}

impl<'a> Reader<'a, '_> {
    fn place(&self, pointer: &str) -> Option<Place> {
        self.object.place(pointer)
    }

    fn error(&mut self, pointer: &str, message: &str) {
        self.problems.push(Problem::error(self.place(pointer), format!("{}: {message}", self.object.id)));
    }

    fn error_help(&mut self, pointer: &str, message: &str, help: &str) {
        let problem = Problem::error(self.place(pointer), format!("{}: {message}", self.object.id));
        self.problems.push(problem.help(help));
    }

    fn warning(&mut self, pointer: &str, message: &str) {
        self.problems.push(Problem::warning(self.place(pointer), format!("{}: {message}", self.object.id)));
    }

    fn note(&mut self, pointer: &str, message: &str) {
        self.problems.push(Problem::note(self.place(pointer), format!("{}: {message}", self.object.id)));
    }

    /// A number between `least` and `most`, or its default where it is unset; anything else is a problem.
    fn number(&mut self, written: Option<i64>, pointer: &str, default: u32, least: u32, most: u32) -> u32 {
        let Some(written) = written else { return default };
        if let Some(number) = u32::try_from(written).ok().filter(|number| (least..=most).contains(number)) {
            return number;
        }
        let field = pointer.rsplit('/').next().unwrap_or(pointer);
        self.error(pointer, &format!("{field} is {written}, and must be from {least} to {most}"));
        default
    }

    fn view<T: serde::Deserialize<'a>>(&mut self, pointer: &str) -> Option<T> {
        super::view::view(self.object, pointer, self.problems)
    }
}
