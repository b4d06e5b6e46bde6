//! `writ key`: the host key, which signs the record.
//!
//! Invariant: its private half is printed by nothing.

use clap::Subcommand;
use serde_json::json;
use writ::error::chain;
use writ::record::{HostKey, Lost, Store};
use writ::settings;

use super::exit::{Ended, Exit, Failure};
use super::host::Host;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the public key, its fingerprint, and a line for a file of allowed signers
    Show,
    /// Make the key, if there is none yet; the first pass of the agent does the same
    Init,
    /// Make another key, and have the old one sign that
    Rotate(Rotate),
}

#[derive(Debug, clap::Args)]
struct Rotate {
    /// The old key is lost, so that it cannot sign; whoever checks the record must be told the new one
    #[arg(long, requires = "reason")]
    lost: bool,
    /// What became of the lost key
    #[arg(long, value_name = "TEXT", requires = "lost")]
    reason: Option<String>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    match &arguments.verb {
        Verb::Show => show(host),
        Verb::Init => init(host),
        Verb::Rotate(Rotate { lost: _, reason }) => rotate(host, reason.as_deref()),
    }
}

fn show(host: &Host) -> Ended {
    let store = host.store_read_only()?;
    let Some(key) = store.named_host_key()? else {
        return Err(Failure::message(
            "this host has no host key yet: `writ key init` makes it, and so does the first pass",
        ));
    };
    // The journal names it, so it is the one; whether it can sign is another question.
    let trouble = store.host_key().err().map(|error| chain(&error));
    print(host, &key, None)?;
    match trouble {
        None => Ok(Exit::Success),
        Some(trouble) => Err(Failure::message(trouble)),
    }
}

fn init(host: &Host) -> Ended {
    let store = host.store()?;
    let (key, is_new) = store.make_host_key(host.now(), name(host)?)?;
    print(host, &key, Some(if is_new { "made" } else { "was there already" }))?;
    sign(host, &store)
}

fn rotate(host: &Host, lost: Option<&str>) -> Ended {
    let store = host.store()?;
    let lost = lost.map(|reason| Lost { owner: settings::person(), reason: reason.to_owned() });
    let (from, to) = store.rotate_host_key(host.now(), name(host)?, lost.as_ref())?;
    let how = match lost {
        None => "signed by the old one",
        Some(_) => "NOT signed by the old one",
    };
    print(host, &to, Some(&format!("takes the place of {}, {how}", from.fingerprint())))?;
    sign(host, &store)
}

/// Signs the journal as it is now, so that nothing waits for the agent.
fn sign(host: &Host, store: &Store) -> Ended {
    store.checkpoint(host.now(), name(host)?, true)?;
    Ok(Exit::Success)
}

fn name(host: &Host) -> Result<&str, Failure> {
    Ok(&host.settings()?.host.name)
}

fn print(host: &Host, key: &HostKey, what: Option<&str>) -> Result<(), Failure> {
    let (name, fingerprint) = (name(host)?, key.fingerprint());
    let signer = key.allowed_signer(name);
    let value = json!({
        "schema": "writ/host-key/v1", "host": name, "key": key.to_string(), "fingerprint": fingerprint,
        "allowed_signers": signer, "done": what,
    });
    let done = what.map_or_else(String::new, |what| format!("the host key of {name} {what}\n"));
    host.terminal
        .show(&value, &format!("{done}key          {key}\nfingerprint  {fingerprint}\nallowed signers:\n{signer}\n"))
}
