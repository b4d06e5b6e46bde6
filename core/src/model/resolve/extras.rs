//! Names, limits, logs, logins and parameters of a pod.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Reader, dns, logins, sysctls};
use crate::model::extras::{read_limits, read_log};
use crate::model::view::pod::{HostAlias, PodFields};
use crate::model::{Extras, annotation};
use crate::text::quoted;

/// What the pod template says of them.
pub(super) fn read(reader: &mut Reader<'_, '_>, pod: &PodFields, annotations: &BTreeMap<String, String>) -> Extras {
    let mut extras = Extras {
        logins: logins::read(reader, pod),
        dns: dns::read(reader, pod),
        sysctls: sysctls::read(reader, pod),
        ..Extras::default()
    };
    for (at, HostAlias { ip, hostnames }) in pod.host_aliases.iter().flatten().enumerate() {
        let pointer = format!("/spec/template/spec/hostAliases/{at}");
        let Ok(address) = ip.parse::<IpAddr>() else {
            reader.error(&format!("{pointer}/ip"), &format!("{} is no address", quoted(ip)));
            continue;
        };
        for name in hostnames.iter().flatten() {
            if is_host_name(name) {
                extras.hosts.push((name.clone(), address));
            } else {
                reader.error(&format!("{pointer}/hostnames"), &format!("{} is no name of a host", quoted(name)));
            }
        }
    }
    let mut wrong = |name: &str, why: String| {
        let pointer = "/spec/template/metadata/annotations";
        reader.error(pointer, &format!("annotation {name}: {why}"));
    };
    if let Some(written) = annotations.get(annotation::LIMITS) {
        match read_limits(written) {
            Ok(limits) => extras.limits = limits,
            Err(why) => wrong(annotation::LIMITS, why),
        }
    }
    if let Some(written) = annotations.get(annotation::LOG) {
        match read_log(written) {
            Ok(log) => extras.log = Some(log),
            Err(why) => wrong(annotation::LOG, why),
        }
    }
    extras
}

/// A name as resolvers look for it. Source: RFC 1123, section 2.1.
pub(super) fn is_host_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-');
    name.len() <= 253 && name.split('.').all(is_label)
}
