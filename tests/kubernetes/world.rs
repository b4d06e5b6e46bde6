//! A namespace of its own for each test on the one cluster that all of them share, and a person with `kubectl`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Longest wait for something that the cluster does by itself.
const PATIENCE: Duration = Duration::from_secs(180);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The running cluster.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    folder: PathBuf,
    kubeconfig: PathBuf,
}

impl Cluster {
    pub(crate) fn running() -> Self {
        let Some(folder) = std::env::var_os("WRIT_CLUSTER").map(PathBuf::from) else {
            panic!("no WRIT_CLUSTER: run `make test`, or `tests/setup/cluster up DIR` and name that directory");
        };
        let kubeconfig = folder.join("kubeconfig");
        Self { folder, kubeconfig }
    }

    /// The same cluster by another way to it.
    pub(crate) fn by(&self, kubeconfig: &Path) -> Self {
        Self { folder: self.folder.clone(), kubeconfig: kubeconfig.to_owned() }
    }

    /// How a user who may do everything reaches it.
    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// What stands in a file that the cluster leaves: `url`, `token`, `ca.crt`.
    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap().trim().to_owned()
    }

    /// What `kubectl` says with these words and this input; what it complains of if it fails.
    pub(crate) async fn try_kubectl(&self, words: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new(self.folder.join("kubectl"));
        // What it learned of the interfaces of one cluster may not be believed of another.
        command.arg("--cache-dir").arg(self.folder.join("discovery"));
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A program that does not ask for its input closes it.
        drop(stdin.write_all(input.as_bytes()).await);
        drop(stdin);
        let done = child.wait_with_output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    /// The same, where it must do it.
    pub(crate) async fn kubectl(&self, words: &[&str]) -> String {
        match self.try_kubectl(words, "").await {
            Ok(said) => said,
            Err(complaint) => panic!("kubectl {words:?}: {complaint}"),
        }
    }
}

/// One test's namespace.
pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        let cluster = Cluster::running();
        // It ends with a letter, so that no namespace's name is a part of another one.
        let namespace = format!("t{}n{}s", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        cluster.kubectl(&["create", "namespace", &namespace]).await;
        Self { cluster, namespace }
    }

    /// What `kubectl` says in the namespace.
    pub(crate) async fn kubectl(&self, words: &[&str]) -> String {
        self.cluster.kubectl(&[&["-n", &self.namespace], words].concat()).await
    }

    /// Applies objects as a person does.
    pub(crate) async fn apply(&self, yaml: &str) {
        let words = ["-n", &self.namespace, "apply", "-f", "-"];
        if let Err(complaint) = self.cluster.try_kubectl(&words, yaml).await {
            panic!("{complaint}\n{yaml}");
        }
    }

    /// An object as the server has it; none if there is none.
    pub(crate) async fn object(&self, name: &str) -> Option<Value> {
        let said = self.kubectl(&["get", name, "-o", "json", "--ignore-not-found"]).await;
        (!said.is_empty()).then(|| serde_json::from_str(&said).unwrap())
    }

    /// What stands in a field of an object, by a path as `kubectl` has it; nothing if it is not there.
    pub(crate) async fn field(&self, name: &str, path: &str) -> String {
        self.kubectl(&["get", name, "--ignore-not-found", "-o", &format!("jsonpath={path}")]).await
    }

    /// Waits until a field of an object is as wanted.
    pub(crate) async fn until_field(&self, name: &str, path: &str, wanted: &str) {
        let tries = until(|| async {
            let seen = self.field(name, path).await;
            ((seen == wanted).then_some(()), seen)
        });
        if let Err(seen) = tries.await {
            let events = self.kubectl(&["get", "events", "--sort-by=.lastTimestamp"]).await;
            panic!("{path} of {name} is {seen:?} and does not become {wanted:?}\n{events}");
        }
    }

    /// What a program says in a pod.
    pub(crate) async fn exec(&self, pod: &str, command: &[&str]) -> Result<String, String> {
        let words = [&["-n", self.namespace.as_str(), "exec", pod, "--"], command].concat();
        self.cluster.try_kubectl(&words, "").await
    }

    /// The page that a server shows to a pod, by a name or an address and a port.
    pub(crate) async fn page(&self, pod: &str, server: &str) -> Result<String, String> {
        self.exec(pod, &["timeout", "5", "wget", "-q", "-O", "-", &format!("http://{server}/")]).await
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let mut command = std::process::Command::new(self.cluster.folder.join("kubectl"));
        command.arg("--kubeconfig").arg(self.cluster.folder.join("kubeconfig"));
        command.args(["delete", "namespace", &self.namespace, "--wait=false"]);
        // The whole cluster goes after the tests; a namespace that stays behind until then hurts nobody.
        drop(command.output());
    }
}

/// Asks again until there is an answer, or says what was seen last.
pub(crate) async fn until<T, F: Future<Output = (Option<T>, String)>>(ask: impl Fn() -> F) -> Result<T, String> {
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
