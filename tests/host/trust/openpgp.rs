//! Commits signed with OpenPGP keys, made by `gpg`: each that is admitted beside what is refused. What is admitted, `git
//! verify-commit` accepts with a keyring of each parent's files, too.

use pgp::composed::{Deserializable as _, SignedPublicKey};
use pgp::packet::SubpacketType;
use writ_core::limits::{OPENPGP_BYTES_MAX, OPENPGP_FILES_MAX};
use writ_core::time::Timestamp;
use writ_core::trust::{Outcome, Reason};

use super::signatures::{gpgsig, split, with_header};
use super::world::{World, id, now};
use crate::openpgp::{Gnupg, KEYS_MADE};
use crate::repository::{FIRST_COMMIT, Sign};

/// A world whose head lists a key of Ann's keyring.
struct Ann {
    world: World,
    gnupg: Gnupg,
    key: String,
}

impl Ann {
    fn with(algorithm: &str, usage: &str, expiry: &str) -> Self {
        let (world, gnupg) = (World::new(), Gnupg::new());
        let key = gnupg.make("ann", algorithm, usage, expiry);
        let ann = Self { world, gnupg, key };
        ann.publish();
        ann
    }

    fn new() -> Self {
        Self::with("ed25519", "sign,cert", "never")
    }

    /// Alice's next commit lists the key as the keyring has it now.
    fn publish(&self) {
        self.list(&self.gnupg.export(&self.key));
    }

    fn list(&self, certificate: &str) {
        self.world.repository.write(".writ/keys/ann@example.com.asc", certificate);
        self.world.admitted(&self.world.by_alice("list"));
    }

    fn commit(&self) -> String {
        self.commit_by(&self.key)
    }

    fn commit_by(&self, key: &str) -> String {
        self.world.repository.commit(self.gnupg.sign(key), "by ann")
    }

    #[track_caller]
    fn refused(&self, key: &str, reason: Reason) {
        let head = self.commit_by(key);
        self.world.refused(&head, &head, reason);
        self.world.repository.reset("HEAD~1");
    }

    /// The payload of a commit and a signature over it by Ann's key, made with these arguments.
    fn signed(&self, arguments: &[&str]) -> (Vec<u8>, String) {
        let (payload, _) = split(&self.world.repository.object("commit", &self.world.by_alice("change")));
        let armor = self.gnupg.detached(self.world.repository.date(), &self.key, arguments, &payload);
        (payload, armor)
    }

    fn store(&self, payload: &[u8], armor: &str) -> String {
        self.world.store(&with_header(payload, &gpgsig(armor)))
    }
}

#[test]
fn keys_of_every_accepted_kind_sign_under_the_name_of_their_file() {
    for algorithm in ["ed25519", "rsa3072", "nistp256", "nistp384", "nistp521"] {
        let ann = Ann::with(algorithm, "sign,cert", "never");
        let admitted = ann.world.admitted(&ann.commit());
        assert_eq!(admitted.principal(), "ann@example.com", "{algorithm}");
        assert_eq!(admitted.signer().to_string(), format!("OPENPGP:{}", ann.key), "{algorithm}");
    }
}

#[test]
fn refuses_weak_keys_of_every_kind() {
    for algorithm in ["rsa2048", "dsa2048", "dsa3072", "secp256k1"] {
        let ann = Ann::with(algorithm, "sign,cert", "never");
        ann.refused(&ann.key, Reason::WeakKey);
    }
}

#[test]
fn refuses_a_key_bound_by_sha1_until_it_is_bound_by_a_strong_hash() {
    let (world, gnupg) = (World::new(), Gnupg::new());
    let arguments = ["--allow-weak-digest-algos", "--cert-digest-algo", "SHA1"];
    let key = [&arguments[..], &["--quick-generate-key", "ann <ann@example.com>", "ed25519", "sign", "never"]].concat();
    gnupg.run(KEYS_MADE, &key, "");
    let ann = Ann { key: gnupg.fingerprint("ann"), world, gnupg };
    ann.publish();
    ann.refused(&ann.key, Reason::WeakKey);
    // Its own program takes the old binding for none unless it is told otherwise.
    ann.gnupg.run(
        KEYS_MADE + 60,
        &["--allow-weak-digest-algos", "--cert-digest-algo", "SHA256", "--quick-set-expire", &ann.key, "2y"],
        "",
    );
    ann.publish();
    ann.world.admitted(&ann.commit());
}

#[test]
fn refuses_a_signature_with_a_weak_hash_and_one_over_text() {
    let ann = Ann::new();
    let (payload, weak) = ann.signed(&["--allow-weak-digest-algos", "--digest-algo", "SHA1"]);
    let head = ann.store(&payload, &weak);
    ann.world.refused(&head, &head, Reason::WeakKey);
    ann.world.repository.reset("HEAD~1");
    let (payload, text) = ann.signed(&["--textmode"]);
    let head = ann.store(&payload, &text);
    ann.world.refused(&head, &head, Reason::BadSignature);
    ann.world.repository.reset("HEAD~1");
    for hash in ["SHA256", "SHA384", "SHA512"] {
        let (payload, armor) = ann.signed(&["--digest-algo", hash]);
        ann.world.admitted(&ann.store(&payload, &armor));
    }
}

#[test]
fn a_key_signs_from_the_commit_after_its_file_and_no_longer_once_it_is_removed() {
    let (world, gnupg) = (World::new(), Gnupg::new());
    let key = gnupg.make("ann", "ed25519", "sign,cert", "never");
    world.repository.write(".writ/keys/ann@example.com.asc", gnupg.export(&key));
    let own = world.repository.commit(gnupg.sign(&key), "list myself");
    world.refused(&own, &own, Reason::UnknownKey);

    let ann = Ann::new();
    ann.world.admitted(&ann.commit());
    ann.world.repository.remove(".writ/keys");
    ann.world.admitted(&ann.world.by_alice("remove"));
    ann.refused(&ann.key, Reason::UnknownKey);
    let stranger = ann.gnupg.make("eve", "ed25519", "sign,cert", "never");
    ann.publish();
    ann.refused(&stranger, Reason::UnknownKey);
}

#[test]
fn openpgp_keys_alone_are_enough_also_for_the_introduction() {
    let ann = Ann::new();
    ann.world.repository.remove(".writ/allowed_signers");
    let start = ann.commit();
    let signer = format!("OPENPGP:{}", ann.key).parse().unwrap();
    let Ann { world, gnupg, key } = ann;
    let world = World { introduction: writ_core::trust::Introduction { commit: id(&start), signer }, ..world };
    world.admitted(&start);
    world.admitted(&world.repository.commit(gnupg.sign(&key), "next"));
    world.repository.remove(".writ/keys");
    let head = world.repository.commit(gnupg.sign(&key), "nobody is left");
    world.refused(&head, &head, Reason::AuthorizationsRemoved);
    let other = format!("OPENPGP:{}", "AB".repeat(20)).parse().unwrap();
    let world = World { introduction: writ_core::trust::Introduction { commit: id(&start), signer: other }, ..world };
    world.refused(&start, &start, Reason::UnknownKey);
}

#[test]
fn a_merge_is_signed_by_an_openpgp_key_that_every_parent_lists() {
    let ann = Ann::new();
    let base = ann.world.repository.head();
    ann.world.repository.branch("side", &base);
    ann.world.repository.remove(".writ/keys");
    ann.world.by_alice("ann is not listed here");
    ann.world.repository.switch("main");
    ann.world.repository.write("main", "x");
    let main = ann.commit();
    let head = ann.world.repository.merge("side", ann.gnupg.sign(&ann.key));
    ann.world.refused(&head, &head, Reason::UnknownKey);
    ann.world.repository.reset(&main);
    ann.world.repository.branch("other", &base);
    ann.world.repository.write("other", "x");
    ann.commit();
    ann.world.repository.switch("main");
    ann.world.admitted(&ann.world.repository.merge("other", ann.gnupg.sign(&ann.key)));
}

#[test]
fn a_subkey_signs_for_its_primary_key_if_its_flags_say_so() {
    let ann = Ann::with("ed25519", "cert", "never");
    let signing = ann.gnupg.add_subkey(&ann.key, "ed25519", "sign", "never");
    ann.publish();
    let admitted = ann.world.admitted(&ann.commit_by(&format!("{signing}!")));
    assert_eq!(admitted.signer().to_string(), format!("OPENPGP:{}", ann.key), "shown by the primary key");
    // gpg signs by no key whose flags do not say that it signs, so it signs by a keyring that does not know of the change.
    let ann = Ann::new();
    let signer = Gnupg::new();
    signer.import(&ann.gnupg.run(KEYS_MADE, &["--armor", "--export-secret-keys", &ann.key], ""));
    ann.gnupg.run(KEYS_MADE + 60, &["--edit-key", &ann.key, "change-usage"], "S\nQ\nsave\n");
    ann.publish();
    let head = ann.world.repository.commit(signer.sign(&ann.key), "by ann");
    ann.world.refused(&head, &head, Reason::UnknownKey);
}

#[test]
fn refuses_a_subkey_that_never_agreed_to_belong_to_its_primary_key() {
    let ann = Ann::with("ed25519", "cert", "never");
    let signing = ann.gnupg.add_subkey(&ann.key, "ed25519", "sign", "never");
    let (mut certificate, _) = SignedPublicKey::from_string(&ann.gnupg.export(&ann.key)).unwrap();
    let binding = &mut certificate.public_subkeys[0].signatures[0];
    let parts = binding.config().unwrap().unhashed_subpackets();
    let back = parts.into_iter().position(|part| part.typ() == SubpacketType::EmbeddedSignature).unwrap();
    drop(binding.unhashed_subpacket_remove(back).unwrap());
    ann.list(&certificate.to_armored_string(None.into()).unwrap());
    ann.refused(&format!("{signing}!"), Reason::UnknownKey);
    ann.publish();
    ann.world.admitted(&ann.commit_by(&format!("{signing}!")));
}

#[test]
fn an_expired_key_subkey_or_signature_does_not_sign_and_a_renewed_one_does() {
    // Both end between the commit and the moment at which it is judged.
    let ann = Ann::with("ed25519", "sign,cert", "seconds=129600");
    let head = ann.commit();
    ann.world.refused(&head, &head, Reason::Expired);
    let early = Timestamp::from_seconds(FIRST_COMMIT + 3_600);
    assert!(ann.world.judge(&head, None, early).1.is_ok(), "seen within its life");
    ann.world.repository.reset("HEAD~1");
    ann.gnupg.run(KEYS_MADE + 60, &["--quick-set-expire", &ann.key, "2y"], "");
    ann.publish();
    ann.world.admitted(&ann.commit());

    let ann = Ann::with("ed25519", "cert", "never");
    let short = ann.gnupg.add_subkey(&ann.key, "ed25519", "sign", "seconds=129600");
    ann.publish();
    ann.refused(&format!("{short}!"), Reason::Expired);

    let ann = Ann::new();
    let (payload, short) = ann.signed(&["--default-sig-expire", "seconds=3600"]);
    let head = ann.store(&payload, &short);
    ann.world.refused(&head, &head, Reason::Expired);
    ann.world.repository.reset("HEAD~1");
    let (payload, long) = ann.signed(&["--default-sig-expire", "2d"]);
    ann.world.admitted(&ann.store(&payload, &long));
}

#[test]
fn refuses_a_commit_dated_before_its_key_was_made() {
    let ann = Ann::new();
    let young = {
        ann.gnupg.run(
            now().seconds(),
            &["--quick-generate-key", "young <young@example.com>", "ed25519", "sign", "0"],
            "",
        );
        ann.gnupg.fingerprint("young")
    };
    ann.world.repository.write(".writ/keys/young.asc", ann.gnupg.export(&young));
    let listed = ann.world.by_alice("list");
    let (payload, _) = split(&ann.world.repository.object("commit", &ann.world.by_alice("change")));
    let armor = ann.gnupg.detached(now().seconds() + 60, &young, &[], &payload);
    let head = ann.store(&payload, &armor);
    ann.world.refused(&head, &head, Reason::NotYetValid);
    ann.world.admitted(&listed);
}

#[test]
fn a_compromised_key_never_signed_and_a_retired_one_signed_until_then() {
    for (answer, before) in [("1", Some(Reason::Revoked)), ("3", None)] {
        let ann = Ann::new();
        let signer = Gnupg::new();
        signer.import(&ann.gnupg.run(KEYS_MADE, &["--armor", "--export-secret-keys", &ann.key], ""));
        let revoked_at = ann.world.repository.date() + 1_800;
        let revocation = ann.gnupg.run(revoked_at, &["--gen-revoke", &ann.key], &format!("y\n{answer}\n\ny\n"));
        ann.gnupg.import_at(revoked_at, &revocation);
        ann.publish();
        // On top of its revocation, by a program that does not know of it, with a date from before.
        let head = ann.world.repository.commit(signer.sign(&ann.key), "by ann");
        // `gpg` takes nothing that a revoked key signed, whenever it was.
        ann.world.agreed.is_beyond(&head);
        for (moment, expected) in [(revoked_at - 60, before), (revoked_at + 60, Some(Reason::Revoked))] {
            let (verdicts, _) = ann.world.judge(&head, None, Timestamp::from_seconds(moment));
            let found = match &verdicts.commits.last().unwrap().outcome {
                Outcome::Admitted => None,
                Outcome::Refused(reason, _) => Some(*reason),
                Outcome::Unchecked(detail) => panic!("{detail}"),
            };
            assert_eq!(found, expected, "reason {answer} at {moment}");
        }
    }
}

#[test]
fn the_armor_of_a_signature_has_one_form_and_holds_one_packet() {
    let ann = Ann::new();
    let (payload, armor) = ann.signed(&[]);
    ann.world.admitted(&ann.store(&payload, &armor));
    let without_checksum: String =
        armor.lines().filter(|line| !line.starts_with('=')).map(|line| format!("{line}\n")).collect();
    ann.world.admitted(&ann.store(&payload, &without_checksum));
    let body: String = armor.lines().filter(|line| !line.contains("-----") && !line.starts_with('=')).collect();
    let bytes = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(body).unwrap()
    };
    for (what, changed, reason) in [
        ("a comment", armor.replacen("\n\n", "\nComment: x\n\n", 1), Reason::NotCanonical),
        ("two packets", armored(&[bytes.clone(), bytes.clone()].concat()), Reason::BadSignature),
        ("a byte behind it", armored(&[&bytes[..], b"\0"].concat()), Reason::BadSignature),
        ("a byte too few", armored(&bytes[..bytes.len() - 1]), Reason::BadSignature),
        ("a packet of another kind", armored(&[0xCA, 3, b'P', b'G', b'P']), Reason::BadSignature),
    ] {
        let head = ann.store(&payload, &changed);
        ann.world.refused(&head, &head, reason);
        assert!(!changed.is_empty(), "{what}");
    }
    let other = ann.store(&[&payload[..], b"!"].concat(), &armor);
    ann.world.refused(&other, &other, Reason::BadSignature);
}

/// Bytes in the armor of a signature, without a checksum.
pub(super) fn armored(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let body = base64::engine::general_purpose::STANDARD.encode(bytes);
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n", lines.join("\n"))
}

#[test]
fn refuses_an_openpgp_key_that_the_list_of_revocations_names() {
    let ann = Ann::with("ed25519", "cert", "never");
    let signing = ann.gnupg.add_subkey(&ann.key, "ed25519", "sign", "never");
    ann.publish();
    let start = ann.commit_by(&format!("{signing}!"));
    ann.world.admitted(&start);
    for (fingerprint, is_revoked) in [(ann.key.clone(), true), (signing.clone(), true), ("AB".repeat(20), false)] {
        ann.world.repository.write(".writ/revoked", format!("OPENPGP:{fingerprint}\n"));
        ann.world.admitted(&ann.world.by_alice("revoke"));
        let head = ann.commit_by(&format!("{signing}!"));
        if is_revoked {
            ann.world.refused(&head, &head, Reason::Revoked);
        } else {
            ann.world.admitted(&head);
        }
        ann.world.repository.reset(&start);
    }
}

#[test]
fn too_many_or_too_long_openpgp_files_are_refused_and_the_most_are_read() {
    let ann = Ann::new();
    let certificate = ann.gnupg.export(&ann.key);
    let write = |name: &str, content: &str| ann.world.repository.write(&format!(".writ/keys/{name}.asc"), content);
    (1..OPENPGP_FILES_MAX).for_each(|number| write(&format!("person-{number}"), &certificate));
    let length = usize::try_from(OPENPGP_BYTES_MAX).unwrap();
    write("person-1", &format!("{certificate}{}", "\n".repeat(length - certificate.len())));
    let most = ann.world.by_alice("the most");
    assert!(ann.world.judge(&most, None, now()).1.is_ok());
    write("person-1", &format!("{certificate}{}", "\n".repeat(length - certificate.len() + 1)));
    let long = ann.world.by_alice("too long");
    assert!(ann.world.judge(&long, None, now()).1.unwrap_err().contains("authorizations-removed"));
    ann.world.repository.reset(&most);
    write("one-too-many", &certificate);
    let many = ann.world.by_alice("too many");
    assert!(ann.world.judge(&many, None, now()).1.unwrap_err().contains("at most 64 are read"));
}

#[test]
fn a_secret_key_or_two_keys_in_a_file_are_refused_by_name() {
    let ann = Ann::new();
    let secret = ann.gnupg.run(KEYS_MADE, &["--armor", "--export-secret-keys", &ann.key], "");
    let other = ann.gnupg.make("bob", "ed25519", "sign,cert", "never");
    let both = ann.gnupg.run(KEYS_MADE, &["--armor", "--export", &ann.key, &other], "");
    for (content, words) in [(secret, "SECRET"), (both, "file of its own"), (String::new(), "does not begin")] {
        ann.world.repository.write(".writ/keys/ann@example.com.asc", content);
        let head = ann.world.by_alice("list");
        let refused = ann.world.judge(&head, None, now()).1.unwrap_err();
        assert!(refused.contains("authorizations-removed") && refused.contains(words), "{refused}");
        ann.world.repository.reset("HEAD~1");
    }
    let signed = ann.world.repository.commit(Sign::By(&ann.world.alice), "neighbour");
    ann.world.admitted(&signed);
}
