//! Config buckets: values that a person sets on the host and no repository holds.
//!
//! The values stand in the store as they are, which only its owner can read (mode 0600 in a directory of mode 0700);
//! the journal knows keyed digests of them.

use std::collections::BTreeMap;

use hmac::{Hmac, Mac as _};
use rusqlite::{OptionalExtension as _, params};
use sha2::Sha256;
use writ_core::model::{BucketRef, Scope};
use writ_core::text::SecretText;
use writ_core::time::Timestamp;

use super::Store;
use super::batch::Batch;
use super::chain::hex;
use super::error::{RecordError, database};
use super::event::OperatorEvent;

type Buckets = BTreeMap<BucketRef, BTreeMap<String, SecretText>>;

impl Batch<'_> {
    /// Gives a key of a bucket a value; false if it has that value already.
    pub fn bucket_set(
        &self,
        now: Timestamp,
        bucket: &BucketRef,
        key: &str,
        value: &SecretText,
    ) -> Result<bool, RecordError> {
        let (scope, name) = columns(bucket);
        let doing = || database("set a key of a bucket", self.path);
        let before: Option<Vec<u8>> = self
            .connection
            .query_row(
                "SELECT value FROM buckets WHERE scope = ?1 AND name = ?2 AND key = ?3",
                [scope, name, key],
                |row| row.get(0),
            )
            .optional()
            .map_err(doing())?;
        if before.as_deref() == Some(value.expose()) {
            return Ok(false);
        }
        self.connection
            .execute(
                "INSERT OR REPLACE INTO buckets (scope, name, key, value) VALUES (?1, ?2, ?3, ?4)",
                params![scope, name, key, value.expose()],
            )
            .map_err(doing())?;
        let digest = self.digest(bucket, key, value);
        let event = OperatorEvent::ConfigSet { bucket: bucket.clone(), key: key.to_owned(), digest };
        self.append(now, &event.into()).map(|_| true)
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
    pub fn buckets(&self) -> Result<Buckets, RecordError> {
        let doing = || database("read the buckets", &self.path);
        let connection = self.read();
        let mut statement = connection.prepare("SELECT scope, name, key, value FROM buckets").map_err(doing())?;
        let mut rows = statement.query([]).map_err(doing())?;
        let mut buckets = Buckets::new();
        while let Some(row) = rows.next().map_err(doing())? {
            let (bucket, key, value) = bucket_row(row).map_err(doing())?;
            buckets.entry(bucket).or_default().insert(key, value);
        }
        Ok(buckets)
    }
}

fn bucket_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(BucketRef, String, SecretText)> {
    let name = Some(row.get::<_, String>(1)?).filter(|name| !name.is_empty());
    Ok((BucketRef { scope: Scope(row.get(0)?), name }, row.get(2)?, SecretText::new(row.get::<_, Vec<u8>>(3)?)))
}

fn columns(bucket: &BucketRef) -> (&str, &str) {
    let BucketRef { scope, name } = bucket;
    (&scope.0, name.as_deref().unwrap_or_default())
}
