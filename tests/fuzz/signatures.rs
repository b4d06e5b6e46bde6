//! Signatures: their armor, and what stands in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use writ::signature::{check, check_statement};
use writ_core::trust::{
    APPROVAL_NAMESPACE, Armor, CommitId, RawCommit, Signature, dearmor_openpgp_key, dearmor_ssh_signature,
};

use crate::corpus::frozen;
use crate::corpus::person::{
    ALICE, AUTHORITY, BOB, Certified, armor, blob, field, inner, security_key, sign_by_security_key,
};
use crate::driver::Target;

const TEXT: &[u8] = b"writ approval 1\ntree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";

const PAYLOAD: [&str; 2] = [
    "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@example.com> 1 +0000\n\
     committer A <a@example.com> 1 +0000\n",
    "\nchange\n",
];

/// A commit with these lines of armor in its header.
fn commit(lines: &[u8]) -> Vec<u8> {
    let folded: Vec<u8> = lines
        .iter()
        .flat_map(|byte| if *byte == b'\n' { &b"\n "[..] } else { std::slice::from_ref(byte) })
        .copied()
        .collect();
    [PAYLOAD[0].as_bytes(), b"gpgsig ", &folded, b"\n", PAYLOAD[1].as_bytes()].concat()
}

fn in_a_commit(lines: &[u8]) -> Result<Armor, String> {
    let bytes = commit(lines);
    let read = RawCommit::parse(CommitId::from_bytes([1; 20]), &bytes);
    let armor = read.map(|commit| commit.armor().clone());
    armor.map_err(|malformed| malformed.detail)
}

#[test]
fn an_armor_that_is_taken_is_the_only_one_that_its_bytes_have() {
    let seeds = [
        ALICE.sign(APPROVAL_NAMESPACE, TEXT),
        frozen::file("rsa2048-8e19a18ca6f8.sig"),
        frozen::file("ann-11f14b16206c.sig"),
        frozen::file("weak-11d9766c1456.sig"),
        frozen::file("ann.asc"),
        frozen::file("lost-revoked.asc"),
        frozen::file("ann.secret.asc"),
        "-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n".to_owned(),
    ];
    let words =
        ["=", "==", "Comment: x\n", "\n\n", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "-----END SSH SIGNATURE-----\n"];
    let check = |bytes: &[u8]| {
        let alone = dearmor_ssh_signature(bytes);
        let key = dearmor_openpgp_key(bytes);
        let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let within = in_a_commit(lines);
        if let Ok(blob) = &alone {
            assert_eq!(armor(blob).as_bytes(), bytes, "it has two forms");
            assert_eq!(within, Ok(Armor::Ssh(blob.clone())), "it is another one in a commit");
        }
        if let Ok(Armor::OpenPgp(packets)) = &within {
            let text = String::from_utf8(lines.to_vec()).unwrap();
            let body: String = text.lines().filter(|line| !line.starts_with(['-', '='])).collect();
            assert_eq!(body, STANDARD.encode(packets));
        }
        let kind = within.map(|armor| match armor {
            Armor::None => "none",
            Armor::Ssh(_) => "SSH",
            Armor::OpenPgp(_) => "OpenPGP",
            Armor::X509 => "X.509",
        });
        format!("{:?}, {:?}, {:?}", alone.map(|_| ()), key.map(|_| ()), kind)
    };
    Target { name: "armor", seeds: seeds.map(String::into_bytes).into(), words: &words, check: &check }.run();
}

/// Good signatures of several kinds under the text, as the bytes in their armor.
fn good() -> Vec<Vec<u8>> {
    let says = Certified {
        authority: &AUTHORITY,
        kind: 1,
        principal: "bob@example.com",
        valid_before: 1 << 40,
        critical: &[],
    };
    let certificate = BOB.certificate(&says);
    vec![
        ALICE.blob(APPROVAL_NAMESPACE, TEXT),
        BOB.blob(APPROVAL_NAMESPACE, TEXT),
        blob(&certificate, APPROVAL_NAMESPACE, "sha512", TEXT, |message| BOB.inner(message)),
    ]
}

#[test]
fn no_change_of_a_signature_of_ssh_makes_another_good_one() {
    let good = good();
    for blob in &good {
        let found = check_statement(TEXT, armor(blob).as_bytes(), APPROVAL_NAMESPACE);
        assert!(matches!(found, Signature::Good(_)), "{found:?}");
    }
    let mut seeds = good.clone();
    seeds.push(dearmor_ssh_signature(sign_by_security_key(b"ssh:", 1, TEXT).as_bytes()).unwrap());
    for kept in ["rsa2048-8e19a18ca6f8.sig", "dsa-09f030b4b192.sig", "p521-09f030b4b192.sig"] {
        seeds.push(dearmor_ssh_signature(frozen::file(kept).as_bytes()).unwrap());
    }
    seeds.push(blob(&security_key(b"ssh:"), APPROVAL_NAMESPACE, "sha256", TEXT, |_| inner(&[7; 64])));
    seeds.push(field(b"SSHSIG"));
    let words = [
        "SSHSIG",
        "ssh-ed25519",
        "ssh-rsa",
        "rsa-sha2-512",
        "sk-ssh-ed25519@openssh.com",
        "ssh-ed25519-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256",
        "nistp256",
        "sha256",
        "sha512",
        "deploy@writ",
        "\0\0\0\x01",
        "\0\0\0\x20",
        "\0\0\0\x40",
        "verify-required",
    ];
    let check = |bytes: &[u8]| {
        let found = check_statement(TEXT, armor(bytes).as_bytes(), APPROVAL_NAMESPACE);
        let is_good = matches!(found, Signature::Good(_));
        assert!(!is_good || good.iter().any(|blob| blob == bytes), "another good signature");
        // The same bytes are good for nothing else.
        let lines = armor(bytes);
        let commit = commit(lines.trim_end().as_bytes());
        if let Ok(commit) = RawCommit::parse(CommitId::from_bytes([1; 20]), &commit) {
            let found = check(&commit, &[]);
            assert!(!matches!(found, Signature::Good(_)), "an approval is good for a commit");
        }
        found.in_words()
    };
    Target { name: "sshsig", seeds, words: &words, check: &check }.run();
}
