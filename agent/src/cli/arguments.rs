//! The words that commands take.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};

use super::terminal::Format;
use super::{
    apply, audit, check, completions, config, delete, enrol, exec, fleet, history, import, key, logs, outputs, plan,
    render, run, secrets, statement, status, suspend, verify, volume, why,
};

/// Deploys what a signed Git commit says, to this host.
#[derive(Debug, Parser)]
#[command(version, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed; commands that plan or make changes say 2 for changes and 3 for a refusal."
)]
pub(crate) struct Cli {
    /// How to print: for people, or for programs
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "text|json|yaml",
        default_value = "text",
        hide_possible_values = true
    )]
    pub(crate) output: Format,
    /// The settings [default: $WRIT_CONFIG, else /etc/writ/agent.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Follow the sources of the settings, until it is stopped
    Run(run::Arguments),
    /// Tell what a pass would do and why, and change nothing
    Plan(plan::Arguments),
    /// Apply local files once, where the host allows what nobody signed
    Apply(apply::Arguments),
    /// Remove an object from this host; its data only if asked
    Delete(delete::Arguments),
    /// Judge manifests: every problem at once, and fields without effect
    Check(check::Arguments),
    /// Print manifests of any dialect as Kubernetes objects
    Render(render::Arguments),
    /// Print what resources of OpenMCF let others know
    Outputs(outputs::Arguments),
    /// Print a file of docker compose as Kubernetes objects, and say what was not carried
    Import(import::Arguments),
    /// Judge the signature of every commit
    Verify(verify::Arguments),
    /// Show units, objects, pods and volumes: desired and running
    Status(status::Arguments),
    /// Show all hosts of a repository, by what each of them publishes there
    Fleet(fleet::Arguments),
    /// Tell what last changed an object, and who signed it
    Why(why::Arguments),
    /// Tell what was done and refused on this host
    History(history::Arguments),
    /// Check the record, write it out, prove what it tells
    Audit(audit::Arguments),
    /// Show, make and change the host key, which signs the record
    Key(key::Arguments),
    /// Show what people encrypt for, so that this host can open it
    Secrets(secrets::Arguments),
    /// Show and change config buckets
    Config(config::Arguments),
    /// Leave a unit alone until it is resumed
    Suspend(suspend::Suspend),
    /// Let a suspended unit go on
    Resume(suspend::Resume),
    /// Print what a pod wrote
    Logs(logs::Arguments),
    /// Run a program in a pod
    Exec(exec::Arguments),
    /// List volumes, copy them out, put them back, destroy them
    Volume(volume::Arguments),
    /// Sign that the tree of a commit may be deployed
    Approve(statement::Approve),
    /// Sign that one host may go back to an earlier commit, once
    Rewind(statement::RewindTo),
    /// Say where trust in a source begins
    Enrol(enrol::Arguments),
    /// Check settings, keys, reachability and permissions, and say what to do
    Doctor,
    /// Print completions for a shell
    Completions(completions::Arguments),
    /// Print the manual page
    Man,
}

/// The name that the program was called by: `vd` if it is that, else `writ`.
pub(crate) fn program(words: &[OsString]) -> &'static str {
    let called = words.first().and_then(|word| Path::new(word).file_name());
    if called.is_some_and(|name| name == "vd") { "vd" } else { "writ" }
}

/// The word that stands where a command should.
pub(crate) fn unknown_command(error: &clap::Error) -> Option<String> {
    if let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? { Some(word.clone()) } else { None }
}

/// What to say of a command that is part of the product and not of this version.
pub(crate) fn later(word: &str) -> Option<String> {
    let (kind, _) = word.split_once(':')?;
    Some(format!("`{word}`: verbs of macros and plugins, such as those of {kind}, are not supported yet"))
}
