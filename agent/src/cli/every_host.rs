//! Which hosts a repository is for, as the paths of its units name them: `hosts/{host}`, `roles/{label.role}`.
//!
//! Invariant: a host that only some of the paths know is a mistake, and never one that is not looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use writ::settings::is_name;

use super::exit::Failure;

/// Most hosts that are looked at: more means that two paths have no name in common.
const HOSTS_MAX: usize = 10_000;

/// What stands for each name in braces; one host, or one kind of host.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Names(BTreeMap<String, String>);

/// A host and the folders that it reads, in the order of the paths.
pub(crate) type Reads = (Names, Vec<String>);

/// `host edge-1`, `label.role db`
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(|(name, value)| format!("{name} {value}")).collect();
        f.write_str(if words.is_empty() { "every host".to_owned() } else { words.join(", ") }.as_str())
    }
}

impl Names {
    pub(crate) const fn map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Both together, unless they contradict each other.
    fn and(&self, other: &Self) -> Option<Self> {
        let mut both = self.clone();
        for (name, value) in &other.0 {
            if both.0.insert(name.clone(), value.clone()).is_some_and(|known| known != *value) {
                return None;
            }
        }
        Some(both)
    }
}

/// All hosts below a folder for which each of the paths names one.
///
/// # Errors
/// If a path names none, or not one for a host that another path knows; or there are too many.
pub(crate) fn hosts(root: &Path, paths: &[String]) -> Result<Vec<Reads>, Failure> {
    let mut all: Vec<Reads> = vec![(Names::default(), Vec::new())];
    for path in paths {
        let found = folders(root, path)?;
        if found.is_empty() {
            let message = format!("no folder below {} is like {path}", root.display());
            return Err(Failure::message(message));
        }
        all = join(&all, &found).map_err(|(names, of_path)| {
            let place = if of_path { "another path" } else { path };
            Failure::message(format!("{names}: {place} names no folder for it below {}", root.display()))
        })?;
        if all.len() > HOSTS_MAX {
            return Err(Failure::message(format!("there would be more than {HOSTS_MAX} hosts")));
        }
    }
    Ok(all)
}

/// Each of the hosts with each folder that may be its own. An error is a host, or what a folder stands for, that finds no partner;
/// the latter is `true`.
fn join(hosts: &[Reads], folders: &[(Names, String)]) -> Result<Vec<Reads>, (Names, bool)> {
    let mut joined = Vec::new();
    let mut partners = vec![false; folders.len()];
    for (names, read) in hosts {
        let before = joined.len();
        for ((more, folder), partner) in folders.iter().zip(&mut partners) {
            if let Some(both) = names.and(more) {
                *partner = true;
                joined.push((both, read.iter().chain([folder]).cloned().collect()));
            }
        }
        if joined.len() == before {
            return Err((names.clone(), false));
        }
    }
    match partners.iter().zip(folders).find(|(partner, _)| !**partner) {
        Some((_, (names, _))) => Err((names.clone(), true)),
        None => Ok(joined),
    }
}

/// The folders that are like a path, each with what its names in braces stand for there.
fn folders(root: &Path, path: &str) -> Result<Vec<(Names, String)>, Failure> {
    let mut found = vec![(Names::default(), String::new())];
    for part in path.trim_matches('/').split('/').filter(|part| *part != ".") {
        let mut next = Vec::new();
        for (names, folder) in found {
            let Some((before, name, behind)) = in_braces(path, part)? else {
                next.push((names, below(&folder, part)));
                continue;
            };
            for entry in inside(&root.join(&folder))? {
                let value = entry.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
                let Some(value) = value.filter(|value| is_name(value)) else { continue };
                if let Some(names) = names.and(&Names(BTreeMap::from([(name.to_owned(), value.to_owned())]))) {
                    next.push((names, below(&folder, &entry)));
                }
            }
        }
        found = next;
    }
    found.retain(|(_, folder)| root.join(folder).is_dir());
    found.sort();
    let whole = |folder: String| if folder.is_empty() { ".".to_owned() } else { folder };
    Ok(found.into_iter().map(|(names, folder)| (names, whole(folder))).collect())
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// What stands before a name in braces, the name, and what stands behind it; none if a part of a path has none.
fn in_braces<'a>(path: &str, part: &'a str) -> Result<Option<(&'a str, &'a str, &'a str)>, Failure> {
    let Some((before, rest)) = part.split_once('{') else { return Ok(None) };
    let named = rest.split_once('}').filter(|(name, behind)| {
        let is_label = name.strip_prefix("label.").is_some_and(is_name);
        (*name == "host" || is_label) && !behind.contains('{')
    });
    match named {
        Some((name, behind)) => Ok(Some((before, name, behind))),
        None => Err(Failure::message(format!("{path}: use {{host}} or {{label.NAME}}, once between two `/`"))),
    }
}

/// The names of the folders in a folder.
fn inside(folder: &Path) -> Result<Vec<String>, Failure> {
    let cannot = |error: io::Error| Failure::message(format!("cannot read {}: {error}", folder.display()));
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        if entry.file_type().map_err(cannot)?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(folders: &[&str], paths: &[&str]) -> Result<String, String> {
        let root = tempfile::TempDir::new().unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let told = |(names, read): Reads| format!("{names}: {}", read.join(" "));
        match hosts(root.path(), &paths) {
            Ok(hosts) => Ok(hosts.into_iter().map(told).collect::<Vec<_>>().join("; ")),
            Err(Failure::Message(text)) => Err(text.replace(&root.path().display().to_string(), "REPO")),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_host_reads_the_folders_that_the_paths_name_for_it() {
        let tree = ["base", "hosts/a", "hosts/b", "roles/db", "roles/web", ".git/hosts"];
        for (paths, expected) in [
            (&["base", "hosts/{host}"][..], "host a: base hosts/a; host b: base hosts/b"),
            (&["hosts/a"], "every host: hosts/a"),
            (&["."], "every host: ."),
            (
                &["roles/{label.role}", "hosts/{host}"],
                "host a, label.role db: roles/db hosts/a; host b, label.role db: roles/db hosts/b; \
                 host a, label.role web: roles/web hosts/a; host b, label.role web: roles/web hosts/b",
            ),
        ] {
            assert_eq!(check(&tree, paths).unwrap(), expected);
        }
        let expected = "host a, label.role db: all/a/db x-a; host b, label.role web: all/b/web x-b";
        assert_eq!(
            check(&["all/a/db", "all/b/web", "x-a", "x-b"], &["all/{host}/{label.role}", "x-{host}"]).unwrap(),
            expected
        );
    }

    #[test]
    fn a_host_that_only_one_path_knows_is_a_mistake() {
        let tree = ["hosts/a", "hosts/b", "more/a", "other/a", "other/b", "other/c"];
        for (paths, expected) in [
            (&["hosts/{host}", "more/{host}"][..], "host b: more/{host} names no folder for it below REPO"),
            (&["hosts/{host}", "other/{host}"], "host c: another path names no folder for it below REPO"),
            (&["nowhere/{host}"], "cannot read REPO/nowhere: No such file or directory (os error 2)"),
            (&["nowhere"], "no folder below REPO is like nowhere"),
            (&["hosts/{name}"], "hosts/{name}: use {host} or {label.NAME}, once between two `/`"),
            (&["hosts/{host}{host}"], "hosts/{host}{host}: use {host} or {label.NAME}, once between two `/`"),
        ] {
            assert_eq!(check(&tree, paths).unwrap_err(), expected);
        }
    }
}
