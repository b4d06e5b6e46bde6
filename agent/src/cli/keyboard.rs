//! The user's terminal, handed over key by key while a program in a pod has it.

use std::io::{self, IsTerminal as _};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::exit::Failure;

/// A terminal in raw mode; given back when dropped.
pub(crate) struct Keyboard {
    before: Termios,
}

impl Keyboard {
    /// Takes the terminal on standard input.
    pub(crate) fn take() -> Result<Self, Failure> {
        let input = io::stdin();
        if !input.is_terminal() {
            return Err(Failure::message("--tty needs a terminal on standard input"));
        }
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&input, OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }

    /// Its width and height in characters.
    pub(crate) fn size(&self) -> (u16, u16) {
        // A terminal that does not know its size is taken for the smallest usual one.
        tcgetwinsize(io::stdin()).map_or((80, 24), |size| (size.ws_col, size.ws_row))
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        // There is nothing to be done about a terminal that went away.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.before).unwrap_or(());
    }
}
