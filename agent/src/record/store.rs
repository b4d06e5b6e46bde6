//! The store itself: opening it safely, and one transaction for each write.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use writ_core::hash::HashKey;
use writ_core::time::Timestamp;

use super::batch::Batch;
use super::chain::{self, Head, hex};
use super::error::{RecordError, database, files};
use super::event::{AgentEvent, Event};
use super::journal::{self, Filter, OpenIntent, Record};
use super::walk::{Expected, Verdict};
use super::{FILE, schema, witness};

/// Longest wait for another process that writes. A write takes milliseconds; 10 s means that something hangs.
const BUSY_WAIT: Duration = Duration::from_secs(10);

/// Statements kept ready. There are about forty.
const STATEMENTS_KEPT: usize = 64;

/// Bytes at the start of a database file that tell what it is.
/// Source: "Database File Format" of SQLite, section 1.3.
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";
const USER_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

/// Everything that Writ remembers on a host.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
    pub(super) path: PathBuf,
    hash_key: HashKey,
}

impl Store {
    /// Opens the store of a state directory, and makes it if there is none.
    pub fn open(now: Timestamp, state: &Path) -> Result<Self, RecordError> {
        private_directory(state)?;
        let path = state.join(FILE);
        check_ours(&path)?;
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        drop(file.map_err(files("open", &path))?);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(database("open", &path))?;
        prepare(&connection).map_err(database("read the settings", &path))?;
        check_version(&connection, &path)?;
        durable(&connection).map_err(database("set durability", &path))?;
        let hash_key = found(&mut connection, &path, now)?;
        let store = Self { connection: Mutex::new(connection), path, hash_key };
        store.seal_old_buckets()?;
        Ok(store)
    }

    /// Opens the store to read it, which is possible while an agent runs. Writing to it fails.
    pub fn open_read_only(state: &Path) -> Result<Self, RecordError> {
        let path = state.join(FILE);
        if !path.exists() {
            return Err(RecordError::Absent { path });
        }
        check_ours(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags).map_err(database("open", &path))?;
        prepare(&connection).map_err(database("read the settings", &path))?;
        check_version(&connection, &path)?;
        if schema::version(&connection).map_err(database("read the schema", &path))? == 0 {
            return Err(RecordError::Absent { path });
        }
        let hash_key = stored_key(&connection).map_err(database("read the hash key", &path))?;
        Ok(Self { connection: Mutex::new(connection), path, hash_key })
    }

    /// The key by which values of secrets enter hashes on this host; made with the store.
    #[must_use]
    pub fn hash_key(&self) -> HashKey {
        self.hash_key.clone()
    }

    /// The random name that the store was given when it was made.
    pub fn id(&self) -> Result<String, RecordError> {
        let filter = Filter { kind: Some("store-made"), newest: Some(1), ..Filter::default() };
        let made = self.history(&filter)?.into_iter().find_map(|record| match record.event {
            Event::Agent(AgentEvent::StoreMade { id, schema: _ }) => Some(id),
            Event::Agent(_) | Event::Trust(_) | Event::Work(_) | Event::Operator(_) | Event::Report(_) => None,
        });
        made.ok_or_else(|| RecordError::Meaning {
            path: self.path.clone(),
            row: "the record of its making".to_owned(),
            detail: "there is none".to_owned(),
        })
    }

    /// The store's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state directory.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or_else(|| Path::new("."))
    }

    /// The newest record of the journal.
    pub fn audit_head(&self) -> Result<Head, RecordError> {
        journal::head(&self.read()).map_err(database("read the head", &self.path))
    }

    /// The records that the filter lets through, oldest first.
    pub fn history(&self, filter: &Filter) -> Result<Vec<Record>, RecordError> {
        journal::history(&self.read(), &self.path, filter)
    }

    /// Intents that wait for their outcome, oldest first.
    pub fn open_intents(&self) -> Result<Vec<OpenIntent>, RecordError> {
        journal::open_intents(&self.read(), &self.path)
    }

    /// Walks the whole journal. `expected` is the beginning of a hash that must stand in it, as a commit status shows it.
    pub fn verify_chain(&self, expected: Option<&str>) -> Result<Verdict, RecordError> {
        self.verify(Expected { head: expected, signers: None })
    }

    /// Walks the whole journal, and checks it against what is known from outside.
    pub fn verify(&self, expected: Expected<'_>) -> Result<Verdict, RecordError> {
        let verdict = chain::verify(&self.read(), expected).map_err(database("verify the chain", &self.path))?;
        witness::beside(&self.read(), &self.path, verdict)
    }

    /// Does several writes as one: all are committed together, durably, or none is.
    pub fn batch<T>(&self, act: impl FnOnce(&Batch<'_>) -> Result<T, RecordError>) -> Result<T, RecordError> {
        let mut connection = self.read();
        let transaction = (connection.transaction_with_behavior(TransactionBehavior::Immediate))
            .map_err(database("begin to write", &self.path))?;
        #[cfg(debug_assertions)]
        let failpoint = super::failpoint::Failpoint::before(&transaction);
        let done = act(&Batch::new(&transaction, &self.path, &self.hash_key))?;
        transaction.commit().map_err(database("commit", &self.path))?;
        #[cfg(debug_assertions)]
        failpoint.after(&connection);
        Ok(done)
    }

    /// The connection. A panic elsewhere rolled its transaction back, so that the connection is sound after it.
    pub(super) fn read(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a directory that only its owner can enter, or narrows the one that is there.
pub(super) fn private_directory(path: &Path) -> Result<(), RecordError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(files("make the directory", path))?;
    let mode = fs::metadata(path).map_err(files("look at", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        let narrowed = fs::Permissions::from_mode(mode & !0o077);
        fs::set_permissions(path, narrowed).map_err(files("take the rights of others from", path))?;
    }
    Ok(())
}

/// Refuses a file of a newer schema or of another program, by its first bytes alone: nothing is opened or written.
pub(super) fn check_ours(path: &Path) -> Result<(), RecordError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(files("open", path)(error)),
        Ok(file) => file,
    };
    let mut header = Vec::new();
    let read = file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut header).map_err(files("read", path))?;
    if read == 0 {
        return Ok(());
    }
    let foreign = || RecordError::Foreign { path: path.to_path_buf() };
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u32::from_be_bytes).ok_or_else(foreign)
    };
    if !header.starts_with(MAGIC) {
        return Err(foreign());
    }
    refuse_strangers(path, number(USER_VERSION_AT)?, number(APPLICATION_ID_AT)?)
}

/// The same by what SQLite says, its log taken into account.
fn check_version(connection: &Connection, path: &Path) -> Result<(), RecordError> {
    let version = schema::version(connection).map_err(database("read the schema", path))?;
    let application = schema::application(connection).map_err(database("read the owner", path))?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(database("read the schema", path))?;
    if tables > 0 && application == 0 {
        return Err(RecordError::Foreign { path: path.to_path_buf() });
    }
    refuse_strangers(path, version, application)
}

fn refuse_strangers(path: &Path, version: u32, application: u32) -> Result<(), RecordError> {
    // A database that was never written to has neither; our first transaction gives it both.
    if application != schema::APPLICATION_ID && (application, version) != (0, 0) {
        return Err(RecordError::Foreign { path: path.to_path_buf() });
    }
    if version > schema::VERSION {
        return Err(RecordError::Newer { path: path.to_path_buf(), found: version, known: schema::VERSION });
    }
    Ok(())
}

fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.busy_timeout(BUSY_WAIT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)
}

/// Every commit is on the disk before it is reported: the log is synchronised each time. What is removed is overwritten,
/// so that a value taken out of a bucket does not stay in the file.
fn durable(connection: &Connection) -> rusqlite::Result<()> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(rusqlite::Error::InvalidParameterName(format!("the journal mode stays {mode}")));
    }
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "synchronous", "full")
}

/// Brings the schema up to date and gives the hash key, which is made with the store.
fn found(connection: &mut Connection, path: &Path, now: Timestamp) -> Result<HashKey, RecordError> {
    let version = schema::version(connection).map_err(database("read the schema", path))?;
    if version < schema::VERSION {
        let key = random()?;
        let transaction = (connection.transaction_with_behavior(TransactionBehavior::Immediate))
            .map_err(database("begin to write", path))?;
        make(&transaction, now, &key).map_err(database("bring up to date", path))?;
        transaction.commit().map_err(database("bring up to date", path))?;
    }
    stored_key(connection).map_err(database("read the hash key", path))
}

fn make(transaction: &Transaction<'_>, now: Timestamp, key: &[u8; 32]) -> rusqlite::Result<()> {
    // Read again: another process may have done it since.
    let version = schema::version(transaction)?;
    if version >= schema::VERSION {
        return Ok(());
    }
    schema::migrate(transaction, version)?;
    let event = if version == 0 {
        transaction.execute("INSERT INTO keys (name, value) VALUES ('hash', ?1)", [key])?;
        let id: [u8; 16] = transaction.query_row("SELECT randomblob(16)", [], |row| row.get(0))?;
        AgentEvent::StoreMade { id: hex(&id), schema: schema::VERSION }
    } else {
        AgentEvent::StoreMigrated { from: version, to: schema::VERSION }
    };
    journal::append(transaction, now, &event.into()).map(|_| ())
}

fn stored_key(connection: &Connection) -> rusqlite::Result<HashKey> {
    connection.query_row("SELECT value FROM keys WHERE name = 'hash'", [], |row| row.get(0)).map(HashKey)
}

/// Random bytes of the kernel.
pub(super) fn random() -> Result<[u8; 32], RecordError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 32];
    File::open(path).and_then(|mut file| file.read_exact(&mut bytes)).map_err(files("read random bytes from", path))?;
    Ok(bytes)
}
