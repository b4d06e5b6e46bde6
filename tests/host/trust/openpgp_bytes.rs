//! OpenPGP keys and signatures that `gpg` does not make: of version 6, under a short name alone, and with bytes changed.

use std::sync::Arc;

use pgp::composed::{DetachedSignature, KeyType, SecretKeyParamsBuilder, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{KeyDetails as _, KeyVersion, Password, Timestamp as Moment};
use writ::signature::{CertificateError, Keyring, check};
use writ_core::trust::{RawCommit, Reason, Signature};

use super::openpgp::armored;
use super::signatures::{gpgsig, split, with_header};
use super::world::{World, id};
use crate::openpgp::KEYS_MADE;
use crate::repository::FIRST_COMMIT;

/// A key of any version, made without `gpg`.
fn made_here(version: KeyVersion) -> SignedSecretKey {
    let parameters = SecretKeyParamsBuilder::default()
        .version(version)
        .key_type(KeyType::Ed25519)
        .created_at(Moment::from_secs(u32::try_from(KEYS_MADE).unwrap()))
        .can_sign(true)
        .can_certify(true)
        .primary_user_id("ann <ann@example.com>".to_owned())
        .build()
        .unwrap();
    parameters.generate(rand::thread_rng()).unwrap()
}

/// A world whose head lists such a key, and the payload of a commit on top of it.
fn listed(key: &SignedSecretKey) -> (World, Vec<u8>) {
    let world = World::new();
    let certificate = key.to_public_key().to_armored_string(None.into()).unwrap();
    world.repository.write(".writ/keys/ann.asc", certificate);
    world.admitted(&world.by_alice("list"));
    let (payload, _) = split(&world.repository.object("commit", &world.by_alice("change")));
    (world, payload)
}

#[test]
fn a_key_of_version_6_signs() {
    let key = made_here(KeyVersion::V6);
    let (world, payload) = listed(&key);
    let (password, hash) = (Password::empty(), HashAlgorithm::Sha512);
    let signature =
        DetachedSignature::sign_binary_data(rand::thread_rng(), &key.primary_key, &password, hash, &payload[..]);
    let armor = signature.unwrap().to_armored_string(None.into()).unwrap();
    let head = world.store(&with_header(&payload, &gpgsig(&armor)));
    // Git's own program does not know keys of this version.
    world.agreed.is_beyond(&head);
    let admitted = world.admitted(&head);
    assert_eq!(admitted.signer().to_string(), format!("OPENPGP:{:X}", key.fingerprint()));
    let other = world.store(&with_header(&[&payload[..], b"!"].concat(), &gpgsig(&armor)));
    world.refused(&other, &other, Reason::BadSignature);
}

#[test]
fn a_short_name_of_a_key_decides_nothing() {
    let (ann, eve) = (made_here(KeyVersion::V4), made_here(KeyVersion::V4));
    let (world, payload) = listed(&ann);
    // Signatures that name nothing but the short name of Ann's key, as those of old programs and of forges.
    let signed = |by: &SignedSecretKey| {
        let (kind, algorithm) = (SignatureType::Binary, by.primary_key.algorithm());
        let mut config = SignatureConfig::v4(kind, algorithm, HashAlgorithm::Sha256);
        let made = Moment::from_secs(u32::try_from(FIRST_COMMIT).unwrap());
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(made)).unwrap(),
            Subpacket::regular(SubpacketData::IssuerKeyId(ann.primary_key.legacy_key_id())).unwrap(),
        ];
        let signature = config.sign(&by.primary_key, &Password::empty(), &payload[..]).unwrap();
        let armor = DetachedSignature::new(signature).to_armored_string(None.into()).unwrap();
        world.store(&with_header(&payload, &gpgsig(&armor)))
    };
    let honest = signed(&ann);
    // gpg of Debian 12 does not know this spelling of Ed25519.
    world.agreed.is_beyond(&honest);
    world.admitted(&honest);
    let forged = signed(&eve);
    world.refused(&forged, &forged, Reason::BadSignature);
}

#[test]
fn no_change_of_a_byte_makes_the_reader_of_keys_and_signatures_panic_or_take_another_signature() {
    let (key, other) = (made_here(KeyVersion::V4), made_here(KeyVersion::V6));
    for key in [&key, &other] {
        let bytes = pgp::ser::Serialize::to_bytes(&key.to_public_key()).unwrap();
        let armor = |bytes: &[u8]| armored(bytes).replace("SIGNATURE", "PUBLIC KEY BLOCK");
        Keyring::read("ann", armor(&bytes).as_bytes()).unwrap();
        for at in 0..bytes.len() {
            for bit in [0x01, 0x80, 0xFF] {
                let mut changed = bytes.clone();
                changed[at] ^= bit;
                let read = Keyring::read("ann", armor(&changed).as_bytes());
                assert_ne!(read.err(), Some(CertificateError::Reader), "byte {at} of the key");
            }
            let cut = Keyring::read("ann", armor(&bytes[..at]).as_bytes());
            assert_ne!(cut.err(), Some(CertificateError::Reader), "cut at {at}");
        }
    }
    let (_, keyring) =
        Keyring::read("ann", key.to_public_key().to_armored_string(None.into()).unwrap().as_bytes()).unwrap();
    let keyring = [Arc::new(keyring)];
    let payload =
        b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@x> 1 +0000\ncommitter A <a@x> 1 +0000\n\n";
    let password = Password::empty();
    let signature = DetachedSignature::sign_binary_data(
        rand::thread_rng(),
        &key.primary_key,
        &password,
        HashAlgorithm::Sha256,
        &payload[..],
    );
    let bytes = pgp::ser::Serialize::to_bytes(&signature.unwrap()).unwrap();
    let judged = |bytes: &[u8]| {
        let commit = with_header(payload, &gpgsig(&armored(bytes)));
        check(&RawCommit::parse(id(&"0".repeat(40)), &commit).unwrap(), &keyring)
    };
    let Signature::Good(good) = judged(&bytes) else { panic!("the signature is good") };
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80, 0xFF] {
            let mut changed = bytes.clone();
            changed[at] ^= bit;
            match judged(&changed) {
                // What no signature covers may differ: it proves the same.
                Signature::Good(signer) => assert_eq!(signer, good, "byte {at}"),
                Signature::Unknown(detail) => assert!(!detail.contains("fails"), "byte {at}: {detail}"),
                Signature::Bad(_) | Signature::Weak(_) => {}
                found @ (Signature::WrongNamespace(_) | Signature::Missing | Signature::NotChecked) => {
                    panic!("byte {at}: {found:?}")
                }
            }
        }
    }
}
