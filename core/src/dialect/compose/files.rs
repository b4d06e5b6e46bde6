//! Contents that several services may share: `configs`, `secrets`, and files that are mounted from beside the compose file.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::scene::{Scene, unknown};
use crate::dialect::yaml::{Content, Entry, Node};
use crate::text::quoted;

/// The ConfigMap of files that are mounted without being called a config.
const FILES: &str = "files";

/// What services mount, each made once.
#[derive(Debug, Default)]
pub(super) struct Shared {
    configs: BTreeMap<String, Vec<u8>>,
    secrets: BTreeMap<String, Vec<u8>>,
    files: BTreeMap<String, (String, Vec<u8>)>,
}

/// One mount of a file, and the volume that it is from.
pub(super) struct FileMount {
    pub(super) volume: Value,
    pub(super) key: String,
    pub(super) path: String,
}

impl Shared {
    /// Reads the sections of the file itself.
    pub(super) fn read(scene: &mut Scene<'_>, document: &Node<'_>) -> Self {
        let configs = section(scene, document, "configs");
        let secrets = section(scene, document, "secrets");
        Self { configs, secrets, files: BTreeMap::new() }
    }

    /// The mounts that `configs` and `secrets` of a service ask for.
    pub(super) fn mounts(&self, scene: &mut Scene<'_>, service: &Node<'_>) -> Vec<FileMount> {
        let mut mounts = Vec::new();
        for (key, known, folder) in [("configs", &self.configs, "/"), ("secrets", &self.secrets, "/run/secrets/")] {
            let Some(list) = service.get(key) else { continue };
            let Content::List(items) = &list.content else {
                scene.wrong(key, "a list", list);
                continue;
            };
            for item in items {
                let Some((source, target, mode)) = reference(scene, key, item) else { continue };
                if !known.contains_key(&source) {
                    let message = format!("there is no {} among `{key}` of the file", quoted(&source));
                    scene.error(&item.label(), message, "declare it there, with its `file`");
                    continue;
                }
                let target = target.unwrap_or_else(|| source.clone());
                let path = if target.starts_with('/') { target } else { format!("{folder}{target}") };
                let mut entry = json!({"key": source, "path": source});
                if let (Some(mode), Some(entry)) = (mode, entry.as_object_mut()) {
                    entry.insert("mode".to_owned(), json!(mode));
                }
                let name = object_name(&source);
                let volume = match key {
                    "configs" => json!({"configMap": {"name": name, "items": [entry]}}),
                    _ => json!({"secret": {"secretName": name, "items": [entry]}}),
                };
                mounts.push(FileMount { volume, key: source, path });
            }
        }
        mounts
    }

    /// A file beside the compose file, mounted at a path.
    pub(super) fn file(
        &mut self,
        scene: &mut Scene<'_>,
        written: &str,
        path: String,
        at: &Range<usize>,
    ) -> Option<FileMount> {
        let bytes = scene.file(written, at)?.to_vec();
        let inner = |letter: char| if letter.is_ascii_alphanumeric() || ".-_".contains(letter) { letter } else { '_' };
        let key: String = written.strip_prefix("./").unwrap_or(written).chars().map(inner).collect();
        let (from, _) = self.files.entry(key.clone()).or_insert_with(|| (written.to_owned(), bytes));
        if from != written {
            let message = format!("{} and {} would be one key", quoted(from), quoted(written));
            scene.error(at, message, "give one of the files another name");
            return None;
        }
        let volume = json!({"configMap": {"name": FILES, "items": [{"key": key, "path": key}]}});
        Some(FileMount { volume, key, path })
    }

    /// The ConfigMaps and Secrets.
    pub(super) fn objects(&self, scope: &str) -> Vec<Value> {
        let one = |name: &str, bytes: &Vec<u8>| BTreeMap::from([(name.to_owned(), bytes.clone())]);
        let configs = self.configs.iter().map(|(name, bytes)| config_map(scope, &object_name(name), &one(name, bytes)));
        let secrets = self.secrets.iter().map(|(name, bytes)| {
            let (field, value) = match std::str::from_utf8(bytes) {
                Ok(text) => ("stringData", json!(text)),
                Err(_) => ("data", json!(base64(bytes))),
            };
            let metadata = json!({"name": object_name(name), "namespace": scope});
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", field: {name: value}})
        });
        let files: BTreeMap<String, Vec<u8>> =
            self.files.iter().map(|(key, (_, bytes))| (key.clone(), bytes.clone())).collect();
        let files = (!files.is_empty()).then(|| config_map(scope, FILES, &files));
        configs.chain(files).chain(secrets).collect()
    }
}

fn config_map(scope: &str, name: &str, keys: &BTreeMap<String, Vec<u8>>) -> Value {
    let (mut texts, mut binary) = (Map::new(), Map::new());
    for (key, bytes) in keys {
        match std::str::from_utf8(bytes) {
            Ok(text) => texts.insert(key.clone(), json!(text)),
            Err(_) => binary.insert(key.clone(), json!(base64(bytes))),
        };
    }
    let metadata = json!({"name": name, "namespace": scope});
    let mut object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    if let Some(object) = object.as_object_mut() {
        for (field, keys) in [("data", texts), ("binaryData", binary)] {
            if !keys.is_empty() {
                object.insert(field.to_owned(), Value::Object(keys));
            }
        }
    }
    object
}

fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn object_name(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// The contents of each entry of `configs` or `secrets` of the file.
fn section(scene: &mut Scene<'_>, document: &Node<'_>, name: &str) -> BTreeMap<String, Vec<u8>> {
    let entries = document.get(name).map(|node| node.entries()).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.name.to_string(), contents(scene, entry, name)?))).collect()
}

fn contents(scene: &mut Scene<'_>, entry: &Entry<'_>, section: &str) -> Option<Vec<u8>> {
    let inner = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !entry.name.chars().all(inner) || entry.name.starts_with(['-', '_']) || entry.name.ends_with(['-', '_']) {
        let help = "use letters, digits, `-` and `_`, with a letter or digit first and last";
        scene.error(&entry.range, format!("{} cannot be carried by that name", quoted(&entry.name)), help);
        return None;
    }
    for other in unknown(&entry.value, &["file", "content", "name"]) {
        let help = "give its contents by `file`";
        scene.error(&other.range, format!("`{}` of one of the {section} cannot be carried", other.name), help);
    }
    match (entry.value.get("file"), entry.value.get("content")) {
        (Some(file), None) => {
            let path = scene.text("file", file)?;
            scene.file(&path, &file.range).map(<[u8]>::to_vec)
        }
        (None, Some(content)) => {
            if section == "secrets" {
                scene.hidden.push(content.range.clone());
            }
            scene.text("content", content).map(String::into_bytes)
        }
        (Some(_), Some(_)) | (None, None) => {
            scene.error(&entry.range, "its contents are not said, or twice", "give its contents by `file`");
            None
        }
    }
}

/// What a service mounts: the name, the path and the mode that it asks for.
fn reference(scene: &mut Scene<'_>, key: &str, item: &Node<'_>) -> Option<(String, Option<String>, Option<u32>)> {
    if !matches!(item.content, Content::Map(_)) {
        return Some((scene.text(key, item)?, None, None));
    }
    for entry in unknown(item, &["source", "target", "uid", "gid", "mode"]) {
        scene.error(&entry.range, format!("`{}` of a mount is not known", entry.name), "take it out");
    }
    for entry in item.entries().iter().filter(|entry| entry.name == "uid" || entry.name == "gid") {
        let help = "the file is readable by everybody in the container; set `mode` if it must not be";
        scene.remark(&entry.range, format!("`{}` is not carried", entry.name), help);
    }
    let source = item.get("source").and_then(|node| scene.text("source", node));
    if source.is_none() {
        scene.error(&item.label(), "this mount does not say of what", "write its `source`");
    }
    let target = item.get("target").and_then(|node| scene.text("target", node));
    let mode = item.get("mode").and_then(|node| {
        let text = scene.text("mode", node)?;
        let mode = u32::from_str_radix(text.trim_start_matches("0o"), 8).ok().filter(|mode| *mode <= 0o777);
        if mode.is_none() {
            scene.wrong("mode", "permissions as 0440", node);
        }
        mode
    });
    Some((source?, target, mode))
}
