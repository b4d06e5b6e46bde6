//! OpenPGP: files of keys, and packets of signatures.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ::signature::{CertificateError, Keyring, check};
use writ_core::trust::{Armor, CommitId, RawCommit, Signature, Signer, dearmor_openpgp_key};

use crate::corpus::person::ALICE;
use crate::corpus::{Scene, frozen};
use crate::driver::Target;

fn key_file(packets: &[u8]) -> String {
    format!(
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{}\n-----END PGP PUBLIC KEY BLOCK-----\n",
        STANDARD.encode(packets)
    )
}

fn signature_lines(packets: &[u8]) -> String {
    let body = STANDARD.encode(packets);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n", lines.join("\n"))
}

#[test]
fn no_bytes_are_too_much_for_the_reader_of_openpgp_keys() {
    let files = ["ann.asc", "exp.asc", "lost-revoked.asc", "weak.asc"].map(frozen::file);
    let seeds: Vec<Vec<u8>> = files.iter().map(|file| dearmor_openpgp_key(file.as_bytes()).unwrap()).collect();
    let check = |bytes: &[u8]| match Keyring::read("ann@example.com", key_file(bytes).as_bytes()) {
        Ok((certificate, _)) => {
            format!("taken, {certificate:?}").chars().filter(|letter| !letter.is_ascii_hexdigit()).collect()
        }
        Err(error) => {
            assert_ne!(error, CertificateError::Reader, "the reader panics");
            error.to_string()
        }
    };
    Target { name: "openpgp-key", seeds, words: &["ann <ann@example.com>", "\x09\x2b\x06"], check: &check }.run();
}

/// A commit that Ann signed, and the bytes of her signature.
fn signed() -> (Vec<u8>, Vec<u8>) {
    let mut scene = Scene::new(false);
    scene.write(".writ/keys/ann@example.com.asc", frozen::file("ann.asc"));
    scene.commit(&ALICE);
    let payload = scene.next();
    let armor = frozen::pgp_sign("ann", scene.now, &[], &payload);
    let bytes = crate::corpus::scene::with_header(&payload, &crate::corpus::scene::gpgsig(&armor));
    let commit = RawCommit::parse(CommitId::from_bytes([1; 20]), &bytes).unwrap();
    let Armor::OpenPgp(packets) = commit.armor() else { panic!("it is signed by OpenPGP") };
    (payload, packets.clone())
}

#[test]
fn no_change_of_an_openpgp_signature_makes_it_good_for_anybody_else_or_anything_else() {
    let (payload, packets) = signed();
    let (certificate, keyring) = Keyring::read("ann@example.com", frozen::file("ann.asc").as_bytes()).unwrap();
    let keyrings = [Arc::new(keyring)];
    let ann = format!("{certificate:?}");
    let asked = |payload: &[u8], packets: &[u8]| -> Result<Signature, String> {
        let header = crate::corpus::scene::gpgsig(&signature_lines(packets));
        let bytes = crate::corpus::scene::with_header(payload, &header);
        let commit = RawCommit::parse(CommitId::from_bytes([1; 20]), &bytes).map_err(|malformed| malformed.detail)?;
        Ok(check(&commit, &keyrings))
    };
    assert!(matches!(asked(&payload, &packets), Ok(Signature::Good(_))));
    let other = [&payload[..], b"more\n"].concat();
    let mut seeds = vec![packets];
    for name in [
        "exp-256215c5039f.sig",
        "weak-11d9766c1456.sig",
        "ann--allow-weak-digest-algos--digest-algoSHA1-194e5622c4e8.sig",
    ] {
        let text = frozen::file(name);
        let body: String = text.lines().filter(|line| !line.starts_with(['-', '='])).collect();
        seeds.push(STANDARD.decode(body).unwrap());
    }
    let check = |bytes: &[u8]| match asked(&payload, bytes) {
        Err(detail) => detail,
        Ok(Signature::Good(signer)) => {
            let Signer::OpenPgp(signer) = signer else { panic!("it is of another kind") };
            assert!(ann.contains(&format!("{:?}", signer.primary)), "it is good by another key");
            let moved = asked(&other, bytes);
            assert!(!matches!(moved, Ok(Signature::Good(_))), "it is good for another commit");
            "good".to_owned()
        }
        Ok(found) => {
            let words = found.in_words();
            assert!(!words.contains("the reader of OpenPGP signatures fails"), "the reader panics");
            words
        }
    };
    Target { name: "openpgp-signature", seeds, words: &["\x21\x04", "\x05\x02", "\x10\x08"], check: &check }.run();
}
