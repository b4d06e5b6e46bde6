//! Commits signed with OpenSSH certificates, made by `ssh-keygen -s`: each that is admitted beside what is refused, and what
//! Git itself says.

use writ_core::time::Timestamp;
use writ_core::trust::Reason;

use super::world::World;
use crate::repository::{Key, Sign, certify, key, key_of_kind, sign};

/// A world whose head lets an authority certify people of `example.com`.
struct Certified {
    world: World,
    authority: Key,
    lines: String,
}

impl Certified {
    fn with(options: &str) -> Self {
        let world = World::new();
        let authority = key(world.keys.path(), "authority");
        let lines = world.alice.line() + &format!("*@example.com {options} {}\n", authority.public);
        world.authorize(&lines);
        Self { world, authority, lines }
    }

    fn new() -> Self {
        Self::with("cert-authority")
    }

    /// A commit by Bob's key with a certificate as the arguments say.
    fn by_bob(&self, arguments: &[&str]) -> String {
        let bob = certify(&self.authority, &self.world.bob, arguments);
        self.world.repository.commit(Sign::By(&bob), "by certificate")
    }

    fn git_takes(&self, commit: &str) -> bool {
        self.world.repository.git_verifies(commit, &self.lines)
    }

    /// Refuses a commit by such a certificate, as Git does or does not, and goes back to before it.
    #[track_caller]
    fn refused(&self, arguments: &[&str], reason: Reason, git_takes: bool) {
        let head = self.by_bob(arguments);
        assert_eq!(self.git_takes(&head), git_takes, "git on {arguments:?}");
        self.world.refused(&head, &head, reason);
        self.world.repository.reset("HEAD~1");
    }
}

const BOB: [&str; 4] = ["-I", "bob's laptop", "-n", "bob@example.com"];

fn bob(more: &[&'static str]) -> Vec<&'static str> {
    [&BOB[..], more].concat()
}

#[test]
fn a_certificate_of_a_listed_authority_signs_under_the_principal_that_it_names() {
    let certified = Certified::new();
    let head = certified.by_bob(&bob(&["-z", "7"]));
    let admitted = certified.world.admitted(&head);
    assert_eq!(admitted.principal(), "bob@example.com");
    assert_eq!(admitted.signer().to_string(), certified.world.bob.fingerprint);
    let head = certified.by_bob(&["-I", "x", "-n", "bob@elsewhere.org,robert@example.com"]);
    assert_eq!(certified.world.admitted(&head).principal(), "robert@example.com");
}

#[test]
fn refuses_a_certificate_without_a_principal_that_its_line_lets_sign() {
    let certified = Certified::new();
    certified.refused(&["-I", "x", "-n", "bob@elsewhere.org"], Reason::UnknownKey, false);
    certified.refused(&["-I", "x"], Reason::UnknownKey, false);
    certified.refused(&["-I", "x", "-h", "-n", "bob@example.com"], Reason::UnknownKey, false);
    certified.world.admitted(&certified.by_bob(&BOB));
}

#[test]
fn refuses_a_certificate_of_an_authority_that_is_not_listed_as_one() {
    let certified = Certified::new();
    let world = &certified.world;
    let stranger = key(world.keys.path(), "stranger");
    let bob = certify(&stranger, &world.bob, &BOB);
    let head = world.repository.commit(Sign::By(&bob), "by a stranger's certificate");
    assert!(!certified.git_takes(&head));
    world.refused(&head, &head, Reason::UnknownKey);

    // A line of the key itself does not count for its certificate, nor the line of an authority for its own signature.
    let plain = World::new();
    let lines = plain.alice.line() + &plain.bob.line();
    plain.authorize(&lines);
    let bob = certify(&stranger, &plain.bob, &BOB);
    let head = plain.repository.commit(Sign::By(&bob), "listed, but not so");
    assert!(!plain.repository.git_verifies(&head, &lines));
    plain.refused(&head, &head, Reason::UnknownKey);
    let certified = Certified::new();
    let head = certified.world.repository.commit(Sign::By(&certified.authority), "by the authority");
    assert!(!certified.git_takes(&head));
    certified.world.refused(&head, &head, Reason::UnknownKey);
}

#[test]
fn a_certificate_is_valid_at_the_commits_date_and_when_it_was_first_seen() {
    let certified = Certified::new();
    certified.refused(&bob(&["-V", "20260101060000Z:20270101000000Z"]), Reason::NotYetValid, false);
    certified.refused(&bob(&["-V", "20250101000000Z:20260101000000Z"]), Reason::Expired, false);
    // Git looks at the date that the commit itself claims.
    certified.refused(&bob(&["-V", "20250101000000Z:20260101060000Z"]), Reason::Expired, true);
    let head = certified.by_bob(&bob(&["-V", "20250101000000Z:20260101060000Z"]));
    let early = Timestamp::parse("2026-01-01T05:59:59Z").unwrap();
    assert!(certified.world.judge(&head, None, early).1.is_ok(), "seen within the period");
    certified.world.repository.reset("HEAD~1");
    certified.world.admitted(&certified.by_bob(&bob(&["-V", "20250101000000Z:20270101000000Z"])));
}

#[test]
fn the_options_of_the_line_count_for_certificates_too() {
    for (options, reason) in [
        ("cert-authority,namespaces=\"file\"", Reason::WrongNamespace),
        ("cert-authority,valid-before=\"20251231Z\"", Reason::Expired),
        ("valid-after=\"20260601Z\",cert-authority", Reason::NotYetValid),
    ] {
        Certified::with(options).refused(&BOB, reason, false);
    }
    let certified = Certified::with("namespaces=\"git\",cert-authority,valid-before=\"20270101Z\"");
    certified.world.admitted(&certified.by_bob(&BOB));
}

#[test]
fn refuses_a_certificate_with_a_critical_option_though_git_takes_it() {
    let certified = Certified::new();
    for option in ["force-command=true", "source-address=10.0.0.0/8", "verify-required", "critical:x@example.com=1"] {
        certified.refused(&bob(&["-O", option]), Reason::UnknownKey, true);
    }
    certified.world.admitted(&certified.by_bob(&bob(&["-O", "clear", "-O", "extension:x@example.com=1"])));
}

#[test]
fn refuses_a_weak_key_on_either_end_of_a_certificate() {
    let world = World::new();
    let make = |name: &str, kind: &[&str]| key_of_kind(world.keys.path(), name, kind);
    let authorities = [
        (make("p384", &["-t", "ecdsa", "-b", "384"]), None),
        (make("rsa3072", &["-t", "rsa", "-b", "3072"]), None),
        (make("rsa2048", &["-t", "rsa", "-b", "2048"]), Some(Reason::WeakKey)),
        (make("p521", &["-t", "ecdsa", "-b", "521"]), Some(Reason::UnknownKey)),
    ];
    let usable = authorities.iter().filter(|(key, _)| !key.public.contains("nistp521"));
    let lines = usable.map(|(key, _)| format!("*@example.com cert-authority {}\n", key.public)).collect::<String>();
    world.authorize(&(world.alice.line() + &lines));
    let check = |authority: &Key, key: &Key, arguments: &[&str], refused: Option<Reason>| {
        let signer = certify(authority, key, &[&BOB[..], arguments].concat());
        let head = world.repository.commit(Sign::By(&signer), "by certificate");
        match refused {
            None => drop(world.admitted(&head)),
            Some(reason) => {
                world.refused(&head, &head, reason);
                world.repository.reset("HEAD~1");
            }
        }
    };
    for (authority, refused) in &authorities {
        check(authority, &world.bob, &[], *refused);
    }
    let [_, (rsa, _), ..] = &authorities;
    check(rsa, &world.bob, &["-t", "ssh-rsa"], Some(Reason::WeakKey));
    let strong = [make("of-p256", &["-t", "ecdsa", "-b", "256"]), make("of-rsa", &["-t", "rsa", "-b", "3072"])];
    strong.iter().for_each(|key| check(rsa, key, &[], None));
    check(rsa, &make("of-rsa2048", &["-t", "rsa", "-b", "2048"]), &[], Some(Reason::WeakKey));
}

#[test]
fn refuses_a_certificate_that_was_changed_or_made_for_another_commit() {
    use super::signatures::{gpgsig, split, with_header};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let certified = Certified::new();
    let world = &certified.world;
    let signer = certify(&certified.authority, &world.bob, &BOB);
    let (payload, _) = split(&world.repository.object("commit", &world.by_alice("change")));
    let armor = sign(&signer, "git", &payload);
    world.admitted(&world.store(&with_header(&payload, &gpgsig(&armor))));
    // The same signature, with one more person in the certificate.
    let body: String = armor.lines().filter(|line| !line.contains("-----")).collect();
    let bytes = STANDARD.decode(body).unwrap();
    let at = bytes.windows(4).position(|part| part == b"bob@").unwrap();
    let mut changed = bytes;
    changed[at] = b'r';
    let body = STANDARD.encode(changed);
    let lines: Vec<&str> = body.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let armor = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----", lines.join("\n"));
    let head = world.store(&with_header(&payload, &gpgsig(&armor)));
    assert!(!certified.git_takes(&head));
    world.refused(&head, &head, Reason::BadSignature);
    let other = with_header(&payload, &gpgsig(&sign(&signer, "git", b"something else")));
    let head = world.store(&other);
    world.refused(&head, &head, Reason::BadSignature);
}

#[test]
fn a_merge_is_signed_by_a_certificate_whose_authority_every_parent_lists() {
    let certified = Certified::new();
    let world = &certified.world;
    let base = world.repository.head();
    world.repository.branch("side", &base);
    world.authorize(&world.alice.line());
    world.repository.switch("main");
    world.repository.write("main", "x");
    let main = world.by_alice("main goes on");
    let bob = certify(&certified.authority, &world.bob, &BOB);
    let head = world.repository.merge("side", Sign::By(&bob));
    world.refused(&head, &head, Reason::UnknownKey);
    world.repository.reset(&main);
    world.repository.write("more", "x");
    world.admitted(&world.repository.commit(Sign::By(&bob), "on main alone"));
}
