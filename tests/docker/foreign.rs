//! What Writ did not make is left alone, and named.

use std::net::{IpAddr, Ipv4Addr, TcpListener};

use writ::target::{Depth, TargetError};
use writ_core::model::{Port, Protocol, Publish};
use writ_core::plan::Act;

use crate::world::World;

fn published(port: u16) -> Port {
    let publish = Publish { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: Some(port) };
    Port { name: None, container: 80, protocol: Protocol::Tcp, publish: Some(publish) }
}

/// A container that a person made; its identifier.
fn stranger(world: &World, name: &str, more: &[&str]) -> String {
    let words = ["run", "-d", "--name", name].into_iter().chain(more.iter().copied());
    world.person(&words.chain(["writ-test/box:1", "sleep", "1000"]).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_strangers_container_with_our_name_is_named_and_never_touched() {
    let world = World::new().await;
    let pod = world.pod("pg", 0);
    let id = stranger(&world, &pod.name, &[]);
    let before = world.field(&id, "{{.State.StartedAt}} {{.Name}}");
    let observed = world.look(Depth::Deep).await;
    assert_eq!(observed.foreign[&pod.name].0, format!("container {}, not made by Writ", pod.name));
    let refused = world.create(&pod).await.unwrap_err();
    assert!(matches!(&refused, TargetError::Held { name, .. } if *name == pod.name), "{refused}");
    for act in [
        Act::RemovePod { pod: pod.name.clone(), container: id.clone(), grace: None },
        Act::ReplacePod { container: id.clone(), spec: Box::new(pod.clone()) },
        Act::StartPod { pod: pod.name.clone(), container: id.clone() },
    ] {
        let refused = world.execute(&act).await.unwrap_err();
        assert!(matches!(refused, TargetError::NotOurs { .. }), "{refused}");
    }
    assert_eq!(world.field(&id, "{{.State.StartedAt}} {{.Name}}"), before);
}

#[tokio::test]
async fn a_strangers_volume_with_our_name_is_named_and_never_touched() {
    let world = World::new().await;
    let pod = world.pod_with_claim("pg", 0, "/data");
    let volume = &pod.volumes[0].name;
    world.person(&["volume", "create", volume]);
    let refused = world.create(&pod).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("held by volume {volume}, not made by Writ")), "{refused}");
    let refused = world.execute(&Act::RemoveVolume { volume: volume.clone() }).await.unwrap_err();
    assert!(matches!(refused, TargetError::Held { .. }), "{refused}");
    assert_eq!(world.field(volume, "{{.Name}}"), *volume);
    assert!(world.look(Depth::List).await.foreign_volumes.contains_key(volume));
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_that_names_who_has_it() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().port();
    let mut pod = world.pod("web", 0);
    pod.main.ports = vec![published(taken)];
    let refused = world.create(&pod).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("port {taken} is held by a program of the host")), "{refused}");
    drop(listener);
    let name = format!("{}-stranger", world.scope);
    stranger(&world, &name, &["-p", &format!("127.0.0.1:{taken}:80")]);
    let refused = world.create(&pod).await.unwrap_err().to_string();
    assert!(refused.contains(&format!("held by container {name}, not made by Writ")), "{refused}");
    world.person(&["rm", "-f", &name]);
    world.create(&pod).await.unwrap();
}

#[tokio::test]
async fn another_units_pod_is_its_own() {
    let (one, other) = (World::new().await, World::new().await);
    let pod = one.pod("pg", 0);
    one.create(&pod).await.unwrap();
    let observed = other.look(Depth::Deep).await;
    assert!(observed.pods.is_empty());
    assert_eq!(observed.foreign[&pod.name].0, format!("unit {}", one.context.unit));
    let remove = Act::RemovePod { pod: pod.name.clone(), container: one.container(&pod.name).await, grace: None };
    assert!(matches!(other.execute(&remove).await.unwrap_err(), TargetError::NotOurs { .. }));
    assert_eq!(one.look(Depth::List).await.pods.len(), 1);
}
