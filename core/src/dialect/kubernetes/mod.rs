//! Kubernetes YAML, lowered to the objects that it is.
//!
//! Each document goes three ways: `check` holds it against the table of fields, `meaning` looks at what its fields
//! say together, and [`effects`] tells what a target makes of it.
//!
//! On their way to a cluster they go through `plain` instead: its server knows every field of every kind.
//!
//! Invariant: an object that comes out for a container host holds only what the table knows; its body stays as it was
//! written, so that `writ render` shows what a person wrote. Only the namespace is filled in.

mod check;
mod effects;
mod format;
mod listing;
mod meaning;
mod plain;
mod shape;
mod suggest;
mod table;
mod together;

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value;

pub use effects::{Target, effects};
pub use listing::{Listed, ListedField, Outcome, fields};
pub(super) use together::judge_together;

/// Gives objects that name no namespace the one that they live in, where the manifests of a cluster say that they live in one.
pub(super) fn settle_namespaces(objects: &mut [Object]) {
    plain::settle(objects);
}

use super::yaml::{Content, Node, place};
use crate::model::{Kind, Object, ObjectId};
use crate::text::{Place, Problem, Problems, quoted};

/// Namespace of objects that name none. Source: kubectl without a configured context.
const NAMESPACE_DEFAULT: &str = "default";

/// The objects of one document, with all that is wrong in them for a target. `hidden` takes the bytes that hold secrets, which no message may show.
pub(super) fn lower_document(
    file: &Arc<str>,
    text: &str,
    document: &Rc<Node<'_>>,
    target: Target,
    problems: &mut Problems,
    hidden: &mut Vec<Range<usize>>,
) -> Vec<Object> {
    let mut objects = Vec::new();
    let mut waiting = vec![Rc::clone(document)];
    while let Some(node) = waiting.pop() {
        if !is_list(&node) {
            let reader = Reader { file, text, target, problems: &mut *problems, hidden: &mut *hidden };
            objects.extend(reader.object(&node));
            continue;
        }
        match node.get("items").map(|items| &items.content) {
            Some(Content::List(items)) => waiting.extend(items.iter().cloned()),
            None | Some(Content::Null) => {}
            Some(Content::Broken | Content::Boolean(_) | Content::Number(_) | Content::Text(_) | Content::Map(_)) => {
                let at = place(file, text, &node.label());
                problems.push(Problem::error(Some(at), "`items` of a List must be a list"));
            }
        }
        for entry in node.entries().iter().filter(|entry| !LIST_FIELDS.contains(&&*entry.name)) {
            let at = place(file, text, &entry.range);
            problems.push(Problem::error(Some(at), format!("List has no field {}", quoted(&entry.name))));
        }
    }
    objects
}

/// Fields of a `v1` List, which only holds objects together.
const LIST_FIELDS: [&str; 4] = ["apiVersion", "kind", "metadata", "items"];

fn is_list(node: &Node<'_>) -> bool {
    node.get("apiVersion").and_then(|node| node.text()) == Some("v1")
        && node.get("kind").and_then(|node| node.text()) == Some("List")
}

struct Reader<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    target: Target,
    problems: &'a mut Problems,
    hidden: &'a mut Vec<Range<usize>>,
}

impl Reader<'_> {
    fn object(self, node: &Node<'_>) -> Option<Object> {
        let Self { file, text, target, problems, hidden } = self;
        let kind = match kind(file, text, node, target) {
            Ok(kind) => kind,
            Err(problem) => {
                problems.push(problem);
                return None;
            }
        };
        match target {
            Target::Kubernetes => return plain::object((file, text), node, kind, problems, hidden),
            Target::Docker => {}
        }
        let mut check = check::Check::new(file, text, problems, hidden);
        let mut body = check.object(node, table::shape(kind));
        let check::Check { places, spoiled, .. } = check;
        let places = places.finish();
        let metadata = body.get_mut("metadata")?.as_object_mut()?;
        let name = metadata.get("name")?.as_str()?.to_owned();
        let scope = match (kind.is_unscoped(), metadata.get("namespace").and_then(Value::as_str)) {
            (true, None) => String::new(),
            (true, Some(_)) => {
                let at = places.nearest("/metadata/namespace").cloned();
                let article = if kind.name().starts_with('I') { "an" } else { "a" };
                let message = format!("{article} {} lives in no namespace", kind.name());
                problems.push(Problem::error(at, message).help("leave `namespace` out"));
                return None;
            }
            (false, Some(namespace)) => namespace.to_owned(),
            (false, None) => {
                metadata.insert("namespace".to_owned(), Value::String(NAMESPACE_DEFAULT.to_owned()));
                NAMESPACE_DEFAULT.to_owned()
            }
        };
        let object = Object { id: ObjectId::new(kind, &scope, &name), body, places };
        meaning::judge(&object, &spoiled, problems);
        problems.extend(effects(&object, target));
        spoiled.is_empty().then_some(object)
    }
}

/// Which kind a document is of, or why it is of none.
fn kind(file: &Arc<str>, text: &str, node: &Node<'_>, target: Target) -> Result<Kind, Problem> {
    let at = |range: &Range<usize>| -> Option<Place> { Some(place(file, text, range)) };
    if !matches!(node.content, Content::Map(_)) {
        let message = format!("a document must be a map with `apiVersion` and `kind`, but is {}", node.description());
        return Err(Problem::error(at(&node.label()), message));
    }
    let word = |name: &str| match node.get(name).map(|value| (value, value.text())) {
        Some((value, Some(text))) if !text.is_empty() => Ok((value, text)),
        Some((value, _)) => Err(Problem::error(at(&value.label()), format!("`{name}` must be text"))),
        None => {
            let help = format!("begin with `apiVersion` and `kind`; known are {}", known_kinds());
            Err(Problem::error(at(&node.label()), format!("the document has no `{name}`")).help(help))
        }
    };
    let (version_node, version) = word("apiVersion")?;
    let (kind_node, name) = word("kind")?;
    match target {
        Target::Kubernetes => {
            let unknown = || {
                let message = format!("the kind {} of {} can be none of any cluster", quoted(name), quoted(version));
                Problem::error(at(&kind_node.range), message).help("write `apiVersion` as GROUP/VERSION, or v1")
            };
            return Kind::of(version, name).ok_or_else(unknown);
        }
        Target::Docker => {}
    }
    match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
        Some(kind) if kind.api_version() == version => Ok(kind),
        Some(kind) => {
            let message = format!("{name} of {} is not known", quoted(version));
            Err(Problem::error(at(&version_node.range), message).help(format!("write `{}`", kind.api_version())))
        }
        None => {
            if let Some((_, instead)) = ELSEWHERE.iter().find(|(kind, _)| *kind == name) {
                let message = format!("the kind {} of {} has no place on Docker", quoted(name), quoted(version));
                return Err(Problem::error(at(&kind_node.range), message).help(*instead));
            }
            let message = format!("the kind {} of {} is not supported yet", quoted(name), quoted(version));
            let help = match suggest::nearest(name, Kind::ALL.into_iter().map(Kind::name)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("known are {}", known_kinds()),
            };
            Err(Problem::error(at(&kind_node.range), message).help(help))
        }
    }
}

/// Kinds that a cluster has and a host of Docker does not, and what to do instead.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "NetworkPolicy",
        "leave it out, and publish no port: whoever is outside of the host reaches none of its pods then. Pods of one host reach each \
        other; what they must not reach belongs on a host of its own",
    ),
    ("PersistentVolumeClaim", "write `volumeClaimTemplates` of a StatefulSet"),
    ("PersistentVolume", "leave it out; every claim becomes a volume of this host's Docker engine"),
    ("Pod", "write a Deployment, a StatefulSet or a Job"),
    ("ReplicaSet", "write a Deployment"),
    ("ReplicationController", "write a Deployment"),
    ("HorizontalPodAutoscaler", "leave it out and set `replicas`; one host has no more room for more pods"),
    ("ServiceAccount", NO_API),
    ("Role", NO_API),
    ("RoleBinding", NO_API),
    ("ClusterRole", NO_API),
    ("ClusterRoleBinding", NO_API),
    (
        "ResourceQuota",
        "leave it out and set `resources` on containers; rules of the host bound what manifests may ask for",
    ),
    ("LimitRange", "leave it out and set `resources` on containers"),
    ("PriorityClass", "leave it out; nothing evicts pods on one host"),
];

const NO_API: &str = "leave it out; there is no Kubernetes API to speak to";

fn known_kinds() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}
