//! The rules, applied to one pod: each power that it uses, and who does not allow it.

use std::collections::BTreeSet;

use super::{Allowed, Grounds, Refusal, Refuser, Rule, Seen, image, paths, sysctl};
use crate::model::{
    ContainerSpec, Entrance, Extras, Mount, MountSource, ObjectId, PodSpec, Port, Security, VolumeSpec,
};
use crate::text::quoted;

/// What the names of volumes of claims begin with.
const VOLUME: &str = "voodu-";

/// Why a pod may not have a volume.
const NOT_ITS_OWN: &str = "it is not one of its claims";

/// What a pod may not do.
pub(super) fn judge(pod: &PodSpec, grounds: &Grounds<'_>) -> Vec<Refusal> {
    // Names, times and hashes give no power over the host. Containers of one pod that see each other's processes see none
    // of the host's. A group owns files of the pod's own volumes alone, which are
    // plain ones of the engine: the target reads that back.
    let PodSpec {
        name: _,
        object,
        index: _,
        revision: _,
        hostname: _,
        init: _,
        main: _,
        beside: _,
        share_processes: _,
        sandboxed: _,
        // Variables, commands and files alone.
        late: _,
        default_container: _,
        volumes,
        own_names: _,
        shared_names: _,
        publish_not_ready: _,
        fs_group: _,
        extras,
        grace: _,
        min_ready: _,
        ends: _,
        progress_deadline: _,
    } = pod;
    let mut judgement = Judgement::new(object, grounds);
    judgement.extras(extras);
    for container in pod.containers() {
        judgement.container(container, volumes, pod.is_relay());
    }
    judgement.refusals
}

/// What may not be done with a volume that is to be made.
pub(super) fn judge_volume(volume: &VolumeSpec, asker: &ObjectId, grounds: &Grounds<'_>) -> Vec<Refusal> {
    let VolumeSpec { name, object, claim: _, ordinal: _ } = volume;
    let mut judgement = Judgement::new(asker, grounds);
    let complaint = (object != asker || !is_volume_name(name)).then(|| NOT_ITS_OWN.to_owned());
    judgement.uses(Rule::OwnVolume, complaint, || format!("{asker} asks for volume {}", quoted(name)));
    judgement.refusals
}

/// What may not be led through the host's ingress.
pub(super) fn judge_entrance(entrance: &Entrance, grounds: &Grounds<'_>) -> Vec<Refusal> {
    let Entrance { id, file: _, routes, pairs: _, revision: _, parts: _ } = entrance;
    let mut judgement = Judgement::new(id, grounds);
    let hosts: BTreeSet<Option<&str>> = routes.iter().map(|route| route.host.as_deref()).collect();
    for host in hosts {
        let allowed = grounds.policy.allows_host(host);
        let complaint = (!allowed).then(|| format!("the host's policy `{}` does not allow it", grounds.policy.name));
        let host = host.map_or_else(|| "any host".to_owned(), |host| format!("the host {}", quoted(host)));
        judgement.uses(Rule::IngressHost, complaint, || format!("{id} takes requests for {host}"));
    }
    judgement.refusals
}

/// An engine takes a volume whose name is a path for that path of the host.
fn is_volume_name(name: &str) -> bool {
    name.starts_with(VOLUME) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// What is found while something is judged.
pub(super) struct Judgement<'a> {
    pub(super) object: &'a ObjectId,
    pub(super) grounds: &'a Grounds<'a>,
    pub(super) refusals: Vec<Refusal>,
}

impl<'a> Judgement<'a> {
    pub(super) const fn new(object: &'a ObjectId, grounds: &'a Grounds<'a>) -> Self {
        Self { object, grounds, refusals: Vec::new() }
    }

    /// The object does something that the host allows or not.
    pub(super) fn object(&mut self, rule: Rule, allowed: bool, what: impl FnOnce() -> String) {
        let (object, policy) = (self.object, self.grounds.policy);
        let complaint = (!allowed).then(|| format!("the host's policy `{}` does not allow it", policy.name));
        self.uses(rule, complaint, || format!("{object} {}", what()));
    }

    /// Something is used that `rule` is about; `complaint` is why the host does not allow it, if it does not.
    pub(super) fn uses(&mut self, rule: Rule, complaint: Option<String>, what: impl FnOnce() -> String) {
        let power = rule.power();
        let granted = self.grounds.grants.has(self.object, power);
        if complaint.is_none() && granted {
            return;
        }
        let what = what();
        if let Some(complaint) = complaint {
            let detail = format!("{what}: {complaint}");
            self.refusals.push(Refusal { rule, by: Refuser::Host, detail });
        }
        if !granted {
            let detail = format!("{what}: the rules of trust do not give it the power `{}`", power.name());
            self.refusals.push(Refusal { rule, by: Refuser::Trust, detail });
        }
    }

    /// A container does something that the host allows or not.
    fn does(&mut self, rule: Rule, allowed: bool, container: &ContainerSpec, what: impl FnOnce() -> String) {
        self.object(rule, allowed, || format!("container {} {}", container.name, what()));
    }

    fn container(&mut self, container: &ContainerSpec, volumes: &[VolumeSpec], is_own: bool) {
        // What a container runs, is told and is probed by stays inside of it; less than all of the machine is no power.
        let ContainerSpec {
            name: _,
            image,
            pull: _,
            entrypoint: _,
            arguments: _,
            working_dir: _,
            env: _,
            ports,
            mounts,
            resources: _,
            readiness: _,
            liveness: _,
            startup: _,
            security,
            sidecar: _,
            hooks: _,
            terminal: _,
        } = container;
        // Writ's own program is of no registry, and its engine is given it by its digest.
        if !is_own {
            self.image(container, image);
        }
        self.powers(container, security);
        self.privileges(container, security);
        for port in ports {
            self.port(container, port);
        }
        for Mount { path: _, source, read_only: _ } in mounts {
            self.mount(container, source, volumes);
        }
    }

    /// What a pod is given as a whole.
    fn extras(&mut self, extras: &Extras) {
        // Bounded where they are read, and seen inside of the pod alone. Whoever is asked for names is asked by the pod, which
        // may ask anybody anyway.
        let Extras { hosts: _, dns: _, sysctls, limits: _, log: _, logins: _ } = extras;
        let (object, policy) = (self.object, self.grounds.policy);
        for name in sysctls.keys().filter(|name| !sysctl::SAFE.contains(&name.as_str())) {
            let allowed = policy.allows_sysctl(name);
            let complaint = (!allowed).then(|| format!("the host's policy `{}` does not allow it", policy.name));
            self.uses(Rule::Sysctl, complaint, || format!("{object} sets the kernel's parameter {}", quoted(name)));
        }
    }

    fn image(&mut self, container: &ContainerSpec, name: &str) {
        let policy = self.grounds.policy;
        // Where the host lists registries, an image of one of those takes no power to use any.
        let allowed = policy.allows_registry(name);
        if !allowed || policy.registries == Allowed::All {
            let what = || format!("runs image {} of {}", quoted(name), image::registry(name));
            self.does(Rule::ImageRegistry, allowed, container, what);
        }
        if !image::is_pinned(name) {
            let what = || format!("runs image {} without a digest (`NAME@sha256:…`)", quoted(name));
            self.does(Rule::PinnedImage, !policy.pinned_images, container, what);
        }
    }

    /// What a container asks for beyond what every container has.
    fn powers(&mut self, container: &ContainerSpec, security: &Security) {
        let policy = self.grounds.policy;
        let Security {
            run_as_user: _,
            run_as_group: _,
            run_as_non_root: _,
            // Groups open files that the container sees: its own, and paths of the host, which have a rule.
            supplemental_groups: _,
            read_only_root: _,
            privileged,
            allow_privilege_escalation: _,
            capabilities_add,
            capabilities_drop: _,
            host_namespaces,
        } = security;
        if *privileged {
            let what = || "asks for all powers of the host (privileged)".to_owned();
            self.does(Rule::NoPrivileged, policy.privileged, container, what);
        }
        for namespace in host_namespaces {
            let (rule, allowed) = match namespace.as_str() {
                "network" => (Rule::NoHostNetwork, policy.host_network),
                "pid" => (Rule::NoHostPid, policy.host_pid),
                "ipc" => (Rule::NoHostIpc, policy.host_ipc),
                _ => (Rule::NoHostNamespace, false),
            };
            self.does(rule, allowed, container, || format!("asks for the host's {namespace} namespace"));
        }
        for capability in capabilities_add {
            let plain = capability.to_ascii_uppercase();
            let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
            let what = || format!("asks for capability {}", quoted(capability));
            self.does(Rule::Capability, policy.capabilities.allows(plain), container, what);
        }
    }

    /// What a container has unless it gives it up.
    fn privileges(&mut self, container: &ContainerSpec, security: &Security) {
        let policy = self.grounds.policy;
        let drops_all = security.capabilities_drop.iter().any(|name| name.eq_ignore_ascii_case("all"));
        if !drops_all {
            let what = || "keeps the engine's capabilities (without `capabilities: {drop: [ALL]}`)".to_owned();
            self.does(Rule::DefaultCapabilities, policy.default_capabilities, container, what);
        }
        if security.allow_privilege_escalation != Some(false) {
            let what = || "may gain privileges (without `allowPrivilegeEscalation: false`)".to_owned();
            self.does(Rule::PrivilegeEscalation, policy.privilege_escalation, container, what);
        }
        // The target looks at the image's user, and refuses root, where `runAsNonRoot` alone is said.
        let is_other = security.run_as_user.map_or(security.run_as_non_root, |user| user != 0);
        if !is_other {
            let what = || "may run as root (without `runAsNonRoot: true` or a `runAsUser` other than 0)".to_owned();
            self.does(Rule::Root, policy.root, container, what);
        }
        if !security.read_only_root {
            let what = || "may write to its root file system (without `readOnlyRootFilesystem: true`)".to_owned();
            self.does(Rule::WritableRoot, policy.writable_root, container, what);
        }
    }

    fn port(&mut self, container: &ContainerSpec, port: &Port) {
        let policy = self.grounds.policy;
        let Port { name: _, container: _, protocol: _, publish } = port;
        let Some(publish) = publish else { return };
        let what = || match publish.port {
            Some(port) => format!("publishes port {port} of the host"),
            None => "publishes a port of the host that the engine chooses".to_owned(),
        };
        self.does(Rule::HostPort, policy.host_ports.allows(publish.port), container, what);
        let address = publish.address;
        if !address.is_loopback() {
            let what = || format!("asks for a port published on {address}");
            self.does(Rule::HostPortAddress, policy.host_addresses.allows(&address), container, what);
        }
    }

    fn mount(&mut self, container: &ContainerSpec, source: &MountSource, volumes: &[VolumeSpec]) {
        match source {
            MountSource::Host(path) => self.host_path(container, path),
            MountSource::Volume(name) => {
                let is_own = volumes.iter().any(|volume| volume.name == *name && volume.object == *self.object);
                let complaint = (!is_own || !is_volume_name(name)).then(|| NOT_ITS_OWN.to_owned());
                let object = self.object;
                let what = || format!("{object} container {} asks for volume {}", container.name, quoted(name));
                self.uses(Rule::OwnVolume, complaint, what);
            }
            // Contents are the manifest's own, and what is empty shows nothing.
            MountSource::Directory(_) | MountSource::File(_) | MountSource::Empty { name: _, memory: _, limit: _ } => {}
        }
    }

    /// A path must be allowed as it is written, and where it leads.
    fn host_path(&mut self, container: &ContainerSpec, path: &str) {
        let (policy, object) = (self.grounds.policy, self.object);
        let what = || format!("{object} container {} asks for the host's path {}", container.name, quoted(path));
        let seen = self.grounds.paths.of(path);
        let complaint = paths::refusal(path, policy).or_else(|| match &seen {
            Seen::At(found) => {
                let reason = paths::refusal(found, policy)?;
                Some(format!("it leads to {}: {reason}", quoted(found)))
            }
            Seen::Device(_) => None,
            Seen::Unknown(reason) => Some(format!("it could not be looked at: {reason}")),
        });
        if let (None, Seen::Device(found)) = (&complaint, &seen) {
            let complaint = format!("{} is a device, which no container may have", quoted(found));
            self.uses(Rule::Device, Some(complaint), what);
        }
        self.uses(Rule::HostPath, complaint, what);
    }
}
