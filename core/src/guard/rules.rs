//! The rules, applied to one pod.

use super::{Policy, Refusal, Rule, paths};
use crate::model::{ContainerSpec, Mount, MountSource, PodSpec, Port, Security, VolumeSpec};
use crate::text::quoted;

/// What a pod may not do.
pub(super) fn judge(pod: &PodSpec, policy: &Policy) -> Vec<Refusal> {
    let PodSpec {
        name: _,
        object: _,
        index: _,
        revision: _,
        hostname: _,
        init,
        main,
        volumes,
        own_names: _,
        shared_names: _,
        publish_not_ready: _,
        fs_group: _,
        grace: _,
        min_ready: _,
        progress_deadline: _,
    } = pod;
    let mut judgement = Judgement { pod, policy, refusals: Vec::new() };
    for container in init.iter().chain([main]) {
        judgement.container(container, volumes);
    }
    judgement.refusals
}

struct Judgement<'a> {
    pod: &'a PodSpec,
    policy: &'a Policy,
    refusals: Vec<Refusal>,
}

impl Judgement<'_> {
    fn refuse(&mut self, rule: Rule, container: &ContainerSpec, asks: &str) {
        let detail = format!("{} container {} asks for {asks}", self.pod.object, container.name);
        self.refusals.push(Refusal { rule: rule.name(), detail });
    }

    fn container(&mut self, container: &ContainerSpec, volumes: &[VolumeSpec]) {
        let ContainerSpec {
            name: _,
            image: _,
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
        } = container;
        self.security(container, security);
        for Port { name: _, container: _, protocol: _, publish } in ports {
            let Some(publish) = publish else { continue };
            let address = publish.address;
            if !address.is_loopback() && !self.policy.host_addresses.contains(&address) {
                let asks = format!("a port published on {address}, which the host's policy does not allow");
                self.refuse(Rule::HostPortAddress, container, &asks);
            }
        }
        for Mount { path: _, source, read_only: _ } in mounts {
            self.mount(container, source, volumes);
        }
    }

    fn security(&mut self, container: &ContainerSpec, security: &Security) {
        // Which user a container is, and what it gives up, is its own affair at this profile.
        let Security {
            run_as_user: _,
            run_as_group: _,
            run_as_non_root: _,
            supplemental_groups: _,
            read_only_root: _,
            privileged,
            allow_privilege_escalation: _,
            capabilities_add,
            capabilities_drop: _,
            host_namespaces,
        } = security;
        if *privileged {
            self.refuse(Rule::NoPrivileged, container, "all powers of the host (privileged)");
        }
        for namespace in host_namespaces {
            let rule = match namespace.as_str() {
                "pid" => Rule::NoHostPid,
                "ipc" => Rule::NoHostIpc,
                _ => Rule::NoHostNetwork,
            };
            self.refuse(rule, container, &format!("the host's {namespace} namespace"));
        }
        for capability in capabilities_add {
            let plain = capability.to_ascii_uppercase();
            let plain = plain.strip_prefix("CAP_").unwrap_or(&plain);
            if !self.policy.capabilities.contains(plain) {
                self.refuse(Rule::Capability, container, &format!("capability {}", quoted(capability)));
            }
        }
    }

    fn mount(&mut self, container: &ContainerSpec, source: &MountSource, volumes: &[VolumeSpec]) {
        match source {
            MountSource::Host(path) => {
                let (allowed, protected) = (&self.policy.host_paths, &self.policy.protected_paths);
                if let Some(reason) = paths::refusal(path, allowed, protected) {
                    self.refuse(Rule::HostPath, container, &format!("the host's path {}: {reason}", quoted(path)));
                }
            }
            // An engine takes a volume whose name is a path for that path of the host.
            MountSource::Volume(name) => {
                let is_own = volumes.iter().any(|volume| volume.name == *name && volume.object == self.pod.object);
                if !is_own || !name.starts_with("voodu-") || name.contains(['/', '\\']) {
                    self.refuse(
                        Rule::OwnVolume,
                        container,
                        &format!("volume {}, which is not one of its claims", quoted(name)),
                    );
                }
            }
            MountSource::Directory(_) | MountSource::File(_) | MountSource::Empty { name: _, memory: _, limit: _ } => {}
        }
    }
}
