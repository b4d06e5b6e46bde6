//! The commands of a person on a host with a real engine.

use crate::repository::Sign;
use crate::site::{CANARY, Site};

const WEB: &str = r#"
deployment "SCOPE" "web" {
  image    = "writ-test/box:1"
  replicas = 2
  command  = ["sh", "-c", "echo started; trap 'exit 0' TERM; sleep 1000 & wait"]
}

statefulset "SCOPE" "db" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "echo first line; trap 'exit 0' TERM; sleep 1000 & wait"]
  env     = { MODE = "quiet" }
  volume_claim "data" { mount_path = "/data" }
}
"#;

#[tokio::test]
async fn plan_status_why_history_logs_and_exec_tell_what_is() {
    let site = Site::new().await;
    let scope = site.world.scope.clone();
    let first = site.commit("web.hcl", WEB);
    let plan = site.writ(&["plan", "-o", "json"]).await;
    plan.exits(2);
    let steps = plan.document()["steps"].as_array().unwrap().clone();
    let created = |object: &str| {
        let of = |step: &&serde_json::Value| step["verb"] == "create" && step["object"] == *object;
        steps.iter().filter(of).filter(|step| !step["to"].is_null()).count()
    };
    assert_eq!(created(&format!("deployment/{scope}/web")), 2, "{steps:#?}");
    assert_eq!(created(&format!("statefulset/{scope}/db")), 1, "{steps:#?}");
    assert!(site.containers().is_empty(), "a plan changes nothing");
    site.settle().await;
    site.writ(&["plan"]).await.exits(0).shows("nothing to do");
    let status = site.writ(&["status", "-o", "json"]).await;
    status.exits(0);
    assert_eq!(status.document()["health"], "healthy");
    assert_eq!(status.document()["units"][0]["commit"], first);
    let db = site.pod("db", 0);
    site.writ(&["status"]).await.exits(0).shows(&db).shows(&format!("voodu-{scope}-db-data-0"));

    let object = format!("statefulset/{scope}/db");
    let second = site.deploy("web.hcl", &WEB.replace("quiet", "loud")).await;
    let why = site.writ(&["why", &object]).await;
    why.exits(0).shows(second.get(..8).unwrap()).shows("MODE");
    site.writ(&["history", "--object", &object]).await.exits(0).shows("replace");
    site.writ(&["logs", &object]).await.exits(0).shows("first line");
    site.writ(&["logs", &db, "--tail", "1"]).await.exits(0).shows("first line");
    site.writ(&["logs", &db, "--since", "1h"]).await.exits(0).shows("first line");
    let told = site.writ(&["exec", &db, "--", "sh", "-c", "echo $MODE; exit 7"]).await;
    told.exits(7).shows("loud");
    site.writ(&["exec", "db-0", "-n", &scope, "--", "cat", "/nothing"]).await.exits(1);

    site.world.person(&["stop", "-t", "1", &db]);
    assert_ne!(site.writ(&["status"]).await.code, Some(0), "a stopped pod is not healthy");
    site.writ(&["plan"]).await.exits(2).shows(&db);
    site.settle().await;
    site.writ(&["suspend", &site.unit(), "--reason", "a test"]).await.exits(0);
    site.world.person(&["rm", "-f", &db]);
    site.pass().await.exits(0);
    assert!(!site.containers().contains_key(&db), "a suspended unit is left alone");
    site.writ(&["resume", &site.unit()]).await.exits(0);
    assert!(site.settle().await > 0);
    site.holds().await;
}

#[tokio::test]
async fn local_files_are_applied_and_deleted_by_the_words_of_the_seed() {
    let site = Site::new().await;
    let scope = site.world.scope.clone();
    let file = site.path("local.hcl");
    std::fs::write(&file, site.scoped(WEB)).unwrap();
    let path = file.to_str().unwrap();
    let (object, token) = (format!("statefulset/{scope}/db"), format!("TOKEN={CANARY}"));
    site.called("vd", &["config", "set", "-s", &scope, "-n", "db", &token]).await.exits(0);
    let refused = site.called("vd", &["apply", "-f", path]).await;
    assert!(refused.code == Some(1) && refused.error.contains("--yes"), "nobody said yes: {refused:?}");
    let applied = site.called("vd", &["apply", "-f", path, "--yes"]).await;
    applied.exits(2).shows(&format!("{object}  done"));
    assert!(!applied.error.contains(CANARY) && !applied.out.contains(CANARY));
    let db = site.pod("db", 0);
    assert_eq!(site.world.field(&db, "{{.State.Status}}"), "running");
    site.called("vd", &["apply", "-f", path, "--yes"]).await.exits(0).shows("nothing was changed");
    site.world.person(&["exec", &db, "sh", "-c", "test \"$TOKEN\" = canary-90be && echo row > /data/row"]);

    site.called("vd", &["delete", &object, "--yes"]).await.exits(0);
    assert_eq!(site.volumes(&scope).len(), 1);
    site.called("vd", &["apply", "-f", path, "--yes"]).await.exits(2);
    assert_eq!(site.world.person(&["exec", &db, "cat", "/data/row"]), "row");
    site.called("vd", &["delete", &object, "--prune", "--yes"]).await.exits(0);
    assert_eq!(site.volumes(&scope), [""; 0]);
    site.called("vd", &["delete", &format!("deployment/{scope}/web"), "--yes"]).await.exits(0);
    assert_eq!(site.world.person(&["ps", "-aq", "--filter", &format!("name={scope}-")]), "");
    // The unit that follows Git never knew of them.
    site.repository.commit(Sign::By(&site.key), "nothing");
    site.writ(&["history"]).await.exits(0).shows("unsigned files");
    site.holds().await;
}
