//! Says of a raw commit whether its signature is good, and whose key made it.
//!
//! Invariant: the bytes that are checked are those that the one parser returned; nothing is encoded again.
//! Invariant: runs in this process without any tool, so that a missing tool can make no signature bad.

mod blob;
mod certificate;
mod openpgp;

use std::sync::Arc;

use ed25519_dalek::Verifier as _;
use sha2::{Sha256, Sha512};
use ssh_key::PublicKey;
use ssh_key::public::KeyData;
use writ_core::trust::{Armor, Certificate, NAMESPACE, RawCommit, Signature, Signer, SshKey, dearmor_ssh_signature};

use crate::limits::RSA_BITS_MAX;
use blob::{Blob, Inner};
pub use openpgp::{CertificateError, Keyring};
use writ_core::limits::RSA_BITS_MIN;

/// Bit of a security key's flags that says that a person touched it. Source: OpenSSH's PROTOCOL.u2f.
const USER_PRESENT: u8 = 0x01;

/// Bit of the same flags that says that it verified the person, by a PIN or a finger.
const USER_VERIFIED: u8 = 0x04;

/// How the application of a security key begins that is for SSH. Another one is for logins to websites.
const APPLICATION: &str = "ssh:";

/// Checks the signature of a commit, whoever may sign. An OpenPGP signature does not bring its key along; the keyrings are
/// those of the trees that may authorize its signer.
#[must_use]
pub fn check(commit: &RawCommit<'_>, keyrings: &[Arc<Keyring>]) -> Signature {
    match commit.armor() {
        Armor::None => Signature::Missing,
        Armor::OpenPgp(bytes) => {
            openpgp::check(bytes, commit.payload(), keyrings).unwrap_or_else(|otherwise| otherwise)
        }
        Armor::X509 => Signature::Unknown("X.509 signatures are not supported; sign with an SSH key".into()),
        Armor::Ssh(bytes) => check_blob(bytes, commit.payload(), NAMESPACE).unwrap_or_else(|otherwise| otherwise),
    }
}

/// Checks the signature that `ssh-keygen -Y sign` made of a text in a namespace.
#[must_use]
pub fn check_statement(text: &[u8], armored: &[u8], namespace: &str) -> Signature {
    match dearmor_ssh_signature(armored) {
        Ok(bytes) => check_blob(&bytes, [text, b""], namespace).unwrap_or_else(|otherwise| otherwise),
        Err(why) => bad(why),
    }
}

fn check_blob(bytes: &[u8], payload: [&[u8]; 2], namespace: &str) -> Result<Signature, Signature> {
    let blob = Blob::parse(bytes).ok_or_else(|| bad("the signature is not an SSHSIG of version 1"))?;
    if blob.namespace != namespace.as_bytes() {
        let namespace: String = String::from_utf8_lossy(blob.namespace).chars().take(40).collect();
        return Err(Signature::WrongNamespace(namespace.into()));
    }
    let hash = match blob.hash {
        b"sha256" => digest::<Sha256>(payload),
        b"sha512" => digest::<Sha512>(payload),
        _ => return Err(Signature::Weak("the signature uses a hash other than SHA-256 and SHA-512".into())),
    };
    let presented = certificate::open(blob.key)?;
    let key = public_key(&presented.key).ok_or_else(|| bad("the signature's public key cannot be read"))?;
    verify(key.key_data(), &blob.signed(&hash), &blob.inner)?;
    let person_verified = blob.inner.presence.is_some_and(|[flags, ..]| flags & USER_VERIFIED != 0);
    Ok(Signature::Good(match presented.certificate {
        None => Signer::Key(SshKey::of(&presented.key)),
        Some(certificate) => Signer::Certificate(Box::new(Certificate { person_verified, ..certificate })),
    }))
}

/// Reads a public key from the one encoding that it has. A key is known by the hash of its encoding, so that one with two
/// would be two keys: it could be listed anew after it was revoked, and counted twice.
fn public_key(encoded: &[u8]) -> Option<PublicKey> {
    PublicKey::from_bytes(encoded).ok().filter(|key| key.to_bytes().is_ok_and(|again| again == encoded))
}

/// Checks the algorithm's own signature over what SSHSIG or an authority signs.
fn verify(key: &KeyData, signed: &[u8], inner: &Inner<'_>) -> Result<(), Signature> {
    acceptable(key, inner.algorithm)?;
    let verified = match key {
        // Strict: small-order keys and points, which let one signature fit many messages, are refused.
        KeyData::Ed25519(key) => {
            let signature = ed25519_dalek::Signature::from_slice(inner.signature).map_err(|_| mismatch())?;
            let key = ed25519_dalek::VerifyingKey::from_bytes(&key.0).map_err(|_| mismatch())?;
            key.verify_strict(signed, &signature).is_ok()
        }
        KeyData::Dsa(_)
        | KeyData::Ecdsa(_)
        | KeyData::Rsa(_)
        | KeyData::SkEcdsaSha2NistP256(_)
        | KeyData::SkEd25519(_)
        | KeyData::Other(_)
        | _ => {
            let signature = inner.algorithm_signature().ok_or_else(mismatch)?;
            key.verify(signed, &signature).is_ok()
        }
    };
    if !verified {
        return Err(mismatch());
    }
    match inner.presence {
        Some([flags, ..]) if flags & USER_PRESENT == 0 => Err(bad("the security key signed without being touched")),
        Some(_) | None => Ok(()),
    }
}

/// Refuses kinds of keys and algorithms that are too weak or not known.
fn acceptable(key: &KeyData, algorithm: &[u8]) -> Result<(), Signature> {
    let expected: &[&[u8]] = match key {
        KeyData::Ed25519(_) => &[b"ssh-ed25519"],
        KeyData::Ecdsa(key) => match key.curve() {
            ssh_key::EcdsaCurve::NistP256 => &[b"ecdsa-sha2-nistp256"],
            ssh_key::EcdsaCurve::NistP384 => &[b"ecdsa-sha2-nistp384"],
            ssh_key::EcdsaCurve::NistP521 => return Err(unknown("ECDSA keys on P-521 are not supported")),
        },
        KeyData::Rsa(key) => {
            let bits = rsa_bits(key).ok_or_else(|| bad("the signature's public key cannot be read"))?;
            if bits < RSA_BITS_MIN {
                let detail = format!("the RSA key has {bits} bits; at least {RSA_BITS_MIN} are needed");
                return Err(Signature::Weak(detail.into()));
            }
            if bits > RSA_BITS_MAX {
                return Err(Signature::Unknown(
                    format!("RSA keys of more than {RSA_BITS_MAX} bits are not supported").into(),
                ));
            }
            if algorithm == b"ssh-rsa" {
                return Err(Signature::Weak("the signature uses RSA with SHA-1".into()));
            }
            &[b"rsa-sha2-256", b"rsa-sha2-512"]
        }
        KeyData::SkEd25519(key) if key.application().starts_with(APPLICATION) => &[b"sk-ssh-ed25519@openssh.com"],
        KeyData::SkEcdsaSha2NistP256(key) if key.application().starts_with(APPLICATION) => {
            &[b"sk-ecdsa-sha2-nistp256@openssh.com"]
        }
        KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) => {
            return Err(unknown(
                "the security key is for another use than SSH: its application does not begin with `ssh:`",
            ));
        }
        KeyData::Dsa(_) => return Err(Signature::Weak("DSA keys are not strong enough".into())),
        KeyData::Other(_) | _ => return Err(unknown("the signature's kind of key is not supported")),
    };
    if expected.contains(&algorithm) { Ok(()) } else { Err(mismatch()) }
}

fn rsa_bits(key: &ssh_key::public::RsaPublicKey) -> Option<usize> {
    let modulus = key.n.as_positive_bytes()?;
    let first = modulus.first()?;
    Some(modulus.len() * 8 - usize::try_from(first.leading_zeros()).ok()?)
}

fn digest<D: sha2::Digest>(payload: [&[u8]; 2]) -> Vec<u8> {
    payload.iter().fold(D::new(), |digest, piece| digest.chain_update(piece)).finalize().to_vec()
}

fn bad(detail: &str) -> Signature {
    Signature::Bad(detail.into())
}

fn mismatch() -> Signature {
    bad("the signature does not match the commit")
}

fn unknown(detail: &str) -> Signature {
    Signature::Unknown(detail.into())
}
