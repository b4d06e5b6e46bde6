//! What is held, from which floor, by which introduction, and how each unit stands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use writ_core::hash::SpecHash;
use writ_core::holdings::{Held, HoldingChange, Holdings};
use writ_core::model::ObjectId;
use writ_core::status::State;
use writ_core::time::Timestamp;

use super::batch::Batch;
use super::error::{RecordError, database};
use super::event::{OperatorEvent, TrustEvent, WorkEvent};
use super::{Event, Store};

/// Where the trust in a source begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduced {
    /// The introducing commit.
    pub commit: String,
    /// The fingerprint of its signer (`SHA256:…` or `OPENPGP:…`).
    pub signer: String,
}

/// A floor that goes back, by a statement that is used for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewound {
    /// The source.
    pub source: String,
    /// The floor before.
    pub from: String,
    /// The floor from now on.
    pub to: String,
    /// Digest of the statement.
    pub statement: String,
    /// Who signed it.
    pub signers: Vec<String>,
}

/// A unit that is let alone for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspension {
    /// Who asked for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// How a pass ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassState<'a> {
    /// The state.
    pub state: State,
    /// What and how many, as the commit status says it.
    pub text: &'a str,
}

/// How a unit stands since a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The commit of its last pass; none for local files.
    pub commit: Option<String>,
    /// How that ended.
    pub state: State,
    /// What and how many.
    pub text: String,
    /// Since when it is so.
    pub since: Timestamp,
}

impl Standing {
    /// True if the worst that its last pass met is drift that was left as it is: the words of a pass begin with the worst.
    #[must_use]
    pub fn is_drift(&self) -> bool {
        self.state == State::Failure && self.text.starts_with("drifted")
    }
}

impl Batch<'_> {
    /// Changes what a unit holds, and tells the journal what differs. What is already so writes nothing.
    pub fn change_holdings(&self, now: Timestamp, unit: &str, change: &HoldingChange) -> Result<(), RecordError> {
        match change {
            HoldingChange::Hold(object, held) => self.hold(now, unit, object, held),
            HoldingChange::Release(object) => {
                let released = self
                    .connection
                    .prepare_cached("DELETE FROM holdings WHERE unit = ?1 AND object = ?2")
                    .and_then(|mut statement| statement.execute(params![unit, object.to_string()]))
                    .map_err(database("release a holding", self.path))?;
                if released > 0 {
                    self.append(now, &WorkEvent::Released { unit: unit.to_owned(), object: object.clone() }.into())?;
                }
                Ok(())
            }
        }
    }

    fn hold(&self, now: Timestamp, unit: &str, object: &ObjectId, held: &Held) -> Result<(), RecordError> {
        let before = self.held(unit, object)?;
        if before.as_ref() == Some(held) {
            return Ok(());
        }
        let Held { revision, replicas, commit, parts, fixed } = held;
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO holdings (unit, object, revision, replicas, \"commit\", parts, fixed) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut statement| {
                let (parts, fixed) = (map_text(parts), map_text(fixed));
                statement.execute(params![unit, object.to_string(), revision.as_str(), replicas, commit, parts, fixed])
            })
            .map_err(database("hold an object", self.path))?;
        let before = before.as_ref();
        // A commit that changes nothing about the object is only remembered: telling it for every object of every commit
        // would drown what did change.
        let same =
            |before: &Held| before.revision == *revision && before.replicas == *replicas && before.fixed == *fixed;
        if before.is_some_and(same) {
            return Ok(());
        }
        let event = WorkEvent::Held {
            unit: unit.to_owned(),
            commit: commit.clone(),
            object: object.clone(),
            from: before.map(|before| before.revision.clone()),
            to: revision.clone(),
            replicas: *replicas,
            changed: changed(before, held),
        };
        self.append(now, &event.into()).map(|_| ())
    }

    fn held(&self, unit: &str, object: &ObjectId) -> Result<Option<Held>, RecordError> {
        held_of(self.connection, self.path, unit, object)
    }

    /// Moves the floor of a source.
    pub fn set_floor(&self, now: Timestamp, source: &str, commit: &str) -> Result<(), RecordError> {
        let doing = || database("set the floor", self.path);
        let from: Option<String> = self
            .connection
            .prepare_cached("SELECT \"commit\" FROM floors WHERE source = ?1")
            .and_then(|mut statement| statement.query_row([source], |row| row.get(0)).optional())
            .map_err(doing())?;
        if from.as_deref() == Some(commit) {
            return Ok(());
        }
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO floors (source, \"commit\") VALUES (?1, ?2)")
            .and_then(|mut statement| statement.execute([source, commit]))
            .map_err(doing())?;
        let event = TrustEvent::FloorSet { source: source.to_owned(), from, to: commit.to_owned() };
        self.append(now, &event.into()).map(|_| ())
    }

    /// Lets the floor of a source go back to where a statement says, and remembers that the statement was used: both or
    /// neither.
    pub fn rewind(&self, now: Timestamp, rewound: &Rewound) -> Result<(), RecordError> {
        let Rewound { source, from, to, statement, signers } = rewound;
        let doing = || database("let the floor go back", self.path);
        // A statement that stands here already breaks the primary key, so that no mistake of a caller uses it twice.
        let used = "INSERT INTO rewinds (statement, source) VALUES (?1, ?2)";
        self.connection.execute(used, [statement, source]).map_err(doing())?;
        let floor = "INSERT OR REPLACE INTO floors (source, \"commit\") VALUES (?1, ?2)";
        self.connection.execute(floor, [source, to]).map_err(doing())?;
        let event = TrustEvent::Rewound {
            source: source.clone(),
            from: from.clone(),
            to: to.clone(),
            statement: statement.clone(),
            signers: signers.clone(),
        };
        self.append(now, &event.into()).map(|_| ())
    }

    /// Remembers where the trust in a source begins. The floor of an earlier introduction is forgotten.
    pub fn enrol(&self, now: Timestamp, source: &str, introduced: &Introduced) -> Result<(), RecordError> {
        let Introduced { commit, signer } = introduced;
        let doing = || database("enrol a source", self.path);
        self.connection
            .execute(
                "INSERT OR REPLACE INTO introductions (source, \"commit\", signer) VALUES (?1, ?2, ?3)",
                [source, commit, signer],
            )
            .map_err(doing())?;
        self.connection.execute("DELETE FROM floors WHERE source = ?1", [source]).map_err(doing())?;
        let (source, commit, signer) = (source.to_owned(), commit.clone(), signer.clone());
        self.append(now, &TrustEvent::Enrolled { source, commit, signer }.into()).map(|_| ())
    }

    /// Lets a unit alone until it is resumed or the moment comes.
    pub fn suspend(
        &self,
        now: Timestamp,
        unit: &str,
        owner: &str,
        reason: &str,
        until: Option<Timestamp>,
    ) -> Result<(), RecordError> {
        let until_millis = until.map(|until| until.0);
        self.connection
            .execute(
                "INSERT OR REPLACE INTO suspensions (unit, owner, reason, since, until) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![unit, owner, reason, now.0, until_millis],
            )
            .map_err(database("suspend a unit", self.path))?;
        let (unit, owner, reason) = (unit.to_owned(), owner.to_owned(), reason.to_owned());
        self.append(now, &OperatorEvent::Suspended { unit, owner, reason, until }.into()).map(|_| ())
    }

    /// Ends a suspension; false if there was none. `owner` is none where it ran out by itself.
    pub fn resume(&self, now: Timestamp, unit: &str, owner: Option<&str>) -> Result<bool, RecordError> {
        let ended = self.connection.execute("DELETE FROM suspensions WHERE unit = ?1", [unit]);
        if ended.map_err(database("resume a unit", self.path))? == 0 {
            return Ok(false);
        }
        let (unit, owner) = (unit.to_owned(), owner.map(str::to_owned));
        self.append(now, &OperatorEvent::Resumed { unit, owner }.into()).map(|_| true)
    }

    /// Remembers how a pass of a unit ended. What is already so writes nothing.
    pub fn set_pass(
        &self,
        now: Timestamp,
        unit: &str,
        commit: Option<&str>,
        state: &PassState<'_>,
    ) -> Result<(), RecordError> {
        let PassState { state, text } = *state;
        let changed = self
            .connection
            .prepare_cached(
                "INSERT INTO passes (unit, \"commit\", state, text, since) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (unit) DO UPDATE SET \"commit\" = ?2, state = ?3, text = ?4, since = ?5 \
                 WHERE \"commit\" IS NOT ?2 OR state <> ?3 OR text <> ?4",
            )
            .and_then(|mut statement| statement.execute(params![unit, commit, state.name(), text, now.0]))
            .map_err(database("remember a pass", self.path))?;
        if changed == 0 {
            return Ok(());
        }
        let (unit, commit, text) = (unit.to_owned(), commit.map(str::to_owned), text.to_owned());
        let event: Event = WorkEvent::PassEnded { unit, commit, state, text }.into();
        self.append(now, &event).map(|_| ())
    }
}

impl Store {
    /// See [`Batch::change_holdings`].
    pub fn change_holdings(&self, now: Timestamp, unit: &str, change: &HoldingChange) -> Result<(), RecordError> {
        self.batch(|batch| batch.change_holdings(now, unit, change))
    }

    /// See [`Batch::set_floor`].
    pub fn set_floor(&self, now: Timestamp, source: &str, commit: &str) -> Result<(), RecordError> {
        self.batch(|batch| batch.set_floor(now, source, commit))
    }

    /// See [`Batch::rewind`].
    pub fn rewind(&self, now: Timestamp, rewound: &Rewound) -> Result<(), RecordError> {
        self.batch(|batch| batch.rewind(now, rewound))
    }

    /// Digests of the statements that let the floor of any source go back.
    pub fn rewinds_used(&self) -> Result<BTreeSet<String>, RecordError> {
        let connection = self.read();
        let found = connection.prepare("SELECT statement FROM rewinds").and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        });
        found.map_err(database("read which rewinds were used", &self.path))
    }

    /// The commits that were the floor of any source, whatever the floors are by now.
    pub fn floors_ever(&self) -> Result<BTreeSet<String>, RecordError> {
        self.commits_of("SELECT DISTINCT \"commit\" FROM journal WHERE kind IN ('floor-set', 'rewound')", [])
    }

    /// The commits from which people let the floor of a source go back.
    pub fn let_back_from(&self, source: &str) -> Result<BTreeSet<String>, RecordError> {
        let sql = "SELECT json_extract(body, '$.from') FROM journal \
                   WHERE kind = 'rewound' AND json_extract(body, '$.source') = ?1";
        self.commits_of(sql, [source])
    }

    fn commits_of(&self, sql: &str, of: impl rusqlite::Params) -> Result<BTreeSet<String>, RecordError> {
        let connection = self.read();
        let found = connection.prepare_cached(sql).and_then(|mut statement| {
            let rows = statement.query_map(of, |row| row.get(0))?;
            rows.collect()
        });
        found.map_err(database("read which commits were floors", &self.path))
    }

    /// See [`Batch::enrol`].
    pub fn enrol(&self, now: Timestamp, source: &str, introduced: &Introduced) -> Result<(), RecordError> {
        self.batch(|batch| batch.enrol(now, source, introduced))
    }

    /// See [`Batch::suspend`].
    pub fn suspend(
        &self,
        now: Timestamp,
        unit: &str,
        owner: &str,
        reason: &str,
        until: Option<Timestamp>,
    ) -> Result<(), RecordError> {
        self.batch(|batch| batch.suspend(now, unit, owner, reason, until))
    }

    /// See [`Batch::resume`].
    pub fn resume(&self, now: Timestamp, unit: &str, owner: Option<&str>) -> Result<bool, RecordError> {
        self.batch(|batch| batch.resume(now, unit, owner))
    }

    /// All that a unit holds.
    pub fn holdings(&self, unit: &str) -> Result<Holdings, RecordError> {
        let doing = || database("read the holdings", &self.path);
        let connection = self.read();
        let mut statement = connection
            .prepare_cached("SELECT object, revision, replicas, \"commit\", parts, fixed FROM holdings WHERE unit = ?1")
            .map_err(doing())?;
        let rows: Vec<(String, HeldRow)> = statement
            .query_map([unit], |row| Ok((row.get(0)?, held_row(row, 1)?)))
            .and_then(Iterator::collect)
            .map_err(doing())?;
        let object = |(object, row): (String, HeldRow)| {
            let id = ObjectId::parse(&object).ok_or_else(|| format!("{object} is no object"));
            id.and_then(|id| Ok((id, held(row)?))).map_err(|detail| RecordError::Meaning {
                path: self.path.clone(),
                row: format!("the holding of {object}"),
                detail,
            })
        };
        Ok(Holdings { objects: rows.into_iter().map(object).collect::<Result<_, _>>()? })
    }

    /// What a unit holds of one object.
    pub fn holding(&self, unit: &str, object: &ObjectId) -> Result<Option<Held>, RecordError> {
        held_of(&self.read(), &self.path, unit, object)
    }

    /// The units that hold anything.
    pub fn holders(&self) -> Result<BTreeSet<String>, RecordError> {
        let doing = || database("list the holders", &self.path);
        let connection = self.read();
        let mut statement = connection.prepare_cached("SELECT DISTINCT unit FROM holdings").map_err(doing())?;
        statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(doing())
    }

    /// The last commit of a source that was verified and applied.
    pub fn floor(&self, source: &str) -> Result<Option<String>, RecordError> {
        self.read()
            .query_row("SELECT \"commit\" FROM floors WHERE source = ?1", [source], |row| row.get(0))
            .optional()
            .map_err(database("read the floor", &self.path))
    }

    /// Where the trust in a source begins; none before it was enrolled.
    pub fn introduction(&self, source: &str) -> Result<Option<Introduced>, RecordError> {
        let sql = "SELECT \"commit\", signer FROM introductions WHERE source = ?1";
        self.read()
            .query_row(sql, [source], |row| Ok(Introduced { commit: row.get(0)?, signer: row.get(1)? }))
            .optional()
            .map_err(database("read the introduction", &self.path))
    }

    /// The suspension of a unit, one that ran out included: whoever acts on that resumes it, so that it is told.
    pub fn suspension(&self, unit: &str) -> Result<Option<Suspension>, RecordError> {
        let sql = "SELECT owner, reason, since, until FROM suspensions WHERE unit = ?1";
        self.read()
            .query_row(sql, [unit], |row| {
                Ok(Suspension {
                    owner: row.get(0)?,
                    reason: row.get(1)?,
                    since: Timestamp(row.get(2)?),
                    until: row.get::<_, Option<i64>>(3)?.map(Timestamp),
                })
            })
            .optional()
            .map_err(database("read the suspension", &self.path))
    }

    /// The commits by which any unit stands. Their files are read again where a later commit's are not right.
    pub fn commits_in_use(&self) -> Result<Vec<String>, RecordError> {
        let failed = database("read which commits are in use", &self.path);
        let connection = self.read();
        let sql = "SELECT DISTINCT \"commit\" FROM passes WHERE \"commit\" IS NOT NULL ORDER BY 1";
        let found = connection.prepare(sql).and_then(|mut statement| {
            let rows = statement.query_map([], |row| row.get(0))?;
            rows.collect()
        });
        found.map_err(failed)
    }

    /// How a unit stands since its last pass that ended differently.
    pub fn standing(&self, unit: &str) -> Result<Option<Standing>, RecordError> {
        let sql = "SELECT \"commit\", state, text, since FROM passes WHERE unit = ?1";
        let row: Option<(Option<String>, String, String, i64)> = self
            .read()
            .query_row(sql, [unit], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()
            .map_err(database("read how a unit stands", &self.path))?;
        let Some((commit, state, text, since)) = row else { return Ok(None) };
        let state = State::parse(&state).ok_or_else(|| RecordError::Meaning {
            path: self.path.clone(),
            row: format!("the last pass of {unit}"),
            detail: format!("{state} is no state"),
        })?;
        Ok(Some(Standing { commit, state, text, since: Timestamp(since) }))
    }
}

type HeldRow = (String, u32, Option<String>, String, String);

fn held_row(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<HeldRow> {
    Ok((row.get(at)?, row.get(at + 1)?, row.get(at + 2)?, row.get(at + 3)?, row.get(at + 4)?))
}

fn held_of(connection: &Connection, path: &Path, unit: &str, object: &ObjectId) -> Result<Option<Held>, RecordError> {
    let row: Option<HeldRow> = connection
        .prepare_cached(
            "SELECT revision, replicas, \"commit\", parts, fixed FROM holdings WHERE unit = ?1 AND object = ?2",
        )
        .and_then(|mut statement| {
            statement.query_row(params![unit, object.to_string()], |row| held_row(row, 0)).optional()
        })
        .map_err(database("read a holding", path))?;
    let meaning =
        |detail| RecordError::Meaning { path: path.to_path_buf(), row: format!("the holding of {object}"), detail };
    row.map(|row| held(row).map_err(meaning)).transpose()
}

fn held((revision, replicas, commit, parts, fixed): HeldRow) -> Result<Held, String> {
    let revision = SpecHash::parse(&revision).ok_or_else(|| format!("{revision} is no hash"))?;
    let map = |text: &str| serde_json::from_str::<BTreeMap<String, String>>(text).map_err(|error| error.to_string());
    Ok(Held { revision, replicas, commit, parts: map(&parts)?, fixed: map(&fixed)? })
}

fn map_text(map: &BTreeMap<String, String>) -> String {
    serde_json::to_string(map).expect("a map of texts can be written")
}

/// The names of what differs between two states of an object.
fn changed(before: Option<&Held>, now: &Held) -> Vec<String> {
    let Some(before) = before else { return Vec::new() };
    let mut names: Vec<String> = Vec::new();
    for (old, new) in [(&before.parts, &now.parts), (&before.fixed, &now.fixed)] {
        let differing = old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name));
        names.extend(differing.filter(|name| !Held::is_mark(name)).cloned());
    }
    if before.replicas != now.replicas {
        names.push("replicas".to_owned());
    }
    names.sort();
    names.dedup();
    names
}
