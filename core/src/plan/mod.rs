//! Turns what is wanted, what was seen and what is held into steps.
//!
//! Invariant: reads nothing but its input.
//! Invariant: an unseen pod gets no step; what this unit does not hold gets none either.

mod backup;
mod cluster;
mod cronjob;
mod deployment;
mod disruption;
mod draft;
mod earlier;
mod ingress;
mod job;
mod leftover;
mod look;
mod preflight;
mod removal;
mod replica;
mod setback;
mod statefulset;
mod step;
mod why;
mod workload;
mod world;

pub use backup::{BackUp, Backups};
pub use cluster::wave;
pub use earlier::{Template, Templates, earlier};
pub(crate) use ingress::without;
pub use preflight::{
    Data, Evidence, FOLDER, FOLDER_FORM, Form, Found, MAJOR, Place, Question, RELEASE, Release, Says, major, preflight,
    questions,
};
pub use removal::removal;
pub use setback::{Attempt, Deed, Delay, Setback, Setbacks};
pub use step::{Act, Application, Cause, Deletion, Fix, Lane, Plan, Run, RunState, Step, Verb, Wait};
pub use workload::needs_network;
pub use world::first_ordinal;

use crate::account::Account;
use crate::cores;
use crate::holdings::Holdings;
use crate::ingress::Around;
use crate::model::{Desired, Workload};
use crate::observed::Observed;
use crate::time::Timestamp;

/// Everything that a plan depends on.
#[derive(Debug)]
pub struct Input<'a> {
    /// The moment of planning.
    pub now: Timestamp,
    /// The commit that asks for `desired`; none for local files.
    pub commit: Option<&'a str>,
    /// What must be.
    pub desired: &'a Desired,
    /// What was seen.
    pub observed: &'a Observed,
    /// What is held.
    pub held: &'a Holdings,
    /// How this unit wants it.
    pub policy: &'a Policy,
    /// Bytes from which the names of new replicas are drawn; the same seed gives the same names.
    pub seed: u64,
    /// What failed of late for this commit, and is not tried again before its pause is over.
    pub setbacks: &'a Setbacks,
    /// What the commits that [`earlier`] names ask for, as far as they can be had.
    pub templates: &'a Templates,
    /// What is led through the host's ingress, and how that is to be.
    pub ingress: &'a Around,
}

/// What a unit's settings say about plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Mend what a person changed, or only report it.
    pub drift: Drift,
    /// Removals in one pass that need no confirmation.
    pub prune: PruneBudget,
    /// Workloads whose fixed fields may change by recreation, their volumes kept.
    pub recreate: bool,
    /// Where volumes are copied to before a step that may harm what is on them; none if they are not.
    pub backup: Option<Backups>,
    /// As whom all of it is applied to a cluster, whatever else says so; none if the unit names nobody.
    pub account: Option<Account>,
}

/// What happens to drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drift {
    /// It is mended.
    #[default]
    Repair,
    /// It is reported and left.
    Report,
}

/// How many objects one pass may remove: the larger of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneBudget {
    /// A number of objects.
    pub max: u32,
    /// A share of what the unit holds, in percent.
    pub percent: u32,
}

/// Workloads whose lanes are worth planning on several cores: so many take longer than threads take to start.
const WORKLOADS_MANY: usize = 128;

/// Everything to be done, in order, each step with its reason; and what is left alone, and why.
pub fn plan(input: &Input<'_>) -> Plan {
    if let Some(cluster) = &input.observed.cluster {
        return cluster::plan(input, cluster);
    }
    let mut world = world::World::new(input);
    world.withheld = disruption::withheld(&world);
    let settled = |lane| {
        let lane = backup::before_harm(input, workload::unless_blocked(input, lane));
        setback::hold_back(input, lane)
    };
    let workloads: Vec<&Workload> = input.desired.workloads.values().collect();
    let mut lanes = cores::map(&workloads, WORKLOADS_MANY, |workload| settled(workload::lane(&world, workload)));
    let pending = input.desired.pending.iter().map(|(id, reason)| workload::pending(id, reason));
    let entrances = input.desired.entrances.values().map(|entrance| ingress::lane(input, entrance));
    lanes.extend(pending.chain(entrances).chain(removal::lanes(&world)).map(settled));
    lanes.sort_by(|one, other| one.object.cmp(&other.object));
    let serve = ingress::serve(input, &lanes);
    let shared = workload::network(input, &lanes, serve.as_ref()).into_iter().chain(serve).collect();
    setback::hold_back_shared(input, Plan { shared, lanes })
}
