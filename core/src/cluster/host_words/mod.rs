//! What a dialect tells a container host by annotations, said to a cluster in the words that it has for it.
//!
//! Invariant: no annotation of these is sent: what it asks for is done by other means, or told as without effect, or refused.
//! Invariant: what is made here has names with dots or ordinals in them; one that is declared, too, is refused.

mod buckets;
mod contents;
mod logins;
mod pods;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::model::{Kind, Object, ObjectId, World, annotation};
use crate::text::{Problem, Problems, quoted};

pub(crate) use pods::names_pod_of;

/// The annotation of a pod template that changes with the contents that its pods read.
pub(super) const CONTENT: &str = "writ.content";

/// An object on its way to a cluster.
pub(super) struct Draft<'a> {
    pub(super) id: ObjectId,
    pub(super) body: Value,
    /// The manifest's object: this one, or the one for which it is made.
    pub(super) of: &'a Object,
    /// The fields of it that hold secrets.
    pub(super) secret: &'static [&'static str],
    /// Digests of the contents whose change gives its pods away for new ones, by what they are of.
    pub(super) contents: BTreeMap<String, String>,
    /// It is a run, which begins anew when it changes.
    pub(super) renewed: bool,
}

/// Says all of it in words of the cluster. What is made for the objects is added.
pub(super) fn translate(drafts: &mut Vec<Draft<'_>>, world: &World, problems: &mut Problems) {
    let declared: BTreeSet<ObjectId> = drafts.iter().map(|draft| draft.id.clone()).collect();
    let mut made: BTreeMap<ObjectId, Draft<'_>> = BTreeMap::new();
    drafts.retain_mut(|draft| draft.id.kind != Kind::Secret || logins::fill(draft, world, problems));
    let digests = contents::Digests::of(drafts, world);
    for draft in drafts.iter_mut() {
        let Some(at) = draft.id.kind.pod_template() else {
            ingress(draft, problems);
            continue;
        };
        let asks = template::Asks::take(draft, at);
        if let Some(asks) = asks {
            let further = template::answer(draft, at, &asks, (world, &digests), problems);
            for one in further {
                made.entry(one.id.clone()).or_insert(one);
            }
        }
    }
    for (id, draft) in made {
        if declared.contains(&id) {
            let message = format!("{id} is declared, and one of that name is made for {}", draft.of.id);
            problems.push(Problem::error(draft.of.place(""), message).help("give one of the two another name"));
        } else {
            drafts.push(draft);
        }
    }
}

/// Takes annotations out, by name. A map that is left empty goes with them.
fn take(body: &mut Value, metadata: &str, names: &[&'static str]) -> BTreeMap<&'static str, String> {
    let Some(metadata) = body.pointer_mut(metadata).and_then(Value::as_object_mut) else { return BTreeMap::new() };
    let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) else {
        return BTreeMap::new();
    };
    let mut taken = BTreeMap::new();
    for name in names {
        if let Some(Value::String(text)) = annotations.remove(*name) {
            taken.insert(*name, text);
        }
    }
    if annotations.is_empty() && !taken.is_empty() {
        metadata.remove("annotations");
    }
    taken
}

/// The certificates of an Ingress are the matter of whoever serves it in the cluster.
fn ingress(draft: &mut Draft<'_>, problems: &mut Problems) {
    if draft.id.kind != Kind::Ingress {
        return;
    }
    for (name, _) in take(&mut draft.body, "/metadata", &[annotation::TLS, annotation::TLS_EMAIL]) {
        let (name, place) = (quoted(name), draft.of.place("/spec/tls/0"));
        let message =
            format!("{}: {name} has no effect in a cluster, whose own ingress has the certificates", draft.id);
        problems.push(Problem::note(place, message));
    }
}

/// A made object of the scope of another one.
fn made<'a>(of: &'a Object, kind: Kind, name: &str, fields: Map<String, Value>) -> Draft<'a> {
    let scope = of.id.scope.0.as_str();
    let mut body = Map::new();
    body.insert("apiVersion".to_owned(), Value::from(kind.api_version()));
    body.insert("kind".to_owned(), Value::from(kind.name()));
    body.insert("metadata".to_owned(), serde_json::json!({"name": name, "namespace": scope}));
    body.extend(fields);
    Draft {
        id: ObjectId::new(kind, scope, name),
        body: Value::Object(body),
        of,
        secret: if matches!(kind, Kind::Secret) { &["data"] } else { &[] },
        contents: BTreeMap::new(),
        renewed: false,
    }
}
