//! `writ man`

use super::exit::{Ended, Exit};
use super::host::Host;

pub(crate) fn run(host: &Host, mut words: clap::Command) -> Ended {
    words.build();
    let mut page = Vec::new();
    clap_mangen::Man::new(words.clone()).render(&mut page)?;
    // One page for all commands, so that `writ man | man -l -` shows everything; the global options stand on top.
    for command in words.get_subcommands() {
        let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_uppercase();
        page.extend(format!(".SH \"{name}\"\n").into_bytes());
        let shown = command.clone().mut_args(|argument| {
            let known = argument.is_global_set() || argument.get_id() == "help";
            argument.hide(known)
        });
        let man = clap_mangen::Man::new(shown);
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    host.terminal.print_bytes(&page)?;
    Ok(Exit::Success)
}
