//! Holds what no compiler holds: who may import whom, how long a file may be, and which words do not stand in it.

use std::fs;
use std::path::{Path, PathBuf};

/// Longest Rust file, in lines.
const LINES_MAX: usize = 500;

/// Where code stands (a prefix of its path) and what it must not name, with the reason.
const IMPORTS: &[(&str, &[&str], &str)] = &[
    ("core/src", &["tokio", "std::fs", "std::env", "SystemTime", "Instant", "HashMap", "HashSet"], "core only decides"),
    ("core/src/plan", &["target", "bollard"], "a plan sees Observed, never a target"),
    ("core/src/trust", &["crate::model", "crate::dialect", "crate::plan"], "trust comes before content"),
    ("core/src/dialect/kubernetes", &["dialect::voodu", "dialect::openmcf"], "dialects do not know each other"),
    ("core/src/dialect/voodu", &["dialect::kubernetes", "dialect::openmcf"], "dialects do not know each other"),
    ("core/src/dialect/openmcf", &["dialect::kubernetes", "dialect::voodu"], "dialects do not know each other"),
    ("core/src/dialect", &["crate::plan", "crate::observed", "crate::holdings"], "dialects know no host"),
    ("agent/src/git", &["writ_core::model", "writ_core::plan", "crate::target"], "git knows no workloads"),
    ("agent/src/signature", &["writ_core::model", "writ_core::plan", "crate::target"], "signatures know no workloads"),
    ("agent/src/target/docker", &["target::simulated"], "targets do not import each other"),
    ("agent/src/target/simulated", &["target::docker", "target::kubernetes"], "targets do not import each other"),
    ("agent/src/target/kubernetes", &["target::docker", "target::simulated"], "targets do not import each other"),
    (
        "agent/src/target",
        &["crate::cycle", "crate::apply", "crate::record", "crate::cli"],
        "only cycle knows the order",
    ),
    (
        "agent/src/record",
        &["crate::cycle", "crate::apply", "crate::target", "crate::cli"],
        "only cycle knows the order",
    ),
    (
        "agent/src/report",
        &["crate::cycle", "crate::apply", "crate::target", "crate::cli"],
        "only cycle knows the order",
    ),
    (
        "agent/src/health",
        &["crate::cycle", "crate::apply", "crate::record", "crate::cli"],
        "only cycle knows the order",
    ),
    (
        "agent/src/confine",
        &["crate::cycle", "crate::target", "crate::record", "crate::settings", "crate::cli", "HashKey", "Buckets"],
        "whoever reads files learns no secret",
    ),
    (
        "agent/src/view",
        &["crate::cycle", "crate::apply", "crate::agent", "crate::target", "crate::web", "Store", "Batch"],
        "what is shown was found by others",
    ),
    (
        "agent/src/page",
        &["crate::cycle", "crate::apply", "crate::agent", "crate::target", "crate::web", "Store", "Batch"],
        "what is shown was found by others",
    ),
    (
        "agent/src/web",
        &[
            "crate::cycle",
            "crate::apply",
            "crate::agent",
            "crate::run",
            "crate::target",
            "crate::cli",
            "Store",
            "Batch",
        ],
        "whoever answers strangers can change nothing",
    ),
    ("agent/src/settings", &["crate::cycle", "crate::target", "crate::record", "crate::cli"], "settings know no one"),
];

/// What stands in one place only: the words, and the prefixes of the paths where they may stand.
const ONE_PLACE: &[(&[&str], &[&str], &str)] = &[
    (&["println!", "eprintln!", "print!(", "eprint!("], &["agent/src/cli", "agent/src/main.rs"], "only cli prints"),
    (&["toml::"], &["core/src/text/section.rs"], "one reader of TOML, which refuses what nobody asked for"),
    (
        &["engine.create_container(", "engine.create_volume(", "engine.create_network(", "engine.connect_network("],
        &["agent/src/target/docker/sent.rs"],
        "what is sent to an engine is judged where it is sent",
    ),
    (&["engine.import_image("], &["agent/src/target/docker/companion.rs"], "Writ loads one image: its own"),
    (&["SystemTime::now", "Instant::now"], &["agent/src/clock.rs"], "only the clock reads the clock"),
    (&["rusqlite"], &["agent/src/record"], "only the record knows its store"),
    (&["bollard"], &["agent/src/target/docker"], "only the Docker target knows the engine"),
    (&["kube::"], &["agent/src/target/kubernetes"], "only the target of clusters knows their servers"),
    (&["hyper::", "hyper_util::"], &["agent/src/web"], "one server, which can change nothing"),
    (&["gix::"], &["agent/src/git"], "only git knows the object database"),
    (&["thread::"], &["core/src/cores.rs", "agent/src"], "core starts threads in one place"),
];

/// Words that do not stand in code, tests, scripts or documents: what is unfinished is an issue, not a comment.
const FORBIDDEN: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("unimple", "mented!"),
    concat!("todo", "!("),
    concat!("#[ig", "nore"),
    concat!("assert!(", "true)"),
];

#[test]
fn every_import_goes_the_one_way() {
    let mut broken = Vec::new();
    for (path, text) in rust_files(&["core/src", "agent/src"]) {
        let code = without_tests(&text);
        for (prefix, names, reason) in IMPORTS.iter().filter(|(prefix, ..)| path.starts_with(prefix)) {
            let found = names.iter().filter(|name| names_word(&code, name));
            broken.extend(found.map(|name| format!("{path} names {name}, below {prefix}: {reason}")));
        }
        for (names, places, reason) in ONE_PLACE {
            let allowed = places.iter().any(|place| path.starts_with(place));
            let found = names.iter().filter(|name| !allowed && code.contains(**name));
            broken.extend(found.map(|name| format!("{path} names {name}: {reason}")));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_is_longer_than_the_limit() {
    let long = rust_files(&["core", "agent", "tests"]).into_iter().filter_map(|(path, text)| {
        let lines = text.lines().count();
        (lines > LINES_MAX).then(|| format!("{path} has {lines} lines; the limit is {LINES_MAX}"))
    });
    let long: Vec<String> = long.collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_module_begins_with_its_purpose() {
    let silent = rust_files(&["core/src", "agent", "tests"]).into_iter();
    let silent: Vec<String> = silent.filter(|(_, text)| !text.starts_with("//! ")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "no `//!` purpose on the first line of:\n{}", silent.join("\n"));
}

#[test]
fn no_forbidden_word_stands_anywhere() {
    let mut found = Vec::new();
    for (path, text) in files(&["."], &["rs", "sh", "md", "toml", "go", "yaml", "hcl", ""]) {
        for (number, line) in text.lines().enumerate() {
            let words = FORBIDDEN.iter().filter(|word| line.contains(**word));
            found.extend(words.map(|word| format!("{path}:{}: {word}", number + 1)));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_tests_run_with_the_oldest_rust_that_is_promised() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let value = |file: &str, key: &str| {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        line.split('"').nth(1).unwrap().to_owned()
    };
    let (promised, used) = (value("Cargo.toml", "rust-version"), value("rust-toolchain.toml", "channel"));
    assert!(used == promised || used.starts_with(&format!("{promised}.")), "{promised} is promised, {used} is used");
}

#[test]
fn a_word_is_found_whole_and_not_inside_another() {
    assert!(names_word("use std::time::Instant;", "Instant"));
    assert!(!names_word("Instantaneous", "Instant"));
    assert!(!names_word("// an Instant in a comment", "Instant"));
}

/// True if code, comments left aside, holds `word` with no letter on either side.
fn names_word(code: &str, word: &str) -> bool {
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.into_iter().any(|line| {
        line.match_indices(word).any(|(at, _)| {
            let before = line.get(..at).and_then(|before| before.chars().next_back());
            let after = line.get(at + word.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
        })
    })
}

fn is_letter(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The text up to the module of unit tests, which may do what code may not.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn rust_files(folders: &[&str]) -> Vec<(String, String)> {
    files(folders, &["rs"])
}

/// All files below the folders with one of the endings, by path from the root of the project.
fn files(folders: &[&str], endings: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let mut found = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &mut |path: PathBuf| {
            let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
            if let (true, Ok(text)) = (endings.contains(&ending.as_str()), fs::read_to_string(&path)) {
                let path = path.strip_prefix(&root).unwrap().to_string_lossy().trim_start_matches("./").to_owned();
                found.push((path, text));
            }
        });
    }
    assert!(!found.is_empty(), "the walk found no file below {folders:?}");
    found.sort();
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(PathBuf)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (name, path) = (entry.file_name(), entry.path());
        let skipped = ["target", ".git"].iter().any(|skip| name == *skip);
        if entry.file_type().unwrap().is_dir() {
            if !skipped {
                walk(&path, visit);
            }
        } else {
            visit(path);
        }
    }
}
