//! What people write, lowered to Kubernetes API objects.
//!
//! Invariant: a dialect knows no other dialect and no target.

pub mod kubernetes;
pub mod openmcf;
pub mod voodu;

use std::collections::BTreeMap;

use crate::model::Object;
use crate::text::{Problems, Sources};

/// The files of a unit: path from the unit's directory, with `/`, to bytes. Order of writing is immaterial.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All objects that a set of files asks for.
#[derive(Debug, Default)]
pub struct Lowered {
    /// The objects, in order of their identities.
    pub objects: Vec<Object>,
    /// Warnings, and fields that are understood and have no effect.
    pub notes: Problems,
}

/// Endings of files that hold manifests. Other files are read only where a manifest names them.
pub const MANIFEST_ENDINGS: [&str; 6] = [".hcl", ".voodu", ".vdu", ".vd", ".yaml", ".yml"];

/// True for a path that is read as a manifest.
#[must_use]
pub fn is_manifest(path: &str) -> bool {
    MANIFEST_ENDINGS.iter().any(|ending| path.ends_with(ending))
}
