//! What is done once after each start of a container, and how it is known that it was.
//!
//! A container cannot be marked while it lives, so a file in the state directory bears its identifier and holds the moment of
//! the start after which all was done. Without the file it is done once more: at least once, as on Kubernetes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;
use writ_core::model::Hook;

use super::Docker;
use crate::target::{ProbeResult, TargetError};

/// Directory of the marks below the state directory.
const DIRECTORY: &str = "begun";

impl Docker {
    /// Does what is to be done after the start of a container, unless it was done after this very start.
    ///
    /// # Errors
    /// If it could not be tried.
    pub async fn post_start(&self, container: &str, hook: &Hook, limit: Duration) -> Result<ProbeResult, TargetError> {
        let found = self.ours("look at a container that started", container).await?;
        let started = found.inspect.state.and_then(|state| state.started_at).unwrap_or_default();
        let mark = self.state.join(DIRECTORY).join(found.inspect.id.unwrap_or_default());
        if fs::read_to_string(&mark).is_ok_and(|marked| marked == started) {
            return Ok(ProbeResult::Success);
        }
        let done = match hook {
            Hook::Act(action) => self.probe(container, action, limit).await?,
            Hook::Sleep(seconds) => {
                sleep(Duration::from_secs(u64::from(seconds.0))).await;
                ProbeResult::Success
            }
        };
        if done == ProbeResult::Success {
            put(&mark, &started).map_err(|source| failed("note that a container began", &mark, source))?;
        }
        Ok(done)
    }
}

fn put(mark: &Path, started: &str) -> io::Result<()> {
    if let Some(folder) = mark.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(mark, started)
}

/// Removes the marks of containers that are there no longer.
pub(super) fn sweep(state: &Path, there: &BTreeSet<&str>) -> Result<(), TargetError> {
    let folder = state.join(DIRECTORY);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed("read", &folder, source)),
    };
    for entry in entries {
        let entry = entry.map_err(|source| failed("read", &folder, source))?;
        if !entry.file_name().to_str().is_some_and(|id| there.contains(id)) {
            let path = entry.path();
            fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
        }
    }
    Ok(())
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> TargetError {
    TargetError::File { operation, path: PathBuf::from(path), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_of_containers_that_are_gone_are_swept_and_no_others() {
        let state = tempfile::tempdir().unwrap();
        sweep(state.path(), &BTreeSet::new()).unwrap();
        let mark = |id: &str| state.path().join(DIRECTORY).join(id);
        put(&mark("one"), "then").unwrap();
        put(&mark("two"), "then").unwrap();
        sweep(state.path(), &BTreeSet::from(["two"])).unwrap();
        assert_eq!((mark("one").exists(), fs::read_to_string(mark("two")).unwrap().as_str()), (false, "then"));
    }
}
