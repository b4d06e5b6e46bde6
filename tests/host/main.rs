//! The real program and real git against a simulated host.

#[path = "../fixtures/repository.rs"]
mod repository;
mod trust;
