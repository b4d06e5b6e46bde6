//! What a manifest asks of a resource that no manifest of its unit declares.

use super::ObjectId;
use crate::text::Place;

/// An output of a resource of OpenMCF that somebody else made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Where it runs, if one name is given in several environments.
    pub environment: Option<String>,
    /// What is asked of it, such as `kube_endpoint`.
    pub output: String,
}

/// A variable of a container whose value such a resource knows. Until somebody asked, [`Unfilled::TEXT`] stands in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfilled {
    /// The object with the container.
    pub object: ObjectId,
    /// The container.
    pub container: String,
    /// The variable.
    pub variable: String,
    /// What is asked.
    pub reference: Reference,
    /// Where that is written.
    pub place: Place,
}

impl Unfilled {
    /// What stands in the place of the value.
    pub const TEXT: &'static str = "(asked of the cluster)";
}
