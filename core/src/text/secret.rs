//! Text that must not be shown.

use std::fmt;

/// A value that no log, error, plan, status or page may show.
///
/// Invariant: neither `Debug` nor anything else prints it; [`SecretText::expose`] is the one way to the value, so
/// that every use can be found by name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SecretText(Vec<u8>);

/// What stands for a value that is encrypted in its file and that nobody opened.
pub const UNOPENED: &str = "(encrypted)";

impl SecretText {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the engine, a keyed hash or an encrypted store alone.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The value as text, where it is UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_neither_the_value_nor_its_length() {
        assert_eq!(format!("{:?}", SecretText::new("hunter2")), "(secret)");
    }
}
