//! Assets: files and texts that workloads mount, as ConfigMaps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::address::{Address, Contents};
use super::declared::Declared;
use super::names::is_key;
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{AssetKey, Content, Entry, Form, Function, Piece, Span, Value};
use super::urls::{self, Taken};
use crate::cores;
use crate::dialect::sops::{self, EnvFile, SealedFile};
use crate::dialect::{Files, MANIFESTS_MANY};
use crate::limits::{ASSET_BYTES_MAX, MANIFEST_BYTES_MAX};
use crate::model::{Kind, Object, ObjectId};
use crate::text::{Place, UNOPENED, quoted};
use crate::time::Seconds;

/// One asset with its contents.
pub(super) struct Asset {
    place: Place,
    keys: BTreeMap<String, Held>,
    /// By file, what no message may show of those that are encrypted.
    hidden: BTreeMap<String, Vec<Span>>,
    /// Some reference led to it. Workloads are lowered on several threads.
    used: AtomicBool,
}

/// What a key holds.
enum Held {
    Bytes {
        bytes: Vec<u8>,
        place: Place,
    },
    /// A file of variables that is encrypted.
    Sealed {
        file: EnvFile,
        place: Place,
    },
    /// Nothing, as the manifest allows; and why.
    LeftOut(String),
    /// Something that was refused.
    Refused,
}

/// What a reference leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Here,
    /// A key that is left out, which has been noted.
    LeftOut,
}

/// All assets of all files, by scope and name; those of no scope have an empty one.
#[derive(Default)]
pub(super) struct Assets {
    all: BTreeMap<(String, String), Asset>,
}

impl Assets {
    pub(super) fn insert(&mut self, declared: &Declared<'_>, asset: Asset) {
        self.all.insert((declared.scope.text.clone(), declared.name.text.clone()), asset);
    }

    /// Checks that a reference leads to a key that is declared; else the problem is reported.
    pub(super) fn check(&self, scene: &mut Scene<'_>, reference: &AssetKey, span: &Span) -> Option<Found> {
        let AssetKey { scope, name, key } = reference;
        let Some(asset) = self.all.get(&(scope.clone(), name.clone())) else {
            self.refuse_undeclared(scene, reference, span);
            return None;
        };
        asset.used.store(true, Ordering::Relaxed);
        match asset.keys.get(key) {
            Some(Held::Bytes { .. } | Held::Sealed { .. } | Held::Refused) => return Some(Found::Here),
            Some(Held::LeftOut(why)) => {
                let message = format!("there is no file for `{key}` here, because the key is left out: {why}");
                scene.note(span, message, "the workload is changed as soon as there is one");
                return Some(Found::LeftOut);
            }
            None => {}
        }
        let help = match scene.nearest(key, asset.keys.keys()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                let keys: Vec<&str> = asset.keys.keys().map(String::as_str).take(20).collect();
                format!("its keys are: {}", if keys.is_empty() { "none".to_owned() } else { keys.join(", ") })
            }
        };
        scene.refuse(span, format!("{} has no key `{key}`", shown(scope, name)), help);
        None
    }

    /// True if no reference led to that asset.
    pub(super) fn is_unused(&self, scope: &str, name: &str) -> bool {
        let asset = self.all.get(&(scope.to_owned(), name.to_owned()));
        !asset.is_some_and(|asset| asset.used.load(Ordering::Relaxed))
    }

    fn refuse_undeclared(&self, scene: &mut Scene<'_>, reference: &AssetKey, span: &Span) {
        let AssetKey { scope, name, key } = reference;
        let written = dotted(scope, name);
        // An asset of a scope is never meant by a reference without one, but may have been.
        let in_scope = |(of, named): &&(String, String)| scope.is_empty() && named == name && !of.is_empty();
        let meant = self.all.keys().find(in_scope).map(|(scope, name)| dotted(scope, name));
        let here = self.all.keys().map(|(scope, name)| dotted(scope, name));
        let help = match meant.or_else(|| scene.nearest(&written, here)) {
            Some(meant) => format!("did you mean `${{asset.{meant}.{key}}}`?"),
            None => format!("declare it: `{} {{ … }}`", shown(scope, name)),
        };
        scene.refuse(span, format!("no {} is declared", shown(scope, name)), help);
    }

    /// SHA-256 of what a key holds; of an encrypted one nobody can tell here, which is reported.
    pub(super) fn digest(&self, scene: &mut Scene<'_>, reference: &AssetKey, span: &Span) -> Option<String> {
        let AssetKey { scope, name, key } = reference;
        let bytes = match self.all.get(&(scope.clone(), name.clone()))?.keys.get(key)? {
            Held::Bytes { bytes, place: _ } => bytes,
            Held::Sealed { .. } => {
                let message =
                    format!("`{key}` is encrypted, so that another encryption of it would look like a change");
                scene.refuse(
                    span,
                    message,
                    "mount it instead: that rolls the workload when what was encrypted changes",
                );
                return None;
            }
            Held::LeftOut(_) | Held::Refused => return None,
        };
        Some(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The ConfigMaps of all assets of scopes, each in its own.
    pub(super) fn objects(&self) -> Vec<Object> {
        let of_scopes: Vec<_> = self.all.iter().filter(|((scope, _), _)| !scope.is_empty()).collect();
        cores::map(&of_scopes, MANIFESTS_MANY, |((scope, name), asset)| asset.object(scope, name, None))
    }

    /// What is encrypted of the ConfigMaps of assets of scopes, and of those of `borrowed`.
    pub(super) fn sealed<'b>(
        &self,
        borrowed: impl Iterator<Item = (&'b str, &'b Borrowed, &'b BTreeSet<String>)>,
    ) -> Vec<SealedFile> {
        let own = self.all.iter().filter(|((scope, _), _)| !scope.is_empty());
        let mut sealed: Vec<SealedFile> =
            own.flat_map(|((scope, name), asset)| asset.sealed(scope, name, None)).collect();
        for (borrower, from, keys) in borrowed {
            let asset = self.all.get(&(from.scope.clone(), from.name.clone()));
            sealed.extend(asset.into_iter().flat_map(|asset| asset.sealed(borrower, &from.config_map(), Some(keys))));
        }
        sealed
    }

    /// By file, what no message may show of those that are encrypted.
    pub(super) fn hidden(&self) -> BTreeMap<String, Vec<Span>> {
        self.all.values().flat_map(|asset| asset.hidden.clone()).collect()
    }

    /// The keys of an asset as a ConfigMap in another scope, since a pod can mount none but those of its own.
    pub(super) fn borrowed(&self, borrower: &str, borrowed: &Borrowed, keys: &BTreeSet<String>) -> Option<Object> {
        let asset = self.all.get(&(borrowed.scope.clone(), borrowed.name.clone()))?;
        Some(asset.object(borrower, &borrowed.config_map(), Some(keys)))
    }
}

/// An asset as it is declared.
fn shown(scope: &str, name: &str) -> String {
    if scope.is_empty() { format!("asset \"{name}\"") } else { format!("asset \"{scope}\" \"{name}\"") }
}

/// An asset as it is referred to.
fn dotted(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

/// An asset used in another scope than its own, or of no scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Borrowed {
    pub(super) scope: String,
    pub(super) name: String,
}

impl Borrowed {
    /// The name of its ConfigMap there. The dots keep it apart from all assets of that scope, and from each other.
    pub(super) fn config_map(&self) -> String {
        if self.scope.is_empty() {
            format!("{}.global.asset", self.name)
        } else {
            format!("{}.{}", self.name, self.scope)
        }
    }
}

impl Asset {
    fn object(&self, scope: &str, name: &str, only: Option<&BTreeSet<String>>) -> Object {
        let mut text = Placed::object();
        let mut binary = Placed::object();
        let (mut any_text, mut any_binary) = (false, false);
        for (key, held) in self.keys.iter().filter(|(key, _)| only.is_none_or(|only| only.contains(*key))) {
            let (bytes, place) = match held {
                Held::Bytes { bytes, place } => (bytes.as_slice(), place),
                Held::Sealed { file: _, place } => (UNOPENED.as_bytes(), place),
                Held::LeftOut(_) | Held::Refused => continue,
            };
            if let Ok(content) = std::str::from_utf8(bytes) {
                text.set(key, Placed::at(content, place.clone()));
                any_text = true;
            } else {
                let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
                binary.set(key, Placed::at(encoded, place.clone()));
                any_binary = true;
            }
        }
        let metadata = Placed::object().plain("name", name).plain("namespace", scope);
        let mut body = Placed::object().plain("apiVersion", "v1").plain("kind", "ConfigMap").with("metadata", metadata);
        if any_text {
            body.set("data", text);
        }
        if any_binary {
            body.set("binaryData", binary);
        }
        let (body, places) = body.placed(self.place.clone()).finish();
        Object { id: ObjectId::new(Kind::ConfigMap, scope, name), body, places }
    }

    /// What is encrypted of that ConfigMap.
    fn sealed(&self, scope: &str, name: &str, only: Option<&BTreeSet<String>>) -> Vec<SealedFile> {
        let id = ObjectId::new(Kind::ConfigMap, scope, name);
        let held = self.keys.iter().filter(|(key, _)| only.is_none_or(|only| only.contains(*key)));
        let sealed = held.filter_map(|(key, held)| match held {
            Held::Sealed { file, place: _ } => Some(file.held_by(&id, key)),
            Held::Bytes { .. } | Held::LeftOut(_) | Held::Refused => None,
        });
        sealed.collect()
    }
}

/// Reads the keys of an asset.
pub(super) fn read(scene: &mut Scene<'_>, declared: &Declared<'_>, files: &Files, fetched: &Contents) -> Asset {
    let (mut keys, mut hidden) = (BTreeMap::new(), BTreeMap::new());
    let mut total = 0;
    for entry in &declared.block.entries {
        let Entry { name, content } = entry;
        if !is_key(&name.text) {
            scene.refuse(
                &name.span,
                format!("{} cannot be the key of an asset", quoted(&name.text)),
                "use ASCII letters, digits, `_` and `-`",
            );
            continue;
        }
        let taken = match content {
            Content::Value(value) => contents(scene, &name.text, value, (files, fetched), &mut hidden),
            Content::Block(block) => {
                scene.refuse(&block.header, "an asset holds keys, not blocks", "write `key = file(\"./path\")`");
                None
            }
        };
        let held = match taken {
            Some(Taken::Bytes(bytes)) => {
                total += bytes.len();
                Held::Bytes { bytes, place: scene.place(&name.span) }
            }
            Some(Taken::Sealed(file)) => Held::Sealed { file, place: scene.place(&name.span) },
            Some(Taken::LeftOut(why)) => Held::LeftOut(why),
            None => Held::Refused,
        };
        keys.insert(name.text.clone(), held);
    }
    if total > ASSET_BYTES_MAX {
        scene.refuse(
            &declared.block.header,
            format!("the keys of this asset hold more than {} KiB together", ASSET_BYTES_MAX >> 10),
            "split it into several assets: Kubernetes stores no larger ConfigMap",
        );
    }
    Asset { place: scene.place(&declared.block.header), keys, hidden, used: AtomicBool::new(false) }
}

/// The addresses that the keys of an asset name, as far as they are sound, and how long their servers are given.
pub(super) fn addresses(scene: &mut Scene<'_>, entries: &[Entry]) -> Vec<(Address, Seconds)> {
    let calls = entries.iter().filter_map(|entry| match &entry.content {
        Content::Value(Value { form: Form::Call(Function::Url, arguments), span: _ }) => Some(arguments),
        Content::Value(_) | Content::Block(_) => None,
    });
    calls.filter_map(|arguments| urls::named(scene, arguments)).collect()
}

fn contents(
    scene: &mut Scene<'_>,
    key: &str,
    value: &Value,
    (files, fetched): (&Files, &Contents),
    hidden: &mut BTreeMap<String, Vec<Span>>,
) -> Option<Taken> {
    let taken = match &value.form {
        Form::Text(pieces) => text(scene, key, pieces).map(Taken::Bytes),
        Form::Call(Function::File, arguments) => {
            let (path, bytes) = file(scene, value, arguments, files)?;
            match std::str::from_utf8(bytes) {
                Ok(text) if sops::is_env(text) => {
                    hidden.insert(path.clone(), sops::hidden_env(text));
                    sops::read_env(&path.into(), text, &mut scene.problems).map(Taken::Sealed)
                }
                Ok(_) | Err(_) => Some(Taken::Bytes(bytes.clone())),
            }
        }
        Form::Call(Function::Url, arguments) => urls::read(scene, value, arguments, fetched),
        Form::Faulty | Form::Null | Form::Bool(_) | Form::Number(_) | Form::List(_) | Form::Map(_) => {
            scene.wrong_kind(
                key,
                "a string, `file(\"./path\")` or `url(\"https://…\")`",
                value,
                "put the contents in double quotes",
            );
            None
        }
    };
    taken.filter(|taken| !is_unopenable(scene, key, value, taken))
}

/// True for what is encrypted and is not decrypted here, which is reported: a container would be given it as it stands.
fn is_unopenable(scene: &mut Scene<'_>, key: &str, value: &Value, taken: &Taken) -> bool {
    let Taken::Bytes(bytes) = taken else { return false };
    let sealed = std::str::from_utf8(bytes).is_ok_and(sops::has_ciphers);
    if sealed {
        let message =
            format!("what `{key}` holds is encrypted by SOPS, and not as a file of variables of this repository");
        let help = "encrypt it as a `.env` file and name it by `file()`, or put its values into an encrypted Secret in YAML or \
                    into a config bucket";
        scene.refuse(&value.span, message, help);
    }
    sealed
}

fn text(scene: &mut Scene<'_>, key: &str, pieces: &[Piece]) -> Option<Vec<u8>> {
    let refers = pieces.iter().find_map(|piece| match piece {
        Piece::Asset(_, span) => Some(span),
        Piece::Literal(_) => None,
    });
    if let Some(span) = refers {
        scene.refuse(span, "an asset cannot refer to an asset", "write the text out; a literal `${` is written `$${`");
        return None;
    }
    scene.literal(key, pieces).map(String::into_bytes)
}

/// The file that a call names, with its path from the unit's directory.
fn file<'f>(
    scene: &mut Scene<'_>,
    call: &Value,
    arguments: &[Value],
    files: &'f Files,
) -> Option<(String, &'f Vec<u8>)> {
    let [path] = arguments else {
        scene.refuse(&call.span, "`file()` takes one path", "write `file(\"./path\")`");
        return None;
    };
    let written = scene.filled_string("file", path)?;
    let Some(resolved) = resolve(&scene.file, &written) else {
        scene.refuse(
            &path.span,
            "this path leads out of the unit's directory",
            "write a path relative to this manifest that stays in the unit's directory, as in `file(\"./configs/redis.conf\")`",
        );
        return None;
    };
    let Some(bytes) = files.get(&resolved) else {
        let folder = if resolved.is_empty() { String::new() } else { format!("{resolved}/") };
        if files.range(folder.clone()..).next().is_some_and(|(path, _)| path.starts_with(&folder)) {
            scene.refuse(&path.span, "this is a directory", "name each file: a key holds the contents of one");
            return None;
        }
        let help = match scene.nearest(&resolved, files.keys()) {
            Some(there) => format!("there is {}; paths are relative to the directory of this manifest", quoted(there)),
            None => "paths are relative to the directory of this manifest; is the file committed?".to_owned(),
        };
        scene.refuse(&path.span, format!("there is no file {} in this tree", quoted(&resolved)), help);
        return None;
    };
    if u64::try_from(bytes.len()).map_or(true, |length| length > MANIFEST_BYTES_MAX) {
        scene.refuse(
            &path.span,
            format!("{} is larger than {} KiB", quoted(&resolved), MANIFEST_BYTES_MAX >> 10),
            "put large files into the image or into a volume",
        );
        return None;
    }
    Some((resolved, bytes))
}

/// The path from the unit's directory of `path` as `manifest` names it; none if it leads elsewhere.
fn resolve(manifest: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.starts_with('~') || path.contains('\\') {
        return None;
    }
    let directory = manifest.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut segments: Vec<&str> = directory.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop()?;
            }
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_directory_of_the_manifest_and_stays_in_the_tree() {
        let resolved = |path| resolve("a/b/stack.hcl", path);
        assert_eq!(resolved("./c/redis.conf").as_deref(), Some("a/b/c/redis.conf"));
        assert_eq!(resolved("../redis.conf").as_deref(), Some("a/redis.conf"));
        assert_eq!(resolved("../../redis.conf").as_deref(), Some("redis.conf"));
        assert_eq!(resolved("../../../redis.conf"), None);
        assert_eq!(resolved("c/../../../../b/redis.conf"), None);
        assert_eq!(resolved("/etc/passwd"), None);
        assert_eq!(resolved("~/redis.conf"), None);
        assert_eq!(resolved("..\\redis.conf"), None);
    }
}
