//! The files of trust of a repository, and statements.

use std::io::Write as _;
use std::process::Stdio;

use writ_core::guard::Policy;
use writ_core::text::{Problems, Sources};
use writ_core::time::Timestamp;
use writ_core::trust::{AllowedSigners, Approval, KeyId, Revocations, Rewind, Rules};

use crate::corpus::frozen;
use crate::corpus::person::{ALICE, AUTHORITY, BOB, EVE};
use crate::corpus::scene::FIRST_COMMIT;
use crate::driver::Target;
use crate::repository::program;

/// Files of signers of which `ssh-keygen` is asked, too.
const ASKED_MAX: usize = 40;

/// Whether the first key of the corpus signs a file for Git by this list, to `ssh-keygen`.
fn ssh_keygen_takes(list: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let (signers, signature) = (folder.path().join("signers"), folder.path().join("signature"));
    std::fs::write(&signers, list).unwrap();
    std::fs::write(&signature, ALICE.sign("git", b"text")).unwrap();
    let mut command = program("ssh-keygen");
    command.args(["-Y", "verify", "-n", "git", "-I", &ALICE.principal(), "-O", "verify-time=20260101000000Z", "-f"]);
    command.arg(&signers).arg("-s").arg(&signature);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"text").unwrap();
    child.wait().unwrap().success()
}

#[test]
fn what_a_list_of_signers_says_ssh_keygen_says_too() {
    let options = [
        "namespaces=\"git\"",
        "namespaces=\"file,git\"",
        "namespaces=\"!git,*\"",
        "valid-after=\"20250101\"",
        "valid-before=\"20270101000000Z\"",
        "valid-after=\"20260601\"",
        "valid-before=\"202512311200\"",
        "namespaces=\"git\",valid-after=\"20250101Z\",valid-before=\"20270101Z\"",
        "cert-authority",
    ];
    let mut seeds: Vec<String> = options.iter().map(|options| ALICE.line_with(options)).collect();
    seeds.push(ALICE.line() + &BOB.line());
    seeds.push(format!("# a comment\n\n*@example.com,!bob@example.com {} ann's key\n", ALICE.text()));
    seeds.push(format!("\"alice@example.com\" {}\n", ALICE.text()));
    seeds.push(BOB.line() + &format!("*@example.com cert-authority {}\n", AUTHORITY.text()));
    seeds.extend(["rsa2048", "dsa", "p521"].map(frozen::ssh_line));
    let words = [
        "*",
        "?",
        "!",
        ",",
        "\"",
        " ",
        "\t",
        "#",
        "alice@example.com",
        "ALICE@example.com",
        "*@example.com",
        "!alice@example.com",
        "namespaces=\"git\" ",
        "namespaces=\"*\" ",
        "valid-before=\"20250101\" ",
        "valid-after=\"20250101\" ",
        "cert-authority ",
        "CERT-AUTHORITY ",
        "no-touch-required ",
        "verify-required ",
        "ssh-ed25519 ",
        "ssh-rsa ",
    ];
    let key = KeyId::of_key(&ALICE.public());
    let takes = |bytes: &[u8]| {
        let signers = AllowedSigners::parse(bytes).ok()?;
        Some(signers.lists(&key, &ALICE.principal(), "git", Timestamp::from_seconds(FIRST_COMMIT)))
    };
    let check = |bytes: &[u8]| match AllowedSigners::parse(bytes) {
        Ok(signers) => {
            assert!(takes(bytes).is_some());
            let standing = takes(bytes).unwrap();
            format!("taken, {}, {standing:?}", signers.is_empty())
        }
        Err(error) => error.to_string(),
    };
    let seeds = seeds.into_iter().map(String::into_bytes).collect();
    let pool = Target { name: "allowed-signers", seeds, words: &words, check: &check }.run();
    let taken: Vec<(&Vec<u8>, bool)> = pool.iter().filter_map(|list| Some((list, takes(list)?.is_ok()))).collect();
    assert!(taken.len() > 5, "{} lists are taken", taken.len());
    for (list, ours) in taken.iter().step_by(taken.len() / ASKED_MAX + 1) {
        assert_eq!(ssh_keygen_takes(list), *ours, "ssh-keygen says otherwise of {:?}", String::from_utf8_lossy(list));
    }
}

#[test]
fn no_bytes_are_too_much_for_the_reader_of_revocations_and_none_revokes_less_than_itself() {
    let keys = [&ALICE, &BOB].map(|person| format!("{}\n{} comment\n", person.fingerprint(), person.text()));
    let mut seeds: Vec<Vec<u8>> = keys.map(String::into_bytes).into();
    seeds.push(b"# nobody\nOPENPGP:0123456789ABCDEF0123456789ABCDEF01234567 # lost\n".to_vec());
    let words = [
        "SSHKRL\n\0",
        "\0\0\0\x01",
        "\0\0\0\0\0\0\0\x01",
        "\x01",
        "\x02",
        "\x20",
        "\x21",
        "\x22",
        "\x23",
        "SHA256:",
        "OPENPGP:",
        "\n#",
    ];
    let check = |bytes: &[u8]| match Revocations::parse(bytes) {
        Ok(revoked) => {
            assert!(revoked.is_superset_of(&revoked) && revoked.is_superset_of(&Revocations::default()));
            assert!(revoked.is_empty() || !Revocations::default().is_superset_of(&revoked));
            let eve = revoked.revokes_key(&KeyId::of_key(&EVE.public()));
            let alice = revoked.revokes_key(&KeyId::of_key(&ALICE.public()));
            assert!(!eve, "a key is revoked that no seed names");
            format!("taken, {}, {alice}", revoked.is_empty())
        }
        Err(error) => error.to_string(),
    };
    Target { name: "revocations", seeds, words: &words, check: &check }.run();
}

const RULES: &str = "version = 1\nmax_age = \"2d\"\nforge = [\"forge@example.com\"]\nheartbeat = [\"pulse@example.com\"]\n\n\
    [[rule]]\nname = \"trust\"\npaths = [\".writ/**\", \"!.writ/x\"]\nhosts = [\"edge-*\", \"!edge-9\"]\n\
    signers = [\"*@example.com\", \"!carol@example.com\"]\nthreshold = 2\nmay = [\"ports\", \"host-paths\"]\n";

const POLICY: &str = "base = \"restricted\"\nprivileged = false\ncapabilities = [\"CHOWN\"]\nhost_paths = [\"/srv\"]\n\
    host_addresses = [\"192.0.2.1\"]\nhost_ports = [\"free\", \"80-90\"]\nregistries = [\"ghcr.io/acme\"]\npinned_images = true\n";

#[test]
fn rules_and_policies_tell_each_problem_at_a_line_that_is_there() {
    let words = [
        "[[rule]]\n",
        "[rule]\n",
        "version = 1\n",
        "threshold = ",
        "paths = [\"**\"]\n",
        "signers = []\n",
        "may = [\"*\"]\n",
        "max_age = \"",
        "name = \"",
        "hosts = ",
        "'''",
        "\"\"\"",
        "= {",
        "x.y.z = 1\n",
        "1979-05-27",
        "inf",
        "0x",
        "**",
        "*",
        "!",
        "../",
        "\\u202e",
        "\\u0000",
    ];
    let check = |bytes: &[u8]| {
        let told = match Rules::parse(bytes) {
            Ok(rules) => {
                assert_eq!(Rules::parse(bytes).as_ref(), Ok(&rules));
                format!("taken, {}", rules.max_age().is_some())
            }
            Err(error) => error.to_string(),
        };
        let lines = bytes.split(|byte| *byte == b'\n').count();
        for number in told.split("; ").filter_map(|problem| problem.strip_prefix("line ")?.split(':').next()) {
            if let Ok(number) = number.parse::<usize>() {
                assert!((1..=lines).contains(&number), "{told}");
            }
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return told };
        let (mut problems, mut sources) = (Problems::default(), Sources::default());
        sources.insert("own.toml", text);
        let policy = Policy::read("own.toml", text, &mut problems);
        assert_eq!(policy.is_none(), problems.has_errors(), "a policy is there or a problem is");
        told + &problems.render(&sources, false)
    };
    let seeds = vec![RULES.into(), POLICY.into(), "version = 1\n".into()];
    Target { name: "rules", seeds, words: &words, check: &check }.run();
}

#[test]
fn a_statement_that_is_taken_is_written_again_byte_by_byte() {
    const ID: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    let seeds = [
        format!("writ approval 1\ntree {ID}\n"),
        format!("writ approval 1\ntree {ID}\nhosts edge-*,!edge-9\nuntil 2026-12-24T12:00:00Z\n"),
        format!("writ rewind 1\nsource infra\nhost edge-1\nfrom {ID}\nto {ID}\nuntil 2026-12-24T12:00:00Z\n"),
    ];
    let words = [
        "writ approval 1\n",
        "writ rewind 1\n",
        "tree ",
        "hosts ",
        "until ",
        "source ",
        "host ",
        "from ",
        "to ",
        ID,
        "2024-02-29T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "0000-00-00T00:00:00Z",
        "2026-12-24T12:00:60Z",
        "+00:00",
        "\u{a0}",
        "*,",
    ];
    let check = |bytes: &[u8]| {
        let (approval, rewind) = (Approval::parse(bytes), Rewind::parse(bytes));
        if let Ok(approval) = &approval {
            assert_eq!(approval.text().as_bytes(), bytes, "an approval has two spellings");
            assert!(approval.hosts.is_none() || !approval.counts(None, Timestamp::from_seconds(0)));
        }
        if let Ok(rewind) = &rewind {
            assert_eq!(rewind.text().as_bytes(), bytes, "a rewind has two spellings");
        }
        assert!(approval.is_err() || rewind.is_err());
        let said = |error: Option<String>| error.unwrap_or_else(|| "taken".to_owned());
        let told = [approval.err().map(|error| error.to_string()), rewind.err().map(|error| error.to_string())];
        told.map(said).join(", ")
    };
    Target { name: "statement", seeds: seeds.map(String::into_bytes).into(), words: &words, check: &check }.run();
}
