//! Reads `.writ/revoked`: which keys and certificates are revoked, as a text or as an OpenSSH KRL.
//!
//! Invariant: what is not understood refuses the file; no entry is skipped.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::key_id::KeyId;
use super::krl;
use super::ranges::Ranges;
use super::signer::{Certificate, Signer, SshKey};
use super::wire::key_kind;
use crate::limits::{REVOKED_BYTES_MAX, REVOKED_RANGES_MAX};

/// Keys and certificates that must not count, whoever lists them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Revocations {
    /// Keys by the name that is shown.
    pub(super) keys: BTreeSet<KeyId>,
    /// SSH keys by SHA-1, as old lists name them.
    pub(super) sha1: BTreeSet<[u8; 20]>,
    /// SHA-1 of keys that stand whole in the list and so are in `keys`, to compare lists.
    also_sha1: BTreeSet<[u8; 20]>,
    /// Certificates by their authority; none stands for every authority.
    pub(super) certificates: BTreeMap<Option<KeyId>, Certificates>,
}

/// The revoked certificates of one authority.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Certificates {
    pub(super) serials: Ranges,
    pub(super) key_ids: BTreeSet<Vec<u8>>,
}

/// Why a list of revocations cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokedError {
    /// The file is longer than any that is needed.
    #[error("the file is longer than {REVOKED_BYTES_MAX} bytes")]
    TooLong,
    /// A line of the text cannot be read.
    #[error(
        "line {0}: it is no `SHA256:…` or `OPENPGP:…` fingerprint, no whole public key (`ssh-ed25519 AAAA…`) and no comment (`#`)"
    )]
    Line(usize),
    /// The binary list does not follow the format.
    #[error("the KRL cannot be read: {0}")]
    Krl(&'static str),
    /// The binary list holds a section that is not understood: its number.
    #[error("the KRL has a section of the unknown kind {0}")]
    Section(u8),
    /// More ranges of serial numbers than are kept.
    #[error("the KRL has more than {REVOKED_RANGES_MAX} separate ranges of serial numbers for one authority")]
    TooManyRanges,
}

impl Revocations {
    /// Reads a list, text or KRL, from any bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, RevokedError> {
        if u64::try_from(bytes.len()).is_ok_and(|length| length > REVOKED_BYTES_MAX) {
            return Err(RevokedError::TooLong);
        }
        if bytes.starts_with(krl::MAGIC) { krl::parse(bytes) } else { Self::parse_text(bytes) }
    }

    /// True if nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { keys, sha1, also_sha1: _, certificates } = self;
        keys.is_empty() && sha1.is_empty() && certificates.is_empty()
    }

    /// True if the key of this name is revoked. An SSH key that a KRL names by SHA-1 alone is found by
    /// [`Revocations::revokes_ssh_key`] only.
    #[must_use]
    pub fn revokes_key(&self, key: &KeyId) -> bool {
        self.keys.contains(key)
    }

    /// True if the SSH key is revoked, by whichever of its names.
    #[must_use]
    pub fn revokes_ssh_key(&self, key: &SshKey) -> bool {
        self.revokes_key(&key.id()) || self.sha1.contains(key.sha1())
    }

    /// True if the certificate of this authority with this number and name is revoked. The number 0 is never revoked by
    /// number: it stands for all certificates whose authority does not count. Source: `is_cert_revoked` of OpenSSH.
    #[must_use]
    pub fn revokes_certificate(&self, authority: &KeyId, serial: u64, key_id: &[u8]) -> bool {
        let lists = [self.certificates.get(&Some(*authority)), self.certificates.get(&None)];
        lists.into_iter().flatten().any(|Certificates { serials, key_ids }| {
            (serial != 0 && serials.contains(serial)) || key_ids.contains(key_id)
        })
    }

    /// What about a signer is revoked, in words; none if nothing is.
    #[must_use]
    pub fn revokes(&self, signer: &Signer) -> Option<String> {
        let of_key =
            |key: &SshKey, what: &str| self.revokes_ssh_key(key).then(|| format!("{what} {} is revoked", key.id()));
        match signer {
            Signer::Key(key) => of_key(key, "the key"),
            Signer::Certificate(certificate) => {
                let Certificate { key, authority, serial, key_id, .. } = &**certificate;
                let by_number = || {
                    let name = String::from_utf8_lossy(key_id);
                    self.revokes_certificate(&authority.id(), *serial, key_id).then(|| {
                        format!("the certificate {serial} ({:?}) of {} is revoked", shown(&name), authority.id())
                    })
                };
                of_key(key, "the key").or_else(|| of_key(authority, "the certificate authority")).or_else(by_number)
            }
            Signer::OpenPgp(signer) => {
                let keys = [KeyId::OpenPgp(signer.primary), KeyId::OpenPgp(signer.key)];
                keys.iter().find(|key| self.revokes_key(key)).map(|key| format!("the key {key} is revoked"))
            }
        }
    }

    /// True if everything that `other` revokes is revoked here, too. An SSH key named by SHA-256 there and by SHA-1 here
    /// counts as missing: nothing tells that both are one.
    #[must_use]
    pub fn is_superset_of(&self, other: &Self) -> bool {
        let Self { keys, sha1, also_sha1: _, certificates } = other;
        let empty = Certificates::default();
        let everywhere = self.certificates.get(&None).unwrap_or(&empty);
        self.keys.is_superset(keys)
            && sha1.iter().all(|digest| self.sha1.contains(digest) || self.also_sha1.contains(digest))
            && certificates.iter().all(|(authority, theirs)| {
                let ours = self.certificates.get(authority).unwrap_or(&empty);
                let Certificates { serials, key_ids } = theirs;
                ours.serials.with(&everywhere.serials).contains_all(serials)
                    && key_ids.iter().all(|id| ours.key_ids.contains(id) || everywhere.key_ids.contains(id))
            })
    }

    /// Adds a whole SSH key.
    pub(super) fn add_key(&mut self, encoded: &[u8]) {
        let key = SshKey::of(encoded);
        self.keys.insert(key.id());
        self.also_sha1.insert(*key.sha1());
    }

    fn parse_text(bytes: &[u8]) -> Result<Self, RevokedError> {
        let mut revocations = Self::default();
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let fault = RevokedError::Line(number + 1);
            let line = std::str::from_utf8(line).map_err(|_| fault.clone())?;
            if line.chars().any(|character| character.is_control() && character != '\t') {
                return Err(fault);
            }
            revocations.add_line(line).ok_or(fault)?;
        }
        Ok(revocations)
    }

    fn add_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let Some(first) = words.next().filter(|word| !word.starts_with('#')) else { return Some(()) };
        if let Ok(key) = first.parse::<KeyId>() {
            // After a fingerprint, a comment alone.
            words.next().is_none_or(|word| word.starts_with('#')).then_some(())?;
            self.keys.insert(key);
            return Some(());
        }
        let encoded = STANDARD.decode(words.next()?).ok()?;
        (key_kind(&encoded)? == first.as_bytes()).then_some(())?;
        // A certificate is no key: what it would revoke is not what its line seems to say.
        (!first.contains("-cert-")).then(|| self.add_key(&encoded))
    }
}

/// A name for a message, at a length that a message bears.
fn shown(name: &str) -> String {
    name.chars().take(60).collect()
}

#[cfg(test)]
#[path = "revoked_tests.rs"]
mod tests;
