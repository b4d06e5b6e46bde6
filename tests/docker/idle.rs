//! What a pass costs that has nothing to do.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::Engine;
use crate::proxy::Proxy;
use crate::site::Site;
use crate::world::World;

/// So many StatefulSets of one sleeping pod each.
fn sleepers(count: usize) -> String {
    let one = |number: usize| {
        format!(
            r#"
statefulset "SCOPE" "s{number}" {{
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volume_claim "data" {{ mount_path = "/data" }}
}}
"#
        )
    };
    (0..count).map(one).collect()
}

/// A pod of two containers and their sandbox.
const SEVERAL: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: several, namespace: SCOPE}
spec:
  selector: {matchLabels: {app: several}}
  template:
    metadata: {labels: {app: several}}
    spec:
      containers:
        - {name: one, image: 'writ-test/box:1', command: [sleep, '1000']}
        - {name: two, image: 'writ-test/box:1', command: [sleep, '1000']}
";

/// Puts a `git` before the real one that counts how often the repository is asked.
fn count_listings(site: &Site) {
    let (folder, log) = (site.path("programs"), site.path("listings"));
    std::fs::create_dir(&folder).unwrap();
    let text = format!("#!/bin/sh\necho asked >> {}\nPATH=${{PATH#*:}}\nexec git \"$@\"\n", log.display());
    crate::program::program(&folder.join("git"), &text);
}

fn listings(site: &Site) -> usize {
    std::fs::read_to_string(site.path("listings")).map_or(0, |text| text.lines().count())
}

/// Waits until the agent asks the engine nothing any more.
async fn quiet(site: &Site, proxy: &Proxy) {
    let (mut calls, mut last) = (proxy.calls().len(), Instant::now());
    let limit = last + Duration::from_secs(60);
    while last.elapsed() < Duration::from_millis(600) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        if proxy.calls().len() > calls {
            (calls, last) = (proxy.calls().len(), Instant::now());
        }
        assert!(Instant::now() < limit, "it never rests: {}", site.told().await);
    }
}

/// Calls of idle passes of a running agent with so many workloads.
async fn check(engine: &Engine, count: usize) {
    let site = Site::with(World::on(&engine.endpoint()), "").await;
    count_listings(&site);
    site.write("several.yaml", SEVERAL);
    site.deploy("s.hcl", &sleepers(count)).await;
    let containers = site.containers();
    assert_eq!(containers.len(), count + 3, "{containers:?}");
    let head = site.repository.head();
    let proxy = Proxy::before(&engine.endpoint());
    *site.endpoint.borrow_mut() = proxy.endpoint();
    let agent = site.start();
    // The first pass looks into every container.
    let looked_into = |call: &String| call.starts_with("GET /containers/") && call.ends_with("/json");
    let begun = async || {
        let calls = proxy.calls();
        let begun = calls.iter().filter(|call| looked_into(call)).count() >= containers.len();
        begun.then_some(()).ok_or_else(|| format!("{calls:?}"))
    };
    site.becomes("a first pass", begun).await;
    quiet(&site, &proxy).await;
    let (records, said) = (site.history().await.len(), site.said(&head));
    // A branch that is nobody's wakes the agent at once; after that the interval does.
    for branch in [Some("one"), Some("two"), None] {
        let (asked, calls) = (listings(&site), proxy.calls().len());
        if let Some(branch) = branch {
            site.repository.point(&format!("refs/heads/{branch}"), &head);
        }
        let again = async || (listings(&site) > asked).then_some(()).ok_or_else(String::new);
        site.becomes("another pass", again).await;
        quiet(&site, &proxy).await;
        let calls = proxy.calls().split_off(calls);
        assert_eq!(listings(&site) - asked, 1, "listings of a pass");
        assert!((1..=2).contains(&calls.len()), "{count} workloads: {calls:?}");
    }
    assert_eq!((site.history().await.len(), site.said(&head)), (records, said), "an idle pass writes nothing");
    assert_eq!(site.containers(), containers);
    assert_eq!(agent.stop().await, Some(0));
    assert_eq!(site.containers(), containers, "what runs outlives the agent");
    site.holds().await;
}

#[tokio::test]
async fn an_idle_pass_costs_one_listing_and_two_calls_with_one_workload_and_with_thirty() {
    let engine = Engine::up();
    check(&engine, 1).await;
    check(&engine, 30).await;
}
