//! The agent in the cluster that it looks after, as `deploy/kubernetes` puts it there, with the powers that it gets there and no others.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::git_server::serve;
use crate::place::{Place, until};

/// What `tests/setup/images agent` made of this very program.
const IMAGE: &str = "writ-test/agent:1";

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kubernetes/chart");
const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/kubernetes/writ.yaml");

/// What stands above the manifests that the chart makes.
const HEAD: &str = "# What the chart beside makes of its own values. Put yours in their place, or use the chart.\n";

/// What follows the containers of the agent's pod.
const VOLUMES: &str = "      volumes:\n";

const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS}\ndata: {key: value}\n---\n";

/// What the chart makes for a release in a namespace, with these values beside its own.
fn rendered(release: &str, namespace: &str, values: &str) -> String {
    let folder = std::env::var_os("WRIT_HELM").map(PathBuf::from);
    let helm = folder.expect("WRIT_HELM names the folder that tests/setup/programs prints").join("helm");
    let mut command = Command::new(helm);
    command.args(["template", release, CHART, "--namespace", namespace, "--values", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(values.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn the_plain_manifests_are_what_the_chart_makes() {
    let made = format!("{HEAD}{}", rendered("writ", "writ", "{}"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(MANIFESTS, &made).unwrap();
    }
    assert_eq!(fs::read_to_string(MANIFESTS).unwrap_or_default(), made, "UPDATE=1 makes them anew");
}

/// An agent in a namespace of its own, and the namespace that it may deploy to.
struct Inside {
    place: Place,
    /// Its namespace, and what it is called everywhere.
    name: String,
}

impl Inside {
    fn new() -> Self {
        let place = Place::new("");
        let inside = Self { name: format!("{}-agent", place.namespace), place };
        for namespace in [&inside.name, &inside.place.namespace] {
            inside.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"));
        }
        inside
    }

    /// Opens a way from loopback of the agent's pod to the repository: a container beside the agent leads to a pod in the network of
    /// the node, and that one to a server on the machine that the cluster runs on. Gives the container, and the port at all ends.
    fn way_out(&self) -> (String, u16) {
        let url = self.place.text("url");
        let node = url.trim_start_matches("https://").split(':').next().unwrap();
        // The two are the only addresses of their network.
        let (network, last) = node.rsplit_once('.').unwrap();
        let host = format!("{network}.{}", last.parse::<u8>().unwrap() - 1);
        let port = serve(&host, self.place.origin.repository.path().parent().unwrap().to_owned());
        let way = |to: &str| {
            let command = format!("[nc, -ll, -p, '{port}', -e, nc, {to}, '{port}']");
            format!("{{name: way, image: 'writ-test/box:1', command: {command}}}")
        };
        self.apply(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: way, namespace: {}}}\nspec:\n  hostNetwork: true\n  \
             terminationGracePeriodSeconds: 0\n  containers: [{}]\n",
            self.name,
            way(&host)
        ));
        (way(node), port)
    }

    /// Puts the agent there.
    fn start(&self) {
        let repository = self.place.origin.repository.path();
        let repository = repository.file_name().unwrap().to_str().unwrap();
        let Self { place, name } = self;
        // A claim here is a folder of root's own.
        self.apply(&format!(
            "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: state-{name}-0, namespace: {name}}}\nspec: \
             {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: \
             {{name: open, namespace: {name}}}\nspec:\n  restartPolicy: OnFailure\n  containers:\n  - {{name: open, image: 'writ-test/box:1', \
             command: [chmod, '0777', /state], volumeMounts: [{{name: state, mountPath: /state}}]}}\n  volumes: [{{name: state, \
             persistentVolumeClaim: {{claimName: state-{name}-0}}}}]\n"
        ));
        let opened = self.kubectl(&["wait", "pod/open", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"]);
        assert!(opened.contains("condition met"), "{opened}");
        let (way, port) = self.way_out();
        let settings = format!(
            "[host]\nname = \"{name}\"\nstate = \"/var/lib/writ/state\"\n[[source]]\nname = \"infra\"\nurl = \
             \"http://localhost:{port}/{repository}/.git\"\nbranch = \"main\"\npoll = \"5s\"\nintroduction = {{ commit = \
             \"{}\", signer = \"{}\" }}\n[[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \"host\"\nguard = \
             \"privileged\"\ntarget = \"kubernetes:in-cluster\"\n",
            place.origin.introduction, place.origin.key.fingerprint
        );
        let values = json!({"image": IMAGE, "namespaces": [place.namespace], "secret": "", "settings": settings});
        let made = rendered(name, name, &values.to_string());
        assert!(made.contains(VOLUMES), "{made}");
        self.apply(&made.replacen(VOLUMES, &format!("        - {way}\n{VOLUMES}"), 1));
    }

    fn apply(&self, yaml: &str) {
        let mut command = self.place.kubectl_anywhere(&["apply", "--server-side", "-f", "-"]);
        let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}\n{yaml}", String::from_utf8_lossy(&done.stderr));
    }

    /// What `kubectl` says in the agent's namespace, whether or not it is content.
    fn kubectl(&self, words: &[&str]) -> String {
        let done = self.place.kubectl_anywhere(&[&["-n", &self.name], words].concat()).output().unwrap();
        String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned()
    }

    /// What a command says that is run in the agent's own container.
    fn writ(&self, words: &[&str]) -> String {
        let pod = format!("{}-0", self.name);
        self.kubectl(&[&["exec", &pod, "-c", "agent", "--", "/bin/writ"], words].concat())
    }

    #[track_caller]
    fn becomes(&self, what: &str, is_so: impl Fn() -> bool) {
        let pod = format!("{}-0", self.name);
        assert!(until(is_so), "{what}: {}{}", self.writ(&["status"]), self.kubectl(&["logs", &pod, "-c", "agent"]));
    }

    /// True if the server lets the agent do it.
    fn may(&self, words: &[&str]) -> bool {
        let account = format!("--as=system:serviceaccount:{0}:{0}", self.name);
        self.kubectl(&[&["auth", "can-i"], words, &[account.as_str()]].concat()).trim() == "yes"
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let (name, deploys, looks) = (&self.name, format!("{}-deploys", self.name), format!("{}-looks", self.name));
        drop(self.kubectl(&["delete", "clusterrole", &deploys, &looks, "--ignore-not-found"]));
        drop(self.kubectl(&["delete", "clusterrolebinding", &looks, "--ignore-not-found"]));
        drop(self.kubectl(&["delete", "namespace", name, "--wait=false", "--ignore-not-found"]));
    }
}

#[test]
fn an_agent_in_its_cluster_deploys_to_its_namespaces_and_the_server_lets_it_do_nothing_else() {
    let inside = Inside::new();
    let place = &inside.place;
    place.deploy(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: NS}}\n---\n{CONFIG}"));
    inside.start();
    let key = || place.object("configmap/conf").and_then(|conf| Some(conf["data"]["key"].as_str()?.to_owned()));
    inside.becomes("it is not applied", || key().as_deref() == Some("value"));
    let by = &place.object("configmap/conf").unwrap()["metadata"]["labels"]["writ.host"];
    assert_eq!(by, inside.name.as_str());
    // A watch of that namespace alone tells of what others do.
    place.kubectl(&["patch", "configmap", "conf", "-p", r#"{"data": {"key": "theirs"}}"#]);
    inside.becomes("it is not set back", || key().as_deref() == Some("value"));

    // What its account may not do is refused by the server, in whose words it is told, and the rest goes on.
    let role =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: more, namespace: NS}\nrules: []\n---\n";
    let elsewhere = CONFIG.replace("NS", "default").replace("conf", &inside.name);
    place.deploy(&[&CONFIG.replace("value", "next"), role, &elsewhere].concat());
    inside.becomes("the rest is not applied", || key().as_deref() == Some("next"));
    inside.becomes("the refusal is not told", || {
        let said = inside.writ(&["plan"]);
        ["roles", "configmaps"].iter().all(|kind| said.contains(&format!("cannot list resource \"{kind}\"")))
    });
    assert!(place.object("role/more").is_none());
    for (words, may) in [
        (["create", "deployments", "-n", place.namespace.as_str()], true),
        (["create", "roles", "-n", &place.namespace], false),
        (["create", "pods/exec", "-n", &place.namespace], false),
        (["create", "configmaps", "-n", "default"], false),
        (["list", "secrets", "-n", &inside.name], false),
        (["delete", "namespaces", "-n", &place.namespace], false),
    ] {
        assert_eq!(inside.may(&words), may, "{words:?}");
    }
}
