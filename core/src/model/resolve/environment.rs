//! The environment of a container: `envFrom`, `env`, and the config buckets laid over both.

use std::collections::BTreeMap;

use super::Reader;
use super::catalog::Keys;
use super::downward::{self, Told};
use crate::model::template::{Content, ContentId, ContentKind, Text, Variable};
use crate::model::view::pod::{EnvFrom, EnvVar, KeyRef, ObjectRef, ValueFrom};
use crate::model::{BucketRef, Scope, annotation};
use crate::text::SecretText;

/// Where the buckets are named.
const ANNOTATIONS: &str = "/spec/template/metadata/annotations";

/// The variables of the buckets that a pod template asks for by annotation: the scope's, then the name's over them.
pub(super) fn bucket(reader: &mut Reader<'_, '_>, written: &str) -> Vec<Variable> {
    let Some((scope, name)) = written.split_once('/').filter(|(scope, name)| !scope.is_empty() && !name.is_empty())
    else {
        reader.error(ANNOTATIONS, &format!("annotation {} must be SCOPE/NAME", annotation::BUCKET));
        return Vec::new();
    };
    let mut variables = BTreeMap::new();
    put(reader, scope, Some(name), &mut variables);
    listed(variables)
}

/// The variables of the further buckets that a pod template asks for by annotation, the later over the earlier.
pub(super) fn borrowed(reader: &mut Reader<'_, '_>, written: &str) -> Vec<Variable> {
    let mut variables = BTreeMap::new();
    for bucket in written.split(',') {
        let (scope, name) = bucket.split_once('/').map_or((bucket, None), |(scope, name)| (scope, Some(name)));
        if scope.is_empty() || name.is_some_and(|name| name.is_empty() || name.contains('/')) {
            let message =
                format!("annotation {} must be SCOPE or SCOPE/NAME, with commas between", annotation::ENV_FROM);
            reader.error(ANNOTATIONS, &message);
            continue;
        }
        put(reader, scope, name, &mut variables);
    }
    listed(variables)
}

/// Adds what the bucket of a scope holds, and over it what that of a name in it does.
fn put(reader: &mut Reader<'_, '_>, scope: &str, name: Option<&str>, variables: &mut BTreeMap<String, Text>) {
    let scope = Scope(scope.to_owned());
    let of_name = name.map(|name| Some(name.to_owned()));
    for name in std::iter::once(None).chain(of_name) {
        let bucket = BucketRef { scope: scope.clone(), name };
        for (key, value) in reader.buckets.get(&bucket).into_iter().flatten() {
            let of = ContentId {
                kind: ContentKind::Bucket,
                scope: scope.clone(),
                name: bucket.name.clone(),
                key: key.clone(),
            };
            if let Some(value) = variable_value(reader, ANNOTATIONS, &of, value) {
                variables.insert(key.clone(), value);
            }
        }
    }
}

fn listed(variables: BTreeMap<String, Text>) -> Vec<Variable> {
    variables.into_iter().map(|(name, value)| Variable { name, value }).collect()
}

/// The environment of the container at `pointer`: below it lies what is borrowed of other buckets, over it its own.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    env_from: Option<&[EnvFrom]>,
    env: Option<&[EnvVar]>,
    (borrowed, bucket): (&[Variable], &[Variable]),
) -> Vec<Variable> {
    let mut variables: Vec<Variable> = Vec::new();
    for (at, from) in env_from.unwrap_or_default().iter().enumerate() {
        import(reader, &format!("{pointer}/envFrom/{at}"), from, &mut variables);
    }
    for (at, variable) in env.unwrap_or_default().iter().enumerate() {
        let pointer = format!("{pointer}/env/{at}");
        if !is_variable_name(&variable.name) {
            reader.error(&pointer, "a variable's name is empty or holds `=`");
        } else if let Some(value) = value(reader, &pointer, variable) {
            variables.push(Variable { name: variable.name.clone(), value });
        }
    }
    // The bucket comes first so that `$(VAR)` can refer to it, and nothing comes after it under the same name.
    variables.retain(|variable| {
        let Some(over) = bucket.iter().find(|over| over.name == variable.name) else { return true };
        let bucket = match &over.value {
            Text::Content(content) => content.of.to_string(),
            Text::Plain(_) | Text::Field(_) => annotation::BUCKET.to_owned(),
        };
        reader.note(pointer, &format!("{bucket} is set over the manifest's value of {}", variable.name));
        false
    });
    let is_set = |name: &str| bucket.iter().chain(&variables).any(|variable| variable.name == name);
    let mut all: Vec<Variable> = borrowed.iter().filter(|variable| !is_set(&variable.name)).cloned().collect();
    all.extend_from_slice(bucket);
    all.append(&mut variables);
    without_shadowed(all)
}

/// Leaves out what a later variable of the same name hides, so that it does not enter the hash.
fn without_shadowed(variables: Vec<Variable>) -> Vec<Variable> {
    let mut kept = Vec::with_capacity(variables.len());
    for (at, variable) in variables.iter().enumerate() {
        let mut later = variables.iter().skip(at + 1);
        let hidden = later.clone().any(|other| other.name == variable.name);
        let reference = format!("$({})", variable.name);
        let used = later.any(|other| matches!(&other.value, Text::Plain(plain) if plain.contains(&reference)));
        if !hidden || used {
            kept.push(variable.clone());
        }
    }
    kept
}

fn import(reader: &mut Reader<'_, '_>, pointer: &str, from: &EnvFrom, variables: &mut Vec<Variable>) {
    let (kind, field, ObjectRef { name, optional }) = match (&from.config_map_ref, &from.secret_ref) {
        (Some(reference), None) => (ContentKind::ConfigMap, "configMapRef", reference),
        (None, Some(reference)) => (ContentKind::Secret, "secretRef", reference),
        (None, None) | (Some(_), Some(_)) => {
            reader.error(pointer, "envFrom needs one of configMapRef and secretRef");
            return;
        }
    };
    let name = name.as_deref().unwrap_or_default();
    let pointer = &format!("{pointer}/{field}");
    let Some(keys) = find(reader, pointer, kind, name, optional.unwrap_or(false)) else { return };
    let prefix = from.prefix.as_deref().unwrap_or_default();
    for (key, value) in keys {
        let of = content_id(reader, kind, name, key);
        if let Some(value) = variable_value(reader, pointer, &of, value) {
            variables.push(Variable { name: format!("{prefix}{key}"), value });
        }
    }
}

fn value(reader: &mut Reader<'_, '_>, pointer: &str, variable: &EnvVar) -> Option<Text> {
    let from = match (&variable.value, &variable.value_from) {
        (Some(value), None) => return Some(Text::Plain(value.clone())),
        (None, None) => return Some(Text::Plain(String::new())),
        (Some(value), Some(_)) if !value.is_empty() => {
            reader.error(pointer, &format!("{} has both value and valueFrom", variable.name));
            return None;
        }
        (Some(_) | None, Some(from)) => from,
    };
    let ValueFrom { config_map_key_ref, secret_key_ref, field_ref, resource_field_ref } = from;
    let pointer = format!("{pointer}/valueFrom");
    match (config_map_key_ref, secret_key_ref, field_ref, resource_field_ref) {
        (Some(key), None, None, None) => {
            one_key(reader, &format!("{pointer}/configMapKeyRef"), ContentKind::ConfigMap, key)
        }
        (None, Some(key), None, None) => one_key(reader, &format!("{pointer}/secretKeyRef"), ContentKind::Secret, key),
        (None, None, Some(reference), None) => {
            let pointer = format!("{pointer}/fieldRef");
            downward::field(reader, &pointer, &reference.field_path, Told::Variable).map(Text::Field)
        }
        (None, None, None, Some(reference)) => {
            let pointer = format!("{pointer}/resourceFieldRef");
            downward::amount(reader, &pointer, reference, Told::Variable).map(Text::Field)
        }
        _ => {
            let message = format!("the source of {} is not supported on a container host", variable.name);
            let help = "use one of configMapKeyRef, secretKeyRef, fieldRef and resourceFieldRef";
            reader.error_help(&pointer, &message, help);
            None
        }
    }
}

fn one_key(reader: &mut Reader<'_, '_>, pointer: &str, kind: ContentKind, reference: &KeyRef) -> Option<Text> {
    let KeyRef { name, key, optional } = reference;
    let (name, optional) = (name.as_deref().unwrap_or_default(), optional.unwrap_or(false));
    let keys = find(reader, pointer, kind, name, optional)?;
    let of = content_id(reader, kind, name, key);
    match keys.get(key) {
        Some(value) => variable_value(reader, pointer, &of, value),
        None if optional => None,
        None => {
            missing(reader, pointer, &of);
            None
        }
    }
}

/// The ConfigMap or Secret of the workload's scope; a problem if it is missing and needed.
pub(super) fn find<'a>(
    reader: &mut Reader<'a, '_>,
    pointer: &str,
    kind: ContentKind,
    name: &str,
    optional: bool,
) -> Option<&'a Keys> {
    let catalog = reader.catalog;
    let keys = catalog.keys(kind, &reader.object.id.scope, name);
    if keys.is_none() && !optional {
        let what = if kind == ContentKind::Secret { "Secret" } else { "ConfigMap" };
        let scope = &reader.object.id.scope;
        let message = format!("{what} `{name}` is not there in scope {scope}");
        let field = format!("{pointer}/secretName");
        let field = reader.object.at(&field).map_or_else(|| format!("{pointer}/name"), |_| field);
        reader.error_help(&field, &message, "declare it in the same unit, or make the reference optional");
    }
    keys
}

/// Says that a key is missing.
pub(super) fn missing(reader: &mut Reader<'_, '_>, pointer: &str, of: &ContentId) {
    reader.error_help(
        &format!("{pointer}/key"),
        &format!("there is no key `{}` ({of})", of.key),
        "add it, or make the reference optional",
    );
}

/// The identity of a key of the workload's scope.
pub(super) fn content_id(reader: &Reader<'_, '_>, kind: ContentKind, name: &str, key: &str) -> ContentId {
    let kind = reader.catalog.kind(kind, &reader.object.id.scope, name);
    ContentId { kind, scope: reader.object.id.scope.clone(), name: Some(name.to_owned()), key: key.to_owned() }
}

/// A content as the value of a variable, which must be text.
fn variable_value(reader: &mut Reader<'_, '_>, pointer: &str, of: &ContentId, value: &SecretText) -> Option<Text> {
    if value.expose_str().is_none_or(|text| text.contains('\0')) || !is_variable_name(&of.key) {
        reader.error(pointer, &format!("{of} cannot be an environment variable: it is not text"));
        return None;
    }
    Some(Text::Content(Content { of: of.clone(), value: value.clone() }))
}

fn is_variable_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}
