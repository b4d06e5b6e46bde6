//! What a pull or merge request would come to on a host: which requests are planned, what is known of what they ask for, and what
//! is said of it.
//!
//! Invariant: nothing here holds a decrypted value, and nothing of it can be applied.

mod block;
mod known;
mod request;
mod words;

pub use known::recognized;
pub use request::{Limits, Request, chosen, moment};
pub use words::{About, Outlook, Said, marker, said};
