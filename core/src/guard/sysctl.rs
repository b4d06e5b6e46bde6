//! Parameters of the kernel that a pod may set for itself alone, whatever a host says.

use crate::model::is_parameter;

/// Parameters that belong to a pod's own namespaces, and by which it can neither disturb another pod nor take memory or
/// processors beyond its limits. Source: the safe sysctls of the kubelet, version 1.32.
pub(super) const SAFE: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// True for what can be the name of a parameter of a pod's own namespaces, or, with `.*` at its end, of all below it.
pub(super) fn is_pattern(text: &str) -> bool {
    is_parameter(text.strip_suffix(".*").unwrap_or(text))
}

/// True if a parameter is what an entry of a policy names.
pub(super) fn is_of(name: &str, entry: &str) -> bool {
    match entry.strip_suffix('*').filter(|beginning| beginning.ends_with('.')) {
        Some(beginning) => name.len() > beginning.len() && name.starts_with(beginning),
        None => name == entry,
    }
}
