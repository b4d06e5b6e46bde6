//! What is known of a host, put into words and documents: for the commands and for the agent's own server alike.
//!
//! Invariant: nothing is looked at from here; what is shown was found by whoever asks.

pub mod asked;
pub mod audit;
pub mod entry;
pub mod event;
pub mod fleet;
pub mod grounds;
pub mod health;
pub mod history;
pub mod moment;
pub mod status;
mod status_cluster;
pub mod why;
