//! `writ history`

use serde_json::{Value, json};
use writ::record::{About, Filter, Record};
use writ_core::model::ObjectId;

use super::event::{self, Told};
use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::terminal::{Colour, Terminal};
use super::{moment, object};

/// Records shown unless asked for otherwise: some screens.
const RECORDS_DEFAULT: u32 = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only this unit
    #[arg(long)]
    unit: Option<String>,
    /// Only this object (statefulset/data/pg)
    #[arg(long)]
    object: Option<String>,
    /// Only from this moment on (2026-11-21T09:10:11Z, 2026-11-21, or how long ago: 2h)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// At most this many, the newest
    #[arg(long, value_name = "COUNT", default_value_t = RECORDS_DEFAULT)]
    limit: u32,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { unit, object, since, limit } = arguments;
    let object: Option<ObjectId> = object.as_deref().map(object::parse).transpose()?;
    let since = since.as_deref().map(|since| moment::past(since, host.now())).transpose()?;
    let filter = Filter { unit: unit.clone(), object, since, newest: Some(*limit), ..Filter::default() };
    let records = host.store_read_only()?.history(&filter)?;
    let value =
        json!({"schema": "writ/history/v1", "records": records.iter().map(document).collect::<Result<Vec<_>, _>>()?});
    host.terminal.show(&value, &lines(&records, &host.terminal))?;
    if records.len() == usize::try_from(*limit)? {
        host.terminal.say(&format!("these are the newest {limit}; --limit shows more"));
    }
    Ok(Exit::Success)
}

/// A record as programs read it: what the journal stores, with its number, time and hash.
pub(crate) fn document(record: &Record) -> Result<Value, Failure> {
    let Record { id, at, kind, event: _, body, hash } = record;
    let event: Value = serde_json::from_str(body)?;
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let About { unit, commit, object, pod } = record.about();
    Ok(json!({
        "record": id.0, "at": at.to_string(), "kind": kind, "unit": unit, "commit": commit, "object": object, "pod": pod,
        "event": event, "hash": hash,
    }))
}

/// A line for each record: when, about what, what.
fn lines(records: &[Record], terminal: &Terminal) -> String {
    let told: Vec<(&Record, Told)> = records.iter().map(|record| (record, event::told(&record.event))).collect();
    let width = told.iter().map(|(_, told)| told.about.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (record, Told { about, text: what }) in told {
        let when = terminal.paint(Colour::Faint, &moment::shown(record.at));
        let alarming = ["REFUSED", "FAILED"].iter().any(|word| what.starts_with(word));
        let what = if alarming { terminal.paint(Colour::Bad, &what) } else { what };
        text.push_str(&format!("{when}  {about:width$}  {what}\n"));
    }
    text
}
