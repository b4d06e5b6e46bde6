//! What Writ remembers on a host: the journal, what is held, the outbox, config buckets; in one SQLite file.
//!
//! Invariant: the journal only grows, and each record's hash covers the record before it. Held by triggers, and by
//! `record::every_kind_of_edit_is_found_and_the_first_bad_record_is_named`.
//! Invariant: what one call changes is committed together with the record that tells of it, durably, or not at all.
//! Invariant: a store of a newer schema, or of another program, is refused without a byte of it being changed.
//!
//! Several short-lived processes may write (`writ config set` beside the agent); each write is one transaction. There is
//! one agent for a state directory ([`AgentLock`]) and one pass at a time ([`PassLock`]).

mod batch;
mod buckets;
mod chain;
mod error;
mod event;
#[cfg(debug_assertions)]
mod failpoint;
mod held;
mod journal;
mod lock;
mod outbox;
mod schema;
mod setbacks;
mod step;
mod store;
mod wire;

pub use batch::{Batch, Pass};
pub use chain::{Head, Verdict};
pub use error::RecordError;
pub use event::{AgentEvent, Event, OperatorEvent, ReportEvent, TrustEvent, WorkEvent};
pub use held::{Introduced, PassState, Standing, Suspension};
pub use journal::{About, Filter, IntentId, Journal, OpenIntent, Record, RecordId};
pub use lock::{AgentLock, PassLock, machine};
pub use outbox::{Hold, StatusId, Waiting};
pub use step::{ActRecord, Outcome, StepRecord};
pub use store::Store;

/// The file of the store in the state directory.
pub const FILE: &str = "writ.db";
