//! One service: a Deployment, or a StatefulSet where it has named volumes, and a Service of its name.

use serde_json::{Map, Value, json};

use super::container::{self, Parts};
use super::files::Shared;
use super::ports::{self, Ports};
use super::scene::{Scene, unknown};
use super::volumes::{self, Mounts};
use crate::dialect::yaml::{Content, Entry, Node};

/// Keys of a service that something is made of.
const CARRIED: &[&str] = &[
    "image",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "ports",
    "expose",
    "volumes",
    "tmpfs",
    "configs",
    "secrets",
    "healthcheck",
    "deploy",
    "restart",
    "user",
    "cap_add",
    "cap_drop",
    "privileged",
    "read_only",
    "working_dir",
    "stop_grace_period",
    "pull_policy",
    "mem_limit",
    "cpus",
    "scale",
    "network_mode",
    "profiles",
];

/// Keys that say what is so anyway, or that nothing depends on.
const IDLE: &[&str] = &["container_name", "networks", "attach", "annotations", "labels", "label_file", "platform"];

/// Keys without which a service runs as it did, more or less; with what is so instead.
const TOLD: &[(&str, &str)] = &[
    ("depends_on", "workloads start side by side: let one that needs another wait for it, or end and be started again"),
    ("extra_hosts", "make a Service of that name, or use the address"),
    ("hostname", "a pod is called by its workload's name and its number"),
    ("domainname", "a pod is called by its workload's name and its number"),
    ("init", "let the program of the image reap its children"),
    ("links", "services are reached by their names"),
    ("external_links", "services are reached by their names"),
    ("logging", "set the rotation of logs in the configuration of the engine"),
    ("stdin_open", "say `writ exec POD -- COMMAND` to talk to it"),
    ("tty", "say `writ exec POD -- COMMAND` to talk to it"),
    ("stop_signal", "let the image name it (`STOPSIGNAL`)"),
    ("ulimits", "set limits in the configuration of the engine"),
    ("pids_limit", "set limits in the configuration of the engine"),
    ("shm_size", "mount a `tmpfs` at /dev/shm"),
    ("sysctls", "set them on the host"),
    ("dns", "names are answered by the engine"),
    ("dns_search", "names are answered by the engine"),
    ("dns_opt", "names are answered by the engine"),
    ("oom_score_adj", "limit the memory instead"),
    ("mem_reservation", "write `deploy.resources.reservations`"),
    ("memswap_limit", "limit the memory instead"),
    ("cpu_shares", "write `deploy.resources`"),
    ("blkio_config", "set limits in the configuration of the engine"),
    ("develop", "it is for those who write the program"),
];

/// The objects of a service.
pub(super) fn convert(scene: &mut Scene<'_>, entry: &Entry<'_>, shared: &mut Shared) -> Vec<Value> {
    let node = &entry.value;
    let Some(name) = name(scene, entry) else { return Vec::new() };
    if !matches!(node.content, Content::Map(_)) {
        scene.wrong(&entry.name, "a map", node);
        return Vec::new();
    }
    judge_keys(scene, node);
    let ports = ports::read(scene, node);
    let mounts = volumes::read(scene, node, shared);
    let Parts { container, pod } = container::read(scene, node, &name, &ports, &mounts);
    let replicas = replicas(scene, node);
    let labels = json!({"app.kubernetes.io/name": name});
    let metadata = json!({"name": name, "namespace": scene.given.scope, "labels": labels});
    let mut pod_spec = pod;
    pod_spec.insert("containers".to_owned(), json!([container]));
    let Mounts { volumes, claims, mounts: _ } = mounts;
    if !volumes.is_empty() {
        pod_spec.insert("volumes".to_owned(), Value::Array(volumes));
    }
    let mut spec = Map::new();
    spec.insert("replicas".to_owned(), json!(replicas));
    spec.insert("selector".to_owned(), json!({"matchLabels": labels}));
    spec.insert("template".to_owned(), json!({"metadata": {"labels": labels}, "spec": pod_spec}));
    let kind = if claims.is_empty() {
        // Two replicas cannot hold one port of the host.
        let strategy = if ports.has_fixed() { json!({"type": "Recreate"}) } else { json!({"type": "RollingUpdate"}) };
        spec.insert("strategy".to_owned(), strategy);
        "Deployment"
    } else {
        spec.insert("serviceName".to_owned(), json!(name));
        spec.insert("volumeClaimTemplates".to_owned(), Value::Array(claims));
        "StatefulSet"
    };
    let workload = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec});
    vec![service(&metadata, &labels, &ports), workload]
}

/// The name of a service, which becomes part of names in DNS.
fn name(scene: &mut Scene<'_>, entry: &Entry<'_>) -> Option<String> {
    let name = entry.name.replace(['_', '.'], "-").to_lowercase();
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let sound = name.len() <= 52 && name.bytes().all(inner) && name.starts_with(|c: char| c.is_ascii_lowercase());
    if !sound || name.ends_with('-') {
        let help = "use at most 52 lower-case letters, digits and hyphens, with a letter first";
        scene.error(&entry.range, "a service of this name cannot be reached by it", help);
        return None;
    }
    if name != entry.name {
        scene.remark(&entry.range, format!("the service is called `{name}`"), "change what reaches it by its old name");
    }
    Some(name)
}

fn judge_keys(scene: &mut Scene<'_>, node: &Node<'_>) {
    for entry in unknown(node, CARRIED) {
        let name = &*entry.name;
        if IDLE.contains(&name) {
            continue;
        }
        if let Some((_, help)) = TOLD.iter().find(|(told, _)| *told == name) {
            scene.remark(&entry.range, format!("`{name}` is not carried"), help);
            continue;
        }
        let help = match name {
            "build" => "build the image elsewhere, and name it in `image`",
            "extends" => "write `docker compose config > whole.yaml` and import that",
            _ => "take it out, if the service runs without it",
        };
        scene.error(&entry.range, format!("`{name}` cannot be carried"), help);
    }
}

/// How many pods: none for a service that is started only when its profile is asked for.
fn replicas(scene: &mut Scene<'_>, node: &Node<'_>) -> u32 {
    if let Some(entry) = node.entries().iter().find(|entry| entry.name == "profiles") {
        let help = "its `replicas` are 0: raise them to run it";
        scene.remark(&entry.range, "a service with `profiles` is started by nobody", help);
        return 0;
    }
    let deploy = node.get("deploy");
    if let Some(entry) = deploy.and_then(|deploy| deploy.entries().iter().find(|entry| entry.name == "mode")) {
        let mode = scene.text("mode", &entry.value);
        if mode.as_deref() != Some("replicated") {
            scene.error(&entry.range, "only the mode `replicated` is carried", "say how many replicas there are to be");
        }
    }
    let number = deploy.and_then(|deploy| deploy.get("replicas")).or_else(|| node.get("scale"));
    let Some(number) = number else { return 1 };
    let Some(text) = scene.text("replicas", number) else { return 1 };
    text.parse().unwrap_or_else(|_| {
        scene.wrong("replicas", "a whole number", number);
        1
    })
}

/// A Service without an address of its own: its name leads to the pods themselves.
fn service(metadata: &Value, labels: &Value, ports: &Ports) -> Value {
    let mut spec = Map::new();
    spec.insert("clusterIP".to_owned(), json!("None"));
    spec.insert("selector".to_owned(), labels.clone());
    let of_service = ports.of_service();
    if !of_service.is_empty() {
        spec.insert("ports".to_owned(), Value::Array(of_service));
    }
    json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
}
