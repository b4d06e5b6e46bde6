//! A real forge: the Gitea that `tests/setup/gitea up` started and whose directory stands in `WRIT_GITEA`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod gitea;
#[path = "../fixtures/repository.rs"]
mod repository;
mod statuses;
mod whole_way;
