//! Whom a pod asks for names. The engine's own DNS answers those of Services; what is said here is for all others.

use std::net::IpAddr;

use super::Reader;
use super::extras::is_host_name;
use crate::model::Dns;
use crate::model::view::pod::{DnsConfig, DnsOption, PodFields};
use crate::text::quoted;

const POD: &str = "/spec/template/spec";
/// Most servers that resolvers ask. Source: `resolv.conf(5)`, as Kubernetes checks it.
const SERVERS_MAX: usize = 3;
/// Most names that are put behind short ones. Source: Kubernetes.
const SEARCHES_MAX: usize = 32;
/// Stands for no name at all behind short ones.
const NOTHING: &str = ".";

/// What the pod template says of it.
pub(super) fn read(reader: &mut Reader<'_, '_>, pod: &PodFields) -> Dns {
    let none = DnsConfig::default();
    let DnsConfig { nameservers, searches, options } = pod.dns_config.as_ref().unwrap_or(&none);
    let mut dns = Dns::default();
    let pointer = format!("{POD}/dnsConfig");
    for (at, server) in nameservers.iter().flatten().enumerate() {
        match server.parse::<IpAddr>() {
            Ok(address) => dns.nameservers.push(address),
            Err(_) => {
                let message = format!("{} is no address of a server", quoted(server));
                reader.error(&format!("{pointer}/nameservers/{at}"), &message);
            }
        }
    }
    for (at, name) in searches.iter().flatten().enumerate() {
        if name == NOTHING || is_host_name(name.strip_suffix('.').unwrap_or(name)) {
            dns.searches.push(name.clone());
        } else {
            reader.error(&format!("{pointer}/searches/{at}"), &format!("{} is no name", quoted(name)));
        }
    }
    for (at, DnsOption { name, value }) in options.iter().flatten().enumerate() {
        let option = match (name.as_deref().unwrap_or_default(), value.as_deref()) {
            (name, None | Some("")) => name.to_owned(),
            (name, Some(value)) => format!("{name}:{value}"),
        };
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':');
        if !option.starts_with(':') && !option.is_empty() && option.bytes().all(is_word) {
            dns.options.push(option);
        } else {
            let message = format!("{} is no option of a resolver", quoted(&option));
            reader.error(&format!("{pointer}/options/{at}"), &message);
        }
    }
    for (list, count, most) in
        [("nameservers", dns.nameservers.len(), SERVERS_MAX), ("searches", dns.searches.len(), SEARCHES_MAX)]
    {
        if count > most {
            reader.error(&format!("{pointer}/{list}"), &format!("{count} {list} are more than {most}"));
        }
    }
    policy(reader, pod, &mut dns);
    dns
}

fn policy(reader: &mut Reader<'_, '_>, pod: &PodFields, dns: &mut Dns) {
    const LEAD_ON: &str = "names of Services lead to their pods all the same: the engine's own DNS answers first";
    let pointer = format!("{POD}/dnsPolicy");
    let on_host = pod.host_network == Some(true);
    match pod.dns_policy.as_deref() {
        None | Some("" | "ClusterFirst") => {}
        // Source: Kubernetes, where it differs from the one before for pods in the host's network alone.
        Some("ClusterFirstWithHostNet") if !on_host => {}
        Some("ClusterFirstWithHostNet") => {
            let message = "a pod in the host's network does not ask the engine's own DNS, which alone knows Services";
            reader.error_help(&pointer, message, "leave it out, or leave out `hostNetwork`");
        }
        Some("Default") if on_host => {}
        Some("Default") => reader.note(&pointer, LEAD_ON),
        Some("None") => {
            if dns.nameservers.is_empty() {
                let help = "write `dnsConfig` with `nameservers`, or leave out `dnsPolicy`";
                reader.error_help(&pointer, "with the policy None somebody must be named who is asked", help);
            }
            if dns.searches.is_empty() {
                dns.searches.push(NOTHING.to_owned());
            }
            if !on_host {
                reader.note(&pointer, LEAD_ON);
            }
        }
        Some(other) => {
            let help = "use ClusterFirst, ClusterFirstWithHostNet, Default or None";
            reader.error_help(&pointer, &format!("{} is no DNS policy", quoted(other)), help);
        }
    }
}
