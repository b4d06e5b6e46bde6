//! Names of commits and trees, kept as the bytes that they are.

use std::fmt;
use std::str::FromStr;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The name of an object in a repository that uses SHA-256.
    #[error(
        "64 hexadecimal digits name an object of a SHA-256 repository, which is not supported; use a SHA-1 repository"
    )]
    Sha256Repository,
    /// Not a full name in lower case.
    #[error("an object's name is 40 hexadecimal digits in lower case; write it in full, as `git rev-parse` prints it")]
    NotAnObject,
    /// Not a fingerprint.
    #[error(
        "a key's fingerprint is `SHA256:` and 43 characters, as `ssh-keygen -l -f KEY.pub` prints it, or `OPENPGP:` and \
         all 40 or 64 hexadecimal digits in upper case, as `gpg --fingerprint` prints them"
    )]
    NotAFingerprint,
}

macro_rules! object_name {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 20]);

        impl $name {
            /// Takes the bytes of a name.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 20]) -> Self {
                Self(bytes)
            }

            /// The bytes of the name.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 20] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                from_hex(text.as_bytes()).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

object_name!(
    /// The name of a commit.
    CommitId
);
object_name!(
    /// The name of a tree.
    TreeId
);

/// Reads the 40 hexadecimal digits of a name, lower case alone, so that each name has one spelling.
pub(super) fn from_hex(text: &[u8]) -> Result<[u8; 20], IdError> {
    let hex = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match (hex, text.len()) {
        (true, 40) => Ok(std::array::from_fn(|at| (digit(text[at * 2]) << 4) | digit(text[at * 2 + 1]))),
        (true, 64) => Err(IdError::Sha256Repository),
        (true | false, _) => Err(IdError::NotAnObject),
    }
}

const fn digit(character: u8) -> u8 {
    if character.is_ascii_digit() { character - b'0' } else { character - b'a' + 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_has_one_spelling() {
        let text = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(text.parse::<CommitId>().map(|id| id.to_string()).as_deref(), Ok(text));
        for text in ["", "0123", &text.to_uppercase(), &format!("{text} "), &text.replace('0', "g")] {
            assert_eq!(text.parse::<CommitId>(), Err(IdError::NotAnObject), "{text}");
        }
        assert_eq!("ab".repeat(32).parse::<CommitId>(), Err(IdError::Sha256Repository));
    }
}
