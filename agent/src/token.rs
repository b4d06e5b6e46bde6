//! Files that hold a token: one word, read each time that it is needed, so that it can be renewed.

use std::fs::File;
use std::io::{Error, Read as _};
use std::path::Path;

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
