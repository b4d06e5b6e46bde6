//! Making checkpoints, and putting the newest where others find it.
//!
//! Invariant: files that contradict the journal are left as they are: they may be all that tells of a journal rolled back.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use writ_core::time::{Seconds, Timestamp};

use super::batch::Batch;
use super::chain::{self, GENESIS, Hash, Head};
use super::checkpoint::{Checkpoint, Sealed};
use super::draft::put;
use super::error::{RecordError, database, files};
use super::host_key::store_name;
use super::tree::Peaks;
use super::walk::Verdict;
use super::{RecordId, Store, journal};
use crate::limits::{CHECKPOINT_RECORDS_MAX, CHECKPOINT_SECONDS_MAX};

/// The newest checkpoint in the state directory.
pub const CHECKPOINT_FILE: &str = "checkpoint";

/// Its signature, as `ssh-keygen -Y verify -s` takes it.
pub const SIGNATURE_FILE: &str = "checkpoint.sig";

/// The newest checkpoint of a store, with what the tree goes on from.
struct Newest {
    checkpoint: Checkpoint,
    sealed: Sealed,
    peaks: Peaks,
}

impl Store {
    /// Makes a checkpoint if one is due (or, with `at_once`, if anything is not signed yet), and sees to it that its files
    /// are in place. Gives the record that a new one is about.
    ///
    /// # Errors
    /// If the key cannot sign, or the files beside the journal contradict it. What is in the journal is untouched by that.
    pub fn checkpoint(&self, now: Timestamp, host: &str, at_once: bool) -> Result<Option<RecordId>, RecordError> {
        if !self.is_due(now, at_once)? {
            self.publish_checkpoint()?;
            return Ok(None);
        }
        let made = self.batch(|batch| batch.checkpoint(now, host))?;
        self.publish_checkpoint()?;
        Ok(made)
    }

    /// The newest checkpoint; none if there is none.
    pub fn newest_checkpoint(&self) -> Result<Option<Checkpoint>, RecordError> {
        Ok(newest(&self.read(), &self.path)?.map(|newest| newest.checkpoint))
    }

    fn is_due(&self, now: Timestamp, at_once: bool) -> Result<bool, RecordError> {
        let connection = self.read();
        let doing = || database("look for what is not signed yet", &self.path);
        let Some(Newest { checkpoint, .. }) = newest(&connection, &self.path)? else { return Ok(true) };
        let head = journal::head(&connection).map_err(doing())?.record.0;
        let last = checkpoint.record.0;
        if head <= last {
            return Ok(false);
        }
        if at_once
            || head - last >= CHECKPOINT_RECORDS_MAX
            || checkpoint.time.plus(Seconds(CHECKPOINT_SECONDS_MAX)) <= now
        {
            return Ok(true);
        }
        let ended: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM journal WHERE sequence > ?1 AND +kind = 'pass-ended')")
            .and_then(|mut statement| statement.query_row([last], |row| row.get(0)))
            .map_err(doing())?;
        Ok(ended)
    }

    /// Sees to it that the newest checkpoint and its signature are in the state directory.
    fn publish_checkpoint(&self) -> Result<(), RecordError> {
        let newest = newest(&self.read(), &self.path)?;
        let is_there =
            |name: &str, wanted: &str| fs::read(self.folder().join(name)).is_ok_and(|bytes| bytes == wanted.as_bytes());
        match newest {
            Some(Newest { sealed: Sealed { text, signature }, .. })
                if !is_there(CHECKPOINT_FILE, &text) || !is_there(SIGNATURE_FILE, &signature) =>
            {
                self.batch(|batch| batch.publish_checkpoint(self.folder()))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A verdict that also takes the checkpoint beside a journal into account, which a journal rolled back leaves behind.
pub(super) fn beside(connection: &Connection, path: &Path, verdict: Verdict) -> Result<Verdict, RecordError> {
    let Verdict::Whole { head, seals: _ } = &verdict else { return Ok(verdict) };
    match contradiction(connection, path) {
        Err(RecordError::Contradicted { path: _, file, record }) => {
            let file = file.display();
            let what = if record > head.record {
                format!("it is missing at the end; {file} is about record {record}")
            } else {
                format!("{file} is about another record {record}: the journal, or what is before it, was exchanged")
            };
            Ok(Verdict::Broken { record: record.min(RecordId(head.record.0 + 1)), what })
        }
        Err(error) => Err(error),
        Ok(()) => Ok(verdict),
    }
}

impl Batch<'_> {
    /// Writes the newest checkpoint and its signature. Nobody else does meanwhile, for nobody else writes to the store.
    fn publish_checkpoint(&self, folder: &Path) -> Result<(), RecordError> {
        let Some(Newest { sealed: Sealed { text, signature }, .. }) = newest(self.connection, self.path)? else {
            return Ok(());
        };
        contradiction(self.connection, self.path)?;
        // The text is last: who sees the new one sees its signature, too.
        put(folder, SIGNATURE_FILE, signature.as_bytes())?;
        put(folder, CHECKPOINT_FILE, text.as_bytes())
    }

    /// Signs the journal as it is; none if there is no key yet, or nothing to sign.
    fn checkpoint(&self, now: Timestamp, host: &str) -> Result<Option<RecordId>, RecordError> {
        let Some(key) = self.signing_key()? else { return Ok(None) };
        let doing = || database("make a checkpoint", self.path);
        let before = newest(self.connection, self.path)?;
        let last = before.as_ref().map_or(0, |newest| newest.checkpoint.record.0);
        let peaks = before.map(|newest| newest.peaks).unwrap_or_default();
        let (Head { record, hash: head }, peaks) = grown(self.connection, last, i64::MAX, peaks).map_err(doing())?;
        // Another process may have made one since.
        if record.0 == last {
            return Ok(None);
        }
        let store = store_name(self.connection).map_err(doing())?;
        let host = host.to_owned();
        let text = Checkpoint { host, store, record, head, tree: peaks.root(), time: now }.to_string();
        let signature = key.sign(&text).map_err(|source| RecordError::Signing { source })?;
        self.connection
            .prepare_cached("INSERT INTO checkpoints (record, text, signature, peaks) VALUES (?1, ?2, ?3, ?4)")
            .and_then(|mut statement| statement.execute(params![record.0, text, signature, peaks.roots().concat()]))
            .map_err(doing())?;
        Ok(Some(record))
    }
}

/// Adds the records behind `last`, up to `end`, to a tree, and gives the newest of them.
fn grown(connection: &Connection, last: i64, end: i64, mut peaks: Peaks) -> rusqlite::Result<(Head, Peaks)> {
    let sql = "SELECT sequence, hash FROM journal WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence";
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([last, end])?;
    let mut head = Head { record: RecordId(last), hash: GENESIS };
    while let Some(row) = rows.next()? {
        head = Head { record: RecordId(row.get(0)?), hash: row.get::<_, Hash>(1)? };
        peaks.push(&head.hash);
    }
    Ok((head, peaks))
}

/// The newest checkpoint as it is stored, and its record.
pub(super) fn sealed(connection: &Connection) -> rusqlite::Result<Option<(i64, Sealed)>> {
    let Some(mut statement) = chain::seals(connection, chain::EVERY)? else { return Ok(None) };
    let mut rows = statement.query([])?;
    let mut newest = None;
    while let Some(row) = rows.next()? {
        newest = Some((row.get(0)?, Sealed { text: row.get(1)?, signature: row.get(2)? }));
    }
    Ok(newest)
}

fn newest(connection: &Connection, path: &Path) -> Result<Option<Newest>, RecordError> {
    let doing = || database("read the newest checkpoint", path);
    let row = |row: &rusqlite::Row<'_>| {
        let sealed = Sealed { text: row.get(1)?, signature: row.get(2)? };
        Ok((row.get::<_, i64>(0)?, sealed, row.get::<_, Vec<u8>>(3)?))
    };
    let newest = connection
        .prepare_cached("SELECT record, text, signature, peaks FROM checkpoints ORDER BY record DESC LIMIT 1")
        .and_then(|mut statement| statement.query_row([], row).optional())
        .map_err(doing())?;
    let Some((record, sealed, kept)) = newest else { return Ok(None) };
    let meaning = |detail: &str| RecordError::Meaning {
        path: path.to_path_buf(),
        row: format!("the checkpoint of record {record}"),
        detail: detail.to_owned(),
    };
    let checkpoint = Checkpoint::parse(&sealed.text).ok_or_else(|| meaning("it is not spelled as a checkpoint is"))?;
    let (kept, rest) = kept.as_chunks::<{ GENESIS.len() }>();
    let signed = |peaks: &Peaks| peaks.root() == checkpoint.tree && checkpoint.record.0 == record;
    let kept = Peaks::restored(record.unsigned_abs(), kept.to_vec()).filter(|peaks| rest.is_empty() && signed(peaks));
    // Only what was signed is gone on from: a tree that was altered here would make every later checkpoint a false one.
    let peaks = match kept {
        Some(peaks) => peaks,
        None => grown(connection, 0, record, Peaks::default()).map_err(doing())?.1,
    };
    if !signed(&peaks) {
        return Err(meaning("the records up to there do not give the tree that it signs"));
    }
    Ok(Some(Newest { checkpoint, sealed, peaks }))
}

/// Compares the file `checkpoint` beside a journal with the journal. A file that is none says nothing.
fn contradiction(connection: &Connection, path: &Path) -> Result<(), RecordError> {
    let file = path.with_file_name(CHECKPOINT_FILE);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        read => read.map_err(files("read", &file))?,
    };
    let Some(Checkpoint { record, head, .. }) = Checkpoint::parse(&text) else { return Ok(()) };
    let found: Option<Hash> = connection
        .prepare_cached("SELECT hash FROM journal WHERE sequence = ?1")
        .and_then(|mut statement| statement.query_row([record.0], |row| row.get(0)).optional())
        .map_err(database("compare the checkpoint", path))?;
    match found {
        Some(found) if found == head => Ok(()),
        Some(_) | None => Err(RecordError::Contradicted { path: path.to_path_buf(), file, record }),
    }
}
