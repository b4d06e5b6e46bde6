//! Which OpenPGP keys, hashes and conditions are accepted.

use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{SignatureConfig, SubpacketData};
use pgp::ser::Serialize as _;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams};
use writ_core::limits::RSA_BITS_MIN;

/// True for the hashes that a signature may use.
pub(super) fn is_strong(hash: HashAlgorithm) -> bool {
    matches!(hash, HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512)
}

/// True if a signature makes a condition that must be met and is not known.
pub(super) fn has_unknown_critical(config: &SignatureConfig) -> bool {
    config.hashed_subpackets().any(|part| {
        let unknown = matches!(
            part.data,
            SubpacketData::Other(..) | SubpacketData::Experimental(..) | SubpacketData::Notation(_)
        );
        part.is_critical && unknown
    })
}

/// Why a key is not strong enough, or of no kind that signs; none for one that is accepted.
pub(super) fn weakness(key: &impl KeyDetails) -> Option<Box<str>> {
    match key.public_params() {
        PublicParams::RSA(_) if key.algorithm() == PublicKeyAlgorithm::RSAEncrypt => {
            Some("is of a kind that does not sign".into())
        }
        PublicParams::RSA(rsa) => {
            // The encoding begins with the number of bits of the modulus. Source: RFC 9580, 3.2 and 5.5.5.1.
            let encoded = rsa.to_bytes().ok()?;
            let bits = encoded.first_chunk().map_or(0, |bits| usize::from(u16::from_be_bytes(*bits)));
            (bits < RSA_BITS_MIN).then(|| format!("is RSA of {bits} bits; at least {RSA_BITS_MIN} are needed").into())
        }
        PublicParams::ECDSA(
            EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. },
        )
        | PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. })
        | PublicParams::Ed25519(_) => None,
        PublicParams::ECDSA(EcdsaPublicParams::Secp256k1 { .. } | EcdsaPublicParams::Unsupported { .. })
        | PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Unsupported { .. }) => {
            Some("is on a curve that is not accepted; use Ed25519 or a NIST curve".into())
        }
        PublicParams::DSA(_) => Some("is DSA, which is not strong enough".into()),
        PublicParams::Elgamal(_)
        | PublicParams::ECDH(_)
        | PublicParams::X25519(_)
        | PublicParams::X448(_)
        | PublicParams::Ed448(_)
        | PublicParams::Unknown { .. } => Some("is of a kind that is not accepted for signing".into()),
    }
}
