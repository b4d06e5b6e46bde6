//! Reads an OpenSSH certificate and checks its authority's signature. Source: OpenSSH's PROTOCOL.certkeys.
//!
//! Invariant: every byte is accounted for; what the certificate means is decided elsewhere.

use std::borrow::Cow;

use writ_core::trust::{Certificate, CertificateKind, Signature, SshKey, WireReader};

use super::blob::Inner;
use super::{bad, public_key, verify};

const SUFFIX: &str = "-cert-v01@openssh.com";

const USER: u32 = 1;
const HOST: u32 = 2;

/// The public key of a signature, with what a certificate says about it.
pub(super) struct Presented<'a> {
    /// The key in SSH's own encoding.
    pub(super) key: Cow<'a, [u8]>,
    pub(super) certificate: Option<Certificate>,
}

/// Takes a key as it is, and one out of a certificate once its authority's signature was checked.
pub(super) fn open(encoded: &[u8]) -> Result<Presented<'_>, Signature> {
    let kind = WireReader::new(encoded).text().and_then(|kind| std::str::from_utf8(kind).ok()).unwrap_or_default();
    if !kind.ends_with(SUFFIX) {
        return Ok(Presented { key: Cow::Borrowed(encoded), certificate: None });
    }
    let plain = plain_kind(kind)
        .ok_or_else(|| Signature::Unknown("the certificate is for a kind of key that is not supported".into()))?;
    let parts = Parts::parse(encoded, plain).ok_or_else(|| bad("the signature's certificate cannot be read"))?;
    let unreadable = || bad("the certificate's signature cannot be read");
    let authority = public_key(parts.authority).ok_or_else(unreadable)?;
    let inner = Inner::parse(parts.signature).ok_or_else(unreadable)?;
    verify(authority.key_data(), parts.signed, &inner).map_err(|otherwise| of_certificate(&otherwise))?;
    let key = parts.key.clone();
    let certificate =
        parts.certificate(SshKey::of(&key)).ok_or_else(|| bad("the signature's certificate cannot be read"))?;
    Ok(Presented { key: Cow::Owned(key), certificate: Some(certificate) })
}

/// The kind of key inside a kind of certificate, and the number of fields of its public key.
fn plain_kind(kind: &str) -> Option<(&'static str, usize)> {
    Some(match kind.strip_suffix(SUFFIX)? {
        "ssh-ed25519" => ("ssh-ed25519", 1),
        "ssh-rsa" => ("ssh-rsa", 2),
        "ecdsa-sha2-nistp256" => ("ecdsa-sha2-nistp256", 2),
        "ecdsa-sha2-nistp384" => ("ecdsa-sha2-nistp384", 2),
        "sk-ssh-ed25519" => ("sk-ssh-ed25519@openssh.com", 2),
        "sk-ecdsa-sha2-nistp256" => ("sk-ecdsa-sha2-nistp256@openssh.com", 3),
        _ => return None,
    })
}

/// A certificate in its parts.
struct Parts<'a> {
    /// The plain key in SSH's own encoding.
    key: Vec<u8>,
    serial: u64,
    kind: u32,
    key_id: &'a [u8],
    principals: &'a [u8],
    valid_after: u64,
    valid_before: u64,
    critical_options: &'a [u8],
    authority: &'a [u8],
    /// What the authority signed.
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Parts<'a> {
    fn parse(encoded: &'a [u8], (plain, fields): (&str, usize)) -> Option<Self> {
        let mut reader = WireReader::new(encoded);
        let (_kind, _nonce) = (reader.text()?, reader.text()?);
        let start = reader.rest();
        for _ in 0..fields {
            reader.text()?;
        }
        let public = start.get(..start.len() - reader.rest().len())?;
        let key = [&u32::try_from(plain.len()).ok()?.to_be_bytes()[..], plain.as_bytes(), public].concat();
        let serial = reader.long()?;
        let kind = reader.number()?;
        let key_id = reader.text()?;
        let principals = reader.text()?;
        let (valid_after, valid_before) = (reader.long()?, reader.long()?);
        let critical_options = reader.text()?;
        // Extensions permit what concerns logins; an authority that gives none still lets sign.
        let _extensions = reader.text()?;
        let reserved = reader.text()?;
        let authority = reader.text()?;
        let signed = encoded.get(..encoded.len() - reader.rest().len())?;
        let signature = reader.text()?;
        (reader.is_at_end() && reserved.is_empty()).then_some(Self {
            key,
            serial,
            kind,
            key_id,
            principals,
            valid_after,
            valid_before,
            critical_options,
            authority,
            signed,
            signature,
        })
    }

    fn certificate(self, key: SshKey) -> Option<Certificate> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let mut principals = Vec::new();
        let mut reader = WireReader::new(self.principals);
        while !reader.is_at_end() {
            principals.push(text(reader.text()?)?);
        }
        let mut critical_options = Vec::new();
        let mut reader = WireReader::new(self.critical_options);
        while !reader.is_at_end() {
            critical_options.push(text(reader.text()?)?);
            reader.text()?;
        }
        Some(Certificate {
            key,
            authority: SshKey::of(self.authority),
            kind: match self.kind {
                USER => CertificateKind::User,
                HOST => CertificateKind::Host,
                other => CertificateKind::Other(other),
            },
            serial: self.serial,
            key_id: self.key_id.to_vec(),
            principals,
            valid_after: self.valid_after,
            valid_before: self.valid_before,
            critical_options,
            person_verified: false,
        })
    }
}

/// What is wrong with the authority's signature, said of the certificate.
fn of_certificate(signature: &Signature) -> Signature {
    match signature {
        Signature::Weak(detail) => Signature::Weak(format!("in the certificate: {detail}").into()),
        Signature::Unknown(detail) => Signature::Unknown(format!("in the certificate: {detail}").into()),
        Signature::Good(_)
        | Signature::Bad(_)
        | Signature::WrongNamespace(_)
        | Signature::Missing
        | Signature::NotChecked => bad("the certificate is not signed by the authority that it names"),
    }
}
