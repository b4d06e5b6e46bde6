//! A real Docker engine, as `tests/setup/engine` starts it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "a test program has no callers")]

mod foreign;
mod pods;
mod world;
