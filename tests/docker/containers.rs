//! What a container is given, what runs before it, and how little a look costs.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{UnixListener, UnixStream};
use writ::target::{Depth, Docker, Target};
use writ_core::model::{Extras, LogRoom, MountSource, PodSpec, ProcessLimit, Security};
use writ_core::time::Timestamp;

use crate::world::{HOST, World, container, env, mount};

fn shared_directory() -> MountSource {
    MountSource::Empty { name: "scratch".to_owned(), memory: false, limit: None }
}

fn with_init(world: &World, command: &str) -> PodSpec {
    let mut pod = world.pod("web", 0);
    let mut init = container("writ-test/box:1", &["sh", "-c", command]);
    init.name = "prepare".to_owned();
    init.mounts.push(mount("/scratch", shared_directory(), false));
    pod.init.push(init);
    pod.main.mounts.push(mount("/there", shared_directory(), false));
    pod
}

#[tokio::test]
async fn init_containers_run_to_their_end_first_and_share_the_pods_directories() {
    let world = World::new().await;
    let pod = with_init(&world, "sleep 0.3; echo prepared > /scratch/file");
    world.create(&pod).await.unwrap();
    assert_eq!(world.exec(&pod.name, &["cat", "/there/file"]).await, ("prepared".to_owned(), 0));
    assert_eq!(world.look(Depth::List).await.pods.len(), 1, "an init container is no pod");
    world.remove(&pod.name).await.unwrap();
    let left = |what: &[&str]| world.person(&[what, &["-q", "--filter", &format!("name={}", world.scope)]].concat());
    assert_eq!((left(&["ps", "-a"]), left(&["volume", "ls"])), (String::new(), String::new()));
}

#[tokio::test]
async fn a_failing_init_container_is_named_with_its_exit_code_and_tried_anew() {
    let world = World::new().await;
    let bad = with_init(&world, "echo canary-leak; exit 3");
    let error = world.create(&bad).await.unwrap_err().to_string();
    assert!(error.contains("init container prepare") && error.contains("exit code 3"), "{error}");
    assert!(!error.contains("canary"), "{error}");
    assert!(world.look(Depth::List).await.pods.is_empty());
    assert_eq!(world.person(&["logs", &format!("{}.prepare", bad.name)]), "canary-leak");
    world.create(&with_init(&world, "true")).await.unwrap();
}

#[tokio::test]
async fn powers_of_a_container_are_as_asked_for() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.security = Security {
        run_as_user: Some(1000),
        run_as_group: Some(1000),
        run_as_non_root: true,
        read_only_root: true,
        allow_privilege_escalation: Some(false),
        capabilities_drop: vec!["ALL".to_owned()],
        ..Security::default()
    };
    world.create(&pod).await.unwrap();
    assert_eq!(world.exec(&pod.name, &["sh", "-c", "id -u; id -g"]).await.0, "1000\n1000");
    assert_ne!(world.exec(&pod.name, &["touch", "/tmp/x"]).await.1, 0);
    let powers = world.exec(&pod.name, &["grep", "-E", "CapEff|NoNewPrivs", "/proc/1/status"]).await.0;
    assert!(powers.contains("CapEff:\t0000000000000000") && powers.contains("NoNewPrivs:\t1"), "{powers}");
    let mut root = world.pod("root", 0);
    root.main.security.run_as_non_root = true;
    let refused = world.create(&root).await.unwrap_err().to_string();
    assert!(refused.contains("runAsNonRoot is set and the container would run as root"), "{refused}");
}

#[tokio::test]
async fn a_pod_has_the_names_the_limits_and_the_room_for_its_log_that_it_asks_for_and_another_has_none_of_them() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.extras = Extras {
        hosts: vec![
            ("db.example".to_owned(), "192.0.2.7".parse().unwrap()),
            ("six.example".to_owned(), "2001:db8::7".parse().unwrap()),
        ],
        limits: [("nofile".to_owned(), ProcessLimit { soft: 1_000, hard: 2_000 })].into(),
        log: Some(LogRoom { bytes: 64 << 10, files: 2 }),
        ..Extras::default()
    };
    world.create(&pod).await.unwrap();
    // Of the container's own process: what is run by exec beside it may find its soft limit raised by the engine's runtime, which
    // sets it while Go, in which the runtime is written, raises it.
    let limits = world.exec(&pod.name, &["grep", "open files", "/proc/1/limits"]).await.0;
    assert_eq!(limits.split_whitespace().collect::<Vec<_>>(), ["Max", "open", "files", "1000", "2000", "files"]);
    let hosts = world.exec(&pod.name, &["cat", "/etc/hosts"]).await.0;
    let leads = |name: &str, address: &str| {
        hosts.lines().any(|line| line.split_whitespace().collect::<Vec<_>>() == [address, name])
    };
    assert!(leads("db.example", "192.0.2.7") && leads("six.example", "2001:db8::7"), "{hosts}");
    assert_eq!(world.field(&pod.name, "{{json .HostConfig.LogConfig.Config}}"), r#"{"max-file":"2","max-size":"64k"}"#);
    // A deep look finds nothing that a person changed.
    assert!(world.look(Depth::Deep).await.pods[&pod.name].altered.is_empty());
    let plain = world.pod("plain", 0);
    world.create(&plain).await.unwrap();
    assert_eq!(
        world.field(&plain.name, "{{json .HostConfig.LogConfig.Config}}"),
        r#"{"max-file":"3","max-size":"10m"}"#
    );
    let asked = world.field(&plain.name, "{{json .HostConfig.ExtraHosts}} {{json .HostConfig.Ulimits}}");
    assert!(!asked.contains("example") && !asked.contains("nofile"), "{asked}");
}

#[tokio::test]
async fn an_error_of_the_engine_holds_no_value_of_the_environment() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.env = env(&[("PASSWORD", "canary-9c1e")]);
    pod.main.working_dir = Some("not/canary-9c1e/absolute".to_owned());
    let error = world.create(&pod).await.unwrap_err().to_string();
    assert!(error.contains("(secret)") && !error.contains("canary"), "{error}");
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_named() {
    let world = World::new().await;
    let mut pod = world.pod("web", 0);
    pod.main.image = "localhost:1/writ/nothing:1".to_owned();
    let error = world.create(&pod).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot pull image localhost:1/writ/nothing:1: "), "{error}");
    pod.main.pull = writ_core::model::PullPolicy::Never;
    let error = world.create(&pod).await.unwrap_err().to_string();
    assert!(error.contains("imagePullPolicy is Never"), "{error}");
}

/// Counts the questions that pass through to the engine; each has a connection of its own.
async fn count(listener: UnixListener, engine: PathBuf, questions: Arc<AtomicUsize>) -> io::Result<()> {
    loop {
        let (mut asked, _) = listener.accept().await?;
        questions.fetch_add(1, Ordering::SeqCst);
        let mut answering = UnixStream::connect(&engine).await?;
        tokio::spawn(async move { tokio::io::copy_bidirectional(&mut asked, &mut answering).await });
    }
}

#[tokio::test]
async fn a_look_at_the_lists_asks_twice_for_any_number_of_pods() {
    let world = World::new().await;
    let engine = PathBuf::from(world.endpoint.trim_start_matches("unix://"));
    let path = world.state.path().join("counted.sock");
    let questions = Arc::new(AtomicUsize::new(0));
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(count(listener, engine, Arc::clone(&questions)));
    let endpoint = format!("unix://{}", path.display());
    let counted = Target::Docker(Docker::new(HOST, world.state.path(), &endpoint));
    let look = async || counted.observe(&world.context.unit, Depth::List, Timestamp(0)).await.unwrap().pods.len();
    world.create(&world.pod("web", 0)).await.unwrap();
    look().await;
    for ordinal in 1..4 {
        world.create(&world.pod("web", ordinal)).await.unwrap();
        questions.store(0, Ordering::SeqCst);
        assert_eq!((look().await, questions.load(Ordering::SeqCst)), (1 + ordinal as usize, 2));
    }
}
