//! Steps and their outcomes, as the journal tells them.
//!
//! Invariant: environment and contents of files stay out; images, containers and volumes are told by name.

use writ_core::hash::SpecHash;
use writ_core::model::{ObjectId, PodSpec};
use writ_core::plan::{Act, BackUp, Backups, Cause, Fix, Step, Verb};

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was done, and read back.
    Ok,
    /// It was not done, and why.
    Failed(String),
    /// Nobody knows: the agent or the engine went away in between. The next look settles it.
    Unknown,
}

/// A step as the journal tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// What kind of step.
    pub verb: Verb,
    /// The workload.
    pub object: ObjectId,
    /// The pod, where it is about one.
    pub pod: Option<String>,
    /// The reason.
    pub why: String,
    /// Who wanted it.
    pub cause: Cause,
    /// Hash of what ran.
    pub from: Option<SpecHash>,
    /// Hash of what is to run.
    pub to: Option<SpecHash>,
    /// What is done.
    pub act: ActRecord,
}

/// What is done to the world, down to the names, without environment or contents of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActRecord {
    /// Nothing.
    Nothing,
    /// The host's network is made.
    CreateNetwork,
    /// A volume is made.
    CreateVolume {
        /// Its name.
        volume: String,
    },
    /// A volume is copied to a folder of the host.
    BackUp {
        /// The volume.
        volume: String,
        /// The folder.
        directory: String,
    },
    /// A pod is made from these images.
    CreatePod {
        /// The images, init containers first.
        images: Vec<String>,
    },
    /// A container is started.
    StartPod {
        /// Its identifier.
        container: String,
    },
    /// A container is mended.
    MendPod {
        /// Its identifier.
        container: String,
        /// How.
        fixes: Vec<Fix>,
    },
    /// A container is replaced by one made from these images.
    ReplacePod {
        /// The old one's identifier.
        container: String,
        /// The images, init containers first.
        images: Vec<String>,
    },
    /// A container is stopped and removed.
    RemovePod {
        /// Its identifier.
        container: String,
    },
    /// A volume is destroyed.
    RemoveVolume {
        /// Its name.
        volume: String,
    },
    /// The host's ingress is brought to serve this many routes; none, and it goes.
    Serve {
        /// How many routes of how many hosts.
        routes: String,
    },
    /// An object of a cluster is applied.
    ApplyObject {
        /// Fields that are taken back from whoever set them.
        taken: Vec<String>,
    },
    /// An object of a cluster is deleted.
    DeleteObject {
        /// Which one of that name.
        uid: String,
        /// What it made stays.
        orphan: bool,
    },
}

impl StepRecord {
    /// What the journal tells of a step.
    #[must_use]
    pub fn of(step: &Step) -> Self {
        // A wait does nothing to the world; what comes of it is an event of its own.
        let Step { verb, object, pod, why, cause, from, to, act, wait: _ } = step;
        Self {
            verb: *verb,
            object: object.clone(),
            pod: pod.clone(),
            why: why.clone(),
            cause: *cause,
            from: from.clone(),
            to: to.clone(),
            act: ActRecord::of(act),
        }
    }
}

impl ActRecord {
    fn of(act: &Act) -> Self {
        let images = |spec: &PodSpec| spec.containers().map(|container| container.image.clone()).collect();
        match act {
            Act::Nothing => Self::Nothing,
            Act::CreateNetwork => Self::CreateNetwork,
            Act::CreateVolume(volume) => Self::CreateVolume { volume: volume.name.clone() },
            Act::BackUp(backup) => {
                let BackUp { volume, to: Backups { directory, keep: _ }, at: _, next: _ } = &**backup;
                Self::BackUp { volume: volume.clone(), directory: directory.clone() }
            }
            Act::CreatePod(spec) => Self::CreatePod { images: images(spec) },
            Act::StartPod { pod: _, container } => Self::StartPod { container: container.clone() },
            Act::MendPod { spec: _, container, fixes } => {
                Self::MendPod { container: container.clone(), fixes: fixes.clone() }
            }
            Act::ReplacePod { container, spec } => {
                Self::ReplacePod { container: container.clone(), images: images(spec) }
            }
            Act::RemovePod { pod: _, container, grace: _ } => Self::RemovePod { container: container.clone() },
            Act::RemoveVolume { volume } => Self::RemoveVolume { volume: volume.clone() },
            Act::Serve(serving) => Self::Serve { routes: serving.words() },
            Act::ApplyObject(application) => {
                Self::ApplyObject { taken: application.taken.iter().map(ToString::to_string).collect() }
            }
            Act::DeleteObject(deletion) => Self::DeleteObject { uid: deletion.uid.clone(), orphan: deletion.orphan },
        }
    }
}
