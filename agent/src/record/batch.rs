//! Writes that are committed together.
//!
//! Every write of the store is a method of [`Batch`]; the methods of [`Store`] by the same names are batches of one.

use std::path::Path;

use rusqlite::{Connection, Transaction, params};
use writ_core::hash::HashKey;
use writ_core::holdings::HoldingChange;
use writ_core::model::ObjectId;
use writ_core::plan::Step;
use writ_core::status::CommitStatus;
use writ_core::time::Timestamp;

use super::error::{RecordError, database};
use super::event::{Event, WorkEvent};
use super::held::PassState;
use super::journal::{self, IntentId, RecordId};
use super::{Outcome, StepRecord, Store};

/// Writes under way; nothing of them stands before the batch has ended well.
#[derive(Debug)]
pub struct Batch<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'a Path,
    pub(super) hash_key: &'a HashKey,
}

/// How a pass ended, and what that means for what is remembered.
#[derive(Debug, Clone, Default)]
pub struct Pass<'a> {
    /// The unit.
    pub unit: &'a str,
    /// The commit; none for local files.
    pub commit: Option<&'a str>,
    /// The floor that it reached: a source and a commit.
    pub floor: Option<(&'a str, &'a str)>,
    /// How it ended; none if it is not over (waiting in the middle).
    pub state: Option<PassState<'a>>,
    /// What it says on commits: the forge and the status, its description without the audit head.
    pub statuses: Vec<(&'a str, CommitStatus)>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(transaction: &'a Transaction<'_>, path: &'a Path, hash_key: &'a HashKey) -> Self {
        // A transaction is only handed on as the connection that it is on: commit and roll-back stay with the store.
        Self { connection: transaction, path, hash_key }
    }

    /// Writes an event into the journal.
    pub fn append(&self, now: Timestamp, event: &Event) -> Result<RecordId, RecordError> {
        journal::append(self.connection, now, event)
            .map(|head| head.record)
            .map_err(database("append to the journal", self.path))
    }

    /// The same unless an equal record stands and nothing was done to its subject since, so that what is seen again at
    /// every pass (a refusal, a drift that is only reported) is told once. Gives the new record.
    pub fn append_news(&self, now: Timestamp, event: &Event) -> Result<Option<RecordId>, RecordError> {
        let standing = journal::standing(self.connection, event);
        if standing.map_err(database("look into the journal", self.path))?.is_some() {
            return Ok(None);
        }
        self.append(now, event).map(Some)
    }

    /// Writes down that a step is about to be taken.
    pub fn intend(
        &self,
        now: Timestamp,
        unit: &str,
        commit: Option<&str>,
        step: &Step,
    ) -> Result<IntentId, RecordError> {
        let (unit, commit) = (unit.to_owned(), commit.map(str::to_owned));
        let id = self.append(now, &WorkEvent::Intent { unit, commit, step: StepRecord::of(step) }.into())?;
        self.connection
            .prepare_cached("INSERT INTO intents (sequence) VALUES (?1)")
            .and_then(|mut statement| statement.execute([id.0]))
            .map_err(database("open an intent", self.path))?;
        Ok(IntentId(id))
    }

    /// Writes down what came of a step.
    pub fn outcome(&self, now: Timestamp, intent: IntentId, outcome: &Outcome) -> Result<RecordId, RecordError> {
        let IntentId(intent) = intent;
        let doing = || database("close an intent", self.path);
        let closed = self
            .connection
            .prepare_cached("DELETE FROM intents WHERE sequence = ?1")
            .and_then(|mut statement| statement.execute([intent.0]))
            .map_err(doing())?;
        if closed == 0 {
            return Err(RecordError::NoSuchIntent(intent));
        }
        let (unit, commit, object, pod): (String, Option<String>, String, Option<String>) = self
            .connection
            .prepare_cached("SELECT unit, \"commit\", object, pod FROM journal WHERE sequence = ?1")
            .and_then(|mut statement| {
                statement.query_row(params![intent.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            })
            .map_err(doing())?;
        let object = ObjectId::parse(&object).ok_or_else(|| RecordError::Meaning {
            path: self.path.to_path_buf(),
            row: format!("record {intent}"),
            detail: format!("{object} is no object"),
        })?;
        let outcome = outcome.clone();
        self.append(now, &WorkEvent::Outcome { intent, unit, commit, object, pod, outcome }.into())
    }
}

impl Store {
    /// See [`Batch::append`].
    pub fn append(&self, now: Timestamp, event: &Event) -> Result<RecordId, RecordError> {
        self.batch(|batch| batch.append(now, event))
    }

    /// See [`Batch::append_news`].
    pub fn append_news(&self, now: Timestamp, event: &Event) -> Result<Option<RecordId>, RecordError> {
        self.batch(|batch| batch.append_news(now, event))
    }

    /// See [`Batch::intend`].
    pub fn intend(
        &self,
        now: Timestamp,
        unit: &str,
        commit: Option<&str>,
        step: &Step,
    ) -> Result<IntentId, RecordError> {
        self.batch(|batch| batch.intend(now, unit, commit, step))
    }

    /// See [`Batch::outcome`].
    pub fn outcome(&self, now: Timestamp, intent: IntentId, outcome: &Outcome) -> Result<RecordId, RecordError> {
        self.batch(|batch| batch.outcome(now, intent, outcome))
    }

    /// Ends a lane: the outcome of its last step, if one was taken, and what is held from now on.
    pub fn finish_lane(
        &self,
        now: Timestamp,
        unit: &str,
        last: Option<(IntentId, &Outcome)>,
        change: Option<&HoldingChange>,
    ) -> Result<(), RecordError> {
        self.batch(|batch| {
            if let Some((intent, outcome)) = last {
                batch.outcome(now, intent, outcome)?;
            }
            change.map_or(Ok(()), |change| batch.change_holdings(now, unit, change))
        })
    }

    /// Ends a pass: its floor, its state and what it says on commits. A pass like the one before it writes nothing.
    pub fn finish_pass(&self, now: Timestamp, pass: &Pass<'_>) -> Result<(), RecordError> {
        let Pass { unit, commit, floor, state, statuses } = pass;
        self.batch(|batch| {
            if let Some((source, floor)) = floor {
                batch.set_floor(now, source, floor)?;
            }
            if let Some(state) = state {
                batch.set_pass(now, unit, *commit, state)?;
            }
            for (forge, status) in statuses {
                batch.enqueue(now, forge, status)?;
            }
            Ok(())
        })
    }
}
