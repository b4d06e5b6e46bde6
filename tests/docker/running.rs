//! The agent while it runs: what people do to its pods, what its pods do, and its own end.

use crate::site::Site;
use crate::world::World;

const WEB: &str = r#"
statefulset "SCOPE" "web" {
  image    = "writ-test/box:1"
  replicas = 2
  command  = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
}
"#;

/// What a person does to a pod.
const MEDDLING: [(&str, &[&str]); 5] = [
    ("removed", &["rm", "-f", "POD"]),
    ("stopped", &["stop", "-t", "1", "POD"]),
    ("paused", &["pause", "POD"]),
    ("renamed", &["rename", "POD", "POD-x"]),
    ("disconnected", &["network", "disconnect", "voodu0", "POD"]),
];

/// True if both pods run under their names, reachable by them.
fn whole(site: &Site) -> Result<(), String> {
    let containers = site.containers();
    let pods = [site.pod("web", 0), site.pod("web", 1)];
    let running = containers.keys().eq(pods.iter()) && containers.values().all(|seen| seen.contains(" running "));
    if !running {
        return Err(format!("{containers:?}"));
    }
    let aliases = "{{range .NetworkSettings.Networks}}{{.Aliases}}{{end}}";
    for (pod, ordinal) in pods.iter().zip(0..) {
        let names = site.world.field(pod, aliases);
        if !names.contains(&format!("web-{ordinal}.")) || !names.contains(&format!("web.{}", site.world.scope)) {
            return Err(format!("{pod} is known as {names}"));
        }
    }
    Ok(())
}

fn meddle(site: &Site, words: &[&str], pod: &str) {
    let words: Vec<String> = words.iter().map(|word| word.replace("POD", pod)).collect();
    site.world.person(&words.iter().map(String::as_str).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_a_person_removes_stops_pauses_renames_or_disconnects_is_repaired_at_once() {
    let site = Site::new().await;
    let commit = site.commit("web.hcl", WEB);
    let agent = site.start();
    site.is_said(&commit, "success").await;
    site.becomes("whole", async || whole(&site)).await;
    let pod = site.pod("web", 1);
    let neighbour = site.containers()[&site.pod("web", 0)].clone();
    for (what, words) in MEDDLING {
        meddle(&site, words, &pod);
        site.becomes(what, async || whole(&site)).await;
    }
    assert_eq!(site.containers()[&site.pod("web", 0)], neighbour, "nobody touched its neighbour");
    site.is_said(&commit, "success").await;
    let before = site.containers();
    assert_eq!(agent.stop().await, Some(0));
    assert_eq!(site.containers(), before, "what runs outlives the agent");
    site.holds().await;
}

#[tokio::test]
async fn with_drift_reported_what_a_person_does_is_told_on_the_commit_and_left_so() {
    let site = Site::with(World::new().await, "drift = \"report\"").await;
    let commit = site.commit("web.hcl", WEB);
    let agent = site.start();
    site.is_said(&commit, "success").await;
    site.becomes("whole", async || whole(&site)).await;
    let pod = site.pod("web", 1);
    for (words, back) in [
        (&["stop", "-t", "1", "POD"], &["start", "POD"]),
        (&["pause", "POD"], &["unpause", "POD"]),
        (&["rename", "POD", "POD-x"], &["rename", "POD-x", "POD"]),
    ] as [(&[&str], &[&str]); 3]
    {
        meddle(&site, words, &pod);
        let left = site.containers();
        let text = site.is_said(&commit, "failure").await;
        assert!(text.contains("drifted") && text.contains(&pod), "{text}");
        assert_eq!(site.containers(), left);
        meddle(&site, back, &pod);
        site.is_said(&commit, "success").await;
    }
    meddle(&site, &["update", "--memory", "64m", "--memory-swap", "64m", "POD"], &pod);
    let text = site.is_said(&commit, "failure").await;
    assert!(text.contains("drifted"), "{text}");
    let told = site.writ(&["why", &format!("statefulset/{}/web", site.world.scope)]).await;
    told.exits(0);
    assert_eq!(site.world.field(&pod, "{{.HostConfig.Memory}}"), (64 << 20).to_string(), "it is left so");
    site.world.person(&["rm", "-f", &pod]);
    site.becomes("the loss is told", async || match site.said(&commit).pop() {
        Some((state, text)) if state == "failure" && !site.containers().contains_key(&pod) => {
            drop(text);
            Ok(())
        }
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(agent.log().contains("drifted"), "{}", agent.log());
    assert_eq!(agent.stop().await, Some(0));
    site.holds().await;
}

/// Probes that look at files, so that the test decides what they say, and wait long enough for a busy machine to say it.
const PROBED: &str = r#"
statefulset "SCOPE" "web" {
  image    = "writ-test/box:1"
  replicas = 2
  command  = ["sh", "-c", "trap 'exit 0' TERM; touch /tmp/live /tmp/ready; sleep 1000 & wait"]
  probes {
    readiness {
      exec              = ["test", "-e", "/tmp/ready"]
      period            = 1
      timeout           = 60
      failure_threshold = 1
    }
    liveness {
      exec              = ["test", "-e", "/tmp/live"]
      period            = 1
      timeout           = 60
      failure_threshold = 4
    }
  }
}
"#;

#[tokio::test]
async fn a_pod_that_is_not_ready_loses_the_shared_name_and_one_that_is_not_live_is_restarted() {
    let site = Site::new().await;
    let commit = site.commit("web.hcl", PROBED);
    let agent = site.start();
    site.is_said(&commit, "success").await;
    let (zero, one) = (site.pod("web", 0), site.pod("web", 1));
    let shared = format!("web.{}", site.world.scope);
    let address = |pod: &str| site.world.address(pod);
    let leads = async |name: &str, pods: &[&String]| {
        site.becomes(name, async || {
            // A pod that is given the name, or loses it, leaves the network for a moment, and has no address then.
            let mut wanted: Vec<String> = pods.iter().map(|pod| address(pod)).collect();
            wanted.sort();
            let found = site.world.resolve(&zero, name).await;
            if found == wanted { Ok(()) } else { Err(format!("{found:?} and not {wanted:?}")) }
        })
        .await;
    };
    let led = async |pods: &[&String]| leads(&shared, pods).await;
    led(&[&zero, &one]).await;
    let before = site.containers();
    site.world.exec(&one, &["rm", "/tmp/ready"]).await;
    led(&[&zero]).await;
    leads(&format!("web-1.{}", site.world.scope), &[&one]).await;
    assert_eq!(site.containers(), before, "not being ready restarts nothing");
    site.world.exec(&one, &["touch", "/tmp/ready"]).await;
    led(&[&zero, &one]).await;
    site.world.exec(&one, &["rm", "/tmp/live"]).await;
    site.becomes("a restart", async || {
        let seen = site.containers();
        let (was, is) = (&before[&one], &seen[&one]);
        let same = was.split(' ').next() == is.split(' ').next();
        (was != is && same && is.contains(" running ")).then_some(()).ok_or_else(|| format!("{seen:?}"))
    })
    .await;
    led(&[&zero, &one]).await;
    assert_eq!(site.containers()[&zero], before[&zero]);
    let history = site.history().await;
    assert!(history.iter().any(|record| record["pod"] == one && record["kind"] == "probe-restart"), "{history:#?}");
    assert_eq!(agent.stop().await, Some(0));
    site.holds().await;
}

#[tokio::test]
async fn an_agent_killed_in_the_middle_of_a_rollout_goes_on_when_it_is_back() {
    let site = Site::new().await;
    let three = WEB.replace("replicas = 2", "replicas = 3\n  volume_claim \"data\" { mount_path = \"/data\" }");
    site.deploy("web.hcl", &three).await;
    let old = site.containers();
    for ordinal in 0..3 {
        let words = format!("echo {ordinal} > /data/row");
        site.world.exec(&site.pod("web", ordinal), &["sh", "-c", &words]).await;
    }
    let commit = site.commit("web.hcl", &three.replace("sleep 1000", "sleep 2000"));
    let agent = site.start();
    // The highest ordinal goes first; the agent dies while it waits for it or has begun with the next.
    let last = site.pod("web", 2);
    site.becomes("a first new pod", async || match site.containers().get(&last) {
        Some(seen) if *seen != old[&last] && seen.contains(" running ") => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    agent.kill().await;
    let halfway = site.containers();
    assert_eq!(halfway[&site.pod("web", 0)], old[&site.pod("web", 0)]);
    let agent = site.start();
    site.is_said(&commit, "success").await;
    let new = site.containers();
    assert_eq!(new.keys().collect::<Vec<_>>(), old.keys().collect::<Vec<_>>());
    assert_eq!(new[&last], halfway[&last], "what was done is not done again");
    for ordinal in 0..3 {
        let pod = site.pod("web", ordinal);
        assert_ne!(new[&pod], old[&pod]);
        assert_eq!(site.world.exec(&pod, &["cat", "/data/row"]).await.0, ordinal.to_string());
    }
    assert_eq!(agent.stop().await, Some(0));
    assert_eq!(site.settle().await, 0);
    site.holds().await;
}
