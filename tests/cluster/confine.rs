//! The confined child of the agent under test.

use std::path::PathBuf;

use writ::confine::{Bounds, Child};

pub(crate) fn child() -> Child {
    Child { program: PathBuf::from(env!("CARGO_BIN_EXE_writ")), bounds: Bounds::default() }
}
