//! Names lead where they say: to one pod, or to all that are ready, and connections outlive every change.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use writ::health::Watched;
use writ_core::model::PodSpec;
use writ_core::observed::Readiness;

use crate::world::{World, container, shell_probe, until};

/// A pod that repeats what it is told on port 7, and is ready while a file is there.
fn echo(world: &World, ordinal: u32) -> PodSpec {
    let mut pod = world.pod("echo", ordinal);
    pod.main = container("writ-test/box:1", &["nc", "-ll", "-p", "7", "-e", "cat"]);
    pod.main.readiness = Some(shell_probe("test -f /tmp/ready"));
    pod.grace.0 = 1;
    pod
}

async fn watch(world: &World, pods: &[&PodSpec]) {
    let mut watched = Vec::new();
    for pod in pods {
        watched.push(Watched { spec: (*pod).clone(), container: world.container(&pod.name).await });
    }
    world.health.watch(&world.context.unit, watched);
}

async fn leads_to(world: &World, from: &str, name: &str, expected: &[&str]) {
    let mut expected: Vec<String> = expected.iter().map(|address| (*address).to_owned()).collect();
    expected.sort();
    let seen = until(|| async {
        let found = world.resolve(from, name).await;
        ((found == expected).then_some(()), format!("{found:?}"))
    });
    let seen = seen.await;
    assert!(seen.is_ok(), "{name} from {from}: {seen:?}, not {expected:?}");
}

#[tokio::test]
async fn a_shared_name_leads_to_the_ready_pods_alone_and_an_own_name_always() {
    let world = World::new().await;
    let (zero, one) = (echo(&world, 0), echo(&world, 1));
    world.create(&zero).await.unwrap();
    world.create(&one).await.unwrap();
    watch(&world, &[&zero, &one]).await;
    let address = |pod: &PodSpec| world.address(&pod.name);
    let (at_zero, at_one) = (address(&zero), address(&one));
    let shared = format!("echo.{}", world.scope);
    leads_to(&world, &zero.name, &shared, &[]).await;
    leads_to(&world, &zero.name, &one.own_names[0], &[&at_one]).await;
    world.exec(&zero.name, &["touch", "/tmp/ready"]).await;
    leads_to(&world, &one.name, &shared, &[&at_zero]).await;
    world.exec(&one.name, &["touch", "/tmp/ready"]).await;
    leads_to(&world, &one.name, &shared, &[&at_zero, &at_one]).await;
    world.exec(&zero.name, &["rm", "/tmp/ready"]).await;
    leads_to(&world, &one.name, &shared, &[&at_one]).await;
    leads_to(&world, &one.name, &zero.own_names[0], &[&at_zero]).await;
    assert_eq!((address(&zero), address(&one)), (at_zero, at_one));
    assert_eq!(world.health.readiness()[&zero.name], Readiness::NotReady);
    assert_eq!(world.health.reasons()[&zero.name], "readinessProbe: exit code 1");
}

#[tokio::test]
async fn an_open_connection_survives_a_pod_becoming_ready_and_unready() {
    let world = World::new().await;
    let pod = echo(&world, 0);
    world.create(&pod).await.unwrap();
    let container = world.container(&pod.name).await;
    let address = world.address(&pod.name);
    let connected = until(|| async {
        let connection = TcpStream::connect((address.as_str(), 7)).await;
        (connection.is_ok().then_some(()), format!("{connection:?}"))
    });
    connected.await.unwrap();
    let mut connection = TcpStream::connect((address.as_str(), 7)).await.unwrap();
    for ready in [true, true, false, false, true] {
        world.target.set_ready(&pod, &container, ready).await.unwrap();
        let published = world.target.published(&container).await.unwrap();
        assert_eq!((published.shared, published.running), (ready, true));
        connection.write_all(b"still there\n").await.unwrap();
        let mut answer = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(60), connection.read_exact(&mut answer));
        read.await.unwrap().unwrap();
        assert_eq!(&answer, b"still there\n");
    }
}

#[tokio::test]
async fn a_new_agent_takes_no_name_from_a_healthy_pod() {
    let world = World::new().await;
    let mut pod = echo(&world, 0);
    world.create(&pod).await.unwrap();
    let container = world.container(&pod.name).await;
    world.target.set_ready(&pod, &container, true).await.unwrap();
    let endpoint = world.field(&pod.name, "{{.NetworkSettings.Networks.voodu0.EndpointID}}");
    // The first probe comes long after the first look.
    pod.main.readiness =
        Some(writ_core::model::Probe { initial_delay: writ_core::time::Seconds(3_600), ..shell_probe("false") });
    watch(&world, &[&pod]).await;
    let available = until(|| async {
        let readiness = world.health.readiness()[&pod.name];
        ((readiness == Readiness::Available).then_some(()), format!("{readiness:?}"))
    });
    available.await.unwrap();
    assert_eq!(world.field(&pod.name, "{{.NetworkSettings.Networks.voodu0.EndpointID}}"), endpoint);
}

#[tokio::test]
async fn a_pod_that_restarts_loses_the_shared_name_until_it_is_ready_again() {
    let world = World::new().await;
    let pod = echo(&world, 0);
    world.create(&pod).await.unwrap();
    watch(&world, &[&pod]).await;
    world.exec(&pod.name, &["touch", "/tmp/ready"]).await;
    let shared = async |wanted: bool| {
        let container = world.container(&pod.name).await;
        let seen = until(|| async {
            let published = world.target.published(&container).await.unwrap();
            ((published.shared == wanted && published.running).then_some(()), format!("{published:?}"))
        });
        assert!(seen.await.is_ok(), "shared: {wanted}");
    };
    shared(true).await;
    let mut events = world.target.events().await.unwrap();
    world.person(&["exec", &pod.name, "rm", "/tmp/ready"]);
    world.person(&["restart", "-t", "0", &pod.name]);
    use futures_util::StreamExt as _;
    loop {
        let event = events.next().await.unwrap().unwrap();
        world.health.notify(&event);
        if event.kind == writ::target::EventKind::Started && event.pod.as_deref() == Some(&pod.name) {
            break;
        }
    }
    shared(false).await;
    world.exec(&pod.name, &["touch", "/tmp/ready"]).await;
    shared(true).await;
}
