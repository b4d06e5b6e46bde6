//! Looks at data on volumes of claims before another container is let at it.
//!
//! Invariant: nothing is written, no link is followed, and of what is read only a number is told.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, ResolveFlags};
use writ_core::plan::{
    Data, Evidence, FOLDER, FOLDER_FORM, Form, Found, MAJOR, Place, Question, RELEASE, Release, Says, major,
};

use super::Docker;
use super::connection::ANSWER;
use crate::target::TargetError;

/// Bytes at the beginning of a file that say a version. PostgreSQL writes three, Redis nine.
const VERSION_BYTES_MAX: u64 = 16;

/// How far below the top of a volume data is looked for, beside the folders that are asked for.
const DEPTH_MAX: usize = 2;

/// Most entries of folders that are looked at in one volume.
const ENTRIES_MAX: usize = 4_096;

/// Names of what Redis writes: one file of its own form, a folder of append-only files, and their older form.
const DUMP: &str = "dump.rdb";
const LOGS: &str = "appendonlydir";
const LOG: &str = "appendonly.aof";

/// Stands at the beginning of a file in Redis's own form, before four digits.
const MAGIC: &str = "REDIS";

impl Docker {
    /// What can be found out about the data that pods would be let at. An image is asked about only where there is data.
    pub async fn data(&self, questions: &[Question]) -> Evidence {
        let mut evidence = Evidence::new();
        for question in questions {
            let found = self.one(question).await.unwrap_or_else(|error| Data::Unknown(error.to_string()));
            let Question { pod, volume, folders: _, image } = question.clone();
            evidence.insert((pod, volume, image), found);
        }
        evidence
    }

    async fn one(&self, question: &Question) -> Result<Data, TargetError> {
        let Question { pod: _, volume, folders, image } = question;
        // A volume that is not there yet is empty.
        let Some(found) = self.volume(volume).await? else { return Ok(Data::None) };
        let root = PathBuf::from(found.mountpoint);
        match places(&root, folders) {
            Ok(Seen { places, rest: None }) if places.is_empty() => Ok(Data::None),
            Ok(Seen { places, rest: Some(why) }) if places.is_empty() => {
                Ok(Data::Unknown(format!("{}: {why}", root.display())))
            }
            Ok(Seen { places, rest }) => Ok(Data::Found(Found { places, rest, image: self.says(image).await? })),
            Err(error) => Ok(Data::Unknown(format!("{}: {error}", root.display()))),
        }
    }

    /// What an image says of itself, if the engine has it.
    async fn says(&self, image: &str) -> Result<Says, TargetError> {
        let engine = self.engine().await?;
        let found = self.find(&format!("look at image {image}"), ANSWER, engine.inspect_image(image)).await?;
        let Some(config) = found.and_then(|found| found.config) else { return Ok(Says::default()) };
        let (labels, variables) = (config.labels.unwrap_or_default(), config.env.unwrap_or_default());
        let variable = |name: &str| {
            let told = variables.iter().find_map(|variable| variable.strip_prefix(name)?.strip_prefix('='));
            told.or_else(|| labels.get(name).map(String::as_str))
        };
        Ok(Says {
            postgres: variable(MAJOR).and_then(major),
            redis: variable(RELEASE).and_then(Release::parse),
            pgdata: variable(FOLDER).map(str::to_owned),
            working_dir: config.working_dir.filter(|folder| !folder.is_empty()),
        })
    }
}

/// What a look through a volume showed.
struct Seen {
    places: Vec<Place>,
    /// Why not all of it was looked at; none if it was.
    rest: Option<String>,
}

/// The data in these folders of a volume, and in those not far below its top.
fn places(root: &Path, folders: &BTreeSet<String>) -> io::Result<Seen> {
    let top = rustix::fs::open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut found = Vec::new();
    for folder in folders {
        // What a person or a manifest names must not lead out.
        if let Some(open) = open(&top, folder, OFlags::DIRECTORY)? {
            found.extend(place(&open, folder)?);
        }
    }
    let (mut queue, mut entries) = (VecDeque::from([(String::new(), 0)]), 0);
    while let Some((folder, depth)) = queue.pop_front() {
        // One data directory does not lie in another; its own folders are many.
        if depth > 0 && found.iter().any(|place| place.folder == folder) {
            continue;
        }
        // What cannot be entered by this way is no folder of this volume.
        let Ok(Some(opened)) = open(&top, &folder, OFlags::DIRECTORY) else { continue };
        if depth > 0
            && let Some(place) = place(&opened, &folder)?
        {
            found.push(place);
            continue;
        }
        if depth == DEPTH_MAX || found.iter().any(|place| place.folder == folder) {
            continue;
        }
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            entries += 1;
            if entries > ENTRIES_MAX {
                let rest = Some(format!("it has more than {ENTRIES_MAX} entries, and no more were looked at"));
                return Ok(Seen { places: found, rest });
            }
            let name = entry.file_name().to_string_lossy();
            if entry.file_type() == FileType::Directory && name != "." && name != ".." {
                let below = if folder.is_empty() { name.into_owned() } else { format!("{folder}/{name}") };
                queue.push_back((below, depth + 1));
            }
        }
    }
    Ok(Seen { places: found, rest: None })
}

/// The data in a folder, if there is any.
fn place(folder: &OwnedFd, name: &str) -> io::Result<Option<Place>> {
    let form = match version(folder, "PG_VERSION")? {
        Some(text) => {
            Some(Form::Postgres(major(&text).ok_or_else(|| io::Error::other("its PG_VERSION is no version"))?))
        }
        None => redis(folder)?.map(Form::Redis),
    };
    Ok(form.map(|form| Place { folder: name.to_owned(), form }))
}

/// The newest form among the files of Redis in a folder.
fn redis(folder: &OwnedFd) -> io::Result<Option<u32>> {
    let mut newest = None;
    if let Some(logs) = open(folder, LOGS, OFlags::DIRECTORY)? {
        newest = Some(FOLDER_FORM);
        for (at, entry) in Dir::read_from(&logs)?.enumerate() {
            let entry = entry?;
            if at >= ENTRIES_MAX {
                return Err(io::Error::other(format!("its {LOGS} has more than {ENTRIES_MAX} entries")));
            }
            if let Ok(name) = entry.file_name().to_str()
                && name.ends_with(".base.rdb")
            {
                newest = newest.max(version(&logs, name)?.as_deref().and_then(form));
            }
        }
    }
    for file in [DUMP, LOG] {
        if let Some(text) = version(folder, file)? {
            // Commands without such a beginning are read by every release.
            newest = newest.max(Some(form(&text).unwrap_or(0)));
        }
    }
    Ok(newest)
}

/// The form that the beginning of a file of Redis tells.
fn form(text: &str) -> Option<u32> {
    text.strip_prefix(MAGIC)?.get(..4)?.parse().ok()
}

/// The beginning of a file, as far as it is text; none if there is no such file.
fn version(folder: &OwnedFd, file: &str) -> io::Result<Option<String>> {
    let Some(opened) = open(folder, file, OFlags::NONBLOCK)? else { return Ok(None) };
    let opened = File::from(opened);
    if !opened.metadata()?.is_file() {
        return Err(io::Error::other(format!("its {file} is no file")));
    }
    let mut bytes = Vec::new();
    opened.take(VERSION_BYTES_MAX).read_to_end(&mut bytes)?;
    let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    Ok(Some(text.to_owned()))
}

/// Opens what lies below a folder, and by no link; none if it is not there.
fn open(folder: &OwnedFd, path: &str, how: OFlags) -> io::Result<Option<OwnedFd>> {
    // Without `O_NOFOLLOW`, a link is told apart from what is no folder.
    let how = OFlags::RDONLY | OFlags::CLOEXEC | how;
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let path = if path.is_empty() { "." } else { path };
    match rustix::fs::openat2(folder, path, how, Mode::empty(), within) {
        Ok(opened) => Ok(Some(opened)),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn found(root: &Path, folders: &[&str]) -> Result<Vec<(String, Form)>, String> {
        let folders = folders.iter().map(|folder| (*folder).to_owned()).collect();
        let Seen { places, rest } = places(root, &folders).map_err(|error| error.to_string())?;
        assert_eq!(rest, None);
        Ok(places.into_iter().map(|Place { folder, form }| (folder, form)).collect())
    }

    fn write(root: &Path, path: &str, bytes: &[u8]) {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), bytes).unwrap();
    }

    #[test]
    fn data_is_found_where_it_is_asked_for_and_not_far_below_the_top_and_no_link_is_followed() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = folder.path();
        write(outside.path(), "PG_VERSION", b"12\n");
        let asked = ["", "pgdata", "a/b/c/d"];
        assert_eq!(found(root, &asked), Ok(vec![]));
        write(root, "a/b/c/d/PG_VERSION", b"14\n");
        let deep = ("a/b/c/d".to_owned(), Form::Postgres(14));
        assert_eq!(found(root, &asked), Ok(vec![deep.clone()]));
        assert_eq!(found(root, &[""]), Ok(vec![]), "deeper than what is looked through");
        write(root, "x/y/PG_VERSION", b"15\n");
        // Each database of a server has such a file as well; it is no server's.
        write(root, "x/y/base/1/PG_VERSION", b"15\n");
        let other = ("x/y".to_owned(), Form::Postgres(15));
        assert_eq!(found(root, &asked), Ok(vec![deep, other.clone()]));
        symlink(outside.path(), root.join("link")).unwrap();
        assert_eq!(found(root, &[""]), Ok(vec![other]), "a link that is met by chance");
        symlink(outside.path(), root.join("pgdata")).unwrap();
        assert!(found(root, &asked).is_err(), "a link that was asked for leads out");
        fs::remove_file(root.join("pgdata")).unwrap();
        fs::create_dir_all(root.join("pgdata/PG_VERSION")).unwrap();
        assert!(found(root, &asked).unwrap_err().contains("PG_VERSION is no file"));
        fs::remove_dir(root.join("pgdata/PG_VERSION")).unwrap();
        write(root, "pgdata/PG_VERSION", &[b'x'; 100]);
        assert!(found(root, &asked).unwrap_err().contains("no version"));
        assert!(found(&root.join("none"), &asked).is_err(), "a volume that cannot be seen is not empty");
    }

    #[test]
    fn a_volume_of_too_many_entries_is_not_said_to_hold_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        // The engine's list has `.` and `..` as well.
        for number in 0..ENTRIES_MAX - 2 {
            fs::write(root.join(number.to_string()), "").unwrap();
        }
        assert_eq!(found(root, &["", "pgdata"]), Ok(vec![]), "as many as are looked at");
        fs::write(root.join("more"), "").unwrap();
        let seen = |folders: &[&str]| places(root, &folders.iter().map(|it| (*it).to_owned()).collect()).unwrap();
        let Seen { places, rest } = seen(&["", "pgdata"]);
        assert!(places.is_empty() && rest.unwrap().contains("more than 4096 entries"));
        // What was asked for is found all the same, and that there may be more is said.
        write(root, "pgdata/PG_VERSION", b"15\n");
        let Seen { places, rest } = seen(&["", "pgdata"]);
        assert!(rest.is_some());
        assert_eq!(places, [Place { folder: "pgdata".to_owned(), form: Form::Postgres(15) }]);
        fs::create_dir(root.join(LOGS)).unwrap();
        for number in 0..ENTRIES_MAX {
            fs::write(root.join(LOGS).join(number.to_string()), "").unwrap();
        }
        assert!(found(root, &[""]).unwrap_err().contains("appendonlydir has more than"));
    }

    #[test]
    fn the_newest_form_among_the_files_of_redis_counts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let is = |form: u32| assert_eq!(found(root, &[""]), Ok(vec![(String::new(), Form::Redis(form))]));
        write(root, LOG, b"*2\r\n$6\r\nSELECT\r\n");
        is(0);
        write(root, DUMP, b"REDIS0009\xfa\tredis-ver");
        is(9);
        fs::create_dir(root.join(LOGS)).unwrap();
        is(10);
        write(root, "appendonlydir/appendonly.aof.1.base.rdb", b"REDIS0012\xfa");
        is(12);
        write(root, DUMP, b"no such file");
        is(12);
    }
}
