//! A real forge: the Gitea that `tests/setup/gitea up` started and whose directory stands in `WRIT_GITEA`. And the real
//! `sops` and `age-keygen` that `tests/setup/programs` built and whose folder stands in `WRIT_SOPS`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../fixtures/sops.rs"]
mod fixture;
mod gitea;
#[path = "../fixtures/repository.rs"]
mod repository;
mod sops;
mod statuses;
mod whole_way;
