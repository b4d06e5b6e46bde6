//! What failed of late, as a running agent knows it: a copy, so that a plan which another process shows says what waits.
//!
//! Invariant: the journal is not written to; it has the failures themselves.

use rusqlite::params;
use writ_core::hash::SpecHash;
use writ_core::model::ObjectId;
use writ_core::plan::{Attempt, Deed, Setback, Setbacks};
use writ_core::time::Timestamp;

use super::error::{RecordError, database};
use super::{Batch, Store};

/// A row: deed, object, name, revision, failures, until, why.
type Row = (String, String, String, String, u32, i64, String);

impl Batch<'_> {
    /// Remembers what failed of late for a unit at a commit, instead of what was remembered before.
    pub fn set_setbacks(&self, unit: &str, commit: &str, setbacks: &Setbacks) -> Result<(), RecordError> {
        let doing = || database("remember what failed", self.path);
        self.connection.execute("DELETE FROM setbacks WHERE unit = ?1", [unit]).map_err(doing())?;
        for (attempt, setback) in setbacks.iter() {
            let Attempt { deed, object, name, revision } = attempt;
            let Setback { failures, until, why } = setback;
            let object = object.as_ref().map_or(String::new(), ToString::to_string);
            let name = name.as_deref().unwrap_or_default();
            let revision = revision.as_ref().map_or("", SpecHash::as_str);
            self.connection
                .execute(
                    "INSERT INTO setbacks (unit, \"commit\", deed, object, name, revision, failures, until, why) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                    params![unit, commit, deed.name(), object, name, revision, failures, until.0, why],
                )
                .map_err(doing())?;
        }
        Ok(())
    }
}

impl Store {
    /// See [`Batch::set_setbacks`].
    pub fn set_setbacks(&self, unit: &str, commit: &str, setbacks: &Setbacks) -> Result<(), RecordError> {
        self.batch(|batch| batch.set_setbacks(unit, commit, setbacks))
    }

    /// What failed of late for a unit at a commit.
    pub fn setbacks(&self, unit: &str, commit: &str) -> Result<Setbacks, RecordError> {
        let doing = || database("read what failed", &self.path);
        let connection = self.read();
        let mut statement = connection
            .prepare_cached(
                "SELECT deed, object, name, revision, failures, until, why FROM setbacks \
                 WHERE unit = ?1 AND \"commit\" = ?2",
            )
            .map_err(doing())?;
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        };
        let rows: Vec<Row> = statement.query_map([unit, commit], row).and_then(Iterator::collect).map_err(doing())?;
        let meaning = |detail| RecordError::Meaning {
            path: self.path.clone(),
            row: format!("what failed of late for {unit}"),
            detail,
        };
        rows.into_iter().map(|row| setback(row).map_err(meaning)).collect()
    }
}

fn setback((deed, object, name, revision, failures, until, why): Row) -> Result<(Attempt, Setback), String> {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    let attempt = Attempt {
        deed: Deed::parse(&deed).ok_or_else(|| format!("{deed} is no deed"))?,
        object: some(object)
            .map(|object| ObjectId::parse(&object).ok_or_else(|| format!("{object} is no object")))
            .transpose()?,
        name: some(name),
        revision: some(revision)
            .map(|revision| SpecHash::parse(&revision).ok_or_else(|| format!("{revision} is no hash")))
            .transpose()?,
    };
    Ok((attempt, Setback { failures, until: Timestamp(until), why }))
}
