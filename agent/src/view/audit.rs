//! What became of a check of the journal, as programs read it.

use serde_json::{Value, json};

use writ_core::time::Timestamp;

use crate::record::{Checkpoint, FILE, HostKey, Record, Seals, Verdict};

/// A verdict about the journal that is called `file`.
#[must_use]
pub fn document(file: &str, verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Whole { head, seals } => {
            let Seals { checkpoints, newest, key, replaced, left_out } = seals.as_ref();
            let replaced: Vec<i64> = replaced.iter().map(|record| record.0).collect();
            json!({
                "schema": "writ/audit/v1", "file": file, "whole": true, "records": head.record.0, "head": head.hex(),
                "broken": null, "not_shown": left_out, "checkpoints": checkpoints, "unsigned": seals.unsigned(*head),
                "signed": newest.as_ref().map(|(checkpoint, key)| signed(checkpoint, &key.fingerprint())),
                "key": key.as_ref().map(HostKey::fingerprint), "replaced": replaced,
            })
        }
        Verdict::Broken { record, what } => json!({
            "schema": "writ/audit/v1", "file": file, "whole": false, "records": null, "head": null,
            "broken": {"record": record.0, "what": what}, "not_shown": null, "checkpoints": null, "unsigned": null,
            "signed": null, "key": null, "replaced": null,
        }),
    }
}

/// A checkpoint as programs read it.
#[must_use]
pub fn signed(checkpoint: &Checkpoint, signer: &str) -> Value {
    let Checkpoint { host, store, record, head: _, tree: _, time } = checkpoint;
    json!({"record": record.0, "host": host, "store": store, "at": time.to_string(), "signer": signer})
}

/// A check of the whole journal: when it began, and the verdict, or why there is none.
pub type Check<'a> = (Timestamp, Result<&'a Verdict, &'a str>);

/// How far the journal is, how far it is signed, and what the last check of it found.
#[must_use]
pub fn state(newest: Option<&Record>, checkpoint: Option<&Checkpoint>, checked: Option<Check<'_>>) -> Value {
    let head = newest.map(|record| {
        let hash: String = record.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"record": record.id.0, "at": record.at.to_string(), "hash": hash})
    });
    let checkpoint = checkpoint.map(|it| json!({"record": it.record.0, "at": it.time.to_string()}));
    let checked = checked.map(|(at, found)| {
        let (verdict, trouble) = match found {
            Ok(verdict) => (document(FILE, verdict), Value::Null),
            Err(why) => (Value::Null, why.into()),
        };
        json!({"at": at.to_string(), "verdict": verdict, "trouble": trouble})
    });
    json!({"schema": "writ/audit-state/v1", "head": head, "checkpoint": checkpoint, "verified": checked})
}
