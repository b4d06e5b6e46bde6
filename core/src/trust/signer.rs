//! Who signed, as the signature itself proves it: the facts by which a tree's files are asked.

use sha1::Sha1;
use sha2::Digest as _;

use super::key_id::KeyId;

/// Who made a good signature, whether anybody authorizes it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// An SSH key.
    Key(SshKey),
}

/// An SSH key by all names that files give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SshKey {
    id: KeyId,
    /// Revocation lists may name a key so. Nothing is ever allowed by it.
    sha1: [u8; 20],
}

impl Signer {
    /// The key's name.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        match self {
            Self::Key(key) => key.id(),
        }
    }
}

impl SshKey {
    /// The names of a public key in SSH's own encoding (what stands in base64 in a `.pub` file).
    #[must_use]
    pub fn of(encoded: &[u8]) -> Self {
        Self { id: KeyId::of_key(encoded), sha1: Sha1::digest(encoded).into() }
    }

    /// The name that is shown and pinned.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// SHA-1 of the encoding, by which old revocation lists name a key.
    #[must_use]
    pub const fn sha1(&self) -> &[u8; 20] {
        &self.sha1
    }
}
