//! Reads an OpenPGP certificate and checks every signature that the judgement of its keys rests on.
//!
//! Invariant: nothing in the file is left out in silence, but for what other people signed and for pictures.

use pgp::packet::{PublicKey, PublicSubkey, RevocationCode, Signature, SignatureType, SignatureVersion, UserId};
use pgp::ser::Serialize;
use pgp::types::{Imprint, KeyDetails, Tag, VerifyingKey};
use sha2::Sha256;
use writ_core::limits::OPENPGP_PACKETS_MAX;
use writ_core::time::Timestamp;
use writ_core::trust::{
    OpenPgpBinding, OpenPgpCertificate, OpenPgpFingerprint, OpenPgpKey, OpenPgpRevocation, dearmor_openpgp_key,
};

use super::packets::{self, Kind, Packet};
use super::strength::{has_unknown_critical, is_strong, weakness};
use super::{HeldKey, Material, our_fingerprint};

/// Why a file of `.writ/keys` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// It is no armored key.
    #[error("{0}")]
    Armor(&'static str),
    /// It is not one certificate, or has a part that is not understood: which.
    #[error("it is not one OpenPGP certificate: {0}")]
    Structure(&'static str),
    /// The library that reads it fails.
    #[error("the reader of OpenPGP keys fails on it")]
    Reader,
    /// A signature by the key itself does not hold.
    #[error("a signature of the key over {0} does not match; export the key again")]
    Broken(&'static str),
}

use CertificateError::{Armor, Broken, Structure};

/// What the packets after one key or name belong to.
enum Place {
    Primary,
    Name { id: UserId, signatures: Vec<Signature> },
    Picture,
    Subkey(Box<PublicSubkey>, Vec<Signature>),
}

/// What one self-signature says about a key, once it was checked.
struct Says {
    made: i64,
    strong: bool,
    may_sign: bool,
    until: Option<i64>,
}

/// A certificate's facts, and its keys.
pub(super) fn read(principal: &str, file: &[u8]) -> Result<(OpenPgpCertificate, Vec<HeldKey>), CertificateError> {
    let bytes = dearmor_openpgp_key(file).map_err(Armor)?;
    let packets = packets::split(&bytes).ok_or(Structure("it is cut or damaged"))?;
    if packets.len() > OPENPGP_PACKETS_MAX {
        return Err(Structure("it has too many parts; export it with `--export-options export-minimal`"));
    }
    let [first, rest @ ..] = packets.as_slice() else { return Err(Structure("it is empty")) };
    let primary = match first.kind() {
        Kind::PublicKey => first.key(|header, body| PublicKey::try_from_reader(header, body)),
        Kind::Secret => return Err(Armor("it holds a SECRET key: remove it from the history, and replace the key")),
        Kind::Signature | Kind::PublicSubkey | Kind::Name | Kind::Picture | Kind::Other => None,
    };
    let primary = primary.ok_or(Structure("its primary key cannot be read"))?;
    let fingerprint = our_fingerprint(&primary.fingerprint()).ok_or(Structure("its key is not of version 4 or 6"))?;
    let (own, places) = places(rest)?;
    // A key that is not accepted anyhow may be of a kind whose signatures cannot be checked.
    let is_weak = weakness(&primary).is_some();
    let (mut says, mut says_by_names) = (Vec::new(), Vec::new());
    let mut revoked = None;
    for signature in &own {
        match signature.typ() {
            Some(SignatureType::KeyRevocation) => {
                revoked = both(revoked, revocation(signature, signature.verify_key(&primary).is_ok()));
            }
            Some(SignatureType::Key) if is_by(signature, &primary) => {
                says.push(checked(signature, &primary, "itself", |signature| {
                    is_weak || signature.verify_key(&primary).is_ok()
                })?);
            }
            Some(SignatureType::Key) => {}
            _ => return Err(Structure("a signature of a strange kind follows its primary key")),
        }
    }
    let mut subkeys = Vec::new();
    let mut held = Vec::new();
    for place in places {
        match place {
            Place::Name { id, signatures } => says_by_names.extend(about_name(&primary, &id, &signatures)?),
            Place::Subkey(subkey, signatures) => {
                let facts = about_subkey(&primary, &subkey, &signatures)?;
                let (fingerprint_of_key, imprint) = (facts.fingerprint, facts.imprint);
                let weak = facts.weak.clone();
                subkeys.push(facts);
                let material = Material::Subkey(*subkey);
                held.push(HeldKey { primary: fingerprint, fingerprint: fingerprint_of_key, imprint, weak, material });
            }
            Place::Primary | Place::Picture => {}
        }
    }
    // Whether a key of version 6 signs is said over the key itself, and of version 4 over its names, if it has any.
    let (first, second) = match fingerprint {
        OpenPgpFingerprint::V4(_) if !says_by_names.is_empty() => (says_by_names, says),
        OpenPgpFingerprint::V4(_) | OpenPgpFingerprint::V6(_) => (says, says_by_names),
    };
    let facts = facts(&primary, &first, &second, revoked)?;
    let (imprint, weak) = (facts.imprint, facts.weak.clone());
    held.insert(0, HeldKey { primary: fingerprint, fingerprint, imprint, weak, material: Material::Primary(primary) });
    Ok((OpenPgpCertificate { principal: principal.to_owned(), primary: facts, subkeys }, held))
}

/// The signatures over the primary key itself, and what follows.
fn places(packets: &[Packet<'_>]) -> Result<(Vec<Signature>, Vec<Place>), CertificateError> {
    let mut own = Vec::new();
    let mut places = vec![Place::Primary];
    for packet in packets {
        let place = match packet.kind() {
            Kind::Signature => {
                let signature = packet.signature();
                match places.last_mut() {
                    Some(Place::Primary) => own.push(signature.ok_or(Structure("a signature cannot be read"))?),
                    Some(Place::Name { signatures, .. } | Place::Subkey(_, signatures)) => {
                        signatures.push(signature.ok_or(Structure("a signature cannot be read"))?);
                    }
                    Some(Place::Picture) | None => {}
                }
                continue;
            }
            Kind::Name => {
                let id = packet.read(|header, body| UserId::try_from_reader(header, body));
                Place::Name { id: id.ok_or(Structure("a name cannot be read"))?, signatures: Vec::new() }
            }
            Kind::Picture => Place::Picture,
            Kind::PublicSubkey => {
                let subkey = packet.key(|header, body| PublicSubkey::try_from_reader(header, body));
                Place::Subkey(Box::new(subkey.ok_or(Structure("a subkey cannot be read"))?), Vec::new())
            }
            Kind::PublicKey => return Err(Structure("a second key follows the first; give each a file of its own")),
            Kind::Secret => {
                return Err(Armor("it holds a SECRET key: remove it from the history, and replace the key"));
            }
            Kind::Other => return Err(Structure("it holds a packet that does not belong into a public key")),
        };
        places.push(place);
    }
    Ok((own, places))
}

/// What the key itself says by its signatures over one of its names. A name that it revoked says nothing.
fn about_name(primary: &PublicKey, id: &UserId, signatures: &[Signature]) -> Result<Vec<Says>, CertificateError> {
    let own = || signatures.iter().filter(|signature| is_by(signature, primary));
    let is_weak = weakness(primary).is_some();
    let matches = |signature: &Signature| is_weak || signature.verify_certification(primary, Tag::UserId, id).is_ok();
    if own().any(|signature| signature.typ() == Some(SignatureType::CertRevocation)) {
        return Ok(Vec::new());
    }
    own().filter(|signature| signature.is_certification()).map(|own| checked(own, primary, "a name", matches)).collect()
}

fn about_subkey(
    primary: &PublicKey,
    subkey: &PublicSubkey,
    signatures: &[Signature],
) -> Result<OpenPgpKey, CertificateError> {
    let is_weak = weakness(primary).is_some();
    let mut says = Vec::new();
    let mut revoked = None;
    for signature in signatures {
        let matches = |signature: &Signature| is_weak || signature.verify_subkey_binding(primary, subkey).is_ok();
        match signature.typ() {
            Some(SignatureType::SubkeyRevocation) => revoked = both(revoked, revocation(signature, matches(signature))),
            Some(SignatureType::SubkeyBinding) => {
                let mut said = checked(signature, subkey, "a subkey", matches)?;
                if said.may_sign {
                    let back = signature.embedded_signature();
                    let is_weak = is_weak || weakness(subkey).is_some();
                    let agreed =
                        back.filter(|back| is_weak || back.verify_primary_key_binding(subkey, primary).is_ok());
                    said.may_sign = agreed.is_some();
                    said.strong &= agreed.and_then(Signature::hash_alg).is_none_or(is_strong);
                }
                says.push(said);
            }
            _ => return Err(Structure("a signature of a strange kind follows a subkey")),
        }
    }
    facts(subkey, &says, &[], revoked)
}

/// What a self-signature says, if it matches. A weak one is not worth the check: it says that the key is weak.
fn checked(
    signature: &Signature,
    key: &impl KeyDetails,
    what: &'static str,
    matches: impl FnOnce(&Signature) -> bool,
) -> Result<Says, CertificateError> {
    let strange = Structure("a signature of the key is of an old version, has no date or makes an unknown condition");
    let Some(config) = signature.config() else { return Err(strange) };
    let is_known = matches!(config.version(), SignatureVersion::V4 | SignatureVersion::V6);
    let (Some(made), true, false) = (signature.created(), is_known, has_unknown_critical(config)) else {
        return Err(strange);
    };
    let strong = is_strong(config.hash_alg);
    if strong && !matches(signature) {
        return Err(Broken(what));
    }
    let made = i64::from(made.as_secs());
    let after = |start: i64, span: Option<pgp::types::Duration>| {
        span.map(pgp::types::Duration::as_secs).filter(|seconds| *seconds > 0).map(|seconds| start + i64::from(seconds))
    };
    let key_ends = after(i64::from(key.created_at().as_secs()), signature.key_expiration_time());
    let ends = [key_ends, after(made, signature.signature_expiration_time())].into_iter().flatten().min();
    Ok(Says { made, strong, may_sign: signature.key_flags().sign(), until: ends })
}

/// A key by its newest self-signatures, of which those of `first` say whether it signs and both say when it ends. Of several
/// of the same second the strictest counts in each respect.
fn facts(
    key: &(impl VerifyingKey + Serialize + Imprint),
    first: &[Says],
    second: &[Says],
    revoked: Option<OpenPgpRevocation>,
) -> Result<OpenPgpKey, CertificateError> {
    let fingerprint = our_fingerprint(&key.fingerprint()).ok_or(Structure("a key is not of version 4 or 6"))?;
    let imprint = key.imprint::<Sha256>().map_err(|_| Structure("a key cannot be read"))?;
    let (first, second) = (newest(first), newest(second));
    let both = || first.iter().chain(&second);
    let hashed_weakly = both().any(|said| !said.strong);
    let binding = OpenPgpBinding {
        may_sign: first.iter().all(|said| said.may_sign),
        until: both().filter_map(|said| said.until).min().map(Timestamp::from_seconds),
    };
    let weak = weakness(key);
    Ok(OpenPgpKey {
        fingerprint,
        imprint: imprint.into(),
        created: Timestamp::from_seconds(i64::from(key.created_at().as_secs())),
        weak: weak.or_else(|| hashed_weakly.then(|| "is bound by a signature with SHA-1 or another weak hash".into())),
        binding: if first.is_empty() { Err("is bound by no signature of its certificate".into()) } else { Ok(binding) },
        revoked,
    })
}

fn newest(says: &[Says]) -> Vec<&Says> {
    let newest = says.iter().map(|said| said.made).max();
    says.iter().filter(|said| Some(said.made) == newest).collect()
}

/// Since when a revocation counts. One that cannot be checked counts as one without a reason: somebody put it there, and
/// whether its maker might do so is not known.
fn revocation(signature: &Signature, matches: bool) -> OpenPgpRevocation {
    let soft = match signature.revocation_reason_code() {
        Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired | RevocationCode::CertUserIdInvalid) => true,
        Some(_) | None => false,
    };
    match signature.created() {
        Some(made) if soft && matches && signature.hash_alg().is_some_and(is_strong) => {
            OpenPgpRevocation::Since(Timestamp::from_seconds(i64::from(made.as_secs())))
        }
        Some(_) | None => OpenPgpRevocation::Ever,
    }
}

/// The stricter of two revocations.
fn both(one: Option<OpenPgpRevocation>, other: OpenPgpRevocation) -> Option<OpenPgpRevocation> {
    Some(match (one, other) {
        (None, only) => only,
        (Some(OpenPgpRevocation::Since(one)), OpenPgpRevocation::Since(other)) => {
            OpenPgpRevocation::Since(one.min(other))
        }
        (Some(OpenPgpRevocation::Ever), _) | (_, OpenPgpRevocation::Ever) => OpenPgpRevocation::Ever,
    })
}

/// True if a signature names the key as its maker, or nobody.
fn is_by(signature: &Signature, key: &PublicKey) -> bool {
    let (fingerprints, ids) = (signature.issuer_fingerprint(), signature.issuer_key_id());
    let nobody = fingerprints.is_empty() && ids.is_empty();
    nobody
        || fingerprints.iter().any(|fingerprint| **fingerprint == key.fingerprint())
        || ids.iter().any(|id| **id == key.legacy_key_id())
}
