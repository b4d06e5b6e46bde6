//! Commit statuses and comments that wait for their forge, and alerts that wait for whoever is told of them: to the outbox they are
//! alike.
//!
//! Invariant: there is one row for a forge, context and commit, so that only the newest word on a commit is ever sent.
//! Invariant: what a context says is sent in the order in which it was said.

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, params};
use writ_core::status::{CommitStatus, State, describe};
use writ_core::time::Timestamp;

use super::Store;
use super::batch::Batch;
use super::error::{RecordError, database};
use super::event::ReportEvent;
use super::journal;
use crate::limits::OUTBOX_COMMITS_MAX;

/// A status that waits, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatusId(i64);

impl StatusId {
    /// The number. None is given twice.
    #[must_use]
    pub const fn number(self) -> i64 {
        self.0
    }
}

/// A status that may be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub id: StatusId,
    /// The forge and repository.
    pub forge: String,
    /// The status, with its whole description.
    pub status: CommitStatus,
    /// What it says, uncut and without the audit head.
    pub text: String,
    /// When it was asked for.
    pub enqueued: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// How often its context was sent for its commit before.
    pub sent: u32,
    /// When last.
    pub sent_at: Timestamp,
    /// True if its context has a word on another commit, too, which waits for this one to be settled.
    pub is_overtaken: bool,
    /// The whole comment, where one is to stand under a request.
    pub remark: Option<String>,
}

/// A forge that is let alone for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Until when.
    pub until: Timestamp,
    /// How often in a row it failed.
    pub failures: u32,
    /// Why.
    pub reason: String,
}

impl Batch<'_> {
    /// Asks for a status to stand on a commit; false if it does already, or waits to. The description comes without the
    /// audit head, which is added here: the head that covers this very request.
    pub fn enqueue(&self, now: Timestamp, forge: &str, status: &CommitStatus) -> Result<bool, RecordError> {
        self.ask(now, forge, status, None)
    }

    /// The same for a comment under a request. What it says in short stands in the journal, and the whole of it only where it waits.
    pub fn enqueue_remark(
        &self,
        now: Timestamp,
        forge: &str,
        status: &CommitStatus,
        remark: &str,
    ) -> Result<bool, RecordError> {
        self.ask(now, forge, status, Some(remark))
    }

    fn ask(
        &self,
        now: Timestamp,
        forge: &str,
        status: &CommitStatus,
        remark: Option<&str>,
    ) -> Result<bool, RecordError> {
        let CommitStatus { commit, context, state, description: text } = status;
        let doing = || database("ask for a status", self.path);
        let stands = self
            .connection
            .prepare_cached(
                "SELECT 1 FROM statuses WHERE forge = ?1 AND context = ?2 AND \"commit\" = ?3 AND state = ?4 AND text = ?5 \
                 AND remark IS ?6",
            )
            .and_then(|mut statement| statement.exists(params![forge, context, commit, state.name(), text, remark]))
            .map_err(doing())?;
        if stands {
            return Ok(false);
        }
        let event = ReportEvent::Enqueued {
            forge: forge.to_owned(),
            context: context.clone(),
            commit: commit.clone(),
            state: *state,
            text: text.clone(),
        };
        let head = journal::append(self.connection, now, &event.into()).map_err(doing())?;
        let description = describe(text, &format!("audit {}", head.short()));
        // Replaced but for what was sent: the new row has a new number, so that an answer to the old one cannot settle it.
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO statuses \
                 (forge, context, \"commit\", state, text, description, waiting, enqueued, sent, sent_at, remark) \
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, coalesce(max(sent), 0), coalesce(max(sent_at), 0), ?8 FROM statuses \
                 WHERE forge = ?1 AND context = ?2 AND \"commit\" = ?3",
            )
            .and_then(|mut statement| {
                statement.execute(params![forge, context, commit, state.name(), text, description, now.0, remark])
            })
            .map_err(doing())?;
        self.forget_old(now, forge, context)?;
        Ok(true)
    }

    /// Forgets a comment: its request is over, and what waits for it is given up.
    pub fn forget_remark(&self, now: Timestamp, forge: &str, context: &str) -> Result<(), RecordError> {
        let doing = || database("forget a comment", self.path);
        let known: Vec<(i64, bool)> = self
            .connection
            .prepare_cached("SELECT id, waiting FROM statuses WHERE forge = ?1 AND context = ?2 AND remark IS NOT NULL")
            .and_then(|mut statement| {
                statement.query_map([forge, context], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
            })
            .map_err(doing())?;
        self.forget(now, known, "its request is closed, or nobody touched it for long")
    }

    fn forget_old(&self, now: Timestamp, forge: &str, context: &str) -> Result<(), RecordError> {
        let doing = || database("forget old statuses", self.path);
        let old: Vec<(i64, bool)> = self
            .connection
            .prepare_cached(
                "SELECT id, waiting FROM statuses WHERE forge = ?1 AND context = ?2 ORDER BY id DESC LIMIT -1 OFFSET ?3",
            )
            .and_then(|mut statement| {
                let rows = statement.query_map(params![forge, context, OUTBOX_COMMITS_MAX], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?;
                rows.collect()
            })
            .map_err(doing())?;
        self.forget(now, old, "more than a thousand newer commits were reported on meanwhile")
    }

    /// Forgets rows; those that wait are given up.
    fn forget(&self, now: Timestamp, rows: Vec<(i64, bool)>, reason: &str) -> Result<(), RecordError> {
        for (id, waits) in rows {
            if waits {
                self.given_up(now, StatusId(id), reason)?;
            }
            let forgotten = self.connection.execute("DELETE FROM statuses WHERE id = ?1", [id]);
            forgotten.map_err(database("forget old statuses", self.path))?;
        }
        Ok(())
    }

    /// The forge took it. A newer word on the same commit, asked for meanwhile, still waits.
    pub fn sent(&self, now: Timestamp, id: StatusId) -> Result<(), RecordError> {
        let Some(Settled { forge, context, commit, state }) = self.settle(id, None)? else { return Ok(()) };
        self.connection
            .execute("UPDATE statuses SET sent = sent + 1, sent_at = ?2 WHERE id = ?1", [id.0, now.0])
            .map_err(database("count a status", self.path))?;
        self.forge_answered(&forge)?;
        self.append(now, &ReportEvent::Sent { forge, context, commit, state }.into()).map(|_| ())
    }

    /// It will not be tried again.
    pub fn given_up(&self, now: Timestamp, id: StatusId, reason: &str) -> Result<(), RecordError> {
        let Some(Settled { forge, context, commit, state }) = self.settle(id, Some(reason))? else { return Ok(()) };
        let reason = reason.to_owned();
        self.append(now, &ReportEvent::GivenUp { forge, context, commit, state, reason }.into()).map(|_| ())
    }

    fn settle(&self, id: StatusId, reason: Option<&str>) -> Result<Option<Settled>, RecordError> {
        self.connection
            .prepare_cached(
                "UPDATE statuses SET waiting = 0, reason = ?2 WHERE id = ?1 AND waiting = 1 \
                 RETURNING forge, context, \"commit\", state",
            )
            .and_then(|mut statement| statement.query_row(params![id.0, reason], settled).optional())
            .map_err(database("settle a status", self.path))
    }

    /// It, and what its context says after it, waits until a moment.
    pub fn postponed(&self, id: StatusId, until: Timestamp, reason: &str) -> Result<(), RecordError> {
        self.connection
            .prepare_cached(
                "UPDATE statuses SET attempts = attempts + 1, not_before = ?2, reason = ?3 WHERE id = ?1 AND waiting = 1",
            )
            .and_then(|mut statement| statement.execute(params![id.0, until.0, reason]))
            .map_err(database("postpone a status", self.path))
            .map(|_| ())
    }

    /// Everything for a forge waits until a moment. Told in the journal when it begins, not each time that it goes on.
    pub fn forge_postponed(
        &self,
        now: Timestamp,
        forge: &str,
        until: Timestamp,
        reason: &str,
    ) -> Result<(), RecordError> {
        let failures: u32 = self
            .connection
            .prepare_cached(
                "INSERT INTO forges (forge, not_before, failures, reason) VALUES (?1, ?2, 1, ?3) \
                 ON CONFLICT (forge) DO UPDATE SET not_before = ?2, failures = failures + 1, reason = ?3 \
                 RETURNING failures",
            )
            .and_then(|mut statement| statement.query_row(params![forge, until.0, reason], |row| row.get(0)))
            .map_err(database("postpone a forge", self.path))?;
        if failures > 1 {
            return Ok(());
        }
        let event = ReportEvent::Postponed { forge: forge.to_owned(), reason: reason.to_owned() };
        self.append(now, &event.into()).map(|_| ())
    }

    /// A forge answers again.
    pub fn forge_answered(&self, forge: &str) -> Result<(), RecordError> {
        let ended = self.connection.execute("DELETE FROM forges WHERE forge = ?1", [forge]);
        ended.map_err(database("end a forge's hold", self.path)).map(|_| ())
    }
}

impl Store {
    /// See [`Batch::enqueue`].
    pub fn enqueue(&self, now: Timestamp, forge: &str, status: &CommitStatus) -> Result<bool, RecordError> {
        self.batch(|batch| batch.enqueue(now, forge, status))
    }

    /// See [`Batch::enqueue_remark`].
    pub fn enqueue_remark(
        &self,
        now: Timestamp,
        forge: &str,
        status: &CommitStatus,
        remark: &str,
    ) -> Result<bool, RecordError> {
        self.batch(|batch| batch.enqueue_remark(now, forge, status, remark))
    }

    /// See [`Batch::forget_remark`].
    pub fn forget_remark(&self, now: Timestamp, forge: &str, context: &str) -> Result<(), RecordError> {
        self.batch(|batch| batch.forget_remark(now, forge, context))
    }

    /// See [`Batch::forge_answered`].
    pub fn forge_answered(&self, forge: &str) -> Result<(), RecordError> {
        self.batch(|batch| batch.forge_answered(forge))
    }

    /// See [`Batch::sent`].
    pub fn sent(&self, now: Timestamp, id: StatusId) -> Result<(), RecordError> {
        self.batch(|batch| batch.sent(now, id))
    }

    /// See [`Batch::given_up`].
    pub fn given_up(&self, now: Timestamp, id: StatusId, reason: &str) -> Result<(), RecordError> {
        self.batch(|batch| batch.given_up(now, id, reason))
    }

    /// See [`Batch::postponed`].
    pub fn postponed(&self, id: StatusId, until: Timestamp, reason: &str) -> Result<(), RecordError> {
        self.batch(|batch| batch.postponed(id, until, reason))
    }

    /// See [`Batch::forge_postponed`].
    pub fn forge_postponed(
        &self,
        now: Timestamp,
        forge: &str,
        until: Timestamp,
        reason: &str,
    ) -> Result<(), RecordError> {
        self.batch(|batch| batch.forge_postponed(now, forge, until, reason))
    }

    /// What may be sent now: the oldest word of each context, for forges that are not let alone.
    pub fn due(&self, now: Timestamp) -> Result<Vec<Waiting>, RecordError> {
        let doing = || database("read the outbox", &self.path);
        let connection = self.read();
        let mut statement = connection
            .prepare_cached(
                "SELECT id, forge, context, \"commit\", state, description, attempts, text, enqueued, sent, sent_at, \
                 EXISTS (SELECT 1 FROM statuses AS other WHERE other.waiting = 1 AND other.forge = one.forge \
                 AND other.context = one.context AND other.id > one.id), remark \
                 FROM statuses AS one \
                 WHERE id IN (SELECT min(id) FROM statuses WHERE waiting = 1 GROUP BY forge, context) \
                 AND not_before <= ?1 \
                 AND NOT EXISTS (SELECT 1 FROM forges WHERE forges.forge = one.forge AND forges.not_before > ?1) \
                 ORDER BY id",
            )
            .map_err(doing())?;
        statement.query_map([now.0], waiting).and_then(Iterator::collect).map_err(doing())
    }

    /// The moment from which something may be sent; none if nothing waits.
    pub fn next_due(&self) -> Result<Option<Timestamp>, RecordError> {
        let sql = "SELECT min(max(not_before, coalesce((SELECT not_before FROM forges WHERE forges.forge = one.forge), 0))) \
                   FROM statuses AS one WHERE id IN (SELECT min(id) FROM statuses WHERE waiting = 1 GROUP BY forge, context)";
        let moment: rusqlite::Result<Option<i64>> = self.read().query_row(sql, [], |row| row.get(0));
        Ok(moment.map_err(database("read the outbox", &self.path))?.map(Timestamp))
    }

    /// How many statuses wait.
    pub fn waiting(&self) -> Result<u32, RecordError> {
        self.read()
            .query_row("SELECT count(*) FROM statuses WHERE waiting = 1", [], |row| row.get(0))
            .map_err(database("count the outbox", &self.path))
    }

    /// The forges that failed when they were last asked, with the reason.
    pub fn hold(&self, forge: &str) -> Result<Option<Hold>, RecordError> {
        let sql = "SELECT not_before, failures, reason FROM forges WHERE forge = ?1";
        self.read()
            .query_row(sql, [forge], |row| {
                Ok(Hold { until: Timestamp(row.get(0)?), failures: row.get(1)?, reason: row.get(2)? })
            })
            .optional()
            .map_err(database("read a forge's hold", &self.path))
    }
}

/// What a status was about that waits no more.
struct Settled {
    forge: String,
    context: String,
    commit: String,
    state: State,
}

fn settled(row: &Row<'_>) -> rusqlite::Result<Settled> {
    Ok(Settled { forge: row.get(0)?, context: row.get(1)?, commit: row.get(2)?, state: state(row, 3)? })
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let (commit, context) = (row.get(3)?, row.get(2)?);
    Ok(Waiting {
        id: StatusId(row.get(0)?),
        forge: row.get(1)?,
        status: CommitStatus { commit, context, state: state(row, 4)?, description: row.get(5)? },
        attempts: row.get(6)?,
        text: row.get(7)?,
        enqueued: Timestamp(row.get(8)?),
        sent: row.get(9)?,
        sent_at: Timestamp(row.get(10)?),
        is_overtaken: row.get(11)?,
        remark: row.get(12)?,
    })
}

fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let name: String = row.get(column)?;
    let strange = || format!("{name} is no state").into();
    State::parse(&name).ok_or_else(|| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, strange()))
}
