//! An `ingress`, and what an `app` says of one, as an Ingress of Kubernetes.

use std::collections::BTreeMap;

use super::declared::Declared;
use super::fields::{Fields, Shape, section};
use super::job::truth;
use super::names::label;
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{Entry, Form, Value};
use super::workload::metadata;
use crate::model::{Kind, Object, ObjectId, annotation};
use crate::text::{Place, quoted};

/// The entries by which host names are led to a workload, of an `app` and of an `ingress` alike.
pub(super) const OF_APP: &[&str] = &["host", "path", "paths", "tls"];

/// Entries of the dialect that are refused where host names are led to a workload.
pub(super) const REFUSED: &[(&str, &str)] =
    &[("lb", "leave it out: requests go to the ready pods in turn, and past one that cannot be reached")];

const INGRESS: Shape = Shape {
    what: "an ingress",
    once: &["host", "path", "paths", "tls", "service", "port"],
    repeated: &["location"],
    refused: REFUSED,
};

const LOCATION: Shape = Shape {
    what: "a location",
    once: &["service", "port"],
    repeated: &[],
    refused: &[
        ("strip", "leave it out: a path arrives as it was asked for"),
        ("rewrite", "leave it out: a path arrives as it was asked for"),
    ],
};

const TLS: Shape = Shape {
    what: "`tls`",
    once: &["email", "provider", "enabled"],
    repeated: &[],
    refused: &[
        ("on_demand", "list the host names in `host`: certificates are issued for names that are in Git"),
        ("ask", "list the host names in `host`: certificates are issued for names that are in Git"),
    ],
};

/// The port of a workload that declares none.
const PORT_DEFAULT: u16 = 80;

/// Host names and paths, and where each leads.
pub(super) struct Door {
    hosts: Vec<Placed>,
    paths: Vec<Way>,
    tls: Option<Tls>,
}

/// One path, and the Service and port that it leads to where that is said.
struct Way {
    path: Placed,
    to: To,
}

/// Where an `ingress` or a `location` leads, as far as it says.
#[derive(Clone, Default)]
pub(super) struct To {
    service: Option<(String, Placed)>,
    port: Option<Placed>,
}

struct Tls {
    place: Place,
    internal: bool,
    email: Option<Placed>,
}

/// Lowers an `ingress`. `ports` are the first ports of the workloads of all manifests, by scope and name.
pub(super) fn lower(
    scene: &mut Scene<'_>,
    declared: &Declared<'_>,
    ports: &BTreeMap<(String, String), u16>,
) -> Option<Object> {
    let (scope, name) = (declared.scope.text.as_str(), declared.name.text.as_str());
    let fields = Fields::read(scene, &INGRESS, &declared.block.entries);
    let own = to(scene, &fields);
    let door = read(scene, &fields, declared, &own)?;
    let place = scene.place(&declared.block.header);
    let port = |service: &str| ports.get(&(scope.to_owned(), service.to_owned())).copied().unwrap_or(PORT_DEFAULT);
    Some(object(scope, name, door, &port, place))
}

/// What an `app` or an `ingress` says of host names and paths; none if that is not right.
pub(super) fn read(scene: &mut Scene<'_>, fields: &Fields<'_>, declared: &Declared<'_>, own: &To) -> Option<Door> {
    let hosts = hosts(scene, fields, declared)?;
    let mut paths = Vec::new();
    for name in ["path", "paths"] {
        let Some((_, value)) = fields.value(scene, name) else { continue };
        for (text, place) in texts(scene, name, value) {
            paths.push(Way { path: Placed::at(text, place), to: own.clone() });
        }
    }
    for (word, block) in fields.blocks("location") {
        let [path] = block.labels.as_slice() else {
            scene.refuse(&block.header, "`location` needs one label, its path", "write `location \"/api\" { … }`");
            continue;
        };
        let fields = Fields::read(scene, &LOCATION, &block.entries);
        let To { service, port } = to(scene, &fields);
        let moved = service.is_some();
        let service = service.or_else(|| own.service.clone());
        // The port of the whole is that of its own service.
        let port = port.or_else(|| own.port.clone().filter(|_| !moved));
        let place = scene.place(&word.span);
        paths.push(Way { path: Placed::at(path.text.as_str(), place), to: To { service, port } });
    }
    if paths.is_empty() {
        paths.push(Way { path: Placed::unplaced("/"), to: own.clone() });
    }
    let tls = fields.entry("tls").and_then(|entry| tls(scene, entry));
    Some(Door { hosts, paths, tls })
}

fn to(scene: &mut Scene<'_>, fields: &Fields<'_>) -> To {
    let mut to = To::default();
    if let Some((_, value)) = fields.value(scene, "service")
        && let Some(name) = scene.filled_string("service", value)
    {
        let word = super::tree::Word { text: name.clone(), span: value.span.clone() };
        if label(scene, "the name of a service", &word) {
            to.service = Some((name.clone(), Placed::at(name, scene.place(&value.span))));
        }
    }
    if let Some((_, value)) = fields.value(scene, "port")
        && let Some(port) = scene.integer("port", value, 1, u32::from(u16::MAX))
    {
        to.port = Some(Placed::at(port, scene.place(&value.span)));
    }
    to
}

fn hosts(scene: &mut Scene<'_>, fields: &Fields<'_>, declared: &Declared<'_>) -> Option<Vec<Placed>> {
    if fields.entry("host").is_none() {
        let help = "write `host = \"shop.example.org\"`";
        scene.refuse(&declared.block.header, "`host` is missing", help);
        return None;
    }
    let (_, value) = fields.value(scene, "host")?;
    let hosts = texts(scene, "host", value);
    if hosts.is_empty() {
        if matches!(value.form, Form::List(_)) {
            scene.refuse(&value.span, "`host` names no host", "write `host = \"shop.example.org\"`");
        }
        return None;
    }
    Some(hosts.into_iter().map(|(host, place)| Placed::at(host, place)).collect())
}

/// One text, or a list of them.
fn texts(scene: &mut Scene<'_>, what: &str, value: &Value) -> Vec<(String, Place)> {
    if let Form::List(_) = &value.form {
        let words = scene.strings(what, value).unwrap_or_default();
        return words.into_iter().map(|(word, span)| (word, scene.place(&span))).collect();
    }
    let text = scene.filled_string(what, value);
    text.map(|text| (text, scene.place(&value.span))).into_iter().collect()
}

fn tls(scene: &mut Scene<'_>, entry: &Entry) -> Option<Tls> {
    let (entries, span) = section(scene, entry)?;
    let fields = Fields::read(scene, &TLS, entries);
    let mut internal = false;
    if let Some((_, value)) = fields.value(scene, "provider")
        && let Some(provider) = scene.filled_string("provider", value)
    {
        match provider.as_str() {
            "letsencrypt" | "acme" => {}
            "internal" => internal = true,
            _ => {
                let message = format!("the provider {} is not known", quoted(&provider));
                let help = "write \"letsencrypt\", which is whoever the host's settings name, or \"internal\"";
                scene.refuse(&value.span, message, help);
            }
        }
    }
    let email = fields.value(scene, "email").and_then(|(_, value)| {
        let email = scene.filled_string("email", value)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_+".contains(c);
        let sound = email.split_once('@').is_some_and(|(who, at)| {
            !who.is_empty() && at.contains('.') && who.chars().all(plain) && at.chars().all(plain)
        });
        if !sound {
            let message = format!("{} is no address of mail", quoted(&email));
            scene.refuse(&value.span, message, "write it as in \"ops@example.org\"");
        }
        sound.then(|| Placed::at(email, scene.place(&value.span)))
    });
    if let Some((_, value)) = fields.value(scene, "enabled")
        && truth(scene, "enabled", value) == Some(false)
    {
        return None;
    }
    Some(Tls { place: scene.place(&span), internal, email })
}

/// The Ingress. `port` is the port of a Service of which nothing says another.
pub(super) fn object(scope: &str, name: &str, door: Door, port: &dyn Fn(&str) -> u16, place: Place) -> Object {
    let Door { hosts, paths, tls } = door;
    let paths = paths.into_iter().map(|Way { path, to: To { service, port: wanted } }| {
        let (called, service) = service.unwrap_or_else(|| (name.to_owned(), Placed::unplaced(name)));
        let number = wanted.unwrap_or_else(|| Placed::unplaced(port(&called)));
        let backend = Placed::object().with("name", service).with("port", Placed::object().with("number", number));
        Placed::object()
            .with("path", path)
            .plain("pathType", "Prefix")
            .with("backend", Placed::object().with("service", backend))
    });
    let paths = Placed::list(paths);
    let rules = hosts.iter().map(|host| {
        Placed::object().with("host", host.clone()).with("http", Placed::object().with("paths", paths.clone()))
    });
    let mut spec = Placed::object().with("rules", Placed::list(rules));
    let mut metadata = metadata(scope, name);
    if let Some(Tls { place, internal, email }) = tls {
        let entry = Placed::at(serde_json::Map::new(), place).with("hosts", Placed::list(hosts));
        spec.set("tls", Placed::list([entry]));
        let mut annotations = Placed::object();
        if internal {
            annotations.set(annotation::TLS, Placed::unplaced("internal"));
        }
        if let Some(email) = email {
            annotations.set(annotation::TLS_EMAIL, email);
        }
        if !annotations.is_empty() {
            metadata.set("annotations", annotations);
        }
    }
    let kind = Kind::Ingress;
    let body = Placed::at(serde_json::Map::new(), place)
        .plain("apiVersion", kind.api_version())
        .plain("kind", kind.name())
        .with("metadata", metadata)
        .with("spec", spec);
    let (body, places) = body.finish();
    Object { id: ObjectId::new(kind, scope, name), body, places }
}
