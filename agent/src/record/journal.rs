//! Reading and growing the journal.
//!
//! Invariant: a record's number is the one before plus one; records are never changed or removed.

use std::fmt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use writ_core::model::ObjectId;
use writ_core::time::Timestamp;

use super::chain::{self, Columns, GENESIS, Hash, Head};
use super::error::{RecordError, database};
use super::event::{Event, WorkEvent};
use super::store::check_ours;
use super::walk::{Expected, Verdict};
use super::{StepRecord, wire, witness};
use crate::limits::HISTORY_RECORDS_DEFAULT;

/// The number of a record, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordId(pub i64);

/// The record of an intent, by which its outcome names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[must_use = "an intent waits for its outcome"]
pub struct IntentId(pub RecordId);

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub id: RecordId,
    /// When it was written.
    pub at: Timestamp,
    /// The name of its kind, as stored (`intent`, `commit-refused`).
    pub kind: String,
    /// What it tells.
    pub event: Event,
    /// What it tells, as stored: JSON.
    pub body: String,
    /// Its hash.
    pub hash: [u8; 32],
}

/// What a record is about, as the columns of the journal hold it beside the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The unit.
    pub unit: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The object.
    pub object: Option<String>,
    /// The pod.
    pub pod: Option<String>,
}

/// An intent without an outcome: the agent went away in between, or is at it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenIntent {
    /// Its record.
    pub id: IntentId,
    /// When it was written.
    pub at: Timestamp,
    /// The unit.
    pub unit: String,
    /// The commit; none for local files.
    pub commit: Option<String>,
    /// The step.
    pub step: StepRecord,
}

/// Which records to read; all conditions hold together.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this unit.
    pub unit: Option<String>,
    /// Of this object.
    pub object: Option<ObjectId>,
    /// Of this commit.
    pub commit: Option<String>,
    /// Of this kind, by stored name.
    pub kind: Option<&'static str>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Older than this record.
    pub before: Option<RecordId>,
    /// At most this many, the newest.
    pub newest: Option<u32>,
}

/// A journal opened to be read alone: a live one, or a copy of the file.
#[derive(Debug)]
pub struct Journal {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Record {
    /// What it is about: these stand in columns and not in the body.
    #[must_use]
    pub fn about(&self) -> About {
        let wire::Row { kind: _, unit, commit, object, pod, body: _ } = wire::write(&self.event);
        About { unit, commit, object, pod }
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Journal {
    /// Opens a journal's file, a copy included, and changes nothing about it.
    pub fn open_file(path: &Path) -> Result<Self, RecordError> {
        if !path.is_file() {
            return Err(RecordError::Absent { path: path.to_path_buf() });
        }
        check_ours(path)?;
        let wal = path.with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
        // Beside a log, the file may be in use, or be a copy together with its log: SQLite must read both. Alone it is
        // all there is, and may lie where nothing can be written.
        let immutable = if wal.exists() { "" } else { "?immutable=1" };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(format!("file:{}{immutable}", escape(path)), flags)
            .map_err(database("open", path))?;
        Ok(Self { connection, path: path.to_path_buf() })
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Walks the whole journal. `expected` is the beginning of a hash that must stand in it, as a commit status shows it.
    pub fn verify_chain(&self, expected: Option<&str>) -> Result<Verdict, RecordError> {
        self.verify(Expected { head: expected, signers: None })
    }

    /// Walks the whole journal, and checks it against what is known from outside.
    pub fn verify(&self, expected: Expected<'_>) -> Result<Verdict, RecordError> {
        let verdict = chain::verify(&self.connection, expected).map_err(database("verify the chain", &self.path))?;
        witness::beside(&self.connection, &self.path, verdict)
    }

    /// The newest record.
    pub fn head(&self) -> Result<Head, RecordError> {
        head(&self.connection).map_err(database("read the head", &self.path))
    }

    /// The records that the filter lets through, oldest first.
    pub fn history(&self, filter: &Filter) -> Result<Vec<Record>, RecordError> {
        history(&self.connection, &self.path, filter)
    }
}

/// A path as a URI of SQLite takes it.
fn escape(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt as _;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    let bytes = path.as_os_str().as_bytes().iter();
    bytes.map(|byte| if plain(byte) { char::from(*byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// The newest record of a connection's journal.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let newest = connection
        .prepare_cached("SELECT sequence, hash FROM journal ORDER BY sequence DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get::<_, Hash>(1)?)))
        .optional()?;
    let (record, hash) = newest.unwrap_or((0, GENESIS));
    Ok(Head { record: RecordId(record), hash })
}

/// Writes a record at the end.
pub(super) fn append(connection: &Connection, now: Timestamp, event: &Event) -> rusqlite::Result<Head> {
    let Head { record, hash: previous } = head(connection)?;
    let wire::Row { kind, unit, commit, object, pod, body } = wire::write(event);
    let sequence = record.0 + 1;
    let hash = chain::hash(&Columns {
        sequence,
        time: now.0,
        kind: &kind,
        unit: unit.as_deref(),
        commit: commit.as_deref(),
        object: object.as_deref(),
        pod: pod.as_deref(),
        body: &body,
        previous: &previous,
    });
    connection
        .prepare_cached(
            "INSERT INTO journal (sequence, time, kind, unit, \"commit\", object, pod, body, previous, hash) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![sequence, now.0, kind, unit, commit, object, pod, body, previous, hash])?;
    Ok(Head { record: RecordId(sequence), hash })
}

/// The number of an equal record after which nothing was done to its subject; none if it would be news.
pub(super) fn standing(connection: &Connection, event: &Event) -> rusqlite::Result<Option<RecordId>> {
    let wire::Row { kind, unit, commit, object, pod, body } = wire::write(event);
    let equal: Option<i64> = connection
        .prepare_cached(
            "SELECT max(sequence) FROM journal WHERE kind = ?1 AND unit IS ?2 AND object IS ?3 AND pod IS ?4 \
             AND \"commit\" IS ?5 AND body = ?6",
        )?
        .query_row(params![kind, unit, object, pod, commit, body], |row| row.get(0))?;
    let Some(equal) = equal else { return Ok(None) };
    let mut done: Option<i64> = None;
    for mark in wire::MARKS {
        let newest: Option<i64> = connection
            .prepare_cached("SELECT max(sequence) FROM journal WHERE kind = ?1 AND unit IS ?2 AND object IS ?3")?
            .query_row(params![mark, unit, object], |row| row.get(0))?;
        done = done.max(newest);
    }
    Ok(done.is_none_or(|done| done <= equal).then_some(RecordId(equal)))
}

/// The records that a filter lets through, oldest first.
pub(super) fn history(connection: &Connection, path: &Path, filter: &Filter) -> Result<Vec<Record>, RecordError> {
    let Filter { unit, object, commit, kind, since, before, newest } = filter;
    let mut conditions = Vec::new();
    let mut values: Vec<Box<dyn rusqlite::ToSql>> = Vec::new();
    let mut want = |condition: &str, value: Box<dyn rusqlite::ToSql>| {
        values.push(value);
        conditions.push(format!("{condition} ?{}", values.len()));
    };
    if let Some(unit) = unit {
        want("unit =", Box::new(unit.clone()));
    }
    if let Some(object) = object {
        want("object =", Box::new(object.to_string()));
    }
    if let Some(commit) = commit {
        want("\"commit\" =", Box::new(commit.clone()));
    }
    if let Some(kind) = kind {
        want("kind =", Box::new(*kind));
    }
    if let Some(Timestamp(since)) = since {
        want("time >=", Box::new(*since));
    }
    if let Some(RecordId(before)) = before {
        want("sequence <", Box::new(*before));
    }
    conditions.push("1".to_owned());
    let sql = format!(
        "SELECT sequence, time, kind, unit, \"commit\", object, pod, body, hash FROM journal WHERE {} \
         ORDER BY sequence DESC LIMIT {}",
        conditions.join(" AND "),
        newest.unwrap_or(HISTORY_RECORDS_DEFAULT),
    );
    let doing = || database("read the history", path);
    let mut statement = connection.prepare(&sql).map_err(doing())?;
    let mut rows = statement.query(rusqlite::params_from_iter(values)).map_err(doing())?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let (id, at, hash, row) = raw(row).map_err(doing())?;
        records.push(record(path, id, at, hash, row)?);
    }
    records.reverse();
    Ok(records)
}

/// The records after one, oldest first, and no more than `most`.
pub(super) fn after(
    connection: &Connection,
    path: &Path,
    after: RecordId,
    most: u32,
) -> Result<Vec<Record>, RecordError> {
    let doing = || database("read on in the journal", path);
    let mut statement = connection
        .prepare_cached(
            "SELECT sequence, time, kind, unit, \"commit\", object, pod, body, hash FROM journal WHERE sequence > ?1 \
             ORDER BY sequence LIMIT ?2",
        )
        .map_err(doing())?;
    let rows = statement.query_map(params![after.0, most], raw).map_err(doing())?;
    let read = |row: rusqlite::Result<Raw>| {
        let (id, at, hash, row) = row.map_err(doing())?;
        record(path, id, at, hash, row)
    };
    rows.map(read).collect()
}

/// Intents that wait for their outcome, oldest first.
pub(super) fn open_intents(connection: &Connection, path: &Path) -> Result<Vec<OpenIntent>, RecordError> {
    let doing = || database("read the open intents", path);
    let mut statement = connection
        .prepare_cached(
            "SELECT sequence, time, kind, unit, \"commit\", object, pod, body, hash FROM journal \
             WHERE sequence IN (SELECT sequence FROM intents) ORDER BY sequence",
        )
        .map_err(doing())?;
    let mut rows = statement.query([]).map_err(doing())?;
    let mut open = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        let (id, at, hash, row) = raw(row).map_err(doing())?;
        let Record { id, at, kind, event, body: _, hash: _ } = record(path, id, at, hash, row)?;
        let Event::Work(WorkEvent::Intent { unit, commit, step }) = event else {
            let detail = format!("it is listed as an open intent and is of the kind {kind}");
            return Err(RecordError::Meaning { path: path.to_path_buf(), row: format!("record {id}"), detail });
        };
        open.push(OpenIntent { id: IntentId(id), at, unit, commit, step });
    }
    Ok(open)
}

type Raw = (RecordId, Timestamp, Hash, wire::Row);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    let columns = wire::Row {
        kind: row.get(2)?,
        unit: row.get(3)?,
        commit: row.get(4)?,
        object: row.get(5)?,
        pod: row.get(6)?,
        body: row.get(7)?,
    };
    Ok((RecordId(row.get(0)?), Timestamp(row.get(1)?), row.get(8)?, columns))
}

fn record(path: &Path, id: RecordId, at: Timestamp, hash: Hash, row: wire::Row) -> Result<Record, RecordError> {
    let event = wire::read(&row).map_err(|detail| RecordError::Meaning {
        path: path.to_path_buf(),
        row: format!("record {id}"),
        detail,
    })?;
    Ok(Record { id, at, kind: row.kind, event, body: row.body, hash })
}
