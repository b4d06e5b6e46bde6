//! Walking a journal from its beginning to its end, whatever it is read from: its chain, its checkpoints and its keys.
//!
//! Invariant: one record is held at a time, so that memory does not grow with the journal.
//! Invariant: the first thing that is not as it was written ends the walk, and is named.

use std::fmt;

use writ_core::time::Timestamp;
use writ_core::trust::AllowedSigners;

use super::chain::{self, Columns, GENESIS, Hash, Head, hex};
use super::checkpoint::{Checkpoint, Sealed};
use super::event::{AgentEvent, Event};
use super::seal::{self, Handover, HostKey, NAMESPACE};
use super::tree::Peaks;
use super::{RecordId, wire};

/// What is known from outside, against which a journal is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    /// The beginning, in hexadecimal digits, of a hash that must stand in the chain, as a commit status shows it.
    pub head: Option<&'a str>,
    /// Who may sign checkpoints, under the names of hosts.
    pub signers: Option<&'a AllowedSigners>,
}

/// What a check of a journal found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every record follows from the one before it, and every checkpoint is about what is there.
    Whole {
        /// The newest record.
        head: Head,
        /// What the host key signed of it.
        seals: Box<Seals>,
    },
    /// It was tampered with or damaged.
    Broken {
        /// The first record that is not as it was written, or whose checkpoint is not.
        record: RecordId,
        /// What is wrong with it.
        what: String,
    },
}

/// What the host key signed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seals {
    /// How many checkpoints there are.
    pub checkpoints: u64,
    /// The newest of them, and whose signature it bears.
    pub newest: Option<(Checkpoint, HostKey)>,
    /// The key that is in force at the end; none if the journal names none.
    pub key: Option<HostKey>,
    /// Records that tell of a key which took the place of a lost one, without a signature of that.
    pub replaced: Vec<RecordId>,
    /// How many records were shown by their hashes alone, or not even by these.
    pub left_out: i64,
}

/// Where a walk ended too early.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) record: i64,
    pub(super) what: String,
}

/// Why a reading ended: what was read is not right, or it could not be read.
#[derive(Debug)]
pub(super) enum Stop<E> {
    Fault(Fault),
    Failed(E),
}

impl<E> From<Fault> for Stop<E> {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<rusqlite::Error> for Stop<rusqlite::Error> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<std::io::Error> for Stop<std::io::Error> {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error)
    }
}

impl Fault {
    pub(super) fn new(record: i64, what: impl Into<String>) -> Self {
        Self { record, what: what.into() }
    }
}

impl Verdict {
    /// The verdict of a reading; what could not be read is not judged.
    pub(super) fn of<E>(read: Result<Self, Stop<E>>) -> Result<Self, E> {
        match read {
            Ok(verdict) => Ok(verdict),
            Err(Stop::Fault(Fault { record, what })) => Ok(Self::Broken { record: RecordId(record), what }),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

/// A walk under way.
pub(super) struct Walk<'a> {
    expected: Expected<'a>,
    head: Head,
    peaks: Peaks,
    store: Option<String>,
    seals: Seals,
    met: bool,
}

impl<'a> Walk<'a> {
    /// A walk that is at the beginning of a journal.
    pub(super) fn new(expected: Expected<'a>) -> Self {
        let head = Head { record: RecordId(0), hash: GENESIS };
        let met = expected.head.is_none();
        Self { expected, head, peaks: Peaks::default(), store: None, seals: Seals::default(), met }
    }

    /// A walk that begins behind records that are not shown. What is said of them here is proven by the next checkpoint.
    pub(super) fn behind(
        expected: Expected<'a>,
        store: String,
        head: Head,
        peaks: Peaks,
        key: Option<HostKey>,
    ) -> Self {
        let seals = Seals { key, left_out: head.record.0, ..Seals::default() };
        Self { head, peaks, store: Some(store), seals, ..Self::new(expected) }
    }

    /// The number that the next record must have.
    pub(super) const fn next(&self) -> i64 {
        self.head.record.0 + 1
    }

    /// Goes on to the next record.
    pub(super) fn record(&mut self, columns: &Columns<'_>, written: Hash) -> Result<(), Fault> {
        let fault = |what: &str| Err(Fault::new(columns.sequence, what));
        self.in_turn(columns.sequence)?;
        if chain::hash(columns) != written {
            return fault("its contents do not give its hash: it was changed, inserted or moved");
        }
        if columns.previous != self.head.hash {
            return fault("it does not follow from the record before it: one of the two was exchanged");
        }
        self.learn(columns).map_err(|what| Fault::new(columns.sequence, what))?;
        self.go(columns.sequence, written);
        Ok(())
    }

    /// Goes on over a record of which the hash alone is shown.
    pub(super) fn left_out(&mut self, sequence: i64, hash: Hash) -> Result<(), Fault> {
        self.in_turn(sequence)?;
        self.seals.left_out += 1;
        self.go(sequence, hash);
        Ok(())
    }

    fn in_turn(&self, sequence: i64) -> Result<(), Fault> {
        let next = self.next();
        if sequence == next {
            return Ok(());
        }
        Err(Fault::new(next, format!("it is missing; the next one is record {sequence}")))
    }

    fn go(&mut self, sequence: i64, hash: Hash) {
        self.head = Head { record: RecordId(sequence), hash };
        self.peaks.push(&hash);
        let wanted = self.expected.head.map(str::to_ascii_lowercase);
        self.met = self.met || wanted.is_some_and(|wanted| self.head.hex().starts_with(&wanted));
    }

    /// Takes from a record what checkpoints are checked by: the store's name, and which key is in force.
    fn learn(&mut self, columns: &Columns<'_>) -> Result<(), String> {
        let Columns { sequence, time, kind, unit: _, commit: _, object: _, pod: _, body, previous: _ } = columns;
        if *sequence > 1 && ![wire::KEY_MADE, wire::KEY_ROTATED, wire::KEY_REPLACED].contains(kind) {
            return Ok(());
        }
        let row = wire::Row { kind: (*kind).to_owned(), body: (*body).to_owned(), ..wire::Row::default() };
        let in_force = self.seals.key.clone();
        let read = |key: &str| HostKey::parse(key).ok_or_else(|| format!("{key} is no host key"));
        let follows = |from: &str| match read(from)? {
            from if Some(&from) == in_force.as_ref() => Ok(from),
            from => Err(format!("it ends the host key {}, which is not in force", from.fingerprint())),
        };
        // What else the first record may be is for others to say.
        match wire::read(&row) {
            Ok(Event::Agent(AgentEvent::StoreMade { id, schema: _ })) => self.store = Some(id),
            Ok(Event::Agent(AgentEvent::HostKeyMade { host: _, key })) => {
                if in_force.is_some() {
                    return Err("it tells of a first host key, and there is one already".to_owned());
                }
                self.seals.key = Some(read(&key)?);
            }
            Ok(Event::Agent(AgentEvent::HostKeyRotated { host, from, to, signature })) => {
                let (from, to) = (follows(&from)?, read(&to)?);
                let (record, head, time) = (RecordId(*sequence), self.head.hash, Timestamp(*time));
                let store = self.store.as_deref().unwrap_or_default();
                let handover = Handover { host: &host, store, record, head, from: &from, to: &to, time };
                if seal::check(&handover.to_string(), &signature)? != from {
                    return Err("the change of the host key is not signed by the old one".to_owned());
                }
                self.seals.key = Some(to);
            }
            Ok(Event::Agent(AgentEvent::HostKeyReplaced { host: _, from, to, owner: _, reason: _ })) => {
                follows(&from)?;
                self.seals.key = Some(read(&to)?);
                self.seals.replaced.push(RecordId(*sequence));
            }
            Ok(_) => {}
            Err(_) if *sequence == 1 => {}
            Err(detail) => return Err(detail),
        }
        Ok(())
    }

    /// Checks a checkpoint of the record that the walk is at.
    pub(super) fn seal(&mut self, record: i64, sealed: &Sealed) -> Result<(), Fault> {
        let fault = |what: &str| Err(Fault::new(record, format!("its checkpoint: {what}")));
        if record != self.head.record.0 {
            return fault("there is no such record, or the checkpoint stands in another place");
        }
        let Some(checkpoint) = Checkpoint::parse(&sealed.text) else {
            return fault("it is not spelled as a checkpoint is");
        };
        let key = match seal::check(&sealed.text, &sealed.signature) {
            Ok(key) => key,
            Err(what) => return fault(&what),
        };
        if Some(&key) != self.seals.key.as_ref() {
            let key = key.fingerprint();
            return fault(&format!("it is signed by {key}, which is not the host key in force there"));
        }
        let Checkpoint { host, store, record: of, head, tree, time } = &checkpoint;
        if self.store.as_ref() != Some(store) {
            return fault(&format!("it is about another store, {store}"));
        }
        if of.0 != record {
            return fault(&format!("it is about record {of}"));
        }
        if *head != self.head.hash {
            return fault(&format!("it is about another record {record}, with the hash {}", hex(head)));
        }
        if *tree != self.peaks.root() {
            return fault("its tree is not that of the records up to there");
        }
        if let Some(signers) = self.expected.signers
            && let Err(why) = allowed(signers, &key, host, *time)
        {
            return fault(&why);
        }
        self.seals.checkpoints += 1;
        self.seals.newest = Some((checkpoint, key));
        Ok(())
    }

    /// Checks that the walk is where an export says that it ends.
    pub(super) fn closes(&self, records: i64, head: Hash) -> Result<(), Fault> {
        if records == self.head.record.0 && head == self.head.hash {
            return Ok(());
        }
        Err(Fault::new(self.next(), format!("it is missing at the end; the export is of {records} records")))
    }

    /// Ends the walk. `known` holds the highest records that others know of, and their words for that.
    pub(super) fn end(self, known: &[(i64, &str)]) -> Result<Verdict, Fault> {
        let next = self.next();
        if let Some((record, by)) = known.iter().find(|(record, _)| *record >= next) {
            return Err(Fault::new(
                next,
                format!("it is missing at the end; {}", by.replace("{}", &record.to_string())),
            ));
        }
        if !self.met {
            let what = "no record up to the end has the head that was given: records are missing at the end, or this is \
                        another or an older journal";
            return Err(Fault::new(next, what));
        }
        if self.expected.signers.is_some() && self.seals.checkpoints == 0 {
            return Err(Fault::new(self.head.record.0, "no checkpoint is there, so that nobody vouches for it"));
        }
        Ok(Verdict::Whole { head: self.head, seals: Box::new(self.seals) })
    }
}

/// Whether a file of allowed signers lets a host's key sign, or why not.
pub(super) fn allowed(signers: &AllowedSigners, key: &HostKey, host: &str, at: Timestamp) -> Result<(), String> {
    let fingerprint = key.fingerprint();
    let id = fingerprint.parse().map_err(|_| format!("{fingerprint} is no fingerprint"))?;
    signers
        .lists(&id, host, NAMESPACE, at)
        .map_err(|why| format!("by the allowed signers, the key {fingerprint} {why} (host {host}, at {at})"))
}

impl Seals {
    /// How many of the records of a journal of that length no checkpoint is about yet.
    #[must_use]
    pub fn unsigned(&self, head: Head) -> i64 {
        head.record.0 - self.newest.as_ref().map_or(0, |(checkpoint, _)| checkpoint.record.0)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole { head, seals } => {
                write!(f, "the chain of {} records is whole; head {}; ", head.record, head.hex())?;
                if seals.left_out > 0 {
                    write!(f, "{} of them are not shown; ", seals.left_out)?;
                }
                match &seals.newest {
                    None => f.write_str("no checkpoint signs it"),
                    Some((Checkpoint { host, record, .. }, key)) => {
                        write!(f, "signed up to record {record} by {} of {host}", key.fingerprint())
                    }
                }
            }
            Self::Broken { record, what } => write!(f, "record {record}: {what}"),
        }
    }
}
