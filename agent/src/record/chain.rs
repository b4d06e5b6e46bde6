//! The hash chain of the journal: how a record is hashed, and how the chain is checked.
//!
//! A record's hash is SHA-256 over, in this order: the text `writ journal 1` and a zero byte; `sequence` and `time` as
//! 8 bytes each, big end first; then `kind`, `unit`, `commit`, `object`, `pod` and `body`, each as one byte (0 absent, 1
//! present) and, if present, its length in bytes as 8 bytes, big end first, and its bytes; then the 32 bytes of the
//! hash before. The first record's hash before is 32 zero bytes. No two different records have the same encoding.
//!
//! Invariant: a check reads one record at a time, so that its memory does not grow with the journal.

use std::fmt;

use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::RecordId;

/// A hash of the chain.
pub(super) type Hash = [u8; 32];

/// The hash before the first record.
pub(super) const GENESIS: Hash = [0; 32];

/// Digits of the head that stand in a commit status.
const SHORT_DIGITS: usize = 8;

/// The newest record of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 for a chain without records.
    pub record: RecordId,
    /// Its hash.
    pub hash: [u8; 32],
}

/// What a check of the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every record follows from the one before it.
    Whole {
        /// The newest record.
        head: Head,
    },
    /// It was tampered with or damaged.
    Broken {
        /// The first record that is not as it was written.
        record: RecordId,
        /// What is wrong with it.
        what: String,
    },
}

/// The columns of a record that its hash covers.
pub(super) struct Columns<'a> {
    pub(super) sequence: i64,
    pub(super) time: i64,
    pub(super) kind: &'a str,
    pub(super) unit: Option<&'a str>,
    pub(super) commit: Option<&'a str>,
    pub(super) object: Option<&'a str>,
    pub(super) pod: Option<&'a str>,
    pub(super) body: &'a str,
    pub(super) previous: &'a [u8],
}

impl Head {
    /// The whole hash in hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.hash)
    }

    /// The first eight digits, as commit statuses show them.
    #[must_use]
    pub fn short(&self) -> String {
        self.hex().chars().take(SHORT_DIGITS).collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { head } => write!(f, "the chain of {} records is whole; head {}", head.record, head.hex()),
            Self::Broken { record, what } => write!(f, "record {record}: {what}"),
        }
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash of a record.
pub(super) fn hash(columns: &Columns<'_>) -> Hash {
    let Columns { sequence, time, kind, unit, commit, object, pod, body, previous } = columns;
    let mut digest = Sha256::new();
    digest.update(b"writ journal 1\0");
    digest.update(sequence.to_be_bytes());
    digest.update(time.to_be_bytes());
    for text in [Some(*kind), *unit, *commit, *object, *pod, Some(*body)] {
        digest.update([u8::from(text.is_some())]);
        if let Some(text) = text {
            digest.update((text.len() as u64).to_be_bytes());
            digest.update(text.as_bytes());
        }
    }
    digest.update(previous);
    digest.finalize().into()
}

/// Walks the whole chain. `expected` is the beginning, in hexadecimal digits, of a hash that must stand in it: one that
/// was seen from outside, such as in a commit status.
pub(super) fn verify(connection: &Connection, expected: Option<&str>) -> rusqlite::Result<Verdict> {
    let mut statement = connection.prepare(
        "SELECT sequence, time, kind, unit, \"commit\", object, pod, body, previous, hash FROM journal ORDER BY sequence",
    )?;
    let mut rows = statement.query([])?;
    let mut head = Head { record: RecordId(0), hash: GENESIS };
    let mut met = expected.is_none();
    let broken = |record: i64, what: &str| Ok(Verdict::Broken { record: RecordId(record), what: what.to_owned() });
    while let Some(row) = rows.next()? {
        let next = head.record.0 + 1;
        let sequence: i64 = row.get(0)?;
        if sequence != next {
            return broken(next, &format!("it is missing; the next one is record {sequence}"));
        }
        let Some((previous, written, computed)) = read(row, sequence) else {
            return broken(sequence, "one of its columns is not of the type that was written");
        };
        if computed != written {
            return broken(sequence, "its contents do not give its hash: it was changed, inserted or moved");
        }
        if previous != head.hash {
            return broken(sequence, "it does not follow from the record before it: one of the two was exchanged");
        }
        head = Head { record: RecordId(sequence), hash: computed };
        met = met || expected.is_some_and(|expected| head.hex().starts_with(&expected.to_ascii_lowercase()));
    }
    // SQLite keeps the highest number ever given, which a plain removal at the end leaves behind.
    let given: Option<i64> =
        connection.query_row("SELECT max(seq) FROM sqlite_sequence WHERE name = 'journal'", [], |row| row.get(0))?;
    if let Some(given) = given.filter(|given| *given > head.record.0) {
        return broken(head.record.0 + 1, &format!("it is missing at the end; {given} records were written"));
    }
    if !met {
        let what = "no record up to the end has the head that was given: records are missing at the end, or this is \
                    another or an older journal";
        return broken(head.record.0 + 1, what);
    }
    Ok(Verdict::Whole { head })
}

/// The hash before, the hash as written and the hash as it must be; none if a column has another type.
fn read(row: &rusqlite::Row<'_>, sequence: i64) -> Option<(Hash, Hash, Hash)> {
    let text = |index: usize| row.get_ref(index).ok()?.as_str_or_null().ok();
    let hash_at = |index: usize| row.get_ref(index).ok()?.as_blob().ok()?.try_into().ok();
    let (previous, written): (Hash, Hash) = (hash_at(8)?, hash_at(9)?);
    let computed = hash(&Columns {
        sequence,
        time: row.get(1).ok()?,
        kind: text(2)??,
        unit: text(3)?,
        commit: text(4)?,
        object: text(5)?,
        pod: text(6)?,
        body: text(7)??,
        previous: &previous,
    });
    Some((previous, written, computed))
}
