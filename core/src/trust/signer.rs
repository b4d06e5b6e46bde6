//! Who signed, as the signature itself proves it: the facts by which a tree's files are asked.

use sha1::Sha1;
use sha2::Digest as _;

use super::key_id::{KeyId, OpenPgpFingerprint};
use crate::time::Timestamp;

/// Who made a good signature, whether anybody authorizes it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// An SSH key.
    Key(SshKey),
    /// An SSH key with the certificate that the signature brings along.
    Certificate(Box<Certificate>),
    /// An OpenPGP key.
    OpenPgp(Box<OpenPgpSigner>),
}

/// An SSH key by all names that files give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SshKey {
    id: KeyId,
    /// Revocation lists may name a key so. Nothing is ever allowed by it.
    sha1: [u8; 20],
}

/// What an OpenSSH certificate says, proven by its authority's signature. Source: OpenSSH's PROTOCOL.certkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The key that it certifies and that signed.
    pub key: SshKey,
    /// The key that signed the certificate.
    pub authority: SshKey,
    /// What it certifies.
    pub kind: CertificateKind,
    /// Its number, as the authority counts; 0 if the authority does not.
    pub serial: u64,
    /// Its name, as the authority gives it.
    pub key_id: Vec<u8>,
    /// Whom it certifies.
    pub principals: Vec<String>,
    /// The first second of its period, since 1970.
    pub valid_after: u64,
    /// The second after the last of its period, since 1970; the largest number for no end.
    pub valid_before: u64,
    /// The names of its critical options.
    pub critical_options: Vec<String>,
    /// True if a security key made the signature and says that it verified the person, by a PIN or a finger.
    pub person_verified: bool,
}

/// What a certificate certifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateKind {
    /// A person.
    User,
    /// A machine.
    Host,
    /// Nothing that is known: the number.
    Other(u32),
}

/// An OpenPGP key that made a signature, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPgpSigner {
    /// The fingerprint of the primary key, by which the signer is shown.
    pub primary: OpenPgpFingerprint,
    /// The fingerprint of the key that signed: the primary one or a subkey.
    pub key: OpenPgpFingerprint,
    /// SHA-256 over what the fingerprint of that key is over. A list must hold the very key, and the fingerprints of
    /// version 4 are SHA-1.
    pub imprint: [u8; 32],
    /// When the signature says that it was made.
    pub made: Timestamp,
    /// When the signature says that it ends.
    pub until: Option<Timestamp>,
}

impl Signer {
    /// The key's name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        match self {
            Self::Key(key) => key.id(),
            Self::Certificate(certificate) => certificate.key.id(),
            Self::OpenPgp(signer) => KeyId::OpenPgp(signer.primary),
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
