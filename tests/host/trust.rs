//! Which commits may change a host, tried with real repositories.

use crate::repository::{Repository, Sign, key};

#[test]
fn git_itself_accepts_what_the_fixtures_sign_and_refuses_what_they_do_not() {
    let keys = tempfile::tempdir().unwrap();
    let (alice, bob) = (key(keys.path(), "alice"), key(keys.path(), "bob"));
    let (repository, introduction) = Repository::introduced_by(&alice);
    let unsigned = repository.commit(Sign::Not, "unsigned");
    assert!(repository.git_verifies(&introduction, &alice.line()));
    assert!(!repository.git_verifies(&introduction, &bob.line()));
    assert!(!repository.git_verifies(&unsigned, &alice.line()));
}
