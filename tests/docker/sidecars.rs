//! Pods of several containers on a real engine: a sandbox that bears the name, and containers that come, go and are mended
//! each by itself.

use std::collections::BTreeMap;

use writ::target::Depth;
use writ_core::observed::PodState;
use writ_core::plan::RunState;

use crate::pass::Unit;
use crate::site::Site;
use crate::world::until;

/// A container that waits until it is asked to end, and writes down when it began and ended.
fn waiting(name: &str, more: &str) -> String {
    let script = format!(
        "echo begin {name} >> /shared/log; trap \"echo end {name} >> /shared/log; exit 0\" TERM; while :; do sleep 0.1; done"
    );
    format!(
        "{{name: {name}, image: 'writ-test/box:1', command: [sh, -c, '{script}'], volumeMounts: [{{name: data, mountPath: /shared}}]{more}}}"
    )
}

/// A StatefulSet whose pods have a container that prepares them, a sidecar, and two main containers.
fn set(generation: u32) -> String {
    let ready = ", readinessProbe: {exec: {command: [test, -e, /shared/log]}, periodSeconds: 1}";
    let startup = ", restartPolicy: Always, startupProbe: {exec: {command: [test, -e, /tmp/up]}, periodSeconds: 1, failureThreshold: 30}";
    let sidecar =
        waiting("log", startup).replace("; trap", "; sleep 1; echo up log >> /shared/log; touch /tmp/up; trap");
    let first = "{name: first, image: 'writ-test/box:1', command: [sh, -c, 'echo first >> /shared/log'], volumeMounts: [{name: data, mountPath: /shared}]}";
    let serve = "{name: web, image: 'writ-test/box:1', command: [sh, -c, 'trap \"exit 0\" TERM; nc -ll -p 7 -e cat & wait'], ports: [{containerPort: 7, name: echo}], readinessProbe: {tcpSocket: {port: echo}, periodSeconds: 1}, livenessProbe: {exec: {command: [sh, -c, '! test -e /tmp/sick']}, periodSeconds: 1, failureThreshold: 1}}";
    format!(
        "apiVersion: v1
kind: Service
metadata: {{name: db, namespace: SCOPE}}
spec: {{clusterIP: None, selector: {{app: db}}, ports: [{{port: 7}}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db, namespace: SCOPE}}
spec:
  serviceName: db
  selector: {{matchLabels: {{app: db}}}}
  volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Mi}}}}}}}}]
  template:
    metadata: {{labels: {{app: db}}, annotations: {{generation: '{generation}', kubectl.kubernetes.io/default-container: web}}}}
    spec:
      terminationGracePeriodSeconds: 10
      hostAliases: [{{ip: 192.0.2.7, hostnames: [elsewhere]}}]
      initContainers:
        - {first}
        - {sidecar}
      containers:
        - {app}
        - {serve}
",
        app = waiting("app", ready),
    )
}

/// The names of the unit's containers, without the scope.
fn names(site: &Site) -> Vec<String> {
    let scope = format!("{}-", site.world.scope);
    site.containers().into_keys().map(|name| name.trim_start_matches(&scope).to_owned()).collect()
}

/// What the containers wrote down, through the container `app`.
fn log(site: &Site) -> Vec<String> {
    let app = format!("{}.app", site.pod("db", 0));
    site.world.person(&["exec", &app, "cat", "/shared/log"]).lines().map(str::to_owned).collect()
}

/// The containers that are no longer what they were, by name without pod.
fn others(site: &Site, before: &BTreeMap<String, String>) -> Vec<String> {
    let pod = site.pod("db", 0);
    let after = site.containers();
    let changed = after.into_iter().filter(|(name, seen)| before.get(name) != Some(seen));
    changed.map(|(name, _)| name.trim_start_matches(&pod).trim_start_matches('.').to_owned()).collect()
}

#[tokio::test]
async fn a_pod_of_several_containers_comes_in_order_is_reached_by_one_name_and_goes_in_order() {
    let site = Site::new().await;
    site.deploy("db.yaml", &set(1)).await;
    assert_eq!(names(&site), ["db.0", "db.0.app", "db.0.first", "db.0.log", "db.0.web"]);
    // Each came when the one before it had ended or said that it is up.
    assert_eq!(log(&site), ["first", "begin log", "up log", "begin app"]);
    let pod = site.pod("db", 0);
    let inside = |container: &str, command: &str| {
        site.world.person(&["exec", &format!("{pod}.{container}"), "sh", "-c", command])
    };
    // One network, one name of the machine, one address.
    assert_eq!(inside("app", "echo near | nc -w 1 127.0.0.1 7"), "near");
    assert_eq!((inside("app", "hostname"), inside("web", "hostname")), ("db-0".to_owned(), "db-0".to_owned()));
    for container in ["log", "app", "web"] {
        assert!(inside(container, "cat /etc/hosts").contains("192.0.2.7\telsewhere"), "{container}");
    }
    let name = site.scoped("db.SCOPE");
    let found = inside("log", &format!("nslookup -type=a {name}"));
    assert!(found.contains(&format!("Name:\t{name}")), "{found}");
    assert_eq!(inside("log", &format!("echo far | nc -w 1 {} 7", site.scoped("db-0.db.SCOPE"))), "far");
    // Each container may be spoken to, and the one that the pod names is meant where none is named.
    site.writ(&["exec", &pod, "-c", "app", "--", "sh", "-c", "cat /proc/1/cmdline"]).await.exits(0).shows("begin app");
    site.writ(&["exec", &pod, "--", "sh", "-c", "cat /proc/1/cmdline"]).await.exits(0).shows("nc -ll");
    let wrong = site.writ(&["logs", &pod, "-c", "other"]).await;
    assert!(wrong.code == Some(1) && wrong.error.contains("it has"), "{wrong:?}");
    site.writ(&["logs", &pod, "-c", "first"]).await.exits(0);
    site.writ(&["status"])
        .await
        .exits(0)
        .shows("container app  running")
        .shows("init container first  ended with code 0");
    assert_eq!(site.settle().await, 0, "a second pass has nothing to do");
    // The next revision: the main containers end before the sidecar, and all of them are new.
    let before = site.containers();
    site.deploy("db.yaml", &set(2)).await;
    assert_eq!(others(&site, &before), ["", "app", "first", "log", "web"]);
    let told = log(&site);
    assert_eq!(
        told[4..],
        ["end app", "end log", "first", "begin log", "up log", "begin app"].map(str::to_owned),
        "{told:?}"
    );
    site.commit("db.yaml", "# nothing any more\n");
    site.writ(&["delete", &site.scoped("statefulset/SCOPE/db"), "--yes"]).await.exits(0);
    assert!(names(&site).is_empty());
    site.holds().await;
}

#[tokio::test]
async fn what_happens_to_one_container_of_a_pod_is_mended_without_its_siblings() {
    let site = Site::new().await;
    site.deploy("db.yaml", &set(1)).await;
    let pod = site.pod("db", 0);
    let web = format!("{pod}.web");
    for (meddle, why) in [
        (vec!["rm", "-f", web.as_str()], "container web is not there"),
        (vec!["stop", "-t", "1", web.as_str()], "container web exited with code"),
        (vec!["pause", web.as_str()], "container web is paused"),
        (vec!["rename", web.as_str(), &site.scoped("SCOPE-other")], "container web is called"),
        (vec!["update", "--cpu-shares", "77", web.as_str()], "container web was altered: CpuShares"),
    ] {
        let before = site.containers();
        site.world.person(&meddle);
        let plan = site.writ(&["plan"]).await;
        assert!(plan.out.contains(why), "{meddle:?}: {plan:?}");
        site.settle().await;
        let changed = others(&site, &before);
        assert!(changed.is_empty() || changed == ["web"], "{meddle:?}: {changed:?}");
        assert_eq!(site.world.field(&web, "{{.State.Status}} {{.HostConfig.CpuShares}}"), "running 0", "{meddle:?}");
    }
}

#[tokio::test]
async fn a_pod_whose_sandbox_ends_or_goes_is_made_anew_with_its_data() {
    let site = Site::new().await;
    site.deploy("db.yaml", &set(1)).await;
    let pod = site.pod("db", 0);
    for meddle in [vec!["kill", pod.as_str()], vec!["rm", "-f", pod.as_str()], vec!["restart", "-t", "1", pod.as_str()]]
    {
        let before = site.containers();
        site.world.person(&meddle);
        site.settle().await;
        assert_eq!(others(&site, &before), ["", "app", "first", "log", "web"], "{meddle:?}");
        assert!(log(&site).iter().filter(|line| *line == "first").count() > 1, "{meddle:?}: the volume is the old one");
        site.world.person(&["exec", &format!("{pod}.app"), "sh", "-c", "echo first > /shared/log"]);
    }
}

#[tokio::test]
async fn a_pod_that_was_half_made_is_made_whole_and_its_probes_restart_one_container_alone() {
    let site = Site::new().await;
    site.deploy("db.yaml", &set(1)).await;
    let pod = site.pod("db", 0);
    let part = |name: &str| format!("{pod}.{name}");
    // As a crash leaves it: the sandbox and what comes first, and nothing of the rest.
    site.world.person(&["rm", "-f", &part("app"), &part("web"), &part("log")]);
    site.settle().await;
    assert_eq!(names(&site), ["db.0", "db.0.app", "db.0.first", "db.0.log", "db.0.web"]);
    let agent = site.start();
    let name = site.scoped("db.SCOPE");
    let resolves = async || {
        let found = site.world.person(&["exec", &part("log"), "sh", "-c", &format!("nslookup -type=a {name} || true")]);
        found.contains("Name:\t").then_some(()).ok_or(found)
    };
    site.becomes("the name leads to it", resolves).await;
    let before = site.containers();
    site.world.person(&["exec", &part("web"), "touch", "/tmp/sick"]);
    site.becomes("the probe restarts it", async || {
        let changed = others(&site, &before);
        (changed == ["web"]).then_some(()).ok_or(format!("{changed:?}"))
    })
    .await;
    let told = site.told().await;
    assert!(told.contains("livenessProbe: exit code 1"), "{told}");
    agent.stop().await;
}

/// A Job with a sidecar that would go on for ever.
fn job(command: &str) -> String {
    format!(
        "apiVersion: batch/v1
kind: Job
metadata: {{name: work, namespace: SCOPE}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      initContainers: [{{name: side, image: 'writ-test/box:1', restartPolicy: Always, command: [sh, -c, 'while :; do sleep 1; done']}}]
      containers:
        - {{name: main, image: 'writ-test/box:1', command: [sh, -c, 'sleep 1; {command}']}}
        - {{name: more, image: 'writ-test/box:1', command: [sh, -c, 'exit 0']}}
"
    )
}

#[tokio::test]
async fn a_sidecar_does_not_keep_a_job_from_its_end_and_ends_with_it() {
    for (command, ends) in [("exit 0", "AtRest"), ("exit 3", "Failed")] {
        let mut unit = Unit::new().await;
        let desired = unit.desired("job.yaml", &job(command));
        let pod = format!("{}-work.0-0", unit.world.scope);
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
        loop {
            let plan = unit.pass(&desired).await.unwrap();
            let state = plan.lanes[0].run.as_ref().map(|run| run.state.clone());
            let is_over = matches!(&state, Some(RunState::AtRest | RunState::Failed(_)));
            if is_over && plan.is_empty() {
                assert!(format!("{state:?}").contains(ends), "{state:?}");
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{plan}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let ended = until(|| async {
            let seen = ["", ".side", ".main", ".more"]
                .map(|part| unit.world.field(&format!("{pod}{part}"), "{{.State.Status}}"))
                .join(" ");
            ((seen == "exited exited exited exited").then_some(()), seen)
        });
        ended.await.unwrap();
        let observed = unit.world.look(Depth::List).await;
        let code = if ends == "Failed" { 3 } else { 0 };
        assert_eq!(observed.pods[&pod].state, PodState::Exited { code, ailment: None });
        assert!(unit.pass(&desired).await.unwrap().is_empty(), "it is over");
    }
}
