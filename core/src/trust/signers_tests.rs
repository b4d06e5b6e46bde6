//! Files of signers, each accepted line beside what is refused.

use super::*;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH0h4EpZxLCDdZsVwW7RDAHwO0Yr2rYzBXNBRlR0Qv2S";

fn id() -> KeyId {
    KeyId::of_key(&STANDARD.decode(KEY.split(' ').nth(1).unwrap()).unwrap())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[track_caller]
fn check(line: &str, expected: Standing<'_>) {
    let signers = AllowedSigners::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(signers.standing(&id(), Use::commit(&[at("2026-06-01T00:00:00Z")])), expected, "{line}");
}

#[track_caller]
fn refused(line: &str, expected: &str) {
    let error = AllowedSigners::parse(line.as_bytes()).expect_err(line);
    assert_eq!(error.to_string(), expected, "{line}");
}

#[test]
fn lines_are_read_as_ssh_keygen_reads_them() {
    check(&format!("a@x {KEY}"), Standing::Authorized("a@x"));
    check(&format!("# first\n\n  \t# second\n a@x\t{KEY}  a comment with \"words\"\n"), Standing::Authorized("a@x"));
    check(&format!("\"a@x,b@x\" {KEY}"), Standing::Authorized("a@x"));
    check(&format!("!b@x,*@x {KEY}"), Standing::Authorized("*@x"));
    check("# nobody\n", Standing::Unknown);
}

#[test]
fn options_are_honoured() {
    let standing = |options: &str, expected| check(&format!("a@x {options} {KEY}"), expected);
    standing("namespaces=\"git\"", Standing::Authorized("a@x"));
    standing("namespaces=\"file,g?t\"", Standing::Authorized("a@x"));
    standing("namespaces=\"file\"", Standing::WrongNamespace);
    standing("namespaces=\"!git,*\"", Standing::WrongNamespace);
    standing("valid-after=\"20260601Z\"", Standing::Authorized("a@x"));
    standing("valid-after=\"202606010001\"", Standing::NotYetValid);
    standing("valid-before=\"20260601000000Z\"", Standing::Authorized("a@x"));
    standing("valid-before=\"20260531Z\"", Standing::Expired);
    standing("Valid-After=\"20260101\",NAMESPACES=\"git\",valid-before=\"20270101\"", Standing::Authorized("a@x"));
}

#[test]
fn every_moment_must_lie_in_the_period() {
    let signers = AllowedSigners::parse(format!("a@x valid-before=\"20260601Z\" {KEY}").as_bytes()).unwrap();
    let (backdated, seen) = (at("2026-05-01T00:00:00Z"), at("2026-07-01T00:00:00Z"));
    assert_eq!(signers.standing(&id(), Use::commit(&[backdated])), Standing::Authorized("a@x"));
    assert_eq!(signers.standing(&id(), Use::commit(&[backdated, seen])), Standing::Expired);
}

#[test]
fn one_of_several_lines_is_enough() {
    let text = format!("old@x valid-before=\"20250101\" {KEY}\nnew@x {KEY}\n");
    check(&text, Standing::Authorized("new@x"));
}

#[test]
fn what_is_not_understood_refuses_the_file_and_names_the_line() {
    let with = |options: &str| format!("# one\na@x {options} {KEY}");
    refused(&with("cert-authority=\"x\""), "line 2: the value of `cert-authority` cannot be read; it has none");
    refused(&with("cert-authority,cert-authority"), "line 2: the option `cert-authority` stands twice");
    for option in ["no-touch-required", "verify-required"] {
        refused(
            &with(option),
            &format!(
                "line 2: the option `{option}` belongs into `authorized_keys` and is not one of `allowed_signers`, to \
                 OpenSSH neither; a security key must always be touched"
            ),
        );
    }
    refused(&with("no-pty"), "line 2: the option `no-pty` is unknown");
    refused(&with("a\u{feff}\u{202e}b"), "line 2: the option `a\\u{feff}\\u{202e}b` is unknown");
    refused(&with("namespaces"), "line 2: the value of `namespaces` cannot be read");
    refused(&with("namespaces=\"\""), "line 2: the value of `namespaces` cannot be read");
    refused(&with("namespaces=git"), "line 2: the value of `namespaces` cannot be read");
    refused(&with("namespaces=\"git\",namespaces=\"git\""), "line 2: the option `namespaces` stands twice");
    refused(
        &with("valid-after=\"20270101\",valid-before=\"20260101\""),
        "line 2: `valid-before` is not after `valid-after`",
    );
    refused(
        &with("valid-before=\"2026-01-01\""),
        "line 2: the value of `valid-before` cannot be read; write `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with \
         `Z` for UTC",
    );
    let fields = "line 2: it is not `principals [options] key-type key [comment]`";
    for options in ["namespaces=\"git\",", "namespaces=\"git", "namespaces=\"git\"x"] {
        refused(&with(options), fields);
    }
    refused("\na@x", fields);
    refused("\na@x ssh-ed25519", fields);
    refused(&format!("\n\"a@x\"{KEY}"), fields);
    let principals = "line 1: the principals are not a list of patterns that can match anyone";
    for line in ["!a@x", "a@x,,b@x", "\"a@x", "\"\""] {
        refused(&format!("{line} {KEY}"), principals);
    }
    refused(&format!("a@x {KEY}\r"), "line 1: it is not plain UTF-8 text (line ends of Windows included)");
}

#[test]
fn keys_must_be_of_the_kind_that_the_line_names() {
    let blob = KEY.split(' ').nth(1).unwrap();
    refused(&format!("a@x ssh-rsa {blob}"), "line 1: the key cannot be read");
    refused("a@x ssh-ed25519 !!!!", "line 1: the key cannot be read");
    refused("a@x ssh-ed25519 AAAA", "line 1: the key cannot be read");
    let kind = "is not accepted; use Ed25519, ECDSA P-256 or P-384, or RSA";
    refused(&format!("a@x ssh-dss {blob}"), &format!("line 1: the key type `ssh-dss` {kind}"));
    refused(&format!("a@x ecdsa-sha2-nistp521 {blob}"), &format!("line 1: the key type `ecdsa-sha2-nistp521` {kind}"));
}

#[test]
fn a_certificate_that_asks_for_a_verified_person_signs_if_the_security_key_says_so() {
    use super::super::signer::SshKey;
    let authority = SshKey::of(&STANDARD.decode(KEY.split(' ').nth(1).unwrap()).unwrap());
    let certificate = |options: &[&str], person_verified: bool| Certificate {
        key: SshKey::of(b"subject"),
        authority,
        kind: CertificateKind::User,
        serial: 0,
        key_id: Vec::new(),
        principals: vec!["a@x".to_owned()],
        valid_after: 0,
        valid_before: u64::MAX,
        critical_options: options.iter().map(|option| (*option).to_owned()).collect(),
        person_verified,
    };
    let signers = AllowedSigners::parse(format!("*@x cert-authority {KEY}").as_bytes()).unwrap();
    let check = |certificate: &Certificate, expected: bool| {
        let standing = signers.standing_by_certificate(certificate, Use::commit(&[at("2026-06-01T00:00:00Z")]));
        assert_eq!(matches!(standing, Standing::Authorized("a@x")), expected, "{standing:?}");
    };
    check(&certificate(&[], false), true);
    check(&certificate(&[VERIFY_REQUIRED], true), true);
    check(&certificate(&[VERIFY_REQUIRED], false), false);
    check(&certificate(&[VERIFY_REQUIRED, "force-command"], true), false);
    check(&certificate(&["unknown@x"], true), false);
    // The line of an authority lets its key sign certificates and nothing else.
    assert_eq!(signers.standing(&id(), Use::commit(&[])), Standing::Unknown);
}
