//! The resources of all files, each found once.

use std::collections::BTreeMap;

use super::names::label;
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
    Statefulset,
}

impl Resource {
    pub(super) const ALL: [Self; 9] = [
        Self::App,
        Self::Asset,
        Self::Cronjob,
        Self::Deployment,
        Self::Ingress,
        Self::Job,
        Self::Postgres,
        Self::Redis,
        Self::Statefulset,
    ];

    /// True for a kind that stands for no other one.
    pub(super) const fn is_plain(self) -> bool {
        match self {
            Self::App
            | Self::Asset
            | Self::Cronjob
            | Self::Deployment
            | Self::Ingress
            | Self::Job
            | Self::Statefulset => true,
            Self::Postgres | Self::Redis => false,
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
            Self::Statefulset => "statefulset",
        }
    }

    /// Of what no two resources can have the same scope and name.
    const fn claims(self) -> &'static [Claim] {
        match self {
            Self::Asset => &[Claim::Asset],
            Self::Ingress => &[Claim::Ingress],
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
}

/// Kinds of the dialect that are understood and refused, with what to write instead.
const REFUSED: [(&str, &str); 1] = [("registry", "log the host's container engine in to the registry")];

/// True for a kind that the dialect understands, whether it is taken or refused.
pub(super) fn is_known(kind: &str) -> bool {
    Resource::ALL.into_iter().any(|resource| resource.word() == kind) || REFUSED.iter().any(|(name, _)| *name == kind)
}

/// One resource as it was written.
pub(super) struct Declared<'e> {
    pub(super) resource: Resource,
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
    let [scope, name] = block.labels.as_slice() else {
        let help = format!("write `{} \"SCOPE\" \"NAME\" {{ … }}`", resource.word());
        scene.refuse(&block.header, format!("`{}` needs exactly two labels, scope and name", resource.word()), help);
        return None;
    };
    let sound = [label(scene, "a scope", scope), label(scene, "a name", name) && reachable(scene, resource, name)];
    sound.into_iter().all(|sound| sound).then_some(Declared { resource, scope, name, block, file })
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
    if let Some((name, help)) = REFUSED.into_iter().find(|(name, _)| *name == kind.text) {
        scene.refuse(&kind.span, format!("`{name}` is not supported yet"), help);
        return;
    }
    let names = Resource::ALL.into_iter().map(Resource::word).chain(REFUSED.into_iter().map(|(name, _)| name));
    let help = match scene.nearest(&kind.text, names) {
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
        let identity = format!("{}/{}/{}", one.resource.word(), one.scope.text, one.name.text);
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
