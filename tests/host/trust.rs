//! Which commits may change a host: each attack beside the honest commit that it resembles.
//!
//! Every verdict is compared with `git verify-commit`: what is admitted here, Git accepts by every parent's file, too.

mod certificates;
mod doors;
mod merges;
mod openpgp;
mod openpgp_bytes;
mod revoked;
mod rules;
mod signatures;
mod team;
mod world;

use writ::git::Repository as Opened;
use writ_core::time::Timestamp;
use writ_core::trust::{Reason, admit};

use crate::long_history;
use crate::repository::{FIRST_COMMIT, Sign};
use world::{World, id, introduction, now};

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
    let evidence = opened.evidence(&world.introduction, None, id(&head), &world.host).unwrap();
    let later = Timestamp::from_seconds(FIRST_COMMIT + 60 * i64::try_from(count + 10).unwrap());
    admit(&world.case(&evidence, None, later)).unwrap();
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
    let changes: [(&str, Change, Reason); 9] = [
        (
            "the file is removed",
            |world| world.repository.remove(".writ/allowed_signers"),
            Reason::AuthorizationsRemoved,
        ),
        ("the branch is emptied", |world| world.repository.clear(), Reason::AuthorizationsRemoved),
        ("nobody is listed", |world| world.repository.authorize("# nobody\n"), Reason::AuthorizationsRemoved),
        (
            "an option is unknown",
            |world| world.repository.authorize(&world.alice.line_with("no-touch-required")),
            Reason::AuthorizationsRemoved,
        ),
        ("the rules are none", |world| world.repository.write(".writ/trust.toml", ""), Reason::AuthorizationsRemoved),
        (
            "a list of revocations is no list",
            |world| world.repository.write(".writ/revoked", "nobody\n"),
            Reason::AuthorizationsRemoved,
        ),
        (
            "a list of revocations is a folder",
            |world| world.repository.write(".writ/revoked/list", "# nobody\n"),
            Reason::AuthorizationsRemoved,
        ),
        (
            "an OpenPGP key is none",
            |world| world.repository.write(".writ/keys/ann.asc", "key\n"),
            Reason::AuthorizationsRemoved,
        ),
        (
            "a file that is no key lies among the OpenPGP keys",
            |world| world.repository.write(".writ/keys/README.md", ""),
            Reason::AuthorizationsRemoved,
        ),
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
