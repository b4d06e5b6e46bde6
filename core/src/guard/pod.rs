//! The rules, applied to the template of a pod as a cluster takes it.

use std::net::IpAddr;

use serde_json::Value;

use super::cluster::{fields, items, node_path};
use super::rules::Judgement;
use super::{Allowed, Rule, image, sysctl};
use crate::text::quoted;

/// Fields of a pod that give no power over a node. Source: the API of Kubernetes v1.36.
const POD: [&str; 32] = [
    "activeDeadlineSeconds",
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostUsers",
    "hostname",
    "hostnameOverride",
    "imagePullSecrets",
    "nodeName",
    "nodeSelector",
    "os",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "resources",
    "restartPolicy",
    "schedulerName",
    "schedulingGates",
    "serviceAccount",
    "serviceAccountName",
    "setHostnameAsFQDN",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "workloadRef",
];

/// Fields of a container that give no power over a node.
const CONTAINER: [&str; 23] = [
    "args",
    "command",
    "env",
    "envFrom",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "readinessProbe",
    "resizePolicy",
    "resources",
    "restartPolicy",
    "restartPolicyRules",
    "startupProbe",
    "stdin",
    "stdinOnce",
    "targetContainerName",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeMounts",
    "workingDir",
    "ports",
];

/// Kinds of volumes that show nothing of a node and outlive no pod.
const VOLUMES: [&str; 5] = ["configMap", "downwardAPI", "emptyDir", "projected", "secret"];

/// Types of SELinux that a container may have. Source: Pod Security Standards.
const SELINUX: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

/// Annotations that took a container out of AppArmor before there was a field for it.
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Judges the template of a pod below a pointer.
pub(super) fn template(judgement: &mut Judgement<'_>, body: &Value, pointer: &str) {
    let Some(template) = body.pointer(pointer) else { return };
    for (name, value) in fields(template.pointer("/metadata/annotations")) {
        if name.starts_with(APPARMOR) && value != "runtime/default" {
            option(judgement, &format!("the annotation {}", quoted(name)));
        }
    }
    let Some(spec) = template.get("spec") else { return };
    let policy = judgement.grounds.policy;
    for (name, value) in fields(Some(spec)) {
        let set = value == &Value::Bool(true);
        match name.as_str() {
            "containers" | "initContainers" | "ephemeralContainers" => {
                items(Some(value)).for_each(|container| self::container(judgement, container, spec));
            }
            "volumes" => items(Some(value)).for_each(|volume| self::volume(judgement, volume)),
            "securityContext" => of_pod(judgement, value),
            "hostNetwork" if set => judgement.object(Rule::NoHostNetwork, policy.host_network, || asks("network")),
            "hostPID" if set => judgement.object(Rule::NoHostPid, policy.host_pid, || asks("processes")),
            "hostIPC" if set => judgement.object(Rule::NoHostIpc, policy.host_ipc, || asks("shared memory")),
            "hostNetwork" | "hostPID" | "hostIPC" => {}
            "runtimeClassName" => {
                judgement.object(Rule::Runtime, policy.privileged, || "chooses what runs its containers".to_owned());
            }
            "resourceClaims" => {
                judgement.object(Rule::Device, policy.privileged, || "asks for devices of a node".to_owned());
            }
            known if POD.contains(&known) => {}
            other => unknown(judgement, other),
        }
    }
}

/// A volume that outlives the pod.
pub(super) fn claim(judgement: &mut Judgement<'_>, what: &str) {
    judgement.object(Rule::OwnVolume, true, || what.to_owned());
}

fn asks(what: &str) -> String {
    format!("asks for the {what} of its node")
}

fn unknown(judgement: &mut Judgement<'_>, field: &str) {
    let allowed = judgement.grounds.policy.privileged;
    judgement.object(Rule::EngineField, allowed, || format!("sets {}, which is not known here", quoted(field)));
}

fn option(judgement: &mut Judgement<'_>, what: &str) {
    let allowed = judgement.grounds.policy.privileged;
    judgement.object(Rule::SecurityOption, allowed, || format!("changes what confines it: {what}"));
}

fn of_pod(judgement: &mut Judgement<'_>, context: &Value) {
    let policy = judgement.grounds.policy;
    for (name, value) in fields(Some(context)) {
        match name.as_str() {
            "fsGroup"
            | "fsGroupChangePolicy"
            | "supplementalGroups"
            | "supplementalGroupsPolicy"
            | "runAsGroup"
            | "seLinuxChangePolicy" => {}
            // Each container is judged by it.
            "runAsUser" | "runAsNonRoot" => {}
            "sysctls" => {
                let names = items(Some(value)).filter_map(|it| it.get("name")?.as_str());
                for name in names.filter(|name| !sysctl::SAFE.contains(name)) {
                    let what = || format!("sets the kernel's parameter {}", quoted(name));
                    judgement.object(Rule::Sysctl, policy.allows_sysctl(name), what);
                }
            }
            other => confinement(judgement, other, value),
        }
    }
}

/// What confines a container, said of it or of its pod.
fn confinement(judgement: &mut Judgement<'_>, name: &str, value: &Value) {
    let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
    match name {
        "seccompProfile" | "appArmorProfile" if text("type") != "Unconfined" => {}
        "seLinuxOptions" if SELINUX.contains(&text("type")) && text("user").is_empty() && text("role").is_empty() => {}
        "windowsOptions" if value.get("hostProcess") != Some(&Value::Bool(true)) => {}
        "procMount" if matches!(value.as_str(), Some("" | "Default")) => {}
        "seccompProfile" | "appArmorProfile" | "seLinuxOptions" | "windowsOptions" | "procMount" => {
            option(judgement, &format!("`{name}`"));
        }
        other => unknown(judgement, other),
    }
}

fn container(judgement: &mut Judgement<'_>, container: &Value, pod: &Value) {
    let policy = judgement.grounds.policy;
    let called = container.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
    let said = |what: String| format!("container {called} {what}");
    for (name, value) in fields(Some(container)) {
        match name.as_str() {
            "image" => self::image(judgement, value.as_str().unwrap_or_default(), &called),
            "securityContext" => of_container(judgement, value, &called),
            "volumeDevices" => {
                judgement.object(Rule::Device, policy.privileged, || said("asks for a volume as a device".to_owned()));
            }
            known if CONTAINER.contains(&known) => {}
            other => unknown(judgement, other),
        }
    }
    items(container.get("ports")).for_each(|port| self::port(judgement, port, &called));
    privileges(judgement, container, pod, &called);
}

fn image(judgement: &mut Judgement<'_>, name: &str, called: &str) {
    let policy = judgement.grounds.policy;
    let allowed = policy.allows_registry(name);
    if !allowed || policy.registries == Allowed::All {
        let what = || format!("container {called} runs image {} of {}", quoted(name), image::registry(name));
        judgement.object(Rule::ImageRegistry, allowed, what);
    }
    if !image::is_pinned(name) {
        let what = || format!("container {called} runs image {} without a digest (`NAME@sha256:…`)", quoted(name));
        judgement.object(Rule::PinnedImage, !policy.pinned_images, what);
    }
}

fn of_container(judgement: &mut Judgement<'_>, context: &Value, called: &str) {
    let policy = judgement.grounds.policy;
    let said = |what: String| format!("container {called} {what}");
    for (name, value) in fields(Some(context)) {
        match name.as_str() {
            "privileged" => {
                if value == &Value::Bool(true) {
                    let what = || said("asks for all powers of its node (privileged)".to_owned());
                    judgement.object(Rule::NoPrivileged, policy.privileged, what);
                }
            }
            "capabilities" => {
                for capability in items(value.get("add")).filter_map(Value::as_str) {
                    let plain = capability.to_ascii_uppercase();
                    let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
                    let what = || said(format!("asks for capability {}", quoted(capability)));
                    judgement.object(Rule::Capability, policy.capabilities.allows(plain), what);
                }
            }
            "allowPrivilegeEscalation" | "runAsUser" | "runAsNonRoot" | "runAsGroup" | "readOnlyRootFilesystem" => {}
            other => confinement(judgement, other, value),
        }
    }
}

/// What a container has unless it gives it up.
fn privileges(judgement: &mut Judgement<'_>, container: &Value, pod: &Value, called: &str) {
    let policy = judgement.grounds.policy;
    let said = |what: &str| format!("container {called} {what}");
    let own = |field: &str| container.get("securityContext").and_then(|context| context.get(field));
    let of_pod = |field: &str| pod.get("securityContext").and_then(|context| context.get(field));
    let drops = own("capabilities").and_then(|it| it.get("drop"));
    if !items(drops).any(|name| name.as_str().is_some_and(|name| name.eq_ignore_ascii_case("all"))) {
        let what = || said("keeps the engine's capabilities (without `capabilities: {drop: [ALL]}`)");
        judgement.object(Rule::DefaultCapabilities, policy.default_capabilities, what);
    }
    if own("allowPrivilegeEscalation") != Some(&Value::Bool(false)) {
        let what = || said("may gain privileges (without `allowPrivilegeEscalation: false`)");
        judgement.object(Rule::PrivilegeEscalation, policy.privilege_escalation, what);
    }
    let user = own("runAsUser").or_else(|| of_pod("runAsUser")).and_then(Value::as_i64);
    let other = own("runAsNonRoot").or_else(|| of_pod("runAsNonRoot")) == Some(&Value::Bool(true));
    if !user.map_or(other, |user| user != 0) {
        let what = || said("may run as root (without `runAsNonRoot: true` or a `runAsUser` other than 0)");
        judgement.object(Rule::Root, policy.root, what);
    }
    if own("readOnlyRootFilesystem") != Some(&Value::Bool(true)) {
        let what = || said("may write to its root file system (without `readOnlyRootFilesystem: true`)");
        judgement.object(Rule::WritableRoot, policy.writable_root, what);
    }
}

fn port(judgement: &mut Judgement<'_>, port: &Value, called: &str) {
    let policy = judgement.grounds.policy;
    let Some(number) = port.get("hostPort").and_then(Value::as_u64).filter(|port| *port > 0) else { return };
    let allowed = u16::try_from(number).is_ok_and(|port| policy.host_ports.allows(Some(port)));
    let said = || format!("container {called} publishes port {number} of its node");
    judgement.object(Rule::HostPort, allowed, said);
    let written = port.get("hostIP").and_then(Value::as_str).filter(|address| !address.is_empty()).unwrap_or("0.0.0.0");
    let address = written.parse::<IpAddr>().ok();
    if !address.is_some_and(|address| address.is_loopback()) {
        let allowed = address.is_some_and(|address| policy.host_addresses.allows(&address));
        judgement.object(Rule::HostPortAddress, allowed, || format!("{} on {}", said(), quoted(written)));
    }
}

fn volume(judgement: &mut Judgement<'_>, volume: &Value) {
    for (kind, value) in fields(Some(volume)).filter(|(name, _)| *name != "name") {
        match kind.as_str() {
            "hostPath" => node_path(judgement, value.get("path").and_then(Value::as_str).unwrap_or_default()),
            "persistentVolumeClaim" | "ephemeral" => claim(judgement, "mounts a claim"),
            "image" => {
                let name = value.get("reference").and_then(Value::as_str).unwrap_or_default();
                image(judgement, name, "(a volume)");
            }
            known if VOLUMES.contains(&known) => {}
            other => {
                let allowed = judgement.grounds.policy.privileged;
                judgement.object(Rule::PlainVolume, allowed, || format!("mounts a volume of {}", quoted(other)));
            }
        }
    }
}
