//! What is mounted into a container: keys of assets, paths of the host, and claims of a statefulset.

use std::collections::{BTreeMap, BTreeSet};

use super::assets::{Assets, Borrowed};
use super::fields::{Fields, Shape};
use super::names::label;
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{AssetKey, Block, Form, Piece, Span, Value, Word};
use crate::text::{Place, is_control, quoted};

/// What a mount shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Claim(String),
    Asset(AssetKey),
    Host(String),
}

/// What is mounted, by path in the container.
#[derive(Debug, Clone, Default)]
pub(super) struct Mounts(BTreeMap<String, Mount>);

#[derive(Debug, Clone)]
struct Mount {
    source: Source,
    read_only: bool,
    place: Place,
}

/// A claim of a statefulset.
pub(super) struct Claim {
    name: String,
    size: Option<Placed>,
    class: Option<Placed>,
    place: Place,
}

/// The volumes of a pod, each with its name there.
pub(super) struct Volumes {
    scope: String,
    names: BTreeMap<Source, String>,
}

const CLAIM: Shape =
    Shape { what: "a volume_claim", once: &["mount_path", "size", "storage_class"], repeated: &[], refused: &[] };

/// Size of a claim that asks for none. A claim of Kubernetes must ask; volumes of Docker have no size.
const CLAIM_SIZE_DEFAULT: &str = "1Gi";

const HELP: &str = "write \"${asset.SCOPE.NAME.KEY}:/path:ro\" or \"/path/of/the/host:/path\"";

impl Mounts {
    /// The same with those of `other` that are at other paths.
    pub(super) fn over(mut self, other: &Self) -> Self {
        for (path, mount) in &other.0 {
            self.0.entry(path.clone()).or_insert_with(|| mount.clone());
        }
        self
    }

    fn insert(&mut self, scene: &mut Scene<'_>, path: String, source: Source, read_only: bool, span: &Span) {
        if self.0.contains_key(&path) {
            scene.refuse(
                span,
                format!("something else is mounted at {} already", quoted(&path)),
                "mount it at another path",
            );
            return;
        }
        let place = scene.place(span);
        self.0.insert(path, Mount { source, read_only, place });
    }

    /// Reads `volumes`.
    pub(super) fn read(&mut self, scene: &mut Scene<'_>, value: &Value, assets: &Assets) {
        for item in scene.list("volumes", value, HELP).unwrap_or_default() {
            let Form::Text(pieces) = &item.form else {
                scene.wrong_kind("volumes", "a list of strings", item, HELP);
                continue;
            };
            let (source, rest) = match pieces.as_slice() {
                [Piece::Asset(key, span)] => {
                    scene.refuse(span, "this mount does not say where", HELP);
                    assets.check(scene, key, span);
                    continue;
                }
                [Piece::Asset(key, span), Piece::Literal(rest)] => {
                    if !assets.check(scene, key, span) {
                        continue;
                    }
                    (Some(key), rest.as_str())
                }
                [Piece::Literal(text)] => (None, text.as_str()),
                _ => {
                    scene.refuse(&item.span, "a reference to an asset stands first in a mount, alone", HELP);
                    continue;
                }
            };
            self.one(scene, source, rest, &item.span);
        }
    }

    fn one(&mut self, scene: &mut Scene<'_>, asset: Option<&AssetKey>, text: &str, span: &Span) {
        let parts: Vec<&str> = text.split(':').collect();
        let (host, path, mode) = match (asset, parts.as_slice()) {
            (Some(_), ["", path]) => ("", *path, ""),
            (Some(_), ["", path, mode]) => ("", *path, *mode),
            (None, [host, path]) => (*host, *path, ""),
            (None, [host, path, mode]) => (*host, *path, *mode),
            _ => {
                scene.refuse(span, "this is not a mount", HELP);
                return;
            }
        };
        let read_only = match mode {
            "ro" => true,
            "" => asset.is_some(),
            "rw" if asset.is_none() => false,
            "rw" => {
                scene.refuse(span, "an asset cannot be written to", "write `:ro`, or copy it in an `init` block");
                return;
            }
            _ => {
                scene.refuse(span, "the mode of a mount is `ro` or `rw`", HELP);
                return;
            }
        };
        let Some(path) = absolute(path) else {
            refuse_path(scene, span);
            return;
        };
        let source = match asset {
            Some(key) => Source::Asset(key.clone()),
            None => match absolute(host) {
                Some(host) => Source::Host(host),
                None => return refuse_source(scene, host, span),
            },
        };
        self.insert(scene, path, source, read_only, span);
    }

    /// Reads a `volume_claim` block.
    pub(super) fn claim(
        &mut self,
        scene: &mut Scene<'_>,
        word: &Word,
        block: &Block,
        seen: &mut BTreeSet<String>,
    ) -> Option<Claim> {
        let [name] = block.labels.as_slice() else {
            scene.refuse(
                &block.header,
                "`volume_claim` needs one label, its name",
                "write `volume_claim \"data\" { … }`",
            );
            return None;
        };
        let sound = label(scene, "the name of a claim", name);
        if !seen.insert(name.text.clone()) {
            scene.refuse(&name.span, format!("there are two claims {}", quoted(&name.text)), "give one another name");
            return None;
        }
        let fields = Fields::read(scene, &CLAIM, &block.entries);
        let path = fields.value(scene, "mount_path");
        if fields.entry("mount_path").is_none() {
            let message = format!("the claim {} has no `mount_path`", quoted(&name.text));
            scene.refuse(&block.header, message, "say where it is mounted: `mount_path = \"/data\"`");
        }
        let size = fields.value(scene, "size").and_then(|(_, value)| super::resources::size(scene, value));
        let class = fields.value(scene, "storage_class").and_then(|(_, value)| {
            let class = scene.filled_string("storage_class", value)?;
            Some(Placed::at(class, scene.place(&value.span)))
        });
        if let Some((_, value)) = path
            && let Some(written) = scene.filled_string("mount_path", value)
        {
            match absolute(&written) {
                Some(path) => self.insert(scene, path, Source::Claim(name.text.clone()), false, &value.span),
                None => refuse_path(scene, &value.span),
            }
        }
        let place = scene.place(&(word.span.start..name.span.end));
        sound.then(|| Claim { name: name.text.clone(), size, class, place })
    }

    /// `volumeMounts` of a container.
    pub(super) fn of_container(&self, volumes: &Volumes) -> Placed {
        Placed::list(self.0.iter().filter_map(|(path, mount)| {
            let Mount { source, read_only, place } = mount;
            let mut placed = Placed::at(serde_json::Map::new(), place.clone())
                .plain("name", volumes.names.get(source)?.as_str())
                .plain("mountPath", path.as_str());
            if let Source::Asset(AssetKey { scope: _, name: _, key }) = source {
                placed = placed.plain("subPath", key.as_str());
            }
            if *read_only {
                placed = placed.plain("readOnly", true);
            }
            Some(placed)
        }))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Volumes {
    /// The volumes that any of `mounts` shows.
    pub(super) fn of<'m>(scope: &str, mounts: impl IntoIterator<Item = &'m Mounts>) -> Self {
        let sources: BTreeSet<&Source> =
            mounts.into_iter().flat_map(|mounts| mounts.0.values().map(|mount| &mount.source)).collect();
        let claims: BTreeSet<&str> = sources
            .iter()
            .filter_map(|source| match source {
                Source::Claim(name) => Some(name.as_str()),
                Source::Asset(_) | Source::Host(_) => None,
            })
            .collect();
        let mut number = 0_usize;
        let mut next = |kind: &str| loop {
            let name = format!("{kind}-{number}");
            number += 1;
            if !claims.contains(name.as_str()) {
                return name;
            }
        };
        let names = sources.iter().map(|source| {
            let name = match source {
                Source::Claim(name) => name.clone(),
                Source::Asset(_) => next("asset"),
                Source::Host(_) => next("host"),
            };
            ((*source).clone(), name)
        });
        Self { scope: scope.to_owned(), names: names.collect() }
    }

    /// `volumes` of the pod; those of claims are not among them.
    pub(super) fn of_pod(&self) -> Placed {
        Placed::list(self.names.iter().filter_map(|(source, name)| {
            let volume = Placed::object().plain("name", name.as_str());
            match source {
                Source::Claim(_) => None,
                Source::Host(path) => Some(volume.with("hostPath", Placed::object().plain("path", path.as_str()))),
                Source::Asset(AssetKey { scope, name, key }) => {
                    let config_map = if *scope == self.scope {
                        name.clone()
                    } else {
                        Borrowed { scope: scope.clone(), name: name.clone() }.config_map()
                    };
                    let item = Placed::object().plain("key", key.as_str()).plain("path", key.as_str());
                    let config = Placed::object().plain("name", config_map).with("items", Placed::list([item]));
                    Some(volume.with("configMap", config))
                }
            }
        }))
    }

    /// True if the pod has no volumes but those of claims.
    pub(super) fn is_empty(&self) -> bool {
        self.names.keys().all(|source| matches!(source, Source::Claim(_)))
    }

    /// The keys of assets of other scopes among them.
    pub(super) fn borrowed(&self) -> impl Iterator<Item = (Borrowed, &str)> {
        self.names.keys().filter_map(|source| match source {
            Source::Asset(AssetKey { scope, name, key }) if *scope != self.scope => {
                Some((Borrowed { scope: scope.clone(), name: name.clone() }, key.as_str()))
            }
            Source::Claim(_) | Source::Asset(_) | Source::Host(_) => None,
        })
    }
}

impl Claim {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// One of `volumeClaimTemplates`.
    pub(super) fn template(&self) -> Placed {
        let Self { name, size, class, place } = self;
        let size = size.clone().unwrap_or_else(|| Placed::unplaced(CLAIM_SIZE_DEFAULT));
        let requests = Placed::object().with("requests", Placed::object().with("storage", size));
        let modes = Placed::list([Placed::unplaced("ReadWriteOnce")]);
        let mut spec = Placed::object().with("accessModes", modes).with("resources", requests);
        if let Some(class) = class {
            spec.set("storageClassName", class.clone());
        }
        Placed::at(serde_json::Map::new(), place.clone())
            .with("metadata", Placed::object().plain("name", name.as_str()))
            .with("spec", spec)
    }
}

/// A sound absolute path, without what has no meaning in it.
pub(super) fn absolute(path: &str) -> Option<String> {
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let sound = !segments.is_empty()
        && !segments.contains(&"..")
        && !path.contains(|letter| letter == ':' || is_control(letter));
    sound.then(|| format!("/{}", segments.join("/")))
}

/// The path at which an entry of `volumes` mounts something, if it is one.
pub(super) fn destination(item: &Value) -> Option<String> {
    let Form::Text(pieces) = &item.form else { return None };
    match pieces.as_slice() {
        [Piece::Asset(..), Piece::Literal(rest)] => absolute(rest.split(':').nth(1)?),
        [Piece::Literal(text)] => absolute(text.split(':').nth(1)?),
        _ => None,
    }
}

fn refuse_path(scene: &mut Scene<'_>, span: &Span) {
    scene.refuse(
        span,
        "this is not the path of a mount",
        "the path in the container is absolute, is not `/` itself, and holds no `..`, no colon and no control character",
    );
}

fn refuse_source(scene: &mut Scene<'_>, host: &str, span: &Span) {
    let (message, help) = if host.starts_with('.') || host.starts_with('~') {
        (
            "a path of the host is absolute",
            "write the whole path; files of the repository are mounted as assets: `\"${asset.SCOPE.NAME.KEY}:/path:ro\"`",
        )
    } else if host.starts_with('/') || host.is_empty() {
        ("this is not a path of the host that can be mounted", HELP)
    } else {
        (
            "named volumes are not supported",
            "write a `volume_claim \"NAME\" { mount_path = \"/path\" }` in a statefulset",
        )
    };
    scene.refuse(span, message, help);
}
