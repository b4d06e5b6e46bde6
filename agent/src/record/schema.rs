//! The tables, and the way from each older schema to this one.
//!
//! Invariant: a migration, once released, is never edited; a new one is added behind it.

use rusqlite::{Connection, Transaction};

/// Marks a database file as ours: the letters `WRIT`. Source: `PRAGMA application_id` of SQLite.
pub(super) const APPLICATION_ID: u32 = 0x5752_4954;

/// The newest schema, which is the number of migrations.
#[expect(clippy::cast_possible_truncation, reason = "a handful of migrations")]
pub(super) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Migration `n` leads from schema `n` to schema `n + 1`.
const MIGRATIONS: &[&str] = &[V1, V2, CHECKPOINTS, REWINDS, SEALED_BUCKETS, ALERTS, SENT, REMARKS];

const V1: &str = r#"
CREATE TABLE journal (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    time     INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    unit     TEXT,
    "commit" TEXT,
    object   TEXT,
    pod      TEXT,
    body     TEXT NOT NULL,
    previous BLOB NOT NULL,
    hash     BLOB NOT NULL
) STRICT;
CREATE INDEX journal_by_kind ON journal (kind, unit, object);
CREATE INDEX journal_by_object ON journal (object) WHERE object IS NOT NULL;
CREATE TRIGGER journal_keeps_records BEFORE DELETE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;
CREATE TRIGGER journal_keeps_contents BEFORE UPDATE ON journal
    BEGIN SELECT RAISE(ABORT, 'the journal only grows'); END;
CREATE TRIGGER journal_grows_at_its_end BEFORE INSERT ON journal
    WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM journal)
    BEGIN SELECT RAISE(ABORT, 'the journal grows at its end only'); END;

-- Records of intents that have no outcome yet.
CREATE TABLE intents (sequence INTEGER PRIMARY KEY REFERENCES journal) STRICT;

CREATE TABLE keys (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE holdings (
    unit     TEXT NOT NULL,
    object   TEXT NOT NULL,
    revision TEXT NOT NULL,
    replicas INTEGER NOT NULL,
    "commit" TEXT,
    parts    TEXT NOT NULL,
    fixed    TEXT NOT NULL,
    PRIMARY KEY (unit, object)
) STRICT, WITHOUT ROWID;

CREATE TABLE introductions (source TEXT PRIMARY KEY, "commit" TEXT NOT NULL, signer TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE floors (source TEXT PRIMARY KEY, "commit" TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- How the last pass of each unit ended, and since when that is so.
CREATE TABLE passes (
    unit     TEXT PRIMARY KEY,
    "commit" TEXT,
    state    TEXT NOT NULL,
    text     TEXT NOT NULL,
    since    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE suspensions (
    unit   TEXT PRIMARY KEY,
    owner  TEXT NOT NULL,
    reason TEXT NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER
) STRICT, WITHOUT ROWID;

-- An empty name is the bucket that all of the scope read.
CREATE TABLE buckets (
    scope TEXT NOT NULL,
    name  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (scope, name, key)
) STRICT, WITHOUT ROWID;

-- What was last asked to stand on each commit; waiting rows are also in the outbox.
CREATE TABLE statuses (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    forge       TEXT NOT NULL,
    context     TEXT NOT NULL,
    "commit"    TEXT NOT NULL,
    state       TEXT NOT NULL,
    text        TEXT NOT NULL,
    description TEXT NOT NULL,
    waiting     INTEGER NOT NULL,
    enqueued    INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,
    not_before  INTEGER NOT NULL DEFAULT 0,
    reason      TEXT,
    UNIQUE (forge, context, "commit")
) STRICT;
CREATE INDEX statuses_waiting ON statuses (forge, context, id) WHERE waiting = 1;

-- Forges that are let alone until a moment.
CREATE TABLE forges (
    forge      TEXT PRIMARY KEY,
    not_before INTEGER NOT NULL,
    failures   INTEGER NOT NULL,
    reason     TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"#;

/// What failed of late; empty texts stand for what there is not.
const V2: &str = r#"
CREATE TABLE setbacks (
    unit     TEXT NOT NULL,
    "commit" TEXT NOT NULL,
    deed     TEXT NOT NULL,
    object   TEXT NOT NULL,
    name     TEXT NOT NULL,
    revision TEXT NOT NULL,
    failures INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    why      TEXT NOT NULL,
    PRIMARY KEY (unit, deed, object, name, revision)
) STRICT, WITHOUT ROWID;
"#;

/// Checkpoints stand beside the chain: each is about the chain up to its record. `peaks` restores the tree up to there.
const CHECKPOINTS: &str = r#"
CREATE TABLE checkpoints (
    record    INTEGER PRIMARY KEY REFERENCES journal,
    text      TEXT NOT NULL,
    signature TEXT NOT NULL,
    peaks     BLOB NOT NULL
) STRICT;
CREATE TRIGGER checkpoints_stay BEFORE DELETE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints only become more'); END;
CREATE TRIGGER checkpoints_keep_contents BEFORE UPDATE ON checkpoints
    BEGIN SELECT RAISE(ABORT, 'checkpoints only become more'); END;
"#;

/// Rewinds that were used, by the digests of their statements. They stay, also when the source is enrolled anew.
const REWINDS: &str = r#"
CREATE TABLE rewinds (
    statement TEXT PRIMARY KEY,
    source    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"#;

/// Values of buckets are sealed by the host key. Those of before are sealed when the store is opened next, or once there is a
/// key.
const SEALED_BUCKETS: &str = r#"
ALTER TABLE buckets ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
"#;

/// What is remembered of troubles between passes, for each of those who are told of them.
const ALERTS: &str = r#"
CREATE TABLE alerts (
    alert    TEXT NOT NULL,
    unit     TEXT NOT NULL,
    kind     TEXT NOT NULL,
    "commit" TEXT,
    text     TEXT NOT NULL,
    since    INTEGER NOT NULL,
    phase    TEXT NOT NULL,
    at       INTEGER NOT NULL,
    flaps    INTEGER NOT NULL,
    missed   INTEGER NOT NULL,
    PRIMARY KEY (alert, unit, kind)
) STRICT, WITHOUT ROWID;
"#;

/// How often a commit was told of in a context, and when last.
const SENT: &str = r#"
ALTER TABLE statuses ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE statuses ADD COLUMN sent_at INTEGER NOT NULL DEFAULT 0;
"#;

/// What stands in a comment beside what the journal tells of it; none for all else that waits.
const REMARKS: &str = r#"
ALTER TABLE statuses ADD COLUMN remark TEXT;
"#;

/// The first schema in which values of buckets can be sealed.
pub(super) const BUCKETS_SEALED_SINCE: u32 = 5;

/// The schema of a database, as it says itself.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The program that a database belongs to, as it says itself.
pub(super) fn application(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0))
}

/// Takes all migrations from `from` on.
pub(super) fn migrate(transaction: &Transaction<'_>, from: u32) -> rusqlite::Result<()> {
    for migration in MIGRATIONS.iter().skip(from as usize) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)
}
