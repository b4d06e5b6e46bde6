//! What a person changes is seen, told, and mended.

use futures_util::StreamExt as _;
use writ::target::{Depth, EventKind};
use writ_core::observed::{Alteration, PodState};
use writ_core::plan::{Act, Fix};

use crate::world::World;

async fn altered(world: &World, pod: &str, depth: Depth) -> Vec<Alteration> {
    world.look(depth).await.pods[pod].altered.clone()
}

#[tokio::test]
async fn a_rename_and_a_disconnection_are_seen_in_the_lists_and_mended_in_place() {
    let world = World::new().await;
    let pod = world.pod("web", 0);
    world.create(&pod).await.unwrap();
    let container = world.container(&pod.name).await;
    let started = world.field(&container, "{{.State.StartedAt}}");
    let other = format!("{}-other", world.scope);
    world.person(&["rename", &pod.name, &other]);
    world.person(&["network", "disconnect", "voodu0", &other]);
    let expected = [Alteration::Renamed(other), Alteration::Disconnected];
    assert_eq!(altered(&world, &pod.name, Depth::List).await, expected);
    assert_eq!(altered(&world, &pod.name, Depth::Deep).await, expected);
    let mend = |fixes: &[Fix]| Act::MendPod {
        spec: Box::new(pod.clone()),
        container: container.clone(),
        fixes: fixes.to_vec(),
    };
    world.execute(&mend(&[Fix::Rename, Fix::Connect])).await.unwrap();
    world.execute(&mend(&[Fix::Rename, Fix::Connect])).await.unwrap();
    assert_eq!(altered(&world, &pod.name, Depth::Deep).await, []);
    assert_eq!(world.resolve(&pod.name, &pod.own_names[0]).await.len(), 1);
    assert_eq!(world.field(&pod.name, "{{.State.StartedAt}}"), started);
}

#[tokio::test]
async fn changed_limits_and_restart_policies_are_told_by_a_look_into_every_field() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.resources.memory_limit_bytes = Some(64 << 20);
    pod.main.resources.cpu_request_millis = Some(100);
    world.create(&pod).await.unwrap();
    assert_eq!(altered(&world, &pod.name, Depth::Deep).await, []);
    world.person(&["update", "--memory", "128m", "--memory-swap", "128m", "--restart", "no", &pod.name]);
    assert_eq!(altered(&world, &pod.name, Depth::List).await, []);
    let told = altered(&world, &pod.name, Depth::Deep).await;
    let told =
        |field: &str| told.iter().any(|found| matches!(found, Alteration::Field(text) if text.starts_with(field)));
    assert!(told("Memory is 134217728, was made with 67108864") && told("RestartPolicy is no"));
    world.replace(&pod).await.unwrap();
    assert_eq!(altered(&world, &pod.name, Depth::Deep).await, []);
}

#[tokio::test]
async fn what_a_person_stops_pauses_or_removes_is_told_by_an_event_at_once() {
    let world = World::new().await;
    let pod = world.pod("web", 0);
    world.create(&pod).await.unwrap();
    let container = world.container(&pod.name).await;
    let mut events = world.target.events().await.unwrap();
    for (words, kind) in [
        (vec!["pause", &pod.name], EventKind::Paused),
        (vec!["unpause", &pod.name], EventKind::Paused),
        (vec!["stop", "-t", "0", &pod.name], EventKind::Died),
        (vec!["rm", &pod.name], EventKind::Removed),
    ] {
        world.person(&words);
        loop {
            let event = events.next().await.unwrap().unwrap();
            if event.pod.as_ref() == Some(&pod.name) && event.kind == kind {
                assert_eq!((event.id.as_str(), event.unit.as_ref()), (container.as_str(), Some(&world.context.unit)));
                break;
            }
        }
    }
    assert!(world.look(Depth::List).await.pods.is_empty());
}

#[tokio::test]
async fn a_stopped_or_paused_pod_is_seen_as_such_and_started_again() {
    let world = World::new().await;
    let pod = world.pod("web", 0);
    world.create(&pod).await.unwrap();
    let container = world.container(&pod.name).await;
    let start = Act::StartPod { pod: pod.name.clone(), container: container.clone() };
    world.person(&["kill", "--signal", "KILL", &pod.name]);
    let ended = crate::world::until(|| async {
        let state = world.look(Depth::List).await.pods[&pod.name].state.clone();
        (matches!(state, PodState::Exited { .. }).then_some(()), format!("{state:?}"))
    });
    ended.await.unwrap();
    let killed = PodState::Exited { code: 137, ailment: None };
    for depth in [Depth::List, Depth::Deep] {
        assert_eq!(world.look(depth).await.pods[&pod.name].state, killed);
    }
    world.execute(&start).await.unwrap();
    world.person(&["pause", &pod.name]);
    assert_eq!(world.look(Depth::Deep).await.pods[&pod.name].state, PodState::Paused);
    world.execute(&start).await.unwrap();
    assert_eq!(world.look(Depth::List).await.pods[&pod.name].state, PodState::Running);
    assert_eq!(world.container(&pod.name).await, container);
}
