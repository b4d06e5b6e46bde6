//! Holds the documents to the program: what is generated is current, what is an example works, what is named exists.

mod claims;
mod fields;
mod guard;
mod manifests;
mod security;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The part of a document between the marks `<!-- NAME: begin -->` and `<!-- NAME: end -->`.
fn part<'a>(document: &'a str, name: &str) -> &'a str {
    let (_, rest) = document.split_once(&format!("<!-- {name}: begin -->\n")).unwrap();
    rest.split_once(&format!("<!-- {name}: end -->")).unwrap().0
}

/// Fails if that part of the document is not `text`. `UPDATE=1` writes it.
fn check_part(path: &str, name: &str, text: &str) {
    let document = read(path);
    let old = part(&document, name);
    if old == text {
        return;
    }
    if std::env::var_os("UPDATE").is_some() {
        let mark = format!("<!-- {name}: begin -->\n");
        fs::write(root().join(path), document.replacen(&format!("{mark}{old}"), &format!("{mark}{text}"), 1)).unwrap();
    }
    let line = old.lines().zip(text.lines()).find(|(old, new)| old != new);
    panic!("{path} is stale; UPDATE=1 writes it. The first line that differs: {line:?}");
}

/// The names in backquotes of one text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Every test there is: its name, and its file from the top of the repository.
fn tests() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for folder in ["tests", "core/src", "agent/src"] {
        rust_files(&root().join(folder), folder, &mut files);
    }
    let mut tests = Vec::new();
    for (path, text) in files {
        let mut marked = false;
        for line in text.lines().map(str::trim_start) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                marked = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|(before, _)| marked && is_start(before)) {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                tests.push((name.to_owned(), path.clone()));
                marked = false;
            }
        }
    }
    tests.sort();
    tests
}

fn is_start(before: &str) -> bool {
    matches!(before, "" | "async ")
}

fn rust_files(folder: &Path, shown: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let shown = format!("{shown}/{}", entry.file_name().to_string_lossy());
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, &shown, files);
        } else if shown.ends_with(".rs") {
            files.push((shown, fs::read_to_string(path).unwrap()));
        }
    }
}

/// Every document, from the top of the repository, with its text.
fn documents() -> Vec<(PathBuf, String)> {
    let folders = ["", "docs", "decisions", "examples"].map(|folder| root().join(folder));
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let documents = entries.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    documents.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in documents() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let headings = || fs::read_to_string(&target).unwrap_or_default();
            let is_there = file.starts_with("https://") || target.exists();
            if !is_there || !anchor.is_empty() && !headings().lines().any(|line| anchor_of(line) == anchor) {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "these lead nowhere:\n{}", broken.join("\n"));
}

/// What a forge calls a heading in links.
fn anchor_of(line: &str) -> String {
    let words = line.trim_start_matches('#').trim().to_lowercase();
    if line.starts_with('#') {
        let kept = words.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        return kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect();
    }
    String::new()
}
