//! The agent's own server: tells whoever asks over HTTP how the host is, and can do nothing else.
//!
//! Invariant: no handler can reach a target or write the record: nothing here knows them (`tests/core/tidy.rs`).
//! Invariant: a hint can start a pass that would come anyway, and nothing else.
//! Invariant: it has a thread and a runtime of its own; whatever befalls it, no pass waits for it and none is ended by it.

mod answer;
mod api;
mod events;
mod exposition;
mod found;
mod gate;
mod hints;
mod listen;
mod metrics;
mod pages;
mod process;
mod query;
mod route;
mod serve;
mod tally;
mod tls;
mod told;
mod verify;

use std::io;
use std::sync::{Arc, Mutex};

use crate::bulletin::Bulletin;
use crate::clock::Clock;
use crate::error::chain;
use crate::record::{Reader, RecordError, RecordId};
use crate::settings::{Settings, Web};
use tally::Tally;
use verify::Verified;

pub use gate::{Gate, GateError, TokenError};
pub use hints::Hints;
pub use tls::TlsError;

/// What the handlers are given: that is all that they can tell of.
#[derive(Debug)]
pub struct House {
    /// The settings of the host, which hold no secret.
    settings: Settings,
    /// Where it answers, and who may ask.
    web: Web,
    /// What the agent says of itself.
    bulletin: Arc<Bulletin>,
    /// Where time comes from.
    clock: Clock,
    /// What the journal told since.
    tally: Mutex<Tally>,
    /// What the last check of the journal found.
    verified: Mutex<Option<Verified>>,
}

impl House {
    /// What there is to tell of a host whose journal ends with that record; none if its settings let nobody ask.
    #[must_use]
    pub fn new(settings: &Settings, bulletin: Arc<Bulletin>, clock: Clock, record: RecordId) -> Option<Self> {
        let web = settings.web.clone()?;
        let tally = Mutex::new(Tally::after(record, settings));
        Some(Self { settings: settings.clone(), web, bulletin, clock, tally, verified: Mutex::default() })
    }

    /// The record, opened anew: the file that stands there now.
    fn reader(&self) -> Result<Reader, RecordError> {
        Reader::open(&self.settings.host.state)
    }
}

/// Begins to answer, for as long as the process lives. What keeps it from that is told, and keeps nothing else.
pub fn start(house: House) {
    if let Err(error) = start_thread("web", serve::serve(Arc::new(house))) {
        tracing::error!(error = chain(&error), "web: nobody is answered; passes go on");
    }
}

/// Begins to listen for hints, for as long as the process lives. What keeps it from that is told, and keeps nothing else.
pub fn start_hints(hints: Hints) {
    if let Err(error) = start_thread("hints", hints::serve(Arc::new(hints))) {
        tracing::error!(error = chain(&error), "hints: nobody is answered; passes go on");
    }
}

/// A thread with a runtime of its own, in which this goes on.
fn start_thread(name: &str, work: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || runtime.block_on(work)).map(drop)
}
