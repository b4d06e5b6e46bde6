//! `writ`: the agent and its commands, and the confined process that reads files for them.

mod cli;

use std::ffi::OsString;
use std::process::ExitCode;

use writ::clock::Clock;
use writ::confine;

/// Reading a thousand manifests is to a third asking for memory and giving it back: see `decisions/0021`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if confine::called(words.first()) {
        return confine::run(words.get(1..).unwrap_or_default());
    }
    cli::run(words.into_iter(), Clock)
}
