//! The HCL dialect of Voodu: `app`, `statefulset`, `deployment`, `ingress`, `job`, `cronjob`, `asset`,
//! `registry`, `postgres` and `redis`.
//!
//! All manifests are read first, so that references lead from any file to any other; then each resource is lowered:
//!
//! | written | becomes |
//! |---|---|
//! | `statefulset "S" "N"` | a headless Service `N` and a StatefulSet `N` in namespace `S` |
//! | `deployment "S" "N"` | a headless Service `N` and a Deployment `N` in namespace `S` |
//! | `app "S" "N"` | what a `deployment` and an `ingress` of that name become |
//! | `ingress "S" "N"` | an Ingress `N` in namespace `S` |
//! | `job "S" "N"` | a Job `N` in namespace `S` |
//! | `cronjob "S" "N"` | a CronJob `N` in namespace `S` |
//! | `postgres "S" "N"`, `redis "S" "N"` | what a `statefulset` of that name becomes |
//! | `asset "S" "N"` | a ConfigMap `N` in namespace `S` |
//! | an asset mounted from another scope `T` | a ConfigMap `N.S` in namespace `T` with the keys used there |
//! | `asset "N"` | a ConfigMap `N.global.asset` in each namespace where it is used, with the keys used there |
//! | `registry "HOST"` | a Secret `HOST.registry` in each namespace with a workload that has an image of that host |
//! | any scope `S` | a Namespace `S`, unless one is declared elsewhere |
//!
//! Invariant: computes nothing. What is not a literal, a list, an object, a reference to an asset, `file()` or
//! `url()` is refused where it is written. Contents of `url()` come from the caller, who fetched them before.

mod address;
mod assets;
mod container;
mod declared;
mod env;
mod extras;
mod fields;
mod fill;
mod ingress;
mod job;
mod macros;
mod names;
mod nearest;
mod parse;
mod paths;
mod placed;
mod plugins;
mod ports;
mod probes;
mod registry;
mod resources;
mod scan;
mod scene;
mod tree;
mod urls;
mod volumes;
mod workload;
mod workloads;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

pub use self::address::{Address, Contents, Fetched};
use self::assets::{Assets, Borrowed};
use self::declared::{Declared, Resource};
pub(super) use self::env::literal;
use self::placed::Placed;
pub use self::plugins::{BlockId, Expansion, Expansions, Kinds, is_built_in};
use self::scene::Scene;
use self::tree::Entry;
use super::sops::SealedFile;
use super::{Addresses, Files, Given, MANIFESTS_MANY, Variables};
use crate::cores;
use crate::limits::PROBLEMS_SHOWN_MAX;
use crate::model::{Kind, Object, ObjectId};
use crate::text::{Place, Problems};

/// What a set of manifests asks for.
#[derive(Debug, Default)]
pub struct Lowering {
    /// Objects that are declared, in order of their identities.
    pub objects: Vec<Object>,
    /// Namespaces that follow from scopes. They give way to one that is declared in another dialect.
    pub implied: Vec<Object>,
    /// Files that ConfigMaps among them hold and that are encrypted. A text stands in their place.
    pub sealed: Vec<SealedFile>,
    /// By file, values of variables, and whatever could be one in a manifest that cannot be read. No message may show
    /// them.
    pub hidden: BTreeMap<String, Vec<Range<usize>>>,
}

/// Lowers all manifests of a unit together. `manifests` are pairs of path and text, in any order; `files` are all
/// files of the unit, for `file()`, `contents` is what came of the [`addresses`], for `url()`, and `given` is what the
/// unit's settings give to them. Problems are added to `problems`; where one is an error, the objects are not complete.
pub fn lower(
    manifests: &[(&str, &str)],
    files: &Files,
    (contents, given): (&Contents, &Given),
    problems: &mut Problems,
) -> Lowering {
    let mut manifests = manifests.to_vec();
    manifests.sort_unstable();
    let suggestions = Cell::new(PROBLEMS_SHOWN_MAX);
    let mut scenes = Vec::with_capacity(manifests.len());
    let mut trees = Vec::with_capacity(manifests.len());
    for parsed in cores::map(&manifests, MANIFESTS_MANY, |(file, text)| parsed(file, text, &given.variables)) {
        let Parsed { file, text, problems, hidden, tree } = parsed;
        scenes.push(Scene { file, text, problems, hidden, suggestions: &suggestions });
        trees.push(tree);
    }
    let expand = |(scene, tree): (&mut Scene<'_>, &Vec<Entry>)| plugins::expanded(scene, tree, &given.expansions);
    let grown: Vec<Vec<Entry>> = scenes.iter_mut().zip(&trees).map(expand).collect();
    let mut all = Vec::new();
    for (file, (scene, (tree, grown))) in scenes.iter_mut().zip(trees.iter().zip(&grown)).enumerate() {
        let own = tree.iter().filter(|entry| plugins::of_plugin(entry, &given.expansions.kinds).is_none());
        all.extend(own.chain(grown).filter_map(|entry| declared::declared(scene, entry, file)));
    }
    let mut lowering = resources(&declared::unique(all, &mut scenes), &mut scenes, files, contents);
    drop(grown);
    cores::let_go(trees, MANIFESTS_MANY);
    for scene in scenes {
        if !scene.hidden.is_empty() {
            lowering.hidden.insert(scene.file.to_string(), scene.hidden);
        }
        problems.extend(scene.problems);
    }
    lowering
}

/// One manifest read, with what the scene has then that does not depend on others.
struct Parsed<'a> {
    file: Arc<str>,
    text: &'a str,
    problems: Problems,
    hidden: Vec<Range<usize>>,
    tree: Vec<Entry>,
}

/// Reads one manifest. Nothing is looked for among names yet, so there are no suggestions to make.
fn parsed<'a>(file: &str, text: &'a str, variables: &Variables) -> Parsed<'a> {
    let suggestions = Cell::new(0);
    let mut scene = Scene::new(file, text, &suggestions);
    let tree = parse::parse(&mut scene, variables).unwrap_or_default();
    let Scene { file, text: _, problems, hidden, suggestions: _ } = scene;
    Parsed { file, text, problems, hidden, tree }
}

/// The addresses that assets of a manifest name, and how long their servers are given. One that cannot be read names none:
/// lowering says why.
pub(super) fn addresses(file: &str, text: &str, variables: &Variables) -> Addresses {
    // Seldom, and reading takes time.
    if !text.contains("url") {
        return Addresses::new();
    }
    let suggestions = Cell::new(0);
    let Parsed { file, text, problems, hidden, tree } = parsed(file, text, variables);
    let mut scene = Scene { file, text, problems, hidden, suggestions: &suggestions };
    let declared: Vec<_> = tree.iter().filter_map(|entry| declared::declared(&mut scene, entry, 0)).collect();
    let mut addresses = Addresses::new();
    for one in declared.into_iter().filter(|one| one.resource == Resource::Asset) {
        for (address, timeout) in assets::addresses(&mut scene, &one.block.entries) {
            let longest = addresses.entry(address).or_insert(timeout);
            *longest = timeout.max(*longest);
        }
    }
    addresses
}

/// What plugins are asked about the blocks of their kinds in a manifest. One that cannot be read has none: lowering says why.
pub(super) fn questions(file: &str, text: &str, given: &Given) -> BTreeMap<BlockId, String> {
    let kinds = &given.expansions.kinds;
    if !kinds.keys().any(|kind| text.contains(kind)) {
        return BTreeMap::new();
    }
    plugins::questions(&parsed(file, text, &given.variables).tree, kinds)
}

/// Lowers resources of which no two have the same identity.
fn resources(all: &[Declared<'_>], scenes: &mut [Scene<'_>], files: &Files, contents: &Contents) -> Lowering {
    let (mut assets, mut registries) = (Assets::default(), Vec::new());
    let mut scopes: BTreeMap<&str, Place> = BTreeMap::new();
    for one in all {
        let scene = &mut scenes[one.file];
        if !one.scope.text.is_empty() {
            scopes.entry(&one.scope.text).or_insert_with(|| scene.place(&one.scope.span));
        }
        if one.resource == Resource::Asset {
            let asset = assets::read(scene, one, files, contents);
            assets.insert(one, asset);
        }
        if one.resource == Resource::Registry {
            registries.extend(registry::read(scene, one).map(|read| (read, one.file)));
        }
    }
    let mut objects = assets.objects();
    let mut borrowed: BTreeMap<(&str, Borrowed), BTreeSet<String>> = BTreeMap::new();
    for (scope, lowered) in workloads::lower(all, scenes, &assets) {
        objects.extend(lowered.objects);
        for (asset, key) in lowered.borrowed {
            borrowed.entry((scope, asset)).or_default().insert(key);
        }
    }
    let ports = first_ports(&objects);
    for one in all.iter().filter(|one| one.resource == Resource::Ingress) {
        objects.extend(ingress::lower(&mut scenes[one.file], one, &ports));
    }
    for one in all.iter().filter(|one| one.resource == Resource::Asset && one.scope.text.is_empty()) {
        if assets.is_unused("", &one.name.text) {
            let help = "mount it, as in `volumes = [\"${asset.NAME.KEY}:/path:ro\"]`, or remove it";
            scenes[one.file].note(&one.block.header, "no workload uses this asset, so it is nowhere", help);
        }
    }
    let logins = registry::attach(&registries, &mut objects, scenes);
    objects.extend(logins);
    objects.extend(borrowed.iter().filter_map(|((scope, asset), keys)| assets.borrowed(scope, asset, keys)));
    objects.sort_by(|one, other| one.id.cmp(&other.id));
    let implied = scopes.into_iter().map(|(scope, place)| namespace(scope, place)).collect();
    let sealed = assets.sealed(borrowed.iter().map(|((scope, asset), keys)| (*scope, asset, keys)));
    Lowering { objects, implied, sealed, hidden: assets.hidden() }
}

/// The first port of each Service.
fn first_ports(objects: &[Object]) -> BTreeMap<(String, String), u16> {
    let services = objects.iter().filter(|object| object.id.kind == Kind::Service);
    let ports = services.filter_map(|service| {
        let port = service.at("/spec/ports/0/port")?.as_u64().and_then(|port| u16::try_from(port).ok())?;
        Some(((service.id.scope.0.clone(), service.id.name.clone()), port))
    });
    ports.collect()
}

fn namespace(scope: &str, place: Place) -> Object {
    let kind = Kind::Namespace;
    let body = Placed::at(serde_json::Map::new(), place)
        .plain("apiVersion", kind.api_version())
        .plain("kind", kind.name())
        .with("metadata", Placed::object().plain("name", scope));
    let (body, places) = body.finish();
    Object { id: ObjectId::new(kind, "", scope), body, places }
}
