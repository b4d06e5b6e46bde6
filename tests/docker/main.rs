//! A real Docker engine, as `tests/setup/engine` starts it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test program has no callers")]

mod containers;
mod drift;
mod engine;
mod foreign;
mod health;
mod kubernetes;
mod names;
mod pass;
mod pods;
mod voodu;
mod world;
