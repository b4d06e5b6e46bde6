//! What a container may do to the machine: the container's own wishes over the pod's. The guard judges the result.

use super::Reader;
use crate::model::Security;
use crate::model::view::pod::{ContainerSecurity, PodFields, PodSecurity, Profile};

/// The security of the container at `pointer`.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    own: Option<&ContainerSecurity>,
    pod: &PodFields,
) -> Security {
    let (none, no_pod) = (ContainerSecurity::default(), PodSecurity::default());
    let own = own.unwrap_or(&none);
    let of_pod = pod.security_context.as_ref().unwrap_or(&no_pod);
    let pointer = format!("{pointer}/securityContext");
    profile(reader, &format!("{pointer}/seccompProfile"), own.seccomp_profile.as_ref());
    profile(reader, &format!("{pointer}/appArmorProfile"), own.app_armor_profile.as_ref());
    if own.proc_mount.as_deref().is_some_and(|mount| mount != "Default") {
        reader.error(&format!("{pointer}/procMount"), "procMount other than Default is not supported");
    }
    let (add, drop) = own.capabilities.as_ref().map_or((None, None), |set| (set.add.clone(), set.drop.clone()));
    let security = Security {
        run_as_user: own.run_as_user.or(of_pod.run_as_user),
        run_as_group: own.run_as_group.or(of_pod.run_as_group),
        run_as_non_root: own.run_as_non_root.or(of_pod.run_as_non_root).unwrap_or(false),
        supplemental_groups: of_pod.supplemental_groups.clone().unwrap_or_default(),
        read_only_root: own.read_only_root_filesystem.unwrap_or(false),
        privileged: own.privileged.unwrap_or(false),
        allow_privilege_escalation: own.allow_privilege_escalation,
        capabilities_add: add.unwrap_or_default(),
        capabilities_drop: drop.unwrap_or_default(),
        host_namespaces: host_namespaces(pod),
    };
    if security.run_as_non_root && security.run_as_user == Some(0) {
        reader.error(&pointer, "runAsNonRoot contradicts runAsUser 0");
    }
    security
}

/// Judges the parts of the pod's security context that are the same for all containers.
pub(super) fn check_pod(reader: &mut Reader<'_, '_>, pod: &PodFields) {
    let Some(security) = &pod.security_context else { return };
    let pointer = "/spec/template/spec/securityContext";
    profile(reader, &format!("{pointer}/seccompProfile"), security.seccomp_profile.as_ref());
    profile(reader, &format!("{pointer}/appArmorProfile"), security.app_armor_profile.as_ref());
}

/// The engine's default profile is all that there is; asking for it is asking for nothing.
fn profile(reader: &mut Reader<'_, '_>, pointer: &str, profile: Option<&Profile>) {
    let Some(kind) = profile.and_then(|profile| profile.kind.as_deref()) else { return };
    if kind != "RuntimeDefault" {
        reader.error_help(pointer, &format!("profile {kind} is not supported"), "use RuntimeDefault, or leave it out");
    }
}

fn host_namespaces(pod: &PodFields) -> Vec<String> {
    [("network", pod.host_network), ("pid", pod.host_pid), ("ipc", pod.host_ipc)]
        .into_iter()
        .filter(|(_, asked)| asked.unwrap_or(false))
        .map(|(name, _)| name.to_owned())
        .collect()
}
