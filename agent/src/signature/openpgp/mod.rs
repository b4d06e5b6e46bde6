//! Checks OpenPGP signatures of commits against the certificates in the trees of their parents.
//!
//! Invariant: a signature is good by a key whose whole packet is known; no short name of a key decides anything.

mod certificate;
mod packets;
mod strength;

use std::io::Read as _;
use std::sync::Arc;

use pgp::packet::{PublicKey, PublicSubkey, SignatureType, SignatureVersion};
use pgp::types::{Fingerprint, KeyDetails as _};
use writ_core::time::Timestamp;
use writ_core::trust::{OpenPgpCertificate, OpenPgpFingerprint, OpenPgpSigner, Signature, Signer};

pub use certificate::CertificateError;
use strength::{has_unknown_critical, is_strong};

use super::{bad, mismatch};

/// The keys of all certificates in one tree.
#[derive(Debug, Default)]
pub struct Keyring(Vec<HeldKey>);

/// A key with the primary key that its certificate is named after.
#[derive(Debug)]
struct HeldKey {
    primary: OpenPgpFingerprint,
    fingerprint: OpenPgpFingerprint,
    imprint: [u8; 32],
    /// Why it is not strong enough to look at its signatures.
    weak: Option<Box<str>>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

impl Keyring {
    /// Reads a certificate from its file and returns what it proves, with its keys. A principal is the name of the file.
    pub fn read(principal: &str, file: &[u8]) -> Result<(OpenPgpCertificate, Self), CertificateError> {
        let read = guarded(|| certificate::read(principal, file)).ok_or(CertificateError::Reader)?;
        read.map(|(certificate, keys)| (certificate, Self(keys)))
    }
}

/// Does what reads bytes that anyone can choose with a library that is not ours; none if that panics. A panic must not end the
/// agent, and it proves nothing.
fn guarded<T>(read: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read)).ok()
}

/// Checks a signature over a payload; the keyrings are those of the trees that may authorize its signer.
pub(super) fn check(bytes: &[u8], payload: [&[u8]; 2], keyrings: &[Arc<Keyring>]) -> Result<Signature, Signature> {
    let checked = guarded(|| check_unguarded(bytes, payload, keyrings));
    checked.ok_or_else(|| Signature::Unknown("the reader of OpenPGP signatures fails on it".into()))?
}

fn check_unguarded(bytes: &[u8], payload: [&[u8]; 2], keyrings: &[Arc<Keyring>]) -> Result<Signature, Signature> {
    let unreadable = || bad("the signature is not one OpenPGP signature packet");
    let packets = packets::split(bytes).ok_or_else(unreadable)?;
    let [packet] = packets.as_slice() else { return Err(unreadable()) };
    let signature = Some(packet).filter(|packet| packet.kind() == packets::Kind::Signature);
    let signature = signature.and_then(packets::Packet::signature).ok_or_else(unreadable)?;
    let config = signature.config().ok_or_else(unreadable)?;
    if !matches!(config.version(), SignatureVersion::V4 | SignatureVersion::V6) {
        return Err(Signature::Weak("the signature is of an old version that OpenPGP no longer uses".into()));
    }
    if config.typ() != SignatureType::Binary {
        return Err(bad("the signature is not one over bytes as they are (type 0x00)"));
    }
    if !is_strong(config.hash_alg) {
        let detail = format!("the signature uses {}; SHA-256, SHA-384 or SHA-512 is needed", config.hash_alg);
        return Err(Signature::Weak(detail.into()));
    }
    if has_unknown_critical(config) {
        return Err(Signature::Unknown("the signature makes a condition that is not understood".into()));
    }
    let made = signature.created().ok_or_else(|| bad("the signature does not say when it was made"))?;
    let issuers = (signature.issuer_fingerprint(), signature.issuer_key_id());
    let is_named = |key: &HeldKey| match &issuers {
        (fingerprints, _) if !fingerprints.is_empty() => {
            fingerprints.iter().any(|fingerprint| our_fingerprint(fingerprint) == Some(key.fingerprint))
        }
        (_, ids) => ids.iter().any(|id| **id == key.material.legacy_key_id()),
    };
    let candidates: Vec<&HeldKey> =
        keyrings.iter().flat_map(|keyring| &keyring.0).filter(|key| is_named(key)).collect();
    if candidates.is_empty() {
        let named = match &issuers {
            (fingerprints, _) if !fingerprints.is_empty() => format!("{:X}", fingerprints[0]),
            (_, ids) => {
                ids.first().map_or_else(|| "that it does not name".to_owned(), |id| id.to_string().to_uppercase())
            }
        };
        let detail = format!("no parent's .writ/keys holds the OpenPGP key {named} that signed it");
        return Err(Signature::Unknown(detail.into()));
    }
    let is_its = |key: &&&HeldKey| key.weak.is_none() && key.material.verify(&signature, payload);
    let found = candidates.iter().find(is_its).ok_or_else(|| {
        let weak = candidates.iter().find_map(|key| Some((key, key.weak.as_deref()?)));
        weak.map_or_else(mismatch, |(key, weak)| Signature::Weak(format!("the key {} {weak}", key.fingerprint).into()))
    })?;
    let made_seconds = i64::from(made.as_secs());
    let until = signature.signature_expiration_time().filter(|span| span.as_secs() > 0);
    Ok(Signature::Good(Signer::OpenPgp(Box::new(OpenPgpSigner {
        primary: found.primary,
        key: found.fingerprint,
        imprint: found.imprint,
        made: Timestamp::from_seconds(made_seconds),
        until: until.map(|span| Timestamp::from_seconds(made_seconds + i64::from(span.as_secs()))),
    }))))
}

impl Material {
    fn legacy_key_id(&self) -> pgp::types::KeyId {
        match self {
            Self::Primary(key) => key.legacy_key_id(),
            Self::Subkey(key) => key.legacy_key_id(),
        }
    }

    fn verify(&self, signature: &pgp::packet::Signature, payload: [&[u8]; 2]) -> bool {
        let payload = payload[0].chain(payload[1]);
        match self {
            Self::Primary(key) => signature.verify(key, payload).is_ok(),
            Self::Subkey(key) => signature.verify(key, payload).is_ok(),
        }
    }
}

/// Our name of a fingerprint; none for versions whose keys are not taken.
fn our_fingerprint(fingerprint: &Fingerprint) -> Option<OpenPgpFingerprint> {
    match fingerprint {
        Fingerprint::V4(bytes) => Some(OpenPgpFingerprint::V4(*bytes)),
        Fingerprint::V6(bytes) => Some(OpenPgpFingerprint::V6(*bytes)),
        Fingerprint::V2(_) | Fingerprint::V3(_) | Fingerprint::V5(_) | Fingerprint::Unknown(_) => None,
    }
}
