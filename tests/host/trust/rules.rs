//! Rules of trust over real histories: who may change what, where, and with whom.

use writ_core::time::{Seconds, Timestamp};
use writ_core::trust::{HostTrust, Reason, Revocations, Rules};

use super::team::{RULES, Team};
use super::world::now;
use crate::repository::Sign;

#[test]
fn a_path_is_changed_by_those_whom_its_rule_names_and_by_nobody_else() {
    let team = Team::new();
    let (repository, bob) = (&team.world.repository, &team.world.bob);
    team.admitted(&team.change(&team.carol, "web/a", "1"));
    team.admitted(&team.change(bob, "docs/a", "1"));
    let words = ["rule \"web\"", "bob@example.com", "`web/a`"];
    team.refused(&team.change(bob, "web/a", "2"), Reason::PathNotAllowed, &words);
    repository.remove("web/a");
    team.refused(&repository.commit(Sign::By(bob), "remove"), Reason::PathNotAllowed, &words);
    repository.git(&["mv", "web/a", "docs/b"]);
    team.refused(&repository.commit(Sign::By(bob), "move away"), Reason::PathNotAllowed, &words);
    repository.git(&["mv", "docs/a", "web/b"]);
    team.refused(&repository.commit(Sign::By(bob), "move there"), Reason::PathNotAllowed, &["`web/b`"]);
    repository.git(&["update-index", "--chmod=+x", "web/a"]);
    repository.git(&["checkout", "-q", "--", "."]);
    team.refused(&repository.commit(Sign::By(bob), "mode"), Reason::PathNotAllowed, &words);
    repository.remove("web");
    std::os::unix::fs::symlink("docs", repository.path().join("web")).unwrap();
    team.refused(&repository.commit(Sign::By(bob), "a link"), Reason::PathNotAllowed, &["`web"]);
    // A name that merely begins alike is another path.
    team.admitted(&team.change(bob, "website", "1"));
}

#[test]
fn a_rule_counts_on_its_hosts_and_wherever_the_host_has_no_name() {
    let rules = RULES.replace("paths = [\"web\"]\n", "paths = [\"web\"]\nhosts = [\"edge-*\", \"!edge-9\"]\n");
    let mut team = Team::with(&rules);
    let head = team.change(&team.world.bob, "web/a", "1");
    for (name, is_free) in [(None, false), (Some("edge-1"), false), (Some("edge-9"), true), (Some("core-1"), true)] {
        team.world.host = HostTrust { name: name.map(str::to_owned), ..HostTrust::default() };
        let admitted = team.world.judge(&head, None, now()).1;
        assert_eq!(admitted.is_ok(), is_free, "{name:?}: {admitted:?}");
    }
}

#[test]
fn a_threshold_takes_several_people_and_one_of_them_counts_once() {
    let team = Team::new();
    let (repository, alice, bob) = (&team.world.repository, &team.world.alice, &team.world.bob);
    let words = ["rule \"db\"", "wants 2 people", "counts 1"];
    let alone = team.change(alice, "db/a", "1");
    repository.approve(alice, &alone, "");
    team.refused(&alone, Reason::ThresholdNotMet, &words);
    repository.approve(&team.carol, &alone, "");
    let again = team.change(alice, "db/a", "1");
    team.refused(&again, Reason::ThresholdNotMet, &words);
    repository.approve(bob, &again, "");
    let both = team.change(alice, "db/a", "1");
    team.admitted(&both);
    // The approval is of that tree and of no other.
    team.refused(&team.change(alice, "db/a", "2"), Reason::ThresholdNotMet, &words);
}

#[test]
fn where_there_are_rules_a_path_that_none_covers_is_nobodys() {
    let team = Team::with("version = 1\n[[rule]]\nname = \"web\"\npaths = [\"web\"]\nsigners = [\"*\"]\n");
    let alice = &team.world.alice;
    team.admitted(&team.change(alice, "web/a", "1"));
    team.refused(&team.change(alice, "docs/a", "1"), Reason::PathNotAllowed, &["no rule", "`docs/a`"]);
    let own = team.change(alice, ".writ/trust.toml", RULES);
    team.refused(&own, Reason::PathNotAllowed, &["`.writ/trust.toml`"]);
}

#[test]
fn no_repository_raises_the_ceiling_of_a_host() {
    let mut team = Team::with("version = 1\n");
    let ceiling = "version = 1\n[[rule]]\nname = \"mine\"\npaths = [\"docs\", \".writ\"]\nsigners = [\"*\"]\n";
    let floor = team.world.repository.head();
    team.world.host.ceiling = Some(Rules::parse(ceiling.as_bytes()).unwrap());
    let docs = team.change(&team.world.bob, "docs/a", "1");
    team.world.admitted_above(&docs, Some(&floor));
    let web = team.change(&team.world.bob, "web/a", "1");
    team.world.refused_above(&web, Some(&docs), &web, Reason::PathNotAllowed);
    let text = team.world.judge(&web, Some(&docs), now()).1.unwrap_err();
    assert!(text.contains("of this host"), "{text}");
    team.world.host.ceiling = None;
    team.world.admitted_above(&web, Some(&docs));
}

#[test]
fn what_a_host_revokes_signs_and_approves_nothing_there() {
    let mut team = Team::new();
    let floor = team.world.repository.head();
    let approved = team.change(&team.world.alice, "db/a", "1");
    team.world.repository.approve(&team.world.bob, &approved, "");
    team.world.admitted_above(&approved, Some(&floor));
    let by_bob = team.change(&team.world.bob, "docs/a", "1");
    team.world.admitted_above(&by_bob, Some(&approved));
    let list = format!("{}\n", team.world.bob.fingerprint);
    team.world.host.revoked = Some(Revocations::parse(list.as_bytes()).unwrap());
    team.world.refused_above(&by_bob, Some(&approved), &by_bob, Reason::Revoked);
    team.world.refused_above(&approved, Some(&floor), &approved, Reason::ThresholdNotMet);
    let text = team.world.judge(&approved, Some(&floor), now()).1.unwrap_err();
    assert!(text.contains("by this host"), "{text}");
}

#[test]
fn an_approval_that_does_not_count_is_told_with_its_reason() {
    let mut team = Team::new();
    team.world.host.name = Some("edge-1".to_owned());
    let (repository, alice, bob) = (&team.world.repository, &team.world.alice, &team.world.bob);
    let start = repository.head();
    let head = team.change(alice, "db/a", "1");
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    let other = repository.git(&["rev-parse", "HEAD~1^{tree}"]);
    let text = |tree: &str, more: &str| format!("writ approval 1\ntree {tree}\n{more}");
    let stranger = crate::repository::key(team.world.keys.path(), "stranger");
    let cases = [
        (bob, "deploy@writ", text(&tree, "until 2026-01-01T00:00:00Z\n"), "it ended at 2026-01-01"),
        (bob, "deploy@writ", text(&tree, "hosts edge-2\n"), "it is for the hosts edge-2"),
        (bob, "deploy@writ", text(&other, ""), "its ref names another tree"),
        (bob, "git", text(&tree, ""), "made for the namespace \"git\""),
        (bob, "deploy@writ", text(&tree, "note x\n"), "nothing belongs here"),
        (bob, "deploy@writ", "approved\n".to_owned(), "`writ approval 1` belongs here"),
        (&stranger, "deploy@writ", text(&tree, ""), "do not list the key"),
        (&team.forge, "deploy@writ", text(&tree, ""), "is no person"),
    ];
    let name = format!("refs/writ/approvals/{tree}/x");
    let check = |words: Option<&str>| {
        let told = team.world.judge(&head, Some(&start), now()).1;
        match (words, told) {
            (None, told) => assert!(told.is_ok(), "{told:?}"),
            (Some(words), told) => {
                let told = told.unwrap_err();
                assert!(told.contains("(threshold-not-met)") && told.contains(words), "{words:?} in {told}");
            }
        }
    };
    for (key, namespace, text, words) in &cases {
        repository.state(&name, text, &crate::repository::sign(key, namespace, text.as_bytes()));
        check(Some(words));
    }
    let good = text(&tree, "hosts edge-*\nuntil 2026-01-03T00:00:00Z\n");
    let signature = crate::repository::sign(bob, "deploy@writ", good.as_bytes());
    repository.state(&name, &good.replace("edge-*", "edge-1"), &signature);
    check(Some("its signature is not good"));
    let blob = repository.store("blob", b"x");
    repository.git(&["update-ref", &name, &blob]);
    check(Some("no commit of two files"));
    repository.state(&name, &good, &signature);
    check(None);
    // Withdrawn, it counts no longer.
    repository.git(&["update-ref", "-d", &name]);
    check(Some("counts 1"));
}

#[test]
fn an_approver_whom_the_repository_revoked_is_nobody() {
    let team = Team::new();
    let (repository, alice, bob) = (&team.world.repository, &team.world.alice, &team.world.bob);
    let head = team.change(alice, "db/a", "1");
    repository.approve(bob, &head, "");
    team.admitted(&head);
    repository.reset("HEAD~1");
    let revoke = team.change(alice, ".writ/revoked", &format!("{}\n", bob.fingerprint));
    team.admitted(&revoke);
    let head = team.change(alice, "db/a", "1");
    repository.approve(bob, &head, "");
    team.refused(&head, Reason::ThresholdNotMet, &["refuse the key"]);
}

#[test]
fn a_heartbeat_confirms_and_changes_nothing() {
    let team = Team::new();
    let repository = &team.world.repository;
    team.admitted(&repository.commit(Sign::By(&team.heart), "beat"));
    team.refused(&team.change(&team.heart, "docs/a", "1"), Reason::PathNotAllowed, &["heartbeat's key"]);
    let (main, _) = team.diverge("side", &team.world.alice, "docs/a");
    let merge = repository.merge("side", Sign::By(&team.heart));
    team.refused(&merge, Reason::PathNotAllowed, &["heartbeat's key"]);
    assert_eq!(repository.head(), main);
    team.admitted(&repository.merge("side", Sign::By(&team.world.alice)));
}

#[test]
fn a_head_is_fresh_until_its_age_is_reached_by_the_rules_or_by_the_host() {
    let mut team = Team::with(&RULES.replace("version = 1\n", "version = 1\nmax_age = \"12h\"\n"));
    let floor = team.world.repository.head();
    let head = team.change(&team.world.alice, "docs/a", "1");
    let committed = Timestamp::from_seconds(team.world.repository.date() - 60);
    let admitted = team.world.admitted_above(&head, Some(&floor));
    let at = |hours: u32| committed.plus(Seconds(hours * 3_600));
    let just_before = Timestamp::from_seconds(at(12).seconds() - 1);
    assert_eq!(admitted.fresh(just_before), Ok(()));
    let stale = admitted.fresh(at(12)).unwrap_err();
    assert!(stale.reason == Some(Reason::Stale) && stale.to_string().contains("(stale)"), "{stale}");
    let shorter = RULES.replace("version = 1\n", "version = 1\nmax_age = \"2h\"\n");
    team.world.host.ceiling = Some(Rules::parse(shorter.as_bytes()).unwrap());
    let admitted = team.world.admitted_above(&head, Some(&floor));
    assert!(admitted.fresh(at(1)).is_ok() && admitted.fresh(at(2)).is_err(), "the shorter one counts");
    team.world.repository.set_date(at(11).seconds());
    let beat = team.world.repository.commit(Sign::By(&team.heart), "beat");
    assert!(team.world.admitted_above(&beat, Some(&head)).fresh(at(12)).is_ok(), "a heartbeat makes it fresh");
}

#[test]
fn each_commit_of_a_range_is_judged_by_the_rules_of_its_parent() {
    let team = Team::with("version = 1\n");
    let floor = team.world.repository.head();
    team.change(&team.world.bob, "web/a", "1");
    team.rule(RULES);
    let good = team.change(&team.carol, "web/a", "2");
    team.world.admitted_above(&good, Some(&floor));
    let bad = team.change(&team.world.bob, "web/a", "3");
    let later = team.rule("version = 1\n");
    team.world.refused_above(&later, Some(&floor), &bad, Reason::PathNotAllowed);
    // Taken back, it is still in the history.
    team.change(&team.carol, "web/a", "2");
    team.world.refused_above(&team.world.repository.head(), Some(&floor), &bad, Reason::PathNotAllowed);
}

#[test]
fn a_file_of_rules_stays_and_is_understood() {
    type Change = fn(&Team);
    let changes: [(&str, Change, Reason, &str); 5] = [
        (
            "removed",
            |team| team.world.repository.remove(".writ/trust.toml"),
            Reason::AuthorizationsRemoved,
            "version = 1",
        ),
        (
            "misspelt",
            |team| drop(team.world.repository.git(&["mv", ".writ/trust.toml", ".writ/Trust.toml"])),
            Reason::PathNotAllowed,
            "must be written trust.toml",
        ),
        (
            "of another version",
            |team| team.world.repository.write(".writ/trust.toml", "version = 2\n"),
            Reason::AuthorizationsRemoved,
            "`version` is 1",
        ),
        (
            "with an unknown key",
            |team| team.world.repository.write(".writ/trust.toml", "version = 1\nmax_ages = \"1d\"\n"),
            Reason::AuthorizationsRemoved,
            "max_ages",
        ),
        (
            "a link",
            |team| {
                team.world.repository.remove(".writ/trust.toml");
                let link = team.world.repository.path().join(".writ/trust.toml");
                std::os::unix::fs::symlink("../rules", link).unwrap();
            },
            Reason::AuthorizationsRemoved,
            "no plain file",
        ),
    ];
    for (what, change, reason, words) in changes {
        let team = Team::new();
        change(&team);
        let head = team.world.by_alice(what);
        team.refused(&head, reason, &[words]);
        team.admitted(&team.rule("version = 1\n"));
    }
}

#[test]
fn an_explanation_names_the_rules_and_the_people_of_each_path() {
    let team = Team::new();
    let head = team.change(&team.world.alice, "db/a", "1");
    team.world.repository.approve(&team.world.bob, &head, "");
    let opened = writ::git::Repository::open(&team.world.repository.path()).unwrap();
    let id = super::world::id(&head);
    let evidence = opened.evidence(&team.world.introduction, None, id, &team.world.host).unwrap();
    let explained = writ_core::trust::explain(&team.world.case(&evidence, None, now()), &id).unwrap();
    let [only] = explained.as_slice() else { panic!("{explained:?}") };
    assert_eq!((only.path.as_slice(), only.rules.join(" ")), (b"db/a".as_slice(), "all db".to_owned()));
    assert_eq!(only.people.join(" "), "alice@example.com bob@example.com");
}
