//! The host key: signing texts about the journal, and checking such signatures.
//!
//! Signatures are SSHSIG (OpenSSH's PROTOCOL.sshsig) in the namespace `audit@writ`, so that `ssh-keygen -Y verify` checks
//! them without this program.
//!
//! Invariant: the private half is shown by nothing; it leaves this module as the contents of its file alone.

use std::fmt;

use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};
use writ_core::time::Timestamp;
use zeroize::Zeroizing;

use super::RecordId;
use super::chain::{Hash, hex};

/// The namespace of signatures about journals.
pub const NAMESPACE: &str = "audit@writ";

/// The public half of a host key. Always Ed25519.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey([u8; 32]);

/// A host key with its private half.
pub(super) struct SecretKey(PrivateKey);

/// What the old key signs when a new one takes its place. Each line is ended by a line feed.
pub(super) struct Handover<'a> {
    pub(super) host: &'a str,
    pub(super) store: &'a str,
    /// The record that tells of it.
    pub(super) record: RecordId,
    /// The hash of the record before.
    pub(super) head: Hash,
    /// The old key.
    pub(super) from: &'a HostKey,
    /// The new key.
    pub(super) to: &'a HostKey,
    pub(super) time: Timestamp,
}

impl HostKey {
    /// Reads `ssh-ed25519 AAAA…`; none if it is spelled otherwise or of another kind.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let key = Self::of(PublicKey::from_openssh(line).ok()?.key_data())?;
        (key.to_string() == line).then_some(key)
    }

    fn of(data: &KeyData) -> Option<Self> {
        data.ed25519().map(|key| Self(key.0))
    }

    fn public(&self) -> PublicKey {
        KeyData::Ed25519(ssh_key::public::Ed25519PublicKey(self.0)).into()
    }

    /// Its fingerprint, as `ssh-keygen -l` prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.public().fingerprint(HashAlg::Sha256).to_string()
    }

    /// A line for a file of allowed signers, by which `ssh-keygen -Y verify` knows the host.
    #[must_use]
    pub fn allowed_signer(&self, host: &str) -> String {
        format!("{host} namespaces=\"{NAMESPACE}\" {self}")
    }
}

/// `ssh-ed25519 AAAA…`
impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.public().to_openssh().as_deref().unwrap_or("a key that cannot be written"))
    }
}

impl SecretKey {
    /// The key that grows from random bytes.
    pub(super) fn from_seed(seed: &Zeroizing<[u8; 32]>, host: &str) -> ssh_key::Result<Self> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        PrivateKey::new(pair, format!("audit of {host}")).map(Self)
    }

    /// Reads a file of OpenSSH; what is wrong with it is said without a byte of it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let key = PrivateKey::from_openssh(text).map_err(|_| "it is no private key of OpenSSH".to_owned())?;
        if key.is_encrypted() {
            return Err("it is encrypted, and nobody could type the passphrase".to_owned());
        }
        if HostKey::of(key.public_key().key_data()).is_none() {
            return Err("it is not an Ed25519 key".to_owned());
        }
        Ok(Self(key))
    }

    /// The contents of its file.
    pub(super) fn to_file(&self) -> ssh_key::Result<Zeroizing<String>> {
        self.0.to_openssh(LineEnding::LF)
    }

    /// The random bytes that it grew from; none for a key of another kind, which no host key is.
    pub(super) fn seed(&self) -> Option<Zeroizing<[u8; 32]>> {
        self.0.key_data().ed25519().map(|pair| Zeroizing::new(pair.private.to_bytes()))
    }

    /// Its public half.
    pub(super) fn public(&self) -> HostKey {
        HostKey::of(self.0.public_key().key_data()).expect("only Ed25519 keys are made and read")
    }

    /// Signs a text; gives the signature in armor.
    pub(super) fn sign(&self, text: &str) -> ssh_key::Result<String> {
        self.0.sign(NAMESPACE, HashAlg::Sha512, text.as_bytes())?.to_pem(LineEnding::LF)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretKey").field(&self.public().fingerprint()).finish()
    }
}

/// Whose signature over a text this is, or why it is none.
pub(super) fn check(text: &str, armor: &str) -> Result<HostKey, String> {
    let signature = SshSig::from_pem(armor).map_err(|_| "its signature cannot be read")?;
    if signature.namespace() != NAMESPACE {
        return Err(format!("its signature is not of the namespace {NAMESPACE}"));
    }
    let key = HostKey::of(signature.public_key()).filter(|_| signature.algorithm() == Algorithm::Ed25519);
    let key = key.ok_or("its signature is not by an Ed25519 key")?;
    let mismatch = "its signature does not match it: one of the two was exchanged";
    let signed = SshSig::signed_data(NAMESPACE, signature.hash_alg(), text.as_bytes()).map_err(|_| mismatch)?;
    let bytes = ed25519_dalek::Signature::from_slice(signature.signature_bytes()).map_err(|_| mismatch)?;
    let public = ed25519_dalek::VerifyingKey::from_bytes(&key.0).map_err(|_| mismatch)?;
    // Strict: keys and points of small order, which let one signature fit many texts, are refused.
    public.verify_strict(&signed, &bytes).map_err(|_| mismatch)?;
    Ok(key)
}

impl fmt::Display for Handover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, store, record, head, from, to, time } = self;
        let head = hex(head);
        write!(
            f,
            "writ host key 1\nhost {host}\nstore {store}\nrecord {record}\nhead {head}\nfrom {from}\nto {to}\ntime {time}\n"
        )
    }
}
