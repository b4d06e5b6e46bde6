//! How a rollout paces itself, and what a pod finds in its files: the fields that say so, on the real engine.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::site::Site;

const FLEET: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: SCOPE}
spec:
  replicas: 3
  minReadySeconds: 1
  strategy: {rollingUpdate: {maxSurge: SURGE, maxUnavailable: UNAVAILABLE}}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - {name: c, image: "writ-test/box:1", command: [sh, -c, "exec sleep 1000"], env: [{name: V, value: "VERSION"}]}
"#;

/// Longest wait for what must come, with the machine busy.
const PATIENCE: Duration = Duration::from_secs(180);

/// Seconds since 1970, as the engine's client takes them.
fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

/// The fewest and the most pods of the unit that ran at a time since a moment, by the engine's own events; `before` ran then and
/// run again now. The engine answers a request before it tells of it.
async fn at_a_time(site: &Site, before: i32, since: &str) -> (i32, i32) {
    let limit = Instant::now() + PATIENCE;
    loop {
        let (least, most, runs) = told(site, before, since, &now());
        if runs == before {
            return (least, most);
        }
        assert!(Instant::now() < limit, "{runs} run, and {before} did before");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The fewest and the most that ran at a time between two moments, and how many ran at the end.
fn told(site: &Site, before: i32, since: &str, until: &str) -> (i32, i32, i32) {
    let unit = format!("label=writ.unit={}", site.unit());
    let form = "{{.Action}} {{.Actor.Attributes.name}}";
    let words = ["events", "--since", since, "--until", until, "--filter", "type=container", "--filter", &unit];
    let said = site
        .world
        .person(&[&words[..], &["--filter", "event=start", "--filter", "event=die", "--format", form]].concat());
    let ours = format!("{}-web.", site.world.scope);
    let (mut runs, mut least, mut most) = (before, before, before);
    for line in said.lines().filter(|line| line.contains(&ours)) {
        runs += if line.starts_with("start ") { 1 } else { -1 };
        (least, most) = (least.min(runs), most.max(runs));
    }
    (least, most, runs)
}

#[tokio::test]
async fn a_rollout_never_has_more_pods_than_max_surge_nor_fewer_than_max_unavailable_allows() {
    for (surge, unavailable, least, most) in
        [("1", "0", 3, 4), ("0", "1", 2, 3), ("0", "100%", 0, 3), ("34%", "0", 3, 5)]
    {
        let site = Site::new().await;
        let fleet = FLEET.replace("SURGE", surge).replace("UNAVAILABLE", unavailable);
        site.deploy("web.yaml", &fleet.replace("VERSION", "1")).await;
        let since = now();
        site.deploy("web.yaml", &fleet.replace("VERSION", "2")).await;
        let seen = at_a_time(&site, 3, &since).await;
        let is_within = seen.0 >= least && seen.1 <= most && seen != (3, 3);
        assert!(is_within, "maxSurge {surge}, maxUnavailable {unavailable}: from {} to {} at a time", seen.0, seen.1);
        site.holds().await;
    }
}

const SET: &str = r#"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: set, namespace: SCOPE}
spec:
  serviceName: set
  replicas: 2
  minReadySeconds: 3
  ordinals: {start: 5}
  selector: {matchLabels: {app: set}}
  template:
    metadata: {labels: {app: set, tier: one}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: c
          image: writ-test/box:1
          command: [sh, -c, "exec sleep 1000"]
          readinessProbe: {exec: {command: ["true"]}, periodSeconds: 1}
          volumeMounts: [{name: all, mountPath: /etc/all, readOnly: true}]
      volumes:
        - name: all
          projected:
            defaultMode: 0440
            sources:
              - configMap: {name: conf, items: [{key: a, path: deep/a.conf, mode: 0400}]}
              - secret: {name: creds, items: [{key: p, path: password}]}
              - downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}]}
---
apiVersion: v1
kind: Service
metadata: {name: set, namespace: SCOPE}
spec: {clusterIP: None, selector: {app: set}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: SCOPE}
data: {a: "of a", b: "of b"}
---
apiVersion: v1
kind: Secret
metadata: {name: creds, namespace: SCOPE}
stringData: {p: canary-90be, q: other}
"#;

/// When a container was started, in seconds of its day.
fn started(site: &Site, pod: &str) -> f64 {
    let text = site.world.field(pod, "{{.State.StartedAt}}");
    let (_, time) = text.split_once('T').unwrap();
    let mut parts = time.trim_end_matches('Z').split(':');
    let mut part = || parts.next().unwrap().parse::<f64>().unwrap();
    let (hours, minutes, seconds) = (part(), part(), part());
    (hours * 60.0 + minutes) * 60.0 + seconds
}

#[tokio::test]
async fn a_set_counts_from_its_first_ordinal_waits_min_ready_seconds_and_mounts_what_is_projected_with_its_modes() {
    let site = Site::new().await;
    site.deploy("set.yaml", SET).await;
    let pods = [site.pod("set", 5), site.pod("set", 6)];
    let names: Vec<String> = site.containers().into_keys().collect();
    assert_eq!(names, pods);
    let apart = (started(&site, &pods[1]) - started(&site, &pods[0])).rem_euclid(86_400.0);
    assert!(apart >= 3.0, "the second one was started {apart} s after the first");
    let found = site.world.exec(&pods[0], &["nslookup", &format!("set-6.set.{}", site.world.scope)]).await;
    assert_eq!(found.1, 0, "{found:?}");
    let told = async |command: &str| site.world.exec(&pods[1], &["sh", "-c", command]).await.0;
    assert_eq!(told("cd /etc/all && find -L . -type f | sort").await, "./deep/a.conf\n./labels\n./password");
    let modes = "cd /etc/all && stat -L -c %a deep/a.conf labels password | tr '\\n' ' '";
    assert_eq!(told(modes).await.trim(), "400 440 440");
    assert_eq!(told("cat /etc/all/deep/a.conf").await, "of a");
    assert!(told("cat /etc/all/labels").await.contains("tier=\"one\""));
    assert_eq!(told("wc -c < /etc/all/password").await, "11");
    site.holds().await;
}

const STUCK: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: SCOPE}
spec:
  progressDeadlineSeconds: 4
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: c
          image: writ-test/box:1
          command: [sh, -c, "exec sleep 1000"]
          readinessProbe: {exec: {command: [test, "READY", "=", "yes"]}, periodSeconds: 1}
"#;

#[tokio::test]
async fn a_rollout_that_makes_no_progress_within_its_deadline_has_failed_and_the_revert_heals_it() {
    let site = Site::new().await;
    let good = STUCK.replace("READY", "yes");
    let commit = site.commit("web.yaml", &good);
    let agent = site.start();
    site.is_said(&commit, "success").await;
    let before: Vec<String> = site.containers().into_keys().collect();
    let commit = site.commit("web.yaml", &STUCK.replace("READY", "no"));
    let text = site.is_said(&commit, "failure").await;
    assert!(text.contains("did not become available in 4s"), "{text}");
    assert!(before.iter().all(|pod| site.containers()[pod].contains(" running ")), "the old pod goes on");
    let commit = site.commit("web.yaml", &good);
    site.is_said(&commit, "success").await;
    assert_eq!(agent.stop().await, Some(0));
    site.holds().await;
}
