//! Files that hold a token: one word, read each time that it is needed, so that it can be renewed.

use std::fs::File;
use std::io::{Error, Read as _};
use std::path::Path;

use hmac::digest::CtOutput;
use sha2::{Digest as _, Sha256};
use writ_core::text::SecretText;

use crate::limits::TOKEN_BYTES_MAX;

/// The token in a file, without the blanks around it.
///
/// # Errors
/// If the file cannot be read, or does not hold one word of printable characters.
pub fn read(file: &Path) -> std::io::Result<SecretText> {
    let mut text = String::new();
    File::open(file)?.take(TOKEN_BYTES_MAX).read_to_string(&mut text)?;
    let token = text.trim();
    if token.is_empty() || token.chars().any(|character| !character.is_ascii_graphic()) {
        return Err(Error::other("it holds no token of one word"));
    }
    Ok(SecretText::new(token))
}

/// True if two of them are the same. How long it takes to find out tells nothing about either.
#[must_use]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    let [one, other] = [one, other].map(|token| CtOutput::<Sha256>::new(Sha256::digest(token)));
    one == other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_same_only_if_it_is_the_same_to_its_last_byte() {
        assert!(is_same(b"0123456789", b"0123456789") && is_same(b"", b""));
        for other in ["0123456788", "1123456789", "012345678", "01234567890", "0123456789\n", ""] {
            assert!(!is_same(b"0123456789", other.as_bytes()), "{other:?}");
        }
    }
}
