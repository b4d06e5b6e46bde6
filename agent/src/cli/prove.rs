//! `writ audit prove`, and the check of what it makes.

use std::path::PathBuf;

use serde_json::{Value, json};
use writ::record::{Journal, Proof, Shown, Subject, Told};
use writ::view::audit::signed;
use writ_core::trust::AllowedSigners;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::terminal::Colour;
use super::{audit, moment, object};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// An object (statefulset/data/pg), a commit (its first seven digits are enough), or the number of a record
    #[arg(value_name = "OBJECT|COMMIT|RECORD")]
    what: String,
    /// A copy of the record [default: this host's own]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Fewest digits by which a commit may be named. Numbers of records are shorter for long.
const COMMIT_DIGITS_MIN: usize = 7;

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { what, from } = arguments;
    let journal = audit::journal(host, from.as_deref())?;
    let proof = journal.prove(&subject(&journal, what)?)?;
    // What does not hold here must not be handed on.
    let shown = proof.check(None).map_err(|error| Failure::message(format!("the record is broken: {error}")))?;
    host.terminal.show(&serde_json::to_value(&proof)?, &text(&shown))?;
    unsigned(host, &shown);
    Ok(Exit::Success)
}

fn subject(journal: &Journal, what: &str) -> Result<Subject, Failure> {
    if what.contains('/') {
        return Ok(Subject::Object(object::parse(what)?.to_string()));
    }
    if what.len() < COMMIT_DIGITS_MIN
        && let Ok(record) = what.parse()
    {
        return Ok(Subject::Record(record));
    }
    if what.len() < COMMIT_DIGITS_MIN || !what.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message = format!(
            "`{what}` is no object (KIND/SCOPE/NAME), no commit (at least {COMMIT_DIGITS_MIN} digits) and no number of a record"
        );
        return Err(Failure::message(message));
    }
    let mut commits = journal.commits(&what.to_ascii_lowercase())?;
    match (commits.pop(), commits.pop(), what.parse()) {
        (Some(commit), None, _) => Ok(Subject::Commit(commit)),
        (Some(_), Some(_), _) => Err(Failure::message(format!("several commits begin with {what}: give more digits"))),
        (None, _, Ok(record)) => Ok(Subject::Record(record)),
        (None, _, Err(_)) => Err(Failure::message(format!("the record tells nothing of a commit {what}"))),
    }
}

/// Checks a proof, without a record.
pub(crate) fn check(host: &Host, name: &str, bytes: &[u8], signers: Option<&AllowedSigners>) -> Ended {
    match Proof::parse(bytes).and_then(|proof| proof.check(signers)) {
        Ok(shown) => {
            let Shown { about, records, checkpoint, key, unsigned: newer } = &shown;
            let told = |Told { record, at, kind, body }: &Told| {
                let event: Value = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body.as_str()));
                json!({"record": record.0, "at": at.to_string(), "kind": kind, "event": event})
            };
            let value = json!({
                "schema": "writ/audit-proof-check/v1", "file": name, "holds": true, "about": about.to_string(),
                "records": records.iter().map(told).collect::<Vec<_>>(), "unsigned": newer,
                "signed": signed(checkpoint, &key.fingerprint()), "allowed": signers.is_some(), "broken": null,
            });
            let label = host.terminal.paint(Colour::Good, "holds:");
            host.terminal.show(&value, &format!("{label} {}", text(&shown)))?;
            unsigned(host, &shown);
            if signers.is_none() {
                host.terminal.say("whether that key is the host's is for --allowed-signers to say");
            }
            Ok(Exit::Success)
        }
        Err(unproven) => {
            let value = json!({
                "schema": "writ/audit-proof-check/v1", "file": name, "holds": false, "about": null, "records": null,
                "unsigned": null, "signed": null, "allowed": signers.is_some(),
                "broken": {"record": unproven.record, "what": unproven.what},
            });
            let label = host.terminal.paint(Colour::Bad, "broken:");
            host.terminal.show(&value, &format!("{label} {unproven}\n"))?;
            Ok(Exit::Refused)
        }
    }
}

fn text(shown: &Shown) -> String {
    let Shown { about, records, checkpoint, key, unsigned: _ } = shown;
    let mut text = format!(
        "{} about {about} in the record {} of {}, signed at {} by {}\n",
        if records.len() == 1 { "1 record".to_owned() } else { format!("{} records", records.len()) },
        checkpoint.store,
        checkpoint.host,
        moment::shown(checkpoint.time),
        key.fingerprint(),
    );
    for Told { record, at, kind, body } in records {
        text.push_str(&format!("record {record}  {}  {kind}  {body}\n", moment::shown(*at)));
    }
    text
}

/// Says which records are not proven yet.
fn unsigned(host: &Host, shown: &Shown) {
    let newer: Vec<String> = shown.unsigned.iter().map(ToString::to_string).collect();
    if !newer.is_empty() {
        host.terminal.say(&format!("newer than the checkpoint, and so not shown: record {}", newer.join(", ")));
    }
}
