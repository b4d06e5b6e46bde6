//! What an engine is asked to make: judged once more at the last moment, as it will be sent, and sent from here alone.
//!
//! Invariant: a field that nobody sets on purpose is refused, whatever the library comes to know of.
//! Invariant: what gives power over the host is sent only as the pod asks for it, which the guard has judged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerCreateResponse, NetworkConnectRequest, NetworkCreateRequest, NetworkCreateResponse,
    Volume, VolumeCreateRequest,
};
use bollard::query_parameters::CreateContainerOptionsBuilder;
use serde::Serialize;
use serde_json::{Value, json};
use writ_core::guard::Rule;
use writ_core::model::{ContainerSpec, MountSource, PodSpec, Security, Terminal};

use super::request::{Namespaces, Place, Resolver};
use super::{NETWORK, data, labels, request};
use crate::target::TargetError;

/// A request that was judged.
#[derive(Debug)]
pub(super) struct Judged<T>(T);

/// What a container may be asked to be.
pub(super) struct Wanted<'a> {
    /// Its pod, which the guard has judged.
    pub(super) pod: &'a PodSpec,
    /// Which of the pod's containers.
    pub(super) container: &'a ContainerSpec,
    /// What it is to its pod.
    pub(super) place: Place<'a>,
    /// Where the files are that Writ itself writes.
    pub(super) own: &'a Path,
}

/// Something that is not sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    rule: Rule,
    detail: String,
}

impl Refused {
    /// The error of an operation that would have sent it.
    pub(super) fn of(self, operation: &str) -> TargetError {
        let reason = format!("guard {}: {}; nothing was asked for", self.rule.name(), self.detail);
        TargetError::Failed { operation: operation.to_owned(), reason }
    }
}

/// A container, if the request says nothing beyond what its pod says.
pub(super) fn container(
    body: ContainerCreateBody,
    wanted: &Wanted<'_>,
) -> Result<Judged<ContainerCreateBody>, Refused> {
    judged(body, |value| judge_container(value, wanted))
}

/// A container that shows one volume, is reached by nobody and is never started.
pub(super) fn helper(
    body: ContainerCreateBody,
    image: &str,
    volume: &str,
    read_only: bool,
) -> Result<Judged<ContainerCreateBody>, Refused> {
    judged(body, |value| {
        let mut fields = Fields::of("", value);
        fields.must_be("Image", &json!(image))?;
        fields.any(&["Cmd"]);
        judge_labels(&mut fields)?;
        let mut host = Fields::of("HostConfig", fields.take("HostConfig"));
        host.must_be("NetworkMode", &json!("none"))?;
        let options = json!({"NoCopy": true});
        let mount = json!({
            "Target": data::INSIDE, "Source": volume, "Type": "volume", "ReadOnly": read_only, "VolumeOptions": options,
        });
        host.must_be("Mounts", &json!([mount]))?;
        if volume.contains('/') {
            host.refuse("Mounts", "would show a path of the host")?;
        }
        host.finish()?;
        fields.finish()
    })
}

/// A plain volume of that name.
pub(super) fn volume(request: VolumeCreateRequest, name: &str) -> Result<Judged<VolumeCreateRequest>, Refused> {
    judged(request, |value| judge_volume(value, name))
}

/// A bridge for pods.
pub(super) fn network(request: NetworkCreateRequest) -> Result<Judged<NetworkCreateRequest>, Refused> {
    judged(request, judge_network)
}

/// A container's way onto the host's network.
pub(super) fn connection(request: NetworkConnectRequest) -> Result<Judged<NetworkConnectRequest>, Refused> {
    judged(request, |value| {
        let mut fields = Fields::of("", value);
        fields.any(&["Container"]);
        judge_endpoint("EndpointConfig", fields.take("EndpointConfig"))?;
        fields.finish()
    })
}

fn judged<T: Serialize>(request: T, judge: impl FnOnce(&Value) -> Result<(), Refused>) -> Result<Judged<T>, Refused> {
    let value = serde_json::to_value(&request).expect("a request of the library's is JSON");
    judge(&value)?;
    Ok(Judged(request))
}

impl Judged<ContainerCreateBody> {
    /// What is sent, to compare what the engine makes of it.
    pub(super) const fn body(&self) -> &ContainerCreateBody {
        let Self(body) = self;
        body
    }

    pub(super) async fn send(&self, engine: &bollard::Docker, name: &str) -> Result<ContainerCreateResponse, Error> {
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        engine.create_container(Some(options), self.0.clone()).await
    }
}

impl Judged<VolumeCreateRequest> {
    pub(super) async fn send(self, engine: &bollard::Docker) -> Result<Volume, Error> {
        engine.create_volume(self.0).await
    }
}

impl Judged<NetworkCreateRequest> {
    pub(super) async fn send(self, engine: &bollard::Docker) -> Result<NetworkCreateResponse, Error> {
        engine.create_network(self.0).await
    }
}

impl Judged<NetworkConnectRequest> {
    pub(super) async fn send(self, engine: &bollard::Docker) -> Result<(), Error> {
        engine.connect_network(NETWORK, self.0).await
    }
}

/// The rule that a field is about which nobody sets on purpose.
fn rule_of(field: &str) -> Rule {
    match field {
        "Privileged" => Rule::NoPrivileged,
        "NetworkMode" => Rule::NoHostNetwork,
        "PidMode" => Rule::NoHostPid,
        "IpcMode" => Rule::NoHostIpc,
        "UTSMode" | "UsernsMode" | "CgroupnsMode" | "Cgroup" => Rule::NoHostNamespace,
        "CapAdd" => Rule::Capability,
        "CapDrop" => Rule::DefaultCapabilities,
        "ReadonlyRootfs" => Rule::WritableRoot,
        "SecurityOpt" | "MaskedPaths" | "ReadonlyPaths" => Rule::SecurityOption,
        "Sysctls" => Rule::Sysctl,
        "Devices" | "DeviceCgroupRules" | "DeviceRequests" => Rule::Device,
        "Runtime" | "Isolation" => Rule::Runtime,
        "LogConfig" => Rule::LogDriver,
        "Labels" | "Annotations" => Rule::Label,
        "Binds" | "VolumesFrom" | "BindOptions" | "Mounts" => Rule::HostPath,
        "VolumeDriver" | "Driver" | "DriverOpts" | "DriverConfig" | "VolumeOptions" | "ClusterVolumeSpec" => {
            Rule::PlainVolume
        }
        "PortBindings" | "PublishAllPorts" => Rule::HostPort,
        "Image" => Rule::ImageRegistry,
        "User" => Rule::Root,
        _ => Rule::EngineField,
    }
}

/// Fields of an object, taken one after the other: what nobody took was not set on purpose.
struct Fields<'a> {
    path: &'a str,
    left: BTreeMap<&'a str, &'a Value>,
}

impl<'a> Fields<'a> {
    fn of(path: &'a str, value: &'a Value) -> Self {
        let left = value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value)).collect();
        Self { path, left }
    }

    fn take(&mut self, name: &str) -> &'a Value {
        self.left.remove(name).unwrap_or(&Value::Null)
    }

    /// Takes fields that give no power over the host, whatever they hold.
    fn any(&mut self, names: &[&str]) {
        for name in names {
            self.take(name);
        }
    }

    /// Takes a field that must be as the pod says.
    fn must_be(&mut self, name: &str, wanted: &Value) -> Result<(), Refused> {
        let found = self.take(name);
        if found == wanted {
            return Ok(());
        }
        self.refuse(name, &format!("is {found}, and its pod asks for {wanted}"))
    }

    fn refuse(&self, name: &str, how: &str) -> Result<(), Refused> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Err(Refused { rule: rule_of(name), detail: format!("{}{dot}{name} of the request {how}", self.path) })
    }

    fn finish(self) -> Result<(), Refused> {
        self.left.keys().next().map_or(Ok(()), |name| self.refuse(name, "is set, which is never done"))
    }
}

fn judge_container(value: &Value, wanted: &Wanted<'_>) -> Result<(), Refused> {
    let Wanted { pod: _, container, place: _, own: _ } = wanted;
    let mut fields = Fields::of("", value);
    // What runs inside, what it is told and what it calls itself.
    fields.any(&["Hostname", "ExposedPorts", "Env", "Cmd", "Entrypoint", "WorkingDir"]);
    // How it is asked to end, and when it is killed.
    fields.must_be("StopSignal", &json!(container.hooks.stop_signal))?;
    fields.any(&["StopTimeout"]);
    let Terminal { stdin, stdin_once, tty } = container.terminal;
    for (name, asked) in [("OpenStdin", stdin), ("StdinOnce", stdin_once), ("Tty", tty)] {
        fields.must_be(name, &json!(asked.then_some(true)))?;
    }
    fields.must_be("Image", &json!(container.image))?;
    if let Some(user) = container.security.run_as_user {
        let found = fields.take("User");
        let id = found.as_str().and_then(|text| text.split(':').next());
        if id != Some(user.to_string().as_str()) {
            fields.refuse("User", &format!("is {found}, and its pod asks for {user}"))?;
        }
    }
    fields.any(&["User"]);
    judge_labels(&mut fields)?;
    judge_host(fields.take("HostConfig"), wanted)?;
    let mut networking = Fields::of("NetworkingConfig", fields.take("NetworkingConfig"));
    let mut networks = Fields::of("NetworkingConfig.EndpointsConfig", networking.take("EndpointsConfig"));
    judge_endpoint(NETWORK, networks.take(NETWORK))?;
    networks.finish()?;
    networking.finish()?;
    fields.finish()
}

/// Nothing but the labels by which Writ knows what is its own.
fn judge_labels(fields: &mut Fields<'_>) -> Result<(), Refused> {
    let found = fields.take("Labels").as_object().into_iter().flatten();
    for (name, _) in found.filter(|(name, _)| !labels::ALL.contains(&name.as_str())) {
        fields.refuse("Labels", &format!("holds {name:?}, which is none of Writ's"))?;
    }
    Ok(())
}

fn judge_host(value: &Value, wanted: &Wanted<'_>) -> Result<(), Refused> {
    let Wanted { pod, container, place, own: _ } = wanted;
    let mut fields = Fields::of("HostConfig", value);
    // Shares and limits, the restarts of a container, and groups, which open nothing beyond what it sees.
    fields.any(&["CpuShares", "NanoCpus", "Memory", "MemoryReservation", "MemorySwap", "RestartPolicy", "GroupAdd"]);
    fields.must_be("LogConfig", &serde_json::to_value(request::log_config(&pod.extras)).unwrap_or_default())?;
    fields.must_be("ExtraHosts", &json!(request::extra_hosts(&pod.extras, *place)))?;
    fields.must_be("Sysctls", &json!(request::sysctls(&pod.extras, *place)))?;
    let Resolver { servers, searches, options } = request::resolver(&pod.extras, *place);
    for (name, asked) in [("Dns", servers), ("DnsSearch", searches), ("DnsOptions", options)] {
        fields.must_be(name, &json!(asked))?;
    }
    fields.must_be("Ulimits", &json!(request::ulimits(&pod.extras)))?;
    let Security {
        run_as_user: _,
        run_as_group: _,
        run_as_non_root: _,
        supplemental_groups: _,
        read_only_root,
        privileged,
        allow_privilege_escalation,
        capabilities_add,
        capabilities_drop,
        // By them and its place it has its namespaces.
        host_namespaces: _,
    } = &container.security;
    let Namespaces { network, pid, ipc } = request::namespaces(pod, container, *place);
    fields.must_be("NetworkMode", &json!(network))?;
    fields.must_be("PidMode", &json!(pid))?;
    fields.must_be("IpcMode", &json!(ipc))?;
    fields.must_be("Privileged", &json!(privileged))?;
    fields.must_be("ReadonlyRootfs", &json!(read_only_root))?;
    fields.must_be("CapAdd", &json!(capabilities_add))?;
    fields.must_be("CapDrop", &json!(capabilities_drop))?;
    let gains_nothing = *allow_privilege_escalation == Some(false);
    fields.must_be("SecurityOpt", &json!(gains_nothing.then_some([request::NO_NEW_PRIVILEGES])))?;
    let (_, ports) = if place.is_reached() { request::ports(&container.ports) } else { Default::default() };
    fields.must_be("PortBindings", &serde_json::to_value(ports).unwrap_or_default())?;
    for mount in fields.take("Mounts").as_array().into_iter().flatten() {
        judge_mount(mount, wanted)?;
    }
    fields.finish()
}

fn judge_mount(value: &Value, wanted: &Wanted<'_>) -> Result<(), Refused> {
    let Wanted { pod, container, place: _, own } = wanted;
    let mut fields = Fields::of("HostConfig.Mounts", value);
    fields.any(&["Target"]);
    let (kind, source, read_only) = (fields.take("Type"), fields.take("Source"), fields.take("ReadOnly"));
    let source = source.as_str().unwrap_or_default();
    let asked = |sought: &dyn Fn(&MountSource) -> bool| container.mounts.iter().any(|mount| sought(&mount.source));
    match kind.as_str().unwrap_or_default() {
        "bind" => {
            let is_own = Path::new(source).starts_with(own) && !source.split('/').any(|word| word == "..");
            let is_asked = asked(&|it| matches!(it, MountSource::Host(path) if path == source));
            let is_kept = is_own && *read_only == json!(true);
            if !is_asked && !is_kept {
                fields.refuse("Mounts", &format!("shows {source} of the host, which its pod does not ask for"))?;
            }
        }
        "volume" => {
            let mut options = Fields::of("HostConfig.Mounts.VolumeOptions", fields.take("VolumeOptions"));
            options.any(&["NoCopy"]);
            options.finish()?;
            let is_claim = asked(&|it| matches!(it, MountSource::Volume(name) if name == source));
            let empty = |it: &MountSource| {
                matches!(it, MountSource::Empty { name, memory: false, limit: _ }
                if format!("{}.{name}", pod.name) == source)
            };
            if source.contains('/') || !is_claim && !asked(&empty) {
                fields.refuse("Mounts", &format!("shows volume {source:?}, which is not its pod's"))?;
            }
        }
        "tmpfs" => {
            let mut options = Fields::of("HostConfig.Mounts.TmpfsOptions", fields.take("TmpfsOptions"));
            options.any(&["SizeBytes", "Mode"]);
            options.finish()?;
            if !source.is_empty() {
                fields.refuse("Mounts", &format!("shows {source} as memory"))?;
            }
        }
        other => fields.refuse("Mounts", &format!("is of the kind {other:?}, which is never asked for"))?,
    }
    fields.finish()
}

fn judge_endpoint(path: &str, value: &Value) -> Result<(), Refused> {
    let mut fields = Fields::of(path, value);
    fields.any(&["Aliases"]);
    let mut addresses = Fields::of("IPAMConfig", fields.take("IPAMConfig"));
    addresses.any(&["IPv4Address"]);
    addresses.finish()?;
    fields.finish()
}

fn judge_volume(value: &Value, name: &str) -> Result<(), Refused> {
    let mut fields = Fields::of("", value);
    fields.must_be("Name", &json!(name))?;
    if name.contains('/') {
        fields.refuse("Driver", "would be a path")?;
    }
    judge_labels(&mut fields)?;
    fields.finish()
}

fn judge_network(value: &Value) -> Result<(), Refused> {
    let mut fields = Fields::of("", value);
    fields.any(&["Name"]);
    fields.must_be("Driver", &json!("bridge"))?;
    let mut addresses = Fields::of("IPAM", fields.take("IPAM"));
    for range in addresses.take("Config").as_array().into_iter().flatten() {
        let mut range = Fields::of("IPAM.Config", range);
        range.any(&["Subnet", "IPRange", "Gateway"]);
        range.finish()?;
    }
    addresses.finish()?;
    judge_labels(&mut fields)?;
    fields.finish()
}

/// What is wrong with a volume that a pod would have: it is a path of the host or a far disk in disguise.
pub(super) fn disguise(found: &Volume) -> Option<String> {
    if found.driver != "local" {
        return Some(format!("it is of the driver {:?}", found.driver));
    }
    let names: BTreeSet<&str> = found.options.keys().map(String::as_str).collect();
    (!names.is_empty())
        .then(|| format!("it was made with the options {}", names.into_iter().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
#[path = "sent_tests.rs"]
pub(super) mod tests;
