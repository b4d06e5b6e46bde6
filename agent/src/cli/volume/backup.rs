//! `writ volume backup NAME [FILE|-]`
//!
//! Invariant: a file that bears the name that was asked for is whole, and on the disk.

use std::io::{self, Write as _};
use std::path::PathBuf;

use serde_json::json;
use writ::archive::Contents;
use writ::backup::{Copied, Draft, copy};
use writ::record::{OperatorEvent, VolumeLock};
use writ::settings::person;
use writ::target::{Docker, HeldVolume};

use super::super::exit::{Ended, Exit, Failure};
use super::super::host::{Host, block_on};
use super::super::progress;
use super::{ended, one, running, target};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The digest is printed and written to FILE.sha256, as `sha256sum -c` reads it. What a pod writes
meanwhile may be in the copy by half: stop the pod for a copy at one moment, or use the database's own dump."
)]
pub(crate) struct Arguments {
    /// The volume (voodu-data-pg-data-0)
    name: String,
    /// Where the copy goes; `-` is standard output [default: NAME.tar]
    file: Option<PathBuf>,
}

/// Where a copy goes.
enum Way {
    Out,
    Into(Draft),
}

pub(super) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { name, file } = arguments;
    let store = host.store()?;
    let _lock = VolumeLock::acquire(&host.settings()?.host.state)?;
    let target = target(host)?;
    let engine = target.engine_of_volumes()?;
    let volume = block_on(one(engine, name))??;
    if volume.half_restored {
        let text =
            format!("volume {name} holds half of a restore; do that again first: writ volume restore {name} FILE");
        return Err(Failure::message(text));
    }
    let pods = running(&volume);
    if !pods.is_empty() {
        host.terminal
            .say(&format!("{} runs with {name}: what it writes meanwhile may be in the copy by half", pods.join(", ")));
    }
    let mut way = Way::to(file.clone().unwrap_or_else(|| PathBuf::from(format!("{name}.tar"))))?;
    let copied = block_on(copied(host, engine, &volume, &mut way)).and_then(|copied| copied)?;
    let Copied { digest, bytes, contents: Contents { entries, outward_links, root: _ } } = copied;
    let shown = way.put_in_place(&digest)?;
    let in_motion = !pods.is_empty();
    let event = OperatorEvent::VolumeBackedUp {
        unit: volume.unit.clone(),
        volume: name.clone(),
        owner: person(),
        digest: digest.clone(),
        bytes,
        in_motion,
    };
    store.append(host.now(), &event.into())?;
    if outward_links > 0 {
        host.terminal.say(&format!(
            "{outward_links} links lead out of the volume; to put them back, restore it with --outward-links"
        ));
    }
    let text = format!("{digest}  {}\n", shown.as_deref().unwrap_or("-"));
    if shown.is_none() {
        // Standard output is the copy's.
        host.terminal.say(&text);
        return Ok(Exit::Success);
    }
    let value = json!({
        "schema": "writ/volume-backup/v1", "volume": name, "file": shown, "sha256": digest, "bytes": bytes,
        "entries": entries, "outward_links": outward_links, "in_motion": in_motion,
    });
    host.terminal.show(&value, &text)?;
    Ok(Exit::Success)
}

async fn copied(host: &Host, engine: &Docker, volume: &HeldVolume, way: &mut Way) -> Result<Copied, Failure> {
    let bar = progress::of_bytes(host.terminal, &volume.name, volume.bytes);
    let take = |piece: &[u8], bytes| {
        bar.set_position(bytes);
        way.write(piece)
    };
    let copied = tokio::select! {
        copied = copy(engine, volume, take) => Some(copied),
        () = ended() => None,
    };
    bar.finish_and_clear();
    let Some(copied) = copied else {
        engine.leave_volume(&volume.name).await?;
        return Err(Failure::message("it was interrupted: there is no copy"));
    };
    Ok(copied?)
}

impl Way {
    fn to(file: PathBuf) -> Result<Self, Failure> {
        if file.as_os_str() != "-" {
            return Ok(Self::Into(Draft::new(file)?));
        }
        if io::IsTerminal::is_terminal(&io::stdout()) {
            return Err(Failure::message("standard output is a terminal: name a file, or lead it elsewhere"));
        }
        Ok(Self::Out)
    }

    fn write(&mut self, piece: &[u8]) -> Result<(), String> {
        match self {
            Self::Out => io::stdout().lock().write_all(piece).map_err(|error| error.to_string()),
            Self::Into(draft) => draft.write(piece),
        }
    }

    /// Gives the copy its name, with its digest beside it; the name, unless it went to standard output.
    fn put_in_place(self, digest: &str) -> Result<Option<String>, Failure> {
        match self {
            Self::Out => {
                io::stdout().lock().flush()?;
                Ok(None)
            }
            Self::Into(draft) => Ok(Some(draft.put_in_place(digest)?.display().to_string())),
        }
    }
}
