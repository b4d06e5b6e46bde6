//! A real Docker engine, as `tests/setup/engine` starts it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test program has no callers")]

#[path = "../fixtures/again.rs"]
mod again;
mod ailing;
#[allow(dead_code, reason = "each test target uses a part")]
#[path = "../fixtures/ask.rs"]
mod ask;
mod backups;
mod commands;
mod companion;
mod consumers;
mod contained;
mod containers;
mod disruption;
mod downward;
mod drift;
mod engine;
mod everywhere;
mod faults;
mod fields;
#[path = "../fixtures/sops.rs"]
mod fixture;
mod foreign;
#[path = "../fixtures/forge.rs"]
mod forge;
#[path = "../fixtures/free_port.rs"]
mod free_port;
mod front;
#[path = "../fixtures/git_server.rs"]
mod git_server;
mod guard;
mod health;
mod hooks;
mod idle;
mod ingress;
mod jobs;
mod keeper;
mod kubernetes;
mod load;
mod macros;
mod names;
mod objects;
mod openmcf;
mod order;
mod pass;
mod pods;
mod preflight;
#[path = "../fixtures/program.rs"]
mod program;
mod proxy;
mod pull_secrets;
mod refusals;
mod registry;
mod relay;
#[path = "../fixtures/repository.rs"]
mod repository;
mod rest;
mod rollouts;
mod running;
mod samples;
mod served;
#[path = "../fixtures/server.rs"]
mod server;
mod services;
mod sidecars;
mod site;
mod sops;
mod stack;
mod timeline;
mod told;
mod volumes;
mod voodu;
mod world;
mod yaml;
