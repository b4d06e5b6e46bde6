//! `writ volume backup NAME [FILE|-]`
//!
//! Invariant: a file that bears the name that was asked for is whole, and on the disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use writ::archive::{Contents, Judge, OutwardLinks};
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
    Into { file: PathBuf, draft: PathBuf, open: File },
}

/// What was copied.
struct Copied {
    digest: String,
    bytes: u64,
    contents: Contents,
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
    let copied = match block_on(copy(host, engine, &volume, &mut way)).and_then(|copied| copied) {
        Ok(copied) => copied,
        Err(failure) => {
            way.give_up();
            return Err(failure);
        }
    };
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

async fn copy(host: &Host, engine: &Docker, volume: &HeldVolume, way: &mut Way) -> Result<Copied, Failure> {
    let bar = progress::of_bytes(host.terminal, &volume.name, volume.bytes);
    let (mut hash, mut judge, mut bytes) = (Sha256::new(), Judge::new(OutwardLinks::Counted), 0);
    let mut take = |piece: &[u8]| {
        judge.feed(piece).map_err(|fault| fault.to_string())?;
        hash.update(piece);
        bytes += piece.len() as u64;
        bar.set_position(bytes);
        way.write(piece).map_err(|error| error.to_string())
    };
    let read = tokio::select! {
        read = engine.read_volume(volume, &mut take) => Some(read),
        () = ended() => None,
    };
    bar.finish_and_clear();
    let Some(read) = read else {
        engine.leave_volume(&volume.name).await?;
        return Err(Failure::message("it was interrupted: there is no copy"));
    };
    read?;
    let contents = judge.finish()?;
    Ok(Copied { digest: hex(&hash.finalize()), bytes, contents })
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the digest of a copy stands.
pub(super) fn digest_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

impl Way {
    fn to(file: PathBuf) -> Result<Self, Failure> {
        if file.as_os_str() == "-" {
            if io::IsTerminal::is_terminal(&io::stdout()) {
                return Err(Failure::message("standard output is a terminal: name a file, or lead it elsewhere"));
            }
            return Ok(Self::Out);
        }
        if fs::symlink_metadata(&file).is_ok() {
            let text = format!("{} is there already; it is left as it is: name another file", file.display());
            return Err(Failure::message(text));
        }
        let Some(name) = file.file_name() else {
            return Err(Failure::message(format!("{} is no name of a file", file.display())));
        };
        let draft = file.with_file_name(format!(".{}.{}.part", name.display(), std::process::id()));
        let mut options = File::options();
        let open = options.write(true).create_new(true).mode(0o600).open(&draft);
        let open = open.map_err(|error| Failure::message(format!("cannot make {}: {error}", draft.display())))?;
        Ok(Self::Into { file, draft, open })
    }

    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match self {
            Self::Out => io::stdout().lock().write_all(piece),
            Self::Into { open, .. } => open.write_all(piece),
        }
    }

    /// Gives the copy its name, with its digest beside it; the name, unless it went to standard output.
    fn put_in_place(self, digest: &str) -> Result<Option<String>, Failure> {
        let Self::Into { file, draft, open } = self else {
            io::stdout().lock().flush()?;
            return Ok(None);
        };
        let put = || {
            open.sync_all()?;
            let name = file.file_name().unwrap_or_default();
            let mut beside = File::options();
            let mut beside = beside.write(true).create(true).truncate(true).mode(0o600).open(digest_file(&file))?;
            writeln!(beside, "{digest}  {}", name.display())?;
            beside.sync_all()?;
            fs::rename(&draft, &file)?;
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()
        };
        match put() {
            Ok(()) => Ok(Some(file.display().to_string())),
            Err(error) => {
                let text = format!("cannot put the copy in place as {}: {error}", file.display());
                drop(fs::remove_file(&draft));
                Err(Failure::message(text))
            }
        }
    }

    /// Removes what was written, which is not whole.
    fn give_up(self) {
        if let Self::Into { draft, .. } = self {
            // Its name says that it is a part; there is nothing more to do about one that cannot be removed.
            drop(fs::remove_file(draft));
        }
    }
}
