//! Which keys of ConfigMaps and Secrets the pods of a template read, and digests of what these hold.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Draft;
use crate::hash::{digest_of_secret, of_value};
use crate::model::template::{ContentId, ContentKind};
use crate::model::{Kind, ObjectId, Scope, World};

/// Digests of all keys of the ConfigMaps and Secrets of a unit.
pub(super) struct Digests(BTreeMap<ObjectId, BTreeMap<String, String>>);

/// A ConfigMap or Secret that is read, and one key of it or all.
type Use = (Kind, String, Option<String>);

impl Digests {
    pub(super) fn of(drafts: &[Draft<'_>], world: &World) -> Self {
        let holders = drafts.iter().filter(|draft| matches!(draft.id.kind, Kind::ConfigMap | Kind::Secret));
        Self(holders.map(|draft| (draft.id.clone(), keys(draft, world))).collect())
    }

    /// Digests of what the pods of a template read, by the names of the keys. What is not of this unit is not known.
    pub(super) fn read_by(&self, scope: &Scope, pod: &Value) -> BTreeMap<String, String> {
        let mut uses = BTreeSet::new();
        collect(pod, &mut uses);
        let mut read = BTreeMap::new();
        for (kind, name, only) in uses {
            let keys = self.0.get(&ObjectId::new(kind, &scope.0, &name)).into_iter().flatten();
            for (key, digest) in keys.filter(|(key, _)| only.as_ref().is_none_or(|only| only == *key)) {
                read.insert(content(kind, scope, &name, key), digest.clone());
            }
        }
        read
    }
}

fn content(kind: Kind, scope: &Scope, name: &str, key: &str) -> String {
    let kind = if kind == Kind::Secret { ContentKind::Secret } else { ContentKind::ConfigMap };
    ContentId { kind, scope: scope.clone(), name: Some(name.to_owned()), key: key.to_owned() }.to_string()
}

fn keys(draft: &Draft<'_>, world: &World) -> BTreeMap<String, String> {
    let ObjectId { kind, scope, name } = &draft.id;
    let fields = ["data", "binaryData", "stringData"].into_iter();
    let maps = fields.filter_map(|field| draft.body.get(field)?.as_object());
    let digest = |key: &String, value: &Value| match draft.secret {
        [] => of_value("content", value),
        [..] => {
            let bytes = value.as_str().unwrap_or_default().as_bytes();
            digest_of_secret(&content(*kind, scope, name, key), bytes, &world.hash_key)
        }
    };
    maps.flatten().map(|(key, value)| (key.clone(), digest(key, value))).collect()
}

/// All that a pod names, wherever in it: a volume, one source of a volume, a variable, a list of variables.
fn collect(value: &Value, uses: &mut BTreeSet<Use>) {
    match value {
        Value::Object(map) => {
            for (field, value) in map {
                if let (Some(kind), Value::Object(reference)) = (named_by(field), value) {
                    uses.extend(named(kind, reference));
                }
                collect(value, uses);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, uses)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn named_by(field: &str) -> Option<Kind> {
    match field {
        "configMap" | "configMapRef" | "configMapKeyRef" => Some(Kind::ConfigMap),
        "secret" | "secretRef" | "secretKeyRef" => Some(Kind::Secret),
        _ => None,
    }
}

fn named(kind: Kind, reference: &Map<String, Value>) -> Vec<Use> {
    let text = |field: &str| reference.get(field).and_then(Value::as_str).map(str::to_owned);
    let Some(name) = text("name").or_else(|| text("secretName")) else { return Vec::new() };
    let items = reference.get("items").and_then(Value::as_array);
    match (text("key"), items) {
        (Some(key), _) => vec![(kind, name, Some(key))],
        (None, Some(items)) => {
            let keys = items.iter().filter_map(|item| item.get("key")?.as_str());
            keys.map(|key| (kind, name.clone(), Some(key.to_owned()))).collect()
        }
        (None, None) => vec![(kind, name, None)],
    }
}
