//! Copies of volumes: made when a person asks for one, and before a step that may harm what is on a volume.
//!
//! Invariant: a file that bears the name of a copy is whole, and on the disk.
//! Invariant: an older copy goes only when a newer one of the same volume is there.

mod draft;
mod shelf;

use std::path::Path;

use rustix::fs::statvfs;
use sha2::{Digest as _, Sha256};
use writ_core::plan::{BackUp, Backups};

use crate::agent::{Agent, Unit};
use crate::archive::{Contents, Fault, Judge, OutwardLinks};
use crate::error::chain;
use crate::record::VolumeLock;
use crate::target::{Docker, HeldVolume, Progress, TargetError};

pub use draft::{Draft, DraftError, digest_file};
use shelf::Shelf;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// SHA-256 of the archive, in hexadecimal digits.
    pub digest: String,
    /// Bytes of the archive.
    pub bytes: u64,
    /// What it holds.
    pub contents: Contents,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The engine did not send it to its end, or nobody took what it sent.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// What the engine sent is not whole.
    #[error(transparent)]
    Archive(#[from] Fault),
}

/// A copy that was made before a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub file: String,
    /// SHA-256 of it, in hexadecimal digits.
    pub digest: String,
    /// Its bytes.
    pub bytes: u64,
    /// Something that is not this host's ran with the volume meanwhile.
    pub in_motion: bool,
}

/// Reads a volume as an archive and hands it on piece by piece, with the bytes until then.
///
/// # Errors
/// If it is not whole, or `take` refuses a piece.
pub async fn copy(
    engine: &Docker,
    volume: &HeldVolume,
    mut take: impl FnMut(&[u8], u64) -> Result<(), String>,
) -> Result<Copied, CopyError> {
    let (mut hash, mut judge, mut bytes) = (Sha256::new(), Judge::new(OutwardLinks::Counted), 0);
    let mut each = |piece: &[u8]| {
        judge.feed(piece).map_err(|fault| fault.to_string())?;
        hash.update(piece);
        bytes += piece.len() as u64;
        take(piece, bytes)
    };
    engine.read_volume(volume, &mut each).await?;
    let contents = judge.finish()?;
    Ok(Copied { digest: hex(&hash.finalize()), bytes, contents })
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Copies a volume out before a step that may harm what is on it. What runs with it is stopped for that, and stays so for
/// the step; where there is no step, [`go_on`] starts it again.
///
/// # Errors
/// If there is no whole copy; then the step must not be taken.
pub async fn back_up(
    agent: &Agent,
    unit: &Unit,
    backup: &BackUp,
    progress: &dyn Progress,
) -> Result<Made, TargetError> {
    let BackUp { volume, to: Backups { directory, keep }, at, next } = backup;
    let operation = format!("back up volume {volume}");
    let failed = |reason: String| TargetError::Failed { operation: operation.clone(), reason };
    let engine = unit.place.target.engine_of_volumes()?;
    // One at a time, here and on the host.
    let _turn = agent.copying.lock().await;
    let _lock = VolumeLock::acquire(&agent.settings.host.state).map_err(|error| failed(chain(&error)))?;
    let held = engine.held_volume(volume).await?.ok_or_else(|| failed("it is gone".to_owned()))?;
    if held.half_restored {
        let reason = format!("it holds half of a restore; do that again first: writ volume restore {volume} FILE");
        return Err(failed(reason));
    }
    has_room(Path::new(directory), held.bytes).map_err(&failed)?;
    let shelf = Shelf::new(Path::new(directory), &agent.settings.host.name, volume);
    shelf.clear_drafts().map_err(|error| failed(chain(&error)))?;
    if let Some(next) = next {
        engine.have_images(next, progress).await?;
    }
    let mut draft = Draft::new(shelf.file(*at)).map_err(|error| failed(chain(&error)))?;
    let others = engine.stand_still(&held).await?;
    let copied = copy(engine, &held, |piece, _| draft.write(piece)).await;
    let Copied { digest, bytes, contents: _ } = copied.map_err(|error| failed(chain(&error)))?;
    let in_motion = !others.is_empty();
    // The same once more, as after a step that failed, must not push older ones out.
    if let Some(file) = shelf.newest_is(&digest, bytes) {
        return Ok(Made { file, digest, bytes, in_motion });
    }
    let put = {
        let digest = digest.clone();
        // A disk may take its time, in which probes go on.
        tokio::task::spawn_blocking(move || draft.put_in_place(&digest))
    };
    let put = put.await.map_err(|error| failed(error.to_string()))?;
    let file = put.map_err(|error| failed(chain(&error)))?.display().to_string();
    shelf.keep_newest(*keep);
    Ok(Made { file, digest, bytes, in_motion })
}

/// Starts again what stands still for a copy, where the step that the copy was made for is not taken.
pub async fn go_on(unit: &Unit, backup: &BackUp) {
    let went_on = match unit.place.target.engine_of_volumes() {
        Ok(engine) => engine.go_on(&backup.volume).await,
        Err(error) => Err(error),
    };
    if let Err(error) = went_on {
        tracing::error!(volume = backup.volume, error = chain(&error), "what runs with it was not started again");
    }
}

/// Whether a folder is there and may hold so many bytes, before anything is stopped for a copy that cannot be.
fn has_room(directory: &Path, bytes: Option<u64>) -> Result<(), String> {
    let shown = directory.display();
    if !directory.is_dir() {
        return Err(format!("there is no folder {shown} for it: make it, or mount what it stands for"));
    }
    let found = statvfs(directory).map_err(|error| format!("cannot look at {shown}: {error}"))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    match bytes {
        Some(bytes) if bytes > free => Err(format!("it holds {bytes} bytes, and {free} are free in {shown}")),
        Some(_) | None => Ok(()),
    }
}
