//! The fields that a workload and its `init` blocks share, as a container of Kubernetes.

use super::env::{self, Variables};
use super::fields::Fields;
use super::paths::Paths;
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{Entry, Span};
use crate::text::quoted;

/// Whose container it is.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) scope: &'a str,
    pub(super) name: &'a str,
    /// The pods have ordinals.
    pub(super) has_ordinal: bool,
}

/// Reads `image`; `otherwise` is used where none is written.
pub(super) fn image(
    scene: &mut Scene<'_>,
    fields: &Fields<'_>,
    header: &Span,
    otherwise: Option<&Placed>,
) -> Option<Placed> {
    let Some((_, value)) = fields.value(scene, "image") else {
        if fields.entry("image").is_none() && otherwise.is_none() {
            scene.refuse(header, "`image` is missing", "name the image to run: `image = \"postgres:15-alpine\"`");
        }
        return otherwise.cloned();
    };
    let image = scene.filled_string("image", value)?;
    if image.contains(char::is_whitespace) || image.starts_with('-') {
        scene.refuse(
            &value.span,
            format!("{} is not an image", quoted(&image)),
            "write it as in \"postgres:15-alpine\"",
        );
        return None;
    }
    Some(Placed::at(image, scene.place(&value.span)))
}

/// Reads `env`, or none.
pub(super) fn variables(scene: &mut Scene<'_>, fields: &Fields<'_>, paths: &mut Paths<'_>) -> Variables {
    fields.entry("env").map_or_else(Variables::new, |entry: &Entry| env::read(scene, entry, paths))
}

/// A container with what every container has. `command` replaces the arguments of the image's entry point, as a
/// command does in Docker, and `entrypoint` replaces the entry point. What these and `env` refer to is added to `paths`.
pub(super) fn container(
    scene: &mut Scene<'_>,
    fields: &Fields<'_>,
    name: &str,
    image: Option<Placed>,
    owner: Owner<'_>,
    paths: &mut Paths<'_>,
) -> Placed {
    let mut container = Placed::object().plain("name", name);
    if let Some(image) = image {
        container.set("image", image);
    }
    for (field, key) in [("entrypoint", "command"), ("command", "args")] {
        if let Some((word, value)) = fields.value(scene, field)
            && let Some(words) = scene.strings_by(field, value, |scene, pieces| paths.text(scene, pieces))
        {
            if words.is_empty() {
                scene.refuse(&value.span, format!("`{field}` is empty"), "leave it out to use what the image says");
            }
            let place = scene.place(&word.span);
            let words: Vec<Placed> =
                words.into_iter().map(|(word, span)| Placed::at(env::literal(&word), scene.place(&span))).collect();
            container.set(key, Placed::list(words).placed(place));
        }
    }
    let variables = variables(scene, fields, paths);
    container.set("env", env::of_container(owner.scope, owner.name, owner.has_ordinal, &variables));
    container
}
