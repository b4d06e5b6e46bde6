//! What a person asks for by hand: local files applied once, an object removed.
//!
//! Invariant: the same planner, guard, intents and outcomes as in a pass; only the proof of a signature is missing, and
//! the record says so (no commit).

use std::rc::Rc;

use writ_core::dialect::{Files, Variables};
use writ_core::guard::{CheckedPlan, Grants};
use writ_core::model::{BucketRef, Desired, ObjectId, World};
use writ_core::plan::{self, Backups, Input, Plan, Policy, Setbacks, Template};

use crate::agent::{Agent, Unit};
use crate::apply::{Applied, Hands, apply};
use crate::cycle::CycleError;
use crate::folders::Folders;
use crate::guard;
use crate::interrupt::Interrupt;
use crate::outside::filled;
use crate::record::RecordError;
use crate::settings;
use crate::sight::{look, watch};
use crate::target::Depth;
use crate::wanted::{Wanted, WantedError, of_files};

/// The unit that files belong to which a person applied by hand.
pub const LOCAL: &str = "local";

/// A plan that waits for a person's yes.
#[derive(Debug)]
pub struct Proposal {
    /// The plan, as the guard lets it through.
    pub plan: CheckedPlan,
    /// What is wanted; nothing for a removal.
    pub desired: Desired,
    commit: Option<String>,
}

/// The settings of the unit that local files belong to.
#[must_use]
pub fn local_unit(
    target: settings::Target,
    guard: settings::Guard,
    plugins: Vec<settings::Plugin>,
    variables: Variables,
) -> settings::Unit {
    settings::Unit {
        name: LOCAL.to_owned(),
        source: String::new(),
        folders: Folders::from("."),
        target,
        drift: plan::Drift::Repair,
        prune: plan::PruneBudget {
            max: writ_core::limits::PRUNE_MAX_DEFAULT,
            percent: writ_core::limits::PRUNE_PERCENT_DEFAULT,
        },
        recreate: false,
        backup: None,
        guard,
        plugins,
        renderer: None,
        ignore: Vec::new(),
        variables,
        account: None,
        windows: Vec::new(),
        depends_on: Vec::new(),
        previews: None,
    }
}

/// The plugins of all units, for files that belong to none: those that all units which declare their kind declare alike.
#[must_use]
pub fn shared_plugins(units: &[settings::Unit]) -> Vec<settings::Plugin> {
    let all: Vec<&settings::Plugin> = units.iter().flat_map(|unit| &unit.plugins).collect();
    let mut shared: Vec<settings::Plugin> = Vec::new();
    for plugin in &all {
        let agreed = all.iter().all(|other| other.kind != plugin.kind || other == plugin);
        if agreed && !shared.contains(plugin) {
            shared.push((*plugin).clone());
        }
    }
    shared
}

/// Lowers and plans local files. Objects that the unit holds and the files do not name stay as they are.
///
/// # Errors
/// The outer one if the record or the target fails; the inner one if the files are not right.
pub async fn propose_files(
    agent: &Agent,
    unit: &Unit,
    files: &Files,
) -> Result<Result<(Proposal, Wanted), WantedError>, CycleError> {
    let world = World { buckets: agent.store.buckets()?, hash_key: agent.store.hash_key() };
    let wanted = match of_files(agent.reader(), agent.store.folder(), &unit.settings, files, "", &world).await {
        Ok(wanted) => Wanted::clone(&*filled(agent, unit, &Rc::new(wanted)).await?),
        Err(error) => return Ok(Err(error)),
    };
    let desired = wanted.desired.clone();
    let named = |object: &ObjectId| {
        let Desired { workloads, pending, entrances: _, budgets: _, objects } = &desired;
        workloads.contains_key(object) || pending.contains_key(object) || objects.contains_key(object)
    };
    let policy = unit.settings.policy();
    let plan = planned(agent, unit, (&desired, &policy), &named, plan::plan).await?;
    let plan = guard::check(unit, plan, &desired, &Grants::all()).await;
    Ok(Ok((Proposal { plan, desired, commit: None }, wanted)))
}

/// Plans the removal of one object; with `prune`, of its volumes as well.
///
/// # Errors
/// If the record or the target fails.
pub async fn propose_removal(
    agent: &Agent,
    unit: &Unit,
    object: &ObjectId,
    prune: bool,
) -> Result<Proposal, CycleError> {
    let desired = Desired::default();
    let policy = Policy { backup: backups(agent, unit, object).await?, ..unit.settings.policy() };
    let plan =
        planned(agent, unit, (&desired, &policy), &|_| true, |input| plan::removal(input, object, prune)).await?;
    let plan = guard::check(unit, plan, &desired, &Grants::all()).await;
    Ok(Proposal { plan, desired, commit: None })
}

/// Where the volumes of an object are copied to before they are destroyed. What no unit holds any more is copied as the unit
/// says for which its volumes were made.
async fn backups(agent: &Agent, unit: &Unit, object: &ObjectId) -> Result<Option<Backups>, CycleError> {
    let (own, Ok(engine)) = (unit.settings.backup.clone(), unit.place.target.engine_of_volumes()) else {
        return Ok(None);
    };
    if own.is_some() {
        return Ok(own);
    }
    let failed = |source| CycleError::Target { unit: unit.settings.name.clone(), source };
    let makers = engine.makers_of(object).await.map_err(failed)?;
    Ok(makers.iter().find_map(|maker| agent.unit(maker)?.settings.backup.clone()))
}

/// Applies a proposal that somebody said yes to.
///
/// # Errors
/// If the record fails.
pub async fn accept(
    agent: &Agent,
    unit: &Unit,
    proposal: &Proposal,
    interrupt: &Interrupt,
) -> Result<Applied, CycleError> {
    let _turn = agent.take_turn().await?;
    agent.settle_intents(&unit.settings.name)?;
    watch(unit, &proposal.desired, &look(agent, unit, &proposal.desired, Depth::List).await?);
    let hands = Hands::new(agent, unit, &proposal.desired, proposal.commit.as_deref(), interrupt);
    let applied = apply(&hands, &proposal.plan).await?;
    agent.at_rest().await;
    Ok(applied)
}

/// Destroys the config bucket of a name, as `delete --prune` promises. Gives the number of keys.
///
/// # Errors
/// If the record cannot be written.
pub fn destroy_bucket(agent: &Agent, object: &ObjectId) -> Result<usize, RecordError> {
    let bucket = BucketRef { scope: object.scope.clone(), name: Some(object.name.clone()) };
    agent.store.bucket_destroy(agent.clock.now(), &bucket)
}

/// Plans against the unit's pods and holdings, as far as they are named.
async fn planned(
    agent: &Agent,
    unit: &Unit,
    (desired, policy): (&Desired, &Policy),
    named: &dyn Fn(&ObjectId) -> bool,
    decide: impl FnOnce(&Input<'_>) -> Plan,
) -> Result<Plan, CycleError> {
    let mut observed = look(agent, unit, desired, Depth::Deep).await?;
    observed.pods.retain(|_, pod| named(&pod.object));
    if let Some(cluster) = &mut observed.cluster {
        cluster.objects.retain(|object, _| named(object));
    }
    let mut held = agent.store.holdings(&unit.settings.name)?;
    let around = agent.around(unit, desired, &held)?;
    held.objects.retain(|object, _| named(object));
    let now = agent.clock.now();
    let local = || Template::Lost("files that nobody committed are not kept".to_owned());
    let templates = plan::earlier(desired, &observed, &held).into_keys().map(|object| (object, local())).collect();
    Ok(decide(&Input {
        now,
        commit: None,
        desired,
        observed: &observed,
        held: &held,
        policy,
        seed: now.0.unsigned_abs(),
        // A person who asks for it does not wait.
        setbacks: &Setbacks::default(),
        templates: &templates,
        ingress: &around,
    }))
}
