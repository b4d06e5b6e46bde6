//! Passes over a unit whose manifests are given as text: the real decisions, and as little around them as possible.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, timeout};
use writ::health::Watched;
use writ::target::{Depth, TargetError};
use writ_core::dialect::{self, Files};
use writ_core::guard;
use writ_core::hash::HashKey;
use writ_core::holdings::{HoldingChange, Holdings};
use writ_core::ingress::Around;
use writ_core::model::{BucketRef, Desired, PodSpec, Scope, World as Settings, resolve};
use writ_core::observed::{Observed, Readiness};
use writ_core::plan::{Act, Drift, Input, Plan, Policy, PruneBudget, Setbacks, Templates, plan};
use writ_core::text::SecretText;
use writ_core::time::Seconds;

use crate::world::World;

/// Longest time for a unit to become as desired: three databases make their files one after the other.
const CONVERGE: Duration = Duration::from_secs(120);

/// A unit that becomes what its manifests say.
pub struct Unit {
    pub world: World,
    pub held: Holdings,
    /// How far the clock of its passes is ahead.
    pub later: Seconds,
    buckets: BTreeMap<BucketRef, BTreeMap<String, SecretText>>,
    steps: Vec<String>,
}

impl Unit {
    pub async fn new() -> Self {
        Self {
            world: World::new().await,
            held: Holdings::default(),
            later: Seconds(0),
            buckets: BTreeMap::new(),
            steps: Vec::new(),
        }
    }

    /// What `writ config set` would do.
    pub fn set(&mut self, name: &str, key: &str, value: &str) {
        let bucket = BucketRef { scope: Scope(self.world.scope.clone()), name: Some(name.to_owned()) };
        self.buckets.entry(bucket).or_default().insert(key.to_owned(), SecretText::new(value));
    }

    /// The name in the engine of the pod of that workload and ordinal.
    pub fn pod(&self, name: &str, ordinal: u32) -> String {
        format!("{}-{name}.{ordinal}", self.world.scope)
    }

    /// What a manifest wants; `SCOPE` in it stands for the test's own scope.
    pub fn desired(&self, file: &str, text: &str) -> Desired {
        let text = text.replace("SCOPE", &self.world.scope);
        let (lowered, sources) = dialect::lower(&Files::from([(file.to_owned(), text.into_bytes())]));
        let lowered = lowered.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
        let settings = Settings { buckets: self.buckets.clone(), hash_key: HashKey([7; 32]) };
        let (desired, _notes) = resolve(&lowered.objects, &settings)
            .unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
        desired
    }

    /// Passes until there is nothing left to do; the steps that were taken.
    pub async fn apply(&mut self, file: &str, text: &str) -> Vec<String> {
        let desired = self.desired(file, text);
        self.become_as(&desired).await
    }

    pub async fn become_as(&mut self, desired: &Desired) -> Vec<String> {
        self.steps.clear();
        let deadline = Instant::now() + CONVERGE;
        loop {
            let changed = self.world.health.clone();
            let changed = changed.changed();
            let plan = self.pass(desired).await.unwrap();
            if plan.is_empty() {
                return std::mem::take(&mut self.steps);
            }
            let why = self.world.health.reasons();
            assert!(Instant::now() < deadline, "not as desired in time: {:?}\n{why:?}\n{plan}", self.steps);
            drop(timeout(Duration::from_millis(200), changed).await);
        }
    }

    /// One pass; what it had planned.
    pub async fn pass(&mut self, desired: &Desired) -> Result<Plan, TargetError> {
        let observed = self.look(desired, Depth::Deep).await?;
        let plan = self.plan(desired, &observed);
        let (policy, grants, paths) = (guard::Policy::default(), guard::Grants::all(), guard::HostPaths::default());
        let grounds = guard::Grounds { policy: &policy, grants: &grants, paths: &paths, desired };
        let checked = guard::check(plan.clone(), &grounds);
        assert_eq!(checked.refusals(), []);
        for step in checked.shared() {
            self.world.execute(&step.act).await?;
        }
        for lane in checked.lanes() {
            let mut waits = false;
            for step in &lane.steps {
                if step.act != Act::Nothing {
                    self.steps.push(format!("{} {}", step.verb, step.pod.as_deref().unwrap_or("-")));
                    self.world.execute(&step.act).await?;
                }
                waits = step.wait.is_some();
                if waits {
                    break;
                }
            }
            match lane.then.clone().filter(|_| !waits) {
                Some(HoldingChange::Hold(id, held)) => drop(self.held.objects.insert(id, *held)),
                Some(HoldingChange::Release(id)) => drop(self.held.objects.remove(&id)),
                None => {}
            }
        }
        Ok(plan)
    }

    /// What a pass would do now.
    pub fn plan(&self, desired: &Desired, observed: &Observed) -> Plan {
        let policy = Policy {
            drift: Drift::Repair,
            prune: PruneBudget { max: 9, percent: 100 },
            recreate: false,
            backup: None,
            account: None,
        };
        let now = self.world.clock.now().plus(self.later);
        plan(&Input {
            now,
            commit: Some("c0ffee"),
            desired,
            observed,
            held: &self.held,
            policy: &policy,
            seed: 1,
            setbacks: &Setbacks::default(),
            templates: &Templates::new(),
            ingress: &Around::default(),
        })
    }

    /// A look with what health knows, whose watch it brings up to date.
    pub async fn look(&self, desired: &Desired, depth: Depth) -> Result<Observed, TargetError> {
        let unit = &self.world.context.unit;
        let mut observed = self.world.target.observe(unit, depth, self.world.clock.now()).await?;
        let watched = |(name, pod): (&String, &writ_core::observed::ObservedPod)| {
            if pod.object.kind.ends() {
                return None;
            }
            let spec: PodSpec = desired.workloads.get(&pod.object)?.pod(&pod.index);
            (spec.name == *name).then(|| Watched { spec, container: pod.container.clone() })
        };
        self.world.health.watch(unit, observed.pods.iter().filter_map(watched).collect());
        let readiness = self.world.health.readiness();
        for (name, pod) in &mut observed.pods {
            pod.readiness = readiness.get(name).copied().unwrap_or(Readiness::Unknown);
        }
        Ok(observed)
    }
}
