//! What reads bytes that a stranger chose, given bytes that no person would write.
//!
//! `FUZZ_SECONDS` is the processor time for each target; without it each is given a fixed number of inputs, the same each time.
//! Inputs that once went wrong are kept in `seeds`, a folder for each target, and are tried first.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "how much was tried is told")]

mod commits;
#[path = "../fixtures/corpus/mod.rs"]
mod corpus;
mod driver;
mod guard;
mod keys;
mod lists;
mod manifests;
mod mutation;
#[path = "../fixtures/openpgp.rs"]
mod openpgp;
#[path = "../fixtures/repository.rs"]
mod repository;
mod signatures;
mod sops;
