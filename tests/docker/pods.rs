//! Pods are made, found again, mended, replaced and removed; their data stays.

use writ::target::Depth;
use writ_core::observed::{NetworkState, PodState};
use writ_core::plan::Act;

use crate::world::{World, revision};

#[tokio::test]
async fn a_pod_is_made_under_its_name_and_seen_again() {
    let world = World::new().await;
    let pod = world.pod_with_claim("pg", 0, "/data");
    world.create(&pod).await.unwrap();
    let observed = world.look(Depth::Deep).await;
    let seen = &observed.pods[&format!("{}-pg.0", world.scope)];
    assert_eq!((&seen.object, seen.revision.as_ref()), (&world.object("pg"), Some(&pod.revision)));
    assert_eq!((&seen.state, seen.altered.as_slice()), (&PodState::Running, [].as_slice()));
    assert_eq!(observed.network, NetworkState::Present);
    let volume = &observed.volumes[&format!("voodu-{}-pg-data-0", world.scope)];
    assert_eq!((volume.claim.as_str(), volume.ordinal), ("data", Some(0)));
    assert_eq!(world.look(Depth::List).await.pods.len(), 1);
}

#[tokio::test]
async fn a_step_that_is_taken_twice_changes_nothing_more() {
    let world = World::new().await;
    let pod = world.pod_with_claim("pg", 0, "/data");
    world.create(&pod).await.unwrap();
    let container = world.container(&pod.name).await;
    let started = world.field(&container, "{{.State.StartedAt}}");
    world.create(&pod).await.unwrap();
    world.execute(&Act::StartPod { pod: pod.name.clone(), container: container.clone() }).await.unwrap();
    assert_eq!(world.field(&pod.name, "{{.Id}} {{.State.StartedAt}}"), format!("{container} {started}"));
    let remove = Act::RemovePod { pod: pod.name.clone(), container, grace: None };
    world.execute(&remove).await.unwrap();
    world.execute(&remove).await.unwrap();
    assert!(world.look(Depth::List).await.pods.is_empty());
}

#[tokio::test]
async fn data_survives_a_restart_a_new_image_a_removal_and_a_scale_down() {
    let world = World::new().await;
    let mut pod = world.pod_with_claim("pg", 0, "/data");
    world.create(&pod).await.unwrap();
    assert_eq!(world.exec(&pod.name, &["sh", "-c", "echo kept > /data/row"]).await.1, 0);
    let kept = async |pod: &str| assert_eq!(world.exec(pod, &["cat", "/data/row"]).await, ("kept".to_owned(), 0));
    world.target.restart(&world.container(&pod.name).await, pod.grace).await.unwrap();
    kept(&pod.name).await;
    pod.main.image = "writ-test/box:2".to_owned();
    pod.revision = revision(2);
    world.replace(&pod).await.unwrap();
    kept(&pod.name).await;
    world.remove(&pod.name).await.unwrap();
    assert_eq!(
        world
            .look(Depth::List)
            .await
            .volumes
            .values()
            .filter(|volume| volume.object == Some(pod.object.clone()))
            .count(),
        1
    );
    world.create(&pod).await.unwrap();
    kept(&pod.name).await;
}
