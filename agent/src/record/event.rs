//! What the journal tells: one variant for each thing that can happen.
//!
//! Invariant: no event holds a [`SecretText`](writ_core::text::SecretText); what a secret was is told by a keyed
//! digest alone. Held by `record::no_planted_secret_stands_in_the_store_outside_of_the_buckets`.

use std::collections::BTreeMap;

use writ_core::hash::SpecHash;
use writ_core::model::{BucketRef, ObjectId};
use writ_core::status::State;
use writ_core::time::Timestamp;

pub use super::report_event::ReportEvent;
use super::{Allowed, Outcome, RecordId, StepRecord};

/// Anything that the journal tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The agent and its store.
    Agent(AgentEvent),
    /// Which commits may change this host.
    Trust(TrustEvent),
    /// What was done to the world, or seen there.
    Work(WorkEvent),
    /// What a person asked for on this host.
    Operator(OperatorEvent),
    /// What was said on a commit.
    Report(ReportEvent),
}

/// Events of the agent and its store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// The store was made; always the first record, and different in every store.
    StoreMade {
        /// A random name, so that no two chains are alike.
        id: String,
        /// The schema version that it was made with.
        schema: u32,
    },
    /// The store was brought to a newer schema.
    StoreMigrated {
        /// The version that it had.
        from: u32,
        /// The version that it has.
        to: u32,
    },
    /// An agent began to run.
    Started {
        /// Its version.
        version: String,
        /// Its process.
        process: u32,
        /// Its machine.
        host: String,
    },
    /// An agent ended by its own will.
    Stopped {
        /// Why.
        reason: String,
    },
    /// The host key was made: from here on it signs checkpoints of this journal.
    HostKeyMade {
        /// The host.
        host: String,
        /// The public key, as `ssh-ed25519 AAAA…`.
        key: String,
    },
    /// A new host key took the place of the old one, which signed that.
    HostKeyRotated {
        /// The host.
        host: String,
        /// The old public key.
        from: String,
        /// The new public key.
        to: String,
        /// The old key's signature over the handover, in armor.
        signature: String,
    },
    /// A new host key took the place of one that was lost, and nothing but this record vouches for it.
    HostKeyReplaced {
        /// The host.
        host: String,
        /// The old public key.
        from: String,
        /// The new public key.
        to: String,
        /// Who did it.
        owner: String,
        /// Why.
        reason: String,
    },
}

/// Events of trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustEvent {
    /// A source was enrolled: from here on its chain is trusted.
    Enrolled {
        /// The source.
        source: String,
        /// The introducing commit.
        commit: String,
        /// The fingerprint of its signer.
        signer: String,
    },
    /// A head was admitted.
    Admitted {
        /// The source.
        source: String,
        /// The commit.
        commit: String,
        /// The fingerprint of its signer.
        signer: String,
        /// The signer's name by the repository's own files.
        principal: Option<String>,
        /// What let it change its paths; nothing where no rules of trust were asked.
        allowed: Vec<Allowed>,
    },
    /// A head was refused.
    Refused {
        /// The source.
        source: String,
        /// The head that was offered.
        commit: String,
        /// The commit that is to blame, where it is another.
        culprit: Option<String>,
        /// The reason code of `interface.md`.
        reason: String,
        /// The reason in words, and what to do.
        detail: String,
    },
    /// It could not be found out whether a head may be admitted.
    Unchecked {
        /// The source.
        source: String,
        /// The head, where one was seen.
        commit: Option<String>,
        /// What failed.
        detail: String,
    },
    /// The floor moved: nothing that does not descend from `to` is admitted.
    FloorSet {
        /// The source.
        source: String,
        /// The floor before.
        from: Option<String>,
        /// The floor now.
        to: String,
    },
    /// A signed statement let the floor go back, once.
    Rewound {
        /// The source.
        source: String,
        /// The floor before.
        from: String,
        /// The floor now.
        to: String,
        /// Digest of the statement, which cannot be used again.
        statement: String,
        /// Who signed it: fingerprints, and the names that the files of the floor gave them.
        signers: Vec<String>,
    },
    /// Another host says that it follows a history apart from this one's.
    SplitView {
        /// The source.
        source: String,
        /// That host.
        host: String,
        /// The commit that it follows.
        head: String,
        /// The commit that this host follows.
        own: String,
        /// The fingerprint of the key that signed it, and who vouches for that.
        detail: String,
    },
}

/// Events of work on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkEvent {
    /// A step is about to be taken. Its identifier ties the outcome to it.
    Intent {
        /// The unit.
        unit: String,
        /// The commit that asks for it; none for local files.
        commit: Option<String>,
        /// The step.
        step: StepRecord,
    },
    /// What came of a step.
    Outcome {
        /// The record of its intent.
        intent: RecordId,
        /// The unit of the intent.
        unit: String,
        /// The commit of the intent.
        commit: Option<String>,
        /// The object of the intent.
        object: ObjectId,
        /// The pod of the intent.
        pod: Option<String>,
        /// What came of it.
        outcome: Outcome,
    },
    /// An object is held as desired, or held differently than before.
    Held {
        /// The unit.
        unit: String,
        /// The commit that asks for it; none for local files.
        commit: Option<String>,
        /// The object.
        object: ObjectId,
        /// The revision that was held before.
        from: Option<SpecHash>,
        /// The revision held now.
        to: SpecHash,
        /// Pods asked for.
        replicas: u32,
        /// What differs between the two revisions, by name (`container/web/image`).
        changed: Vec<String>,
    },
    /// An object is held no longer.
    Released {
        /// The unit.
        unit: String,
        /// The object.
        object: ObjectId,
    },
    /// The guard, or a rule of planning, kept something from being done.
    Refused {
        /// The unit.
        unit: String,
        /// The commit that asks for it; none for local files.
        commit: Option<String>,
        /// The object, where it is about one.
        object: Option<ObjectId>,
        /// The pod, where it is about one.
        pod: Option<String>,
        /// The rule, by name.
        rule: String,
        /// What asked for what.
        detail: String,
    },
    /// Something did not become what it should, though every step went well (a pod that never became ready).
    Failed {
        /// The unit.
        unit: String,
        /// The commit that asks for it; none for local files.
        commit: Option<String>,
        /// The object, where it is about one.
        object: Option<ObjectId>,
        /// The pod, where it is about one.
        pod: Option<String>,
        /// What and why.
        detail: String,
    },
    /// The world was seen to have moved away from what had been applied.
    Drift {
        /// The unit.
        unit: String,
        /// The commit that had been applied; none for local files.
        commit: Option<String>,
        /// The object.
        object: ObjectId,
        /// The pod, where it is about one.
        pod: Option<String>,
        /// What moved, without values.
        detail: String,
    },
    /// An image was pulled.
    ImagePulled {
        /// The unit.
        unit: String,
        /// The commit that asks for it; none for local files.
        commit: Option<String>,
        /// The object.
        object: ObjectId,
        /// The pod.
        pod: String,
        /// The image, as written.
        image: String,
        /// What it turned out to be.
        digest: String,
    },
    /// A volume was copied, before a step that may harm what is on it.
    BackupMade {
        /// The unit.
        unit: String,
        /// The commit that asks for the step; none for what a person asked for.
        commit: Option<String>,
        /// The object whose volume it is.
        object: ObjectId,
        /// The pod, where the step is about one.
        pod: Option<String>,
        /// The volume.
        volume: String,
        /// The file that holds the copy.
        file: String,
        /// SHA-256 of the file, in hex.
        digest: String,
        /// Bytes of the file.
        bytes: u64,
        /// Something that is not this host's ran with the volume meanwhile.
        in_motion: bool,
    },
    /// A resource of OpenMCF is there, and lets others know other things than before.
    Outputs {
        /// The unit.
        unit: String,
        /// The commit that it became as it is by.
        commit: Option<String>,
        /// The object that the resource is about.
        object: ObjectId,
        /// Its kind in OpenMCF.
        resource: String,
        /// The values by their names, none of which is secret.
        values: BTreeMap<String, String>,
    },
    /// A probe failed so often that its container was restarted.
    ProbeRestart {
        /// The unit.
        unit: String,
        /// The object.
        object: ObjectId,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// What the probe said.
        detail: String,
    },
    /// A pass ended in another state than the one before it.
    PassEnded {
        /// The unit.
        unit: String,
        /// The commit; none for local files.
        commit: Option<String>,
        /// The state.
        state: State,
        /// What and how many.
        text: String,
    },
}

impl WorkEvent {
    /// The stored name of the kind that tells outputs.
    pub const OUTPUTS: &'static str = "outputs";
}

/// Events that a person caused on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorEvent {
    /// A unit was suspended.
    Suspended {
        /// The unit.
        unit: String,
        /// Who did it.
        owner: String,
        /// Why.
        reason: String,
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// A unit goes on.
    Resumed {
        /// The unit.
        unit: String,
        /// Who did it; none if the suspension ran out.
        owner: Option<String>,
    },
    /// A rule was set aside by someone who may.
    Overridden {
        /// The unit.
        unit: String,
        /// The object, where it is about one.
        object: Option<ObjectId>,
        /// Who did it.
        owner: String,
        /// Which rule.
        rule: String,
        /// Why.
        reason: String,
    },
    /// Local files are about to be applied, which nobody signed.
    UnsignedApply {
        /// The unit.
        unit: String,
        /// Who did it.
        owner: String,
        /// The path that they were read from.
        path: String,
    },
    /// A volume was copied out.
    VolumeBackedUp {
        /// The unit for which the volume was made.
        unit: String,
        /// The volume.
        volume: String,
        /// Who did it.
        owner: String,
        /// SHA-256 of the archive, in hex.
        digest: String,
        /// Bytes of the archive.
        bytes: u64,
        /// A pod ran with it meanwhile.
        in_motion: bool,
    },
    /// What is on a volume is about to be replaced.
    VolumeRestoring {
        /// The unit for which the volume was made.
        unit: String,
        /// The volume.
        volume: String,
        /// Who did it.
        owner: String,
        /// SHA-256 of the archive, in hex.
        digest: String,
        /// There was data on it, which goes.
        replaces: bool,
    },
    /// A volume holds all of an archive.
    VolumeRestored {
        /// The unit for which the volume was made.
        unit: String,
        /// The volume.
        volume: String,
        /// Who did it.
        owner: String,
        /// SHA-256 of the archive, in hex.
        digest: String,
    },
    /// A volume is about to be destroyed by name.
    VolumeDestroyed {
        /// The unit for which the volume was made.
        unit: String,
        /// The volume.
        volume: String,
        /// Who did it.
        owner: String,
    },
    /// Data is about to be destroyed: volumes, and a config bucket if it has one.
    Pruned {
        /// The unit; none if no unit held it.
        unit: Option<String>,
        /// The object whose data it was.
        object: ObjectId,
        /// Who did it.
        owner: String,
        /// The volumes, by name.
        volumes: Vec<String>,
    },
    /// A key of a config bucket got another value.
    ConfigSet {
        /// The bucket.
        bucket: BucketRef,
        /// The key.
        key: String,
        /// Keyed digest of the value.
        digest: String,
    },
    /// A key of a config bucket was removed.
    ConfigUnset {
        /// The bucket.
        bucket: BucketRef,
        /// The key.
        key: String,
    },
}
