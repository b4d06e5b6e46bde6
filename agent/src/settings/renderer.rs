//! What renders the files of a unit: which program, which folder, and what a chart is given.

use writ_core::text::{Problems, Written, quoted};

use super::check::{check_tree_path, choose, refuse};
use super::path::{Privacy, file};
use super::plugin::check_digest;
use super::{Renderer, Rendering, raw};
use crate::limits::NAME_BYTES_MAX;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Kustomize,
    Helm,
}

/// The outer none is for one that is not right.
pub(super) fn check_renderer(raw: Option<raw::Renderer>, problems: &mut Problems) -> Option<Option<Renderer>> {
    let Some(raw) = raw else { return Some(None) };
    let raw::Renderer { place, kind, folder, program, digest, release, namespace, values } = raw;
    let kinds = [("kustomize", Kind::Kustomize), ("helm", Kind::Helm)];
    let kind = kind.and_then(|kind| choose("kind", &kind, &kinds, problems));
    let folder = match folder {
        Some(folder) => check_tree_path(folder, problems),
        None => Some(".".to_owned()),
    };
    let program = file("program", program, Privacy::Public, problems);
    let digest = digest.and_then(|digest| check_digest(digest, problems));
    let rendering = match kind? {
        Kind::Kustomize => {
            let of_charts = [release.map(|it| ("release", it.place)), namespace.map(|it| ("namespace", it.place))];
            let of_charts = of_charts.into_iter().flatten().chain(values.map(|it| ("values", it.place)));
            let mut sound = true;
            for (key, place) in of_charts {
                refuse(problems, &place, format!("`{key}` is for charts"), "write it into the kustomization");
                sound = false;
            }
            sound.then_some(Rendering::Kustomize)
        }
        Kind::Helm => {
            for (key, written) in [("release", &release), ("namespace", &namespace)] {
                if written.is_none() {
                    refuse(problems, &place, format!("a chart needs `{key}`"), "name it as for `helm install`");
                }
            }
            let release = release.and_then(|release| check_label("release", release, problems));
            let namespace = namespace.and_then(|namespace| check_label("namespace", namespace, problems));
            let values = values.map_or_else(Vec::new, |values| values.value);
            let values: Option<Vec<String>> = values
                .into_iter()
                .map(|path| check_tree_path(path, problems))
                .collect::<Vec<_>>()
                .into_iter()
                .collect();
            release.zip(namespace).zip(values).map(|((release, namespace), values)| Rendering::Helm {
                release,
                namespace,
                values,
            })
        }
    };
    Some(Some(Renderer { rendering: rendering?, folder: folder?, program: program?, digest: digest? }))
}

/// A name that can stand in names of objects. Source: RFC 1123, "label".
fn check_label(key: &str, written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = value.starts_with('-') || value.ends_with('-');
    if !value.is_empty() && value.len() <= NAME_BYTES_MAX && value.bytes().all(inner) && !ends {
        return Some(value);
    }
    let help = "use lower-case letters, digits and `-`, with a letter or digit at both ends";
    refuse(problems, &place, format!("`{key}` cannot be {}", quoted(&value)), help);
    None
}
