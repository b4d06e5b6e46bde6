//! What of a volume is mounted: all of it, what `subPath` names, or what `subPathExpr` comes to in each pod.
//!
//! Invariant: no path is made of a secret, nor of what is known only after the guard has judged the path.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Reader;
use super::volumes::{is_inside, leads_inside};
use crate::model::concrete::{COMPLETION_LABEL, JOB_NAME_LABELS, POD_INDEX_LABEL, POD_NAME_LABEL};
use crate::model::expand::{expand, references};
use crate::model::template::{Field, Text, Variable};
use crate::model::view::pod::VolumeMount;
use crate::text::{SecretText, quoted};

/// Stands for what differs from pod to pod: letters, digits and hyphens, as in names of pods.
const SOME: &str = "0";

/// What of a volume is mounted.
pub(super) enum Sub {
    /// All of it.
    Whole,
    /// What is at a path, the same in all pods.
    Fixed(String),
    /// What is at a path with `$(VAR)`, which differs from pod to pod.
    Varying(String),
}

/// What can be told of a variable before there is a pod.
struct Known {
    /// What it may be.
    value: SecretText,
    /// It differs from pod to pod.
    varies: bool,
    /// Why no path may be made of it.
    unfit: Option<&'static str>,
}

/// What of a volume the mount at `pointer` shows; none if there is a problem.
pub(super) fn read(reader: &mut Reader<'_, '_>, pointer: &str, mount: &VolumeMount, env: &[Variable]) -> Option<Sub> {
    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    match (said(&mount.sub_path), said(&mount.sub_path_expr)) {
        (None, None) => Some(Sub::Whole),
        (Some(path), None) => {
            let path = path.trim_matches('/');
            let pointer = format!("{pointer}/subPath");
            (path.is_empty() || is_inside(reader, &pointer, path))
                .then(|| if path.is_empty() { Sub::Whole } else { Sub::Fixed(path.to_owned()) })
        }
        (None, Some(path)) => varying(reader, &format!("{pointer}/subPathExpr"), &path, env),
        (Some(_), Some(_)) => {
            let message = "a mount has either `subPath` or `subPathExpr`";
            reader.error_help(&format!("{pointer}/subPathExpr"), message, "leave one of them out");
            None
        }
    }
}

fn varying(reader: &mut Reader<'_, '_>, pointer: &str, path: &str, env: &[Variable]) -> Option<Sub> {
    let mut known: BTreeMap<&str, Known> = BTreeMap::new();
    for Variable { name, value } in env {
        let told = of_variable(reader, value, &known);
        known.insert(name, told);
    }
    let mut varies = false;
    for name in references(path) {
        let Some(Known { value: _, varies: differs, unfit }) = known.get(name) else {
            let message = format!("the container has no variable {}", quoted(name));
            reader.error_help(pointer, &message, "declare it in `env` of the container");
            return None;
        };
        if let Some(why) = unfit {
            let message = format!("no path can be made of the variable {}: {why}", quoted(name));
            reader.error_help(pointer, &message, "use the name of the pod, its namespace, or a text");
            return None;
        }
        varies |= differs;
    }
    let values = known.into_iter().map(|(name, known)| (name.to_owned(), known.value)).collect();
    let found = expand(path, &values);
    let found = String::from_utf8_lossy(&found).into_owned();
    // Not quoted as it comes out: a variable's value is shown by nobody.
    if !leads_inside(&found) || found.contains(':') {
        let message = format!("{} comes to no path below the volume", quoted(path));
        reader.error_help(
            pointer,
            &message,
            "it must be relative, and must hold neither an empty part nor `.` nor `..`",
        );
        return None;
    }
    Some(if varies { Sub::Varying(path.to_owned()) } else { Sub::Fixed(found) })
}

fn of_variable(reader: &Reader<'_, '_>, value: &Text, known: &BTreeMap<&str, Known>) -> Known {
    let fit = |value: String, varies| Known { value: SecretText::new(value), varies, unfit: None };
    let unfit = |why| Known { value: SecretText::default(), varies: false, unfit: Some(why) };
    match value {
        Text::Plain(plain) => {
            let of: Vec<&Known> = references(plain).into_iter().filter_map(|name| known.get(name)).collect();
            let values = known.iter().map(|(name, known)| ((*name).to_owned(), known.value.clone())).collect();
            Known {
                value: SecretText::new(expand(plain, &values)),
                varies: of.iter().any(|known| known.varies),
                unfit: of.iter().find_map(|known| known.unfit),
            }
        }
        Text::Content(content) if content.of.kind.is_secret() => unfit("paths are shown, and it is secret"),
        Text::Content(content) => Known { value: content.value.clone(), varies: false, unfit: None },
        Text::Field(Field::Name) => fit(SOME.to_owned(), true),
        Text::Field(Field::Namespace) => fit(reader.object.id.scope.0.clone(), false),
        Text::Field(Field::ServiceAccount(name)) => fit(name.clone(), false),
        Text::Field(Field::Label(key)) => of_metadata(reader, "labels", key),
        Text::Field(Field::Annotation(key)) => of_metadata(reader, "annotations", key),
        Text::Field(Field::Labels | Field::Annotations | Field::Amount(_) | Field::Late(_)) => {
            unfit("it is known only once the pod is made, which is after the path is judged")
        }
    }
}

fn of_metadata(reader: &Reader<'_, '_>, list: &str, key: &str) -> Known {
    let of_pods = [POD_NAME_LABEL, POD_INDEX_LABEL, COMPLETION_LABEL];
    if of_pods.contains(&key) || JOB_NAME_LABELS.contains(&key) {
        return Known { value: SecretText::new(SOME), varies: true, unfit: None };
    }
    let written = reader.object.at(&format!("/spec/template/metadata/{list}")).and_then(|all| all.get(key));
    let value = written.and_then(Value::as_str).unwrap_or_default();
    Known { value: SecretText::new(value), varies: false, unfit: None }
}
