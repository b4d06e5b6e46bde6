//! Ports as Docker writes them: `5432`, `8080:80`, `0.0.0.0:8080:80`, `[::1]:53:53/udp`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::placed::Placed;
use super::scene::Scene;
use super::tree::{Form, Span, Value};
use crate::text::Place;

/// A port of a container, and how the host leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Port {
    container: u16,
    udp: bool,
    /// None for a bare port, which is published on the loopback address at a free port.
    host: Option<(IpAddr, u16)>,
}

/// The ports of a container.
#[derive(Default)]
pub(super) struct Ports(Vec<(Port, Place)>);

const HELP: &str = "write \"5432\", \"8080:80\" or \"0.0.0.0:8080:80\", with \"/udp\" at the end if it is not TCP";

/// Reads the list of ports.
pub(super) fn read(scene: &mut Scene<'_>, value: &Value) -> Ports {
    let mut ports = Ports::default();
    let mut container = BTreeSet::new();
    let mut host = BTreeSet::new();
    for item in scene.list("ports", value, "write `ports = [\"5432\"]`").unwrap_or_default() {
        let Some(port) = one(scene, item) else { continue };
        let is_new = match port.host {
            None => container.insert((port.container, port.udp)),
            Some((address, number)) => host.insert((address, number, port.udp)),
        };
        if is_new {
            let place = scene.place(&item.span);
            ports.0.push((port, place));
        } else {
            scene.refuse(&item.span, "this port is listed twice", "remove one of the two");
        }
    }
    ports
}

fn one(scene: &mut Scene<'_>, item: &Value) -> Option<Port> {
    let text = match &item.form {
        Form::Number(number) => number.clone(),
        Form::Text(_) => scene.string("ports", item)?,
        Form::Faulty | Form::Null | Form::Bool(_) | Form::List(_) | Form::Map(_) | Form::Call(..) => {
            scene.wrong_kind("ports", "a list of strings", item, HELP);
            return None;
        }
    };
    parse(scene, &text, &item.span)
}

fn parse(scene: &mut Scene<'_>, text: &str, span: &Span) -> Option<Port> {
    let (address, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let udp = match protocol {
        "tcp" => false,
        "udp" => true,
        _ => {
            scene.refuse(span, "the protocol of a port is `tcp` or `udp`", HELP);
            return None;
        }
    };
    if address.contains('-') {
        scene.refuse(span, "ranges of ports are not supported yet", "list each port");
        return None;
    }
    let port =
        split(address).and_then(|(host, container)| Some(Port { container: number(container)?, udp, host: host? }));
    if port.is_none() {
        let free = address.contains("::") && !address.starts_with('[');
        let help = if free {
            "a free port of the host is published on the loopback address alone: write \"5432\""
        } else {
            HELP
        };
        scene.refuse(span, "this is not a port", help);
    }
    port
}

type Host = Option<(IpAddr, u16)>;

/// The host's part, if there is one and whether it is sound, and the container's.
fn split(address: &str) -> Option<(Option<Host>, &str)> {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Some((before, container)) = address.rsplit_once(':') else {
        return Some((Some(None), address));
    };
    let Some((ip, host)) = before.rsplit_once(':') else {
        return Some((number(before).map(|host| Some((loopback, host))), container));
    };
    let ip = match ip.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse().ok().map(IpAddr::V6)?,
        None => ip.parse().ok().map(IpAddr::V4)?,
    };
    if host.is_empty() && ip == loopback {
        return Some((Some(None), container));
    }
    Some((number(host).map(|host| Some((ip, host))), container))
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|port| *port != 0)
}

impl Ports {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True if some port is to be published without a port of the host being named.
    pub(super) fn has_bare(&self) -> bool {
        self.0.iter().any(|(port, _)| port.host.is_none())
    }

    /// True if some port takes a port of the host, which no two pods can share.
    pub(super) fn has_fixed(&self) -> bool {
        self.0.iter().any(|(port, _)| port.host.is_some())
    }

    /// The first one over TCP.
    pub(super) fn first(&self) -> Option<u16> {
        self.0.iter().find(|(port, _)| !port.udp).map(|(port, _)| port.container)
    }

    /// `ports` of the container.
    pub(super) fn of_container(&self) -> Placed {
        Placed::list(self.0.iter().map(|(port, place)| {
            let Port { container, udp, host } = port;
            let mut placed = Placed::at(serde_json::Map::new(), place.clone())
                .plain("containerPort", *container)
                .plain("protocol", protocol(*udp));
            if let Some((address, number)) = host {
                placed = placed.plain("hostIP", address.to_string()).plain("hostPort", *number);
            }
            placed
        }))
    }

    /// `ports` of the Service: each port of the container once.
    pub(super) fn of_service(&self) -> Placed {
        let mut seen = BTreeSet::new();
        let once = self.0.iter().filter(|(port, _)| seen.insert((port.container, port.udp)));
        Placed::list(once.map(|(port, place)| {
            let Port { container, udp, host: _ } = port;
            Placed::at(serde_json::Map::new(), place.clone())
                .plain("name", format!("{}-{container}", protocol(*udp).to_ascii_lowercase()))
                .plain("port", *container)
                .plain("targetPort", *container)
                .plain("protocol", protocol(*udp))
        }))
    }
}

const fn protocol(udp: bool) -> &'static str {
    if udp { "UDP" } else { "TCP" }
}
