//! The hash chain of the journal: how a record is hashed, and how the chain is checked.
//!
//! A record's hash is SHA-256 over, in this order: the text `writ journal 1` and a zero byte; `sequence` and `time` as
//! 8 bytes each, big end first; then `kind`, `unit`, `commit`, `object`, `pod` and `body`, each as one byte (0 absent, 1
//! present) and, if present, its length in bytes as 8 bytes, big end first, and its bytes; then the 32 bytes of the
//! hash before. The first record's hash before is 32 zero bytes. No two different records have the same encoding.
//!
//! Invariant: a check reads one record at a time, so that its memory does not grow with the journal.

use rusqlite::{Connection, Rows, Statement};
use sha2::{Digest as _, Sha256};

use super::RecordId;
use super::checkpoint::Sealed;
use super::walk::{Expected, Fault, Stop, Verdict, Walk};

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

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A hash from its 64 hexadecimal digits in lower case; none if it is spelled otherwise.
pub(super) fn unhex(digits: &str) -> Option<Hash> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut hash = GENESIS;
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = (value(pair[0])? << 4) | value(pair[1])?;
    }
    Some(hash)
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

/// A stored record: its columns, and its hash as it was written.
pub(super) struct Kept<'a> {
    pub(super) columns: Columns<'a>,
    pub(super) written: Hash,
}

/// The columns that [`Kept::read`] reads, in its order.
pub(super) const COLUMNS: &str = "sequence, time, kind, unit, \"commit\", object, pod, body, previous, hash";

/// Walks the whole journal of a database. An agent that goes on writing meanwhile does not change what is read.
pub(super) fn verify(connection: &Connection, expected: Expected<'_>) -> rusqlite::Result<Verdict> {
    let transaction = connection.unchecked_transaction()?;
    Verdict::of(walk(&transaction, expected))
}

fn walk(connection: &Connection, expected: Expected<'_>) -> Result<Verdict, Stop<rusqlite::Error>> {
    let mut walk = Walk::new(expected);
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} FROM journal ORDER BY sequence"))?;
    let mut rows = statement.query([])?;
    let mut statement = seals(connection, EVERY)?;
    let mut seals = statement.as_mut().map(|statement| statement.query([])).transpose()?;
    let mut seal = next_seal(&mut seals)?;
    while let Some(row) = rows.next()? {
        let sequence: i64 = row.get(0)?;
        let Some(Kept { columns, written }) = Kept::read(row) else {
            return Err(Fault::new(sequence, "one of its columns is not of the type that was written").into());
        };
        walk.record(&columns, written)?;
        while let Some((record, sealed)) = seal.take_if(|(record, _)| *record <= sequence) {
            let unreadable = || Fault::new(record, "its checkpoint: it is not of the type that was written");
            walk.seal(record, &sealed.ok_or_else(unreadable)?)?;
            seal = next_seal(&mut seals)?;
        }
    }
    // SQLite keeps the highest number ever given, which a plain removal at the end leaves behind.
    let given: Option<i64> =
        connection.query_row("SELECT max(seq) FROM sqlite_sequence WHERE name = 'journal'", [], |row| row.get(0))?;
    let known = [
        (given.unwrap_or_default(), "{} records were written"),
        (seal.map_or(0, |(record, _)| record), "a checkpoint is about record {}"),
    ];
    Ok(walk.end(&known)?)
}

/// Below the number of any checkpoint, those of no record included.
pub(super) const EVERY: i64 = -i64::MAX;

/// The checkpoints of records from `from` on, in their order; none if the database is of a time before there were any.
pub(super) fn seals(connection: &Connection, from: i64) -> rusqlite::Result<Option<Statement<'_>>> {
    let table = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'checkpoints'";
    if connection.query_row(table, [], |row| row.get::<_, i64>(0))? == 0 {
        return Ok(None);
    }
    let sql = format!("SELECT record, text, signature FROM checkpoints WHERE record >= {from} ORDER BY record");
    connection.prepare(&sql).map(Some)
}

/// The next checkpoint and its record; no checkpoint if its columns are not of their type.
pub(super) fn next_seal(rows: &mut Option<Rows<'_>>) -> rusqlite::Result<Option<(i64, Option<Sealed>)>> {
    let Some(rows) = rows else { return Ok(None) };
    let Some(row) = rows.next()? else { return Ok(None) };
    let text = |index: usize| row.get::<_, String>(index).ok();
    let sealed = text(1).zip(text(2)).map(|(text, signature)| Sealed { text, signature });
    Ok(Some((row.get(0)?, sealed)))
}

impl<'a> Kept<'a> {
    /// Reads a row of [`COLUMNS`]; none if a column has another type than was written.
    pub(super) fn read(row: &'a rusqlite::Row<'_>) -> Option<Self> {
        let text = |index: usize| row.get_ref(index).ok()?.as_str_or_null().ok();
        let bytes = |index: usize| row.get_ref(index).ok()?.as_blob().ok();
        let columns = Columns {
            sequence: row.get(0).ok()?,
            time: row.get(1).ok()?,
            kind: text(2)??,
            unit: text(3)?,
            commit: text(4)?,
            object: text(5)?,
            pod: text(6)?,
            body: text(7)??,
            previous: bytes(8)?,
        };
        let written = bytes(9)?.try_into().ok()?;
        (columns.previous.len() == GENESIS.len()).then_some(Self { columns, written })
    }
}
