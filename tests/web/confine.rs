//! The confined children of an agent in a test's process.

use std::path::PathBuf;

use writ::confine::{Bounds, Child};

/// Children of the real program.
pub(crate) fn child() -> Child {
    Child { program: PathBuf::from(env!("CARGO_BIN_EXE_writ")), bounds: Bounds::default() }
}
