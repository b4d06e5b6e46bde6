//! A unit of its own for each test on the one engine that all of them share, and a person who meddles with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use writ::clock::Clock;
use writ::health::{Health, Report};
use writ::target::{Context, Depth, Docker, ExecRequest, Quiet, Target, TargetError};
use writ_core::hash::SpecHash;
use writ_core::model::{
    ContainerSpec, Hooks, Kind, Mount, MountSource, ObjectId, PodIndex, PodSpec, Probe, ProbeAction, PullPolicy,
    Resources, Security, Terminal, VolumeSpec,
};
use writ_core::observed::Observed;
use writ_core::plan::Act;
use writ_core::text::SecretText;
use writ_core::time::{Seconds, Timestamp};

/// The one host of all tests: the network has one owner.
pub const HOST: &str = "test-host";

/// Longest wait for something that the engine or a program does by itself.
const PATIENCE: Duration = Duration::from_secs(120);

static NUMBER: AtomicU32 = AtomicU32::new(0);
static NETWORK: Mutex<()> = Mutex::const_new(());

/// One test's unit and scope.
pub struct World {
    pub target: Arc<Target>,
    pub context: Context,
    pub scope: String,
    pub endpoint: String,
    pub state: TempDir,
    pub health: Health,
    pub reports: Mutex<mpsc::UnboundedReceiver<Report>>,
    pub clock: Clock,
    asking: JoinHandle<()>,
}

impl World {
    /// A unit on the engine that `DOCKER_HOST` names, with the host's network there.
    pub async fn new() -> Self {
        let Ok(endpoint) = std::env::var("DOCKER_HOST") else {
            panic!("no DOCKER_HOST: run `make test`, or `eval \"$(tests/setup/engine up)\"; tests/setup/images`");
        };
        let world = Self::on(&endpoint);
        let _one_at_a_time = NETWORK.lock().await;
        world.execute(&Act::CreateNetwork).await.unwrap();
        world
    }

    /// A unit on some engine, where nothing was made yet.
    pub fn on(endpoint: &str) -> Self {
        // It ends with a letter, so that no scope is a part of another one: what is left of it is found by its name.
        let scope = format!("t{}n{}s", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let state = tempfile::tempdir().unwrap();
        let target = Arc::new(Target::Docker(Docker::new(HOST, state.path(), endpoint)));
        let context = Context { host: HOST.into(), unit: scope.clone(), commit: Some("c0ffee".into()) };
        let (sender, reports) = mpsc::unbounded_channel();
        let (health, runner) = Health::new(Arc::clone(&target), Clock, sender);
        let asking = tokio::spawn(runner.run());
        let (endpoint, reports) = (endpoint.to_owned(), Mutex::new(reports));
        Self { target, context, scope, endpoint, state, health, reports, clock: Clock, asking }
    }

    pub async fn execute(&self, act: &Act) -> Result<(), TargetError> {
        self.target.execute(&self.context, act, &Quiet).await
    }

    pub async fn look(&self, depth: Depth) -> Observed {
        self.target.observe(&self.context.unit, depth, Timestamp(0)).await.unwrap()
    }

    /// Makes the volumes of a pod and the pod.
    pub async fn create(&self, pod: &PodSpec) -> Result<(), TargetError> {
        for volume in &pod.volumes {
            self.execute(&Act::CreateVolume(volume.clone())).await?;
        }
        self.execute(&Act::CreatePod(Box::new(pod.clone()))).await
    }

    pub async fn replace(&self, pod: &PodSpec) -> Result<(), TargetError> {
        let container = self.container(&pod.name).await;
        self.execute(&Act::ReplacePod { container, spec: Box::new(pod.clone()) }).await
    }

    pub async fn remove(&self, pod: &str) -> Result<(), TargetError> {
        let container = self.container(pod).await;
        self.execute(&Act::RemovePod { pod: pod.to_owned(), container, grace: None }).await
    }

    /// The identifier of a pod's container.
    pub async fn container(&self, pod: &str) -> String {
        let observed = self.look(Depth::List).await;
        observed.pods.get(pod).unwrap_or_else(|| panic!("no pod {pod}: {observed:#?}")).container.clone()
    }

    /// Runs a program in a pod through the target; what it wrote, and its exit code.
    pub async fn exec(&self, pod: &str, command: &[&str]) -> (String, i64) {
        use futures_util::StreamExt as _;
        let container = self.container(pod).await;
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let request = ExecRequest { command, terminal: None, interactive: false };
        let mut session = self.target.exec(&container, &request).await.unwrap();
        let mut text = Vec::new();
        while let Some(chunk) = session.output.next().await {
            text.extend(chunk.unwrap().bytes);
        }
        let code = self.target.exec_code(&session.id).await.unwrap();
        (String::from_utf8_lossy(&text).trim_end().to_owned(), code)
    }

    /// The same until it ends well.
    pub async fn exec_until(&self, pod: &str, command: &[&str], good: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let tries = until(|| async {
            let (text, code) = self.exec(pod, command).await;
            let done = code == 0 && good(&text);
            (done.then_some(text.clone()), format!("{code}: {text}"))
        });
        match tries.await {
            Ok(text) => last.push_str(&text),
            Err(seen) => panic!("{command:?} in {pod} did not come to it: {seen}"),
        }
        last
    }

    /// Addresses to which a name leads, as seen from a pod.
    pub async fn resolve(&self, from: &str, name: &str) -> Vec<String> {
        let (text, _code) = self.exec(from, &["nslookup", "-type=a", name]).await;
        let answers = text.split_once("Name:").map_or("", |(_, answers)| answers);
        let mut found: Vec<String> =
            answers.lines().filter_map(|line| Some(line.strip_prefix("Address: ")?.trim().to_owned())).collect();
        found.sort();
        found.dedup();
        found
    }

    /// The same from a pod whose image has no such program but glibc's.
    pub async fn resolve_by(&self, from: &str, name: &str) -> Vec<String> {
        let (text, _code) = self.exec(from, &["getent", "ahostsv4", name]).await;
        let mut found: Vec<String> =
            text.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
        found.sort();
        found.dedup();
        found
    }

    /// What a person does with the engine's own client.
    pub fn person(&self, words: &[&str]) -> String {
        self.tries(words).unwrap_or_else(|error| panic!("docker {words:?}: {error}"))
    }

    /// The same where it may fail: what the client says then.
    pub fn tries(&self, words: &[&str]) -> Result<String, String> {
        let out = Command::new("docker").args(words).env("DOCKER_HOST", &self.endpoint).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
    }

    /// What the client writes, on standard output and on standard error together.
    pub fn tries_both(&self, words: &[&str]) -> Result<String, String> {
        let out = Command::new("docker").args(words).env("DOCKER_HOST", &self.endpoint).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        if out.status.success() { Ok(text) } else { Err(text) }
    }

    /// A field of a container or volume, as the engine's own client shows it.
    pub fn field(&self, of: &str, template: &str) -> String {
        self.person(&["inspect", "-f", template, of])
    }

    /// The address of a container; empty while it is given a name, or loses one, for which it leaves the network.
    pub fn address(&self, of: &str) -> String {
        self.field(of, r#"{{with index .NetworkSettings.Networks "voodu0"}}{{.IPAddress}}{{end}}"#)
    }

    /// A pod of a StatefulSet called `name` that sleeps.
    pub fn pod(&self, name: &str, ordinal: u32) -> PodSpec {
        let scope = &self.scope;
        PodSpec {
            name: format!("{scope}-{name}.{ordinal}"),
            object: self.object(name),
            index: PodIndex::Ordinal(ordinal),
            revision: revision(1),
            hostname: format!("{name}-{ordinal}"),
            init: Vec::new(),
            main: container("writ-test/box:1", &["sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"]),
            beside: Vec::new(),
            share_processes: false,
            sandboxed: false,
            late: None,
            default_container: None,
            volumes: Vec::new(),
            own_names: vec![format!("{name}-{ordinal}.{scope}"), format!("{name}-{ordinal}.{name}.{scope}")],
            shared_names: vec![format!("{name}.{scope}")],
            publish_not_ready: false,
            fs_group: None,
            extras: Default::default(),
            ends: false,
            grace: Seconds(5),
            min_ready: Seconds(0),
            progress_deadline: Seconds(60),
        }
    }

    /// The same with a claim called `data` mounted at `path`.
    pub fn pod_with_claim(&self, name: &str, ordinal: u32, path: &str) -> PodSpec {
        let mut pod = self.pod(name, ordinal);
        let volume = format!("voodu-{}-{name}-data-{ordinal}", self.scope);
        pod.main.mounts.push(mount(path, MountSource::Volume(volume.clone()), false));
        let object = self.object(name);
        pod.volumes.push(VolumeSpec { name: volume, object, claim: "data".to_owned(), ordinal });
        pod
    }

    pub fn object(&self, name: &str) -> ObjectId {
        ObjectId::new(Kind::StatefulSet, &self.scope, name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.asking.abort();
        let filter = format!("label=writ.unit={}", self.context.unit);
        let scoped = format!("name={}", self.scope);
        for (list, remove) in [
            (vec!["ps", "-aq", "--filter", &filter], vec!["rm", "-f", "-v"]),
            (vec!["ps", "-aq", "--filter", &scoped], vec!["rm", "-f", "-v"]),
            (vec!["volume", "ls", "-q", "--filter", &scoped], vec!["volume", "rm", "-f"]),
            (vec!["volume", "ls", "-q", "--filter", &filter], vec!["volume", "rm", "-f"]),
        ] {
            let docker =
                |words: &[&str]| Command::new("docker").args(words).env("DOCKER_HOST", &self.endpoint).output();
            let Ok(found) = docker(&list) else { return };
            let found = String::from_utf8_lossy(&found.stdout).into_owned();
            let words: Vec<&str> = remove.into_iter().chain(found.split_whitespace()).collect();
            if !found.trim().is_empty() {
                drop(docker(&words));
            }
        }
    }
}

/// Asks again until there is an answer, or says what was seen last.
pub async fn until<T, F: Future<Output = (Option<T>, String)>>(ask: impl Fn() -> F) -> Result<T, String> {
    let since = Instant::now();
    loop {
        let (answer, seen) = ask().await;
        match answer {
            Some(answer) => return Ok(answer),
            None if since.elapsed() > PATIENCE => return Err(seen),
            None => tokio::time::sleep(crate::again::pause(since)).await,
        }
    }
}

pub fn container(image: &str, command: &[&str]) -> ContainerSpec {
    ContainerSpec {
        name: "main".to_owned(),
        image: image.to_owned(),
        pull: PullPolicy::IfNotPresent,
        entrypoint: None,
        arguments: (!command.is_empty()).then(|| command.iter().map(|word| (*word).to_owned()).collect()),
        working_dir: None,
        env: BTreeMap::new(),
        ports: Vec::new(),
        mounts: Vec::new(),
        resources: Resources::default(),
        readiness: None,
        liveness: None,
        startup: None,
        security: Security::default(),
        sidecar: false,
        hooks: Hooks::default(),
        terminal: Terminal::default(),
    }
}

pub fn mount(path: &str, source: MountSource, read_only: bool) -> Mount {
    Mount { path: path.to_owned(), source, read_only }
}

pub fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, SecretText> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), SecretText::new(*value))).collect()
}

pub fn revision(number: u32) -> SpecHash {
    SpecHash::parse(&format!("1:{number:064x}")).unwrap()
}

/// A probe that runs a shell command every second.
pub fn shell_probe(command: &str) -> Probe {
    Probe {
        action: ProbeAction::Exec(["sh", "-c", command].map(str::to_owned).to_vec()),
        initial_delay: Seconds(0),
        period: Seconds(1),
        timeout: Seconds(5),
        success_threshold: 1,
        failure_threshold: 1,
        grace: None,
    }
}

/// A file of the repository.
pub fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
