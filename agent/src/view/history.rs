//! Records of the journal as programs read them.

use serde_json::{Value, json};

use crate::record::{About, Record};

/// A record as programs read it: what the journal stores, with its number, time and hash.
///
/// # Errors
/// If what is stored is no JSON.
pub fn document(record: &Record) -> Result<Value, serde_json::Error> {
    let Record { id, at, kind, event: _, body, hash } = record;
    let event: Value = serde_json::from_str(body)?;
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let About { unit, commit, object, pod } = record.about();
    Ok(json!({
        "record": id.0, "at": at.to_string(), "kind": kind, "unit": unit, "commit": commit, "object": object, "pod": pod,
        "event": event, "hash": hash,
    }))
}
