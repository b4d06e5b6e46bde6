//! A Docker engine as a target: a small, honest kubelet for one host.
//!
//! Invariant: nothing without this host's label is stopped, changed or removed.
//! Invariant: an engine that does not answer is an error, never an empty look.

mod address;
mod ailing;
mod archive;
mod asked;
mod begun;
mod companion;
mod connection;
mod create;
mod data;
mod execute;
mod facts;
mod files;
mod grpc;
mod host_path;
mod image;
mod ingress;
mod joined;
mod keeper;
mod labels;
mod login;
mod network;
mod observe;
mod own_root;
mod parts;
mod preflight;
mod probe;
mod request;
mod sent;
mod standstill;
mod stop;
mod stream;
mod verify;
mod volume;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use writ_core::observed::{Alteration, PodState};
use writ_core::time::Timestamp;

use crate::measure::Calls;
use crate::target::Keeper;

/// The network that all pods of a host are on.
pub const NETWORK: &str = "voodu0";

/// The oldest interface that has all that is used here: Docker 20.10.
pub const API_MIN: (u32, u32) = (1, 41);

/// A Docker engine, connected to when it is first asked for something, and again whenever it was lost.
pub struct Docker {
    host: String,
    state: PathBuf,
    endpoint: String,
    keeper: Option<Keeper>,
    calls: Arc<Calls>,
    /// Held by whoever changes the ingress.
    serving: tokio::sync::Mutex<()>,
    memory: Box<Mutex<Memory>>,
}

/// What is remembered between calls; all of it can be found out again.
#[derive(Default)]
struct Memory {
    /// The engine, once its version is known to be good enough.
    engine: Option<bollard::Docker>,
    /// Where the engine keeps what it holds.
    data_root: Option<PathBuf>,
    /// Limits that the engine's kernel knows.
    swap_limit: bool,
    /// Processors of the engine's machine, in thousandths, and its memory in bytes.
    capacity: (u64, u64),
    /// The network was seen, with our label.
    network_seen: bool,
    /// The addresses of the network when it was last looked at.
    subnet: Option<address::Subnet>,
    /// Containers that are being put back on the network at this moment by ourselves.
    reconnecting: BTreeSet<String>,
    /// Addresses given to containers that are being made at this moment.
    addresses: BTreeSet<std::net::Ipv4Addr>,
    /// Containers to which we let the shared names lead.
    published: BTreeSet<String>,
    /// Units that the engine says are looked after from here.
    kept: BTreeSet<String>,
    /// What the last look into every field found changed, by container: the lists do not show it.
    fields: BTreeMap<String, Vec<Alteration>>,
    /// When containers were last started, as the last look into each told: the lists do not show it.
    started: BTreeMap<String, Timestamp>,
    /// How and when containers ended that run to their end: the lists do not show it.
    ends: BTreeMap<String, (PodState, Timestamp)>,
    /// Names that the ingress leads to.
    led_to: BTreeSet<String>,
}

impl Docker {
    /// The engine at `endpoint` (`unix:///var/run/docker.sock`), for the host called `host`, with a directory for the
    /// files that pods mount. Connects to nothing yet.
    #[must_use]
    pub fn new(host: &str, state: impl Into<PathBuf>, endpoint: &str) -> Self {
        Self {
            host: host.to_owned(),
            state: state.into(),
            endpoint: endpoint.to_owned(),
            keeper: None,
            calls: Arc::default(),
            serving: tokio::sync::Mutex::new(()),
            memory: Box::new(Mutex::new(Memory::default())),
        }
    }

    /// The same engine, whose calls are counted there.
    #[must_use]
    pub fn counted_by(mut self, calls: Arc<Calls>) -> Self {
        self.calls = calls;
        self
    }

    /// Where the engine is.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl fmt::Debug for Docker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, state, endpoint, keeper, calls: _, serving: _, memory: _ } = self;
        f.debug_struct("Docker")
            .field("host", host)
            .field("state", state)
            .field("endpoint", endpoint)
            .field("keeper", keeper)
            .finish_non_exhaustive()
    }
}
