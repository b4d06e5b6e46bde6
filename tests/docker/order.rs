//! In what order the pods of a StatefulSet come, change and go, as the engine's own events tell it.

use std::collections::BTreeMap;

use crate::site::Site;
use crate::timeline::{MADE, REMOVED, REPLACED, Timeline, at, one_by_one, turns};
use crate::yaml::{CLAIM, MOUNTED, set};

const ROLLING: &str = "{type: RollingUpdate}";

/// A set whose pods become ready a second after they started, at the earliest.
fn ordered(count: u32, generation: u32) -> String {
    with_claim("OrderedReady", ROLLING, "sleep 1", count, generation)
}

/// A set whose pods become ready once they have done what `prepare` says.
fn with_claim(policy: &str, strategy: &str, prepare: &str, count: u32, generation: u32) -> String {
    let (replicas, policy) = (format!("replicas: {count}"), format!("podManagementPolicy: {policy}"));
    let strategy = format!("updateStrategy: {strategy}");
    let script = format!("trap 'exit 0' TERM; {prepare}; touch /tmp/ready; sleep 1000 & wait");
    let command = format!("command: [\"sh\", \"-c\", \"{script}\"]");
    let env = format!("env: [{{name: GENERATION, value: \"{generation}\"}}]");
    let readiness = "readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1}";
    set("db", &[&replicas, &policy, &strategy, CLAIM], &[&command, &env, readiness, MOUNTED])
}

/// Writes into each volume whose it is.
async fn write_rows(site: &Site, count: u32) {
    for ordinal in 0..count {
        let words = format!("echo row {ordinal} > /data/row");
        assert_eq!(site.world.exec(&site.pod("db", ordinal), &["sh", "-c", &words]).await.1, 0);
    }
}

/// Each pod has what was written for it, and is of this generation.
async fn hold(site: &Site, generations: &[u32]) {
    let pods: Vec<String> = site.containers().into_keys().collect();
    assert_eq!(pods, (0..generations.len()).map(|at| site.pod("db", at.try_into().unwrap())).collect::<Vec<_>>());
    for (ordinal, generation) in generations.iter().enumerate() {
        let told = site.world.exec(&pods[ordinal], &["sh", "-c", "cat /data/row; echo $GENERATION"]).await.0;
        assert_eq!(told, format!("row {ordinal}\n{generation}"));
        let volume = format!("voodu-{}-db-data-{ordinal}", site.world.scope);
        let mounted = "{{range .Mounts}}{{if .Name}}{{.Name}} {{.Destination}}{{end}}{{end}}";
        assert_eq!(site.world.field(&pods[ordinal], mounted), format!("{volume} /data"));
    }
}

/// The pods that are no longer what they were, by name.
fn others(site: &Site, before: &BTreeMap<String, String>) -> Vec<String> {
    let after = site.containers();
    after.into_iter().filter(|(pod, seen)| before.get(pod) != Some(seen)).map(|(pod, _)| pod).collect()
}

#[tokio::test]
async fn an_ordered_set_grows_upwards_and_changes_and_shrinks_downwards_pod_by_pod() {
    let site = Site::new().await;
    let mut timeline = Timeline::begin(&site.world);
    site.deploy("db.yaml", &ordered(3, 1)).await;
    let events = timeline.so_far().await;
    assert_eq!(turns(&events), one_by_one(&["db.0", "db.1", "db.2"], &MADE));
    for (one, next) in [("db.0", "db.1"), ("db.1", "db.2")] {
        let waited = at(&events, "create", next) - at(&events, "start", one);
        assert!(waited >= 900, "{next} came {waited} ms after {one} was started, which was not ready before 1000 ms");
    }
    write_rows(&site, 3).await;
    hold(&site, &[1, 1, 1]).await;

    site.deploy("db.yaml", &ordered(3, 2)).await;
    let events = timeline.so_far().await;
    assert_eq!(turns(&events), one_by_one(&["db.2", "db.1", "db.0"], &REPLACED));
    for (one, next) in [("db.2", "db.1"), ("db.1", "db.0")] {
        let waited = at(&events, "die", next) - at(&events, "start", one);
        assert!(waited >= 900, "{next} went {waited} ms after {one} was started, which was not ready before 1000 ms");
    }
    hold(&site, &[2, 2, 2]).await;

    let before = site.containers();
    site.deploy("db.yaml", &ordered(1, 2)).await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.2", "db.1"], &REMOVED));
    assert_eq!(others(&site, &before), [""; 0], "pod 0 is the same and was not restarted");
    hold(&site, &[2]).await;
    let volumes: Vec<String> = (0..3).map(|at| format!("voodu-{}-db-data-{at}", site.world.scope)).collect();
    assert_eq!(site.volumes(&site.world.scope), volumes);

    site.deploy("db.yaml", &ordered(3, 2)).await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.1", "db.2"], &MADE));
    assert_eq!(site.volumes(&site.world.scope), volumes);
    hold(&site, &[2, 2, 2]).await;

    let before = site.containers();
    site.world.person(&["rm", "-f", &site.pod("db", 1)]);
    site.settle().await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.1"], &REPLACED));
    assert_eq!(others(&site, &before), [site.pod("db", 1)]);
    hold(&site, &[2, 2, 2]).await;
    site.holds().await;
}

#[tokio::test]
async fn k15_a_parallel_set_starts_all_its_pods_before_any_is_ready_and_still_updates_from_the_top_pod_by_pod() {
    let site = Site::new().await;
    let mut timeline = Timeline::begin(&site.world);
    // No pod is ready before it has seen all the others: one after the other, none would ever be.
    let sees = |ordinal: u32| format!("nslookup -type=a db-{ordinal}.SCOPE");
    let prepare = format!("until {} && {} && {}; do sleep 0.1; done", sees(0), sees(1), sees(2));
    let parallel = |count, generation| with_claim("Parallel", ROLLING, &prepare, count, generation);
    site.deploy("db.yaml", &parallel(3, 1)).await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.0", "db.1", "db.2"], &MADE));
    write_rows(&site, 3).await;
    site.deploy("db.yaml", &parallel(3, 2)).await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.2", "db.1", "db.0"], &REPLACED));
    hold(&site, &[2, 2, 2]).await;
    let before = site.containers();
    site.deploy("db.yaml", &parallel(1, 2)).await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.2", "db.1"], &REMOVED));
    assert_eq!(others(&site, &before), [""; 0]);
    site.holds().await;
}

#[tokio::test]
async fn k10_k11_k12_on_delete_leaves_every_pod_until_it_is_deleted_and_a_partition_leaves_those_below_it() {
    let site = Site::new().await;
    let with = |strategy: &str, generation| with_claim("OrderedReady", strategy, "true", 3, generation);
    site.deploy("db.yaml", &with("{type: OnDelete}", 1)).await;
    write_rows(&site, 3).await;
    let mut timeline = Timeline::begin(&site.world);
    let before = site.containers();
    site.deploy("db.yaml", &with("{type: OnDelete}", 2)).await;
    assert_eq!(turns(&timeline.so_far().await), [""; 0]);
    assert_eq!(others(&site, &before), [""; 0]);
    hold(&site, &[1, 1, 1]).await;
    site.world.person(&["rm", "-f", &site.pod("db", 1)]);
    site.settle().await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.1"], &REPLACED));
    assert_eq!(others(&site, &before), [site.pod("db", 1)]);
    hold(&site, &[1, 2, 1]).await;

    let partition = |number: u32| format!("{{type: RollingUpdate, rollingUpdate: {{partition: {number}}}}}");
    let before = site.containers();
    site.deploy("db.yaml", &with(&partition(2), 3)).await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.2"], &REPLACED));
    assert_eq!(others(&site, &before), [site.pod("db", 2)]);
    hold(&site, &[1, 2, 3]).await;
    site.deploy("db.yaml", &with(&partition(0), 3)).await;
    assert_eq!(turns(&timeline.so_far().await), one_by_one(&["db.1", "db.0"], &REPLACED));
    hold(&site, &[3, 3, 3]).await;
    site.holds().await;
}

#[tokio::test]
async fn k30_k32_k43_k61_the_times_of_probes_and_of_the_end_are_kept_and_a_slow_start_is_not_restarted() {
    let site = Site::new().await;
    // Takes three seconds to start, and does not end when it is asked to.
    let liveness = "livenessProbe: {exec: {command: [test, -f, /tmp/ready]}, initialDelaySeconds: 1, \
                    periodSeconds: 1, failureThreshold: 8}";
    let stubborn = with_claim("OrderedReady", ROLLING, "sleep 3", 1, 1)
        .replace("trap 'exit 0' TERM", "trap '' TERM")
        .replace("PeriodSeconds: 1\n", "PeriodSeconds: 2\n")
        .replace("periodSeconds: 1}", &format!("initialDelaySeconds: 2, periodSeconds: 1}}\n          {liveness}"));
    let mut timeline = Timeline::begin(&site.world);
    site.commit("db.yaml", &stubborn);
    // One pass alone: another one would ask at once how the pod is.
    site.pass().await.exits(2);
    let events = timeline.so_far().await;
    assert_eq!(turns(&events), one_by_one(&["db.0"], &MADE), "nothing restarted it");
    let start = at(&events, "start", "db.0");
    let asked = |probe: &str| -> Vec<i64> {
        let of = events.iter().filter(|event| event.what == format!("exec_create: {probe}"));
        of.map(|event| event.at / 1_000_000 - start).collect()
    };
    let (ready, live) = (asked("test -e /tmp/ready"), asked("test -f /tmp/ready"));
    // The engine tells of a start some milliseconds after it.
    let (early, period) = (100, 1_000);
    for (asked, delay) in [(&ready, 2_000), (&live, 1_000)] {
        for (moment, due) in asked.iter().zip((delay..).step_by(period)) {
            assert!(moment + early >= due, "asked before {due} ms: {ready:?} {live:?}");
        }
    }
    assert!(live[0] < ready[0], "{ready:?} {live:?}");
    assert!(live.len() >= 2, "it was asked in vain before it was there: {live:?}");
    site.deploy("db.yaml", &stubborn.replace("replicas: 1", "replicas: 0")).await;
    let events = timeline.so_far().await;
    let signals: Vec<&str> =
        events.iter().filter(|event| event.what == "kill").map(|event| event.signal.as_str()).collect();
    assert_eq!(signals, ["15", "9"]);
    let ended = at(&events, "die", "db.0") - at(&events, "kill", "db.0");
    assert!((2_000..10_000).contains(&ended), "it was killed after {ended} ms, not after 2 s");
    site.holds().await;
}
