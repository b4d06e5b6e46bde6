//! Checks of a running container.

use super::fields::{Fields, Shape, section};
use super::placed::Placed;
use super::scene::Scene;
use super::tree::{Content, Entry, Form, Span, Value};

const PROBES: Shape =
    Shape { what: "`probes`", once: &["liveness", "readiness", "startup"], repeated: &[], refused: &[] };

const PROBE: Shape = Shape {
    what: "a probe",
    once: &[
        "exec",
        "http_get",
        "tcp_socket",
        "initial_delay",
        "initial_delay_seconds",
        "period",
        "period_seconds",
        "timeout",
        "timeout_seconds",
        "success_threshold",
        "failure_threshold",
    ],
    repeated: &[],
    refused: &[("grpc", "use `tcp_socket`, or `exec` with a program that asks")],
};

const EXEC: Shape = Shape { what: "`exec`", once: &["command"], repeated: &[], refused: &[] };
const TCP: Shape = Shape {
    what: "`tcp_socket`",
    once: &["port"],
    repeated: &[],
    refused: &[("host", "a probe asks the pod itself: leave it out")],
};
const HTTP: Shape = Shape {
    what: "`http_get`",
    once: &["path", "port", "scheme", "headers"],
    repeated: &[],
    refused: &[("host", "a probe asks the pod itself: leave it out, or set the header `Host` in `headers`")],
};

/// Longest time that a probe may name, in seconds: a day.
const SECONDS_MAX: u32 = 86_400;

/// Reads `probes` and adds each to the container.
pub(super) fn read(scene: &mut Scene<'_>, entry: &Entry, container: &mut Placed) {
    let Some((entries, _)) = section(scene, entry) else { return };
    let fields = Fields::read(scene, &PROBES, entries);
    for (name, key) in [("liveness", "livenessProbe"), ("readiness", "readinessProbe"), ("startup", "startupProbe")] {
        if let Some(entry) = fields.entry(name)
            && let Some(placed) = probe(scene, entry)
        {
            container.set(key, placed);
        }
    }
}

fn probe(scene: &mut Scene<'_>, entry: &Entry) -> Option<Placed> {
    let name = entry.name.text.as_str();
    let (entries, span) = section(scene, entry)?;
    let fields = Fields::read(scene, &PROBE, entries);
    let mut placed = Placed::at(serde_json::Map::new(), scene.place(&span));
    let actions: Vec<&Entry> =
        ["exec", "http_get", "tcp_socket"].into_iter().filter_map(|action| fields.entry(action)).collect();
    let [action] = actions.as_slice() else {
        let message = if actions.is_empty() { "does not say what to try" } else { "tries more than one thing" };
        scene.refuse(&span, format!("`{name}` {message}"), "give it one of `exec`, `http_get` and `tcp_socket`");
        return None;
    };
    let (key, tried) = match action.name.text.as_str() {
        "exec" => ("exec", exec(scene, action)),
        "http_get" => ("httpGet", http(scene, action)),
        _ => ("tcpSocket", tcp(scene, action)),
    };
    if let Some(tried) = tried {
        placed.set(key, tried);
    }
    for (short, long, key, lowest) in [
        ("initial_delay", "initial_delay_seconds", "initialDelaySeconds", 0),
        ("period", "period_seconds", "periodSeconds", 1),
        ("timeout", "timeout_seconds", "timeoutSeconds", 1),
    ] {
        if let Some(seconds) = duration(scene, &fields, short, long, lowest) {
            placed.set(key, seconds);
        }
    }
    // A probe that only failures can change is judged by its last success alone: Kubernetes refuses anything else.
    let successes_max = if name == "readiness" { SECONDS_MAX } else { 1 };
    for (field, key, highest) in [
        ("success_threshold", "successThreshold", successes_max),
        ("failure_threshold", "failureThreshold", SECONDS_MAX),
    ] {
        if let Some((word, value)) = fields.value(scene, field)
            && let Some(number) = scene.integer(field, value, 1, highest)
        {
            placed.set(key, Placed::at(number, scene.place(&word.span)));
        }
    }
    Some(placed)
}

pub(super) fn duration(
    scene: &mut Scene<'_>,
    fields: &Fields<'_>,
    short: &str,
    long: &str,
    lowest: u32,
) -> Option<Placed> {
    let (seconds, span) = time(scene, fields, short, long, (lowest, SECONDS_MAX))?;
    Some(Placed::at(seconds, scene.place(&span)))
}

/// Seconds by one of two names, and where they were written.
pub(super) fn time(
    scene: &mut Scene<'_>,
    fields: &Fields<'_>,
    short: &str,
    long: &str,
    (lowest, highest): (u32, u32),
) -> Option<(u32, Span)> {
    let by_seconds = fields.value(scene, long);
    if let Some((word, value)) = fields.value(scene, short) {
        if by_seconds.is_some() {
            scene.refuse(&word.span, format!("`{short}` and `{long}` mean the same"), "remove one of the two");
            return None;
        }
        let seconds = match &value.form {
            Form::Text(_) => seconds(&scene.string(short, value)?),
            Form::Number(text) => text.parse().ok(),
            Form::Faulty => return None,
            Form::Null | Form::Bool(_) | Form::List(_) | Form::Map(_) | Form::Call(..) => None,
        };
        let Some(seconds) = seconds.filter(|seconds| (lowest..=highest).contains(seconds)) else {
            scene.refuse(
                &value.span,
                format!("`{short}` must be a time in whole seconds from {lowest} to {highest}"),
                "write it as in \"10s\" or \"2m\"",
            );
            return None;
        };
        return Some((seconds, value.span.clone()));
    }
    let (_, value) = by_seconds?;
    let seconds = scene.integer(long, value, lowest, highest)?;
    Some((seconds, value.span.clone()))
}

fn seconds(text: &str) -> Option<u32> {
    let (digits, factor) = match text.strip_suffix('s') {
        Some(digits) => (digits, 1),
        None => match text.strip_suffix('m') {
            Some(digits) => (digits, 60),
            None => (text.strip_suffix('h')?, 3_600),
        },
    };
    digits.parse::<u32>().ok()?.checked_mul(factor)
}

/// `exec { command = […] }`, or shorter `exec = […]`.
fn exec(scene: &mut Scene<'_>, entry: &Entry) -> Option<Placed> {
    let command = match &entry.content {
        Content::Value(value) if matches!(value.form, Form::List(_)) => Some(value),
        Content::Value(_) | Content::Block(_) => {
            let (entries, span) = section(scene, entry)?;
            let fields = Fields::read(scene, &EXEC, entries);
            require(scene, &fields, "command", &span, "write `command = [\"pg_isready\"]`")
        }
    }?;
    let words = scene.strings("command", command)?;
    if words.is_empty() {
        scene.refuse(&command.span, "`command` is empty", "name the program to run, as in `[\"pg_isready\"]`");
        return None;
    }
    let words = words.into_iter().map(|(word, span)| Placed::at(word, scene.place(&span)));
    Some(Placed::object().with("command", Placed::list(words)))
}

fn tcp(scene: &mut Scene<'_>, entry: &Entry) -> Option<Placed> {
    let (entries, span) = section(scene, entry)?;
    let fields = Fields::read(scene, &TCP, entries);
    Some(Placed::object().with("port", port(scene, &fields, &span)?))
}

fn http(scene: &mut Scene<'_>, entry: &Entry) -> Option<Placed> {
    let (entries, span) = section(scene, entry)?;
    let fields = Fields::read(scene, &HTTP, entries);
    let mut placed = Placed::object();
    let path = fields.value(scene, "path").and_then(|(_, value)| Some((scene.filled_string("path", value)?, value)));
    match path {
        Some((path, value)) if path.starts_with('/') => placed.set("path", Placed::at(path, scene.place(&value.span))),
        Some((_, value)) => scene.refuse(&value.span, "`path` begins with `/`", "write it as in \"/healthz\""),
        None => placed.set("path", Placed::unplaced("/")),
    }
    if let Some((_, value)) = fields.value(scene, "scheme")
        && let Some(scheme) = scene.filled_string("scheme", value)
    {
        let scheme = scheme.to_ascii_uppercase();
        if matches!(scheme.as_str(), "HTTP" | "HTTPS") {
            placed.set("scheme", Placed::at(scheme, scene.place(&value.span)));
        } else {
            scene.refuse(&value.span, "`scheme` is neither HTTP nor HTTPS", "write \"HTTP\" or \"HTTPS\"");
        }
    }
    if let Some(entry) = fields.entry("headers") {
        placed.set("httpHeaders", headers(scene, entry)?);
    }
    if let Some(port) = port(scene, &fields, &span) {
        placed.set("port", port);
    }
    Some(placed)
}

fn headers(scene: &mut Scene<'_>, entry: &Entry) -> Option<Placed> {
    let (entries, _) = section(scene, entry)?;
    let mut list = Vec::new();
    for Entry { name, content } in entries {
        let Content::Value(value) = content else {
            scene.refuse(&name.span, "`headers` holds values, not blocks", "write `Host = \"example.org\"`");
            continue;
        };
        let is_header = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if name.text.is_empty() || !name.text.bytes().all(is_header) {
            scene.refuse(&name.span, "this is not the name of a header", "use ASCII letters, digits and `-`");
            continue;
        }
        let Some(text) = scene.string(&name.text, value) else { continue };
        let header = Placed::at(serde_json::Map::new(), scene.place(&name.span));
        list.push(header.plain("name", name.text.as_str()).plain("value", text));
    }
    Some(Placed::list(list))
}

fn require<'e>(scene: &mut Scene<'_>, fields: &Fields<'e>, name: &str, span: &Span, help: &str) -> Option<&'e Value> {
    if fields.entry(name).is_none() {
        scene.refuse(span, format!("`{name}` is missing"), help);
    }
    fields.value(scene, name).map(|(_, value)| value)
}

fn port(scene: &mut Scene<'_>, fields: &Fields<'_>, span: &Span) -> Option<Placed> {
    let value = require(scene, fields, "port", span, "write the port of the container, as in `port = 8080`")?;
    let number = scene.integer("port", value, 1, u32::from(u16::MAX))?;
    Some(Placed::at(number, scene.place(&value.span)))
}
