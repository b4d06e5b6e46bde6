//! Disruption budgets on a real engine: what a person altered waits for them, and what Git asks for does not.

use crate::site::Site;

/// A StatefulSet of that many pods, and a budget that keeps that many ready.
fn set(replicas: u32, ready_min: u32, word: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web, namespace: SCOPE}}\nspec:\n  \
         minReadySeconds: 0\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    \
         metadata: {{labels: {{app: web}}}}\n    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n      \
         - {{name: web, image: 'writ-test/box:1', command: [sleep, '1000'], env: [{{name: WORD, value: {word}}}]}}\n\
         ---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: web, namespace: SCOPE}}\n\
         spec: {{minAvailable: {ready_min}, selector: {{matchLabels: {{app: web}}}}}}\n"
    )
}

#[tokio::test]
async fn a_budget_keeps_a_ready_pod_from_being_replaced_for_what_a_person_altered() {
    let site = Site::new().await;
    let (first, second) = (site.pod("web", 0), site.pod("web", 1));
    site.deploy("web.yaml", &set(2, 2, "one")).await;
    let before = site.containers();
    let alter = |pod: &str| drop(site.world.person(&["update", "--cpu-shares", "512", pod]));
    alter(&first);
    assert_eq!((site.settle().await, site.containers()), (0, before.clone()));
    let plan = site.writ(&["plan"]).await;
    let budget = format!("not mended now: poddisruptionbudget/{}/web keeps 2 of 2 pods ready", site.world.scope);
    assert!(plan.out.contains(&budget), "{plan:?}");

    // What Git asks for goes on, and takes what was altered along.
    site.deploy("web.yaml", &set(2, 2, "two")).await;
    let after = site.containers();
    assert!(after[&first] != before[&first] && after[&second] != before[&second]);

    // A budget that lets one be stopped at a time has each mended in its turn.
    site.deploy("web.yaml", &set(2, 1, "two")).await;
    assert_eq!(site.containers(), after, "a budget changes nothing that runs");
    alter(&first);
    alter(&second);
    let pass = site.pass().await;
    assert_eq!(pass.document()["changes"], 1, "{pass:?}");
    site.settle().await;
    let mended = site.containers();
    assert!(mended[&first] != after[&first] && mended[&second] != after[&second], "{after:?} {mended:?}");
    site.holds().await;
}
