//! `writ volume restore NAME FILE`
//!
//! Invariant: nothing is changed before the whole file was read and judged.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use writ::archive::{Contents, Judge, OutwardLinks};
use writ::backup::{digest_file, hex};
use writ::record::{OperatorEvent, Store, VolumeLock};
use writ::settings::person;
use writ::target::{Docker, HeldVolume};

use super::super::exit::{Ended, Exit, Failure};
use super::super::host::{Host, block_on};
use super::super::progress;
use super::{between_passes, ended, one, running, target};

/// Bytes that are read at once.
const PIECE: usize = 256 << 10;

/// Pieces that wait for the engine.
const PIECES: usize = 4;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "If FILE.sha256 stands beside it, it must agree. A restore that ends in the middle leaves a mark: no
pod starts on the volume until a restore of it has come to its end."
)]
pub(crate) struct Arguments {
    /// The volume (voodu-data-pg-data-0)
    name: String,
    /// The copy, a tar archive
    file: PathBuf,
    /// Destroy what is on the volume
    #[arg(long)]
    replace: bool,
    /// Put links back that lead out of the volume; only programs in its pod follow them
    #[arg(long)]
    outward_links: bool,
}

/// What a file was found to be.
struct Judged {
    digest: String,
    contents: Contents,
}

pub(super) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { name, file, replace, outward_links } = arguments;
    let outward = if *outward_links { OutwardLinks::Counted } else { OutwardLinks::Refused };
    let store = host.store()?;
    let state = &host.settings()?.host.state;
    let _lock = VolumeLock::acquire(state)?;
    let target = target(host)?;
    let engine = target.engine_of_volumes()?;
    let judged = judge(host, file, outward)?;
    let (volume, is_empty) = block_on(async {
        let volume = one(engine, name).await?;
        let is_empty = engine.is_empty(name).await?;
        Ok::<_, Failure>((volume, is_empty))
    })??;
    let pods = running(&volume);
    if let [first, ..] = pods.as_slice() {
        return Err(Failure::message(format!(
            "{} runs with volume {name}: `writ suspend` its unit ({}), stop it (`docker stop {first}`), and `writ resume` \
             the unit afterwards",
            pods.join(", "),
            volume.unit
        )));
    }
    if !is_empty && !replace && !volume.half_restored {
        return Err(Failure::message(format!(
            "there is data on volume {name}: copy it out first (writ volume backup {name}), then say --replace"
        )));
    }
    let turn = between_passes(state)?;
    block_on(engine.begin_restore(&volume))??;
    drop(turn);
    let Judged { digest, contents: Contents { entries, outward_links: _, root: _ } } = &judged;
    let (unit, owner) = (volume.unit.clone(), person());
    let event = OperatorEvent::VolumeRestoring {
        unit: unit.clone(),
        volume: name.clone(),
        owner: owner.clone(),
        digest: digest.clone(),
        replaces: !is_empty,
    };
    store.append(host.now(), &event.into())?;
    if let Err(failure) = block_on(put_back(host, engine, &volume, file, outward, &judged)).and_then(|done| done) {
        host.terminal.say(&format!(
            "volume {name} is not whole, and no pod starts on it; do it again from the beginning: writ volume restore \
             {name} FILE"
        ));
        return Err(failure);
    }
    told(&store, host, OperatorEvent::VolumeRestored { unit, volume: name.clone(), owner, digest: digest.clone() })?;
    let value = json!({
        "schema": "writ/volume-restore/v1", "volume": name, "sha256": digest, "entries": entries,
        "replaced": !is_empty,
    });
    host.terminal.show(&value, &format!("volume {name} holds the {entries} entries of {}\n", file.display()))?;
    Ok(Exit::Success)
}

fn told(store: &Store, host: &Host, event: OperatorEvent) -> Result<(), Failure> {
    store.append(host.now(), &event.into())?;
    Ok(())
}

/// Reads the whole file once, changing nothing.
fn judge(host: &Host, file: &Path, outward: OutwardLinks) -> Result<Judged, Failure> {
    let wanted = wanted_digest(file)?;
    let length = fs::metadata(file).map(|found| found.len()).ok();
    let bar = progress::of_bytes(host.terminal, "checking the copy", length);
    let cannot = |why: &dyn std::fmt::Display| Failure::message(format!("cannot restore {}: {why}", file.display()));
    let (mut hash, mut judge) = (Sha256::new(), Judge::new(outward));
    read(file, |piece| {
        hash.update(&piece);
        bar.inc(piece.len() as u64);
        judge.feed(&piece).map_err(io::Error::other)
    })
    .map_err(|error| cannot(&error))?;
    let contents = judge.finish().map_err(|fault| cannot(&fault))?;
    bar.finish_and_clear();
    let digest = hex(&hash.finalize());
    if let Some(wanted) = wanted.filter(|wanted| *wanted != digest) {
        let beside = digest_file(file);
        return Err(cannot(&format!("{} says sha256 {wanted}, and it is {digest}", beside.display())));
    }
    Ok(Judged { digest, contents })
}

/// The digest that stands beside a file, if one does.
fn wanted_digest(file: &Path) -> Result<Option<String>, Failure> {
    let beside = digest_file(file);
    match fs::read_to_string(&beside) {
        Ok(text) => match text.split_whitespace().next() {
            Some(digest) if digest.len() == 64 => Ok(Some(digest.to_lowercase())),
            Some(_) | None => Err(Failure::message(format!("{} holds no SHA-256 digest", beside.display()))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::message(format!("cannot read {}: {error}", beside.display()))),
    }
}

fn read(file: &Path, mut take: impl FnMut(Vec<u8>) -> io::Result<()>) -> io::Result<()> {
    let mut open = File::open(file)?;
    loop {
        let mut piece = vec![0; PIECE];
        let length = open.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        piece.truncate(length);
        take(piece)?;
    }
}

async fn put_back(
    host: &Host,
    engine: &Docker,
    volume: &HeldVolume,
    file: &Path,
    outward: OutwardLinks,
    judged: &Judged,
) -> Result<(), Failure> {
    let Judged { digest, contents } = judged;
    engine.empty_volume(&volume.name).await?;
    let length = fs::metadata(file).map(|found| found.len()).ok();
    let bar = progress::of_bytes(host.terminal, &volume.name, length);
    let (sender, pieces) = mpsc::channel(PIECES);
    let (path, wanted, shown) = (file.to_owned(), digest.clone(), bar.clone());
    let feeder = tokio::task::spawn_blocking(move || feed(&path, outward, &wanted, &shown, &sender));
    let filled = tokio::select! {
        filled = engine.fill_volume(volume, contents.root, pieces) => Some(filled),
        () = ended() => None,
    };
    bar.finish_and_clear();
    let Some(filled) = filled else {
        engine.leave_volume(&volume.name).await?;
        return Err(Failure::message("it was interrupted"));
    };
    // What is wrong with the file says more than what the engine makes of it.
    feeder.await??;
    filled?;
    engine.end_restore(&volume.name).await?;
    Ok(())
}

/// Sends the file on, judged once more: it may have changed since it was judged first.
fn feed(
    file: &Path,
    outward: OutwardLinks,
    wanted: &str,
    bar: &ProgressBar,
    sender: &mpsc::Sender<io::Result<Vec<u8>>>,
) -> io::Result<()> {
    let (mut hash, mut judge) = (Sha256::new(), Judge::new(outward));
    let sent = read(file, |piece| {
        hash.update(&piece);
        bar.inc(piece.len() as u64);
        judge.feed(&piece).map_err(io::Error::other)?;
        // The engine stopped reading; it says why itself.
        sender.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    });
    let changed = || io::Error::other(format!("{} changed while it was read", file.display()));
    let done = match sent {
        // It says so itself.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
        Err(error) => Err(error),
        Ok(()) if hex(&hash.finalize()) != wanted => Err(changed()),
        Ok(()) => Ok(()),
    };
    if done.is_err() {
        drop(sender.blocking_send(Err(changed())));
    }
    done
}
