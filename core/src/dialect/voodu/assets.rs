//! Assets: files and texts that workloads mount, as ConfigMaps.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;

use super::address::{Address, Contents, Fetched};
use super::declared::Declared;
use super::names::is_key;
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{AssetKey, Content, Entry, Form, Function, Piece, Span, Value};
use crate::dialect::Files;
use crate::limits::{ASSET_BYTES_MAX, MANIFEST_BYTES_MAX};
use crate::model::{Kind, Object, ObjectId};
use crate::text::{Place, quoted};

/// One asset with its contents.
pub(super) struct Asset {
    place: Place,
    /// The contents by key; none for a key whose contents were refused.
    keys: BTreeMap<String, Option<Held>>,
}

struct Held {
    bytes: Vec<u8>,
    place: Place,
}

/// All assets of all files, by scope and name.
#[derive(Default)]
pub(super) struct Assets(BTreeMap<(String, String), Asset>);

impl Assets {
    pub(super) fn insert(&mut self, declared: &Declared<'_>, asset: Asset) {
        self.0.insert((declared.scope.text.clone(), declared.name.text.clone()), asset);
    }

    /// Checks that a reference leads to a key that is declared.
    pub(super) fn check(&self, scene: &mut Scene<'_>, reference: &AssetKey, span: &Span) -> bool {
        let AssetKey { scope, name, key } = reference;
        let Some(asset) = self.0.get(&(scope.clone(), name.clone())) else {
            let here = self.0.keys().map(|(scope, name)| format!("{scope}.{name}"));
            let help = match scene.nearest(&format!("{scope}.{name}"), here) {
                Some(meant) => format!("did you mean `${{asset.{meant}.{key}}}`?"),
                None => format!("declare it: `asset \"{scope}\" \"{name}\" {{ … }}`"),
            };
            scene.refuse(span, format!("no asset \"{scope}\" \"{name}\" is declared"), help);
            return false;
        };
        if asset.keys.contains_key(key) {
            return true;
        }
        let help = match scene.nearest(key, asset.keys.keys()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => {
                let keys: Vec<&str> = asset.keys.keys().map(String::as_str).take(20).collect();
                format!("its keys are: {}", if keys.is_empty() { "none".to_owned() } else { keys.join(", ") })
            }
        };
        scene.refuse(span, format!("asset \"{scope}\" \"{name}\" has no key `{key}`"), help);
        false
    }

    /// The ConfigMaps of all assets, each in its own scope.
    pub(super) fn objects(&self) -> impl Iterator<Item = Object> {
        self.0.iter().map(|((scope, name), asset)| asset.object(scope, name, None))
    }

    /// The keys of an asset as a ConfigMap in another scope, since a pod can mount none but those of its own.
    pub(super) fn borrowed(&self, borrower: &str, borrowed: &Borrowed, keys: &BTreeSet<String>) -> Option<Object> {
        let asset = self.0.get(&(borrowed.scope.clone(), borrowed.name.clone()))?;
        Some(asset.object(borrower, &borrowed.config_map(), Some(keys)))
    }
}

/// An asset used in another scope than its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Borrowed {
    pub(super) scope: String,
    pub(super) name: String,
}

impl Borrowed {
    /// The name of its ConfigMap there. The dot keeps it apart from all assets of that scope.
    pub(super) fn config_map(&self) -> String {
        format!("{}.{}", self.name, self.scope)
    }
}

impl Asset {
    fn object(&self, scope: &str, name: &str, only: Option<&BTreeSet<String>>) -> Object {
        let mut text = Placed::object();
        let mut binary = Placed::object();
        let (mut any_text, mut any_binary) = (false, false);
        for (key, held) in &self.keys {
            let (Some(held), true) = (held, only.is_none_or(|only| only.contains(key))) else { continue };
            if let Ok(content) = std::str::from_utf8(&held.bytes) {
                text.set(key, Placed::at(content, held.place.clone()));
                any_text = true;
            } else {
                let encoded = base64::engine::general_purpose::STANDARD.encode(&held.bytes);
                binary.set(key, Placed::at(encoded, held.place.clone()));
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
}

/// Reads the keys of an asset.
pub(super) fn read(scene: &mut Scene<'_>, declared: &Declared<'_>, files: &Files, fetched: &Contents) -> Asset {
    let mut keys = BTreeMap::new();
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
        let bytes = match content {
            Content::Value(value) => contents(scene, &name.text, value, files, fetched),
            Content::Block(block) => {
                scene.refuse(&block.header, "an asset holds keys, not blocks", "write `key = file(\"./path\")`");
                None
            }
        };
        total += bytes.as_ref().map_or(0, Vec::len);
        let place = scene.place(&name.span);
        keys.insert(name.text.clone(), bytes.map(|bytes| Held { bytes, place }));
    }
    if total > ASSET_BYTES_MAX {
        scene.refuse(
            &declared.block.header,
            format!("the keys of this asset hold more than {} KiB together", ASSET_BYTES_MAX >> 10),
            "split it into several assets: Kubernetes stores no larger ConfigMap",
        );
    }
    Asset { place: scene.place(&declared.block.header), keys }
}

/// The addresses that the keys of an asset name, as far as they are sound.
pub(super) fn addresses(entries: &[Entry]) -> impl Iterator<Item = Address> {
    entries.iter().filter_map(|entry| {
        let Content::Value(Value { form: Form::Call(Function::Url, arguments), span: _ }) = &entry.content else {
            return None;
        };
        let [Value { form: Form::Text(pieces), span: _ }] = arguments.as_slice() else { return None };
        let literal = |piece: &Piece| match piece {
            Piece::Literal(part) => Some(part.clone()),
            Piece::Asset(..) => None,
        };
        Address::parse(&pieces.iter().map(literal).collect::<Option<String>>()?).ok()
    })
}

fn contents(scene: &mut Scene<'_>, key: &str, value: &Value, files: &Files, fetched: &Contents) -> Option<Vec<u8>> {
    match &value.form {
        Form::Text(pieces) => {
            let refers = pieces.iter().find_map(|piece| match piece {
                Piece::Asset(_, span) => Some(span),
                Piece::Literal(_) => None,
            });
            if let Some(span) = refers {
                scene.refuse(
                    span,
                    "an asset cannot refer to an asset",
                    "write the text out; a literal `${` is written `$${`",
                );
                return None;
            }
            scene.literal(key, pieces).map(String::into_bytes)
        }
        Form::Call(Function::File, arguments) => file(scene, value, arguments, files),
        Form::Call(Function::Url, arguments) => url(scene, value, arguments, fetched),
        Form::Faulty | Form::Null | Form::Bool(_) | Form::Number(_) | Form::List(_) | Form::Map(_) => {
            scene.wrong_kind(
                key,
                "a string, `file(\"./path\")` or `url(\"https://…\")`",
                value,
                "put the contents in double quotes",
            );
            None
        }
    }
}

fn file(scene: &mut Scene<'_>, call: &Value, arguments: &[Value], files: &Files) -> Option<Vec<u8>> {
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
    Some(bytes.clone())
}

/// What helps with contents that cannot be fetched.
const HELP_FETCH: &str = "see that the address is right and its server is up, or put the file into the repository and write \
                          `file(\"./path\")`: then its contents are signed, too";

/// The parts of a call of `url()` that can give access: a query, and a login that is refused.
fn secret(text: &str, call: &Span) -> Vec<Span> {
    let written = text.get(call.clone()).unwrap_or_default();
    let at = |from: usize, to: usize| call.start + from..call.start + to;
    let query = written.find('?').map(|query| at(query, written.len()));
    let login = written.find("://").zip(written.rfind('@')).map(|(before, after)| at(before + 3, after));
    query.into_iter().chain(login).collect()
}

fn url(scene: &mut Scene<'_>, call: &Value, arguments: &[Value], fetched: &Contents) -> Option<Vec<u8>> {
    scene.hidden.extend(secret(scene.text, &call.span));
    let [written] = arguments else {
        let message = match arguments {
            [] => "`url()` takes one address",
            [..] => "further arguments of `url()` are not supported yet",
        };
        scene.refuse(&call.span, message, "write `url(\"https://HOST/PATH\")`");
        return None;
    };
    let address = match Address::parse(&scene.filled_string("url", written)?) {
        Ok(address) => address,
        Err(unfit) => {
            scene.refuse(&written.span, unfit.message, unfit.help);
            return None;
        }
    };
    let why = match fetched.get(&address) {
        Some(Fetched::Fresh(bytes)) => return Some(bytes.clone()),
        Some(Fetched::Kept { bytes, why }) => {
            scene.note(&written.span, format!("an older copy of {address} is used: {why}"), HELP_FETCH);
            return Some(bytes.clone());
        }
        Some(Fetched::Unasked) => {
            let help = "the agent, `writ plan` and `writ apply -f` fetch them; here, a text stands in their place";
            scene.note(&written.span, format!("the contents of {address} were not fetched"), help);
            return Some(format!("(contents of {address}, not fetched)\n").into_bytes());
        }
        Some(Fetched::Failed { why }) => why,
        None => "nobody asked for it",
    };
    scene.refuse(&written.span, format!("cannot fetch {address}: {why}"), HELP_FETCH);
    None
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
