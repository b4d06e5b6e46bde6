//! Files of `docker compose` as Kubernetes objects, for those who move: read once, and never by an agent.
//!
//! Each service becomes a Deployment, or a StatefulSet where it has named volumes, with a Service of its name. What cannot be
//! carried is told at its place; where leaving it out would change what runs, it is an error.
//!
//! Invariant: no setting of the machine has a say: variables are those that the caller gives.

mod container;
mod files;
mod ports;
mod probe;
mod scene;
mod service;
mod variables;
mod volumes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

pub use self::variables::lines;

use self::scene::Scene;
use super::{Files, yaml};
use crate::text::{Problems, Sources};

/// What an import is made from, beside the file itself.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The namespace of all objects.
    pub scope: &'a str,
    /// Values of `${NAME}`.
    pub variables: &'a BTreeMap<String, String>,
    /// Files that the compose file names, by their paths from its folder.
    pub files: &'a Files,
}

/// What a file becomes.
#[derive(Debug)]
pub struct Imported {
    /// The objects, in the order in which they are to be written; not complete where a remark is an error.
    pub objects: Vec<Value>,
    /// What was not carried, or not as it was.
    pub remarks: Problems,
    /// Files that it names and that were not given.
    pub missing: BTreeSet<String>,
    /// The text, for showing the remarks.
    pub sources: Sources,
}

/// Sections of the file itself. All others but extensions (`x-…`) are told.
const SECTIONS: [&str; 7] = ["version", "name", "services", "volumes", "networks", "configs", "secrets"];

/// Converts a compose file.
#[must_use]
pub fn import(path: &str, text: &str, given: Given<'_>) -> Imported {
    let file: Arc<str> = path.into();
    let mut remarks = Problems::default();
    let mut sources = Sources::default();
    sources.insert(path, text);
    let stream = yaml::parse(&file, text, &mut remarks);
    let mut scene = Scene::new(Arc::clone(&file), text, given, remarks);
    let mut objects = Vec::new();
    match stream.documents.as_slice() {
        [document] if stream.sound => objects = whole(&mut scene, document),
        [_] => {}
        [] if !stream.sound => {}
        [] => scene.error(&(0..0), "there is nothing in this file", "name a file of docker compose"),
        [_, second, ..] => {
            scene.error(&second.label(), "this is a second document", "a file of docker compose is one document");
        }
    }
    let Scene { remarks, missing, hidden, .. } = scene;
    sources.hide(path, &hidden);
    Imported { objects, remarks, missing, sources }
}

fn whole(scene: &mut Scene<'_>, document: &yaml::Node<'_>) -> Vec<Value> {
    for entry in document.entries() {
        let name = &*entry.name;
        if name == "include" {
            let help = "write `docker compose config > whole.yaml` and import that";
            scene.error(&entry.range, "`include` is not followed", help);
        } else if !SECTIONS.contains(&name) && !name.starts_with("x-") {
            scene.error(&entry.range, format!("`{name}` is no section of a compose file"), "take it out");
        }
    }
    let Some(services) = document.get("services") else {
        scene.error(&document.label(), "there are no `services`", "name a file of docker compose");
        return Vec::new();
    };
    networks(scene, document);
    let mut shared = files::Shared::read(scene, document);
    volumes::check(scene, document, services);
    let mut objects = vec![json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": scene.given.scope}})];
    let mut workloads = Vec::new();
    for entry in services.entries() {
        workloads.extend(service::convert(scene, entry, &mut shared));
    }
    objects.extend(shared.objects(scene.given.scope));
    objects.extend(workloads);
    objects
}

/// All workloads of a host share one network, so that networks keep nothing apart.
fn networks(scene: &mut Scene<'_>, document: &yaml::Node<'_>) {
    let networks = document.entries().iter().find(|entry| entry.name == "networks");
    if let Some(entry) = networks.filter(|entry| entry.value.entries().iter().any(|one| one.name != "default")) {
        let help = "all workloads of a host are in one network; what may not reach each other belongs on several hosts";
        scene.remark(&entry.range, "networks are not carried", help);
    }
}
