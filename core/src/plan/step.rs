//! The steps of a plan: what is done to what, why, and what is left alone.

use std::collections::BTreeSet;
use std::fmt;

use super::backup::BackUp;
use super::setback::Delay;
use crate::account::Account;
use crate::cluster::{ClusterObject, FieldPath, Left};
use crate::hash::SpecHash;
use crate::holdings::HoldingChange;
use crate::ingress::Serving;
use crate::model::{ObjectId, PodSpec, VolumeSpec};
use crate::time::{Seconds, Timestamp};

/// Everything that a pass would do, and what it would leave alone.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "a plan does nothing until it is checked and applied, or shown"]
pub struct Plan {
    /// Steps that come before all others, in order (the host's network, and its ingress).
    pub shared: Vec<Step>,
    /// One lane for each workload, in order of identity; lanes do not depend on each other.
    pub lanes: Vec<Lane>,
}

/// The steps for one workload, in order. When one fails, those behind it are not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Lane {
    /// The workload.
    pub object: ObjectId,
    /// Its steps; `keep` and `refuse` among them.
    pub steps: Vec<Step>,
    /// What is held once all of them succeeded.
    pub then: Option<HoldingChange>,
    /// Why it does not go on for now, where its last try failed.
    pub delay: Option<Delay>,
    /// How the run of a Job stands; none for a workload that is kept running.
    pub run: Option<Run>,
}

/// How the run of a workload stands that comes to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// How far it is.
    pub state: RunState,
    /// When there is something to do for it, if nothing happens before; none if only its pods decide that.
    pub due: Option<Timestamp>,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// It goes on: what of it is done.
    Going(String),
    /// It ended well, or is not to go on for now.
    AtRest,
    /// It failed for good, and why.
    Failed(String),
}

/// One step, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What kind of step.
    pub verb: Verb,
    /// The workload that it is for.
    pub object: ObjectId,
    /// The pod, where it is about one.
    pub pod: Option<String>,
    /// The reason, for an operator. Holds no value of a secret.
    pub why: String,
    /// Whether Git or the world caused it.
    pub cause: Cause,
    /// Hash of what runs.
    pub from: Option<SpecHash>,
    /// Hash of what will run.
    pub to: Option<SpecHash>,
    /// What is done.
    pub act: Act,
    /// What must hold before the lane goes on.
    pub wait: Option<Wait>,
}

/// What kind of step, as `writ plan` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Something new.
    Create,
    /// Something that stopped, or was never started, runs again.
    Start,
    /// A new container in the place of an old one.
    Replace,
    /// A change in place.
    Update,
    /// More or fewer pods.
    Scale,
    /// Something goes.
    Remove,
    /// Nothing is done, and why.
    Keep,
    /// Something asked for is not done, and why.
    Refuse,
}

/// Who wanted a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The desired state changed, or its last application did not finish.
    Change,
    /// The world moved away from what had been applied.
    Drift,
    /// Nothing: the step does nothing.
    None,
}

/// What is done to the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Nothing.
    Nothing,
    /// Make the host's network.
    CreateNetwork,
    /// Make a volume.
    CreateVolume(VolumeSpec),
    /// Copy what is on a volume to a folder of the host, while none of the host's pods runs with it.
    BackUp(Box<BackUp>),
    /// Pull what is missing, make the pod and start it.
    CreatePod(Box<PodSpec>),
    /// Start the pod's existing container.
    StartPod {
        /// The pod's name.
        pod: String,
        /// Its container's identifier in the engine.
        container: String,
    },
    /// Mend the existing container without a new one.
    MendPod {
        /// How it must be.
        spec: Box<PodSpec>,
        /// Its container's identifier in the engine.
        container: String,
        /// What to do, in order.
        fixes: Vec<Fix>,
    },
    /// Stop and remove the old container, then make and start the new one.
    ReplacePod {
        /// The old container's identifier in the engine.
        container: String,
        /// How the pod must be.
        spec: Box<PodSpec>,
    },
    /// Stop and remove the container. Its volumes stay.
    RemovePod {
        /// The pod's name.
        pod: String,
        /// Its container's identifier in the engine.
        container: String,
        /// Time from asking it to stop to killing it; none for what its label or the default says.
        grace: Option<Seconds>,
    },
    /// Destroy a volume and what is on it. Only `writ delete --prune` asks for this.
    RemoveVolume {
        /// Its name.
        volume: String,
    },
    /// Bring the host's ingress to what it must be: make it, change it, or remove it where nothing is led through it.
    Serve(Box<Serving>),
    /// Apply an object to a cluster.
    ApplyObject(Box<Application>),
    /// Delete an object of a cluster.
    DeleteObject(Box<Deletion>),
}

/// An object that is applied to a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Application {
    /// The object.
    pub object: ClusterObject,
    /// The one that was seen; none if there was none.
    pub uid: Option<String>,
    /// Fields that are taken back from whoever set them since.
    pub taken: BTreeSet<FieldPath>,
    /// Fields that are left to others, as they are.
    pub left: Left,
}

/// An object that is deleted from a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// What it is called.
    pub id: ObjectId,
    /// The one that was seen.
    pub uid: String,
    /// As whom; as the agent itself if nobody is named.
    pub account: Option<Account>,
    /// What it made stays.
    pub orphan: bool,
    /// It is made anew in the same lane.
    pub anew: bool,
}

/// A mend that needs no new container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fix {
    /// Give it its name back.
    Rename,
    /// Put it back on the network, under its names.
    Connect,
    /// Let it run on.
    Unpause,
    /// Make, mend or start those of its containers that are not as they must be, and touch no other.
    Parts,
    /// End what stood beside its main containers, which have ended.
    End,
}

/// What a lane waits for after a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The pod that must become available.
    pub pod: String,
    /// How long that may take.
    pub deadline: Seconds,
}

impl Plan {
    /// All steps, in order, `keep` and `refuse` among them.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.shared.iter().chain(self.lanes.iter().flat_map(|lane| &lane.steps))
    }

    /// When something is to be done for a run, if nothing happens before; none if nothing is.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.lanes.iter().filter_map(|lane| lane.run.as_ref()?.due).min()
    }

    /// True if it would change nothing in the world and waits for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps().all(|step| step.act == Act::Nothing && step.wait.is_none())
    }

    /// True if what is held would stay as it is, too: a host that lost its record finds its pods as wanted, and still
    /// has to learn that it holds them.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_empty() && self.lanes.iter().all(|lane| lane.then.is_none())
    }
}

impl Verb {
    /// Its name as users read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Replace => "replace",
            Self::Update => "update",
            Self::Scale => "scale",
            Self::Remove => "remove",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The lines of `writ plan`: verb, pod or object, reason.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps() {
            let what = step.pod.clone().unwrap_or_else(|| step.object.to_string());
            writeln!(f, "{:8} {what}  {}", step.verb, step.why)?;
        }
        Ok(())
    }
}
