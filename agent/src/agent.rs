//! The agent's parts, put together once from the settings.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, mpsc};
use writ_core::account::Account;
use writ_core::guard::Policy;
use writ_core::holdings::Holdings;
use writ_core::ingress::{self, Around};
use writ_core::model::Desired;
use writ_core::time::{Seconds, Timestamp};

use crate::bulletin::Bulletin;
use crate::clock::Clock;
use crate::confine::Child;
use crate::error::chain;
use crate::gate::Wait;
use crate::guard;
use crate::health::{Health, Report, Runner};
use crate::limits::{DEEP_INTERVAL_SECONDS, PASS_LOCK_SECONDS, REST_SECONDS};
use crate::patience::Patience;
use crate::record::{Outcome, PassLock, RecordError, Store, Suspension, machine};
use crate::report::{Forge, ForgeError, Receiver};
use crate::settings::{self, Settings};
use crate::target::kubernetes::Access;
use crate::target::{Context, Depth, Docker, Keeper, Kubernetes, Progress, Simulated, Target};
use crate::wake::Wake;
use crate::wanted::WantedCache;

/// Everything that a pass works with.
pub struct Agent {
    /// The settings.
    pub settings: Settings,
    /// Where time comes from.
    pub clock: Clock,
    /// The record.
    pub store: Rc<Store>,
    /// How the confined processes are started that read files.
    pub child: Child,
    /// Shows what takes long.
    pub progress: Box<dyn Progress>,
    /// Those who are told: the forges, in the order of their reports, then those of the alerts, then the forges again whose requests
    /// are commented on.
    pub receivers: Vec<Receiver>,
    /// The forges whose requests are planned, by source.
    pub requests: BTreeMap<String, Rc<Forge>>,
    /// Something waits to be told to them.
    pub news: Notify,
    /// What it says of itself to those who only read.
    pub bulletin: Arc<Bulletin>,
    /// The targets, each with its health and once each, however many units share it.
    pub places: Vec<Rc<Place>>,
    /// Held by whoever copies a volume.
    pub copying: Mutex<()>,
    units: Vec<Unit>,
    turn: Mutex<Weak<PassLock>>,
    unsigned: RefCell<String>,
}

/// The work beside passes, to be polled by [`Attendance::run`] as long as the agent is used. Dropping it ends the work and
/// touches no pod.
#[derive(Debug)]
#[must_use = "without it no pod is ever found to be ready"]
pub struct Attendance {
    pub(crate) runners: Vec<Runner>,
    pub(crate) reports: mpsc::UnboundedReceiver<Report>,
}

/// Why the parts cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A forge cannot be told at all.
    #[error(transparent)]
    Forge(#[from] ForgeError),
    /// The record cannot be read.
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// A target, and who knows how its pods are.
#[derive(Debug)]
pub struct Place {
    /// Which one the settings call it.
    pub kind: settings::Target,
    /// Where units are applied.
    pub target: Arc<Target>,
    /// Knows which pods answer.
    pub health: Health,
}

/// A unit with its target.
#[derive(Debug)]
pub struct Unit {
    /// Its settings.
    pub settings: settings::Unit,
    /// Where it is applied, and who knows how its pods are.
    pub place: Rc<Place>,
    /// Something that is the unit's changed on its target.
    pub drifted: Notify,
    /// One of the unit's pods began to answer, or does not answer any more.
    pub stirred: Notify,
    /// What its pods may not do.
    pub guard: Policy,
    /// What it wants by the commit that it follows.
    pub wanted: WantedCache,
    /// What it wanted by the commit that was applied last.
    pub last_good: WantedCache,
    /// What it wanted by the commit whose revision some of its pods stay at.
    pub earlier: WantedCache,
    /// What failed of late.
    pub patience: Patience,
    /// When something is to be done for a run, if nothing happens before.
    pub(crate) due: Cell<Option<Timestamp>>,
    /// The newest commit, where it is not begun yet, and why.
    pub(crate) waits: RefCell<Option<Wait>>,
    /// When every field of its pods was looked at.
    pub(crate) looked_deep: Cell<Option<Timestamp>>,
}

impl Agent {
    /// What reads the files of a commit, and the identities that then open what is encrypted in them.
    #[must_use]
    pub fn reader(&self) -> (&Child, Option<&Path>) {
        (&self.child, self.settings.host.age_identity_file.as_deref())
    }

    /// Puts the parts together. Reaches for nothing yet. Whoever uses the agent polls [`Attendance::run`] beside it.
    ///
    /// # Errors
    /// If a forge cannot be told at all, or the record cannot be read.
    pub fn new(
        settings: Settings,
        clock: Clock,
        store: Rc<Store>,
        progress: Box<dyn Progress>,
    ) -> Result<(Self, Attendance), AgentError> {
        let (sender, reports) = mpsc::unbounded_channel();
        let bulletin = Arc::new(Bulletin::new(&settings));
        let own = store.id()?;
        let keeper = Keeper { store: own.clone(), machine: machine() };
        let (mut places, mut runners) = (Vec::<Rc<Place>>::new(), Vec::new());
        let mut units = Vec::new();
        for unit in &settings.units {
            let known = places.iter().find(|place| place.kind == unit.target).map(Rc::clone);
            let place = known.unwrap_or_else(|| {
                let target = target(&settings.host, &unit.target, clock).kept_by(keeper.clone());
                let target = target.acting_as(accounts(&settings, &unit.target));
                let target = Arc::new(target.counted_by(bulletin.calls(&unit.target.name())));
                let (health, runner) = Health::new(Arc::clone(&target), clock, sender.clone());
                runners.push(runner);
                places.push(Rc::new(Place { kind: unit.target.clone(), target, health }));
                Rc::clone(&places[places.len() - 1])
            });
            units.push(Unit::new(&settings, unit, place));
        }
        let pages = settings.pages();
        let lists = |report: &settings::Report| settings.lists_requests(&report.source) == Some(report);
        let forge = |report: &settings::Report| Forge::new(report, pages).map(Rc::new);
        let forges: Vec<Rc<Forge>> = settings.reports.iter().map(forge).collect::<Result<_, ForgeError>>()?;
        let listing = settings.reports.iter().zip(&forges).filter(|(report, _)| lists(report));
        let requests: BTreeMap<String, Rc<Forge>> =
            listing.map(|(report, forge)| (report.source.clone(), Rc::clone(forge))).collect();
        let people = settings.alerts.iter().map(|alert| Receiver::of(alert, &own));
        let remarks = requests.values().map(|forge| Receiver::Remarks(Rc::clone(forge)));
        let receivers = forges.into_iter().map(Receiver::Forge).chain(people).chain(remarks).collect();
        let turn = Mutex::new(Weak::new());
        let news = Notify::new();
        let unsigned = RefCell::default();
        Ok((
            Self {
                settings,
                bulletin,
                clock,
                store,
                child: Child::default(),
                progress,
                receivers,
                requests,
                news,
                places,
                copying: Mutex::new(()),
                units,
                turn,
                unsigned,
            },
            Attendance { runners, reports },
        ))
    }

    /// All units.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The units that read a source.
    pub fn units_of<'a>(&'a self, source: &'a str) -> impl Iterator<Item = &'a Unit> {
        self.units.iter().filter(move |unit| unit.settings.source == source)
    }

    /// The units on a target.
    pub fn units_at<'a>(&'a self, place: &'a Place) -> impl Iterator<Item = &'a Unit> {
        self.units.iter().filter(move |unit| unit.place.kind == place.kind)
    }

    /// The unit of that name.
    #[must_use]
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.settings.name == name)
    }

    /// The forges that are told about a source, by the names that the outbox knows them by.
    pub fn forges_of<'a>(&'a self, source: &'a str) -> impl Iterator<Item = String> + 'a {
        let told = self.settings.reports.iter().zip(&self.receivers);
        told.filter(move |(report, _)| report.source == source).map(|(_, forge)| forge.id())
    }

    /// The suspension of a unit. One that ran out is ended, and that is told.
    ///
    /// # Errors
    /// If the record cannot be read or written.
    pub fn suspension(&self, unit: &str) -> Result<Option<Suspension>, RecordError> {
        let (now, suspension) = (self.clock.now(), self.store.suspension(unit)?);
        if suspension.as_ref().and_then(|it| it.until).is_some_and(|until| until <= now) {
            self.store.resume(now, unit, None)?;
            return Ok(None);
        }
        Ok(suspension)
    }

    /// Waits until nothing is under way that must not be cut off (a pod that leaves the network and comes back), while the
    /// attendance goes on. Whoever ends the attendance waits for this first.
    pub async fn at_rest(&self) {
        let rest = async {
            while self.places.iter().any(|place| place.health.is_busy()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(REST_SECONDS), rest).await.is_err() {
            tracing::warn!("something is still under way; the next start settles it");
        }
    }

    /// Waits for one-off commands to end, and keeps them waiting until the value is dropped. Passes over several sources
    /// share one turn: they never touch the same unit.
    ///
    /// # Errors
    /// If another process holds it for too long; the error names it.
    pub async fn take_turn(&self) -> Result<Rc<PassLock>, RecordError> {
        // Whoever comes while another takes the lock waits here, and shares it then.
        let mut shared = self.turn.lock().await;
        if let Some(turn) = shared.upgrade() {
            return Ok(turn);
        }
        let state = self.settings.host.state.clone();
        let wait = Duration::from_secs(PASS_LOCK_SECONDS);
        let locked = tokio::task::spawn_blocking(move || PassLock::acquire(&state, wait));
        let turn = Rc::new(locked.await.expect("taking a lock neither panics nor is cancelled")?);
        *shared = Rc::downgrade(&turn);
        Ok(turn)
    }

    /// True while a pass is under way.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.turn.try_lock().map_or(true, |turn| turn.strong_count() > 0)
    }

    /// Signs the record if that is due, with a host key that is made the first time. Nothing else depends on it: what keeps
    /// it from being signed is told once, and stands in `writ doctor` for as long as it is so.
    pub fn witness(&self) {
        let (now, host) = (self.clock.now(), &self.settings.host.name);
        let signed = self.store.named_host_key().and_then(|key| {
            if key.is_none() {
                self.store.make_host_key(now, host)?;
            }
            self.store.checkpoint(now, host, false)
        });
        let trouble = signed.err().map(|error| chain(&error)).unwrap_or_default();
        if !trouble.is_empty() && *self.unsigned.borrow() != trouble {
            tracing::error!(error = trouble, "the record cannot be signed");
        }
        self.unsigned.replace(trouble);
    }

    /// How closely to look at a unit in this pass: at every field at start, after an event, and once in a while.
    pub fn depth(&self, unit: &Unit, wake: Wake) -> Depth {
        let due = |last: Timestamp| last.plus(Seconds(DEEP_INTERVAL_SECONDS)) <= self.clock.now();
        let deep = match wake {
            Wake::Start | Wake::Drift => true,
            Wake::Interval | Wake::LocalChange | Wake::Hint | Wake::Health | Wake::Newer | Wake::Retry | Wake::Due => {
                unit.looked_deep.get().is_none_or(due)
            }
        };
        if deep { Depth::Deep } else { Depth::List }
    }

    /// What a plan for a unit must know of the host's ingress; nothing where the unit neither leads nor led anything through
    /// it.
    ///
    /// # Errors
    /// If the record cannot be read.
    pub fn around(&self, unit: &Unit, desired: &Desired, held: &Holdings) -> Result<Around, RecordError> {
        if desired.entrances.is_empty() && !held.objects.keys().any(|id| id.kind.is_entrance()) {
            return Ok(Around::default());
        }
        let mut around = Around { settings: self.settings.ingress.clone(), ..Around::default() };
        around.unit.clone_from(&unit.settings.name);
        // A unit that is in no settings any more is let alone, and so is what it leads through the ingress.
        let here = |name: &String| self.unit(name).is_none_or(|other| other.place.kind == unit.place.kind);
        for name in self.store.holders()?.into_iter().filter(here) {
            let routes = ingress::held(&self.store.holdings(&name)?);
            around.held.insert(name, routes);
        }
        Ok(around)
    }

    /// For whom something is done for a unit; without a commit, for local files.
    #[must_use]
    pub fn context(&self, unit: &Unit, commit: Option<&str>) -> Context {
        Context {
            host: self.settings.host.name.clone(),
            unit: unit.settings.name.clone(),
            commit: commit.map(str::to_owned),
        }
    }

    /// Closes the intents that a crash left open: what came of them shows by the look that follows. Those of units that
    /// are in no settings any more are closed as well, for nobody else will.
    ///
    /// # Errors
    /// If the record cannot be read or written.
    pub fn settle_intents(&self, unit: &str) -> Result<(), RecordError> {
        let ours = |name: &str| name == unit || self.unit(name).is_none();
        for intent in self.store.open_intents()?.into_iter().filter(|intent| ours(&intent.unit)) {
            self.store.outcome(self.clock.now(), intent.id, &Outcome::Unknown)?;
        }
        Ok(())
    }
}

impl Unit {
    fn new(all: &Settings, settings: &settings::Unit, place: Rc<Place>) -> Self {
        Self {
            settings: settings.clone(),
            place,
            drifted: Notify::new(),
            stirred: Notify::new(),
            guard: guard::policy(all, &settings.guard),
            wanted: WantedCache::new(),
            last_good: WantedCache::new(),
            earlier: WantedCache::new(),
            patience: Patience::default(),
            due: Cell::new(None),
            waits: RefCell::new(None),
            looked_deep: Cell::new(None),
        }
    }
}

/// As whom units on a target are looked at that name an account.
fn accounts(settings: &Settings, target: &settings::Target) -> BTreeMap<String, Account> {
    let units = settings.units.iter().filter(|unit| unit.target == *target);
    units.filter_map(|unit| Some((unit.name.clone(), unit.account.clone()?))).collect()
}

/// The target that settings name. Reaches for nothing yet.
#[must_use]
pub fn target(host: &settings::Host, target: &settings::Target, clock: Clock) -> Target {
    match target {
        settings::Target::Docker => {
            Target::Docker(Docker::new(&host.name, &host.state, &format!("unix://{}", host.engine.display())))
        }
        settings::Target::Simulated => Target::Simulated(Simulated::new(&host.state, clock)),
        settings::Target::Kubernetes(cluster) => {
            let access = match cluster {
                settings::Cluster::Around => Access::Around,
                settings::Cluster::Context(name) => {
                    let file = host.kubeconfig.clone().unwrap_or_default();
                    Access::Context { file, name: name.clone() }
                }
            };
            Target::Kubernetes(Box::new(Kubernetes::new(&host.name, access).shared(host.standby)))
        }
    }
}
