//! A case in one file: sections that begin with `=== KIND PATH`, and what is expected in the last ones.
//!
//! `=== file PATH`, `=== refused PATH` and `=== accepted PATH` hold files of a unit; `=== both PATH` is a file of the
//! refused and of the accepted unit. `=== fetched ADDRESS`, `kept`, `failed` and `unasked` say what came of an address;
//! `=== variable NAME` holds the value of a variable, without the end of its line.
//! `UPDATE=1` writes what is found as what is expected.

use std::fs;
use std::path::{Path, PathBuf};

use writ_core::dialect::{Contents, Fetched, Files, Variables, addresses};

pub(crate) struct Case {
    path: PathBuf,
    sections: Vec<(String, String)>,
    changed: Vec<String>,
}

impl Case {
    /// Runs `check` on each case of a folder and reports all failures together.
    pub(crate) fn each(folder: &Path, check: impl Fn(&mut Self) -> Result<(), String>) {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no case in {}", folder.display());
        let mut failures = String::new();
        for path in paths {
            let mut case = Self::read(path);
            if let Err(failure) = check(&mut case) {
                case.changed.push(failure);
            }
            case.finish(&mut failures);
        }
        assert!(failures.is_empty(), "{failures}\nUPDATE=1 writes what was found into the cases");
    }

    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let mut sections: Vec<(String, String)> = Vec::new();
        for line in text.lines() {
            if let Some(head) = line.strip_prefix("=== ") {
                sections.push((head.to_owned(), String::new()));
            } else if let Some((_, body)) = sections.last_mut() {
                body.push_str(line);
                body.push('\n');
            }
        }
        Self { path, sections, changed: Vec::new() }
    }

    /// The files of one kind, and those of both.
    pub(crate) fn files(&self, kind: &str) -> Files {
        let of_kind = self.sections.iter().filter_map(|(head, body)| {
            let (found, path) = head.split_once(' ')?;
            (found == kind || found == "both").then(|| (path.to_owned(), body.clone().into_bytes()))
        });
        of_kind.collect()
    }

    /// What the unit gives to its manifests.
    pub(crate) fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        for (head, body) in &self.sections {
            if let Some(name) = head.strip_prefix("variable ") {
                variables.set(name, body.trim_end_matches('\n')).unwrap();
            }
        }
        variables
    }

    /// What came of the addresses that the files name; nothing of those that the case does not tell.
    pub(crate) fn contents(&self, files: &Files, variables: &Variables) -> Contents {
        let told = |address: &str| {
            let (kind, body) = self.sections.iter().find_map(|(head, body)| {
                let (kind, told) = head.split_once(' ')?;
                (told == address).then_some((kind, body))
            })?;
            Some(match kind {
                "fetched" => Fetched::Fresh(body.clone().into_bytes()),
                "kept" => Fetched::Kept { bytes: body.clone().into_bytes(), why: "its server is down".to_owned() },
                "failed" => Fetched::Failed { why: body.trim_end().to_owned() },
                "unasked" => Fetched::Unasked,
                _ => return None,
            })
        };
        let named = addresses(files, variables).into_keys();
        named.filter_map(|address| told(address.whole()).map(|fetched| (address, fetched))).collect()
    }

    /// Compares what was found with the section of that name; nothing found needs no section.
    pub(crate) fn expect(&mut self, name: &str, found: &str) {
        let found = if found.is_empty() { String::new() } else { format!("{}\n", found.trim_end()) };
        let at = self.sections.iter().position(|(head, _)| head == name);
        let expected = at.map_or("", |at| self.sections[at].1.as_str());
        if expected == found {
            return;
        }
        self.changed.push(format!("--- {name}, expected:\n{expected}--- {name}, found:\n{found}"));
        match at {
            Some(at) if found.is_empty() => {
                self.sections.remove(at);
            }
            Some(at) => self.sections[at].1 = found,
            None => self.sections.push((name.to_owned(), found)),
        }
    }

    fn finish(self, failures: &mut String) {
        let Self { path, sections, changed } = self;
        if changed.is_empty() {
            return;
        }
        if std::env::var_os("UPDATE").is_some() {
            let text: String = sections.into_iter().map(|(head, body)| format!("=== {head}\n{body}")).collect();
            fs::write(&path, text).unwrap();
        }
        failures.push_str(&format!("{}\n{}\n", path.display(), changed.join("\n")));
    }
}
