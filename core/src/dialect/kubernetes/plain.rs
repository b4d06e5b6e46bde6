//! A document as the object that it is, for a cluster, whose server knows every field of every kind itself.
//!
//! Invariant: nothing is added but the namespace, and nothing is left out.
//! Invariant: a manifest speaks for no field that is the server's or Writ's own.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::NAMESPACE_DEFAULT;
use super::check::{escape, path};
use crate::dialect::yaml::{Content, Node, place};
use crate::model::{DEFINITION, Kind, Object, ObjectId, annotation};
use crate::text::{PlacesDraft, Problem, Problems, quoted};

/// Longest name. Source: Kubernetes, DNS subdomains.
const NAME_BYTES_MAX: usize = 253;

/// Groups that come with every server, whose kinds are known to live in a namespace unless [`UNSCOPED`] names them.
const GROUPS: [&str; 19] = [
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];

/// Kinds of these groups that live in no namespace. Source: discovery of Kubernetes v1.36.
const UNSCOPED: [&str; 27] = [
    "apiservice.apiregistration.k8s.io",
    "certificatesigningrequest.certificates.k8s.io",
    "clusterrole.rbac.authorization.k8s.io",
    "clusterrolebinding.rbac.authorization.k8s.io",
    "clustertrustbundle.certificates.k8s.io",
    "componentstatus",
    "csidriver.storage.k8s.io",
    "csinode.storage.k8s.io",
    DEFINITION,
    "deviceclass.resource.k8s.io",
    "devicetaintrule.resource.k8s.io",
    "flowschema.flowcontrol.apiserver.k8s.io",
    "ipaddress.networking.k8s.io",
    "mutatingadmissionpolicy.admissionregistration.k8s.io",
    "mutatingadmissionpolicybinding.admissionregistration.k8s.io",
    "mutatingwebhookconfiguration.admissionregistration.k8s.io",
    "node",
    "persistentvolume",
    "priorityclass.scheduling.k8s.io",
    "prioritylevelconfiguration.flowcontrol.apiserver.k8s.io",
    "resourceslice.resource.k8s.io",
    "runtimeclass.node.k8s.io",
    "servicecidr.networking.k8s.io",
    "validatingadmissionpolicy.admissionregistration.k8s.io",
    "validatingadmissionpolicybinding.admissionregistration.k8s.io",
    "validatingwebhookconfiguration.admissionregistration.k8s.io",
    "volumeattachment.storage.k8s.io",
];

/// Fields of `metadata` that the server alone sets, and what to say of them.
const OF_SERVER: [&str; 6] =
    ["creationTimestamp", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "uid"];

/// Labels and annotations by which it is known what belongs together, and to whom.
const OWN_PREFIXES: [&str; 2] = ["writ.", "applyset.kubernetes.io/"];

/// Where a kind lives, as far as that is known without asking a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Home {
    Namespace,
    Cluster,
    Unknown,
}

fn home(kind: Kind) -> Home {
    if kind.is_unscoped() || UNSCOPED.contains(&kind.qualified().as_str()) {
        return Home::Cluster;
    }
    let known = !matches!(kind, Kind::Other(_)) || GROUPS.contains(&kind.group());
    if known { Home::Namespace } else { Home::Unknown }
}

/// The object of a document; none if it is wrong, which is then reported. `hidden` takes the bytes that hold secrets.
pub(super) fn object(
    (file, text): (&Arc<str>, &str),
    node: &Node<'_>,
    kind: Kind,
    problems: &mut Problems,
    hidden: &mut Vec<Range<usize>>,
) -> Option<Object> {
    let mut walk = Walk { file, text, hidden, places: PlacesDraft::default(), pointer: String::new(), sound: true };
    walk.note(&node.label());
    let mut body = walk.value(node, kind == Kind::Secret);
    let Walk { places, sound, .. } = walk;
    let places = places.finish();
    // What could not be read is reported already.
    if !sound {
        return None;
    }
    let mut found = Problems::default();
    let mut error = |pointer: &str, message: String, help: &str| {
        found.push(Problem::error(places.nearest(pointer).cloned(), message).help(help));
    };
    let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) else {
        error("", format!("{} needs `metadata` with a `name`", kind.name()), "give it a name");
        problems.extend(found);
        return None;
    };
    judge_metadata(metadata, &mut error);
    let name = metadata.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let written = metadata.get("namespace").and_then(Value::as_str).map(str::to_owned);
    let scope = match (home(kind), written) {
        (Home::Cluster, Some(_)) => {
            error("/metadata/namespace", format!("{} lives in no namespace", kind.name()), "leave `namespace` out");
            String::new()
        }
        (Home::Cluster | Home::Unknown, None) => String::new(),
        (Home::Namespace | Home::Unknown, Some(namespace)) => namespace,
        (Home::Namespace, None) => {
            metadata.insert("namespace".to_owned(), Value::String(NAMESPACE_DEFAULT.to_owned()));
            NAMESPACE_DEFAULT.to_owned()
        }
    };
    refuse_own_names(&body, "", &mut error);
    let sound = !found.has_errors();
    problems.extend(found);
    sound.then(|| Object { id: ObjectId::new(kind, &scope, &name), body, places })
}

/// Gives objects of kinds that the same manifests define a namespace, where the kind lives in one and the object names none.
pub(super) fn settle(objects: &mut [Object]) {
    let namespaced: Vec<Kind> = objects.iter().filter_map(defined).collect();
    for object in objects.iter_mut().filter(|object| object.id.scope.0.is_empty()) {
        if !namespaced.contains(&object.id.kind) {
            continue;
        }
        if let Some(metadata) = object.body.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("namespace".to_owned(), Value::String(NAMESPACE_DEFAULT.to_owned()));
            object.id = ObjectId::new(object.id.kind, NAMESPACE_DEFAULT, &object.id.name);
        }
    }
}

/// The kind that a definition of a custom resource defines, if that lives in namespaces.
fn defined(object: &Object) -> Option<Kind> {
    let text = |pointer| object.at(pointer).and_then(Value::as_str);
    let (group, kind) = (text("/spec/group")?, text("/spec/names/kind")?);
    (object.id.kind.defines_kinds() && text("/spec/scope") == Some("Namespaced"))
        .then(|| Kind::of(&format!("{group}/v1"), kind))
        .flatten()
}

fn judge_metadata(metadata: &Map<String, Value>, error: &mut impl FnMut(&str, String, &str)) {
    if metadata.contains_key("generateName") {
        let message = "`generateName` gives a new object with each application, and nothing would be known again";
        error("/metadata/generateName", message.to_owned(), "give it a `name`");
    } else {
        name(metadata.get("name"), "name", error);
    }
    if let Some(namespace) = metadata.get("namespace") {
        name(Some(namespace), "namespace", error);
    }
    for field in OF_SERVER.iter().filter(|field| metadata.get(**field).is_some_and(|value| !value.is_null())) {
        let message = format!("`metadata.{field}` is the server's own");
        error(
            &format!("/metadata/{field}"),
            message,
            "leave it out; `kubectl get -o yaml` shows more than a manifest holds",
        );
    }
}

/// Source: names as segments of paths, which is what the server asks of all of them.
fn name(value: Option<&Value>, field: &str, error: &mut impl FnMut(&str, String, &str)) {
    let pointer = format!("/metadata/{field}");
    let Some(name) = value.and_then(Value::as_str) else {
        let help = "write it as text, in quotes where it looks like a number";
        return error(&pointer, format!("`metadata.{field}` must be text"), help);
    };
    let sound = |c: char| !c.is_control() && !c.is_whitespace() && !"/%?#\\".contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || matches!(name, "." | "..") || !name.chars().all(sound) {
        let help = "use lower-case letters, digits, `-` and `.`";
        error(&pointer, format!("{} can be the name of no object", quoted(name)), help);
    }
}

/// Refuses labels and annotations that are Writ's own, wherever metadata stands in the object.
fn refuse_own_names(value: &Value, pointer: &str, error: &mut impl FnMut(&str, String, &str)) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                let below = format!("{pointer}/{}", escape(field));
                if field == "metadata" {
                    own_names(value, &below, error);
                }
                refuse_own_names(value, &below, error);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                refuse_own_names(item, &format!("{pointer}/{index}"), error);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn own_names(metadata: &Value, pointer: &str, error: &mut impl FnMut(&str, String, &str)) {
    for part in ["labels", "annotations"] {
        let names = metadata.get(part).and_then(Value::as_object);
        for name in names.into_iter().flat_map(Map::keys) {
            if !OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
                continue;
            }
            let place = format!("{pointer}/{part}/{}", escape(name));
            let of_docker = annotation::ALL.contains(&name.as_str())
                || [annotation::TLS, annotation::TLS_EMAIL].contains(&name.as_str());
            let help = if of_docker { "it means something on Docker alone; leave it out" } else { "leave it out" };
            let path = path(place.trim_start_matches('/'));
            error(&place, format!("{} is Writ's own, and no manifest sets it", quoted(&path)), help);
        }
    }
}

struct Walk<'a> {
    file: &'a Arc<str>,
    text: &'a str,
    hidden: &'a mut Vec<Range<usize>>,
    places: PlacesDraft,
    pointer: String,
    sound: bool,
}

impl Walk<'_> {
    fn value(&mut self, node: &Node<'_>, secret: bool) -> Value {
        match &node.content {
            Content::Broken => {
                self.sound = false;
                Value::Null
            }
            Content::Null => Value::Null,
            Content::Boolean(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.to_string()),
            Content::List(items) => Value::Array(self.list(items, secret)),
            Content::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    // What a Secret holds, and what the variable of a container may hold, is shown nowhere.
                    let of_secret = secret && self.pointer.is_empty() && is_data(&entry.name);
                    if of_secret || entry.name == "value" {
                        self.hidden.push(entry.value.range.clone());
                    }
                    let value = self.under(&entry.name, &entry.range, &entry.value, secret);
                    map.insert(entry.name.to_string(), value);
                }
                Value::Object(map)
            }
        }
    }

    fn list(&mut self, items: &[Rc<Node<'_>>], secret: bool) -> Vec<Value> {
        let items = items.iter().enumerate();
        items.map(|(index, item)| self.under(&index.to_string(), &item.label(), item, secret)).collect()
    }

    fn under(&mut self, name: &str, at: &Range<usize>, node: &Node<'_>, secret: bool) -> Value {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(&escape(name));
        self.note(at);
        let value = self.value(node, secret);
        self.pointer.truncate(length);
        value
    }

    fn note(&mut self, range: &Range<usize>) {
        self.places.note(&self.pointer, place(self.file, self.text, range));
    }
}

fn is_data(field: &str) -> bool {
    matches!(field, "data" | "stringData")
}
