//! `writ volume`: what is on volumes, listed, copied out, put back and destroyed.
//!
//! Invariant: data is replaced or destroyed only of a volume that no pod runs with, and told in the record before it is.

mod backup;
mod list;
mod restore;
mod rm;

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use writ::one_off::LOCAL;
use writ::record::{PassLock, RecordError, Store};
use writ::target::{Docker, HeldVolume, Target};
use writ_core::holdings::Holdings;
use writ_core::plan::first_ordinal;

use super::exit::{Ended, Failure};
use super::host::Host;
use super::pods;

/// Time for which a pass that is under way is waited for.
const PASS_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    /// List the volumes of this host: whose they are, who uses them, and who asks for them still
    List,
    /// Copy a volume out, as a tar archive with its digest
    Backup(backup::Arguments),
    /// Put a copy back onto a volume that no pod runs with
    Restore(restore::Arguments),
    /// Destroy a volume that no manifest asks for and no pod uses
    Rm(rm::Arguments),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { verb } = arguments;
    match verb {
        Verb::List => list::run(host),
        Verb::Backup(arguments) => backup::run(host, arguments),
        Verb::Restore(arguments) => restore::run(host, arguments),
        Verb::Rm(arguments) => rm::run(host, arguments),
    }
}

fn target(host: &Host) -> Result<Target, Failure> {
    host.target_of(&pods::local_kind(host.settings()?))
}

/// The volume of that name, as it is now.
async fn one(engine: &Docker, name: &str) -> Result<HeldVolume, Failure> {
    engine.held_volume(name).await?.ok_or_else(|| {
        Failure::message(format!("this host made no volume called `{name}`; `writ volume list` tells what there is"))
    })
}

/// What the units of this host hold, and what was applied by hand; nothing before there is a record.
fn holdings(host: &Host, store: Option<&Store>) -> Result<Vec<Holdings>, Failure> {
    let Some(store) = store else { return Ok(Vec::new()) };
    let units = host.settings()?.units.iter().map(|unit| unit.name.as_str()).chain([LOCAL]);
    Ok(units.map(|unit| store.holdings(unit)).collect::<Result<_, RecordError>>()?)
}

/// Whether a manifest that was applied last asks for the volume still.
fn is_asked_for(volume: &HeldVolume, holdings: &[Holdings]) -> bool {
    // What cannot be told apart from what is wanted is wanted.
    let Some(object) = &volume.object else { return true };
    holdings.iter().filter_map(|holdings| holdings.objects.get(object)).any(|held| {
        let claim = held.fixed.contains_key(&format!("volumeClaimTemplates/{}", volume.claim));
        let in_range = |ordinal: u32| {
            first_ordinal(held).is_none_or(|first| (first..first.saturating_add(held.replicas)).contains(&ordinal))
        };
        (claim || held.fixed.is_empty()) && volume.ordinal.is_none_or(in_range)
    })
}

/// The pods that run with a volume.
fn running(volume: &HeldVolume) -> Vec<&str> {
    volume.users.iter().filter(|user| !user.stopped).map(|user| user.container.as_str()).collect()
}

/// No pass begins while this is held.
fn between_passes(state: &Path) -> Result<PassLock, Failure> {
    Ok(PassLock::acquire(state, PASS_WAIT)?)
}

/// Ends when a person or the system ends the command.
async fn ended() {
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
