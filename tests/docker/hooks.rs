//! What is done when a container starts and before it is asked to end, on a real engine.

use crate::site::Site;

/// A StatefulSet of one container that writes down what happens to it, with more fields of the container.
fn set(script: &str, more: &str, generation: u32) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db, namespace: SCOPE}}
spec:
  selector: {{matchLabels: {{app: db}}}}
  volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Mi}}}}}}}}]
  template:
    metadata: {{labels: {{app: db}}, annotations: {{generation: '{generation}'}}}}
    spec:
      terminationGracePeriodSeconds: 10
      containers:
        - name: main
          image: writ-test/box:1
          command: [sh, -c, '{script}']
          volumeMounts: [{{name: data, mountPath: /data}}]
          {more}
"
    )
}

const WAITS: &str = "echo begin >> /data/log; trap \"echo end >> /data/log; exit 0\" TERM; while :; do sleep 0.1; done";

fn exec(command: &str) -> String {
    format!("{{exec: {{command: [sh, -c, '{command}']}}}}")
}

fn log(site: &Site) -> Vec<String> {
    let told = site.world.person(&["exec", &site.pod("db", 0), "cat", "/data/log"]);
    told.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_to_be_done_is_done_after_the_start_and_before_the_end_and_the_pod_waits_for_it() {
    let site = Site::new().await;
    let hooks = |pre_stop: &str| {
        let post_start = exec("sleep 1; echo started >> /data/log");
        format!("lifecycle: {{postStart: {post_start}, preStop: {pre_stop}}}")
    };
    site.deploy("db.yaml", &set(WAITS, &hooks(&exec("echo stopping >> /data/log")), 1)).await;
    assert_eq!(log(&site), ["begin", "started"], "it counts as available only then");
    site.deploy("db.yaml", &set(WAITS, &hooks("{sleep: {seconds: 1}}"), 2)).await;
    let first = ["begin", "started", "stopping", "end", "begin", "started"];
    assert_eq!(log(&site), first);
    let before = std::time::Instant::now();
    let serve = "(nc -ll -p 8080 -e sh -c \"echo asked >> /data/log; printf \\\"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\\\"\" &) ; ";
    let http = "{httpGet: {path: /stop, port: 8080}}";
    site.deploy("db.yaml", &set(&format!("{serve}{WAITS}"), &format!("lifecycle: {{preStop: {http}}}"), 3)).await;
    assert!(before.elapsed().as_millis() >= 1_000, "the pause was made");
    site.deploy("db.yaml", &set(WAITS, "", 4)).await;
    assert_eq!(log(&site)[first.len()..], ["end", "begin", "asked", "end", "begin"].map(str::to_owned));
    site.holds().await;
}

#[tokio::test]
async fn what_fails_after_a_start_restarts_the_container_and_what_never_ends_before_a_stop_is_cut_off() {
    let site = Site::new().await;
    let post_start = exec("test -e /data/second || { touch /data/second; exit 1; }");
    let pre_stop = exec("echo stopping >> /data/log; sleep 1000");
    let hooks = format!("lifecycle: {{postStart: {post_start}, preStop: {pre_stop}}}");
    let text = set(WAITS, &hooks, 1).replace("GracePeriodSeconds: 10", "GracePeriodSeconds: 3");
    site.deploy("db.yaml", &text).await;
    // What ends the first run is a stop like any other.
    assert_eq!(log(&site), ["begin", "stopping", "end", "begin"]);
    let told = site.told().await;
    assert!(told.contains("postStart: exit code 1"), "{told}");
    site.writ(&["delete", &site.scoped("statefulset/SCOPE/db"), "--yes"]).await.exits(0);
    assert!(site.containers().is_empty());
}

#[tokio::test]
async fn a_container_is_asked_to_end_by_the_signal_that_its_manifest_names() {
    let site = Site::new().await;
    let script = "trap \"echo user >> /data/log; exit 0\" USR1; trap \"\" TERM; echo begin >> /data/log; while :; do sleep 0.1; done";
    site.deploy("db.yaml", &set(script, "lifecycle: {stopSignal: SIGUSR1}", 1)).await;
    site.deploy("db.yaml", &set(WAITS, "", 2)).await;
    assert_eq!(log(&site), ["begin", "user", "begin"]);
}
