//! A Kubernetes API object as a manifest asks for it, and where each part of it was written.

use serde_json::Value;

use super::{ObjectId, Scope};
use crate::text::{Place, Places};

/// One object of the desired state.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What it is called.
    pub id: ObjectId,
    /// The whole object, `apiVersion`, `kind` and `metadata` included, as `kubectl` would accept it.
    pub body: Value,
    /// Where its parts were written.
    pub places: Places,
}

impl Object {
    /// The part at a JSON pointer (RFC 6901).
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.body.pointer(pointer)
    }

    /// Where the part at a JSON pointer, or what surrounds it, was written.
    #[must_use]
    pub fn place(&self, pointer: &str) -> Option<Place> {
        self.places.nearest(pointer).cloned()
    }
}

/// Annotations of a pod template by which a dialect tells a container host what Kubernetes has no field for.
/// They may also be written by hand in Kubernetes YAML; all other names that begin with `writ.` are refused there.
pub mod annotation {
    /// `loopback`: container ports without a host port are published on 127.0.0.1, each at a free port.
    pub const PUBLISH: &str = "writ.publish";
    /// `SCOPE/NAME`: the config buckets of the scope and of the name are laid over the environment.
    pub const BUCKET: &str = "writ.bucket";
}

/// The config buckets that a workload reads: those of its scope, then those of its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketRef {
    /// The scope.
    pub scope: Scope,
    /// The name; none for the bucket that all of the scope read.
    pub name: Option<String>,
}
