//! The file of the host key: made once, read whenever something is signed, changed only with a record that tells of it.
//!
//! Invariant: a key that the journal names is never replaced because its file is missing or another; that is an error.
//! Invariant: the private half is in `host_key` and, while a new key takes its place, in `host_key.next`, and nowhere else.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};
use writ_core::time::Timestamp;
use zeroize::Zeroizing;

use super::batch::Batch;
use super::draft::{put, sync};
use super::error::{RecordError, database, files};
use super::event::{AgentEvent, Event};
use super::seal::{Handover, HostKey, SecretKey};
use super::store::random;
use super::{Store, journal, wire};
use crate::limits::HOST_KEY_BYTES_MAX;

/// The private key, in OpenSSH's own form.
const FILE: &str = "host_key";

/// The key that is about to take its place.
const NEXT: &str = "host_key.next";

/// Permissions that nobody but the owner has.
const STRANGERS: u32 = 0o077;

/// Why a new key takes the place of one that cannot sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// Who says so.
    pub owner: String,
    /// What became of it.
    pub reason: String,
}

impl Store {
    /// The host key that the journal names, whether its file is there or not; none before there was one.
    pub fn named_host_key(&self) -> Result<Option<HostKey>, RecordError> {
        named(&self.read(), &self.path)
    }

    /// The host key; none before there was one.
    ///
    /// # Errors
    /// If the journal names one, and its file is missing, is another key, or is open to others.
    pub fn host_key(&self) -> Result<Option<HostKey>, RecordError> {
        let named = self.named_host_key()?;
        named.map(|named| load(self.folder(), &named).map(|key| key.public())).transpose()
    }

    /// Makes the host key, if the journal names none yet. A file that is there already, and that the journal did not come
    /// to tell of, is taken. True if it is new.
    pub fn make_host_key(&self, now: Timestamp, host: &str) -> Result<(HostKey, bool), RecordError> {
        let made = self.batch(|batch| {
            if let Some(named) = named(batch.connection, batch.path)? {
                return settle(self.folder(), &named).map(|key| (key.public(), false));
            }
            let path = self.folder().join(FILE);
            let key = match read(&path)? {
                Some(key) => key,
                None => fresh(self.folder(), FILE, host)?,
            };
            let public = key.public();
            publish(self.folder(), &public, host)?;
            batch.append(now, &AgentEvent::HostKeyMade { host: host.to_owned(), key: public.to_string() }.into())?;
            batch.seal_buckets(&key)?;
            Ok((public, true))
        })?;
        if made.1 {
            self.forget_copies()?;
        }
        Ok(made)
    }

    /// Signs a text in public with the host key; gives the key and the signature in armor. None before there was a key.
    ///
    /// # Errors
    /// If the key that the journal names cannot sign.
    pub fn sign_as_host(&self, text: &str) -> Result<Option<(HostKey, String)>, RecordError> {
        self.batch(|batch| {
            let Some(key) = batch.signing_key()? else { return Ok(None) };
            let signature = key.sign(text).map_err(|source| RecordError::Signing { source })?;
            Ok(Some((key.public(), signature)))
        })
    }

    /// Gives the host another key: the old one signs that, unless it is lost. Gives the old and the new one.
    ///
    /// # Errors
    /// If there is no key yet, if the old one cannot sign and is not said to be lost, or is said to be and can.
    pub fn rotate_host_key(
        &self,
        now: Timestamp,
        host: &str,
        lost: Option<&Lost>,
    ) -> Result<(HostKey, HostKey), RecordError> {
        let changed = self.batch(|batch| {
            let from = named(batch.connection, batch.path)?.ok_or(RecordError::NoHostKey)?;
            let event = |to: &SecretKey| match lost {
                None => {
                    let old = settle(self.folder(), &from)?;
                    batch.seal_buckets_anew(&old, to)?;
                    handover(batch, now, host, &old, &to.public())
                }
                Some(_) if load(self.folder(), &from).is_ok() => Err(RecordError::HostKeyNotLost),
                Some(Lost { owner, reason }) => Ok(AgentEvent::HostKeyReplaced {
                    host: host.to_owned(),
                    from: from.to_string(),
                    to: to.public().to_string(),
                    owner: owner.clone(),
                    reason: reason.clone(),
                }),
            };
            let to = fresh(self.folder(), NEXT, host)?;
            let event = event(&to).inspect_err(|_| drop(fs::remove_file(self.folder().join(NEXT))))?;
            batch.append(now, &event.into())?;
            Ok((from, to.public()))
        })?;
        // From here on the record names the new key, and whoever signs next puts its file in place if this cannot.
        self.batch(|_| {
            settle(self.folder(), &changed.1)?;
            publish(self.folder(), &changed.1, host)
        })?;
        Ok(changed)
    }
}

impl Batch<'_> {
    /// The key by which to sign; none before there was one.
    pub(super) fn signing_key(&self) -> Result<Option<SecretKey>, RecordError> {
        let folder = self.path.parent().unwrap_or_else(|| Path::new("."));
        named(self.connection, self.path)?.map(|named| settle(folder, &named)).transpose()
    }
}

/// The event of a new key, signed by the old one.
fn handover(
    batch: &Batch<'_>,
    now: Timestamp,
    host: &str,
    old: &SecretKey,
    to: &HostKey,
) -> Result<AgentEvent, RecordError> {
    let doing = || database("read the head", batch.path);
    let head = journal::head(batch.connection).map_err(doing())?;
    let store = store_name(batch.connection).map_err(doing())?;
    let from = old.public();
    let record = super::RecordId(head.record.0 + 1);
    let text = Handover { host, store: &store, record, head: head.hash, from: &from, to, time: now }.to_string();
    let signature = old.sign(&text).map_err(|source| RecordError::Signing { source })?;
    Ok(AgentEvent::HostKeyRotated { host: host.to_owned(), from: from.to_string(), to: to.to_string(), signature })
}

/// The store's name, as its first record gives it.
pub(super) fn store_name(connection: &Connection) -> rusqlite::Result<String> {
    let sql = "SELECT json_extract(body, '$.id') FROM journal WHERE sequence = 1";
    connection.query_row(sql, [], |row| row.get(0))
}

/// The key that the newest record about keys names.
pub(super) fn named(connection: &Connection, path: &Path) -> Result<Option<HostKey>, RecordError> {
    let row = |row: &rusqlite::Row<'_>| {
        let (kind, body) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, i64>(0)?, wire::Row { kind, body, ..wire::Row::default() }))
    };
    let newest = connection
        .prepare_cached(
            "SELECT sequence, kind, body FROM journal WHERE kind IN (?1, ?2, ?3) ORDER BY sequence DESC LIMIT 1",
        )
        .and_then(|mut statement| {
            statement.query_row([wire::KEY_MADE, wire::KEY_ROTATED, wire::KEY_REPLACED], row).optional()
        })
        .map_err(database("look for the host key", path))?;
    let Some((record, row)) = newest else { return Ok(None) };
    let key = match key_of(&row) {
        Some(key) => HostKey::parse(&key).ok_or_else(|| format!("{key} is no host key")),
        None => Err(format!("a record of the kind {} should tell of a host key", row.kind)),
    };
    let meaning = |detail| RecordError::Meaning { path: path.to_path_buf(), row: format!("record {record}"), detail };
    key.map(Some).map_err(meaning)
}

/// The key that a record names as the one in force from there on; none if it is about something else.
pub(super) fn key_of(row: &wire::Row) -> Option<String> {
    if ![wire::KEY_MADE, wire::KEY_ROTATED, wire::KEY_REPLACED].contains(&row.kind.as_str()) {
        return None;
    }
    match wire::read(row) {
        Ok(Event::Agent(
            AgentEvent::HostKeyMade { host: _, key }
            | AgentEvent::HostKeyRotated { host: _, from: _, to: key, signature: _ }
            | AgentEvent::HostKeyReplaced { host: _, from: _, to: key, owner: _, reason: _ },
        )) => Some(key),
        Ok(_) | Err(_) => None,
    }
}

/// The key of that name, wherever a change of keys left it.
pub(super) fn load(folder: &Path, named: &HostKey) -> Result<SecretKey, RecordError> {
    let path = folder.join(FILE);
    let found = read(&path)?;
    if found.as_ref().is_some_and(|found| found.public() == *named) {
        return found.ok_or(RecordError::NoHostKey);
    }
    if let Some(next) = read(&folder.join(NEXT))?.filter(|next| next.public() == *named) {
        return Ok(next);
    }
    let named = named.fingerprint();
    Err(match found {
        Some(found) => RecordError::OtherHostKey { path, found: found.public().fingerprint(), named },
        None => RecordError::HostKeyAbsent { path, named },
    })
}

/// The same, and ends a change of keys that was cut short.
fn settle(folder: &Path, named: &HostKey) -> Result<SecretKey, RecordError> {
    let key = load(folder, named)?;
    let (path, next) = (folder.join(FILE), folder.join(NEXT));
    if read(&next)?.is_some_and(|next| next.public() == *named) {
        fs::rename(&next, &path).map_err(files("put in place", &path))?;
        sync(folder)?;
    }
    Ok(key)
}

/// A key in a file; none if there is no file.
fn read(path: &Path) -> Result<Option<SecretKey>, RecordError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(files("open", path))?,
    };
    let bad = |detail: String| RecordError::BadHostKey { path: path.to_path_buf(), detail };
    let mode = file.metadata().map_err(files("look at", path))?.permissions().mode();
    if mode & STRANGERS != 0 {
        let path = path.display();
        return Err(bad(format!("others may read it; run `chmod 600 {path}`, and `writ key rotate` if somebody did")));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(HOST_KEY_BYTES_MAX).read_to_string(&mut text).map_err(files("read", path))?;
    SecretKey::parse(&text).map(Some).map_err(bad)
}

/// Makes a key and its file.
fn fresh(folder: &Path, name: &str, host: &str) -> Result<SecretKey, RecordError> {
    let seed = Zeroizing::new(random()?);
    let signing = |source| RecordError::Signing { source };
    let key = SecretKey::from_seed(&seed, host).map_err(signing)?;
    put(folder, name, key.to_file().map_err(signing)?.as_bytes())?;
    Ok(key)
}

/// Writes the public half beside it, as OpenSSH does.
fn publish(folder: &Path, key: &HostKey, host: &str) -> Result<(), RecordError> {
    put(folder, &format!("{FILE}.pub"), format!("{key} audit of {host}\n").as_bytes())
}
