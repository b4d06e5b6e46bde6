//! Holds the namespaces of a pod open until it is asked to end.
//!
//! Invariant: it opens no file, no connection and no program.

use std::process::ExitCode;

use crate::signals::{Ask, Signals};

/// Waits to be asked to end. Where the containers of a pod see each other's programs, it is the first of them all, to which
/// those fall whose parents ended.
pub fn run() -> ExitCode {
    let signals = Signals::held_back();
    loop {
        match signals.next() {
            Ask::End => return ExitCode::SUCCESS,
            Ask::Bury => signals.bury(),
            Ask::Nothing => {}
        }
    }
}
