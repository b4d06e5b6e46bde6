//! Names of keys, kept as the bytes that they are.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::id::IdError;

/// The name of a key, whatever made it: what is shown, recorded and pinned.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyId {
    /// SHA-256 of an SSH key, as `ssh-keygen -l` prints it.
    Ssh([u8; 32]),
    /// The whole fingerprint of an OpenPGP primary key, as `gpg --fingerprint` prints it.
    OpenPgp(OpenPgpFingerprint),
}

/// A whole OpenPGP fingerprint. Source: RFC 9580, 5.5.4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OpenPgpFingerprint {
    /// Of a key of version 4: SHA-1, 160 bits.
    V4([u8; 20]),
    /// Of a key of version 6: SHA-256, 256 bits.
    V6([u8; 32]),
}

const SSH_PREFIX: &str = "SHA256:";
const OPENPGP_PREFIX: &str = "OPENPGP:";

impl KeyId {
    /// The fingerprint of a public key in SSH's own encoding (what stands in base64 in a `.pub` file).
    #[must_use]
    pub fn of_key(encoded: &[u8]) -> Self {
        Self::Ssh(Sha256::digest(encoded).into())
    }
}

impl OpenPgpFingerprint {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }
}

impl FromStr for KeyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        match (text.strip_prefix(SSH_PREFIX), text.strip_prefix(OPENPGP_PREFIX)) {
            (Some(digest), _) => {
                let digest = STANDARD_NO_PAD.decode(digest).map_err(|_| IdError::NotAFingerprint)?;
                digest.try_into().map(Self::Ssh).map_err(|_| IdError::NotAFingerprint)
            }
            (None, Some(digits)) => digits.parse().map(Self::OpenPgp),
            (None, None) => Err(IdError::NotAFingerprint),
        }
    }
}

/// Reads 40 or 64 hexadecimal digits in upper case, so that each key has one spelling.
impl FromStr for OpenPgpFingerprint {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'A'..=b'F' => Some(digit - b'A' + 10),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some((value(*high)? << 4) | value(*low)?),
                _ => None,
            })
            .collect();
        let bytes = bytes.ok_or(IdError::NotAFingerprint)?;
        let short = bytes.as_slice().try_into().map(Self::V4);
        short.or_else(|_| bytes.as_slice().try_into().map(Self::V6)).map_err(|_| IdError::NotAFingerprint)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ssh(digest) => write!(f, "{SSH_PREFIX}{}", STANDARD_NO_PAD.encode(digest)),
            Self::OpenPgp(fingerprint) => write!(f, "{OPENPGP_PREFIX}{fingerprint}"),
        }
    }
}

/// The digits alone.
impl fmt::Display for OpenPgpFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes().iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for OpenPgpFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_written_as_ssh_keygen_writes_it() {
        let text = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        assert_eq!(KeyId::of_key(b"").to_string(), text);
        assert_eq!(text.parse(), Ok(KeyId::of_key(b"")));
        for text in ["47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", "SHA256:47DE", "MD5:00:11", &format!("{text}=")] {
            assert_eq!(text.parse::<KeyId>(), Err(IdError::NotAFingerprint), "{text}");
        }
    }

    #[test]
    fn an_openpgp_fingerprint_is_whole_and_in_upper_case() {
        for digits in ["0123456789ABCDEF0123456789ABCDEF01234567", &"AB".repeat(32)] {
            let text = format!("OPENPGP:{digits}");
            assert_eq!(text.parse::<KeyId>().map(|key| key.to_string()), Ok(text));
        }
        for digits in ["", "89ABCDEF01234567", &"ab".repeat(20), &"A".repeat(41), &"AG".repeat(20), &"AB".repeat(21)] {
            assert_eq!(format!("OPENPGP:{digits}").parse::<KeyId>(), Err(IdError::NotAFingerprint), "{digits}");
        }
    }
}
