//! Commit statuses as a real forge takes and shows them.

use reqwest::Method;
use tempfile::TempDir;
use writ::record::{Filter, Store};
use writ::report::{Flushed, Forge, Pace, Receiver, Speaks, flush};
use writ_core::status::{CommitStatus, State};
use writ_core::time::{Seconds, Timestamp};

use crate::gitea::Gitea;

const NOW: Timestamp = Timestamp(1_795_251_600_000);
const CONTEXT: &str = "writ/edge-1/web";

fn status(commit: &str, state: State, description: &str) -> CommitStatus {
    let (commit, context, description) = (commit.to_owned(), CONTEXT.to_owned(), description.to_owned());
    CommitStatus { commit, context, state, description }
}

async fn send(store: &Store, forge: &Receiver) -> Flushed {
    flush(store, std::slice::from_ref(forge), &mut Pace::every(Seconds(0)), NOW, 7).await.unwrap()
}

#[tokio::test]
async fn all_four_states_stand_on_the_commit_with_the_audit_head() {
    let gitea = Gitea::running();
    let commit = gitea.repository("states").await;
    let folder = TempDir::new().unwrap();
    let (store, forge) = (Store::open(NOW, folder.path()).unwrap(), gitea.forge("states"));
    let mut want = Vec::new();
    for (state, name, text) in [
        (State::Pending, "pending", "1 of 3 pods".to_owned()),
        (State::Success, "success", "3 pods".to_owned()),
        (State::Failure, "failure", "ä".repeat(200)),
        (State::Error, "error", "refused: unsigned".to_owned()),
    ] {
        assert!(store.enqueue(NOW, &forge.id(), &status(&commit, state, &text)).unwrap());
        let head = store.audit_head().unwrap().short();
        want.push((name.to_owned(), writ_core::status::describe(&text, &format!("audit {head}"))));
        assert_eq!(send(&store, &forge).await, Flushed { sent: 1, given_up: 0, postponed: 0 });
        assert!(!store.enqueue(NOW, &forge.id(), &status(&commit, state, &text)).unwrap());
    }
    assert_eq!(gitea.said("states", &commit, CONTEXT).await, want);
    let path = format!("repos/{}/states/commits/{commit}/status", gitea.user);
    let combined = gitea.ask(Method::GET, &path, None).await;
    let newest: Vec<&str> =
        combined["statuses"].as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(newest, ["error"], "the newest word of a context counts");
    assert_eq!(combined["state"], "failure", "the forge sums an error up as a failure");
}

#[tokio::test]
async fn what_the_forge_does_not_know_is_given_up_and_a_wrong_token_waits() {
    let gitea = Gitea::running();
    let commit = gitea.repository("refusals").await;
    let folder = TempDir::new().unwrap();
    let store = Store::open(NOW, folder.path()).unwrap();
    let missing = gitea.forge("no-such-repository");
    store.enqueue(NOW, &missing.id(), &status(&commit, State::Success, "3 pods")).unwrap();
    assert_eq!(send(&store, &missing).await, Flushed { sent: 0, given_up: 1, postponed: 0 });
    let given_up = store.history(&Filter { kind: Some("status-given-up"), ..Filter::default() }).unwrap();
    assert!(given_up[0].body.contains("the forge answered 404"), "{}", given_up[0].body);

    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "0123456789012345678901234567890123456789").unwrap();
    let project = format!("{}/refusals", gitea.user);
    let denied = Receiver::from(Forge::at(Speaks::Gitea, &gitea.url, &project, &wrong).unwrap());
    store.enqueue(NOW, &denied.id(), &status(&commit, State::Success, "3 pods")).unwrap();
    assert_eq!(send(&store, &denied).await, Flushed { sent: 0, given_up: 0, postponed: 1 });
    let hold = store.hold(&denied.id()).unwrap().unwrap();
    assert!(hold.reason.contains("the forge answered 401"), "{}", hold.reason);
    // The same repository with the right token: what waits is not lost.
    let allowed = gitea.forge("refusals");
    assert_eq!(allowed.id(), denied.id());
    let later = store.next_due().unwrap().unwrap();
    assert_eq!(flush(&store, &[allowed], &mut Pace::every(Seconds(0)), later, 7).await.unwrap().sent, 1);
    assert_eq!(gitea.said("refusals", &commit, CONTEXT).await.len(), 1);
}
