//! A cluster: its objects are looked at, applied and deleted by the interface of its server.
//!
//! Invariant: no object is written to that does not bear the labels of this host and the unit, but to make it.
//! Invariant: what the server did not answer is unknown; an object is absent only if the server said so.

mod autoscalers;
mod diagnosis;
mod discovery;
mod exec;
mod execute;
mod lead;
mod memory;
mod observe;
mod outside;
mod parent;
mod pods;
mod said;
mod trial;
mod watch;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use writ_core::account::Account;
use writ_core::cluster::Owner;

use super::{Context, Keeper, TargetError};
use crate::measure::Calls;
pub use diagnosis::Diagnosis;
use discovery::Discovery;
use exec::Program;
use lead::Lead;
pub use lead::Standing;
use memory::Memory;
pub use observe::Asked;
use parent::Parent;
pub use pods::{Meant, Pod, Run};
use wire::Wire;

/// The name under which Writ owns fields. Source: field managers of server-side apply.
const MANAGER: &str = "writ";

/// How a cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// By a context of a kubeconfig.
    Context {
        /// The file.
        file: PathBuf,
        /// The context.
        name: String,
    },
    /// From inside, as the service account of the pod.
    Around,
}

/// A cluster.
pub struct Kubernetes {
    host: String,
    access: Access,
    keeper: Option<Keeper>,
    /// For how long a Lease holds, where agents stand by for each other.
    standby: Option<Duration>,
    lead: Option<Arc<Lead>>,
    /// As whom units are looked at, by their names; all others as the agent itself.
    accounts: BTreeMap<String, Account>,
    calls: Arc<Calls>,
    /// The connection, and the runtime that it lives in.
    wire: Mutex<Option<(tokio::runtime::Id, Wire)>>,
    discovery: Mutex<Option<Arc<Discovery>>>,
    /// What is known of objects between two looks.
    memory: Arc<Memory>,
    /// What is known to stand in the parents of units.
    parents: tokio::sync::Mutex<BTreeMap<String, Parent>>,
    /// Programs that were started from here and whose end nobody asked for yet.
    programs: Mutex<BTreeMap<u64, Program>>,
}

impl Kubernetes {
    /// A cluster as this host sees it. Reaches for nothing yet.
    #[must_use]
    pub fn new(host: &str, access: Access) -> Self {
        Self {
            host: host.to_owned(),
            access,
            keeper: None,
            standby: None,
            lead: None,
            accounts: BTreeMap::new(),
            calls: Arc::default(),
            wire: Mutex::default(),
            discovery: Mutex::default(),
            memory: Arc::default(),
            parents: tokio::sync::Mutex::default(),
            programs: Mutex::default(),
        }
    }

    /// The same cluster, where agents of this name stand by for each other: whoever holds a Lease acts, which holds for that long.
    #[must_use]
    pub fn shared(mut self, standby: Option<Duration>) -> Self {
        self.standby = standby;
        self
    }

    /// The same cluster, where these units are looked at as these accounts. As whom each object is applied, a plan says.
    #[must_use]
    pub fn acting_as(mut self, accounts: BTreeMap<String, Account>) -> Self {
        self.accounts = accounts;
        self
    }

    /// The same cluster, whose calls are counted there.
    #[must_use]
    pub fn counted_by(mut self, calls: Arc<Calls>) -> Self {
        self.calls = calls;
        self
    }

    /// The same cluster, looked after from one state directory.
    #[must_use]
    pub fn kept_by(mut self, keeper: Keeper) -> Self {
        self.lead = self.standby.map(|span| Arc::new(Lead::new(&keeper, span)));
        self.keeper = Some(keeper);
        self
    }

    /// Marks a unit as looked after from here, unless it is marked so.
    ///
    /// # Errors
    /// [`TargetError::Kept`] if another state directory looks after it, and [`TargetError::StandsBy`] if another agent does so for
    /// which this one stands by.
    pub async fn keep(&self, context: &Context) -> Result<(), TargetError> {
        self.acts(&context.unit).await?;
        let wire = self.wire().await?;
        let mut parents = self.parents.lock().await;
        if self.lead.is_some() {
            // Another agent may have written it since.
            parents.remove(&context.unit);
        }
        let parent = self.parent(&wire, &mut parents, &context.unit).await?;
        match self.other(parent) {
            Some(keeper) => Err(TargetError::Kept { unit: context.unit.clone(), host: self.host.clone(), keeper }),
            None => parent.write(&wire, self.keeper.as_ref(), context.commit.as_deref()).await,
        }
    }

    /// The units of this host that the cluster has parents of, each with the commit that it was brought to last.
    ///
    /// # Errors
    /// If the cluster cannot be reached.
    pub async fn commits(&self) -> Result<BTreeSet<(String, String)>, TargetError> {
        parent::commits(&self.wire().await?, &self.host).await
    }

    /// Who looks after a unit, if it is not looked after from here.
    ///
    /// # Errors
    /// If the cluster cannot be reached.
    pub async fn other_keeper(&self, context: &Context) -> Result<Option<Keeper>, TargetError> {
        let wire = self.wire().await?;
        let mut parents = self.parents.lock().await;
        let parent = self.parent(&wire, &mut parents, &context.unit).await?;
        Ok(self.other(parent))
    }

    /// Marks a unit as looked after from here, whoever did so before.
    ///
    /// # Errors
    /// If the cluster cannot be reached.
    pub async fn take_over(&self, context: &Context) -> Result<(), TargetError> {
        let wire = self.wire().await?;
        let mut parents = self.parents.lock().await;
        let parent = self.parent(&wire, &mut parents, &context.unit).await?;
        parent.keeper = None;
        parent.write(&wire, self.keeper.as_ref(), None).await
    }

    fn other(&self, parent: &Parent) -> Option<Keeper> {
        // Of those that stand by for each other, whoever holds the Lease looks after all.
        let known = parent.keeper.clone().filter(|_| self.lead.is_none());
        known.filter(|keeper| self.keeper.as_ref().is_some_and(|own| own.store != keeper.store))
    }

    /// The parent of a unit's objects, as the cluster has it.
    async fn parent<'p>(
        &self,
        wire: &Wire,
        parents: &'p mut BTreeMap<String, Parent>,
        unit: &str,
    ) -> Result<&'p mut Parent, TargetError> {
        if !parents.contains_key(unit) {
            let parent = Parent::read(wire, &self.host, unit).await?;
            parents.insert(unit.to_owned(), parent);
        }
        Ok(parents.get_mut(unit).expect("it was put there just now"))
    }

    /// The connection, made the first time. One that another runtime made has ended with it.
    async fn wire(&self) -> Result<Wire, TargetError> {
        let here = tokio::runtime::Handle::current().id();
        let known = lock(&self.wire).as_ref().filter(|(runtime, _)| *runtime == here).map(|(_, wire)| wire.clone());
        if let Some(wire) = known {
            return Ok(wire);
        }
        let wire = Wire::connect(&self.access).await?.counted_by(&self.calls);
        let wire = wire.behind(self.lead.as_ref().map(|lead| lead.fence()));
        *lock(&self.wire) = Some((here, wire.clone()));
        Ok(wire)
    }

    fn owner(&self, wire: &Wire, unit: &str) -> Owner {
        Owner {
            host: self.host.clone(),
            unit: unit.to_owned(),
            set: parent::identifier(&self.host, unit, wire.namespace()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Kubernetes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            host,
            access,
            standby,
            accounts,
            keeper: _,
            lead: _,
            calls: _,
            wire: _,
            discovery: _,
            memory: _,
            parents: _,
            programs: _,
        } = self;
        let mut shown = f.debug_struct("Kubernetes");
        shown
            .field("host", host)
            .field("access", access)
            .field("standby", standby)
            .field("accounts", accounts)
            .finish_non_exhaustive()
    }
}
