//! The grammar of a raw commit, each accepted case beside what is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const ID: CommitId = CommitId::from_bytes([7; 20]);
const TREE: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";
const PARENT: &str = "parent 1111111111111111111111111111111111111111\n";
const PEOPLE: &str = "author A <a@x> 1767225600 +0000\ncommitter C D <c@x> 1767225660 -0130\n";

fn armor(width: usize) -> String {
    let body = STANDARD.encode([b'S'; 200]);
    let lines: Vec<&str> = body.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n {}\n -----END SSH SIGNATURE-----\n", lines.join("\n "))
}

fn parse(text: &str) -> Result<RawCommit<'_>, Malformed> {
    RawCommit::parse(ID, text.as_bytes())
}

#[track_caller]
fn refused(text: &str, reason: Reason) {
    assert_eq!(parse(text).map(|_| ()).map_err(|malformed| malformed.reason), Err(reason), "{text:?}");
}

#[test]
fn a_whole_commit_gives_all_its_parts() {
    let signature = format!("gpgsig {}", armor(70));
    let text = format!("{TREE}{PARENT}{PEOPLE}encoding ISO-8859-1\n{signature}\nmessage\n\ngpgsig of no meaning\n");
    let commit = parse(&text).unwrap();
    assert_eq!(format!("tree {}\n", commit.tree()), TREE);
    assert_eq!(commit.parents().iter().map(|id| format!("parent {id}\n")).collect::<String>(), PARENT);
    assert_eq!(commit.author(), Identity { name: b"A", email: b"a@x", seconds: 1_767_225_600 });
    assert_eq!(commit.committer(), Identity { name: b"C D", email: b"c@x", seconds: 1_767_225_660 });
    assert_eq!(commit.armor(), &Armor::Ssh(vec![b'S'; 200]));
    assert_eq!(commit.payload().concat(), text.replace(&signature, "").into_bytes());
}

#[test]
fn the_payload_of_a_commit_is_the_same_with_and_without_its_signature() {
    let unsigned = format!("{TREE}{PEOPLE}\nmessage\n");
    let signed = format!("{TREE}{PEOPLE}gpgsig {}\nmessage\n", armor(70));
    let other = format!("{TREE}{PEOPLE}\nanother message\n");
    let digest = |text: &str| parse(text).unwrap().payload_digest();
    assert_eq!(digest(&unsigned), digest(&signed));
    assert_ne!(digest(&unsigned), digest(&other));
    assert_eq!(parse(&unsigned).unwrap().armor(), &Armor::None);
}

#[test]
fn headers_out_of_place_are_refused() {
    let good = format!("{TREE}{PARENT}{PEOPLE}\n");
    assert!(parse(&good).is_ok());
    for bad in [
        String::new(),
        good.replace(TREE, ""),
        format!("{TREE}{good}"),
        format!("{PARENT}{TREE}{PEOPLE}\n"),
        format!("{TREE}{PARENT}{PARENT}{PEOPLE}\n"),
        format!("{TREE}{PEOPLE}{PARENT}\n"),
        format!("{TREE}{PARENT}{PEOPLE}"),
        format!("{TREE}{PEOPLE}{PEOPLE}\n"),
        format!("{TREE}{PEOPLE}mergetag object 1\n\n"),
        format!("{TREE}{PEOPLE}gpgsig-sha256 -----BEGIN\n\n"),
        format!("{TREE}{PEOPLE}encoding\n\n"),
        format!("{TREE}{PEOPLE}encoding a b\n\n"),
        format!("{TREE}{PEOPLE}gpgsig {}encoding UTF-8\n\n", armor(70)),
        format!("{TREE}{PEOPLE} continued\n\n"),
        good.replace("tree ", "Tree "),
        good.replace("4b825dc", "4B825DC"),
        good.replace("parent 1111", "parent 111"),
        good.replace("committer C D", "committer C\0D"),
        format!("{good}message\0"),
        format!("{good}{}", "m".repeat(usize::try_from(COMMIT_BYTES_MAX).unwrap())),
    ] {
        refused(&bad, Reason::MalformedCommit);
    }
}

#[test]
fn people_and_dates_are_read_strictly() {
    let with = |line: &str| format!("{TREE}author {line}\ncommitter A <a@x> 1 +0000\n\n");
    for good in ["A <a@x> 0 +0000", "<a@x> 1 +0000", "A B  <> 253402300799 -1200"] {
        assert!(parse(&with(good)).is_ok(), "{good}");
    }
    for bad in [
        "A a@x 1 +0000",
        "A <a@x 1 +0000",
        "A <a@x> 1",
        "A <a@x> 01 +0000",
        "A <a@x> -1 +0000",
        "A <a@x> 1 0000",
        "A <a@x> 1 +000",
        "A <a@x> 1 +0000 ",
        "A <a@x>1 +0000",
        "A<a@x> 1 +0000",
        "A <a<@x> 1 +0000",
        "A <a@x> 253402300800 +0000",
        "A <a@x> 99999999999999999999 +0000",
        "A > <a@x> 1 +0000",
    ] {
        refused(&with(bad), Reason::MalformedCommit);
    }
}

#[test]
fn a_second_signature_is_refused_wherever_the_first_came_from() {
    let first = format!("gpgsig {}", armor(70));
    assert!(parse(&format!("{TREE}{PEOPLE}{first}\n")).is_ok());
    refused(&format!("{TREE}{PEOPLE}{first}{first}\n"), Reason::TwoSignatures);
    refused(&format!("{TREE}{PEOPLE}{first}gpgsig x\n\n"), Reason::TwoSignatures);
}

#[test]
fn armor_is_refused_unless_openssh_would_write_the_same() {
    let with = |armor: &str| format!("{TREE}{PEOPLE}gpgsig {armor}\n");
    let good = armor(70);
    assert!(parse(&with(&good)).is_ok());
    for bad in [
        armor(64),
        armor(76),
        good.replace(" -----END SSH SIGNATURE-----\n", ""),
        good.replace("-----END SSH SIGNATURE-----", "-----END SSH SIGNATURE----- "),
        good.replace("-----END SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n \n"),
        good.replace("-----BEGIN SSH", "------BEGIN SSH"),
        good.replacen("\n ", "\n  ", 1),
        good.replace("U1M=", "U1N="),
        good.replace("U1M=", "U1M"),
        good.replacen('U', "!", 1),
        "-----BEGIN SSH SIGNATURE-----\n -----END SSH SIGNATURE-----\n".to_owned(),
    ] {
        assert_ne!(bad, good);
        refused(&with(&bad), Reason::NotCanonical);
    }
}

#[test]
fn other_kinds_of_signatures_are_known_and_an_openpgp_one_is_taken_out_of_its_armor() {
    let with = |begin: &str| format!("{TREE}{PEOPLE}gpgsig {begin}\n \n AAAA\n\n");
    let openpgp = with("-----BEGIN PGP SIGNATURE-----");
    refused(&openpgp, Reason::NotCanonical);
    let openpgp = openpgp.replace("AAAA\n", "AAAA\n -----END PGP SIGNATURE-----\n");
    assert_eq!(parse(&openpgp).unwrap().armor(), &Armor::OpenPgp(vec![0; 3]));
    assert_eq!(parse(&with("-----BEGIN SIGNED MESSAGE-----")).unwrap().armor(), &Armor::X509);
    refused(&with("-----BEGIN OTHER SIGNATURE-----"), Reason::NotCanonical);
}

#[test]
fn a_malformed_commit_still_says_where_history_goes_on() {
    let malformed = parse(&format!("{TREE}{PARENT}{PEOPLE}mergetag x\n\n")).unwrap_err();
    assert_eq!(malformed.parents.len(), 1);
}
