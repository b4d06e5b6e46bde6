//! `writ audit`

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use writ::record::{FILE, Journal, Verdict};

use super::exit::{Ended, Exit};
use super::host::Host;
use super::terminal::Colour;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Walk the whole chain of the record and name the first bad one
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// A copy of the record [default: this host's own]
    file: Option<PathBuf>,
    /// A hash, or its first digits as a commit status shows them, that must stand in the chain
    #[arg(long, value_name = "HASH")]
    expect: Option<String>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { verb: Verb::Verify(Verify { file, expect }) } = arguments;
    let path = match file {
        Some(file) => file.clone(),
        None => host.settings()?.host.state.join(FILE),
    };
    let verdict = Journal::open_file(&path)?.verify_chain(expect.as_deref())?;
    let shown = path.display().to_string();
    match &verdict {
        Verdict::Whole { head } => {
            let value = json!({
                "schema": "writ/audit/v1", "file": shown, "whole": true, "records": head.record.0, "head": head.hex(),
                "broken": null,
            });
            host.terminal.show(&value, &format!("{} {verdict}\n", host.terminal.paint(Colour::Good, "whole:")))?;
            Ok(Exit::Success)
        }
        Verdict::Broken { record, what } => {
            let value = json!({
                "schema": "writ/audit/v1", "file": shown, "whole": false, "records": null, "head": null,
                "broken": {"record": record.0, "what": what},
            });
            host.terminal.show(&value, &format!("{} {verdict}\n", host.terminal.paint(Colour::Bad, "broken:")))?;
            Ok(Exit::Refused)
        }
    }
}
