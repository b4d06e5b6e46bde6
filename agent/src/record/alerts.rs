//! What is remembered of troubles that people are told of, for each of those who are told.
//!
//! Invariant: the journal is not written to; what is told stands there by the outbox.

use rusqlite::{OptionalExtension as _, params};
use writ_core::alert::{Kind, Phase, Watch};
use writ_core::time::Timestamp;

use super::error::{RecordError, database};
use super::{Batch, Store};

/// A row: commit, text, since, phase, moment of the phase, whether it flaps, whether it was missed.
type Row = (Option<String>, String, i64, String, i64, bool, bool);

impl Batch<'_> {
    /// Remembers how far a trouble of a unit is for one who is told; none forgets it.
    pub fn watch(&self, alert: &str, unit: &str, kind: Kind, watch: Option<&Watch>) -> Result<(), RecordError> {
        let doing = || database("remember what people are told", self.path);
        let Some(Watch { text, commit, since, phase }) = watch else {
            self.connection
                .prepare_cached("DELETE FROM alerts WHERE alert = ?1 AND unit = ?2 AND kind = ?3")
                .and_then(|mut statement| statement.execute(params![alert, unit, kind.name()]))
                .map_err(doing())?;
            return Ok(());
        };
        let (name, at, flaps, missed) = match phase {
            Phase::Doubted { flaps } => ("doubted", *since, *flaps, false),
            Phase::Told { at, flaps, missed } => ("told", *at, *flaps, *missed),
            Phase::Over { at } => ("over", *at, false, false),
        };
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO alerts (alert, unit, kind, \"commit\", text, since, phase, at, flaps, missed) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )
            .and_then(|mut statement| {
                statement.execute(params![alert, unit, kind.name(), commit, text, since.0, name, at.0, flaps, missed])
            })
            .map_err(doing())
            .map(drop)
    }
}

impl Store {
    /// What is remembered of a trouble of a unit for one who is told.
    pub fn watch(&self, alert: &str, unit: &str, kind: Kind) -> Result<Option<Watch>, RecordError> {
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        };
        let found: Option<Row> = self
            .read()
            .prepare_cached(
                "SELECT \"commit\", text, since, phase, at, flaps, missed FROM alerts \
                 WHERE alert = ?1 AND unit = ?2 AND kind = ?3",
            )
            .and_then(|mut statement| statement.query_row(params![alert, unit, kind.name()], row).optional())
            .map_err(database("read what people were told", &self.path))?;
        let meaning = |detail| RecordError::Meaning {
            path: self.path.clone(),
            row: format!("what {alert} was told of {unit}"),
            detail,
        };
        found.map(|row| watch(row).map_err(meaning)).transpose()
    }
}

fn watch((commit, text, since, phase, at, flaps, missed): Row) -> Result<Watch, String> {
    let at = Timestamp(at);
    let phase = match phase.as_str() {
        "doubted" => Phase::Doubted { flaps },
        "told" => Phase::Told { at, flaps, missed },
        "over" => Phase::Over { at },
        _ => return Err(format!("{phase} is no phase")),
    };
    Ok(Watch { text, commit, since: Timestamp(since), phase })
}
