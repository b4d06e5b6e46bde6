//! Ports of a service, in the short and in the long form.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;

use serde_json::{Value, json};

use super::scene::{Scene, unknown};
use crate::dialect::yaml::{Content, Node};
use crate::text::quoted;

/// The ports of a container, in order.
#[derive(Debug, Default)]
pub(super) struct Ports(BTreeSet<Port>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    container: u16,
    udp: bool,
    host: Option<u16>,
    address: Option<IpAddr>,
}

/// Most ports that one entry may name: each becomes a rule of the host's.
const RANGE_MAX: u16 = 100;

const HELP: &str = "write it as \"8080:80\", \"127.0.0.1:8080:80\" or \"53:53/udp\"";

/// Reads `ports` and `expose`.
pub(super) fn read(scene: &mut Scene<'_>, service: &Node<'_>) -> Ports {
    let mut ports = Ports::default();
    for key in ["expose", "ports"] {
        let Some(list) = service.get(key) else { continue };
        let Content::List(items) = &list.content else {
            scene.wrong(key, "a list", list);
            continue;
        };
        for item in items {
            let found = if let Content::Map(_) = item.content {
                long(scene, item).map(|port| vec![port])
            } else {
                scene.text(key, item).and_then(|text| short(scene, &text, &item.range))
            };
            let fresh = found.into_iter().flatten();
            if key == "expose" {
                ports.0.extend(fresh.map(|port| Port { host: None, address: None, ..port }));
            } else {
                ports.publish(fresh, scene, &item.label());
            }
        }
    }
    ports
}

impl Ports {
    fn publish(&mut self, fresh: impl Iterator<Item = Port>, scene: &mut Scene<'_>, at: &Range<usize>) {
        for port in fresh {
            if port.host.is_none() {
                let message = format!("port {} is not published at a free port of the host", port.container);
                scene.remark(at, message, "name a port of the host, as in \"8080:80\", if somebody needs it");
            }
            let bare = Port { host: None, address: None, ..port };
            self.0.remove(&bare);
            let there = self.0.iter().any(|other| (other.container, other.udp) == (port.container, port.udp));
            if !there || port.host.is_some() {
                self.0.insert(port);
            }
        }
    }

    pub(super) fn has_fixed(&self) -> bool {
        self.0.iter().any(|port| port.host.is_some())
    }

    /// `ports` of the container.
    pub(super) fn of_container(&self) -> Vec<Value> {
        let all = self.0.iter().map(|port| {
            let Port { container, udp, host, address } = port;
            let mut value = json!({"containerPort": container, "protocol": protocol(*udp)});
            if let (Some(host), Some(map)) = (host, value.as_object_mut()) {
                map.insert("hostPort".to_owned(), json!(host));
                if let Some(address) = address {
                    map.insert("hostIP".to_owned(), json!(address.to_string()));
                }
            }
            value
        });
        all.collect()
    }

    /// `ports` of the Service: each port of the container once.
    pub(super) fn of_service(&self) -> Vec<Value> {
        let once: BTreeSet<(u16, bool)> = self.0.iter().map(|port| (port.container, port.udp)).collect();
        let all = once.into_iter().map(|(port, udp)| {
            let name = format!("{}-{port}", protocol(udp).to_ascii_lowercase());
            json!({"name": name, "port": port, "targetPort": port, "protocol": protocol(udp)})
        });
        all.collect()
    }
}

const fn protocol(udp: bool) -> &'static str {
    if udp { "UDP" } else { "TCP" }
}

/// `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`, where both may be ranges of the same length.
fn short(scene: &mut Scene<'_>, text: &str, at: &Range<usize>) -> Option<Vec<Port>> {
    let (rest, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let (before, container) = rest.rsplit_once(':').map_or((None, rest), |(before, port)| (Some(before), port));
    let (address, host) = match before {
        None => (None, None),
        Some(before) => match before.rsplit_once(':') {
            Some((address, host)) => (Some(address.trim_start_matches('[').trim_end_matches(']')), Some(host)),
            None => (None, Some(before)),
        },
    };
    let ports = (|| {
        let udp = udp(protocol)?;
        let address = match address {
            Some(address) => Some(address.parse::<IpAddr>().ok()?),
            None => None,
        };
        let container = range(container)?;
        let host = match host.filter(|host| !host.is_empty()) {
            Some(host) => Some(range(host)?),
            None => None,
        };
        if host.as_ref().is_some_and(|host| host.len() != container.len()) {
            return None;
        }
        let host = |index: usize| host.as_ref().and_then(|host| host.get(index).copied());
        let ports = container.iter().enumerate();
        Some(ports.map(|(index, port)| Port { container: *port, udp, host: host(index), address }).collect())
    })();
    if ports.is_none() {
        scene.error(at, format!("{} is no port", quoted(text)), HELP);
    }
    ports
}

fn udp(protocol: &str) -> Option<bool> {
    match protocol {
        "tcp" => Some(false),
        "udp" => Some(true),
        _ => None,
    }
}

fn range(text: &str) -> Option<Vec<u16>> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    (first <= last && last - first < RANGE_MAX).then(|| (first..=last).collect())
}

fn long(scene: &mut Scene<'_>, item: &Node<'_>) -> Option<Port> {
    for entry in unknown(item, &["target", "published", "host_ip", "protocol", "mode", "name", "app_protocol"]) {
        scene.error(&entry.range, format!("`{}` of a port is not known", entry.name), HELP);
    }
    let mut text = |name: &str| item.get(name).and_then(|node| scene.text(name, node));
    let (target, published) = (text("target"), text("published"));
    let (address, protocol) = (text("host_ip"), text("protocol"));
    let port = (|| {
        let container = target.as_deref()?.parse::<u16>().ok().filter(|port| *port > 0)?;
        let number = |text: &String| text.parse::<u16>().ok();
        let host = match published.as_ref().filter(|text| !text.is_empty()) {
            Some(text) => Some(number(text)?),
            None => None,
        };
        let address = match address.as_deref() {
            Some(address) => Some(address.parse().ok()?),
            None => None,
        };
        Some(Port { container, udp: udp(protocol.as_deref().unwrap_or("tcp"))?, host, address })
    })();
    if port.is_none() {
        scene.error(&item.label(), "this is no port", "say `target`, and `published` if the host has one for it");
    }
    port
}
