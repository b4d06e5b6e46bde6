//! `writ`: the agent and its commands.

mod cli;

use std::process::ExitCode;

use writ::clock::Clock;

fn main() -> ExitCode {
    cli::run(std::env::args_os(), Clock)
}
