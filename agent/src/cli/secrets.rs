//! `writ secrets`: what people encrypt for so that this host can open it.
//!
//! Invariant: an identity is printed by nothing.

use clap::Subcommand;
use serde_json::json;
use writ::unseal::Identities;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the recipients of age that this host opens files of, one for each of its identities
    Recipient,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    match arguments.verb {
        Verb::Recipient => recipient(host),
    }
}

fn recipient(host: &Host) -> Ended {
    let Some(file) = &host.settings()?.host.age_identity_file else {
        return Err(Failure::message(
            "this host has no identity of age: make one with `age-keygen -o FILE`, and set `age_identity_file` in [host] to it",
        ));
    };
    let recipients = Identities::read(file)?.recipients();
    let text: String = recipients.iter().map(|recipient| format!("{recipient}\n")).collect();
    let value = json!({"schema": "writ/recipients/v1", "host": host.settings()?.host.name, "recipients": recipients});
    host.terminal.show(&value, &text)?;
    Ok(Exit::Success)
}
