//! Proofs: the records about one thing, each with its way to the root of a tree that the host key signed.
//!
//! A proof shows that these records stand in the journal, word for word. It does not show that there are no others.
//!
//! Invariant: a proof shows no other record, not even its hash; what is beside a path are hashes of hashes.

use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use writ_core::time::Timestamp;
use writ_core::trust::AllowedSigners;

use super::chain::{self, COLUMNS, Hash, Kept};
use super::checkpoint::{Checkpoint, Sealed};
use super::error::{RecordError, database};
use super::export::{Hex, Line};
use super::seal::{self, HostKey};
use super::tree::{Tree, root_by_path};
use super::walk::{self, Fault};
use super::{Journal, RecordId, witness};
use crate::limits::PROOF_RECORDS_MAX;

/// The name of this form.
const SCHEMA: &str = "writ/audit-proof/v1";

/// What a proof is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// One record.
    Record(i64),
    /// All that the journal tells of a commit.
    Commit(String),
    /// All that the journal tells of an object.
    Object(String),
}

/// A proof, complete in itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    schema: String,
    about: Subject,
    records: Vec<Proven>,
    checkpoint: Seal,
    /// Records about the same that are newer than the checkpoint.
    unsigned: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proven {
    record: Line,
    path: Vec<Hex>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    text: String,
    signature: String,
}

/// What a sound proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What it is about.
    pub about: Subject,
    /// The records, oldest first.
    pub records: Vec<Told>,
    /// The checkpoint that covers them.
    pub checkpoint: Checkpoint,
    /// Who signed the checkpoint.
    pub key: HostKey,
    /// Records about the same that it does not cover.
    pub unsigned: Vec<i64>,
}

/// A record that a proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its number.
    pub record: RecordId,
    /// When it was written.
    pub at: Timestamp,
    /// Its kind.
    pub kind: String,
    /// What it tells, as stored.
    pub body: String,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {record}: {what}")]
pub struct Unproven {
    /// The first record that is not proven; 0 if it is the proof itself that is not right.
    pub record: i64,
    /// Why not.
    pub what: String,
}

impl From<Fault> for Unproven {
    fn from(Fault { record, what }: Fault) -> Self {
        Self { record, what }
    }
}

impl Subject {
    fn fits(&self, line: &Line) -> bool {
        match self {
            Self::Record(record) => line.record == *record,
            Self::Commit(commit) => line.commit.as_ref() == Some(commit),
            Self::Object(object) => line.object.as_ref() == Some(object),
        }
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record(record) => write!(f, "record {record}"),
            Self::Commit(commit) => write!(f, "commit {commit}"),
            Self::Object(object) => f.write_str(object),
        }
    }
}

impl Journal {
    /// The commits in the journal that begin with these digits, two at most.
    pub fn commits(&self, digits: &str) -> Result<Vec<String>, RecordError> {
        let sql = "SELECT DISTINCT \"commit\" FROM journal WHERE substr(\"commit\", 1, length(?1)) = ?1 LIMIT 2";
        let found = self.connection.prepare(sql).and_then(|mut statement| {
            let rows = statement.query_map([digits], |row| row.get(0))?;
            rows.collect()
        });
        found.map_err(database("look for the commit", &self.path))
    }

    /// Proves what the journal tells of something, up to its newest checkpoint.
    ///
    /// # Errors
    /// If nothing is told of it, or nothing of that is covered by a checkpoint yet.
    pub fn prove(&self, about: &Subject) -> Result<Proof, RecordError> {
        let doing = || database("prove", &self.path);
        let transaction = self.connection.unchecked_transaction().map_err(doing())?;
        let lines = lines(&transaction, about).map_err(doing())?;
        let none = || RecordError::NothingToldOf { path: self.path.clone(), about: about.to_string() };
        let newest = lines.last().ok_or_else(none)?.record;
        let (record, Sealed { text, signature }) =
            witness::sealed(&transaction).map_err(doing())?.ok_or(RecordError::NotSignedYet { record: newest })?;
        let (signed, unsigned): (Vec<Line>, Vec<Line>) = lines.into_iter().partition(|line| line.record <= record);
        if signed.is_empty() {
            return Err(RecordError::NotSignedYet { record: newest });
        }
        let hashes = hashes(&transaction, record).map_err(doing())?;
        let tree = Tree::new(hashes.iter().map(Hash::as_slice));
        let proven = signed.into_iter().map(|line| {
            let leaf = usize::try_from(line.record.saturating_sub(1)).unwrap_or_default();
            Proven { path: tree.path(leaf).into_iter().map(Hex).collect(), record: line }
        });
        Ok(Proof {
            schema: SCHEMA.to_owned(),
            about: about.clone(),
            records: proven.collect(),
            checkpoint: Seal { text, signature },
            unsigned: unsigned.iter().map(|line| line.record).collect(),
        })
    }
}

/// The newest records about something, oldest first.
fn lines(connection: &Connection, about: &Subject) -> rusqlite::Result<Vec<Line>> {
    let (column, value): (_, Box<dyn rusqlite::ToSql>) = match about {
        Subject::Record(record) => ("sequence", Box::new(*record)),
        Subject::Commit(commit) => ("\"commit\"", Box::new(commit.clone())),
        Subject::Object(object) => ("object", Box::new(object.clone())),
    };
    let sql =
        format!("SELECT {COLUMNS} FROM journal WHERE {column} = ?1 ORDER BY sequence DESC LIMIT {PROOF_RECORDS_MAX}");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([value])?;
    let mut lines = Vec::new();
    while let Some(row) = rows.next()? {
        let line = Kept::read(row).as_ref().and_then(Line::of);
        lines.push(line.ok_or_else(|| rusqlite::Error::InvalidColumnName("a column of another type".to_owned()))?);
    }
    lines.reverse();
    Ok(lines)
}

/// The hashes of all records up to one.
fn hashes(connection: &Connection, last: i64) -> rusqlite::Result<Vec<Hash>> {
    let mut statement = connection.prepare("SELECT hash FROM journal WHERE sequence <= ?1 ORDER BY sequence")?;
    let rows = statement.query_map([last], |row| row.get(0))?;
    rows.collect()
}

impl Proof {
    /// Reads a proof.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &[u8]) -> Result<Self, Unproven> {
        let bad = |what: String| Unproven { record: 0, what };
        let proof: Self = serde_json::from_slice(text).map_err(|error| bad(format!("this is no proof: {error}")))?;
        if proof.schema != SCHEMA {
            return Err(bad(format!("this is of the form {}, not {SCHEMA}", proof.schema)));
        }
        Ok(proof)
    }

    /// Checks it, without any journal.
    ///
    /// # Errors
    /// Names the first record that it does not prove.
    pub fn check(&self, signers: Option<&AllowedSigners>) -> Result<Shown, Unproven> {
        let Self { schema: _, about, records, checkpoint: Seal { text, signature }, unsigned } = self;
        let unproven = |record: i64, what: &str| Unproven { record, what: what.to_owned() };
        let spelling = || unproven(0, "its checkpoint is not spelled as a checkpoint is");
        let checkpoint = Checkpoint::parse(text).ok_or_else(spelling)?;
        let key = seal::check(text, signature).map_err(|what| unproven(0, &format!("its checkpoint: {what}")))?;
        if let Some(signers) = signers {
            walk::allowed(signers, &key, &checkpoint.host, checkpoint.time).map_err(|why| unproven(0, &why))?;
        }
        if records.is_empty() {
            return Err(unproven(0, "it shows no record"));
        }
        for Proven { record: line, path } in records {
            let number = line.record;
            if chain::hash(&line.columns()) != line.hash.0 {
                return Err(unproven(number, "its contents do not give its hash"));
            }
            if !about.fits(line) {
                return Err(unproven(number, &format!("it is not about {about}")));
            }
            let index = u64::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let places = index.zip(u64::try_from(checkpoint.record.0).ok());
            let path: Vec<Hash> = path.iter().map(|Hex(hash)| *hash).collect();
            let root = places.and_then(|(index, leaves)| root_by_path(&line.hash.0, index, leaves, &path));
            if root != Some(checkpoint.tree) {
                return Err(unproven(number, "its path does not lead to the tree that the checkpoint signs"));
            }
        }
        let told = |Proven { record: line, path: _ }: &Proven| Told {
            record: RecordId(line.record),
            at: Timestamp(line.time),
            kind: line.kind.clone(),
            body: line.body.clone(),
        };
        let records = records.iter().map(told).collect();
        Ok(Shown { about: about.clone(), records, checkpoint, key, unsigned: unsigned.clone() })
    }
}
