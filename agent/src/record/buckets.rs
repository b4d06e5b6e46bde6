//! Config buckets: values that a person sets on the host and no repository holds.
//!
//! The values stand in the store sealed by the host key (`vault`); the journal knows keyed digests of them.
//!
//! Invariant: no value is written that is not sealed. One that cannot be opened is an error that names its key.

use std::collections::BTreeMap;
use std::path::Path;

use hmac::{Hmac, Mac as _};
use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::Sha256;
use writ_core::model::{BucketRef, Scope};
use writ_core::text::SecretText;
use writ_core::time::Timestamp;

use super::batch::Batch;
use super::chain::hex;
use super::error::{RecordError, database};
use super::event::OperatorEvent;
use super::seal::SecretKey;
use super::vault::{Slot, Vault};
use super::{Store, schema};

type Buckets = BTreeMap<BucketRef, BTreeMap<String, SecretText>>;

impl Batch<'_> {
    /// Gives a key of a bucket a value; false if it has that value already.
    ///
    /// # Errors
    /// If there is no host key to seal it by, or it cannot be had.
    pub fn bucket_set(
        &self,
        now: Timestamp,
        bucket: &BucketRef,
        key: &str,
        value: &SecretText,
    ) -> Result<bool, RecordError> {
        let (scope, name) = columns(bucket);
        let vault = Vault::named(self.connection, self.path)?.ok_or(RecordError::NoHostKey)?;
        let doing = || database("set a key of a bucket", self.path);
        let sql = "SELECT value, sealed FROM buckets WHERE scope = ?1 AND name = ?2 AND key = ?3";
        let before: Option<Stored> = self
            .connection
            .query_row(sql, [scope, name, key], |row| Ok(Stored { bytes: row.get(0)?, sealed: row.get(1)? }))
            .optional()
            .map_err(doing())?;
        let slot = Slot { scope, name, key };
        if before.and_then(|before| before.value(&slot, &vault)).as_ref() == Some(value) {
            return Ok(false);
        }
        self.put(&slot, &vault.seal(&slot, value)?)?;
        let digest = self.digest(bucket, key, value);
        let event = OperatorEvent::ConfigSet { bucket: bucket.clone(), key: key.to_owned(), digest };
        self.append(now, &event.into()).map(|_| true)
    }

    fn put(&self, slot: &Slot<'_>, sealed: &[u8]) -> Result<(), RecordError> {
        let Slot { scope, name, key } = slot;
        let sql = "INSERT OR REPLACE INTO buckets (scope, name, key, value, sealed) VALUES (?1, ?2, ?3, ?4, 1)";
        let put = self.connection.execute(sql, params![scope, name, key, sealed]);
        put.map(drop).map_err(database("set a key of a bucket", self.path))
    }

    /// Seals the values that stand there from before values were sealed.
    pub(super) fn seal_buckets(&self, by: &SecretKey) -> Result<(), RecordError> {
        let vault = Vault::by(self.connection, self.path, by)?;
        for row in rows(self.connection, self.path)?.into_iter().filter(|row| !row.stored.sealed) {
            let slot = row.slot();
            self.put(&slot, &vault.seal(&slot, &SecretText::new(row.stored.bytes.clone()))?)?;
        }
        Ok(())
    }

    /// Seals by another host key what is sealed by this one. What is sealed by neither stays, and is told when it is read.
    pub(super) fn seal_buckets_anew(&self, old: &SecretKey, new: &SecretKey) -> Result<(), RecordError> {
        let (old, new) = (Vault::by(self.connection, self.path, old)?, Vault::by(self.connection, self.path, new)?);
        for row in rows(self.connection, self.path)? {
            let slot = row.slot();
            if let Some(value) = row.stored.value(&slot, &old) {
                self.put(&slot, &new.seal(&slot, &value)?)?;
            }
        }
        Ok(())
    }

    /// Removes a key from a bucket; false if it is not there.
    pub fn bucket_unset(&self, now: Timestamp, bucket: &BucketRef, key: &str) -> Result<bool, RecordError> {
        let (scope, name) = columns(bucket);
        let removed = self
            .connection
            .execute("DELETE FROM buckets WHERE scope = ?1 AND name = ?2 AND key = ?3", [scope, name, key]);
        if removed.map_err(database("unset a key of a bucket", self.path))? == 0 {
            return Ok(false);
        }
        let event = OperatorEvent::ConfigUnset { bucket: bucket.clone(), key: key.to_owned() };
        self.append(now, &event.into()).map(|_| true)
    }

    /// Removes all keys of one bucket, each told in the journal; gives their number.
    pub fn bucket_destroy(&self, now: Timestamp, bucket: &BucketRef) -> Result<usize, RecordError> {
        let (scope, name) = columns(bucket);
        let keys: Vec<String> = self
            .connection
            .prepare("SELECT key FROM buckets WHERE scope = ?1 AND name = ?2 ORDER BY key")
            .and_then(|mut statement| statement.query_map([scope, name], |row| row.get(0))?.collect())
            .map_err(database("read the keys of a bucket", self.path))?;
        for key in &keys {
            self.bucket_unset(now, bucket, key)?;
        }
        Ok(keys.len())
    }

    /// The digest by which the journal tells one value from another, and tells nothing else about it.
    fn digest(&self, bucket: &BucketRef, key: &str, value: &SecretText) -> String {
        let (scope, name) = columns(bucket);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.hash_key.0).expect("HMAC takes keys of any length");
        mac.update(b"writ config 1\0");
        for part in [scope.as_bytes(), name.as_bytes(), key.as_bytes(), value.expose()] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        hex(&mac.finalize().into_bytes())
    }
}

impl Store {
    /// See [`Batch::bucket_set`].
    pub fn bucket_set(
        &self,
        now: Timestamp,
        bucket: &BucketRef,
        key: &str,
        value: &SecretText,
    ) -> Result<bool, RecordError> {
        self.batch(|batch| batch.bucket_set(now, bucket, key, value))
    }

    /// See [`Batch::bucket_unset`].
    pub fn bucket_unset(&self, now: Timestamp, bucket: &BucketRef, key: &str) -> Result<bool, RecordError> {
        self.batch(|batch| batch.bucket_unset(now, bucket, key))
    }

    /// See [`Batch::bucket_destroy`].
    pub fn bucket_destroy(&self, now: Timestamp, bucket: &BucketRef) -> Result<usize, RecordError> {
        self.batch(|batch| batch.bucket_destroy(now, bucket))
    }

    /// All buckets with their values.
    ///
    /// # Errors
    /// If one of them cannot be opened: all of these by their names.
    pub fn buckets(&self) -> Result<Buckets, RecordError> {
        let connection = self.read();
        let rows = rows(&connection, &self.path)?;
        let is_sealed = rows.iter().any(|row| row.stored.sealed);
        let (vault, trouble) = match is_sealed.then(|| Vault::named(&connection, &self.path)) {
            None => (None, None),
            Some(Ok(vault)) => (vault, None),
            Some(Err(trouble)) => (None, Some(Box::new(trouble))),
        };
        let (mut buckets, mut closed) = (Buckets::new(), Vec::new());
        for row in rows {
            let slot = row.slot();
            let value = match (&vault, row.stored.sealed) {
                (_, false) => Some(SecretText::new(row.stored.bytes.clone())),
                (Some(vault), true) => vault.open(&slot, &row.stored.bytes),
                (None, true) => None,
            };
            let name = Some(row.name.clone()).filter(|name| !name.is_empty());
            match value {
                Some(value) => {
                    let bucket = BucketRef { scope: Scope(row.scope), name };
                    buckets.entry(bucket).or_default().insert(row.key, value);
                }
                None => {
                    let name = name.map_or_else(String::new, |name| format!("/{name}"));
                    closed.push(format!("{}{name} {}", row.scope, row.key));
                }
            }
        }
        if closed.is_empty() {
            return Ok(buckets);
        }
        let folder = self.folder().display().to_string();
        Err(RecordError::BucketsSealed { keys: closed.join(", "), folder, source: trouble })
    }

    /// Seals what an older program left open, if there is a host key to seal it by, and leaves no copy of it in the files.
    pub(super) fn seal_old_buckets(&self) -> Result<(), RecordError> {
        let host_key = {
            let connection = self.read();
            if rows(&connection, &self.path)?.iter().all(|row| row.stored.sealed) {
                return Ok(());
            }
            // Without its key it stays as it was, and can be read; that the key is missing is said where it is needed.
            super::host_key::named(&connection, &self.path)?
                .and_then(|named| super::host_key::load(self.folder(), &named).ok())
        };
        let Some(host_key) = host_key else { return Ok(()) };
        self.batch(|batch| batch.seal_buckets(&host_key))?;
        self.forget_copies()
    }

    /// Brings what was written into the file itself, where what was overwritten is gone, and empties the log beside it. Where
    /// another process reads, the log is emptied later.
    pub(super) fn forget_copies(&self) -> Result<(), RecordError> {
        let emptied = self.read().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        emptied.map_err(database("empty the log", &self.path))
    }
}

/// A value as it stands in the store.
struct Stored {
    bytes: Vec<u8>,
    sealed: bool,
}

impl Stored {
    fn value(&self, slot: &Slot<'_>, vault: &Vault) -> Option<SecretText> {
        if self.sealed { vault.open(slot, &self.bytes) } else { Some(SecretText::new(self.bytes.clone())) }
    }
}

/// A row of the table.
struct Row {
    scope: String,
    name: String,
    key: String,
    stored: Stored,
}

impl Row {
    fn slot(&self) -> Slot<'_> {
        Slot { scope: &self.scope, name: &self.name, key: &self.key }
    }
}

fn rows(connection: &Connection, path: &Path) -> Result<Vec<Row>, RecordError> {
    let doing = || database("read the buckets", path);
    let can_seal = schema::version(connection).map_err(doing())? >= schema::BUCKETS_SEALED_SINCE;
    let sealed = if can_seal { "sealed" } else { "0" };
    let sql = format!("SELECT scope, name, key, value, {sealed} FROM buckets ORDER BY scope, name, key");
    let row = |row: &rusqlite::Row<'_>| {
        let stored = Stored { bytes: row.get(3)?, sealed: row.get(4)? };
        Ok(Row { scope: row.get(0)?, name: row.get(1)?, key: row.get(2)?, stored })
    };
    let rows = connection.prepare(&sql).and_then(|mut statement| statement.query_map([], row)?.collect());
    rows.map_err(doing())
}

fn columns(bucket: &BucketRef) -> (&str, &str) {
    let BucketRef { scope, name } = bucket;
    (&scope.0, name.as_deref().unwrap_or_default())
}
