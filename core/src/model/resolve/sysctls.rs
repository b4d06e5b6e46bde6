//! Parameters of the kernel that a pod sets for its own namespaces. The guard judges which ones.

use std::collections::BTreeMap;

use super::Reader;
use crate::model::view::pod::{PodFields, Sysctl};
use crate::text::quoted;

/// What Linux has once for each namespace of the network. Source: the kubelet.
const OF_NETWORK: [&str; 1] = ["net."];
/// What Linux has once for each namespace of what processes send each other. Source: the kubelet.
const OF_IPC: [&str; 3] = ["kernel.shm", "kernel.msg", "fs.mqueue."];
/// The same, by whole names.
const OF_IPC_WHOLE: [&str; 1] = ["kernel.sem"];

/// Longest name of a parameter, in bytes. Source: the API of Kubernetes.
const NAME_BYTES_MAX: usize = 253;

/// What the pod template says of them.
pub(super) fn read(reader: &mut Reader<'_, '_>, pod: &PodFields) -> BTreeMap<String, String> {
    let mut sysctls = BTreeMap::new();
    let written = pod.security_context.as_ref().and_then(|security| security.sysctls.as_ref());
    for (at, Sysctl { name, value }) in written.into_iter().flatten().enumerate() {
        let pointer = format!("/spec/template/spec/securityContext/sysctls/{at}/name");
        let of_network = OF_NETWORK.iter().any(|beginning| name.starts_with(beginning));
        let of_ipc =
            OF_IPC.iter().any(|beginning| name.starts_with(beginning)) || OF_IPC_WHOLE.contains(&name.as_str());
        if name.len() > NAME_BYTES_MAX || !is_parameter(name) {
            let help = "write it in lower case and with dots, as net.core.somaxconn";
            reader.error_help(&pointer, &format!("{} is no parameter of the kernel", quoted(name)), help);
        } else if !of_network && !of_ipc {
            let message = format!("the kernel's parameter {} is the same for the whole host", quoted(name));
            reader.error_help(&pointer, &message, "set it on the host");
        } else if of_network && pod.host_network == Some(true) || of_ipc && pod.host_ipc == Some(true) {
            let message = format!(
                "the kernel's parameter {} would be set for the host, whose namespace the pod has",
                quoted(name)
            );
            reader.error_help(&pointer, &message, "set it on the host");
        } else if sysctls.insert(name.clone(), value.clone()).is_some() {
            reader.error(&pointer, &format!("the kernel's parameter {} is set twice", quoted(name)));
        }
    }
    sysctls
}

/// True for words with dots in between, as parameters of the kernel are named.
pub(crate) fn is_parameter(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    name.split('.').all(|part| !part.is_empty() && part.bytes().all(inner))
}
