//! Which commits may change a host: each attack beside the honest commit that it resembles.
//!
//! Every verdict is compared with `git verify-commit`: what is admitted here, Git accepts by every parent's file, too.

use std::cell::RefCell;
use std::collections::BTreeSet;

use tempfile::TempDir;
use writ::git::Repository as Opened;
use writ_core::time::Timestamp;
use writ_core::trust::{Admitted, CommitId, Introduction, Outcome, Reason, Verdicts, admit, verdicts};

use crate::long_history;
use crate::repository::{FIRST_COMMIT, Key, Repository, Sign, key, key_of_kind, sign};

struct World {
    keys: TempDir,
    alice: Key,
    bob: Key,
    repository: Repository,
    introduction: Introduction,
    /// What Git was asked about already, and accepted.
    agreed: RefCell<BTreeSet<String>>,
}

impl World {
    /// A repository whose first commit authorizes Alice and is signed by her.
    fn new() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let (alice, bob) = (key(keys.path(), "alice"), key(keys.path(), "bob"));
        let (repository, commit) = Repository::introduced_by(&alice);
        let introduction = introduction(&commit, &alice);
        Self { keys, alice, bob, repository, introduction, agreed: RefCell::default() }
    }

    fn by_alice(&self, message: &str) -> String {
        self.repository.commit(Sign::By(&self.alice), message)
    }

    fn by_bob(&self, message: &str) -> String {
        self.repository.commit(Sign::By(&self.bob), message)
    }

    /// Alice's next commit authorizes what the file says.
    fn authorize(&self, lines: &str) -> String {
        self.repository.authorize(lines);
        self.by_alice("authorize")
    }

    /// Stores a commit of any bytes as the head.
    fn store(&self, bytes: &[u8]) -> String {
        let commit = self.repository.store("commit", bytes);
        self.repository.point("refs/heads/main", &commit);
        commit
    }

    fn judge(&self, head: &str, floor: Option<&str>, now: Timestamp) -> (Verdicts, Result<Admitted, String>) {
        let floor = floor.map(id);
        let opened = Opened::open(&self.repository.path()).unwrap();
        let evidence = opened.evidence(&self.introduction, floor.as_ref(), id(head)).unwrap();
        let verdicts = verdicts(&evidence, &self.introduction, floor.as_ref(), now);
        let admitted = admit(&evidence, &self.introduction, floor.as_ref(), now);
        assert_eq!(verdicts.admitted(), admitted.is_ok());
        for verdict in verdicts.commits.iter().filter(|verdict| verdict.outcome == Outcome::Admitted) {
            self.git_agrees(&verdict.commit.to_string());
        }
        (verdicts, admitted.map_err(|refusal| refusal.to_string()))
    }

    /// Git accepts the commit by the file of each parent (by its own, if it is the introduction).
    fn git_agrees(&self, commit: &str) {
        if !self.agreed.borrow_mut().insert(commit.to_owned()) {
            return;
        }
        let parents = self.repository.git(&["rev-list", "--parents", "-n", "1", commit]);
        let mut parents: Vec<&str> = parents.split(' ').skip(1).collect();
        if id(commit) == self.introduction.commit {
            parents = vec![commit];
        }
        for parent in parents {
            let signers = self.repository.git(&["show", &format!("{parent}:.writ/allowed_signers")]);
            assert!(self.repository.git_verifies(commit, &format!("{signers}\n")), "git refuses {commit} by {parent}");
        }
    }

    #[track_caller]
    fn admitted(&self, head: &str) -> Admitted {
        self.admitted_above(head, None)
    }

    #[track_caller]
    fn admitted_above(&self, head: &str, floor: Option<&str>) -> Admitted {
        let admitted = self.judge(head, floor, now()).1.unwrap();
        assert_eq!(admitted.commit(), id(head));
        admitted
    }

    /// The head is refused because of `commit`, for `reason`.
    #[track_caller]
    fn refused(&self, head: &str, commit: &str, reason: Reason) {
        self.refused_above(head, None, commit, reason);
    }

    #[track_caller]
    fn refused_above(&self, head: &str, floor: Option<&str>, commit: &str, reason: Reason) {
        let (verdicts, admitted) = self.judge(head, floor, now());
        let refused = verdicts.commits.iter().find(|verdict| verdict.outcome != Outcome::Admitted);
        let refused = refused.expect("a commit is refused");
        assert!(matches!(refused.outcome, Outcome::Refused(found, _) if found == reason), "{:?}", refused.outcome);
        assert_eq!(refused.commit, id(commit));
        let text = admitted.unwrap_err();
        let (code, advice) = (reason.code(), reason.advice());
        assert!(text.starts_with(&format!("commit {commit} is refused ({code}): ")) && text.contains(advice), "{text}");
    }
}

fn id(text: &str) -> CommitId {
    text.parse().unwrap()
}

fn introduction(commit: &str, key: &Key) -> Introduction {
    Introduction { commit: id(commit), signer: key.fingerprint.parse().unwrap() }
}

fn now() -> Timestamp {
    Timestamp::from_seconds(FIRST_COMMIT + 86_400)
}

/// A commit's bytes with this header before the blank line.
fn with_header(commit: &[u8], header: &str) -> Vec<u8> {
    let end = commit.windows(2).position(|pair| pair == b"\n\n").unwrap() + 1;
    [&commit[..end], header.as_bytes(), &commit[end..]].concat()
}

/// An armor as the header of a commit.
fn gpgsig(armor: &str) -> String {
    format!("gpgsig {}\n", armor.trim_end().replace('\n', "\n "))
}

const SIGNATURE_END: &str = "-----END SSH SIGNATURE-----\n";

/// A commit's bytes without its signature, and the signature's header.
fn split(commit: &[u8]) -> (Vec<u8>, String) {
    let text = std::str::from_utf8(commit).unwrap();
    let (before, rest) = text.split_once("gpgsig ").unwrap();
    let (signature, after) = rest.split_once(SIGNATURE_END).unwrap();
    ([before, after].concat().into_bytes(), ["gpgsig ", signature, SIGNATURE_END].concat())
}

#[test]
fn a_commit_signed_by_an_authorized_key_is_admitted() {
    let world = World::new();
    let head = world.by_alice("change");
    let admitted = world.admitted(&head);
    assert_eq!(admitted.signer().to_string(), world.alice.fingerprint);
    assert_eq!(admitted.principal(), "alice@example.com");
    assert_eq!(admitted.tree().to_string(), world.repository.git(&["rev-parse", "HEAD^{tree}"]));
    let (verdicts, _) = world.judge(&head, None, now());
    let commits: Vec<String> = verdicts.commits.iter().map(|verdict| verdict.commit.to_string()).collect();
    assert_eq!(commits, [world.introduction.commit.to_string(), head], "oldest first");
}

#[test]
fn refuses_an_unsigned_commit_and_all_that_builds_on_it() {
    let world = World::new();
    let unsigned = world.repository.commit(Sign::Not, "unsigned");
    world.refused(&unsigned, &unsigned, Reason::Unsigned);
    let later = world.by_alice("signed");
    world.refused(&later, &unsigned, Reason::Unsigned);
}

#[test]
fn refuses_a_commit_signed_by_a_key_that_nobody_authorized() {
    let world = World::new();
    let head = world.by_bob("change");
    world.refused(&head, &head, Reason::UnknownKey);
}

#[test]
fn a_key_signs_from_the_commit_after_its_authorization_and_not_the_one_itself() {
    let world = World::new();
    world.authorize(&(world.alice.line() + &world.bob.line()));
    world.admitted(&world.by_bob("bob is authorized"));

    let world = World::new();
    world.repository.authorize(&(world.alice.line() + &world.bob.line()));
    let own = world.by_bob("authorize myself");
    world.refused(&own, &own, Reason::UnknownKey);
}

#[test]
fn a_key_is_rotated_by_a_signed_commit_and_signs_no_longer_after_it() {
    let world = World::new();
    world.authorize(&world.bob.line());
    world.admitted(&world.by_bob("bob"));
    let late = world.by_alice("alice is no longer authorized");
    world.refused(&late, &late, Reason::UnknownKey);
}

#[test]
fn refuses_a_rewind_to_an_admitted_commit_and_to_a_sibling_of_the_floor() {
    let world = World::new();
    let first = world.by_alice("first");
    let floor = world.by_alice("floor");
    world.admitted_above(&floor, Some(&first));
    world.refused_above(&first, Some(&floor), &first, Reason::Rewind);
    world.repository.reset(&first);
    let sibling = world.by_alice("sibling");
    world.admitted_above(&sibling, Some(&first));
    world.refused_above(&sibling, Some(&floor), &sibling, Reason::Rewind);
}

#[test]
fn the_floor_itself_is_admitted_again_with_its_signer_even_after_its_key_expired() {
    let world = World::new();
    world.authorize(&world.alice.line_with("valid-before=\"20260102Z\""));
    let floor = world.by_alice("floor");
    let later = Timestamp::parse("2026-06-01T00:00:00Z").unwrap();
    let (verdicts, admitted) = world.judge(&floor, Some(&floor), later);
    assert_eq!(admitted.unwrap().principal(), "alice@example.com");
    assert_eq!(verdicts.commits.len(), 1);
    assert!(world.judge(&floor, None, later).1.unwrap_err().contains("(expired)"));
    let start = world.introduction.commit.to_string();
    assert_eq!(world.judge(&start, Some(&start), later).1.unwrap().signer(), world.introduction.signer);
}

#[test]
fn refuses_an_unrelated_history_alone_and_merged() {
    let world = World::new();
    let good = world.by_alice("good");
    world.repository.orphan("foreign");
    world.repository.write("other", "x");
    let foreign = world.by_alice("foreign root");
    world.refused(&foreign, &foreign, Reason::UnrelatedHistory);
    world.refused_above(&foreign, Some(&good), &foreign, Reason::UnrelatedHistory);
    world.repository.switch("main");
    let merge = world.repository.merge("foreign", Sign::By(&world.alice));
    world.refused(&merge, &foreign, Reason::UnrelatedHistory);
    world.repository.reset(&good);
    world.admitted(&world.by_alice("without the merge"));
}

#[test]
fn refuses_history_from_before_the_introduction() {
    let world = World::new();
    let old = world.introduction.commit.to_string();
    world.by_alice("second");
    let start = world.by_alice("start here");
    let world = World { introduction: introduction(&start, &world.alice), ..world };
    world.admitted(&world.by_alice("after"));
    world.repository.branch("side", &old);
    let side = world.by_alice("forked before the introduction");
    world.refused(&side, &old, Reason::UnrelatedHistory);
    world.repository.switch("main");
    let merge = world.repository.merge("side", Sign::By(&world.alice));
    world.refused(&merge, &old, Reason::UnrelatedHistory);
}

#[test]
fn refuses_a_signed_merge_that_brings_an_unsigned_parent() {
    let world = World::new();
    let base = world.by_alice("base");
    world.repository.branch("side", &base);
    world.repository.write("side", "x");
    let unsigned = world.repository.commit(Sign::Not, "unsigned");
    world.repository.switch("main");
    world.by_alice("main goes on");
    let merge = world.repository.merge("side", Sign::By(&world.alice));
    world.refused(&merge, &unsigned, Reason::Unsigned);
    world.refused_above(&merge, Some(&base), &unsigned, Reason::Unsigned);
}

#[test]
fn a_merge_is_signed_by_a_key_that_every_parent_authorizes() {
    let world = World::new();
    let base = world.by_alice("base");
    world.repository.branch("side", &base);
    world.authorize(&(world.alice.line() + &world.bob.line()));
    world.repository.switch("main");
    world.repository.write("main", "x");
    let main = world.by_alice("main goes on");
    world.admitted(&world.repository.merge("side", Sign::By(&world.alice)));
    world.repository.reset(&main);
    let by_bob = world.repository.merge("side", Sign::By(&world.bob));
    world.refused(&by_bob, &by_bob, Reason::UnknownKey);
}

#[test]
fn a_branch_forked_before_the_floor_is_merged_and_only_what_is_new_is_judged() {
    let world = World::new();
    let fork = world.by_alice("fork");
    world.repository.branch("side", &fork);
    world.repository.write("side", "x");
    let side = world.by_alice("side");
    world.repository.switch("main");
    world.repository.write("main", "x");
    let floor = world.by_alice("floor");
    let merge = world.repository.merge("side", Sign::By(&world.alice));
    world.admitted_above(&merge, Some(&floor));
    let (verdicts, _) = world.judge(&merge, Some(&floor), now());
    let commits: Vec<String> = verdicts.commits.iter().map(|verdict| verdict.commit.to_string()).collect();
    assert_eq!(commits, [side, merge]);
}

#[test]
fn enrolling_anew_above_the_floor_goes_on_from_there() {
    let world = World::new();
    let floor = world.by_alice("floor");
    let start = world.by_alice("start");
    let world = World { introduction: introduction(&start, &world.alice), ..world };
    let head = world.by_alice("head");
    world.admitted_above(&head, Some(&floor));
    world.admitted_above(&start, Some(&floor));
    world.repository.reset(&floor);
    let sibling = world.by_alice("beside the start");
    world.refused_above(&sibling, Some(&floor), &sibling, Reason::UnrelatedHistory);
}

#[test]
fn a_floor_of_an_introduction_that_is_no_longer_trusted_proves_nothing() {
    let world = World::new();
    let floor = world.by_alice("floor");
    world.repository.orphan("new");
    world.repository.authorize(&world.bob.line());
    let start = world.by_bob("begin anew");
    let world = World { introduction: introduction(&start, &world.bob), ..world };
    world.admitted(&world.by_bob("after"));
    world.repository.switch("main");
    let head = world.by_alice("on the old history, by the old key");
    world.refused_above(&head, Some(&floor), &head, Reason::UnrelatedHistory);
}

#[test]
fn a_host_that_slept_for_a_hundred_commits_judges_each_of_them() {
    let world = World::new();
    let floor = world.by_alice("floor");
    for number in 0..49 {
        world.by_alice(&format!("{number}"));
    }
    world.authorize(&world.bob.line());
    for number in 50..99 {
        world.by_bob(&format!("{number}"));
    }
    let head = world.by_bob("head");
    world.admitted_above(&head, Some(&floor));
    assert_eq!(world.judge(&head, Some(&floor), now()).0.commits.len(), 100);
    world.repository.reset("HEAD~20");
    let unsigned = world.repository.commit(Sign::Not, "in the middle");
    for number in 0..20 {
        world.by_bob(&format!("{number}"));
    }
    world.refused_above(&world.repository.head(), Some(&floor), &unsigned, Reason::Unsigned);
}

#[test]
fn a_long_history_is_verified_in_little_time() {
    let world = World::new();
    let count = 500;
    let head = long_history::extend(&world.repository, &world.alice, count);
    let opened = Opened::open(&world.repository.path()).unwrap();
    let start = std::time::Instant::now();
    let evidence = opened.evidence(&world.introduction, None, id(&head)).unwrap();
    let later = Timestamp::from_seconds(FIRST_COMMIT + 60 * i64::try_from(count + 10).unwrap());
    admit(&evidence, &world.introduction, None, later).unwrap();
    let taken = start.elapsed();
    assert_eq!(evidence.len(), count + 1);
    assert!(taken.as_secs() < 5, "{count} commits took {taken:?}");
}

#[test]
fn the_introduction_must_be_signed_by_the_pinned_key_and_list_it() {
    let world = World::new();
    let start = world.introduction.commit.to_string();
    world.admitted(&start);
    let wrong = World { introduction: introduction(&start, &world.bob), ..world };
    wrong.refused(&start, &start, Reason::UnknownKey);

    let world = World::new();
    let unlisted = world.authorize(&world.bob.line());
    let world = World { introduction: introduction(&unlisted, &world.alice), ..world };
    world.refused(&unlisted, &unlisted, Reason::UnknownKey);

    let world = World::new();
    let unsigned = world.repository.commit(Sign::Not, "unsigned");
    let world = World { introduction: introduction(&unsigned, &world.alice), ..world };
    world.refused(&unsigned, &unsigned, Reason::Unsigned);
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
fn refuses_a_backdated_commit_by_a_key_past_its_end_though_git_takes_it() {
    let world = World::new();
    let line = world.alice.line_with("valid-before=\"20260101120000Z\"");
    world.authorize(&line);
    let backdated = world.by_alice("dated within the period");
    assert!(world.repository.git_verifies(&backdated, &line), "git takes it");
    world.refused(&backdated, &backdated, Reason::Expired);
    let early = Timestamp::from_seconds(FIRST_COMMIT + 3_600);
    assert!(world.judge(&backdated, None, early).1.is_ok(), "seen within the period");
}

#[test]
fn refuses_a_commit_by_a_key_before_its_start() {
    let world = World::new();
    world.authorize(
        &(world.alice.line_with("valid-after=\"20260101Z\"") + &world.bob.line_with("valid-after=\"20260101060000Z\"")),
    );
    world.admitted(&world.by_alice("since long"));
    let early = world.by_bob("dated before the start");
    world.refused(&early, &early, Reason::NotYetValid);
}

#[test]
fn refuses_a_commit_older_than_its_parent_and_one_from_the_future() {
    let world = World::new();
    world.repository.set_date(FIRST_COMMIT + 1_000);
    let parent = world.by_alice("parent");
    world.repository.set_date(FIRST_COMMIT + 1_000);
    world.admitted(&world.by_alice("of the same second"));
    world.repository.reset(&parent);
    world.repository.set_date(FIRST_COMMIT + 999);
    let back = world.by_alice("a second earlier");
    world.refused(&back, &back, Reason::TimeGoesBack);
    world.repository.reset(&parent);
    world.repository.set_date(now().seconds() + 80_000);
    world.admitted(&world.by_alice("a time zone ahead"));
    world.repository.set_date(now().seconds() + 90_000);
    let ahead = world.by_alice("more than a day ahead");
    world.refused(&ahead, &ahead, Reason::NotYetValid);
}

#[test]
fn refuses_a_commit_that_leaves_nobody_authorized() {
    type Change = fn(&World);
    let changes: [(&str, Change, Reason); 7] = [
        (
            "the file is removed",
            |world| world.repository.remove(".writ/allowed_signers"),
            Reason::AuthorizationsRemoved,
        ),
        ("the branch is emptied", |world| world.repository.clear(), Reason::AuthorizationsRemoved),
        ("nobody is listed", |world| world.repository.authorize("# nobody\n"), Reason::AuthorizationsRemoved),
        (
            "a certificate authority is listed",
            |world| world.repository.authorize(&world.alice.line_with("cert-authority")),
            Reason::AuthorizationsRemoved,
        ),
        (
            "an option is unknown",
            |world| world.repository.authorize(&world.alice.line_with("no-touch-required")),
            Reason::AuthorizationsRemoved,
        ),
        ("rules are written", |world| world.repository.write(".writ/trust.toml", ""), Reason::PathNotAllowed),
        ("a key is revoked", |world| world.repository.write(".writ/revoked", ""), Reason::PathNotAllowed),
    ];
    for (what, change, reason) in changes {
        let world = World::new();
        world.repository.write("web.yaml", "");
        world.repository.write(".writ/README.md", "");
        world.admitted(&world.by_alice("neighbour"));
        change(&world);
        let head = world.by_alice(what);
        world.refused(&head, &head, reason);
    }
}

#[test]
fn refuses_authorizations_behind_a_link() {
    let world = World::new();
    world.repository.write("signers", world.alice.line());
    world.repository.remove(".writ/allowed_signers");
    std::os::unix::fs::symlink("../signers", world.repository.path().join(".writ/allowed_signers")).unwrap();
    let head = world.by_alice("a link to the same file");
    world.refused(&head, &head, Reason::AuthorizationsRemoved);
}

#[test]
fn refuses_a_tag_object_where_a_commit_should_be() {
    let world = World::new();
    world.by_alice("change");
    let commit = world.repository.head();
    let tag = format!("object {commit}\ntype commit\ntag main\ntagger A <a@x> 1767225600 +0000\n\nmain\n");
    let tag = world.repository.store("tag", tag.as_bytes());
    world.refused(&tag, &tag, Reason::MalformedCommit);
    world.admitted(&commit);
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

#[test]
fn an_openpgp_signature_is_refused_as_not_supported() {
    let world = World::new();
    let (payload, _) = split(&world.repository.object("commit", &world.by_alice("change")));
    let armor = "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----";
    let head = world.store(&with_header(&payload, &gpgsig(armor)));
    world.refused(&head, &head, Reason::UnknownKey);
}
