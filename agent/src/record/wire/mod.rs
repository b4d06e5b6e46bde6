//! The stored form of events: columns and a body of JSON.
//!
//! The body is an object whose keys are sorted, without spaces, and `v` is the version of its form. A form once stored
//! stays readable for ever. Held by the kept files below `tests/data/record`.

mod read;
mod write;

pub(super) use read::read;
pub(super) use write::write;

/// The version of every body that is written now.
const VERSION: u64 = 1;

/// The kinds that tell of host keys: a check of the journal reads these and no others.
pub(super) const KEY_MADE: &str = "host-key-made";
pub(super) const KEY_ROTATED: &str = "host-key-rotated";
pub(super) const KEY_REPLACED: &str = "host-key-replaced";

/// An event as it stands in the journal, without what places it in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Row {
    pub(super) kind: String,
    pub(super) unit: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) object: Option<String>,
    pub(super) pod: Option<String>,
    pub(super) body: String,
}

/// Kinds after which what was told before about the same unit and object is news again.
pub(super) const MARKS: [&str; 6] = ["intent", "held", "released", "enrolled", "admitted", "resumed"];
