//! `registry`: a login by which images of a registry are pulled, as a Secret beside each workload that has such images.

use std::collections::BTreeSet;

use serde_json::json;

use super::declared::Declared;
use super::fields::{Fields, Shape};
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{Span, Value, Word};
use crate::model::logins::{self, LoginsForm};
use crate::model::{BucketRef, Kind, Object, ObjectId, annotation};
use crate::text::{Place, quoted};

const REGISTRY: Shape = Shape {
    what: "a registry",
    once: &["url", "username", "password", "token", "password_from"],
    repeated: &[],
    refused: &[],
};

const HELP: &str = "keep it in a config bucket: `writ config set -s SCOPE -n NAME KEY=…`, and write `password_from = \
                    \"SCOPE/NAME/KEY\"`";

/// What the names of the Secrets end in: the dots keep them apart from all that is declared by a name.
const ENDING: &str = "registry";

/// A login as it was declared.
pub(super) struct Registry {
    /// The registry, and what the names of its images begin with there.
    of: String,
    secret: String,
    content: Placed,
    /// Where the password is, if not there.
    from: Option<Placed>,
    place: Place,
}

/// True if a registry can be called so: by its host, with a port if it has one, or by any name.
pub(super) fn name(scene: &mut Scene<'_>, word: &Word) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let outer = |byte: Option<&u8>| byte.is_some_and(|byte| inner(*byte) && *byte != b'-');
    let is_part =
        |part: &str| part.bytes().all(inner) && outer(part.as_bytes().first()) && outer(part.as_bytes().last());
    let (host, port) = word.text.split_once(':').unwrap_or((&word.text, "1"));
    let sound = word.text.len() <= 200 && host.split('.').all(is_part) && port.parse::<u16>().is_ok();
    if !sound {
        let help = "write the registry's host, as in `registry \"ghcr.io\" { … }`";
        scene.refuse(&word.span, format!("{} cannot be the name of a registry", quoted(&word.text)), help);
    }
    sound
}

/// Reads a `registry`. What logs in is never shown, not even in a message about it.
pub(super) fn read(scene: &mut Scene<'_>, declared: &Declared<'_>) -> Option<Registry> {
    let Declared { resource: _, scope: _, name, block, file: _ } = declared;
    let fields = Fields::read(scene, &REGISTRY, &block.entries);
    let of = match fields.value(scene, "url") {
        Some((_, value)) => url(scene, value)?,
        None => name.text.clone(),
    };
    let username = match fields.value(scene, "username") {
        Some((_, value)) => scene.filled_string("username", value),
        None => {
            scene.refuse(&block.header, "`username` is missing", "say who logs in: `username = \"NAME\"`");
            None
        }
    };
    let (password, from) = password(scene, &fields, &block.header)?;
    let text = json!({"auths": {&of: {"username": username?, "password": password}}}).to_string();
    let secret = format!("{}.{ENDING}", name.text.replace(':', "."));
    let place = scene.place(&block.header);
    Some(Registry { of, secret, content: Placed::at(text, place.clone()), from, place })
}

/// The password, which is empty where it is in a config bucket, and that bucket and its key.
fn password(scene: &mut Scene<'_>, fields: &Fields<'_>, header: &Span) -> Option<(String, Option<Placed>)> {
    let written = ["password", "token"].into_iter().filter_map(|field| fields.value(scene, field)).collect::<Vec<_>>();
    scene.hidden.extend(written.iter().map(|(_, value)| value.span.clone()));
    let from = fields.value(scene, "password_from");
    match (written.as_slice(), from) {
        ([(word, value)], None) => {
            let message = format!("`{}` of a registry stands in the repository as it is", word.text);
            scene.note(&value.span, message, HELP);
            Some((scene.filled_string(&word.text, value)?, None))
        }
        ([], Some((_, value))) => {
            let text = scene.filled_string("password_from", value)?;
            if BucketRef::with_key(&text).is_none() {
                scene.refuse(&value.span, format!("{} is no key of a config bucket", quoted(&text)), HELP);
                return None;
            }
            Some((String::new(), Some(Placed::at(text, scene.place(&value.span)))))
        }
        ([], None) => {
            scene.refuse(header, "`password_from` is missing", HELP);
            None
        }
        ([(word, _), ..], _) => {
            let message = "`password`, `token` and `password_from` mean the same";
            scene.refuse(&word.span, message, "keep one of them");
            None
        }
    }
}

fn url(scene: &mut Scene<'_>, value: &Value) -> Option<String> {
    let written = scene.filled_string("url", value)?;
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b".-:/_".contains(&byte);
    if written.bytes().all(sound) && !written.starts_with('/') {
        return Some(written);
    }
    let help =
        "write the registry's host, and the path to its images if the login is for these alone: \"ghcr.io/example\"";
    scene.refuse(&value.span, format!("{} is no registry", quoted(&written)), help);
    None
}

/// Gives each workload the logins for its images; the Secrets that hold them, one for each scope.
pub(super) fn attach(
    registries: &[(Registry, usize)],
    objects: &mut [Object],
    scenes: &mut [Scene<'_>],
) -> Vec<Object> {
    let mut secrets = Vec::new();
    for (registry, file) in registries {
        let mut scopes = BTreeSet::new();
        for object in objects.iter_mut() {
            let template = object.id.kind.pod_template();
            let template = template.and_then(|template| object.body.pointer_mut(template));
            let Some(pod) = template.and_then(|template| template.get_mut("spec")) else { continue };
            let containers = ["initContainers", "containers"].into_iter().filter_map(|list| pod.get(list)?.as_array());
            let mut images = containers.flatten().filter_map(|container| container.get("image")?.as_str());
            if !images.any(|image| logins::fits(&registry.of, image)) {
                continue;
            }
            let Some(pod) = pod.as_object_mut() else { continue };
            let named = pod.entry("imagePullSecrets").or_insert_with(|| json!([]));
            named.as_array_mut().into_iter().for_each(|named| named.push(json!({"name": registry.secret})));
            scopes.insert(object.id.scope.0.clone());
        }
        if scopes.is_empty() {
            let place = registry.place.clone();
            let message = format!("no workload in HCL has an image of {}, so this login is not used", registry.of);
            scenes[*file].note(&(place.start..place.end), message, "correct the host, or remove it");
        }
        secrets.extend(scopes.iter().map(|scope| registry.secret(scope)));
    }
    secrets
}

impl Registry {
    fn secret(&self, scope: &str) -> Object {
        let form = LoginsForm::Config;
        let mut metadata = Placed::object().plain("name", self.secret.clone()).plain("namespace", scope);
        if let Some(from) = &self.from {
            metadata.set("annotations", Placed::object().with(annotation::PASSWORD_FROM, from.clone()));
        }
        let body = Placed::object()
            .plain("apiVersion", Kind::Secret.api_version())
            .plain("kind", Kind::Secret.name())
            .with("metadata", metadata)
            .plain("type", form.type_name())
            .with("stringData", Placed::object().with(form.key(), self.content.clone()));
        let (body, places) = body.placed(self.place.clone()).finish();
        Object { id: ObjectId::new(Kind::Secret, scope, &self.secret), body, places }
    }
}
