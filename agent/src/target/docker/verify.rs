//! Reads a container back before it is started: it must be able to do to the machine what was asked, and no more.

use std::collections::BTreeSet;

use bollard::models::{ContainerCreateBody, ContainerInspectResponse, HostConfig, MountType};

/// The engine's word for a volume among the mounts of a container.
const VOLUME: &str = "volume";

/// What is different between a request and the container that the engine made of it; none if nothing is.
pub(super) fn difference(asked: &ContainerCreateBody, found: &ContainerInspectResponse) -> Option<String> {
    let empty = HostConfig::default();
    let (want, have) = (asked.host_config.as_ref().unwrap_or(&empty), found.host_config.as_ref().unwrap_or(&empty));
    let flags = [
        ("privileged", want.privileged, have.privileged),
        ("read-only root", want.readonly_rootfs, have.readonly_rootfs),
        ("publishing of all ports", want.publish_all_ports, have.publish_all_ports),
    ];
    for (name, want, have) in flags {
        if want.unwrap_or(false) != have.unwrap_or(false) {
            return Some(format!("{name} is {}", have.unwrap_or(false)));
        }
    }
    let namespaces = [
        ("network", &want.network_mode, &have.network_mode),
        ("pid", &want.pid_mode, &have.pid_mode),
        ("ipc", &want.ipc_mode, &have.ipc_mode),
        ("uts", &want.uts_mode, &have.uts_mode),
        ("user", &want.userns_mode, &have.userns_mode),
    ];
    for (name, want, have) in namespaces {
        let reaches_out = |mode: &Option<String>| {
            mode.as_deref().is_some_and(|mode| mode == "host" || mode.starts_with("container:"))
        };
        if reaches_out(have) && want != have {
            return Some(format!("it has the {name} namespace {}", have.as_deref().unwrap_or_default()));
        }
    }
    if want.network_mode != have.network_mode {
        return Some(format!("its network is {}", have.network_mode.as_deref().unwrap_or("unset")));
    }
    let more = capabilities(have).difference(&capabilities(want)).cloned().collect::<Vec<_>>();
    if !more.is_empty() {
        return Some(format!("it has the capabilities {}", more.join(", ")));
    }
    if have.devices.as_ref().is_some_and(|devices| !devices.is_empty()) {
        return Some("it has devices of the host".to_owned());
    }
    let protected =
        |host: &HostConfig| host.security_opt.iter().flatten().any(|option| option.starts_with("no-new-privileges"));
    if protected(want) && !protected(have) {
        return Some("its programs may gain privileges".to_owned());
    }
    mounts(want, found)
}

fn capabilities(host: &HostConfig) -> BTreeSet<String> {
    let plain = |name: &String| name.to_ascii_uppercase().trim_start_matches("CAP_").to_owned();
    host.cap_add.iter().flatten().map(plain).collect()
}

/// Every mount that was asked for is there as asked, and nothing of the host beyond.
fn mounts(want: &HostConfig, found: &ContainerInspectResponse) -> Option<String> {
    let mut left: Vec<_> = found.mounts.iter().flatten().collect();
    for mount in want.mounts.iter().flatten() {
        let target = mount.target.as_deref().unwrap_or_default();
        let at = left.iter().position(|have| have.destination.as_deref() == Some(target));
        let Some(have) = at.map(|at| left.remove(at)) else {
            // Memory is not listed among the mounts of a container that does not run.
            if mount.typ == Some(MountType::TMPFS) {
                continue;
            }
            return Some(format!("nothing is mounted at {target}"));
        };
        let source = if mount.typ == Some(MountType::BIND) { &have.source } else { &have.name };
        if mount.typ != Some(MountType::TMPFS) && *source != mount.source {
            return Some(format!("{} is mounted at {target}", source.as_deref().unwrap_or("something else")));
        }
        if mount.read_only.unwrap_or(false) && have.rw.unwrap_or(true) {
            return Some(format!("{target} can be written to"));
        }
    }
    // What is left comes from the image: volumes of its own, which live and die with the container.
    left.iter()
        .find(|have| have.typ.as_deref() != Some(VOLUME))
        .map(|have| format!("{} of the host is mounted", have.source.as_deref().unwrap_or("something")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::{Mount, MountPoint};

    fn check(change: impl FnOnce(&mut ContainerInspectResponse), expected: Option<&str>) {
        let bind = Mount {
            target: Some("/etc/app".to_owned()),
            source: Some("/state/files/ab".to_owned()),
            typ: Some(MountType::BIND),
            read_only: Some(true),
            ..Mount::default()
        };
        let host =
            HostConfig { network_mode: Some("voodu0".to_owned()), mounts: Some(vec![bind]), ..HostConfig::default() };
        let asked = ContainerCreateBody { host_config: Some(host.clone()), ..ContainerCreateBody::default() };
        let mounted = MountPoint {
            typ: Some("bind".to_owned()),
            source: Some("/state/files/ab".to_owned()),
            destination: Some("/etc/app".to_owned()),
            rw: Some(false),
            ..MountPoint::default()
        };
        let mut found = ContainerInspectResponse {
            host_config: Some(host),
            mounts: Some(vec![mounted]),
            ..ContainerInspectResponse::default()
        };
        change(&mut found);
        assert_eq!(difference(&asked, &found).as_deref(), expected);
    }

    fn host(found: &mut ContainerInspectResponse) -> &mut HostConfig {
        found.host_config.as_mut().unwrap()
    }

    #[test]
    fn a_container_as_asked_for_has_no_difference() {
        check(|_| (), None);
        check(|found| host(found).ipc_mode = Some("private".to_owned()), None);
        let of_image =
            MountPoint { typ: Some(VOLUME.to_owned()), destination: Some("/data".to_owned()), ..MountPoint::default() };
        check(|found| found.mounts.as_mut().unwrap().push(of_image), None);
    }

    #[test]
    fn a_container_that_can_do_more_than_asked_for_is_told() {
        check(|found| host(found).privileged = Some(true), Some("privileged is true"));
        check(|found| host(found).pid_mode = Some("host".to_owned()), Some("it has the pid namespace host"));
        check(|found| host(found).network_mode = Some("bridge".to_owned()), Some("its network is bridge"));
        check(
            |found| host(found).cap_add = Some(vec!["CAP_SYS_ADMIN".to_owned()]),
            Some("it has the capabilities SYS_ADMIN"),
        );
        check(|found| found.mounts = None, Some("nothing is mounted at /etc/app"));
        check(|found| found.mounts.as_mut().unwrap()[0].rw = Some(true), Some("/etc/app can be written to"));
        let socket = MountPoint {
            typ: Some("bind".to_owned()),
            source: Some("/run/docker.sock".to_owned()),
            destination: Some("/run/docker.sock".to_owned()),
            ..MountPoint::default()
        };
        check(|found| found.mounts.as_mut().unwrap().push(socket), Some("/run/docker.sock of the host is mounted"));
    }
}
