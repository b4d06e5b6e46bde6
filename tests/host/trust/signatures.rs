//! Signatures and the bytes they cover, each attack beside the honest commit that it resembles.

use writ_core::trust::Reason;

use super::world::World;
use crate::repository::{Key, Sign, key_of_kind, sign};

/// A commit's bytes with this header before the blank line.
pub(super) fn with_header(commit: &[u8], header: &str) -> Vec<u8> {
    let end = commit.windows(2).position(|pair| pair == b"\n\n").unwrap() + 1;
    [&commit[..end], header.as_bytes(), &commit[end..]].concat()
}

/// An armor as the header of a commit.
pub(super) fn gpgsig(armor: &str) -> String {
    format!("gpgsig {}\n", armor.trim_end().replace('\n', "\n "))
}

const SSH_END: &str = "-----END SSH SIGNATURE-----\n";
const PGP_END: &str = "-----END PGP SIGNATURE-----\n";

/// A commit's bytes without its signature, and the signature's header.
pub(super) fn split(commit: &[u8]) -> (Vec<u8>, String) {
    let text = std::str::from_utf8(commit).unwrap();
    let (before, rest) = text.split_once("gpgsig ").unwrap();
    let end = [SSH_END, PGP_END].into_iter().find(|end| rest.contains(end)).unwrap();
    let (signature, after) = rest.split_once(end).unwrap();
    ([before, after].concat().into_bytes(), ["gpgsig ", signature, end].concat())
}

#[test]
fn refuses_a_second_signature_on_a_good_commit() {
    let world = World::new();
    let good = world.by_alice("good");
    let bytes = world.repository.object("commit", &good);
    let (_, header) = split(&bytes);
    world.admitted(&good);
    let twice = world.store(&with_header(&bytes, &header));
    world.refused(&twice, &twice, Reason::TwoSignatures);
}

#[test]
fn refuses_a_signature_armoured_otherwise_though_git_takes_it_for_the_same() {
    let world = World::new();
    let good = world.by_alice("good");
    let (payload, header) = split(&world.repository.object("commit", &good));
    let body: String = header.lines().filter(|line| !line.contains("-----")).map(str::trim).collect();
    let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let armor = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----", lines.join("\n"));
    let again = world.store(&with_header(&payload, &gpgsig(&armor)));
    assert_ne!(again, good);
    assert!(world.repository.git_verifies(&again, &world.alice.line()), "git takes it");
    world.refused(&again, &again, Reason::NotCanonical);
    let same = world.store(&with_header(&payload, &header));
    assert_eq!(same, good, "the fixture puts the pieces together as git does");
}

#[test]
fn refuses_a_signature_made_for_another_commit() {
    let world = World::new();
    let (_, header) = split(&world.repository.object("commit", &world.by_alice("one")));
    let (payload, _) = split(&world.repository.object("commit", &world.by_alice("two")));
    let grafted = world.store(&with_header(&payload, &header));
    world.refused(&grafted, &grafted, Reason::BadSignature);
    let honest = with_header(&payload, &gpgsig(&sign(&world.alice, "git", &payload)));
    world.admitted(&world.store(&honest));
}

#[test]
fn refuses_a_signature_made_for_another_use() {
    let world = World::new();
    let (payload, _) = split(&world.repository.object("commit", &world.by_alice("change")));
    for namespace in ["file", "Git", "git "] {
        let signed = world.store(&with_header(&payload, &gpgsig(&sign(&world.alice, namespace, &payload))));
        world.refused(&signed, &signed, Reason::WrongNamespace);
    }
    world.repository.reset(&world.introduction.commit.to_string());
    world.authorize(&(world.alice.line_with("namespaces=\"git\"") + &world.bob.line_with("namespaces=\"file\"")));
    world.admitted(&world.by_alice("listed for git"));
    let head = world.by_bob("listed for files");
    world.refused(&head, &head, Reason::WrongNamespace);
}

#[test]
fn refuses_what_the_grammar_does_not_know() {
    let world = World::new();
    let (payload, _) = split(&world.repository.object("commit", &world.by_alice("change")));
    let signed = |payload: &[u8]| {
        let armor = sign(&world.alice, "git", payload);
        world.store(&with_header(payload, &gpgsig(&armor)))
    };
    world.admitted(&signed(&payload));
    for odd in [
        with_header(&payload, "mergetag x\n"),
        [&payload[..], b"\0hidden"].concat(),
        with_header(&payload, "gpgsig-sha256 x\n"),
    ] {
        let odd = signed(&odd);
        world.refused(&odd, &odd, Reason::MalformedCommit);
    }
}

#[test]
fn strong_keys_of_every_kind_sign_and_weak_ones_do_not() {
    let world = World::new();
    let make = |name: &str, kind: &[&str]| key_of_kind(world.keys.path(), name, kind);
    let strong = [
        make("p256", &["-t", "ecdsa", "-b", "256"]),
        make("p384", &["-t", "ecdsa", "-b", "384"]),
        make("rsa", &["-t", "rsa", "-b", "3072"]),
    ];
    let weak = make("rsa2048", &["-t", "rsa", "-b", "2048"]);
    let lines: String = strong.iter().chain([&weak, &world.alice]).map(Key::line).collect();
    world.authorize(&lines);
    for key in &strong {
        world.admitted(&world.repository.commit(Sign::By(key), "strong"));
    }
    let head = world.repository.commit(Sign::By(&weak), "weak");
    world.refused(&head, &head, Reason::WeakKey);
    world.repository.reset("HEAD~1");
    let p521 = make("p521", &["-t", "ecdsa", "-b", "521"]);
    let head = world.repository.commit(Sign::By(&p521), "not supported");
    world.refused(&head, &head, Reason::UnknownKey);
}

/// What a security key signs: hash of the application, flags, counter, hash of the SSHSIG. Source: PROTOCOL.u2f.
fn security_key_signature(
    key: &ed25519_dalek::SigningKey,
    public: &[u8],
    application: &[u8],
    payload: &[u8],
    flags: u8,
) -> String {
    use base64::Engine as _;
    use ed25519_dalek::Signer as _;
    use sha2::{Digest as _, Sha256, Sha512};
    let signed =
        [b"SSHSIG".to_vec(), field(b"git"), field(b""), field(b"sha512"), field(&Sha512::digest(payload))].concat();
    let counter = [0, 0, 0, 9];
    let message = [&Sha256::digest(application)[..], &[flags], &counter, &Sha256::digest(signed)[..]].concat();
    let signature = key.sign(&message).to_bytes();
    let inner = [field(b"sk-ssh-ed25519@openssh.com"), field(&signature), vec![flags], counter.to_vec()].concat();
    let version = 1_u32.to_be_bytes().to_vec();
    let blob = [b"SSHSIG".to_vec(), version, field(public), field(b"git"), field(b""), field(b"sha512"), field(&inner)];
    let body = base64::engine::general_purpose::STANDARD.encode(blob.concat());
    let lines: Vec<&str> = body.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----", lines.join("\n"))
}

/// Bytes with their length before them.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A security key, its public key in SSH's encoding and its line of the file.
fn security_key(application: &[u8]) -> (ed25519_dalek::SigningKey, Vec<u8>, String) {
    use base64::Engine as _;
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let kind = b"sk-ssh-ed25519@openssh.com";
    let public = [field(kind), field(key.verifying_key().as_bytes()), field(application)].concat();
    let text = base64::engine::general_purpose::STANDARD.encode(&public);
    (key, public, format!("sk@example.com sk-ssh-ed25519@openssh.com {text}\n"))
}

#[test]
fn a_security_key_signs_only_when_it_is_touched() {
    let world = World::new();
    let (key, public, line) = security_key(b"ssh:");
    world.authorize(&(world.alice.line() + &line));
    let (payload, _) = split(&world.repository.object("commit", &world.by_alice("change")));
    let signed = |flags| {
        let armor = security_key_signature(&key, &public, b"ssh:", &payload, flags);
        world.store(&with_header(&payload, &gpgsig(&armor)))
    };
    let touched = signed(0x01);
    assert_eq!(world.admitted(&touched).principal(), "sk@example.com");
    for flags in [0x00, 0x04] {
        let untouched = signed(flags);
        world.refused(&untouched, &untouched, Reason::BadSignature);
    }
}

#[test]
fn refuses_a_security_key_that_is_for_a_website_though_git_takes_it() {
    for (application, expected) in [(&b"ssh:work"[..], true), (b"https://example.com", false)] {
        let world = World::new();
        let (key, public, line) = security_key(application);
        let lines = world.alice.line() + &line;
        world.authorize(&lines);
        let (payload, _) = split(&world.repository.object("commit", &world.by_alice("change")));
        let armor = security_key_signature(&key, &public, application, &payload, 0x01);
        let head = world.store(&with_header(&payload, &gpgsig(&armor)));
        assert!(world.repository.git_verifies(&head, &lines), "git takes it");
        if expected {
            assert_eq!(world.admitted(&head).principal(), "sk@example.com");
        } else {
            world.refused(&head, &head, Reason::UnknownKey);
        }
    }
}
