//! Compares a text with the file that holds what it should be. `UPDATE=1` writes the file instead, to be reviewed.

use std::path::{Path, PathBuf};

/// A path below `tests/data`.
pub(crate) fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/data").join(path)
}

/// Fails if the file does not hold `text`.
#[track_caller]
pub(crate) fn check_file(expected: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(expected, text).unwrap();
    }
    let wanted = std::fs::read_to_string(expected).unwrap_or_default();
    assert!(wanted == text, "{} should be\n{wanted}\nbut is\n{text}", expected.display());
}
