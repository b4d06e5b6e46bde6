//! An engine of the test's own, which may die or be prepared by a stranger.

use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use writ::target::{Depth, TargetError};
use writ_core::observed::{NetworkState, PodState};
use writ_core::plan::Act;
use writ_core::time::Timestamp;

use crate::world::{World, repository, until};

/// A private engine with the one small image, removed at the end.
pub struct Engine {
    directory: tempfile::TempDir,
}

impl Engine {
    pub fn up() -> Self {
        let engine = Self { directory: tempfile::tempdir().unwrap() };
        engine.run("up");
        let mut saved =
            Command::new("docker").args(["save", "writ-test/box:1"]).stdout(Stdio::piped()).spawn().unwrap();
        let loaded = Command::new("docker")
            .args(["load", "-q"])
            .env("DOCKER_HOST", engine.endpoint())
            .stdin(saved.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(saved.wait().unwrap().success() && loaded.status.success(), "{loaded:?}");
        engine
    }

    pub fn run(&self, verb: &str) {
        let script = repository("tests/setup/engine");
        let done = Command::new(script).arg(verb).arg(self.directory.path()).stdout(Stdio::null()).status().unwrap();
        assert!(done.success(), "engine {verb}: {done}");
    }

    pub fn endpoint(&self) -> String {
        format!("unix://{}/docker.sock", self.directory.path().display())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.run("down");
    }
}

#[tokio::test]
async fn a_killed_engine_is_unreachable_and_its_pods_are_the_same_when_it_is_back() {
    let engine = Engine::up();
    let world = World::on(&engine.endpoint());
    world.execute(&Act::CreateNetwork).await.unwrap();
    let pods = [world.pod_with_claim("pg", 0, "/data"), world.pod("web", 0), world.pod("web", 1)];
    for pod in &pods {
        world.create(pod).await.unwrap();
    }
    let before = world.look(Depth::Deep).await;
    let address = |pod: &str| world.address(pod);
    let addresses: Vec<String> = pods.iter().map(|pod| address(&pod.name)).collect();
    engine.run("kill9");
    for depth in [Depth::List, Depth::Deep] {
        let error = world.target.observe(&world.context.unit, depth, Timestamp(0)).await.unwrap_err();
        assert!(matches!(error, TargetError::Unreachable { .. }) && error.outcome_unknown(), "{error}");
    }
    let error = world.create(&pods[1]).await.unwrap_err();
    assert!(error.to_string().contains("cannot be reached"), "{error}");
    engine.run("up");
    let running = until(|| async {
        let observed = world.look(Depth::Deep).await;
        for (name, pod) in &observed.pods {
            if pod.state != PodState::Running {
                let start = Act::StartPod { pod: name.clone(), container: pod.container.clone() };
                world.execute(&start).await.unwrap();
            }
        }
        let all = observed.pods.values().all(|pod| pod.state == PodState::Running);
        (all.then_some(observed.pods.clone()), format!("{observed:#?}"))
    });
    let after = running.await.unwrap();
    let identity = |pods: &std::collections::BTreeMap<String, writ_core::observed::ObservedPod>| {
        pods.values().map(|pod| pod.container.clone()).collect::<Vec<_>>()
    };
    assert_eq!(identity(&after), identity(&before.pods), "nothing is made anew");
    assert!(after.values().all(|pod| pod.altered.is_empty()), "{after:#?}");
    assert_eq!(pods.iter().map(|pod| address(&pod.name)).collect::<Vec<_>>(), addresses);
}

#[tokio::test]
async fn a_strangers_network_by_our_name_is_told_and_not_used() {
    let engine = Engine::up();
    let world = World::on(&engine.endpoint());
    world.person(&["network", "create", "voodu0"]);
    let id = world.field("voodu0", "{{.Id}}");
    assert!(matches!(world.look(Depth::List).await.network, NetworkState::Foreign(_)));
    for error in
        [world.execute(&Act::CreateNetwork).await.unwrap_err(), world.create(&world.pod("web", 0)).await.unwrap_err()]
    {
        assert!(error.to_string().contains("voodu0 is held by network voodu0, not made by Writ"), "{error}");
    }
    assert_eq!(world.field("voodu0", "{{.Id}}"), id);
}

#[tokio::test]
async fn an_engine_that_is_too_old_is_refused_by_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answer = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut connection, _) = listener.accept().unwrap();
        let asked = connection.read(&mut [0; 4096]).unwrap();
        let body = r#"{"Version":"19.03.15","ApiVersion":"1.40"}"#;
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
        write!(connection, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        asked
    });
    let world = World::on(&format!("unix://{}", path.display()));
    let error = world.target.observe("unit", Depth::List, Timestamp(0)).await.unwrap_err();
    assert!(error.to_string().contains("version 19.03.15 with interface 1.40; Docker 20.10"), "{error}");
    assert!(answer.join().unwrap() > 0);
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_unreachable() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::on(&format!("unix://{}/docker.sock", directory.path().display()));
    let error = world.target.observe("unit", Depth::List, Timestamp(0)).await.unwrap_err();
    assert!(matches!(error, TargetError::Unreachable { .. }), "{error}");
}
