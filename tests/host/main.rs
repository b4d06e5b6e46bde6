//! The real program and real git against a simulated host.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod git;
mod golden;
#[path = "../fixtures/repository.rs"]
mod repository;
mod settings;
mod trust;
