//! Steps that failed of late, and what is held back until their pauses are over.
//!
//! Invariant: a step waits for no failure but its own, or that of a step before it in its lane.
//! Invariant: a pause ends at the latest with the longest one, whatever the clock does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::draft::{forget_idle_waits, nothing};
use super::step::{Act, Cause, Lane, Plan, Run, Step, Verb};
use super::{Input, workload};
use crate::backoff;
use crate::hash::SpecHash;
use crate::limits::BACKOFF_SECONDS_MAX;
use crate::model::{ObjectId, PodIndex};
use crate::time::{Seconds, Timestamp};

/// What a step tries, as far as a failure counts for the next try: with another hash it is something else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// What is done.
    pub deed: Deed,
    /// For which workload; none for what all share.
    pub object: Option<ObjectId>,
    /// To which pod or volume; none for a new replica, whose name is drawn anew each time.
    pub name: Option<String>,
    /// The hash that it leads to, or that stays.
    pub revision: Option<SpecHash>,
}

/// What a step does, as far as failures of it count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Making the host's network.
    MakeNetwork,
    /// Making a volume.
    MakeVolume,
    /// Making a pod, in the place of an old one or not.
    MakePod,
    /// Starting a container.
    Start,
    /// Mending a container.
    Mend,
    /// Removing a pod.
    Remove,
    /// Destroying a volume.
    Destroy,
    /// Bringing the host's ingress to what it must be.
    Serve,
    /// Copying a volume.
    BackUp,
    /// Applying an object of a cluster.
    Apply,
    /// Deleting an object of a cluster.
    Delete,
}

/// How often something failed in a row, and when it is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setback {
    /// Failures in a row.
    pub failures: u32,
    /// No try before then.
    pub until: Timestamp,
    /// How it failed last; no value of a secret.
    pub why: String,
}

/// What failed of late, for one unit and one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setbacks(BTreeMap<Attempt, Setback>);

/// Why a lane does not go on for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delay {
    /// What failed.
    pub attempt: Attempt,
    /// How often, and until when it waits.
    pub setback: Setback,
}

impl Attempt {
    /// What a step tries; none if it does nothing.
    #[must_use]
    pub fn of(step: &Step) -> Option<Self> {
        let name = || step.pod.clone();
        let (deed, name) = match &step.act {
            Act::Nothing => return None,
            Act::CreateNetwork => {
                return Some(Self { deed: Deed::MakeNetwork, object: None, name: None, revision: None });
            }
            Act::CreateVolume(volume) => (Deed::MakeVolume, Some(volume.name.clone())),
            Act::BackUp(backup) => (Deed::BackUp, Some(backup.volume.clone())),
            Act::CreatePod(spec) => match spec.index {
                PodIndex::Ordinal(_) | PodIndex::Try { .. } => (Deed::MakePod, name()),
                PodIndex::Replica(_) => (Deed::MakePod, None),
            },
            Act::ReplacePod { .. } => (Deed::MakePod, name()),
            Act::StartPod { .. } => (Deed::Start, name()),
            Act::MendPod { .. } => (Deed::Mend, name()),
            Act::RemovePod { .. } => (Deed::Remove, name()),
            Act::RemoveVolume { volume } => (Deed::Destroy, Some(volume.clone())),
            Act::ApplyObject(_) => (Deed::Apply, None),
            Act::DeleteObject(_) => (Deed::Delete, None),
            Act::Serve(_) => return Some(Self { deed: Deed::Serve, object: None, name: None, revision: None }),
        };
        Some(Self { deed, object: Some(step.object.clone()), name, revision: step.to.clone() })
    }
}

impl Deed {
    const ALL: [Self; 11] = [
        Self::MakeNetwork,
        Self::MakeVolume,
        Self::MakePod,
        Self::Start,
        Self::Mend,
        Self::Remove,
        Self::Destroy,
        Self::Serve,
        Self::BackUp,
        Self::Apply,
        Self::Delete,
    ];

    /// Its name, as it is remembered.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MakeNetwork => "make network",
            Self::MakeVolume => "make volume",
            Self::MakePod => "make pod",
            Self::Start => "start",
            Self::Mend => "mend",
            Self::Remove => "remove",
            Self::Destroy => "destroy",
            Self::Serve => "serve",
            Self::BackUp => "back up",
            Self::Apply => "apply",
            Self::Delete => "delete",
        }
    }

    /// Finds a deed by name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.name() == name)
    }
}

impl Setbacks {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Attempt, &Setback)> {
        self.0.iter()
    }

    /// The same after `attempt` failed at `now`. `seed` spreads what failed together.
    #[must_use]
    pub fn after_failure(&self, attempt: Attempt, why: &str, now: Timestamp, seed: u64) -> Self {
        let failures = self.0.get(&attempt).map_or(0, |setback| setback.failures).saturating_add(1);
        let seed = attempt
            .name
            .iter()
            .flat_map(|name| name.bytes())
            .fold(seed, |seed, byte| backoff::mix(seed ^ u64::from(byte)));
        let until = backoff::end_of_pause(now, failures, seed);
        let mut after = self.clone();
        after.0.insert(attempt, Setback { failures, until, why: why.to_owned() });
        after
    }

    /// The same after `attempt` succeeded.
    #[must_use]
    pub fn after_success(&self, attempt: &Attempt) -> Self {
        let mut after = self.clone();
        after.0.remove(attempt);
        after
    }

    /// Those that a plan still has to do with: what is not tried any more has succeeded, whoever did it, or is not wanted.
    #[must_use]
    pub fn of_plan(&self, plan: &Plan) -> Self {
        if self.0.is_empty() {
            return Self::default();
        }
        let delayed = plan.lanes.iter().filter_map(|lane| lane.delay.as_ref()).map(|delay| delay.attempt.clone());
        let tried: Vec<Attempt> = plan.steps().filter_map(Attempt::of).chain(delayed).collect();
        Self(self.0.iter().filter(|(it, _)| tried.contains(it)).map(|(it, how)| (it.clone(), how.clone())).collect())
    }

    /// When the first of them that still waits at `now` may be tried again.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.values().filter(|setback| setback.waits(now)).map(|setback| setback.until).min()
    }

    fn delay(&self, attempt: Attempt, now: Timestamp) -> Option<Delay> {
        let setback = self.0.get(&attempt).filter(|setback| setback.waits(now))?.clone();
        Some(Delay { attempt, setback })
    }
}

impl FromIterator<(Attempt, Setback)> for Setbacks {
    fn from_iter<I: IntoIterator<Item = (Attempt, Setback)>>(setbacks: I) -> Self {
        Self(setbacks.into_iter().collect())
    }
}

impl Setback {
    /// What lies further ahead than any pause lasts was set by a clock that has been put back since.
    fn waits(&self, now: Timestamp) -> bool {
        self.until > now && self.until <= now.plus(Seconds(BACKOFF_SECONDS_MAX))
    }
}

/// `waits until 12:03:10 UTC after the 4th failure: pull access denied`
impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, until, why } = self;
        write!(f, "waits until {} after the {} failure: {why}", until.time_of_day(), ordinal(*failures))
    }
}

/// `1st`, `2nd`, `3rd`, `4th`, `11th`.
pub(super) fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        (_, _) => "th",
    };
    format!("{number}{ending}")
}

/// The lane as far as it goes before a step whose last try failed and that is not yet due again.
pub(super) fn hold_back(input: &Input<'_>, lane: Lane) -> Lane {
    if input.setbacks.0.is_empty() {
        return lane;
    }
    let delays = lane.steps.iter().map(|step| input.setbacks.delay(Attempt::of(step)?, input.now));
    let first = delays.enumerate().find_map(|(at, delay)| Some((at, delay?)));
    match first {
        Some((at, delay)) => held_back(lane, at, delay),
        None => lane,
    }
}

/// The same for what lanes share: those that need the host's network wait for it, and Ingresses for its ingress.
pub(super) fn hold_back_shared(input: &Input<'_>, plan: Plan) -> Plan {
    let delays = plan.shared.iter().map(|step| input.setbacks.delay(Attempt::of(step)?, input.now));
    let first = delays.enumerate().find_map(|(at, delay)| Some((at, delay?)));
    let Some((at, delay)) = first else { return plan };
    let Plan { mut shared, lanes } = plan;
    // What comes behind needs what comes before it.
    shared.truncate(at);
    let ingress_alone = delay.attempt.deed == Deed::Serve;
    let lanes = lanes.into_iter().map(|lane| {
        let at = match lane.object.kind.is_entrance() {
            true => Some(0),
            false => lane.steps.iter().position(workload::needs_network).filter(|_| !ingress_alone),
        };
        match at {
            Some(at) => held_back(lane, at, delay.clone()),
            None => lane,
        }
    });
    Plan { lanes: lanes.collect(), shared }
}

fn held_back(lane: Lane, at: usize, delay: Delay) -> Lane {
    let Lane { object, mut steps, then: _, delay: _, run } = lane;
    let mut behind = steps.split_off(at).into_iter();
    forget_idle_waits(&mut steps);
    // The end of the pause is what is waited for.
    let run = run.map(|run| Run { due: None, ..run });
    let culprit = behind.next().and_then(|step| step.pod).filter(|_| delay.attempt.name.is_some());
    let network = if delay.attempt.deed == Deed::MakeNetwork { "the host has no network: " } else { "" };
    let why = format!("{network}{}", delay.setback);
    steps.push(nothing(Verb::Keep, &object, culprit.as_deref(), why, Cause::None));
    let what = culprit.clone().unwrap_or_else(|| object.to_string());
    let mut told: BTreeSet<Option<String>> = BTreeSet::from([culprit, None]);
    for step in behind {
        match Attempt::of(&step) {
            // A wait for what is not made is no news; what was left alone for a reason of its own is.
            None => steps.extend(step.wait.is_none().then_some(step)),
            // The name of a new replica is another one in the next plan.
            Some(attempt) if attempt.name.is_none() => {}
            Some(_) if told.insert(step.pod.clone()) => {
                let why = format!("not now: it comes after {what}, which waits");
                steps.push(nothing(Verb::Keep, &object, step.pod.as_deref(), why, Cause::None));
            }
            Some(_) => {}
        }
    }
    Lane { object, steps, then: None, delay: Some(delay), run }
}
