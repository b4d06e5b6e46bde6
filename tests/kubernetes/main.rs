//! A real Kubernetes cluster, as `tests/setup/cluster` starts it; its directory stands in `WRIT_CLUSTER`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../fixtures/again.rs"]
mod again;
#[path = "../fixtures/apiserver.rs"]
mod apiserver;
mod misbehaves;
mod rig;
mod world;
