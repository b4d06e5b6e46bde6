//! `writ render PATH`

use std::path::PathBuf;

use serde_json::{Value, json};
use writ_core::dialect::Target;
use writ_core::model::{Kind, Object};

use super::exit::{Ended, Exit};
use super::host::Host;
use super::terminal::Format;
use super::variables::Given;
use super::{check, files, yaml};

/// What stands in the place of a value of a Secret.
const HIDDEN: &str = "(secret)";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder with manifests, or one manifest
    path: PathBuf,
    /// Print what becomes of them on this target, named as in the settings: docker, or kubernetes:CONTEXT, or kubernetes alone. None
    /// is asked
    #[arg(long, value_name = "TARGET", default_value = "docker", value_parser = check::target)]
    target: Target,
    /// Print the values of Secrets, too, so that the output can be applied
    #[arg(long)]
    show_secrets: bool,
    #[command(flatten)]
    variables: Given,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { path, target, show_secrets, variables } = arguments;
    let variables = variables.read()?;
    let read = files::read(path)?;
    let (lowered, unfetched) = files::lowered(&read, &variables, *target, &host.terminal)?;
    for address in unfetched {
        let message = format!("note: the contents of {address} were not fetched; a text stands in their place");
        host.terminal.say(&message);
    }
    for sealed in &lowered.sealed {
        let message =
            format!("note: encrypted values of {} were not decrypted; a text stands in their place", sealed.place.file);
        host.terminal.say(&message);
    }
    let objects: Vec<Value> = lowered.objects.iter().map(|object| shown(object, *show_secrets)).collect();
    match host.terminal.format() {
        // Text and YAML are the same here: what `kubectl` reads.
        Format::Text | Format::Yaml => host.terminal.print(&yaml::documents(&objects))?,
        Format::Json => host.terminal.show(&json!({"schema": "writ/objects/v1", "items": objects}), "")?,
    }
    Ok(Exit::Success)
}

/// The object as it is printed.
fn shown(object: &Object, show_secrets: bool) -> Value {
    masked(&object.body, show_secrets)
}

/// An object without the values of a Secret, unless they are asked for.
pub(crate) fn masked(object: &Value, show_secrets: bool) -> Value {
    let mut body = object.clone();
    if body["kind"] == Kind::Secret.name() && !show_secrets {
        for field in ["data", "stringData"] {
            let values = body.get_mut(field).and_then(Value::as_object_mut);
            for value in values.into_iter().flat_map(serde_json::Map::values_mut) {
                *value = Value::String(HIDDEN.to_owned());
            }
        }
    }
    body
}
