//! What can go wrong between Writ and what runs pods.

use std::path::PathBuf;

use super::Keeper;

/// Why a target did not do, or did not tell, what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Nobody answered. What was asked for may or may not have happened, and nothing is known to be gone.
    #[error("cannot {operation}: the engine at {endpoint} cannot be reached: {reason}")]
    Unreachable {
        /// What was asked.
        operation: String,
        /// Where.
        endpoint: String,
        /// In the words of the connection.
        reason: String,
    },
    /// The same of a cluster.
    #[error("cannot {operation}: the cluster at {endpoint} cannot be reached: {reason}")]
    ClusterUnreachable {
        /// What was asked.
        operation: String,
        /// Where.
        endpoint: String,
        /// In the words of the connection.
        reason: String,
    },
    /// The engine is too old, or is not one that Writ can use.
    #[error("cannot use the engine at {endpoint}: {reason}")]
    Unsupported {
        /// Where.
        endpoint: String,
        /// What is missing.
        reason: String,
    },
    /// The engine refused.
    #[error("cannot {operation}: {reason}")]
    Refused {
        /// What was asked, with its object.
        operation: String,
        /// The engine's own words, without values of the environment.
        reason: String,
    },
    /// A name is held by somebody else, who is left alone.
    #[error("cannot {operation}: the name {name} is held by {holder}; rename or remove that, or rename the workload")]
    Held {
        /// What was asked.
        operation: String,
        /// The name.
        name: String,
        /// Who holds it.
        holder: String,
    },
    /// Another state directory looks after the unit, which is left alone.
    #[error(
        "unit {unit} of host {host} is looked after from another state directory: store {store}, machine {machine}; end \
         that agent, or give this host another name; if that state is lost, run `writ enrol --take-over`",
        store = keeper.store,
        machine = keeper.machine
    )]
    Kept {
        /// The unit.
        unit: String,
        /// This host's name, and the other's.
        host: String,
        /// Who.
        keeper: Keeper,
    },
    /// Another agent of this name acts, and this one stands by for it.
    #[error("this agent stands by in the cluster of unit {unit}: {other} acts there")]
    StandsBy {
        /// The unit.
        unit: String,
        /// What the other calls itself.
        other: String,
    },
    /// What was to be touched does not bear this host's label any more, so it was left alone.
    #[error("did not {operation}: {object} does not carry the labels of host {host}")]
    NotOurs {
        /// What was asked.
        operation: String,
        /// What it was about.
        object: String,
        /// This host.
        host: String,
    },
    /// Something asked for cannot be done here, or did not come out as asked.
    #[error("cannot {operation}: {reason}")]
    Failed {
        /// What was asked, with its object.
        operation: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// A file of the state directory or of a volume.
    #[error("cannot {operation} {path}")]
    File {
        /// What was asked.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
}

impl TargetError {
    /// True if what was asked for may have happened all the same, so that only a new look can tell.
    #[must_use]
    pub const fn outcome_unknown(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::ClusterUnreachable { .. } => true,
            Self::Unsupported { .. }
            | Self::Refused { .. }
            | Self::Held { .. }
            | Self::Kept { .. }
            | Self::StandsBy { .. }
            | Self::NotOurs { .. }
            | Self::Failed { .. }
            | Self::File { .. } => false,
        }
    }
}
