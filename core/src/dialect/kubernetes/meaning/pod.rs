//! What the fields of a pod template say together.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Judge;
use crate::text::quoted;

/// Fields of a volume that are no kind of volume.
const VOLUME_NAME: &str = "name";
const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const ACTIONS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "grpc"];
const HOOKS: [&str; 4] = ["exec", "httpGet", "tcpSocket", "sleep"];
const ENV_SOURCES: [&str; 4] = ["configMapKeyRef", "secretKeyRef", "fieldRef", "resourceFieldRef"];
/// Fields that a variable can tell, beside labels and annotations one by one.
const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields that a file can tell, as on Kubernetes.
const FIELDS_OF_FILES: [&str; 5] =
    ["metadata.name", "metadata.namespace", "metadata.uid", "metadata.labels", "metadata.annotations"];

impl Judge<'_> {
    pub(super) fn pod(&mut self, pointer: &str) {
        let containers = self.items(&format!("{pointer}/containers"));
        let init = self.items(&format!("{pointer}/initContainers"));
        if containers.is_empty() {
            self.error(&format!("{pointer}/containers"), "a pod needs at least one container", "");
        }
        let all: Vec<(String, &Value)> = init.iter().chain(&containers).cloned().collect();
        self.distinct(&all, "/name", "container");
        self.volumes(pointer);
        let volumes = self.volume_names(pointer);
        for (container, value) in &all {
            self.image(container, value);
            self.environment(container);
            self.mounts(container, &volumes);
            self.amounts(container, value);
        }
        let is_sidecar = |value: &Value| value["restartPolicy"] == "Always";
        let (sidecars, init): (Vec<_>, Vec<_>) = init.into_iter().partition(|(_, value)| is_sidecar(value));
        for (container, value) in &init {
            for probe in PROBES.into_iter().filter(|probe| value.get(probe).is_some()) {
                let message = format!("an init container has no `{probe}`: it runs to its end before the pod starts");
                self.error(&format!("{container}/{probe}"), message, "leave it out");
            }
        }
        for (container, _) in containers.iter().filter(|(_, value)| value.get("restartPolicy").is_some()) {
            let message = "only an init container has a `restartPolicy` of its own";
            self.error(
                &format!("{container}/restartPolicy"),
                message,
                "leave it out; the pod's own is for all of them",
            );
        }
        let lasting: Vec<(String, &Value)> = sidecars.into_iter().chain(containers).collect();
        for (container, value) in &lasting {
            for hook in ["postStart", "preStop"] {
                if let Some(handler) = value.pointer(&format!("/lifecycle/{hook}")) {
                    self.exactly_one(&format!("{container}/lifecycle/{hook}"), handler, &HOOKS, &format!("`{hook}`"));
                }
            }
            self.probes(container, value);
        }
        self.ports(&lasting);
    }

    fn volumes(&mut self, pointer: &str) {
        let volumes = self.items(&format!("{pointer}/volumes"));
        self.distinct(&volumes, "/name", "volume");
        for (volume, value) in volumes {
            let kinds: Vec<&str> = value
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys())
                .map(String::as_str)
                .filter(|name| *name != VOLUME_NAME)
                .collect();
            match kinds.as_slice() {
                [_] => {}
                [] => self.error(&volume, "a volume needs a kind", "for an empty directory write `emptyDir: {}`"),
                [first, second, ..] => {
                    let message = format!("a volume cannot be both `{first}` and `{second}`");
                    self.error(&format!("{volume}/{second}"), message, "make two volumes of it");
                }
            }
            if value.get("projected").is_some() {
                self.projected(&volume);
            }
            if value.get("downwardAPI").is_some() {
                self.downward(&format!("{volume}/downwardAPI/items"));
            }
        }
    }

    fn projected(&mut self, volume: &str) {
        for (source, value) in self.items(&format!("{volume}/projected/sources")) {
            let kinds = ["configMap", "secret", "downwardAPI", "serviceAccountToken", "clusterTrustBundle"];
            self.exactly_one(&source, value, &kinds, "a projected source");
            self.downward(&format!("{source}/downwardAPI/items"));
        }
    }

    fn downward(&mut self, pointer: &str) {
        for (item, value) in self.items(pointer) {
            self.exactly_one(&item, value, &["fieldRef", "resourceFieldRef"], "a downward item");
            self.field_path(&format!("{item}/fieldRef/fieldPath"), &FIELDS_OF_FILES);
        }
    }

    fn field_path(&mut self, pointer: &str, fields: &[&str]) {
        let Some(path) = self.text(pointer) else { return };
        let keyed = ["metadata.labels['", "metadata.annotations['"]
            .iter()
            .any(|prefix| path.starts_with(prefix) && path.ends_with("']"));
        if !keyed && !fields.contains(&path) {
            let help =
                format!("known are {}, and one label or annotation as in metadata.labels['app']", fields.join(", "));
            self.error(pointer, format!("the field {} of a pod is not known here", quoted(path)), &help);
        }
    }

    /// Names that a container may mount: volumes of the pod and claims of the workload.
    fn volume_names(&self, pointer: &str) -> BTreeSet<String> {
        let volumes = self.items(&format!("{pointer}/volumes"));
        let claims = self.items("/spec/volumeClaimTemplates");
        let names = volumes.iter().map(|(_, volume)| volume.pointer("/name"));
        let names = names.chain(claims.iter().map(|(_, claim)| claim.pointer("/metadata/name")));
        names.flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn image(&mut self, container: &str, value: &Value) {
        let Some(image) = value["image"].as_str() else { return };
        if image.contains('@') {
            return;
        }
        let name = image.rsplit('/').next().unwrap_or(image);
        let tag = name.split_once(':').map(|(_, tag)| tag);
        let place = format!("{container}/image");
        let help = "write the version's own tag, or a digest";
        match tag {
            None => self.warning(
                &place,
                format!("the image {} has no tag, so what runs can change unseen", quoted(image)),
                help,
            ),
            Some("latest") => {
                self.warning(
                    &place,
                    format!("the tag `latest` of {} moves, so what runs can change unseen", quoted(image)),
                    help,
                );
            }
            Some(_) => {}
        }
    }

    fn environment(&mut self, container: &str) {
        let variables = self.items(&format!("{container}/env"));
        let mut seen = BTreeSet::new();
        for (pointer, variable) in variables {
            let Some(name) = variable["name"].as_str() else { continue };
            if !seen.insert(name) {
                let message = format!("the variable {} is there twice; the last one counts", quoted(name));
                self.warning(&format!("{pointer}/name"), message, "keep one of them");
            }
            if variable.get("value").is_some_and(|value| value != "") && variable.get("valueFrom").is_some() {
                let message = format!("the variable {} has both `value` and `valueFrom`", quoted(name));
                self.error(&format!("{pointer}/valueFrom"), message, "keep one of them");
            }
            if let Some(source) = variable.get("valueFrom") {
                self.exactly_one(&format!("{pointer}/valueFrom"), source, &ENV_SOURCES, "`valueFrom`");
                self.field_path(&format!("{pointer}/valueFrom/fieldRef/fieldPath"), &FIELDS);
            }
        }
        for (pointer, source) in self.items(&format!("{container}/envFrom")) {
            self.exactly_one(&pointer, source, &["configMapRef", "secretRef"], "an item of `envFrom`");
        }
    }

    fn mounts(&mut self, container: &str, volumes: &BTreeSet<String>) {
        let mounts = self.items(&format!("{container}/volumeMounts"));
        self.distinct(&mounts, "/mountPath", "path");
        for (pointer, mount) in mounts {
            let Some(name) = mount["name"].as_str().filter(|name| !volumes.contains(*name)) else { continue };
            if !self.is_whole() {
                continue;
            }
            let known: Vec<&str> = volumes.iter().map(String::as_str).collect();
            let help = match super::super::suggest::nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if known.is_empty() => "add it to `volumes`".to_owned(),
                None => format!("known are {}", known.join(", ")),
            };
            self.error(&format!("{pointer}/name"), format!("there is no volume {} to mount", quoted(name)), &help);
        }
    }

    /// What is asked for must not be more than what is allowed.
    fn amounts(&mut self, container: &str, value: &Value) {
        for name in ["cpu", "memory"] {
            let amount = |part: &str| super::super::format::amount(value.get("resources")?.get(part)?.get(name)?);
            if let (Some(asked), Some(allowed)) = (amount("requests"), amount("limits"))
                && asked > allowed
            {
                let message = format!("the request of `{name}` is more than its limit");
                self.error(
                    &format!("{container}/resources/requests/{name}"),
                    message,
                    "raise the limit or ask for less",
                );
            }
        }
    }

    fn probes(&mut self, container: &str, value: &Value) {
        for name in PROBES {
            let Some(probe) = value.get(name) else { continue };
            let pointer = format!("{container}/{name}");
            self.exactly_one(&pointer, probe, &ACTIONS, &format!("`{name}`"));
            if name != "readinessProbe" && probe["successThreshold"].as_i64().is_some_and(|count| count != 1) {
                let message = format!("`successThreshold` of `{name}` must be 1");
                self.error(&format!("{pointer}/successThreshold"), message, "leave it out");
            }
            for action in ["httpGet", "tcpSocket"] {
                let Some(port) = probe.get(action).and_then(|action| action["port"].as_str()) else { continue };
                let ports = value["ports"].as_array().into_iter().flatten();
                let known: Vec<&str> = ports.filter_map(|port| port["name"].as_str()).collect();
                if self.is_whole() && !known.contains(&port) {
                    let message = format!("the container has no port with the name {}", quoted(port));
                    self.error(
                        &format!("{pointer}/{action}/port"),
                        message,
                        "name the port in `ports`, or write its number",
                    );
                }
            }
        }
    }

    fn ports(&mut self, containers: &[(String, &Value)]) {
        let mut names = Vec::new();
        let mut taken: BTreeMap<(i64, &str, &str), ()> = BTreeMap::new();
        let mut doubled = Vec::new();
        for (container, _) in containers {
            for (pointer, port) in self.items(&format!("{container}/ports")) {
                if let Some(host) = port["hostPort"].as_i64().filter(|host| *host != 0) {
                    let address = port["hostIP"].as_str().unwrap_or_default();
                    let protocol = port["protocol"].as_str().unwrap_or("TCP");
                    if taken.insert((host, address, protocol), ()).is_some() {
                        doubled.push((pointer.clone(), host));
                    }
                }
                names.push((pointer, port));
            }
        }
        self.distinct(&names, "/name", "port");
        for (pointer, host) in doubled {
            self.error(
                &format!("{pointer}/hostPort"),
                format!("port {host} of the host is given twice"),
                "choose another",
            );
        }
    }
}
