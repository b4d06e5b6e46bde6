//! What a pod is told about itself, in variables and in files. Source: the downward API of Kubernetes.

use serde_json::Value;

use super::Reader;
use crate::model::quantity;
use crate::model::template::{Amount, Field, LateField, Resource};
use crate::model::view::pod::ResourceRef;
use crate::text::quoted;

const POD: &str = "/spec/template/spec";
const MILLIS: u64 = 1_000;
/// What Kubernetes calls the account of a pod that names none.
const ACCOUNT: &str = "default";

/// Where something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// In a variable.
    Variable,
    /// In a file.
    File,
}

/// A field of the pod, by its path.
pub(super) fn field(reader: &mut Reader<'_, '_>, pointer: &str, path: &str, told: Told) -> Option<Field> {
    let subscript = |prefix: &str| -> Option<String> {
        let key = path.strip_prefix(prefix)?.strip_prefix("['")?.strip_suffix("']")?;
        (!key.is_empty()).then(|| key.to_owned())
    };
    let field = match (path, told) {
        ("metadata.name", Told::Variable | Told::File) => Some(Field::Name),
        ("metadata.namespace", Told::Variable | Told::File) => Some(Field::Namespace),
        ("metadata.uid", Told::Variable | Told::File) => Some(Field::Late(LateField::Uid)),
        ("metadata.labels", Told::File) => Some(Field::Labels),
        ("metadata.annotations", Told::File) => Some(Field::Annotations),
        ("spec.nodeName", Told::Variable) => Some(Field::Late(LateField::Node)),
        ("spec.serviceAccountName", Told::Variable) => Some(Field::ServiceAccount(account(reader))),
        ("status.podIP" | "status.podIPs", Told::Variable) => Some(Field::Late(LateField::Address)),
        ("status.hostIP" | "status.hostIPs", Told::Variable) => Some(Field::Late(LateField::HostAddress)),
        _ => subscript("metadata.labels")
            .map(Field::Label)
            .or_else(|| subscript("metadata.annotations").map(Field::Annotation)),
    };
    if field.is_none() {
        let help = match told {
            Told::Variable => {
                "known are metadata.name, metadata.namespace, metadata.uid, metadata.labels['…'], \
                 metadata.annotations['…'], spec.nodeName, spec.serviceAccountName, status.hostIP and status.podIP"
            }
            Told::File => {
                "known are metadata.name, metadata.namespace, metadata.uid, metadata.labels and metadata.annotations, \
                 whole or by ['…']; variables can tell more"
            }
        };
        reader.error_help(pointer, &format!("field {} is not known on a container host", quoted(path)), help);
    }
    field
}

fn account(reader: &Reader<'_, '_>) -> String {
    let named = |field: &str| reader.object.at(&format!("{POD}/{field}")).and_then(Value::as_str);
    let name = named("serviceAccountName").or_else(|| named("serviceAccount"));
    name.filter(|name| !name.is_empty()).unwrap_or(ACCOUNT).to_owned()
}

/// What a container may use; the container of the variable itself where none is named.
pub(super) fn amount(reader: &mut Reader<'_, '_>, pointer: &str, raw: &ResourceRef, told: Told) -> Option<Field> {
    let ResourceRef { container_name, resource, divisor } = raw;
    let resource = match resource.as_str() {
        "limits.cpu" => Resource::CpuLimit,
        "requests.cpu" => Resource::CpuRequest,
        "limits.memory" => Resource::MemoryLimit,
        "requests.memory" => Resource::MemoryRequest,
        other => {
            let message = format!("resource {} of a container is not told on a container host", quoted(other));
            let help = "known are limits.cpu, limits.memory, requests.cpu and requests.memory";
            reader.error_help(&format!("{pointer}/resource"), &message, help);
            return None;
        }
    };
    let container = match (container_name.as_deref().filter(|name| !name.is_empty()), told) {
        (Some(name), Told::Variable | Told::File) => name.to_owned(),
        (None, Told::Variable) => own_name(reader, pointer)?,
        (None, Told::File) => {
            let message = "a file belongs to no container, so that `containerName` is needed";
            reader.error_help(pointer, message, "name the container whose resources are told");
            return None;
        }
    };
    if !has_container(reader, &container) {
        let message = format!("the pod has no container {}", quoted(&container));
        reader.error_help(&format!("{pointer}/containerName"), &message, "name one of the pod's containers");
        return None;
    }
    let is_cpu = matches!(resource, Resource::CpuLimit | Resource::CpuRequest);
    let unit = if is_cpu { MILLIS } else { 1 };
    let written = divisor.as_ref().map(crate::model::view::RawQuantity::text);
    let divisor = match written.as_deref() {
        // Kubernetes reads 0 as what is not said.
        None => Some(unit),
        Some(text) => quantity::parse(text, unit).map(|parsed| if parsed == 0 { unit } else { parsed }),
    };
    let Some(divisor) = divisor.filter(|divisor| is_divisor(*divisor, is_cpu)) else {
        let known = if is_cpu { "1 and 1m" } else { "1, 1k, 1M, … 1E, and 1Ki, 1Mi, … 1Ei" };
        let message = format!("{} is no divisor of it", quoted(&written.unwrap_or_default()));
        reader.error_help(&format!("{pointer}/divisor"), &message, &format!("known are {known}"));
        return None;
    };
    Some(Field::Amount(Amount { container, resource, divisor }))
}

/// Source: the divisors that Kubernetes takes.
fn is_divisor(divisor: u64, is_cpu: bool) -> bool {
    if is_cpu {
        return matches!(divisor, 1 | MILLIS);
    }
    let powers = |base: u64| (0..=6).map(move |power| base.pow(power));
    powers(1_000).chain(powers(1_024)).any(|power| power == divisor)
}

/// The name of the container that a pointer leads into.
fn own_name(reader: &Reader<'_, '_>, pointer: &str) -> Option<String> {
    let (container, _) = pointer.split_once("/env/")?;
    reader.object.at(&format!("{container}/name")).and_then(Value::as_str).map(str::to_owned)
}

fn has_container(reader: &Reader<'_, '_>, name: &str) -> bool {
    let lists = ["containers", "initContainers"].map(|list| format!("{POD}/{list}"));
    let mut containers = lists.iter().filter_map(|list| reader.object.at(list)?.as_array()).flatten();
    containers.any(|container| container["name"] == name)
}
