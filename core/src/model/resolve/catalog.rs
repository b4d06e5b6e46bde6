//! What ConfigMaps, Secrets and StorageClasses of the set offer to workloads.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use serde_json::Value;

use crate::model::logins::LoginsForm;
use crate::model::template::ContentKind;
use crate::model::view::{view, workload::Contents};
use crate::model::{Kind, Object, Scope, annotation};
use crate::text::{Problem, Problems, SecretText};

/// Contents by key.
pub(super) type Keys = BTreeMap<String, SecretText>;

/// What a Secret says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SecretType<'a> {
    /// Logins to registries, and the key of a bucket that holds their password if they do not.
    Logins(LoginsForm, Option<&'a str>),
    /// Anything else.
    Other,
}

/// Everything that may be referred to.
pub(super) struct Catalog<'a> {
    contents: BTreeMap<(ContentKind, Scope, String), Keys>,
    /// ConfigMaps that stood encrypted.
    sealed: BTreeSet<(&'a Scope, &'a str)>,
    classes: BTreeSet<&'a str>,
    /// Secrets that hold logins.
    logins: BTreeMap<(&'a Scope, &'a str), SecretType<'a>>,
}

impl<'a> Catalog<'a> {
    pub(super) fn read(objects: &'a [Object], problems: &mut Problems) -> Self {
        let mut catalog = Self {
            contents: BTreeMap::new(),
            sealed: BTreeSet::new(),
            classes: BTreeSet::new(),
            logins: BTreeMap::new(),
        };
        for object in objects {
            let kind = match object.id.kind {
                Kind::ConfigMap => ContentKind::ConfigMap,
                Kind::Secret => ContentKind::Secret,
                Kind::StorageClass => {
                    catalog.classes.insert(&object.id.name);
                    continue;
                }
                Kind::Namespace
                | Kind::Service
                | Kind::StatefulSet
                | Kind::Deployment
                | Kind::DaemonSet
                | Kind::Job
                | Kind::CronJob
                | Kind::PodDisruptionBudget
                | Kind::Ingress
                | Kind::IngressClass
                | Kind::GatewayClass
                | Kind::Gateway
                | Kind::HttpRoute
                | Kind::Other(_) => {
                    continue;
                }
            };
            if kind == ContentKind::ConfigMap && is_sealed(object) {
                catalog.sealed.insert((&object.id.scope, &object.id.name));
            }
            let form = object.at("/type").and_then(Value::as_str).and_then(LoginsForm::of_type);
            if let Some(form) = form.filter(|_| kind == ContentKind::Secret) {
                let annotations = object.at("/metadata/annotations");
                let from = annotations.and_then(|it| it.get(annotation::PASSWORD_FROM)).and_then(Value::as_str);
                catalog.logins.insert((&object.id.scope, &object.id.name), SecretType::Logins(form, from));
            }
            if let Some(keys) = keys(object, kind, problems) {
                catalog.contents.insert((kind, object.id.scope.clone(), object.id.name.clone()), keys);
            }
        }
        catalog
    }

    /// The keys of a ConfigMap or a Secret of the set.
    pub(super) fn keys(&self, kind: ContentKind, scope: &Scope, name: &str) -> Option<&Keys> {
        self.contents.get(&(kind, scope.clone(), name.to_owned()))
    }

    /// The kind of contents, as it counts for one ConfigMap or Secret.
    pub(super) fn kind(&self, kind: ContentKind, scope: &Scope, name: &str) -> ContentKind {
        let sealed = kind == ContentKind::ConfigMap && self.sealed.contains(&(scope, name));
        if sealed { ContentKind::SealedConfigMap } else { kind }
    }

    /// What a Secret says that it holds.
    pub(super) fn secret_type(&self, scope: &Scope, name: &str) -> SecretType<'a> {
        self.logins.get(&(scope, name)).copied().unwrap_or(SecretType::Other)
    }

    /// True if a StorageClass of that name is in the set.
    pub(super) fn has_class(&self, name: &str) -> bool {
        self.classes.contains(name)
    }
}

fn is_sealed(object: &Object) -> bool {
    let annotations = object.at("/metadata/annotations").and_then(Value::as_object);
    annotations.is_some_and(|annotations| annotations.contains_key(annotation::SEALED))
}

fn keys(object: &Object, kind: ContentKind, problems: &mut Problems) -> Option<Keys> {
    let Contents { data, binary_data, string_data } = view(object, "", problems)?;
    // In a Secret, `stringData` is written over `data`; a ConfigMap may not have a key in both of its maps.
    let maps = match kind {
        ContentKind::Secret => [("data", data, true), ("stringData", string_data, false)],
        ContentKind::ConfigMap | ContentKind::SealedConfigMap | ContentKind::Bucket => {
            [("data", data, false), ("binaryData", binary_data, true)]
        }
    };
    let mut keys = Keys::new();
    for (field, map, encoded) in maps {
        for (key, value) in map.into_iter().flatten() {
            let place = || object.place(&format!("/{field}/{}", pointer_word(&key)));
            if !is_key(&key) {
                let message = format!("{}: `{key}` cannot be a key", object.id);
                let help = "keys hold letters, digits, `-`, `_` and `.`, and do not begin with `..`";
                problems.push(Problem::error(place(), message).help(help));
            } else if let Some(value) = content(&value, encoded) {
                keys.insert(key, value);
            } else {
                let expected = if encoded { "base64" } else { "text" };
                let message = format!("{}: the value of {field}.{key} is not {expected}", object.id);
                problems.push(Problem::error(place(), message));
            }
        }
    }
    Some(keys)
}

fn content(value: &Value, encoded: bool) -> Option<SecretText> {
    let text = value.as_str()?;
    if !encoded {
        return Some(SecretText::new(text));
    }
    let compact: String = text.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    base64::engine::general_purpose::STANDARD.decode(compact).ok().map(SecretText::new)
}

/// Source: validation of ConfigMap keys in Kubernetes, which become file names.
fn is_key(key: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !key.is_empty() && key.len() <= 253 && key.bytes().all(sound) && key != "." && !key.starts_with("..")
}

/// A name as a word of a JSON pointer. Source: RFC 6901.
pub(super) fn pointer_word(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
