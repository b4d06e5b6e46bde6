//! Reads an SSHSIG, the bytes inside the armor. Source: OpenSSH's PROTOCOL.sshsig.
//!
//! Invariant: every byte is accounted for; version and reserved field are what version 1 prescribes.

use ssh_key::{Algorithm, Signature};
use writ_core::trust::WireReader;

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// Bytes after the signature of a security key: flags and counter.
const PRESENCE_BYTES: usize = 5;

/// An SSHSIG in its parts.
pub(super) struct Blob<'a> {
    /// The public key in SSH's own encoding, or a certificate of one.
    pub(super) key: &'a [u8],
    pub(super) namespace: &'a [u8],
    pub(super) hash: &'a [u8],
    pub(super) inner: Inner<'a>,
}

/// A signature as SSH encodes it, whatever it is over.
pub(super) struct Inner<'a> {
    /// The name of the signature's algorithm.
    pub(super) algorithm: &'a [u8],
    /// The signature as the algorithm writes it.
    pub(super) signature: &'a [u8],
    /// Flags and counter, for security keys.
    pub(super) presence: Option<[u8; PRESENCE_BYTES]>,
}

impl<'a> Blob<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = WireReader::new(bytes.strip_prefix(MAGIC)?);
        if reader.number()? != VERSION {
            return None;
        }
        let key = reader.text()?;
        let namespace = reader.text()?;
        let reserved = reader.text()?;
        let hash = reader.text()?;
        let inner = reader.text()?;
        if !reader.is_at_end() || !reserved.is_empty() || namespace.is_empty() {
            return None;
        }
        Some(Self { key, namespace, hash, inner: Inner::parse(inner)? })
    }

    /// What the algorithm signed, given the hash of the payload.
    pub(super) fn signed(&self, hash: &[u8]) -> Vec<u8> {
        let mut signed = Vec::with_capacity(128);
        signed.extend_from_slice(MAGIC);
        for part in [self.namespace, b"", self.hash, hash] {
            let length = u32::try_from(part.len()).expect("a part of a short message is short");
            signed.extend_from_slice(&length.to_be_bytes());
            signed.extend_from_slice(part);
        }
        signed
    }
}

impl<'a> Inner<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = WireReader::new(bytes);
        let algorithm = reader.text()?;
        let signature = reader.text()?;
        let presence = match (algorithm.starts_with(b"sk-"), reader.rest()) {
            (false, []) => None,
            (true, rest) => Some(rest.try_into().ok()?),
            (false, _) => return None,
        };
        Some(Self { algorithm, signature, presence })
    }

    /// The signature as the library wants it.
    pub(super) fn algorithm_signature(&self) -> Option<Signature> {
        let algorithm = Algorithm::new(std::str::from_utf8(self.algorithm).ok()?).ok()?;
        let mut bytes = self.signature.to_vec();
        bytes.extend(self.presence.into_iter().flatten());
        Signature::new(algorithm, bytes).ok()
    }
}
