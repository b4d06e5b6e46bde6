//! `writ history`

use std::path::PathBuf;

use serde_json::json;
use writ::record::{Filter, Record};
use writ::view::event::{self, Told};
use writ::view::history::document;
use writ_core::model::ObjectId;

use super::exit::{Ended, Exit};
use super::host::Host;
use super::terminal::{Colour, Terminal};
use super::{history_pages, moment, object};

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
    /// At most this many, the newest [default: 200; with --html all]
    #[arg(long, value_name = "COUNT")]
    limit: Option<u32>,
    /// Write pages for a browser into this new folder instead
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { unit, object, since, limit, html } = arguments;
    let object: Option<ObjectId> = object.as_deref().map(object::parse).transpose()?;
    let since = since.as_deref().map(|since| moment::past(since, host.now())).transpose()?;
    let filter = Filter { unit: unit.clone(), object, since, newest: *limit, ..Filter::default() };
    if let Some(folder) = html {
        return history_pages::write(host, folder, &filter);
    }
    let limit = limit.unwrap_or(RECORDS_DEFAULT);
    let filter = Filter { newest: Some(limit), ..filter };
    let records = host.store_read_only()?.history(&filter)?;
    let value =
        json!({"schema": "writ/history/v1", "records": records.iter().map(document).collect::<Result<Vec<_>, _>>()?});
    host.terminal.show(&value, &lines(&records, &host.terminal))?;
    if records.len() == usize::try_from(limit)? {
        host.terminal.say(&format!("these are the newest {limit}; --limit shows more"));
    }
    Ok(Exit::Success)
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
