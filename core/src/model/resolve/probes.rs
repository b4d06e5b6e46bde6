//! Probes with their defaults. Source: Probe of the Kubernetes Container.

use super::Reader;
use crate::model::view::IntOrString;
use crate::model::view::pod::{Grpc, HttpGet, Probe as Raw, TcpSocket};
use crate::model::{Port, Probe, ProbeAction};
use crate::time::Seconds;

/// Time between tries.
const PERIOD_SECONDS: u32 = 10;
/// Time for one try.
const TIMEOUT_SECONDS: u32 = 1;
/// Failures in a row that make it fail.
const FAILURES: u32 = 3;

/// The probe at `pointer`. `once` says that one success is enough and no other number is allowed.
pub(super) fn read(
    reader: &mut Reader<'_, '_>,
    pointer: &str,
    raw: Option<&Raw>,
    ports: &[Port],
    once: bool,
) -> Option<Probe> {
    let raw = raw?;
    let action = match (&raw.exec, &raw.http_get, &raw.tcp_socket, &raw.grpc) {
        (Some(exec), None, None, None) => {
            let command = exec.command.clone().unwrap_or_default();
            if command.is_empty() {
                reader.error(&format!("{pointer}/exec"), "the command is empty");
                return None;
            }
            ProbeAction::Exec(command)
        }
        (None, Some(get), None, None) => http(reader, &format!("{pointer}/httpGet"), get, ports)?,
        (None, None, None, Some(Grpc { port: number, service })) => {
            let pointer = format!("{pointer}/grpc/port");
            let port = port(reader, &pointer, &IntOrString::Int(*number), ports)?;
            ProbeAction::Grpc { port, service: service.clone().unwrap_or_default() }
        }
        (None, None, Some(TcpSocket { port: number, host }), None) => {
            let pointer = format!("{pointer}/tcpSocket");
            no_host(reader, &pointer, host.as_deref());
            ProbeAction::Tcp { port: port(reader, &format!("{pointer}/port"), number, ports)? }
        }
        _ => {
            reader.error(pointer, "a probe needs one of exec, httpGet, tcpSocket and grpc");
            return None;
        }
    };
    let grace = raw.termination_grace_period_seconds;
    if grace.is_some() && pointer.ends_with("/readinessProbe") {
        let message = "a readinessProbe restarts nothing, so it has no terminationGracePeriodSeconds";
        reader.error_help(&format!("{pointer}/terminationGracePeriodSeconds"), message, "leave it out");
    }
    let mut number = |written: Option<i64>, field: &str, default: u32, least: u32, most: u32| {
        // As on Kubernetes, 0 stands for the default.
        let written = written.filter(|written| *written != 0);
        reader.number(written, &format!("{pointer}/{field}"), default, least, most)
    };
    Some(Probe {
        action,
        initial_delay: Seconds(number(raw.initial_delay_seconds, "initialDelaySeconds", 0, 0, u32::MAX)),
        period: Seconds(number(raw.period_seconds, "periodSeconds", PERIOD_SECONDS, 1, u32::MAX)),
        timeout: Seconds(number(raw.timeout_seconds, "timeoutSeconds", TIMEOUT_SECONDS, 1, u32::MAX)),
        success_threshold: number(raw.success_threshold, "successThreshold", 1, 1, if once { 1 } else { u32::MAX }),
        failure_threshold: number(raw.failure_threshold, "failureThreshold", FAILURES, 1, u32::MAX),
        grace: grace.map(|_| Seconds(number(grace, "terminationGracePeriodSeconds", 1, 1, u32::MAX))),
    })
}

pub(super) fn http(reader: &mut Reader<'_, '_>, pointer: &str, get: &HttpGet, ports: &[Port]) -> Option<ProbeAction> {
    let HttpGet { path, port: number, scheme, host, http_headers } = get;
    no_host(reader, pointer, host.as_deref());
    let tls = match scheme.as_deref() {
        None | Some("" | "HTTP") => false,
        Some("HTTPS") => true,
        Some(_) => {
            reader.error(&format!("{pointer}/scheme"), "the scheme must be HTTP or HTTPS");
            false
        }
    };
    let path = path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
    let headers = http_headers.iter().flatten();
    Some(ProbeAction::Http {
        path: if path.starts_with('/') { path.to_owned() } else { format!("/{path}") },
        port: port(reader, &format!("{pointer}/port"), number, ports)?,
        tls,
        headers: headers.map(|header| (header.name.clone(), header.value.clone().unwrap_or_default())).collect(),
    })
}

/// A probe goes to its own pod. Another host would make the agent a way into networks that the pod cannot reach.
fn no_host(reader: &mut Reader<'_, '_>, pointer: &str, host: Option<&str>) {
    if host.is_some_and(|host| !host.is_empty()) {
        reader.error_help(&format!("{pointer}/host"), "a probe of another host is not supported", "leave host out");
    }
}

fn port(reader: &mut Reader<'_, '_>, pointer: &str, written: &IntOrString, ports: &[Port]) -> Option<u16> {
    match written {
        IntOrString::Int(number) => {
            let found = u16::try_from(*number).ok().filter(|port| *port > 0);
            if found.is_none() {
                reader.error(pointer, &format!("{number} is no port"));
            }
            found
        }
        IntOrString::Text(name) => {
            let found = ports.iter().find(|port| port.name.as_ref() == Some(name)).map(|port| port.container);
            if found.is_none() {
                reader.error(pointer, &format!("the container has no port named `{name}`"));
            }
            found
        }
    }
}
