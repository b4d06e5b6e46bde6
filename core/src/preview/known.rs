//! What a host knows already of what a request asks for.
//!
//! Whoever reads the files of a request opens nothing that is encrypted and fetches nothing, so that digests of what a container is
//! given come out otherwise than those that the host holds. The files of the commit that the host follows are read in the same way:
//! what is alike in both is what the host has, and is given the digest that it has there.

use crate::hash::spec_hash;
use crate::model::{Desired, Workload};

/// What a request asks for, with the host's own digests wherever it asks for what `before` asks for. `before` and `known` are of one
/// commit: the former read as the request is, the latter as a pass reads it.
#[must_use]
pub fn recognized(mut asked: Desired, before: &Desired, known: &Desired) -> Desired {
    for (id, workload) in &mut asked.workloads {
        if let (Some(before), Some(known)) = (before.workloads.get(id), known.workloads.get(id)) {
            recognize(workload, before, known);
        }
    }
    for (id, entrance) in &mut asked.entrances {
        if before.entrances.get(id) == Some(entrance)
            && let Some(known) = known.entrances.get(id)
        {
            *entrance = known.clone();
        }
    }
    asked
}

fn recognize(asked: &mut Workload, before: &Workload, known: &Workload) {
    for (part, digest) in &mut asked.parts {
        if before.parts.get(part) == Some(digest)
            && let Some(known) = known.parts.get(part)
        {
            digest.clone_from(known);
        }
    }
    asked.revision = spec_hash(&asked.parts);
}
