//! Fetches one branch into a bare mirror, hands over evidence, and reads files of an admitted commit.
//!
//! Invariant: no work tree, hook, filter, submodule, tag, replacement or graft has a say; objects are read by name from the
//! database, and each is hashed again before it is used.
//! Invariant: what somebody proposes lies in a repository of its own, and nothing that is read from there is ever admitted.
//! Invariant: no answer of a remote and no state of the mirror means that something was removed.

mod advice;
mod bounds;
mod clone;
mod differences;
mod error;
mod evidence;
mod exchange;
mod folders;
mod hosts;
mod http;
mod judgement;
mod known;
mod lineage;
mod meter;
mod mirror;
mod objects;
mod process;
mod proposals;
mod push;
mod remote;
mod renewal;
mod single;
mod statements;
mod summary;
mod tree;

pub use bounds::{Allowance, Bounds, Growth};
pub use clone::{approval_ref, host_ref, rewind_ref};
pub use error::{GitError, Operation};
pub use mirror::{Mirror, Renewed};
pub use objects::Repository;
pub use proposals::{Proposals, Proposed};
pub use remote::{Credentials, Remote};
pub use statements::SignedPublished;
pub use summary::Summary;
