//! One identity for content: the hash that decides a change, shows drift and explains it.

mod spec;

pub use spec::{HashKey, SpecHash};
