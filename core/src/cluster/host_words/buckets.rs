//! Config buckets as Secrets beside the pods that read them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::{Draft, made};
use crate::hash::digest_of_secret;
use crate::model::template::{ContentId, ContentKind};
use crate::model::{BucketRef, Kind, Object, Scope, World};
use crate::text::{Problem, Problems, SecretText, quoted};

/// What the names of the Secrets end in. The dots keep them apart from each other, and from what is declared in HCL.
const ENDING: &str = "bucket";

/// A bucket that holds something.
pub(super) struct Bucket<'w> {
    of: BucketRef,
    keys: &'w BTreeMap<String, SecretText>,
}

/// The buckets of a scope, and of a name in it over that, as far as they hold anything.
pub(super) fn of<'w>(world: &'w World, scope: &str, name: Option<&str>) -> Vec<Bucket<'w>> {
    let scope = Scope(scope.to_owned());
    let names = std::iter::once(None).chain(name.map(|name| Some(name.to_owned())));
    let buckets = names.map(|name| BucketRef { scope: scope.clone(), name });
    let held = buckets.filter_map(|of| Some(Bucket { keys: world.buckets.get(&of)?, of }));
    held.filter(|bucket| !bucket.keys.is_empty()).collect()
}

impl Bucket<'_> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// One of its keys as messages and plans call it.
    pub(super) fn key(&self, key: &str) -> String {
        let BucketRef { scope, name } = &self.of;
        ContentId { kind: ContentKind::Bucket, scope: scope.clone(), name: name.clone(), key: key.to_owned() }
            .to_string()
    }

    /// What its Secret is called in any namespace.
    fn secret(&self) -> String {
        match &self.of {
            BucketRef { scope, name: None } => format!("{scope}.{ENDING}"),
            BucketRef { scope, name: Some(name) } => format!("{name}.{scope}.{ENDING}"),
        }
    }

    /// As an item of `envFrom`.
    pub(super) fn env_from(&self) -> Value {
        json!({"secretRef": {"name": self.secret()}})
    }

    /// Digests of all that it holds, by their names.
    pub(super) fn digests(&self, world: &World) -> impl Iterator<Item = (String, String)> {
        self.keys.iter().map(|(key, value)| {
            let name = self.key(key);
            let digest = digest_of_secret(&name, value.expose(), &world.hash_key);
            (name, digest)
        })
    }

    /// Its Secret beside the pods of an object.
    pub(super) fn object<'a>(&self, of: &'a Object, pointer: &str, problems: &mut Problems) -> Draft<'a> {
        let mut data = Map::new();
        for (key, value) in self.keys {
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
            let text = value.expose_str().filter(|text| !text.contains('\0'));
            if !key.bytes().all(sound) || text.is_none() {
                let message = format!("{} cannot be an environment variable in a cluster", self.key(key));
                let help = format!("unset it, or name it otherwise than {}", quoted(key));
                problems.push(Problem::error(of.place(pointer), message).help(help));
            }
            data.insert(key.clone(), Value::String(STANDARD.encode(value.expose())));
        }
        let fields = [("type".to_owned(), json!("Opaque")), ("data".to_owned(), Value::Object(data))];
        made(of, Kind::Secret, &self.secret(), fields.into_iter().collect())
    }
}
