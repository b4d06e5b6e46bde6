//! `writ completions SHELL`

use clap_complete::Shell;

use super::exit::{Ended, Exit};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, mut words: clap::Command) -> Ended {
    let name = words.get_name().to_owned();
    clap_complete::generate(arguments.shell, &mut words, name, &mut std::io::stdout().lock());
    Ok(Exit::Success)
}
