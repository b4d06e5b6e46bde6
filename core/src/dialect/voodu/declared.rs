//! The resources of all files, each found once.

use std::collections::BTreeMap;

use super::names::label;
use super::registry;
use super::scene::Scene;
use super::tree::{Block, Content, Entry, Word};
use crate::text::quoted;

/// The kinds of resource that can be declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    App,
    Asset,
    Cronjob,
    Deployment,
    Ingress,
    Job,
    Postgres,
    Redis,
    Registry,
    Statefulset,
}

impl Resource {
    pub(super) const ALL: [Self; 10] = [
        Self::App,
        Self::Asset,
        Self::Cronjob,
        Self::Deployment,
        Self::Ingress,
        Self::Job,
        Self::Postgres,
        Self::Redis,
        Self::Registry,
        Self::Statefulset,
    ];

    /// True for a kind that stands for no other one, and that a plugin may answer with.
    pub(super) const fn is_plain(self) -> bool {
        match self {
            Self::App
            | Self::Asset
            | Self::Cronjob
            | Self::Deployment
            | Self::Ingress
            | Self::Job
            | Self::Statefulset => true,
            Self::Postgres | Self::Redis | Self::Registry => false,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Asset => "asset",
            Self::Cronjob => "cronjob",
            Self::Deployment => "deployment",
            Self::Ingress => "ingress",
            Self::Job => "job",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Registry => "registry",
            Self::Statefulset => "statefulset",
        }
    }

    /// Of what no two resources can have the same scope and name.
    const fn claims(self) -> &'static [Claim] {
        match self {
            Self::Asset => &[Claim::Asset],
            Self::Ingress => &[Claim::Ingress],
            Self::Registry => &[Claim::Registry],
            Self::App => &[Claim::Pods, Claim::Ingress],
            Self::Cronjob | Self::Deployment | Self::Job | Self::Postgres | Self::Redis | Self::Statefulset => {
                &[Claim::Pods]
            }
        }
    }
}

/// What one scope and name can stand for once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Asset,
    Ingress,
    Pods,
    Registry,
}

/// True for a kind that the dialect understands.
pub(super) fn is_known(kind: &str) -> bool {
    Resource::ALL.into_iter().any(|resource| resource.word() == kind)
}

/// One resource as it was written.
pub(super) struct Declared<'e> {
    pub(super) resource: Resource,
    /// Empty for a registry and an asset of no scope.
    pub(super) scope: &'e Word,
    pub(super) name: &'e Word,
    pub(super) block: &'e Block,
    /// Which of the files it is in.
    pub(super) file: usize,
}

/// The resource that a top-level entry declares.
pub(super) fn declared<'e>(scene: &mut Scene<'_>, entry: &'e Entry, file: usize) -> Option<Declared<'e>> {
    let Entry { name: kind, content } = entry;
    let block = match content {
        Content::Block(block) => block,
        Content::Value(_) => {
            scene.refuse(
                &kind.span,
                format!("{} stands outside of any resource", quoted(&kind.text)),
                "a manifest holds resources, as in `statefulset \"SCOPE\" \"NAME\" { … }`",
            );
            return None;
        }
    };
    let Some(resource) = Resource::ALL.into_iter().find(|resource| resource.word() == kind.text) else {
        refuse_kind(scene, kind);
        return None;
    };
    let (scope, name) = match (block.labels.as_slice(), resource) {
        ([name], Resource::Registry) => {
            let sound = registry::name(scene, name);
            return sound.then_some(Declared { resource, scope: &NO_SCOPE, name, block, file });
        }
        ([scope, name], resource) if resource != Resource::Registry => (scope, name),
        ([name], Resource::Asset) => (&NO_SCOPE, name),
        _ => {
            refuse_labels(scene, resource, block);
            return None;
        }
    };
    let has_scope = block.labels.len() == 2;
    let sound = [
        !has_scope || label(scene, "a scope", scope),
        label(scene, "a name", name) && reachable(scene, resource, name),
    ];
    sound.into_iter().all(|sound| sound).then_some(Declared { resource, scope, name, block, file })
}

/// The scope of what is of none.
static NO_SCOPE: Word = Word { text: String::new(), span: 0..0 };

fn refuse_labels(scene: &mut Scene<'_>, resource: Resource, block: &Block) {
    let word = resource.word();
    let (needs, help) = if resource == Resource::Asset {
        (
            "one label, its name, or two, scope and name",
            format!("write `{word} \"NAME\" {{ … }}` or `{word} \"SCOPE\" \"NAME\" {{ … }}`"),
        )
    } else if resource == Resource::Registry {
        ("one label, its host", format!("write `{word} \"ghcr.io\" {{ … }}`"))
    } else {
        ("exactly two labels, scope and name", format!("write `{word} \"SCOPE\" \"NAME\" {{ … }}`"))
    };
    scene.refuse(&block.header, format!("`{word}` needs {needs}"), help);
}

/// Longest name of a statefulset. Source: Kubernetes adds 11 characters for a label of at most 63.
const STATEFULSET_CHARACTERS_MAX: usize = 52;

/// True if the name, sound as such, can also be that of a Service. Source: RFC 1035, section 2.3.1.
fn reachable(scene: &mut Scene<'_>, resource: Resource, name: &Word) -> bool {
    if resource != Resource::Asset && name.text.starts_with(|first: char| first.is_ascii_digit()) {
        let article = if resource.word().starts_with(['a', 'i']) { "an" } else { "a" };
        let message = format!("{article} {} cannot have a name that begins with a digit", resource.word());
        scene.refuse(&name.span, message, "let it begin with a letter: workloads are reached by their names");
        return false;
    }
    let stateful = matches!(resource, Resource::Postgres | Resource::Redis | Resource::Statefulset);
    if stateful && name.text.len() > STATEFULSET_CHARACTERS_MAX {
        let message = format!("the name of a {} has at most {STATEFULSET_CHARACTERS_MAX} characters", resource.word());
        scene.refuse(&name.span, message, "choose a shorter name: those of its pods are made from it");
        return false;
    }
    true
}

fn refuse_kind(scene: &mut Scene<'_>, kind: &Word) {
    let help = match scene.nearest(&kind.text, Resource::ALL.into_iter().map(Resource::word)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => {
            let kinds: Vec<&str> = Resource::ALL.into_iter().map(Resource::word).collect();
            format!(
                "the kinds are {}; one that a plugin expands is declared in the settings of the unit: `[[unit.plugin]]`",
                kinds.join(", ")
            )
        }
    };
    scene.refuse(&kind.span, format!("the kind {} is not known", quoted(&kind.text)), help);
}

/// Keeps the first of each identity and reports the others, each pair at both places.
///
/// Workloads of one scope and name exclude each other, too, whatever their kinds: their pods are called by it.
pub(super) fn unique<'e>(mut all: Vec<Declared<'e>>, scenes: &mut [Scene<'_>]) -> Vec<Declared<'e>> {
    all.sort_by_key(|one| (one.file, one.block.header.start));
    let mut first: BTreeMap<(Claim, &str, &str), usize> = BTreeMap::new();
    let mut kept: Vec<Declared<'e>> = Vec::new();
    let mut lines = Lines::default();
    for one in all {
        let (scope, name) = (one.scope.text.as_str(), one.name.text.as_str());
        let claims = one.resource.claims().iter().map(|claim| (*claim, scope, name));
        if let Some(index) = claims.clone().find_map(|claim| first.get(&claim)) {
            report_pair(&kept[*index], &one, scenes, &mut lines);
        } else {
            first.extend(claims.map(|claim| (claim, kept.len())));
            kept.push(one);
        }
    }
    kept
}

fn report_pair(first: &Declared<'_>, second: &Declared<'_>, scenes: &mut [Scene<'_>], lines: &mut Lines) {
    for (one, other) in [(first, second), (second, first)] {
        let scope = if one.scope.text.is_empty() { String::new() } else { format!("{}/", one.scope.text) };
        let identity = format!("{}/{scope}{}", one.resource.word(), one.name.text);
        let there = lines.describe(other, scenes);
        let (message, help) = if one.resource == other.resource {
            (
                format!("{identity} is declared more than once"),
                format!("it is also declared at {there}: remove one, or give one another name"),
            )
        } else {
            let why = match (one.resource, other.resource) {
                (Resource::Ingress, _) | (_, Resource::Ingress) => "an app has an ingress of its own name",
                _ => "the pods of workloads are called by their scope and name",
            };
            let article = if other.resource.word().starts_with(['a', 'i']) { "an" } else { "a" };
            (
                format!("{identity} has the name of {article} {}", other.resource.word()),
                format!("{why}: rename this or the one at {there}"),
            )
        };
        scenes[one.file].refuse(&one.block.header, message, help);
    }
}

/// Where the lines of each file end, found once for each file in question.
#[derive(Default)]
struct Lines(BTreeMap<usize, Vec<usize>>);

impl Lines {
    /// `file:line` of a resource.
    fn describe(&mut self, declared: &Declared<'_>, scenes: &[Scene<'_>]) -> String {
        let scene = &scenes[declared.file];
        let ends = self.0.entry(declared.file).or_insert_with(|| {
            scene.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect()
        });
        let line = ends.partition_point(|end| *end < declared.block.header.start) + 1;
        format!("{}:{line}", scene.file)
    }
}
