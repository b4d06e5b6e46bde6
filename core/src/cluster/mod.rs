//! Objects of a cluster: what is wanted of them, in which order, what a look shows of them, and how they are.
//!
//! Invariant: nothing is known here of the fields of a kind but what tells how ready an object of it is, and, of pods that were
//! written for a container host, how a cluster says the same.

mod difference;
mod entrusted;
mod fields;
mod host_words;
mod left;
mod outside;
mod pointer;
mod readiness;
mod seen;
mod wanted;
mod wave;

pub use difference::{Change, Field, differences, fingerprint};
pub use entrusted::{ACCOUNT, entrust, whom};
pub use fields::FieldPath;
pub(crate) use host_words::names_pod_of;
pub use left::{IgnoreRule, Left, LeftTo, autoscalers, is_autoscaler, leave, scaled};
pub use outside::{Answers, answer, fill, telling};
pub use pointer::{FieldPointer, NoPointer};
pub use readiness::{Condition, condition};
pub use seen::{Conflict, ObservedCluster, ObservedObject, Present, Scaled, Trial};
pub use wanted::{ClusterObject, LABEL_HOST, LABEL_UNIT, Owner, SPEC, resolve};
pub use wave::{Wave, holds_data, holds_up};
