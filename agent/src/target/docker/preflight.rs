//! Looks at data on volumes of claims before another image is let at it.
//!
//! Invariant: nothing is written, no link is followed, and of what is read only a number is told.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use writ_core::plan::{Data, Evidence, MAJOR, Question, major};

use super::Docker;
use super::connection::ANSWER;
use crate::target::TargetError;

/// Bytes of a file that says a version. PostgreSQL writes three.
const VERSION_BYTES_MAX: u64 = 16;

impl Docker {
    /// What can be found out about the data that pods would be let at. An image is asked about only where there is data.
    pub async fn data(&self, questions: &[Question]) -> Evidence {
        let mut evidence = Evidence::new();
        for question in questions {
            let found = self.one(question).await.unwrap_or_else(|error| Data::Unknown(error.to_string()));
            let Question { pod, volume, files: _, image } = question.clone();
            evidence.insert((pod, volume, image), found);
        }
        evidence
    }

    async fn one(&self, question: &Question) -> Result<Data, TargetError> {
        let Question { pod: _, volume, files, image } = question;
        // A volume that is not there yet is empty.
        let Some(found) = self.volume(volume).await? else { return Ok(Data::None) };
        let root = PathBuf::from(found.mountpoint);
        let data = match first(&root, files) {
            Ok(None) => return Ok(Data::None),
            Ok(Some(text)) => major(&text),
            Err(error) => return Ok(Data::Unknown(format!("{}: {error}", root.display()))),
        };
        let Some(data) = data else { return Ok(Data::Unknown("its PG_VERSION is no version".to_owned())) };
        Ok(Data::Postgres { data, image: self.postgres(image).await? })
    }

    /// The major version that an image says of itself, if the engine has it.
    async fn postgres(&self, image: &str) -> Result<Option<u32>, TargetError> {
        let engine = self.engine().await?;
        let found = self.find(&format!("look at image {image}"), ANSWER, engine.inspect_image(image)).await?;
        let Some(config) = found.and_then(|found| found.config) else { return Ok(None) };
        let label = config.labels.and_then(|labels| labels.get(MAJOR).cloned());
        let variables = config.env.unwrap_or_default();
        let variable = variables.iter().find_map(|variable| variable.strip_prefix(MAJOR)?.strip_prefix('='));
        Ok(variable.or(label.as_deref()).and_then(major))
    }
}

/// The beginning of the first of these files that is there; none if none is.
fn first(root: &Path, files: &[String]) -> io::Result<Option<String>> {
    let how = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let folder = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for file in files {
        let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        match rustix::fs::openat2(&folder, file.as_str(), how, Mode::empty(), within) {
            Ok(opened) => {
                let opened = File::from(opened);
                if !opened.metadata()?.is_file() {
                    return Err(io::Error::other("its PG_VERSION is no file"));
                }
                let mut text = String::new();
                opened.take(VERSION_BYTES_MAX).read_to_string(&mut text)?;
                return Ok(Some(text));
            }
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_first_file_that_is_there_is_read_and_no_link_is_followed() {
        let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("PG_VERSION"), "12\n").unwrap();
        let files = ["pgdata/PG_VERSION", "PG_VERSION"].map(str::to_owned);
        let read = || first(root.path(), &files).map_err(|error| error.kind());
        assert_eq!(read(), Ok(None));
        fs::write(root.path().join("PG_VERSION"), "15\n").unwrap();
        assert_eq!(read(), Ok(Some("15\n".to_owned())));
        fs::create_dir(root.path().join("pgdata")).unwrap();
        fs::write(root.path().join("pgdata/PG_VERSION"), "x".repeat(100)).unwrap();
        assert_eq!(read(), Ok(Some("x".repeat(16))));
        fs::remove_dir_all(root.path().join("pgdata")).unwrap();
        symlink(outside.path(), root.path().join("pgdata")).unwrap();
        assert!(read().is_err(), "a link leads out");
        fs::remove_file(root.path().join("pgdata")).unwrap();
        fs::create_dir_all(root.path().join("pgdata/PG_VERSION")).unwrap();
        assert!(read().is_err(), "a folder is no file");
        assert!(first(&root.path().join("none"), &files).is_err(), "a volume that cannot be seen is not empty");
    }
}
