//! `writ volume list`

use serde_json::{Value, json};
use writ::record::RecordError;
use writ::target::{HeldVolume, VolumeUser};
use writ_core::holdings::Holdings;

use super::super::exit::{Ended, Exit, Failure};
use super::super::host::{Host, block_on};
use super::{holdings, is_asked_for, target};

pub(super) fn run(host: &Host) -> Ended {
    let store = match host.store_read_only() {
        Ok(store) => Some(store),
        Err(Failure::Error(error)) if matches!(error.downcast_ref(), Some(RecordError::Absent { .. })) => None,
        Err(failure) => return Err(failure),
    };
    let holdings = holdings(host, store.as_ref())?;
    let target = target(host)?;
    let volumes = block_on(target.engine_of_volumes()?.held_volumes())??;
    let documents: Vec<Value> = volumes.iter().map(|volume| document(volume, &holdings)).collect();
    let mut text: String = volumes.iter().map(|volume| line(volume, &holdings)).collect();
    if volumes.is_empty() {
        "this host holds no volumes\n".clone_into(&mut text);
    }
    host.terminal.show(&json!({"schema": "writ/volumes/v1", "volumes": documents}), &text)?;
    Ok(Exit::Success)
}

fn document(volume: &HeldVolume, holdings: &[Holdings]) -> Value {
    let HeldVolume { name, unit, object, claim, ordinal, since, bytes, users, half_restored } = volume;
    let user = |user: &VolumeUser| {
        let VolumeUser { container, stopped } = user;
        json!({"pod": container, "stopped": stopped})
    };
    json!({
        "name": name, "unit": unit, "object": object.as_ref().map(ToString::to_string), "claim": claim,
        "ordinal": ordinal, "since": since, "bytes": bytes, "users": users.iter().map(user).collect::<Vec<_>>(),
        "half_restored": half_restored, "asked_for": is_asked_for(volume, holdings),
    })
}

fn line(volume: &HeldVolume, holdings: &[Holdings]) -> String {
    let HeldVolume { name, unit, object, claim, ordinal, since, bytes, users, half_restored } = volume;
    let user = |user: &VolumeUser| {
        let VolumeUser { container, stopped } = user;
        if *stopped { format!("{container} (stopped)") } else { container.clone() }
    };
    let users: Vec<String> = users.iter().map(user).collect();
    let users = if users.is_empty() { "nobody".to_owned() } else { users.join(", ") };
    let object =
        object.as_ref().map_or_else(|| "a workload that its label does not tell".to_owned(), ToString::to_string);
    let ordinal = ordinal.map_or_else(|| "?".to_owned(), |ordinal| ordinal.to_string());
    let bytes = bytes.map_or_else(|| "size not counted".to_owned(), |bytes| format!("{bytes} bytes"));
    let since = since.as_deref().unwrap_or("unknown");
    let asked = if is_asked_for(volume, holdings) { "" } else { "  no manifest asks for it" };
    let half = if *half_restored { "  HALF RESTORED" } else { "" };
    format!(
        "{name}\n  {object}  claim {claim}  ordinal {ordinal}  unit {unit}\n  used by {users}  {bytes}  since \
         {since}{asked}{half}\n"
    )
}
