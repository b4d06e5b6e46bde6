//! Volumes of a pod and what containers mount of them.

use std::collections::BTreeMap;

use super::Reader;
use super::downward::{self, Told};
use super::environment::{content_id, find, missing};
use super::subpath::{self, Sub};
use crate::model::concrete::below;
use crate::model::quantity;
use crate::model::template::{Content, ContentKind, FileTemplate, MountTemplate, SourceTemplate, Text, Variable};
use crate::model::view::pod::{ContentVolume, Downward, EmptyDir, Projected, Volume, VolumeMount};

/// Permissions of files where nothing else is said. Source: `defaultMode` of Kubernetes.
const MODE: u32 = 0o644;
const MODE_MAX: u32 = 0o777;

/// The volumes of a pod, by name; none for one that a problem was found in.
pub(super) type Volumes = BTreeMap<String, Option<SourceTemplate>>;

/// Reads the volumes of the pod template. A claim template takes the place of a volume of the same name.
pub(super) fn read(reader: &mut Reader<'_, '_>, volumes: Option<&[Volume]>, claims: &[String]) -> Volumes {
    let mut all = Volumes::new();
    for (at, volume) in volumes.unwrap_or_default().iter().enumerate() {
        let pointer = format!("/spec/template/spec/volumes/{at}");
        if claims.contains(&volume.name) {
            let message = format!("volume `{}` is replaced by the claim template of the same name", volume.name);
            reader.note(&pointer, &message);
            continue;
        }
        let source = source(reader, &pointer, volume);
        if all.insert(volume.name.clone(), source).is_some() {
            reader.error(&pointer, &format!("two volumes are named `{}`", volume.name));
        }
    }
    all.extend(claims.iter().map(|claim| (claim.clone(), Some(SourceTemplate::Claim(claim.clone())))));
    all
}

fn source(reader: &mut Reader<'_, '_>, pointer: &str, volume: &Volume) -> Option<SourceTemplate> {
    let Volume { name, config_map, secret, projected, downward_api, empty_dir, host_path } = volume;
    let mut files = BTreeMap::new();
    match (config_map, secret, projected, downward_api, empty_dir, host_path) {
        (Some(volume), None, None, None, None, None) => {
            let pointer = format!("{pointer}/configMap");
            contents(reader, &pointer, ContentKind::ConfigMap, volume, None, &mut files);
        }
        (None, Some(volume), None, None, None, None) => {
            contents(reader, &format!("{pointer}/secret"), ContentKind::Secret, volume, None, &mut files);
        }
        (None, None, Some(volume), None, None, None) => {
            project(reader, &format!("{pointer}/projected"), volume, &mut files);
        }
        (None, None, None, Some(volume), None, None) => {
            about_pod(reader, &format!("{pointer}/downwardAPI"), volume, None, &mut files);
        }
        (None, None, None, None, Some(volume), None) => {
            return empty(reader, &format!("{pointer}/emptyDir"), name, volume);
        }
        (None, None, None, None, None, Some(volume)) => {
            let pointer = format!("{pointer}/hostPath");
            return is_absolute(reader, &pointer, &volume.path).then(|| SourceTemplate::Host(volume.path.clone()));
        }
        _ => {
            let message = format!("volume `{name}` needs one source that a container host supports");
            let help = "supported are configMap, secret, projected, downwardAPI, emptyDir, hostPath and, in a \
                        StatefulSet, volumeClaimTemplates";
            reader.error_help(pointer, &message, help);
            return None;
        }
    }
    Some(SourceTemplate::Directory(files))
}

type FileMap = BTreeMap<String, FileTemplate>;

fn contents(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    kind: ContentKind,
    volume: &ContentVolume,
    outer_mode: Option<u32>,
    files: &mut FileMap,
) {
    let ContentVolume { name, secret_name, items, default_mode, optional } = volume;
    let name = secret_name.as_deref().or(name.as_deref()).unwrap_or_default();
    let optional = optional.unwrap_or(false);
    let default = mode(reader, &format!("{pointer}/defaultMode"), *default_mode, outer_mode.unwrap_or(MODE));
    let Some(keys) = find(reader, pointer, kind, name, optional) else { return };
    let Some(items) = items.as_ref().filter(|items| !items.is_empty()) else {
        for (key, value) in keys {
            let of = content_id(reader, kind, name, key);
            let content = Text::Content(Content { of, value: value.clone() });
            files.insert(key.clone(), FileTemplate { content, mode: default });
        }
        return;
    };
    for (at, item) in items.iter().enumerate() {
        let pointer = format!("{pointer}/items/{at}");
        let of = content_id(reader, kind, name, &item.key);
        let mode = mode(reader, &format!("{pointer}/mode"), item.mode, default);
        match keys.get(&item.key) {
            Some(value) if is_inside(reader, &pointer, &item.path) => {
                let content = Text::Content(Content { of, value: value.clone() });
                files.insert(item.path.clone(), FileTemplate { content, mode });
            }
            None if !optional => missing(reader, &pointer, &of),
            Some(_) | None => {}
        }
    }
}

fn project(reader: &mut Reader<'_, '_>, pointer: &str, volume: &Projected, files: &mut FileMap) {
    let default = mode(reader, &format!("{pointer}/defaultMode"), volume.default_mode, MODE);
    for (at, source) in volume.sources.iter().flatten().enumerate() {
        let pointer = format!("{pointer}/sources/{at}");
        match (&source.config_map, &source.secret, &source.downward_api) {
            (Some(source), None, None) => {
                let pointer = format!("{pointer}/configMap");
                contents(reader, &pointer, ContentKind::ConfigMap, source, Some(default), files);
            }
            (None, Some(source), None) => {
                let pointer = format!("{pointer}/secret");
                contents(reader, &pointer, ContentKind::Secret, source, Some(default), files);
            }
            (None, None, Some(source)) => {
                about_pod(reader, &format!("{pointer}/downwardAPI"), source, Some(default), files);
            }
            _ => {
                let help = "supported are configMap, secret and downwardAPI";
                reader.error_help(&pointer, "this projection is not supported on a container host", help);
            }
        }
    }
}

fn about_pod(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    volume: &Downward,
    outer_mode: Option<u32>,
    files: &mut FileMap,
) {
    let default = mode(reader, &format!("{pointer}/defaultMode"), volume.default_mode, outer_mode.unwrap_or(MODE));
    for (at, item) in volume.items.iter().flatten().enumerate() {
        let pointer = format!("{pointer}/items/{at}");
        let mode = mode(reader, &format!("{pointer}/mode"), item.mode, default);
        let found = match (&item.field_ref, &item.resource_field_ref) {
            (Some(reference), None) => {
                downward::field(reader, &format!("{pointer}/fieldRef"), &reference.field_path, Told::File)
            }
            (None, Some(reference)) => {
                downward::amount(reader, &format!("{pointer}/resourceFieldRef"), reference, Told::File)
            }
            (None, None) | (Some(_), Some(_)) => {
                reader.error(&pointer, "a downward item needs one of fieldRef and resourceFieldRef");
                continue;
            }
        };
        if let Some(found) = found.filter(|_| is_inside(reader, &pointer, &item.path)) {
            files.insert(item.path.clone(), FileTemplate { content: Text::Field(found), mode });
        }
    }
}

fn empty(reader: &mut Reader<'_, '_>, pointer: &str, name: &str, volume: &EmptyDir) -> Option<SourceTemplate> {
    let memory = match volume.medium.as_deref() {
        None | Some("") => false,
        Some("Memory") => true,
        Some(medium) => {
            reader
                .error(&format!("{pointer}/medium"), &format!("medium {medium} is not supported; use Memory or none"));
            return None;
        }
    };
    let limit = match &volume.size_limit {
        None => None,
        Some(written) => {
            let pointer = format!("{pointer}/sizeLimit");
            let Some(bytes) = quantity::parse(&written.text(), 1) else {
                reader.error(&pointer, &format!("`{}` is no quantity", written.text()));
                return None;
            };
            if !memory {
                reader.note(&pointer, "sizeLimit has an effect only with medium Memory");
            }
            Some(bytes)
        }
    };
    Some(SourceTemplate::Empty { name: name.to_owned(), memory, limit })
}

/// What the container at `pointer` mounts.
pub(super) fn mounts(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    mounts: Option<&[VolumeMount]>,
    volumes: &Volumes,
    env: &[Variable],
) -> Vec<MountTemplate> {
    let mut all: Vec<MountTemplate> = Vec::new();
    for (at, mount) in mounts.unwrap_or_default().iter().enumerate() {
        let pointer = format!("{pointer}/volumeMounts/{at}");
        let path = format!("/{}", mount.mount_path.trim_matches('/'));
        if !is_absolute(reader, &format!("{pointer}/mountPath"), &mount.mount_path) {
            continue;
        }
        if all.iter().any(|other| other.path == path) {
            reader.error(&pointer, &format!("two mounts are at {path}"));
        }
        let sub = subpath::read(reader, &pointer, mount, env);
        let Some(source) = volumes.get(&mount.name) else {
            let message = format!("there is no volume `{}`", mount.name);
            reader.error_help(&pointer, &message, "declare it in volumes, or as a claim template");
            continue;
        };
        let Some((source, sub)) = source.as_ref().zip(sub) else { continue };
        let Some(source) = part(reader, &pointer, source, mount, sub) else { continue };
        // Contents are the manifest's: written to, they would differ from it. Kubernetes does the same.
        let fixed = matches!(source, SourceTemplate::Directory(_) | SourceTemplate::File(_));
        all.push(MountTemplate { path, source, read_only: fixed || mount.read_only.unwrap_or(false) });
    }
    all
}

/// What is left of a volume.
fn part(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    source: &SourceTemplate,
    mount: &VolumeMount,
    sub: Sub,
) -> Option<SourceTemplate> {
    let (sub, field) = match (sub, source) {
        (Sub::Whole, _) => return Some(source.clone()),
        (Sub::Fixed(path), _) => (path, if mount.sub_path_expr.is_some() { "subPathExpr" } else { "subPath" }),
        (Sub::Varying(path), SourceTemplate::Host(host)) => {
            return Some(SourceTemplate::Below { host: host.clone(), path });
        }
        (Sub::Varying(_), SourceTemplate::Directory(_)) => {
            let message =
                "subPathExpr comes to something else in each pod, and the files of the volume are the same in all";
            reader.error_help(&format!("{pointer}/subPathExpr"), message, "mount the whole volume");
            return None;
        }
        (Sub::Varying(path), _) => (path, "subPathExpr"),
    };
    let pointer = format!("{pointer}/{field}");
    match source {
        SourceTemplate::Directory(files) => {
            if let Some(file) = files.get(&sub) {
                return Some(SourceTemplate::File(file.clone()));
            }
            let below = files.iter().filter_map(|(path, file)| {
                Some((path.strip_prefix(&sub)?.strip_prefix('/')?.to_owned(), file.clone()))
            });
            let below: FileMap = below.collect();
            if below.is_empty() {
                // As it is written: what a variable holds is shown by nobody.
                let written = mount.sub_path_expr.as_deref().unwrap_or(&sub);
                reader.error(&pointer, &format!("volume `{}` has no file `{written}`", mount.name));
                return None;
            }
            Some(SourceTemplate::Directory(below))
        }
        SourceTemplate::Host(path) => Some(SourceTemplate::Host(below(path, &sub))),
        SourceTemplate::Claim(_)
        | SourceTemplate::Empty { .. }
        | SourceTemplate::File(_)
        | SourceTemplate::Below { .. } => {
            let message = format!("{field} of a claim or an emptyDir is not supported on a container host");
            let help = "mount the whole volume and let the program use a directory of it";
            reader.error_help(&pointer, &message, help);
            None
        }
    }
}

fn mode(reader: &mut Reader<'_, '_>, pointer: &str, written: Option<i64>, default: u32) -> u32 {
    reader.number(written, pointer, default, 0, MODE_MAX)
}

fn is_absolute(reader: &mut Reader<'_, '_>, pointer: &str, path: &str) -> bool {
    let sound = path.starts_with('/') && !path.contains(['\0', ':']) && path.split('/').all(|word| word != "..");
    if !sound {
        reader.error(pointer, &format!("path `{path}` must begin with / and hold neither `..` nor `:`"));
    }
    sound
}

/// True for a path that leads to something below where it begins.
pub(super) fn leads_inside(path: &str) -> bool {
    !path.starts_with('/') && !path.contains('\0') && path.split('/').all(|word| !matches!(word, "" | "." | ".."))
}

pub(super) fn is_inside(reader: &mut Reader<'_, '_>, pointer: &str, path: &str) -> bool {
    let sound = leads_inside(path);
    if !sound {
        reader.error(pointer, &format!("path `{path}` must be relative and must not lead out of its volume"));
    }
    sound
}
