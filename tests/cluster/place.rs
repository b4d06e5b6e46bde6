//! A host whose one unit is a namespace of the real cluster, and a person with `kubectl`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::machine::{Machine, Origin, Ran};

/// Longest wait for something that the cluster does by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// One test's host and namespace.
pub(crate) struct Place {
    pub(crate) origin: Origin,
    pub(crate) machine: Machine,
    pub(crate) namespace: String,
    folder: PathBuf,
}

impl Place {
    /// An enrolled host that follows `more` settings of its unit.
    pub(crate) fn new(more: &str) -> Self {
        let folder = std::env::var_os("WRIT_CLUSTER").map(PathBuf::from);
        let folder = folder.expect("WRIT_CLUSTER names the directory of a running cluster");
        let origin = Origin::new();
        // What only a unit of a cluster can say comes once it is one.
        let machine = Machine::new(&origin, "");
        let namespace = format!("c{}n{}s", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let kubeconfig = machine.path("kubeconfig");
        fs::copy(folder.join("kubeconfig"), &kubeconfig).unwrap();
        fs::set_permissions(&kubeconfig, fs::Permissions::from_mode(0o600)).unwrap();
        let settings = fs::read_to_string(machine.path("agent.toml")).unwrap();
        let host = format!("name = \"{namespace}\"\nkubeconfig = \"{}\"", kubeconfig.display());
        let settings = settings.replace("name = \"edge-1\"", &host);
        let settings = settings.replace("target = \"simulated\"", "target = \"kubernetes:writ-test\"");
        fs::write(machine.path("agent.toml"), format!("{settings}{more}")).unwrap();
        Self { origin, machine, namespace, folder }
    }

    /// What stands in a file that the cluster leaves: `url`, `token`, `ca.crt`.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap().trim().to_owned()
    }

    /// Another agent that follows the same, in a state directory of its own.
    pub(crate) fn twin(&self) -> Machine {
        let twin = Machine::new(&self.origin, "");
        let settings = fs::read_to_string(self.machine.path("agent.toml")).unwrap();
        let state = |machine: &Machine| machine.state().display().to_string();
        fs::write(twin.path("agent.toml"), settings.replace(&state(&self.machine), &state(&twin))).unwrap();
        twin
    }

    /// Commits one manifest, in which `NS` is the namespace.
    pub(crate) fn deploy(&self, yaml: &str) -> String {
        self.origin.deploy(&[("a.yaml", &yaml.replace("NS", &self.namespace))])
    }

    /// The same with one manifest in HCL.
    pub(crate) fn deploy_hcl(&self, hcl: &str) -> String {
        self.origin.deploy(&[("a.hcl", &hcl.replace("NS", &self.namespace))])
    }

    /// One pass of the program, and what it came to.
    pub(crate) fn pass(&self) -> Ran {
        self.machine.writ(&["run", "--once"])
    }

    /// What a pass would do.
    pub(crate) fn plan(&self) -> Ran {
        self.machine.writ(&["plan"])
    }

    /// What `kubectl` says in the namespace.
    #[track_caller]
    pub(crate) fn kubectl(&self, words: &[&str]) -> String {
        self.try_kubectl(words).unwrap_or_else(|complaint| panic!("kubectl {words:?}: {complaint}"))
    }

    /// `kubectl` with these words, in the namespace.
    pub(crate) fn kubectl_command(&self, words: &[&str]) -> Command {
        self.kubectl_anywhere(&[&["-n", &self.namespace], words].concat())
    }

    /// `kubectl` with these words, which say where.
    pub(crate) fn kubectl_anywhere(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.folder.join("kubectl"));
        command.arg("--kubeconfig").arg(self.folder.join("kubeconfig")).args(words);
        command
    }

    /// The same, where it may complain.
    pub(crate) fn try_kubectl(&self, words: &[&str]) -> Result<String, String> {
        let mut command = self.kubectl_command(words);
        // The editor of a person who edits one value.
        command.env("KUBE_EDITOR", "sed -i s/key:.value/key:\\ theirs/");
        let done = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    /// An object as the server has it; none if there is none.
    #[track_caller]
    pub(crate) fn object(&self, name: &str) -> Option<Value> {
        let said = self.kubectl(&["get", name, "-o", "json", "--ignore-not-found"]);
        (!said.is_empty()).then(|| serde_json::from_str(&said).unwrap())
    }

    /// By which version of an object it is told whether anybody wrote to it.
    #[track_caller]
    pub(crate) fn version(&self, name: &str) -> String {
        self.object(name).unwrap()["metadata"]["resourceVersion"].as_str().unwrap().to_owned()
    }
}

/// Asks again until it is so; false if it does not come to be.
pub(crate) fn until(is_so: impl Fn() -> bool) -> bool {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if is_so() {
            return true;
        }
        std::thread::sleep(crate::again::pause(since));
    }
    false
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut command = Command::new(self.folder.join("kubectl"));
        command.arg("--kubeconfig").arg(self.folder.join("kubeconfig"));
        command.args(["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"]);
        drop(command.output());
        let host = format!("writ.host={}", self.namespace);
        let mut command = Command::new(self.folder.join("kubectl"));
        command.arg("--kubeconfig").arg(self.folder.join("kubeconfig")).args([
            "delete",
            "configmap,lease",
            "-l",
            &host,
        ]);
        drop(command.output());
    }
}
