//! One agent for a state directory, and one pass at a time.
//!
//! Invariant: a lock lives no longer than its process, however that ends; the kernel holds it, not the file.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::RecordError;
use super::error::files;
use super::store::private_directory;

/// Time between two tries to get a lock that someone else has.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// Most bytes of a lock file that are shown: a process and a machine.
const HOLDER_BYTES_MAX: u64 = 256;

/// Held for the life of `writ run`: a second agent on the state directory is refused.
#[derive(Debug)]
#[must_use = "the lock ends when this is dropped"]
pub struct AgentLock(#[expect(dead_code, reason = "open for as long as the lock is held")] File);

/// Held for one pass, or for one `writ apply -f` or `writ delete`.
#[derive(Debug)]
#[must_use = "the lock ends when this is dropped"]
pub struct PassLock(#[expect(dead_code, reason = "open for as long as the lock is held")] File);

impl AgentLock {
    /// Takes the lock, or names who has it.
    pub fn acquire(state: &Path) -> Result<Self, RecordError> {
        acquire(state, "agent.lock", "the agent's lock", Duration::ZERO).map(Self)
    }
}

impl PassLock {
    /// Takes the lock, waiting for up to `wait`, or names who has it. Blocks its thread.
    pub fn acquire(state: &Path, wait: Duration) -> Result<Self, RecordError> {
        acquire(state, "pass.lock", "the lock of a pass", wait).map(Self)
    }
}

/// Held while what is on a volume is read, replaced or destroyed as a whole: one at a time on a host.
#[derive(Debug)]
#[must_use = "the lock ends when this is dropped"]
pub struct VolumeLock(#[expect(dead_code, reason = "open for as long as the lock is held")] File);

impl VolumeLock {
    /// Takes the lock, or names who has it.
    pub fn acquire(state: &Path) -> Result<Self, RecordError> {
        acquire(state, "volume.lock", "the lock of volumes", Duration::ZERO).map(Self)
    }
}

fn acquire(state: &Path, name: &str, what: &'static str, wait: Duration) -> Result<File, RecordError> {
    private_directory(state)?;
    let path = state.join(name);
    let mut options = File::options();
    let mut file = (options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path))
        .map_err(files("open", &path))?;
    let mut left = wait;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(Errno::WOULDBLOCK) if left.is_zero() => {
                let holder = holder(&mut file).unwrap_or_else(|| "another process".to_owned());
                return Err(RecordError::Locked { what, state: state.to_path_buf(), holder });
            }
            Err(Errno::WOULDBLOCK) => {
                std::thread::sleep(TRY_EVERY.min(left));
                left = left.saturating_sub(TRY_EVERY);
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(files("lock", &path)(errno.into())),
        }
    }
    let ours = format!("process {} on {}\n", std::process::id(), machine());
    file.set_len(0).and_then(|()| file.write_all(ours.as_bytes())).map_err(files("write", &path))?;
    Ok(file)
}

fn holder(file: &mut File) -> Option<String> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The machine's name, as the kernel knows it.
#[must_use]
pub fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
