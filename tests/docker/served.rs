//! The agent's own server before a real engine: what it tells is what the commands find there, and each question is counted.

use serde_json::Value;
use tempfile::TempDir;

use crate::ask::Place;
use crate::site::Site;
use crate::world::World;

const WEB: &str = r#"
statefulset "SCOPE" "web" {
  image    = "writ-test/box:1"
  replicas = 2
  command  = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
  volume_claim "data" { mount_path = "/data" }
}
"#;

/// A document without what is another one at each look.
fn still(text: &str) -> Result<Value, String> {
    let mut document: Value = serde_json::from_str(text).map_err(|error| format!("{error}: {text}"))?;
    document["at"] = Value::Null;
    Ok(document)
}

fn get(place: &Place, path: &str) -> Result<String, String> {
    let reply = place.get(path, &[]).map_err(|error| error.to_string())?;
    if reply.status == 200 { Ok(reply.body) } else { Err(format!("{path}: {reply:?}")) }
}

/// What is told is what `writ status` finds, with both pods well.
async fn agrees(site: &Site, place: &Place) -> Result<(), String> {
    let told = still(&get(place, "/api/v1/units")?)?;
    let found = still(&site.writ(&["status", "-o", "json"]).await.out)?;
    if told == found && told["health"] == "healthy" { Ok(()) } else { Err(format!("told {told:#}\nfound {found:#}")) }
}

fn measure(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}: {text}"));
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn what_is_told_of_a_real_engine_is_what_the_command_finds_and_each_question_to_it_is_counted() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("web.sock");
    let site = Site::with(World::new().await, &format!("[web]\nlisten = \"unix:{}\"\n", socket.display())).await;
    let place = Place::Socket(socket);
    let commit = site.commit("web.hcl", WEB);
    let agent = site.start();
    site.is_said(&commit, "success").await;
    site.becomes("told as found", async || agrees(&site, &place).await).await;
    let (pod, scope) = (site.pod("web", 1), site.world.scope.clone());
    let before = get(&place, "/metrics").unwrap();
    let calls = |text: &str| measure(text, "writ_engine_calls_total{target=\"docker\",result=\"answered\"} ");
    assert!(calls(&before) > 10, "{before}");
    let removed = site.containers()[&pod].clone();
    site.world.person(&["rm", "-f", &pod]);
    site.becomes("made again", async || {
        let seen = site.containers().get(&pod).cloned();
        if seen.as_ref().is_some_and(|seen| *seen != removed) { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
    site.becomes("told as found", async || agrees(&site, &place).await).await;
    let after = get(&place, "/metrics").unwrap();
    assert!(calls(&after) > calls(&before), "{after}");
    let count = measure(&after, "writ_engine_call_duration_seconds_count{target=\"docker\"} ");
    assert!(count >= calls(&after), "{after}");
    assert_eq!(measure(&after, &format!("writ_target_reached{{unit=\"{}\"}} ", site.unit())), 1);
    let object = get(&place, &format!("/api/v1/objects/statefulset/{scope}/web")).unwrap();
    let object: Value = serde_json::from_str(&object).unwrap();
    assert_eq!(
        (&object["current"]["running"], &object["why"]["change"]["commit"]),
        (&2.into(), &commit.as_str().into())
    );
    let volumes = get(&place, "/api/v1/volumes").unwrap();
    assert!(volumes.contains(&format!("voodu-{scope}-web-data-1")) && volumes.contains("\"held\":true"), "{volumes}");
    for path in
        ["/", "/history", &format!("/objects/statefulset/{scope}/web"), &format!("/commits/{commit}"), "/volumes"]
    {
        assert!(get(&place, path).unwrap().contains(&scope), "{path}");
    }
    assert_eq!(agent.stop().await, Some(0));
}
