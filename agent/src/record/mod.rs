//! What Writ remembers on a host: the journal, what is held, the outbox, config buckets; in one SQLite file.
//!
//! Invariant: the journal only grows, and each record's hash covers the record before it. Held by triggers, and by
//! `record::every_kind_of_edit_is_found_and_the_first_bad_record_is_named`.
//! Invariant: what one call changes is committed together with the record that tells of it, durably, or not at all.
//! Invariant: a store of a newer schema, or of another program, is refused without a byte of it being changed.
//!
//! Several short-lived processes may write (`writ config set` beside the agent); each write is one transaction. There is
//! one agent for a state directory ([`AgentLock`]) and one pass at a time ([`PassLock`]).

mod alerts;
mod allowed;
mod batch;
mod buckets;
mod chain;
mod checkpoint;
mod draft;
mod error;
mod event;
mod event_of;
mod export;
#[cfg(debug_assertions)]
mod failpoint;
mod held;
mod host_key;
mod journal;
mod lock;
mod outbox;
mod proof;
mod reader;
mod report_event;
mod schema;
mod seal;
mod setbacks;
mod step;
mod store;
mod tree;
mod vault;
mod walk;
mod wire;
mod witness;

pub use allowed::Allowed;
pub use batch::{Batch, Pass};
pub use chain::Head;
pub use checkpoint::{Checkpoint, Sealed};
pub use draft::Draft;
pub use error::RecordError;
pub use event::{AgentEvent, Event, OperatorEvent, ReportEvent, TrustEvent, WorkEvent};
pub use export::{Excerpt, ExportError, verify_export};
pub use held::{Introduced, PassState, Rewound, Standing, Suspension};
pub use host_key::Lost;
pub use journal::{About, Filter, IntentId, Journal, OpenIntent, Record, RecordId};
pub use lock::{AgentLock, PassLock, VolumeLock, machine};
pub use outbox::{Hold, StatusId, Waiting};
pub use proof::{Proof, Shown, Subject, Told, Unproven};
pub use reader::Reader;
pub use seal::{HostKey, NAMESPACE};
pub use step::{ActRecord, Outcome, StepRecord};
pub use store::Store;
pub use walk::{Expected, Seals, Verdict};
pub use wire::{KINDS, kind_named};
pub use witness::{CHECKPOINT_FILE, SIGNATURE_FILE};

/// The file of the store in the state directory.
pub const FILE: &str = "writ.db";
