//! OpenPGP certificates as facts, and what they say about a signer at given moments.
//!
//! The agent reads `.writ/keys/*.asc`, checks every signature in it and hands over what was proven; here is decided what it
//! means.

use super::key_id::OpenPgpFingerprint;
use super::reason::Reason;
use super::signer::OpenPgpSigner;
use crate::time::Timestamp;

/// The certificates in `.writ/keys` of one tree, in the order of their files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpenPgpKeys(Vec<OpenPgpCertificate>);

/// One certificate: a primary key, its subkeys and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPgpCertificate {
    /// The name of the file without `.asc`.
    pub principal: String,
    /// The primary key. It vouches for the subkeys, also where it may not sign itself.
    pub primary: OpenPgpKey,
    /// The subkeys.
    pub subkeys: Vec<OpenPgpKey>,
}

/// A primary key or subkey with what its certificate proves about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPgpKey {
    /// Its fingerprint.
    pub fingerprint: OpenPgpFingerprint,
    /// SHA-256 over what the fingerprint is over.
    pub imprint: [u8; 32],
    /// When it was made.
    pub created: Timestamp,
    /// Why it is not strong enough, in words: by its kind and size, or by what binds it.
    pub weak: Option<Box<str>>,
    /// What its newest good self-signature or binding says; without one, why there is none, in words.
    pub binding: Result<OpenPgpBinding, Box<str>>,
    /// Whether it was revoked.
    pub revoked: Option<OpenPgpRevocation>,
}

/// What binds a key into its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenPgpBinding {
    /// True if the flags of the key say that it signs, and a subkey agreed by a signature back.
    pub may_sign: bool,
    /// The end of the key or of the binding itself, whichever comes first.
    pub until: Option<Timestamp>,
}

/// Since when a key is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenPgpRevocation {
    /// It was compromised, or nobody says why: nothing that it ever signed counts.
    Ever,
    /// It was retired or superseded: what it signed before counts.
    Since(Timestamp),
}

/// A key that does not count: the reason and what is wrong.
type Fault = (Reason, String);

impl OpenPgpKeys {
    /// Takes the certificates of a tree.
    #[must_use]
    pub const fn new(certificates: Vec<OpenPgpCertificate>) -> Self {
        Self(certificates)
    }

    /// True if there is no certificate.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The principal under which a signer may sign at all of these moments and at the one that the signature itself names.
    /// If several certificates hold the key, one that lets it sign is enough; if none does, the first one's reason stands.
    /// None if no certificate holds it.
    pub fn standing(&self, signer: &OpenPgpSigner, moments: &[Timestamp]) -> Option<Result<&str, (Reason, String)>> {
        let mut all = self.0.iter().filter_map(|certificate| certificate.standing(signer, moments));
        let first = all.next()?;
        Some(first.or_else(|fault| all.find_map(Result::ok).ok_or(fault)))
    }
}

impl OpenPgpCertificate {
    fn standing(&self, signer: &OpenPgpSigner, moments: &[Timestamp]) -> Option<Result<&str, Fault>> {
        if self.primary.fingerprint != signer.primary {
            return None;
        }
        let is_it = |key: &&OpenPgpKey| key.fingerprint == signer.key && key.imprint == signer.imprint;
        if is_it(&&self.primary) {
            return Some(self.judge(&self.primary, signer, moments));
        }
        self.subkeys.iter().find(is_it).map(|key| self.judge(key, signer, moments))
    }

    fn judge(&self, key: &OpenPgpKey, signer: &OpenPgpSigner, moments: &[Timestamp]) -> Result<&str, Fault> {
        let moments: Vec<Timestamp> = moments.iter().copied().chain([signer.made]).collect();
        if signer.until.is_some_and(|until| moments.iter().any(|moment| *moment >= until)) {
            return Err((Reason::Expired, "the signature itself has ended".to_owned()));
        }
        // A subkey is good only as long as the primary key that vouches for it.
        self.primary.judge(&moments)?;
        let binding = key.judge(&moments)?;
        if !binding.may_sign {
            let detail = format!("the flags of the key {} do not say that it signs", key.fingerprint);
            return Err((Reason::UnknownKey, detail));
        }
        Ok(&self.principal)
    }
}

impl OpenPgpKey {
    fn judge(&self, moments: &[Timestamp]) -> Result<OpenPgpBinding, Fault> {
        let Self { fingerprint, imprint: _, created, weak, binding, revoked } = self;
        let fault = |reason, what: &str| (reason, format!("the key {fingerprint} {what}"));
        let revoked = revoked.is_some_and(|revocation| match revocation {
            OpenPgpRevocation::Ever => true,
            OpenPgpRevocation::Since(since) => moments.iter().any(|moment| *moment >= since),
        });
        if revoked {
            return Err(fault(Reason::Revoked, "is revoked by its own certificate"));
        }
        if let Some(weak) = weak {
            return Err(fault(Reason::WeakKey, weak));
        }
        let binding = binding.as_ref().map_err(|what| fault(Reason::UnknownKey, what))?;
        if moments.iter().any(|moment| moment < created) {
            return Err(fault(Reason::NotYetValid, &format!("was made later, at {created}")));
        }
        match binding.until.filter(|until| moments.iter().any(|moment| moment >= until)) {
            Some(until) => Err(fault(Reason::Expired, &format!("expired at {until}"))),
            None => Ok(*binding),
        }
    }
}

#[cfg(test)]
#[path = "openpgp_tests.rs"]
mod tests;
