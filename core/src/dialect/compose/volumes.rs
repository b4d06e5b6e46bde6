//! Volumes of a service: named ones as claims, paths of the host, files beside the compose file, and memory.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Value, json};

use super::container::memory;
use super::files::{FileMount, Shared};
use super::scene::{Scene, unknown};
use crate::dialect::yaml::{Content, Node};
use crate::text::quoted;

/// What a service mounts, as parts of its pod.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    pub(super) mounts: Vec<Value>,
    pub(super) volumes: Vec<Value>,
    pub(super) claims: Vec<Value>,
}

/// One mount as it was written.
struct Mount {
    source: Source,
    target: String,
    read_only: bool,
    at: Range<usize>,
}

enum Source {
    Named(String),
    Host(String),
    Beside(String),
    Memory(Option<String>),
    Anonymous,
}

/// Size of a claim. Volumes of Docker have none, and a claim of Kubernetes must ask for one.
const CLAIM_SIZE: &str = "1Gi";

const HELP: &str = "write it as \"data:/path\", \"/path/of/the/host:/path\" or \"./file:/path:ro\"";

/// Judges the volumes of the file: whether each can be a claim of one service.
pub(super) fn check(scene: &mut Scene<'_>, document: &Node<'_>, services: &Node<'_>) {
    for entry in document.get("volumes").map(|node| node.entries()).unwrap_or_default() {
        for other in unknown(&entry.value, &["name", "labels", "external"]) {
            let local = other.name == "driver" && scene.scalar(&other.value).as_deref() == Some("local");
            if !local {
                let help =
                    "a claim is a plain volume of the engine: mount other storage on the host, and name its path";
                scene.error(&other.range, format!("`{}` of a volume cannot be carried", other.name), help);
            }
        }
        let name = &entry.name;
        let message = format!("the data in the volume {} is not moved", quoted(name));
        scene.remark(&entry.range, message, "copy it into the volume that `writ plan` names, before the first start");
    }
    let mut users: BTreeMap<String, usize> = BTreeMap::new();
    for service in services.entries() {
        let items = service.value.get("volumes").map(|node| &node.content);
        let Some(Content::List(items)) = items else { continue };
        let mut own: Vec<(String, Range<usize>)> = Vec::new();
        for item in items {
            if let Some(Mount { source: Source::Named(name), at, .. }) = quiet(scene, item)
                && !own.iter().any(|(known, _)| *known == name)
            {
                own.push((name, at));
            }
        }
        for (name, at) in own {
            let users = users.entry(name.clone()).or_default();
            *users += 1;
            if *users > 1 {
                let help = "a claim is of one workload: share by the network, or name a path of the host";
                scene.error(&at, format!("the volume {} is of several services", quoted(&name)), help);
            }
        }
    }
}

/// A mount without a word about what is wrong with it, which is said where the service is read.
fn quiet(scene: &mut Scene<'_>, item: &Node<'_>) -> Option<Mount> {
    let (remarks, missing) = (std::mem::take(&mut scene.remarks), std::mem::take(&mut scene.missing));
    let mount = one(scene, item);
    (scene.remarks, scene.missing) = (remarks, missing);
    mount
}

/// Reads all that a service mounts.
pub(super) fn read(scene: &mut Scene<'_>, service: &Node<'_>, shared: &mut Shared) -> Mounts {
    let mut all = Mounts::default();
    if let Some(list) = service.get("volumes") {
        if let Content::List(items) = &list.content {
            for item in items {
                if let Some(mount) = one(scene, item) {
                    all.add(scene, mount, shared);
                }
            }
        } else {
            scene.wrong("volumes", "a list", list);
        }
    }
    if let Some(list) = service.get("tmpfs") {
        for text in scene.texts("tmpfs", list) {
            let (target, options) = text.split_once(':').unwrap_or((&text, ""));
            let size = options.split(',').find_map(|option| option.strip_prefix("size=")).map(str::to_owned);
            let (source, target) = (Source::Memory(size), target.to_owned());
            all.add(scene, Mount { source, target, read_only: false, at: list.label() }, shared);
        }
    }
    for FileMount { volume, key, path } in shared.mounts(scene, service) {
        all.file(volume, &key, &path);
    }
    all
}

impl Mounts {
    fn add(&mut self, scene: &mut Scene<'_>, mount: Mount, shared: &mut Shared) {
        let Mount { source, target, read_only, at } = mount;
        if !target.starts_with('/') || target == "/" {
            scene.error(&at, "the path in the container is not absolute", HELP);
            return;
        }
        let name = match source {
            Source::Named(name) => return self.claim(scene, &name, &target, read_only, &at),
            Source::Host(path) => self.volume("host", json!({"hostPath": {"path": path}})),
            Source::Beside(path) => {
                if let Some(FileMount { volume, key, path }) = shared.file(scene, &path, target, &at) {
                    if !read_only {
                        let help = "copy it into a volume at the first start, if the service writes to it";
                        scene.remark(&at, "a file of the repository can only be read", help);
                    }
                    self.file(volume, &key, &path);
                }
                return;
            }
            Source::Memory(size) => {
                let mut empty = json!({"medium": "Memory"});
                match size.as_deref().map(memory) {
                    Some(Some(size)) => empty["sizeLimit"] = json!(size),
                    Some(None) => scene.error(&at, "this is no size of a `tmpfs`", "write it as `size=64m`"),
                    None => {}
                }
                self.volume("memory", json!({"emptyDir": empty}))
            }
            Source::Anonymous => {
                let help = "name a volume if what is in it must outlive the pod";
                scene.remark(&at, "a volume without a name goes with its pod", help);
                self.volume("empty", json!({"emptyDir": {}}))
            }
        };
        self.mount(&name, &target, read_only, None);
    }

    fn claim(&mut self, scene: &mut Scene<'_>, name: &str, target: &str, read_only: bool, at: &Range<usize>) {
        let label = name.to_lowercase().replace(['_', '.'], "-");
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !label.bytes().all(inner) || label.starts_with('-') || label.ends_with('-') || label.len() > 63 {
            scene.error(at, format!("{} cannot be the name of a claim", quoted(name)), "give the volume another name");
            return;
        }
        if !self.claims.iter().any(|claim| claim["metadata"]["name"] == label) {
            let requests = json!({"requests": {"storage": CLAIM_SIZE}});
            self.claims.push(json!({
                "metadata": {"name": label}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": requests},
            }));
        }
        self.mount(&label, target, read_only, None);
    }

    fn file(&mut self, volume: Value, key: &str, path: &str) {
        let name = self.volume("file", volume);
        self.mount(&name, path, true, Some(key));
    }

    /// A volume of the pod under a name of its own.
    fn volume(&mut self, kind: &str, mut volume: Value) -> String {
        let name = format!("{kind}-{}", self.volumes.len());
        volume["name"] = json!(name);
        self.volumes.push(volume);
        name
    }

    fn mount(&mut self, name: &str, path: &str, read_only: bool, key: Option<&str>) {
        let mut mount = json!({"name": name, "mountPath": path});
        if read_only {
            mount["readOnly"] = json!(true);
        }
        if let Some(key) = key {
            mount["subPath"] = json!(key);
        }
        self.mounts.push(mount);
    }
}

fn one(scene: &mut Scene<'_>, item: &Node<'_>) -> Option<Mount> {
    if let Content::Map(_) = item.content { long(scene, item) } else { short(scene, item) }
}

/// `[SOURCE:]TARGET[:OPTIONS]`
fn short(scene: &mut Scene<'_>, item: &Node<'_>) -> Option<Mount> {
    let text = scene.text("volumes", item)?;
    let at = item.range.clone();
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => {
            scene.error(&at, "this is no mount", HELP);
            return None;
        }
    };
    let known = ["", "ro", "rw", "z", "Z", "cached", "delegated", "consistent", "nocopy"];
    if let Some(option) = options.split(',').find(|option| !known.contains(option)) {
        scene.error(&at, format!("the option {} of a mount cannot be carried", quoted(option)), HELP);
    }
    let read_only = options.split(',').any(|option| option == "ro");
    Some(Mount { source: source.map_or(Source::Anonymous, source_of), target: target.to_owned(), read_only, at })
}

fn source_of(text: &str) -> Source {
    match text.chars().next() {
        Some('/') => Source::Host(text.to_owned()),
        Some('.' | '~') => Source::Beside(text.to_owned()),
        Some(_) => Source::Named(text.to_owned()),
        None => Source::Anonymous,
    }
}

fn long(scene: &mut Scene<'_>, item: &Node<'_>) -> Option<Mount> {
    for entry in unknown(item, &["type", "source", "target", "read_only", "bind", "volume", "tmpfs", "consistency"]) {
        scene.error(&entry.range, format!("`{}` of a mount is not known", entry.name), HELP);
    }
    let mut text = |name: &str| item.get(name).and_then(|node| scene.text(name, node));
    let (kind, source, target) = (text("type"), text("source"), text("target"));
    let size = item.get("tmpfs").and_then(|node| node.get("size")).and_then(|node| scene.scalar(node));
    let read_only = item.get("read_only").is_some_and(|node| scene.truth("read_only", node));
    let at = item.label();
    let source = match (kind.as_deref(), source) {
        (Some("volume"), Some(source)) => Source::Named(source),
        (Some("volume"), None) => Source::Anonymous,
        (Some("bind"), Some(source)) if source.starts_with('/') => Source::Host(source),
        (Some("bind"), Some(source)) => Source::Beside(source),
        (Some("tmpfs"), _) => Source::Memory(size),
        (_, _) => {
            scene.error(
                &at,
                "this is no mount",
                "its `type` is `volume`, `bind` or `tmpfs`, and a bind has a `source`",
            );
            return None;
        }
    };
    let Some(target) = target else {
        scene.error(&at, "this mount does not say where", "write its `target`");
        return None;
    };
    Some(Mount { source, target, read_only, at })
}
