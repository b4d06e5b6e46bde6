//! Manifests on this machine, read as a unit's files are read from a tree: within limits, and no links followed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use writ::confine::{Child, Judged};
use writ_core::dialect::{Address, Files, Given, Lowered, Target, Variables, is_manifest};
use writ_core::limits::{MANIFEST_BYTES_MAX, TREE_BYTES_MAX, TREE_FILES_MAX};
use writ_core::text::{Problems, Sources};

use super::exit::{Exit, Failure};
use super::host::block_on;
use super::terminal::Terminal;

/// Reads a folder with all below it, or one manifest with the files that it names.
pub(crate) fn read(path: &Path) -> Result<Files, Failure> {
    let mut reader = Reader { files: Files::new(), bytes: 0 };
    let meta = fs::metadata(path).map_err(|error| cannot(path, &error))?;
    if meta.is_dir() {
        reader.folder(path, "")?;
        if !reader.files.keys().any(|file| is_manifest(file)) {
            return Err(Failure::message(format!("there is no manifest below {}", path.display())));
        }
        return Ok(reader.files);
    }
    let name = name_of(path)?;
    if !is_manifest(&name) {
        return Err(Failure::message(format!(
            "{} is no manifest: its name ends in none of the known ways",
            path.display()
        )));
    }
    let bytes = reader.file(path, &name)?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    for named in files_named(&bytes) {
        let file = folder.join(&named);
        // What is not there is the manifest's problem, told at its line.
        if file.is_file() && !reader.files.contains_key(&named) {
            reader.file(&file, &named)?;
        }
    }
    Ok(reader.files)
}

/// Reads folders below a folder; files are called by their paths from there.
pub(crate) fn read_folders(root: &Path, folders: &[String]) -> Result<Files, Failure> {
    let mut reader = Reader { files: Files::new(), bytes: 0 };
    for folder in folders {
        reader.folder(&root.join(folder), if folder == "." { "" } else { folder })?;
    }
    if !reader.files.keys().any(|file| is_manifest(file)) {
        let message = format!("there is no manifest below {} in {}", root.display(), folders.join(" and "));
        return Err(Failure::message(message));
    }
    Ok(reader.files)
}

/// What files ask for of a target, without anything fetched. A confined process finds out.
pub(crate) fn judged(files: &Files, variables: &Variables, target: Target) -> Result<Judged, Failure> {
    let given = Given { variables: variables.clone(), target, ..Given::default() };
    Ok(block_on(Child::default().lower_unfetched(files, &given))??)
}

/// Lowers files without fetching anything, and gives the addresses that were not asked; if they are not right, says all
/// problems.
pub(crate) fn lowered(
    files: &Files,
    variables: &Variables,
    target: Target,
    terminal: &Terminal,
) -> Result<(Lowered, BTreeSet<Address>), Failure> {
    let Judged { lowered, sources, unfetched } = judged(files, variables, target)?;
    match lowered {
        Ok(lowered) => Ok((lowered, unfetched)),
        Err(problems) => Err(refused(&problems, &sources, terminal)),
    }
}

/// Says all problems.
pub(crate) fn refused(problems: &Problems, sources: &Sources, terminal: &Terminal) -> Failure {
    terminal.say(&problems.render(sources, terminal.error_colour()));
    Failure::Said(Exit::Failure)
}

struct Reader {
    files: Files,
    bytes: u64,
}

impl Reader {
    fn folder(&mut self, folder: &Path, below: &str) -> Result<(), Failure> {
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        for entry in entries.map_err(|error| cannot(folder, &error))? {
            let path = entry.path();
            let kind = entry.file_type().map_err(|error| cannot(&path, &error))?;
            let name = name_of(&path)?;
            // The one folder of a work tree that is in no commit.
            if below.is_empty() && name == ".git" {
                continue;
            }
            let inside = if below.is_empty() { name } else { format!("{below}/{name}") };
            if kind.is_dir() {
                self.folder(&path, &inside)?;
            } else if kind.is_file() {
                self.file(&path, &inside)?;
            } else {
                let message = format!("{} is a link or no file: only files are read, as from Git", path.display());
                return Err(Failure::message(message));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, inside: &str) -> Result<Vec<u8>, Failure> {
        let length = fs::metadata(path).map_err(|error| cannot(path, &error))?.len();
        self.bytes = self.bytes.saturating_add(length);
        let shown = path.display();
        if length > MANIFEST_BYTES_MAX {
            return Err(Failure::message(format!("{shown} has {length} bytes; at most {MANIFEST_BYTES_MAX} are read")));
        }
        if self.files.len() >= TREE_FILES_MAX || self.bytes > TREE_BYTES_MAX {
            let message =
                format!("too much to read at {shown}: at most {TREE_FILES_MAX} files and {TREE_BYTES_MAX} bytes");
            return Err(Failure::message(message));
        }
        let bytes = fs::read(path).map_err(|error| cannot(path, &error))?;
        self.files.insert(inside.to_owned(), bytes.clone());
        Ok(bytes)
    }
}

/// The paths in `file("…")` of a manifest, comments not excepted: a file too many does no harm.
fn files_named(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let calls = text.split("file").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('('));
    let paths = calls.filter_map(|rest| Some(rest.trim_start().strip_prefix('"')?.split('"').next()?.to_owned()));
    let paths = paths.map(|path| path.strip_prefix("./").map(str::to_owned).unwrap_or(path));
    paths.filter(|path| !path.starts_with('/') && !path.split('/').any(|part| part == "..")).collect()
}

fn name_of(path: &Path) -> Result<String, Failure> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| Failure::message(format!("the name of {} is not UTF-8", path.display())))
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::message(format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_a_manifest_names_are_found_and_none_outside_of_its_folder() {
        let text =
            r#"conf = file("./a/b.conf"), x = file ( "c" ) y = file("../d") z = file("/etc/passwd") profile = "e""#;
        assert_eq!(files_named(text.as_bytes()), ["a/b.conf", "c"]);
    }
}
