//! Two state directories with one host name on one engine: the second is refused, named, and can take over.

use crate::site::Site;
use crate::world::World;

const WEB: &str = r#"
deployment "SCOPE" "web" {
  image   = "writ-test/box:1"
  command = ["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]
}
"#;

/// Two hosts that call themselves alike and follow one repository, with one unit, each with a state directory of its own.
async fn twins() -> (Site, Site) {
    let first = Site::new().await;
    let mut world = World::new().await;
    world.context.unit = first.unit();
    world.scope.clone_from(&first.world.scope);
    let mut second = Site::with(world, "").await;
    second.follow(&first).await;
    (first, second)
}

async fn store(site: &Site) -> String {
    let made = site.history().await.into_iter().find(|record| record["kind"] == "store-made").unwrap();
    made["event"]["id"].as_str().unwrap_or_else(|| panic!("{made:#}")).to_owned()
}

#[tokio::test]
async fn a_second_state_directory_with_the_same_host_name_is_refused_before_its_first_step() {
    let (first, second) = twins().await;
    first.deploy("web.hcl", WEB).await;
    let before = first.containers();
    first.commit("web.hcl", &WEB.replace("sleep 1000", "sleep 2000"));
    for words in [&["run", "--once"][..], &["plan"]] {
        let refused = second.writ(words).await;
        refused.exits(1);
        let text = format!("{}{}", refused.out, refused.error);
        for word in ["is looked after from another state directory", &store(&first).await, "writ enrol --take-over"] {
            assert!(text.contains(word), "`{word}` is not in {text}");
        }
    }
    assert_eq!(first.containers(), before, "nothing was touched");
    let kinds: Vec<String> = second.history().await.iter().map(|record| record["kind"].to_string()).collect();
    assert!(!kinds.iter().any(|kind| kind.contains("intent")), "{kinds:?}");
    first.settle().await;
    first.holds().await;
    second.holds().await;
}

#[tokio::test]
async fn a_second_state_directory_takes_over_when_a_person_says_so_and_the_first_is_refused_from_then_on() {
    let (first, second) = twins().await;
    first.deploy("web.hcl", WEB).await;
    let before = first.containers();
    let taken = second.enrol(&["--take-over"]).await;
    taken.exits(0);
    assert!(taken.error.contains(&store(&first).await), "{taken:?}");
    second.settle().await;
    let names =
        |containers: &std::collections::BTreeMap<String, String>| containers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&second.containers()), names(&before), "its pods are the ones that were there");
    let told = second.told().await;
    assert!(told.contains("one-keeper set aside by operator: taken over from store "), "{told}");
    let refused = first.pass().await;
    refused.exits(1);
    assert!(refused.out.contains(&store(&second).await), "{refused:?}");
    assert_eq!(second.enrol(&["--take-over"]).await.exits(0).error.matches("looked after by").count(), 0);
    second.pass().await.exits(0);
}

#[tokio::test]
async fn a_state_directory_that_moved_still_looks_after_its_pods_and_a_lost_mark_is_made_anew() {
    let site = Site::new().await;
    site.deploy("web.hcl", WEB).await;
    let mark = format!("writ-keeper_{}_{}", crate::world::HOST, site.unit());
    assert_eq!(
        site.world.person(&["volume", "inspect", "-f", "{{index .Labels \"writ.store\"}}", &mark]),
        store(&site).await
    );
    let moved = site.path("moved");
    std::fs::rename(site.path("state"), &moved).unwrap();
    let settings = std::fs::read_to_string(site.path("agent.toml")).unwrap();
    let (from, to) = (format!("{:?}", site.path("state")), format!("{moved:?}"));
    std::fs::write(site.path("agent.toml"), settings.replace(&from, &to)).unwrap();
    site.pass().await.exits(0);
    site.world.person(&["volume", "rm", &mark]);
    site.pass().await.exits(0);
    site.world.person(&["volume", "inspect", &mark]);
}
