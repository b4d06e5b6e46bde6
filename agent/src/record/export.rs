//! The journal as lines of JSON, so that whoever reads it needs no SQLite: writing them, and checking them again.
//!
//! The first line says what follows; then comes one line for each record with all that its hash covers, the hash before
//! it and its own; behind a record stands its checkpoint, if it has one; the last line closes the export. Records that
//! were not asked for are shown by their hashes alone, which the trees of the checkpoints prove to be right.
//!
//! Invariant: what is written is what is stored; nothing is checked or mended on the way.

use std::io::{self, BufRead, Read as _, Write};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use writ_core::time::Timestamp;

use super::chain::{self, COLUMNS, Columns, GENESIS, Hash, Head, Kept, hex, unhex};
use super::checkpoint::Sealed;
use super::error::{RecordError, database};
use super::host_key::store_name;
use super::seal::HostKey;
use super::tree::Peaks;
use super::walk::{Expected, Fault, Stop, Verdict, Walk};
use super::{Journal, RecordId, wire};
use crate::limits::EXPORT_LINE_BYTES_MAX;

/// The name of this form.
const SCHEMA: &str = "writ/audit-export/v1";

/// Which records an export shows in full. Those that tell of the store and its keys are always shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt {
    /// Of this unit.
    pub unit: Option<String>,
    /// From the first record on that is not older than this.
    pub since: Option<Timestamp>,
}

/// Why an export was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The record could not be read.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The lines could not be written.
    #[error("cannot write the export")]
    Write(#[source] io::Error),
}

/// A hash, written as hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Hex(pub(super) Hash);

impl From<Hex> for String {
    fn from(Hex(hash): Hex) -> Self {
        hex(&hash)
    }
}

impl TryFrom<String> for Hex {
    type Error = &'static str;

    fn try_from(digits: String) -> Result<Self, &'static str> {
        unhex(&digits).map(Self).ok_or("a hash is 64 hexadecimal digits in lower case")
    }
}

/// A record with all that its hash covers. `time` is in milliseconds since 1970, `body` is the stored text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    pub(super) record: i64,
    pub(super) time: i64,
    pub(super) kind: String,
    pub(super) unit: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) object: Option<String>,
    pub(super) pod: Option<String>,
    pub(super) body: String,
    pub(super) previous: Hex,
    pub(super) hash: Hex,
}

impl Line {
    pub(super) fn of(kept: &Kept<'_>) -> Option<Self> {
        let Kept { columns, written } = kept;
        let Columns { sequence, time, kind, unit, commit, object, pod, body, previous } = columns;
        let owned = |text: &Option<&str>| text.map(str::to_owned);
        Some(Self {
            record: *sequence,
            time: *time,
            kind: (*kind).to_owned(),
            unit: owned(unit),
            commit: owned(commit),
            object: owned(object),
            pod: owned(pod),
            body: (*body).to_owned(),
            previous: Hex((*previous).try_into().ok()?),
            hash: Hex(*written),
        })
    }

    pub(super) fn columns(&self) -> Columns<'_> {
        let Self { record, time, kind, unit, commit, object, pod, body, previous, hash: _ } = self;
        Columns {
            sequence: *record,
            time: *time,
            kind,
            unit: unit.as_deref(),
            commit: commit.as_deref(),
            object: object.as_deref(),
            pod: pod.as_deref(),
            body,
            previous: &previous.0,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    schema: String,
    store: String,
    unit: Option<String>,
    since: Option<String>,
    start: Start,
}

/// What stands in place of the records before the first that is shown.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    record: u32,
    hash: Hex,
    peaks: Vec<Hex>,
    key: Option<String>,
}

/// Any line but the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Entry {
    Record(Box<Line>),
    LeftOut(LeftOut),
    Checkpoint(Seal),
    Last(Last),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOut {
    left_out: i64,
    hash: Hex,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    checkpoint: i64,
    text: String,
    signature: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    records: i64,
    head: Hex,
}

impl Journal {
    /// Writes the journal as lines of JSON, as it is at this moment. Gives how many records are shown in full.
    pub fn export(&self, excerpt: &Excerpt, out: &mut dyn Write) -> Result<u64, ExportError> {
        let reading = || database("export", &self.path);
        // One transaction, so that an agent that goes on writing does not change what is read.
        let transaction = self.connection.unchecked_transaction().map_err(reading())?;
        write(&transaction, excerpt, out).map_err(|stop| match stop {
            Stop::Failed(Trouble::Database(error)) => reading()(error).into(),
            Stop::Failed(Trouble::Write(error)) => ExportError::Write(error),
            Stop::Fault(Fault { record, what }) => {
                let (path, row) = (self.path.clone(), format!("record {record}"));
                RecordError::Meaning { path, row, detail: what }.into()
            }
        })
    }
}

/// What can fail on the way.
#[derive(Debug)]
enum Trouble {
    Database(rusqlite::Error),
    Write(io::Error),
}

impl From<rusqlite::Error> for Stop<Trouble> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(Trouble::Database(error))
    }
}

impl From<io::Error> for Stop<Trouble> {
    fn from(error: io::Error) -> Self {
        Self::Failed(Trouble::Write(error))
    }
}

fn write(connection: &Connection, excerpt: &Excerpt, out: &mut dyn Write) -> Result<u64, Stop<Trouble>> {
    let Excerpt { unit, since } = excerpt;
    let first = before(connection, *since)?;
    let start = i64::from(first.record);
    let (mut head, mut shown) = (Last { records: start, head: first.hash }, 0);
    let (store, since) = (store_name(connection)?, since.map(|since| since.to_string()));
    line(out, &First { schema: SCHEMA.to_owned(), store, unit: unit.clone(), since, start: first })?;
    let mut statement =
        connection.prepare(&format!("SELECT {COLUMNS} FROM journal WHERE sequence > ?1 ORDER BY sequence"))?;
    let mut rows = statement.query([start])?;
    let mut statement = chain::seals(connection, start + 1)?;
    let mut seals = statement.as_mut().map(|statement| statement.query([])).transpose()?;
    let mut seal = chain::next_seal(&mut seals)?;
    while let Some(row) = rows.next()? {
        let record: i64 = row.get(0)?;
        let wrong = |what: &str| Fault::new(record, what);
        let of_type = "one of its columns is not of the type that was written";
        let entry = Kept::read(row).as_ref().and_then(Line::of).ok_or_else(|| wrong(of_type))?;
        head = Last { records: record, head: entry.hash };
        if is_shown(&entry, unit.as_deref()) {
            shown += 1;
            line(out, &entry)?;
        } else {
            line(out, &LeftOut { left_out: record, hash: entry.hash })?;
        }
        while let Some((of, sealed)) = seal.take_if(|(of, _)| *of <= record) {
            let Sealed { text, signature } =
                sealed.ok_or_else(|| wrong("its checkpoint is not of the type that was written"))?;
            line(out, &Seal { checkpoint: of, text, signature })?;
            seal = chain::next_seal(&mut seals)?;
        }
    }
    line(out, &head)?;
    out.flush()?;
    Ok(shown)
}

fn is_shown(entry: &Line, unit: Option<&str>) -> bool {
    let of_keys = [wire::KEY_MADE, wire::KEY_ROTATED, wire::KEY_REPLACED].contains(&entry.kind.as_str());
    unit.is_none_or(|unit| entry.unit.as_deref() == Some(unit)) || of_keys || entry.record == 1
}

/// What stands in place of the records before a moment.
fn before(connection: &Connection, since: Option<Timestamp>) -> rusqlite::Result<Start> {
    let nothing = Start { record: 0, hash: Hex(GENESIS), peaks: Vec::new(), key: None };
    let Some(Timestamp(since)) = since else { return Ok(nothing) };
    let mut statement = connection.prepare("SELECT sequence, time, kind, hash, body FROM journal ORDER BY sequence")?;
    let mut rows = statement.query([])?;
    let (mut start, mut peaks) = (nothing, Peaks::default());
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= since {
            break;
        }
        let row_of = wire::Row { kind: row.get(2)?, body: row.get(4)?, ..wire::Row::default() };
        start.key = super::host_key::key_of(&row_of).or(start.key);
        start.hash = Hex(row.get(3)?);
        start.record = row.get(0)?;
        peaks.push(&start.hash.0);
    }
    start.peaks = peaks.roots().iter().copied().map(Hex).collect();
    Ok(start)
}

fn line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Checks an export, and the journal that it shows.
///
/// # Errors
/// If it cannot be read. What is no export is a verdict.
pub fn verify_export(from: &mut dyn BufRead, expected: Expected<'_>) -> io::Result<Verdict> {
    Verdict::of(read(&mut Lines { from, number: 0 }, expected))
}

/// Lines, counted.
struct Lines<'a> {
    from: &'a mut dyn BufRead,
    number: u64,
}

impl Lines<'_> {
    /// The next line, understood; none at the end. `record` is the one to name if it is not understood.
    fn next<T: for<'de> Deserialize<'de>>(&mut self, record: i64) -> Result<Option<T>, Stop<io::Error>> {
        let mut line = Vec::new();
        (&mut *self.from).take(EXPORT_LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        self.number += 1;
        let number = self.number;
        let fault = |what: &str| Fault::new(record, format!("line {number} of the export {what}"));
        if line.is_empty() {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            let what = if line.len() as u64 > EXPORT_LINE_BYTES_MAX { "is too long" } else { "is cut off" };
            return Err(fault(what).into());
        }
        Ok(Some(serde_json::from_slice(&line).map_err(|_| fault("cannot be understood"))?))
    }
}

fn read(lines: &mut Lines<'_>, expected: Expected<'_>) -> Result<Verdict, Stop<io::Error>> {
    let First { schema, store, unit: _, since: _, start } =
        lines.next(1)?.ok_or_else(|| Fault::new(1, "the export is empty"))?;
    if schema != SCHEMA {
        return Err(Fault::new(1, format!("line 1 of the export is of the form {schema}, not {SCHEMA}")).into());
    }
    let mut walk = begin(expected, store, start)?;
    loop {
        let next = walk.next();
        let entry = lines.next(next)?.ok_or_else(|| Fault::new(next, "it is missing; the export has no last line"))?;
        match entry {
            Entry::Record(line) => walk.record(&line.columns(), line.hash.0)?,
            Entry::LeftOut(LeftOut { left_out, hash }) => walk.left_out(left_out, hash.0)?,
            Entry::Checkpoint(Seal { checkpoint, text, signature }) => {
                walk.seal(checkpoint, &Sealed { text, signature })?;
            }
            Entry::Last(Last { records, head }) => {
                walk.closes(records, head.0)?;
                break;
            }
        }
    }
    let next = walk.next();
    if lines.next::<serde_json::Value>(next)?.is_some() {
        return Err(Fault::new(next, "the export goes on behind its last line").into());
    }
    Ok(walk.end(&[])?)
}

fn begin(expected: Expected<'_>, store: String, start: Start) -> Result<Walk<'_>, Fault> {
    let Start { record, hash, peaks, key } = start;
    let fault = |what: &str| Fault::new(1, format!("line 1 of the export {what}"));
    if record == 0 {
        return Ok(Walk::new(expected));
    }
    let peaks = Peaks::restored(u64::from(record), peaks.into_iter().map(|Hex(peak)| peak).collect());
    let peaks = peaks.ok_or_else(|| fault("has not the hashes that stand for the records before"))?;
    let key = key.map(|key| HostKey::parse(&key).ok_or_else(|| fault("names a host key that is none"))).transpose()?;
    let head = Head { record: RecordId(record.into()), hash: hash.0 };
    Ok(Walk::behind(expected, store, head, peaks, key))
}
