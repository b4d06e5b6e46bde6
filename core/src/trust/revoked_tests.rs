//! Lists of revocations, each accepted one beside what is refused.

use proptest::prelude::*;

use super::super::signer::{CertificateKind, OpenPgpSigner};
use super::*;
use crate::time::Timestamp;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0h4EpZxLCDdZsVwW7RDAHwO0Yr2rYzBXNBRlR0Qv2S";
const OPENPGP: &str = "OPENPGP:0123456789ABCDEF0123456789ABCDEF01234567";

fn encoded() -> Vec<u8> {
    STANDARD.decode(KEY.split(' ').nth(1).unwrap()).unwrap()
}

fn read(text: &str) -> Revocations {
    Revocations::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Bytes with their length before them.
fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// A section: its kind and its content.
fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind][..], &field(content)].concat()
}

fn krl(sections: &[Vec<u8>]) -> Vec<u8> {
    let header = [krl::MAGIC.to_vec(), 1_u32.to_be_bytes().to_vec(), vec![0; 24], field(b""), field(b"comment")];
    [header.concat(), sections.concat()].concat()
}

/// The section of the certificates of one authority.
fn certificates(authority: &[u8], parts: &[Vec<u8>]) -> Vec<u8> {
    section(1, &[field(authority), field(b""), parts.concat()].concat())
}

fn range(first: u64, last: u64) -> Vec<u8> {
    section(0x21, &[first.to_be_bytes(), last.to_be_bytes()].concat())
}

fn certificate(serial: u64, key_id: &str) -> Signer {
    let (key, authority) = (SshKey::of(b"subject"), SshKey::of(&encoded()));
    let kind = CertificateKind::User;
    Signer::Certificate(Box::new(Certificate {
        key,
        authority,
        kind,
        serial,
        key_id: key_id.as_bytes().to_vec(),
        principals: Vec::new(),
        valid_after: 0,
        valid_before: u64::MAX,
        critical_options: Vec::new(),
        person_verified: false,
    }))
}

#[test]
fn a_text_lists_fingerprints_and_whole_keys() {
    let (ssh, other) = (SshKey::of(&encoded()), SshKey::of(b"other"));
    for text in
        [format!("# lost\n\n{KEY} alice\n"), format!("\t{} # lost\n", ssh.id()), format!("{OPENPGP}\n{}", ssh.id())]
    {
        let list = read(&text);
        assert!(list.revokes_ssh_key(&ssh) && !list.revokes_ssh_key(&other), "{text}");
    }
    let list = read(OPENPGP);
    let fingerprint = "89ABCDEF0123456789ABCDEF0123456701234567".parse().unwrap();
    let signer = |primary, key| {
        let (made, until) = (Timestamp::from_seconds(0), None);
        Signer::OpenPgp(Box::new(OpenPgpSigner { primary, key, imprint: [0; 32], made, until }))
    };
    let KeyId::OpenPgp(listed) = OPENPGP.parse().unwrap() else { panic!("it is an OpenPGP key") };
    assert!(list.revokes(&signer(listed, fingerprint)).is_some(), "by the primary key");
    assert!(list.revokes(&signer(fingerprint, listed)).is_some(), "by the subkey");
    assert!(list.revokes(&signer(fingerprint, fingerprint)).is_none());
    assert!(read("# nothing\n").is_empty() && read("").is_empty() && !list.is_empty());
}

#[test]
fn what_is_not_understood_refuses_the_text_and_names_the_line() {
    for line in [
        "SHA256:short",
        "OPENPGP:0123",
        "0123456789ABCDEF0123456789ABCDEF01234567",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIH0h4EpZxLCDdZsVwW7RDAHwO0Yr2rYzBXNBRlR0Qv2S",
        "serial: 5",
        "nobody",
        &format!("{OPENPGP} {OPENPGP}"),
        &format!("{KEY}\r"),
    ] {
        let error = Revocations::parse(format!("# one\n{line}\n").as_bytes()).expect_err(line);
        assert_eq!(error, RevokedError::Line(2), "{line}");
    }
    let long = vec![b'\n'; usize::try_from(REVOKED_BYTES_MAX).unwrap() + 1];
    assert_eq!(Revocations::parse(&long), Err(RevokedError::TooLong));
    Revocations::parse(&long[1..]).unwrap();
}

#[test]
fn a_krl_lists_certificates_by_number_and_name() {
    let list = [section(0x20, &[5_u64.to_be_bytes(), 9_u64.to_be_bytes()].concat()), range(100, u64::MAX)];
    let bitmap = section(0x22, &[&20_u64.to_be_bytes()[..], &field(&[0b0000_0001, 0b1000_0010])].concat());
    let names = section(0x23, &field(b"laptop"));
    let all = [&list[..], &[bitmap, names]].concat();
    let list = Revocations::parse(&krl(&[certificates(&encoded(), &all)])).unwrap();
    for (serial, expected) in
        [(0, false), (5, true), (6, false), (9, true), (20, false), (21, true), (27, true), (28, true), (29, false)]
    {
        assert_eq!(list.revokes(&certificate(serial, "x")).is_some(), expected, "{serial}");
    }
    assert!(list.revokes(&certificate(u64::MAX, "x")).is_some());
    assert!(list.revokes(&certificate(1, "laptop")).is_some() && list.revokes(&certificate(1, "lap")).is_none());
    assert!(!list.revokes_certificate(&KeyId::of_key(b"another authority"), 5, b"laptop"));
    let everywhere = Revocations::parse(&krl(&[certificates(b"", &[range(5, 5)])])).unwrap();
    assert!(everywhere.revokes_certificate(&KeyId::of_key(b"any authority"), 5, b""));
}

#[test]
fn a_krl_lists_keys_whole_and_by_both_fingerprints() {
    use sha1::Sha1;
    use sha2::{Digest as _, Sha256};
    let (key, other) = (SshKey::of(&encoded()), SshKey::of(b"other"));
    for part in [
        section(2, &field(&encoded())),
        section(3, &field(&Sha1::digest(encoded()))),
        section(5, &field(&Sha256::digest(encoded()))),
    ] {
        let list = Revocations::parse(&krl(&[part])).unwrap();
        assert!(list.revokes_ssh_key(&key) && !list.revokes_ssh_key(&other));
        assert!(list.revokes(&certificate(1, "")).is_some(), "the authority of a certificate is a key, too");
    }
}

#[test]
fn a_krl_that_is_cut_signed_or_not_understood_is_refused() {
    let check = |bytes: &[u8], expected: RevokedError| assert_eq!(Revocations::parse(bytes), Err(expected));
    let cut = RevokedError::Krl("it ends in the middle");
    let good = krl(&[certificates(&encoded(), &[range(1, 5)])]);
    Revocations::parse(&good).unwrap();
    check(&good[..good.len() - 1], cut.clone());
    check(krl::MAGIC, cut);
    check(&krl(&[section(4, b"key")]), RevokedError::Krl("it is signed; take one without a signature of its own"));
    check(&krl(&[section(255, b"")]), RevokedError::Section(255));
    check(&krl(&[certificates(&encoded(), &[section(0x39, b"")])]), RevokedError::Section(0x39));
    let empty = RevokedError::Krl("a range of serial numbers is empty or begins with 0");
    for (first, last) in [(0, 5), (6, 5)] {
        check(&krl(&[certificates(&encoded(), &[range(first, last)])]), empty.clone());
    }
    let beyond = section(0x22, &[&u64::MAX.to_be_bytes()[..], &field(&[0b10])].concat());
    let beyond = krl(&[certificates(&encoded(), &[beyond])]);
    check(&beyond, RevokedError::Krl("a bitmap goes beyond the largest serial number"));
    check(&krl(&[section(5, &field(b"short"))]), RevokedError::Krl("a fingerprint has the wrong length"));
    let holes = vec![0b0101_0101; REVOKED_RANGES_MAX / 4 + 1];
    let holes = section(0x22, &[&1_u64.to_be_bytes()[..], &field(&holes)].concat());
    check(&krl(&[certificates(&encoded(), &[holes])]), RevokedError::TooManyRanges);
    let mut version = good;
    version[11] = 2;
    check(&version, RevokedError::Krl("its version is not 1"));
}

#[test]
fn a_list_that_revokes_less_is_no_superset() {
    let by = |parts: &[Vec<u8>]| Revocations::parse(&krl(parts)).unwrap();
    let narrow = by(&[certificates(&encoded(), &[range(5, 10)])]);
    let wide = by(&[certificates(&encoded(), &[range(1, 6)]), certificates(b"", &[range(7, 20)])]);
    assert!(wide.is_superset_of(&narrow) && !narrow.is_superset_of(&wide));
    let name = by(&[certificates(&encoded(), &[section(0x23, &field(b"laptop"))])]);
    assert!(!wide.is_superset_of(&name) && name.is_superset_of(&name));
    let sha1 = by(&[section(3, &field(SshKey::of(&encoded()).sha1()))]);
    let (whole, hashed) = (read(KEY), read(&SshKey::of(&encoded()).id().to_string()));
    assert!(whole.is_superset_of(&sha1) && whole.is_superset_of(&hashed) && hashed.is_superset_of(&whole));
    assert!(!hashed.is_superset_of(&sha1) && !sha1.is_superset_of(&hashed));
    assert!(narrow.is_superset_of(&Revocations::default()) && !Revocations::default().is_superset_of(&narrow));
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..200) {
        drop(Revocations::parse(&bytes));
        // The same after a good beginning, where sections are.
        let mut list = krl(&[certificates(&encoded(), &[range(1, 5)])]);
        let keep = at.min(list.len());
        list.truncate(list.len() - keep);
        list.extend_from_slice(&bytes);
        drop(Revocations::parse(&list));
    }
}
