//! Images from a real registry: pulled once, told by what they turned out to be, and never at the cost of what runs.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use writ::target::{ImageNews, Progress, TargetError};
use writ_core::model::PullPolicy;

use crate::free_port::free_port;
use crate::site::{CANARY, Site};
use crate::world::{World, container, until};

/// Longest time that a newer commit waits for a pull that stands still, and a little for a pass.
const NEWER: Duration = Duration::from_secs(60 + 30);

/// A registry on loopback that ends with the value.
pub struct Registry {
    folder: TempDir,
    child: Child,
    pub host: String,
}

impl Registry {
    /// A registry that lets everybody in.
    async fn open() -> Self {
        Self::with("").await
    }

    /// A registry that wants a login of everybody, as it does itself at `door`.
    pub async fn locked(door: &str) -> Self {
        Self::with(&format!("auth: {{silly: {{realm: 'http://{door}/token', service: test}}}}\n")).await
    }

    async fn with(more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let port = free_port();
        let shown = folder.path().display();
        let settings = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {shown}/images}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\n{more}"
        );
        std::fs::write(folder.path().join("config.yml"), settings).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.path().join("config.yml")).stdin(Stdio::null()).stdout(Stdio::null());
        let started = command.stderr(Stdio::null()).env("OTEL_TRACES_EXPORTER", "none").spawn();
        let child = started.expect("no registry here: `tests/setup/tools docker-registry` installs it");
        let registry = Self { folder, child, host: format!("127.0.0.1:{port}") };
        let listens = until(|| async { (TcpStream::connect(&registry.host).ok(), "it does not listen".to_owned()) });
        drop(listens.await.unwrap());
        registry
    }

    /// Writes the login of a name down as `docker login` does.
    pub fn write_login(&self, folder: &Path, password: &str) {
        use base64::Engine as _;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("ann:{password}"));
        let text = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{auth}\"}}}}}}", self.host);
        std::fs::write(folder.join("config.json"), text).unwrap();
    }

    pub fn name(&self, world: &World, tag: &str) -> String {
        format!("{}/{}/app:{tag}", self.host, world.scope)
    }

    /// Makes an image with a megabyte of its own that says `word`, pushes it and removes it from the engine; its digest.
    fn push(&self, world: &World, tag: &str, word: &str) -> String {
        self.push_as(world, tag, word, None)
    }

    /// The same with the logins in a folder.
    pub fn push_as(&self, world: &World, tag: &str, word: &str, logins: Option<&Path>) -> String {
        let name = self.name(world, tag);
        let script = format!("head -c 1000000 /dev/urandom > /data/noise; echo {word} > /data/word");
        let made = format!("{}-made", world.scope);
        world.person(&["run", "--name", &made, "writ-test/box:1", "sh", "-c", &script]);
        world.person(&["commit", &made, &name]);
        world.person(&["rm", &made]);
        let config = logins.map(|folder| folder.display().to_string());
        let words = config.iter().flat_map(|folder| ["--config", folder]).chain(["push", &name]);
        let pushed = world.person(&words.collect::<Vec<_>>());
        world.person(&["rmi", &name]);
        let digest = pushed.split_whitespace().find(|word| word.starts_with("sha256:"));
        digest.unwrap_or_else(|| panic!("{pushed}")).to_owned()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        assert!(self.folder.path().exists());
    }
}

/// Removes the test's images, which nobody else has.
pub struct Tidy<'a>(pub &'a World);

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        let filter = format!("reference=*/{}/app", self.0.scope);
        let found = self.0.person(&["images", "-q", "--no-trunc", "--filter", &filter]);
        for image in found.split_whitespace() {
            // What was made of it goes with it: the unit's own tidying comes later.
            let made = self.0.person(&["ps", "-aq", "--filter", &format!("ancestor={image}")]);
            let docker =
                |words: &[&str]| Command::new("docker").args(words).env("DOCKER_HOST", &self.0.endpoint).output();
            for container in made.split_whitespace() {
                drop(docker(&["rm", "-f", "-v", container]));
            }
            drop(docker(&["rmi", "-f", image]));
        }
    }
}

/// A server that gives a token to whoever has the password, as those beside registries do. Ends with the tests' process.
pub fn porter() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 8192];
            let read = stream.read(&mut request).unwrap_or(0);
            // ann:canary-90be
            let good = String::from_utf8_lossy(&request[..read]).contains("Basic YW5uOmNhbmFyeS05MGJl");
            let (status, body) = if good { ("200 OK", "{\"token\": \"t\"}") } else { ("401 Unauthorized", "{}") };
            let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n");
            drop(write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()));
        }
    });
    address
}

fn web(image: &str) -> String {
    format!(
        "statefulset \"SCOPE\" \"web\" {{\n  image = \"{image}\"\n  \
         command = [\"sh\", \"-c\", \"trap 'exit 0' TERM; sleep 1000 & wait\"]\n}}\n"
    )
}

/// Progress that remembers what it was told.
#[derive(Default)]
struct Seen(Mutex<Vec<ImageNews>>);

impl Progress for Seen {
    fn image(&self, _: &str, news: &ImageNews) {
        self.0.lock().unwrap().push(news.clone());
    }

    fn init(&self, _: &str, _: &str) {}
}

#[tokio::test]
async fn an_absent_image_is_pulled_with_progress_and_one_that_is_there_is_not() {
    let (registry, world) = (Registry::open().await, World::new().await);
    let _tidy = Tidy(&world);
    let digest = registry.push(&world, "1", "one");
    let name = registry.name(&world, "1");
    let mut pod = world.pod("web", 0);
    pod.main = container(&name, &["sh", "-c", "sleep 1000"]);
    let seen = Seen::default();
    let create = |pod: &writ_core::model::PodSpec| writ_core::plan::Act::CreatePod(Box::new(pod.clone()));
    world.target.execute(&world.context, &create(&pod), &seen).await.unwrap();
    let news = seen.0.into_inner().unwrap();
    let (last, before) = news.split_last().unwrap();
    assert_eq!(*last, ImageNews::Ready { digest: digest.clone(), pulled: true });
    let grows =
        before.iter().any(|news| matches!(news, ImageNews::Pulling { done, total } if *done > 0 && done <= total));
    assert!(grows, "{before:?}");
    assert_eq!(world.exec(&pod.name, &["cat", "/data/word"]).await.0, "one");

    let mut second = world.pod("web", 1);
    second.main = pod.main.clone();
    let seen = Seen::default();
    world.target.execute(&world.context, &create(&second), &seen).await.unwrap();
    assert_eq!(seen.0.into_inner().unwrap(), [ImageNews::Ready { digest, pulled: false }]);
}

#[tokio::test]
async fn what_a_tag_turned_out_to_be_is_recorded_and_shown_and_a_tag_that_moves_restarts_nothing() {
    let (registry, site) = (Registry::open().await, Site::new().await);
    let _tidy = Tidy(&site.world);
    let digest = registry.push(&site.world, "1", "one");
    let name = registry.name(&site.world, "1");
    let (pod, said) =
        (site.pod("web", 0), async || site.world.exec(&site.pod("web", 0), &["cat", "/data/word"]).await.0);
    site.deploy("web.hcl", &web(&name)).await;
    let pulled = |history: &[serde_json::Value]| {
        history.iter().filter(|record| record["kind"] == "image-pulled").map(|it| it.to_string()).collect::<Vec<_>>()
    };
    let first = pulled(&site.history().await);
    assert!(first.len() == 1 && first[0].contains(&digest) && first[0].contains(&name), "{first:?}");
    let object = format!("statefulset/{}/web", site.world.scope);
    site.writ(&["why", &object]).await.exits(0).shows(&format!("pulled {name} ({digest})"));

    site.world.person(&["tag", &name, &registry.name(&site.world, "old")]);
    let moved = registry_moves(&registry, &site.world, &name);
    assert_ne!(moved, digest);
    let before = site.containers();
    assert_eq!((site.settle().await, site.containers()), (0, before));
    site.world.person(&["rm", "-f", &pod]);
    site.settle().await;
    assert_eq!(said().await, "one", "what is there is not pulled");
    assert_eq!(pulled(&site.history().await), first);

    // With `Always` a pod that is made is made of what the tag leads to now, and one that runs is left alone.
    let always = |word: &str| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: web, namespace: SCOPE}}\nspec:\n  replicas: 1\n  \
             serviceName: web\n  selector: {{matchLabels: {{app.kubernetes.io/name: web}}}}\n  template:\n    metadata: {{labels: {{app.kubernetes.io/name: web}}}}\n    \
             spec:\n      containers:\n      - name: web\n        image: '{name}'\n        imagePullPolicy: Always\n        \
             command: [sh, -c, \"trap 'exit 0' TERM; sleep {word} & wait\"]\n"
        )
    };
    site.repository.remove("host/web.hcl");
    site.deploy("web.yaml", &always("1001")).await;
    assert_eq!(said().await, "two");
    let second = pulled(&site.history().await);
    assert!(second.len() == 2 && second[1].contains(&moved), "{second:?}");
    let before = site.containers();
    registry_moves(&registry, &site.world, &name);
    assert_eq!((site.settle().await, site.containers()), (0, before));

    let pinned = format!("{}@{digest}", name.rsplit_once(':').unwrap().0);
    site.world.person(&["rmi", &registry.name(&site.world, "old")]);
    site.repository.remove("host/web.yaml");
    site.deploy("web.hcl", &web(&pinned)).await;
    assert_eq!(said().await, "one", "a digest leads to one image for ever");
    let third = pulled(&site.history().await);
    assert!(third.last().unwrap().contains(&digest) && third.last().unwrap().contains(&pinned), "{third:?}");
    assert_eq!(site.settle().await, 0);
    site.holds().await;
}

/// Pushes another image by the same name, while the engine keeps the one that it has by that name.
fn registry_moves(registry: &Registry, world: &World, name: &str) -> String {
    let kept = format!("{}/{}/app:kept", registry.host, world.scope);
    world.person(&["tag", name, &kept]);
    let digest = registry.push(world, name.rsplit_once(':').unwrap().1, "two");
    world.person(&["tag", &kept, name]);
    world.person(&["rmi", &kept]);
    digest
}

#[tokio::test]
async fn an_image_that_cannot_be_had_is_told_with_what_to_do_and_what_runs_is_left_alone() {
    let (registry, locked, site) = (Registry::open().await, Registry::locked(&porter()).await, Site::new().await);
    let _tidy = Tidy(&site.world);
    registry.push(&site.world, "1", "one");
    site.deploy("web.hcl", &web(&registry.name(&site.world, "1"))).await;
    let before = site.containers();
    let nowhere = format!("127.0.0.1:{}/app:1", free_port());
    let (unknown, hidden) = (registry.name(&site.world, "2"), locked.name(&site.world, "1"));
    let pinned = format!("{}/{}/app@sha256:{}", registry.host, site.world.scope, "ab".repeat(32));
    for (image, says) in [
        (unknown.as_str(), "the registry has no such image"),
        (&pinned, "the registry has no such image"),
        (&nowhere, "the registry cannot be reached"),
        (&hidden, "the registry wants a login"),
    ] {
        let commit = site.commit("web.hcl", &web(image));
        let pass = site.pass().await;
        assert_eq!(pass.code, Some(1), "{pass:?}");
        let failed = format!("{:?}", site.history().await.last());
        let told = site.told().await;
        assert!(told.contains(&format!("cannot pull image {image}: {says}")), "{failed}\n{told}");
        let (state, text) = site.said(&commit).pop().unwrap();
        assert!(state == "failure" && text.contains("cannot pull image"), "{state} {text}");
        assert_eq!(site.containers(), before, "{image}");
    }
    site.deploy("web.hcl", &web(&registry.name(&site.world, "1"))).await;
    assert_eq!(site.containers(), before);
    site.holds().await;
}

#[tokio::test]
async fn a_registry_that_wants_a_login_is_pulled_from_with_that_of_the_agents_user() {
    let (registry, site) = (Registry::locked(&porter()).await, Site::new().await);
    let _tidy = Tidy(&site.world);
    let logins = site.path("logins");
    std::fs::create_dir(&logins).unwrap();
    let write = |password: &str| registry.write_login(&logins, password);
    write(CANARY);
    let digest = registry.push_as(&site.world, "1", "one", Some(&logins));
    let name = registry.name(&site.world, "1");
    write("another");
    let commit = site.commit("web.hcl", &web(&name));
    site.pass().await.exits(1);
    let told = site.told().await;
    assert!(told.contains("does not take the login in") && told.contains("`docker login 127.0.0.1:"), "{told}");
    assert!(site.said(&commit).pop().unwrap().0 == "failure" && site.containers().is_empty());
    write(CANARY);
    site.settle().await;
    site.writ(&["why", &format!("statefulset/{}/web", site.world.scope)]).await.exits(0).shows(&digest);
    site.holds().await;
}

/// A registry behind a door that, until it is opened, lets nothing of a layer through and keeps the connections.
struct Door {
    host: String,
    open: Arc<AtomicBool>,
    held: Arc<Mutex<Vec<TcpStream>>>,
}

impl Door {
    fn before(registry: &Registry) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let door = Self { host, open: Arc::default(), held: Arc::default() };
        let (to, open, held) = (registry.host.clone(), Arc::clone(&door.open), Arc::clone(&door.held));
        // Ends with the tests' process.
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (to, open, held) = (to.clone(), Arc::clone(&open), Arc::clone(&held));
                std::thread::spawn(move || pass_through(client, &to, &open, &held));
            }
        });
        door
    }

    /// True if a pull stands still behind it.
    fn holds(&self) -> bool {
        !self.held.lock().unwrap().is_empty()
    }

    /// Hangs up on those that stand still, as a registry does that is started again: the engine waits for as long as a
    /// connection is there, even when nobody wants the pull any more.
    fn hang_up(&self) {
        for client in self.held.lock().unwrap().drain(..) {
            client.shutdown(Shutdown::Both).ok();
        }
    }

    fn open(&self) {
        self.open.store(true, Ordering::Relaxed);
        self.hang_up();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.open();
    }
}

fn pass_through(mut client: TcpStream, to: &str, open: &AtomicBool, held: &Mutex<Vec<TcpStream>>) -> Option<()> {
    let mut server = TcpStream::connect(to).ok()?;
    let (mut answers, mut back) = (server.try_clone().ok()?, client.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
    let mut buffer = [0; 8192];
    loop {
        let read = client.read(&mut buffer).ok().filter(|read| *read > 0)?;
        let asks = String::from_utf8_lossy(&buffer[..read]).contains("/blobs/");
        if asks && !open.load(Ordering::Relaxed) {
            held.lock().unwrap().push(client.try_clone().ok()?);
            continue;
        }
        server.write_all(&buffer[..read]).ok()?;
    }
}

#[tokio::test]
async fn a_pull_that_stands_still_is_ended_by_a_stop_and_by_a_newer_commit() {
    let (registry, site) = (Registry::open().await, Site::new().await);
    let _tidy = Tidy(&site.world);
    registry.push(&site.world, "1", "one");
    let door = Door::before(&registry);
    let behind = registry.name(&site.world, "1").replace(&registry.host, &door.host);
    site.commit("web.hcl", &web(&behind));
    let running = site.start();
    let stands = async || {
        site.becomes("a pull that stands still", async || door.holds().then_some(()).ok_or_else(String::new)).await;
    };
    stands().await;
    let asked = Instant::now();
    assert_eq!(running.stop().await, Some(0));
    assert!(asked.elapsed() < Duration::from_secs(30), "{:?}", asked.elapsed());

    door.hang_up();
    let running = site.start();
    stands().await;
    let newer = site.commit("web.hcl", &web("writ-test/box:1"));
    let asked = Instant::now();
    while site.said(&newer).pop().is_none_or(|(state, _)| state != "success") {
        assert!(asked.elapsed() < NEWER, "{}\n{}", site.told().await, running.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(running.stop().await, Some(0));
    site.holds().await;
}

#[tokio::test]
async fn a_pull_that_stands_still_is_given_up_in_time_and_works_once_the_registry_does() {
    let (registry, world) = (Registry::open().await, World::new().await);
    let _tidy = Tidy(&world);
    registry.push(&world, "1", "one");
    let door = Door::before(&registry);
    let mut pod = world.pod("web", 0);
    let behind = registry.name(&world, "1").replace(&registry.host, &door.host);
    pod.main = container(&behind, &["sh", "-c", "sleep 1000"]);
    pod.main.pull = PullPolicy::IfNotPresent;
    let error = world.create(&pod).await.unwrap_err();
    assert!(error.to_string().contains("the pull stands still") && error.outcome_unknown(), "{error}");
    assert!(matches!(error, TargetError::Unreachable { .. }));
    door.open();
    let made = until(|| async {
        let made = world.create(&pod).await;
        let seen = format!("{made:?}");
        (made.ok(), seen)
    });
    made.await.unwrap();
    assert_eq!(world.exec(&pod.name, &["cat", "/data/word"]).await.0, "one");
}
