//! The real program against a real cluster, which `WRIT_CLUSTER` leads to: the directory with its `kubeconfig` and `kubectl`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
#[path = "../fixtures/again.rs"]
mod again;
#[path = "../fixtures/apiserver.rs"]
mod apiserver;
mod between;
mod confine;
#[path = "../fixtures/git_server.rs"]
mod git_server;
#[path = "../host/golden.rs"]
mod golden;
#[path = "../host/machine.rs"]
#[allow(dead_code, reason = "the tests of hosts use the rest of it")]
mod machine;
#[path = "../fixtures/repository.rs"]
mod repository;

mod deploy;
mod doctor;
mod everywhere;
mod exec;
mod faults;
mod floor;
mod hcl;
mod left;
mod logs;
mod meaning;
mod openmcf;
mod passes;
mod place;
mod rendered;
mod samples;
mod standby;
mod watch;
