//! `writ`: the agent and its commands, and the confined process that reads files for them.

mod cli;

use std::ffi::OsString;
use std::process::ExitCode;

use writ::clock::Clock;
use writ::confine;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    if confine::called(words.first()) {
        return confine::run(words.get(1..).unwrap_or_default());
    }
    cli::run(words.into_iter(), Clock)
}
