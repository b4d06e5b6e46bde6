//! Says on commits what became of them, as statuses at Gitea, Forgejo, GitHub, GitLab and Bitbucket, tells people what is wrong, by
//! webhooks and mail, and comments on requests: out of the durable outbox. Reads which requests are open, and sends traces.
//!
//! Invariant: a token goes to the host that the settings name and to no other; redirects are not followed.
//! Invariant: nothing here delays a pass: what is not taken now waits in the outbox.

mod answer;
mod app;
mod flush;
mod forge;
mod hook;
mod mail;
mod news;
mod pace;
mod receiver;
mod remark;
mod request;
mod requests;
mod speaks;
mod traces;

pub use app::{KeyError, check_key};
pub use flush::{Flushed, flush};
pub use forge::{Forge, ForgeError};
pub use hook::Hook;
pub use mail::Mailer;
pub use pace::Pace;
pub use receiver::Receiver;
pub use requests::{Listed, Unlisted};
pub use speaks::Speaks;
pub use traces::Traces;
