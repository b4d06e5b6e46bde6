//! Says on commits what became of them: statuses at Gitea, Forgejo, GitHub and GitLab, out of the durable outbox.
//!
//! Invariant: a token goes to the host that the settings name and to no other; redirects are not followed.
//! Invariant: nothing here delays a pass: what a forge does not take now waits in the outbox.

mod answer;
mod flush;
mod forge;

pub use flush::{Flushed, flush};
pub use forge::{Forge, ForgeError, Speaks};
