//! Merges by forges over real histories: the clean ones bring their authors along, and nothing else gets in.

use writ_core::trust::Reason;

use super::team::Team;
use super::world::now;
use crate::repository::{Key, Sign};

/// Merges without a commit, so that the tree can be changed before it.
fn begin(team: &Team, arguments: &[&str]) {
    team.world.repository.git(&[&["merge", "-q", "--no-commit", "--no-ff"], arguments].concat());
}

#[test]
fn a_forge_merges_what_people_made_and_adds_nothing() {
    let team = Team::new();
    let repository = &team.world.repository;
    let (main, _) = team.diverge("side", &team.carol, "web/a");
    team.admitted(&repository.merge("side", Sign::By(&team.forge)));
    repository.reset(&main);
    begin(&team, &["side"]);
    repository.write("docs/evil", "1");
    let evil = repository.commit(Sign::By(&team.forge), "evil");
    team.refused(&evil, Reason::NotACleanMerge, &["merging them again gives", "nobody approved"]);
    begin(&team, &["-s", "ours", "side"]);
    team.refused(&repository.commit(Sign::By(&team.forge), "ours"), Reason::NotACleanMerge, &[]);
    team.refused(&team.change(&team.forge, "docs/a", "1"), Reason::NotACleanMerge, &["it is no merge"]);
    // A person may add what the rules let that person add.
    begin(&team, &["side"]);
    repository.write("docs/more", "1");
    team.admitted(&repository.commit(Sign::By(&team.carol), "merge and more"));
    repository.reset(&main);
    begin(&team, &["side"]);
    repository.write("db/a", "1");
    team.refused(&repository.commit(Sign::By(&team.carol), "merge and db"), Reason::PathNotAllowed, &["`db/a`"]);
}

#[test]
fn a_forge_carries_nothing_past_a_rule() {
    let team = Team::new();
    let repository = &team.world.repository;
    let refused = |by: &Key, path: &str, reason: Reason| {
        let (main, side) = team.diverge(&format!("{}-{}", by.principal, path.replace('/', "-")), by, path);
        let merge = repository.merge(&side, Sign::By(&team.forge));
        let (verdicts, admitted) = team.world.judge(&merge, None, now());
        let told = admitted.unwrap_err();
        assert!(!verdicts.admitted() && told.contains(reason.code()), "{told}");
        repository.reset(&main);
    };
    refused(&team.world.bob, "web/a", Reason::PathNotAllowed);
    refused(&team.world.alice, "db/a", Reason::ThresholdNotMet);
    let (_, side) = team.diverge("fine", &team.world.bob, "docs/a");
    team.admitted(&repository.merge(&side, Sign::By(&team.forge)));
}

#[test]
fn a_branch_from_before_a_rule_and_one_of_somebody_who_left_get_nothing_past_the_files_of_today() {
    let team = Team::with("version = 1\nforge = [\"forge@*\"]\n");
    let repository = &team.world.repository;
    let (main, _) = team.diverge("side", &team.world.bob, "web/a");
    team.admitted(&repository.merge("side", Sign::By(&team.forge)));
    repository.reset(&main);
    team.rule(super::team::RULES);
    let merge = repository.merge("side", Sign::By(&team.forge));
    team.refused(&merge, Reason::PathNotAllowed, &["bob@example.com", "`web/a`"]);
    repository.reset(&main);
    let lines = [&team.world.alice, &team.carol, &team.forge].map(Key::line).concat();
    team.admitted(&team.change(&team.world.alice, ".writ/allowed_signers", &lines));
    let merge = repository.merge("side", Sign::By(&team.forge));
    team.refused(&merge, Reason::PathNotAllowed, &["nobody whom its parent"]);
    team.admitted(&repository.merge("side", Sign::By(&team.carol)));
}

#[test]
fn what_a_forge_squashes_or_rebases_takes_an_approval_of_its_tree() {
    let team = Team::new();
    let repository = &team.world.repository;
    let (main, side) = team.diverge("side", &team.world.bob, "docs/a");
    let squash = || {
        repository.git(&["merge", "-q", "--squash", &side]);
        repository.commit(Sign::By(&team.forge), "squash")
    };
    let rebase = || {
        repository.git(&["cherry-pick", "--no-commit", &side]);
        repository.commit(Sign::By(&team.forge), "rebase")
    };
    let squashed = squash();
    team.refused(&squashed, Reason::NotACleanMerge, &["it is no merge", "nobody approved of its tree"]);
    repository.approve(&team.forge, &squashed, "");
    team.refused(&rebase(), Reason::PathNotAllowed, &["is no person"]);
    repository.approve(&team.world.bob, &squashed, "");
    team.admitted(&squash());
    repository.reset(&main);
    team.admitted(&rebase());
    repository.reset(&main);
    // Who approves is held against the rules like a signer.
    repository.write("web/a", "1");
    let web = repository.commit(Sign::By(&team.forge), "web");
    repository.approve(&team.world.bob, &web, "");
    team.refused(&web, Reason::PathNotAllowed, &["rule \"web\""]);
    repository.write("web/a", "1");
    let web = repository.commit(Sign::By(&team.forge), "web");
    repository.approve(&team.carol, &web, "");
    team.admitted(&web);
}

#[test]
fn branches_that_cross_are_merged_again_as_git_does() {
    let team = Team::new();
    let repository = &team.world.repository;
    let (main, side) = team.diverge("side", &team.world.bob, "docs/a");
    repository.merge("side", Sign::By(&team.forge));
    team.change(&team.carol, "web/a", "1");
    repository.switch("side");
    repository.merge(&main, Sign::By(&team.forge));
    team.change(&team.world.bob, "docs/a", "side again\n");
    repository.switch("main");
    let crossed = repository.merge("side", Sign::By(&team.forge));
    let bases = repository.git(&["merge-base", "--all", "HEAD^1", "HEAD^2"]);
    assert_eq!(bases.lines().count(), 2, "they cross at {main} and {side}");
    team.admitted(&crossed);
    repository.reset("HEAD~1");
    begin(&team, &["side"]);
    repository.write("docs/a", "neither\n");
    team.refused(&repository.commit(Sign::By(&team.forge), "evil"), Reason::NotACleanMerge, &[]);
}

#[test]
fn a_renamed_file_is_merged_by_people_and_by_a_forge_only_with_an_approval() {
    let team = Team::new();
    let repository = &team.world.repository;
    let text: String = (0..40).map(|line| format!("line {line}\n")).collect();
    let start = team.change(&team.world.bob, "docs/old", &text);
    repository.branch("side", &start);
    team.change(&team.world.bob, "docs/old", &text.replace("line 20\n", "line twenty\n"));
    repository.switch("main");
    repository.git(&["mv", "docs/old", "docs/new"]);
    let main = repository.commit(Sign::By(&team.carol), "rename");
    let merged = repository.merge("side", Sign::By(&team.forge));
    assert!(repository.git(&["show", "HEAD:docs/new"]).contains("line twenty"), "git followed the name");
    repository.approve(&team.world.bob, &merged, "");
    team.admitted(&merged);
    let tree = repository.git(&["rev-parse", "HEAD^{tree}"]);
    repository.git(&["update-ref", "-d", &format!("refs/writ/approvals/{tree}/bob")]);
    team.refused(&merged, Reason::PathNotAllowed, &["`docs/new`"]);
    repository.reset(&main);
    team.admitted(&repository.merge("side", Sign::By(&team.world.bob)));
}
