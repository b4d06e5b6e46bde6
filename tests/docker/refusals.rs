//! What must not change a host: histories that nobody may give it.

use crate::repository::{Sign, key};
use crate::site::Site;

const WEB: &str = r#"
statefulset "SCOPE" "web" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volume_claim "data" { mount_path = "/data" }
}
"#;

/// A host on which a signed commit runs.
async fn deployed() -> (Site, String) {
    let site = Site::new().await;
    let commit = site.deploy("web.hcl", WEB).await;
    assert_eq!(site.said(&commit).pop().unwrap().0, "success");
    (site, commit)
}

/// What is offered now changes nothing, is refused in the record with this reason, and stands on the commit.
async fn check(site: &Site, commit: &str, reason: &str) {
    let (containers, volumes) = (site.containers(), site.volumes(&site.world.scope));
    assert!(containers.len() == 1 && volumes.len() == 1, "{containers:?} {volumes:?}");
    let records = site.history().await.len();
    let pass = site.pass().await;
    pass.exits(3);
    assert_eq!(pass.document()["changes"], 0);
    assert_eq!((site.containers(), site.volumes(&site.world.scope)), (containers.clone(), volumes));
    let news = site.history().await.split_off(records);
    let refused = news.iter().find(|record| {
        let kind = record["kind"].as_str().unwrap();
        (kind.ends_with("refused") || kind.ends_with("unchecked")) && record["event"].to_string().contains(reason)
    });
    assert!(refused.is_some(), "no `{reason}` in {news:#?}");
    let (state, text) = site.said(commit).pop().unwrap_or_else(|| panic!("nothing on {commit}"));
    assert!(state == "error" && text.contains(reason), "{state}: {text}");
    // Once more: nothing new is written or said, and what a person removes is still looked after.
    let (records, said) = (site.history().await.len(), site.said(commit));
    site.pass().await.exits(3);
    let news = site.history().await.split_off(records);
    assert!(news.is_empty() && site.said(commit) == said, "{news:#?}");
    let pod = site.pod("web", 0);
    site.world.person(&["rm", "-f", &pod]);
    site.pass().await.exits(3);
    assert!(site.containers()[&pod].contains("running") && site.containers() != containers);
    site.holds().await;
}

#[tokio::test]
async fn an_unsigned_commit_changes_nothing_and_is_refused_in_the_record_and_on_itself() {
    let (site, _) = deployed().await;
    site.write("web.hcl", &WEB.replace("sleep 1000", "sleep 2000"));
    let commit = site.repository.commit(Sign::Not, "not from us");
    check(&site, &commit, "unsigned").await;
}

#[tokio::test]
async fn a_commit_signed_by_a_key_that_nobody_named_changes_nothing_and_is_refused_on_itself() {
    let (site, _) = deployed().await;
    let stranger = key(&site.path("."), "mallory");
    site.repository.authorize(&format!("{}{}", site.key.line(), stranger.line()));
    site.write("web.hcl", &WEB.replace("sleep 1000", "sleep 2000"));
    let commit = site.repository.commit(Sign::By(&stranger), "I name myself");
    check(&site, &commit, "unknown-key").await;
}

#[tokio::test]
async fn a_commit_that_was_changed_after_it_was_signed_changes_nothing_and_is_refused_on_itself() {
    let (site, _) = deployed().await;
    let signed = site.commit("web.hcl", &WEB.replace("sleep 1000", "sleep 2000"));
    let bytes = String::from_utf8(site.repository.object("commit", &signed)).unwrap();
    let forged = site.repository.store("commit", bytes.replace("Change web.hcl", "Change all.hcl").as_bytes());
    site.repository.reset(&forged);
    check(&site, &forged, "bad-signature").await;
}

#[tokio::test]
async fn a_branch_taken_back_to_what_ran_before_changes_nothing_and_is_refused_on_that_commit() {
    let (site, first) = deployed().await;
    site.deploy("web.hcl", &WEB.replace("sleep 1000", "sleep 2000")).await;
    site.repository.reset(&first);
    check(&site, &first, "rewind").await;
}

#[tokio::test]
async fn a_branch_emptied_by_a_signed_commit_changes_nothing_and_is_refused_on_that_commit() {
    let (site, _) = deployed().await;
    site.repository.clear();
    let commit = site.repository.commit(Sign::By(&site.key), "empty");
    check(&site, &commit, "authorizations-removed").await;
}

#[tokio::test]
async fn a_folder_emptied_by_a_signed_commit_changes_nothing_and_is_refused_on_that_commit() {
    let (site, _) = deployed().await;
    site.repository.remove("host");
    let commit = site.repository.commit(Sign::By(&site.key), "nothing for this host");
    check(&site, &commit, "host").await;
}

#[tokio::test]
async fn a_branch_that_is_gone_changes_nothing_and_is_told_on_the_commit_that_runs() {
    let (site, commit) = deployed().await;
    site.repository.git(&["checkout", "-q", "--detach"]);
    site.repository.git(&["branch", "-q", "-D", "main"]);
    check(&site, &commit, "no such branch").await;
}
