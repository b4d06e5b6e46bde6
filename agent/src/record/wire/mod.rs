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

/// What let an admitted commit change its paths: missing where nothing had to, and in all that was written before it was kept.
const ALLOWED: &str = "allowed";

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

/// Every kind of record, by its stored name.
pub const KINDS: [&str; 41] = [
    "store-made",
    "store-migrated",
    "agent-started",
    "agent-stopped",
    KEY_MADE,
    KEY_ROTATED,
    KEY_REPLACED,
    "enrolled",
    "admitted",
    "commit-refused",
    "commit-unchecked",
    "floor-set",
    "split-view",
    "rewound",
    "intent",
    "outcome",
    "held",
    "released",
    "refused",
    "failed",
    "drift",
    "image-pulled",
    "backup-made",
    "outputs",
    "probe-restart",
    "pass-ended",
    "suspended",
    "resumed",
    "overridden",
    "unsigned-apply",
    "pruned",
    "volume-backed-up",
    "volume-restoring",
    "volume-restored",
    "volume-destroyed",
    "config-set",
    "config-unset",
    "status-enqueued",
    "status-sent",
    "status-given-up",
    "forge-postponed",
];

/// The kind of that name.
#[must_use]
pub fn kind_named(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| *kind == name)
}

/// Kinds after which what was told before about the same unit and object is news again.
pub(super) const MARKS: [&str; 6] = ["intent", "held", "released", "enrolled", "admitted", "resumed"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_to_the_reader_and_every_kind_that_the_writer_names_is_one() {
        for kind in KINDS {
            let row = Row { kind: kind.to_owned(), body: "{\"v\":1}".to_owned(), ..Row::default() };
            let said = read(&row).err().unwrap_or_default();
            assert!(!said.contains("there is no kind"), "{kind}");
        }
        let writer = include_str!("write.rs");
        let named: Vec<&str> =
            writer.split("Draft::new(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() >= 25, "{named:?}");
        assert_eq!(named.into_iter().find(|kind| kind_named(kind).is_none()), None);
        assert_eq!(kind_named("refusal"), None);
    }
}
