//! `writ outputs PATH`

use std::path::PathBuf;

use serde_json::{Value, json};
use writ_core::dialect::{Outputs, Target};

use super::exit::{Ended, Exit};
use super::host::Host;
use super::variables::Given;
use super::{check, files};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A folder with manifests, or one manifest
    path: PathBuf,
    /// Read them as for this target, named as in the settings: docker, or kubernetes:CONTEXT, or kubernetes alone. None is asked
    #[arg(long, value_name = "TARGET", default_value = "docker", value_parser = check::target)]
    target: Target,
    #[command(flatten)]
    variables: Given,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { path, target, variables } = arguments;
    let variables = variables.read()?;
    let read = files::read(path)?;
    let (lowered, _) = files::lowered(&read, &variables, *target, &host.terminal)?;
    let value = json!({
        "schema": "writ/outputs/v1",
        "resources": lowered.outputs.iter().map(document).collect::<Vec<Value>>(),
    });
    if lowered.outputs.is_empty() {
        host.terminal.say("note: no manifest is of OpenMCF, and no other resource has outputs");
    }
    host.terminal.show(&value, &text(&lowered.outputs))?;
    Ok(Exit::Success)
}

fn document(outputs: &Outputs) -> Value {
    let Outputs { kind, name, object, values } = outputs;
    json!({ "kind": kind, "name": name, "object": object.to_string(), "outputs": values })
}

fn text(all: &[Outputs]) -> String {
    let lines = |outputs: &Outputs| {
        let Outputs { kind, name, object, values } = outputs;
        let width = values.keys().map(String::len).max().unwrap_or_default();
        let values: String = values.iter().map(|(name, value)| format!("  {name:width$}  {value}\n")).collect();
        format!("{kind} {name} ({object})\n{values}")
    };
    all.iter().map(lines).collect()
}
