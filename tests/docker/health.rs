//! Probes decide, on a schedule that nothing delays.

use writ::health::{Report, Watched, What};
use writ_core::model::{PodSpec, Probe, ProbeAction};

use crate::world::{World, container, shell_probe};

/// Watches a pod until something that `is_it` knows happened.
async fn see(world: &World, pod: &PodSpec, is_it: impl Fn(&What) -> bool) -> Report {
    let watched = Watched { spec: pod.clone(), container: world.container(&pod.name).await };
    world.health.watch(&world.context.unit, vec![watched]);
    let mut reports = world.reports.lock().await;
    let mut seen = Vec::new();
    let found = tokio::time::timeout(std::time::Duration::from_secs(120), async {
        loop {
            let report = reports.recv().await.unwrap();
            if matches!(report.what, What::Restarting(_)) {
                world.health.recorded(&report.pod, true);
            }
            if is_it(&report.what) {
                return report;
            }
            seen.push(report);
        }
    });
    found.await.unwrap_or_else(|_| panic!("it did not happen; seen: {seen:#?}"))
}

fn probe(action: ProbeAction) -> Probe {
    Probe { action, failure_threshold: 2, ..shell_probe("") }
}

#[tokio::test]
async fn a_container_whose_liveness_fails_is_restarted_in_place() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.liveness = Some(Probe { failure_threshold: 2, ..shell_probe("! test -f /tmp/sick") });
    world.create(&pod).await.unwrap();
    let container = world.container(&pod.name).await;
    let started = world.field(&container, "{{.State.StartedAt}}");
    see(&world, &pod, |what| *what == What::Available).await;
    world.exec(&pod.name, &["touch", "/tmp/sick"]).await;
    let report = see(&world, &pod, |what| matches!(what, What::Restarting(_))).await;
    assert_eq!(report.what, What::Restarting("livenessProbe: exit code 1".to_owned()));
    see(&world, &pod, |what| *what == What::Restarted).await;
    assert_eq!(world.container(&pod.name).await, container);
    assert_ne!(world.field(&container, "{{.State.StartedAt}}"), started);
}

#[tokio::test]
async fn a_pod_whose_names_lead_to_it_from_its_start_is_available_no_sooner_than_its_probe_says() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.publish_not_ready = true;
    pod.main.readiness = Some(probe(shell_probe("test -f /tmp/well").action));
    world.create(&pod).await.unwrap();
    let watched = Watched { spec: pod.clone(), container: world.container(&pod.name).await };
    world.health.watch(&world.context.unit, vec![watched]);
    let told = || async { (world.health.reasons().remove(&pod.name), "its probe was not asked".to_owned()) };
    assert_eq!(crate::world::until(told).await.unwrap(), "readinessProbe: exit code 1");
    assert_eq!(world.health.readiness_of(&pod.name), writ_core::observed::Readiness::NotReady);
    world.exec(&pod.name, &["touch", "/tmp/well"]).await;
    see(&world, &pod, |what| *what == What::Available).await;
}

#[tokio::test]
async fn a_container_whose_liveness_always_fails_is_restarted_at_once_and_then_after_ten_seconds() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.liveness = Some(Probe { failure_threshold: 1, ..shell_probe("false") });
    world.create(&pod).await.unwrap();
    let first = see(&world, &pod, |what| matches!(what, What::Restarting(_))).await;
    see(&world, &pod, |what| *what == What::Restarted).await;
    let waits = see(&world, &pod, |what| matches!(what, What::NotReady(why) if why.contains("restarts"))).await;
    let told = world.health.reasons().remove(&pod.name).unwrap_or_default();
    assert!(told.starts_with("livenessProbe: exit code 1; restarts do not help"), "{told}");
    let since = world.health.unavailable()[&pod.name];
    assert!(since <= first.at, "its time to become available goes on over restarts: {since} after {}", first.at);
    let again = see(&world, &pod, |what| matches!(what, What::Restarting(_))).await;
    let pause = again.at.millis_since(waits.at);
    assert!((10_000..20_000).contains(&pause), "{pause} ms");
    see(&world, &pod, |what| *what == What::Restarted).await;
}

#[tokio::test]
async fn a_probe_by_http_or_tcp_reaches_the_pod_and_tells_why_it_fails() {
    let world = World::new().await;
    let script = "mkdir /www; echo fine > /www/health; exec httpd -f -p 8080 -h /www";
    let http = |path: &str| ProbeAction::Http { path: path.to_owned(), port: 8080, tls: false, headers: Vec::new() };
    for (name, action, bad, why) in [
        ("http", http("/health"), http("/nothing"), "readinessProbe: HTTP 404"),
        ("tcp", ProbeAction::Tcp { port: 8080 }, ProbeAction::Tcp { port: 8081 }, "readinessProbe: port 8081: "),
    ] {
        let mut pod = world.pod(name, 0);
        pod.main = container("writ-test/box:1", &["sh", "-c", script]);
        pod.main.readiness = Some(probe(action));
        world.create(&pod).await.unwrap();
        see(&world, &pod, |what| *what == What::Published(true)).await;
        pod.main.readiness = Some(probe(bad));
        let report = see(&world, &pod, |what| matches!(what, What::NotReady(_))).await;
        assert!(matches!(&report.what, What::NotReady(told) if told.starts_with(why)), "{report:?}");
    }
}

#[tokio::test]
async fn a_probe_by_shell_sees_the_containers_environment() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.env = crate::world::env(&[("WORD", "open sesame")]);
    pod.main.readiness = Some(shell_probe("echo \"$WORD\" | grep -q '^open sesame$'"));
    world.create(&pod).await.unwrap();
    see(&world, &pod, |what| *what == What::Available).await;
}

#[tokio::test]
async fn a_probe_that_hangs_fails_in_time_and_delays_no_other_pod() {
    let world = World::new().await;
    let (mut slow, mut quick) = (world.pod("slow", 0), world.pod("quick", 0));
    slow.main.readiness = Some(Probe { timeout: writ_core::time::Seconds(1), ..shell_probe("sleep 1000") });
    quick.main.readiness = Some(shell_probe("true"));
    world.create(&slow).await.unwrap();
    world.create(&quick).await.unwrap();
    let mut watched = Vec::new();
    for pod in [&slow, &quick] {
        watched.push(Watched { spec: pod.clone(), container: world.container(&pod.name).await });
    }
    world.health.watch(&world.context.unit, watched);
    let available = crate::world::until(|| async {
        let readiness = world.health.readiness();
        let done = readiness[&quick.name] == writ_core::observed::Readiness::Available
            && world.health.reasons().contains_key(&slow.name);
        (done.then_some(()), format!("{readiness:?}"))
    });
    available.await.unwrap();
    assert_eq!(world.health.reasons()[&slow.name], "readinessProbe: no answer within 1 s");
}
