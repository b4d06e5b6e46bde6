//! The unit for systemd in `deploy/systemd` is one that systemd understands, and as closed as its document says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const UNIT: &str = include_str!("../../deploy/systemd/writ.service");
const DOCUMENT: &str = include_str!("../../docs/systemd.md");

/// Where the unit says that the program is.
const INSTALLED: &str = "/usr/local/bin/writ";

/// A unit in a folder of its own, with the program that was built in the place of an installed one.
fn written(folder: &Path, unit: &str) -> PathBuf {
    let path = folder.join("writ.service");
    std::fs::write(&path, unit.replace(INSTALLED, env!("CARGO_BIN_EXE_writ"))).unwrap();
    path
}

fn analyze(words: &[&str], unit: &Path) -> Output {
    let analyze = Command::new("systemd-analyze").args(words).arg(unit).output();
    analyze.expect("no systemd-analyze here: `tests/setup/tools systemd` installs it")
}

/// What systemd complains of in a unit.
fn complaints(unit: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let done = analyze(&["verify", "--man=no"], &written(folder.path(), unit));
    String::from_utf8_lossy(&done.stderr).into_owned()
}

#[test]
fn systemd_understands_each_line_of_the_unit_and_would_tell_one_that_it_does_not() {
    assert_eq!(complaints(UNIT), "");
    let unknown = complaints(&UNIT.replace("UMask=", "UMusk="));
    assert!(unknown.contains("UMusk"), "{unknown}");
    let call = complaints(&UNIT.replace("landlock_add_rule", "landlock_add_ruler"));
    assert!(call.contains("landlock_add_ruler"), "{call}");
}

/// How exposed systemd finds a unit, from 0 to 10.
fn exposure(unit: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let done = analyze(&["security", "--offline=yes", "--no-pager"], &written(folder.path(), unit));
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let line = said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_else(|| panic!("{said}"));
    let number = line.rsplit_once(": ").unwrap().1;
    number.split(' ').next().unwrap().to_owned()
}

#[test]
fn the_unit_is_as_closed_as_its_document_says_and_an_open_one_is_told_apart() {
    let told = exposure(UNIT);
    assert!(DOCUMENT.contains(&format!("finds it exposed by {told} of 10")), "{told}");
    let open = UNIT.lines().filter(|line| !line.starts_with("SystemCallFilter=")).collect::<Vec<_>>().join("\n");
    let number = |exposure: &str| exposure.parse::<f64>().unwrap();
    assert!(number(&exposure(&open)) > number(&told) + 1.0);
}
