//! Files are read by a child that can reach nothing, and whatever it does ends as a value.

mod hostile;
mod inside;
mod outside;
mod pass;
mod stand_in;

use std::path::PathBuf;

use writ::confine::{Bounds, Child};
use writ_core::dialect::Files;

const WRIT: &str = env!("CARGO_BIN_EXE_writ");

/// Children of the real program, as the agent starts them. A test is another program than the agent, and many run at
/// once: what is bounded is the time of a processor.
pub(crate) fn child() -> Child {
    let bounds = Bounds { seconds: 600, ..Bounds::default() };
    Child { program: PathBuf::from(WRIT), bounds }
}

fn files(texts: &[(&str, &str)]) -> Files {
    texts.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
}
