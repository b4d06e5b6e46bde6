//! The record for those who only read it.
//!
//! Invariant: the file is opened to be read alone, and nothing here writes.

use std::collections::BTreeMap;
use std::path::Path;

use writ_core::holdings::Holdings;

use super::chain::Head;
use super::error::{RecordError, database};
use super::{Checkpoint, Filter, Record, RecordId, Standing, Store, Suspension, journal};

/// The record, to be read alone. It can be had while an agent runs.
#[derive(Debug)]
pub struct Reader(Store);

impl Reader {
    /// Opens the record of a state directory.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn open(state: &Path) -> Result<Self, RecordError> {
        Store::open_read_only(state).map(Self)
    }

    /// The newest record of the journal.
    pub fn head(&self) -> Result<Head, RecordError> {
        self.0.audit_head()
    }

    /// The newest record with what it tells; none if there is none.
    pub fn newest(&self) -> Result<Option<Record>, RecordError> {
        Ok(self.history(&Filter { newest: Some(1), ..Filter::default() })?.pop())
    }

    /// The records that the filter lets through, oldest first.
    pub fn history(&self, filter: &Filter) -> Result<Vec<Record>, RecordError> {
        self.0.history(filter)
    }

    /// The records after one, oldest first, and no more than `most`.
    pub fn after(&self, record: RecordId, most: u32) -> Result<Vec<Record>, RecordError> {
        journal::after(&self.0.read(), &self.0.path, record, most)
    }

    /// How a unit stands since its last pass that ended differently.
    pub fn standing(&self, unit: &str) -> Result<Option<Standing>, RecordError> {
        self.0.standing(unit)
    }

    /// The suspension of a unit, one that ran out included.
    pub fn suspension(&self, unit: &str) -> Result<Option<Suspension>, RecordError> {
        self.0.suspension(unit)
    }

    /// All that a unit holds.
    pub fn holdings(&self, unit: &str) -> Result<Holdings, RecordError> {
        self.0.holdings(unit)
    }

    /// The newest checkpoint; none if there is none.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RecordError> {
        self.0.newest_checkpoint()
    }

    /// How many statuses wait, for each forge that any was for.
    pub fn waiting(&self) -> Result<BTreeMap<String, u64>, RecordError> {
        let connection = self.0.read();
        let sql = "SELECT forge, count(*) FILTER (WHERE waiting = 1) FROM statuses GROUP BY forge";
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?.collect()
            })
            .map_err(database("count the outbox", &self.0.path))
    }
}
