//! The commands: words in, one call to what does the work, words out.
//!
//! Invariant: nothing is decided here that is about the host; nothing else prints.

mod apply;
mod arguments;
mod audit;
mod check;
mod completions;
mod config;
mod delete;
mod doctor;
mod enrol;
mod every_host;
mod exec;
mod exit;
mod files;
mod fleet;
mod grounds;
mod history;
mod history_pages;
mod host;
mod import;
mod key;
mod keyboard;
mod logs;
mod man;
mod moment;
mod object;
mod outputs;
mod plan;
mod pods;
mod pods_cluster;
mod progress;
mod prove;
mod render;
mod run;
mod secrets;
mod spine;
mod statement;
mod status;
mod suspend;
mod terminal;
mod variables;
mod verify;
mod volume;
mod why;
mod yaml;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};
use writ::clock::Clock;
use writ::error::chain;

use arguments::{Cli, Command};
use exit::{Ended, Exit, Failure};
use host::Host;
use terminal::{Format, Terminal};

/// Runs the command that the words ask for.
pub(crate) fn run(words: impl Iterator<Item = OsString>, clock: Clock) -> ExitCode {
    let words: Vec<OsString> = words.collect();
    let name = arguments::program(&words);
    let command = Cli::command().name(name).bin_name(name);
    let parsed = command.clone().try_get_matches_from(&words).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error).into(),
    };
    let terminal = Terminal::of_this_process(cli.output);
    let host = Host::new(cli.config.as_deref(), clock, terminal);
    match perform(cli.command, &host, command) {
        Ok(exit) => exit.into(),
        Err(Failure::Said(exit)) => exit.into(),
        Err(Failure::Message(message)) => fail(&terminal, &message),
        Err(Failure::Error(error)) => fail(&terminal, &chain(error.as_ref())),
    }
}

fn fail(terminal: &Terminal, message: &str) -> ExitCode {
    terminal.complain(message);
    Exit::Failure.into()
}

/// Says what is wrong with the words, or prints the help that they ask for.
fn not_understood(error: &clap::Error) -> Exit {
    if let Some(word) = arguments::unknown_command(error)
        && let Some(message) = arguments::later(&word)
    {
        Terminal::of_this_process(Format::Text).complain(&message);
        return Exit::Failure;
    }
    // A closed pipe is the one way in which this fails, and then nobody reads.
    drop(error.print());
    let was_asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if was_asked { Exit::Success } else { Exit::Failure }
}

fn perform(command: Command, host: &Host, words: clap::Command) -> Ended {
    match command {
        Command::Run(arguments) => run::run(host, &arguments),
        Command::Plan(arguments) => plan::run(host, &arguments),
        Command::Apply(arguments) => apply::run(host, &arguments),
        Command::Delete(arguments) => delete::run(host, &arguments),
        Command::Check(arguments) => check::run(host, &arguments),
        Command::Render(arguments) => render::run(host, &arguments),
        Command::Outputs(arguments) => outputs::run(host, &arguments),
        Command::Import(arguments) => import::run(host, &arguments),
        Command::Verify(arguments) => verify::run(host, &arguments),
        Command::Status(arguments) => status::run(host, &arguments),
        Command::Fleet(arguments) => fleet::run(host, &arguments),
        Command::Why(arguments) => why::run(host, &arguments),
        Command::History(arguments) => history::run(host, &arguments),
        Command::Audit(arguments) => audit::run(host, &arguments),
        Command::Key(arguments) => key::run(host, &arguments),
        Command::Secrets(arguments) => secrets::run(host, &arguments),
        Command::Config(arguments) => config::run(host, &arguments),
        Command::Suspend(arguments) => suspend::suspend(host, &arguments),
        Command::Resume(arguments) => suspend::resume(host, &arguments),
        Command::Logs(arguments) => logs::run(host, &arguments),
        Command::Exec(arguments) => exec::run(host, &arguments),
        Command::Volume(arguments) => volume::run(host, &arguments),
        Command::Approve(arguments) => statement::approve(host, &arguments),
        Command::Rewind(arguments) => statement::rewind(host, &arguments),
        Command::Enrol(arguments) => enrol::run(host, &arguments),
        Command::Doctor => doctor::run(host),
        Command::Completions(arguments) => completions::run(&arguments, words),
        Command::Man => man::run(host, words),
    }
}
