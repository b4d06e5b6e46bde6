//! The configuration of Caddy, as the JSON that it loads.
//!
//! Pods are found by the name of their Service in the engine's own DNS, which leads to ready ones alone, and is asked
//! again every second. So pods come and go without a new configuration, which would end connections of clients that are
//! kept open, and go on doing so while no agent runs.
//!
//! Invariant: nothing of Caddy's own choice about certificates: what is issued and by whom is written out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{FOLDER, Issuer, PAIRS, PORTS, Settings};
use crate::limits::UPSTREAMS_AGAIN_SECONDS;
use crate::model::{Route, RoutePath, RouteTls};

/// Time for a connection to a pod. One that left the network for a moment to change its names answers within it.
const DIAL: &str = "3s";

/// Time for which another pod is tried where one cannot be reached.
const TRY: &str = "10s";

/// Pause between two tries.
const TRY_AGAIN: &str = "100ms";

/// Time for which a pod is let alone that could not be reached.
const FAILED: &str = "2s";

/// Time in which requests end that are under way when the configuration changes.
const GRACE: &str = "30s";

/// What the program loads to serve `routes`, which are in the order in which they are tried.
pub(super) fn configuration(routes: &[&Route], settings: &Settings) -> String {
    let plain = routes.iter().map(|route| if route.tls.is_some() { redirect(route, settings) } else { serve(route) });
    let encrypted: Vec<Value> = routes.iter().filter(|route| route.tls.is_some()).map(|route| serve(route)).collect();
    let mut servers = Map::new();
    servers.insert("http".to_owned(), server(PORTS.0, plain.chain([unknown()]).collect()));
    if !encrypted.is_empty() {
        let mut server = server(PORTS.1, encrypted.into_iter().chain([unknown()]).collect());
        server["tls_connection_policies"] = json!([{}]);
        servers.insert("https".to_owned(), server);
    }
    json!({
        "admin": {"listen": "localhost:2019"},
        "apps": {
            "http": {"http_port": PORTS.0, "https_port": PORTS.1, "grace_period": GRACE, "servers": servers},
            "pki": {"certificate_authorities": {"local": {"install_trust": false}}},
            "tls": certificates(routes, settings),
        },
    })
    .to_string()
}

/// The names that a configuration looks up.
pub(super) fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(map) => {
            let own = map.get("dynamic_upstreams").and_then(|it| it.get("name")).and_then(Value::as_str);
            own.map(str::to_owned).into_iter().chain(map.values().flat_map(names)).collect()
        }
        Value::Array(items) => items.iter().flat_map(names).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeSet::new(),
    }
}

fn server(port: u16, routes: Vec<Value>) -> Value {
    json!({"listen": [format!(":{port}")], "automatic_https": {"disable": true}, "routes": routes})
}

fn serve(route: &Route) -> Value {
    let proxy = json!({
        "handler": "reverse_proxy",
        "dynamic_upstreams": {
            "source": "a",
            "name": route.name,
            "port": route.port.to_string(),
            "refresh": format!("{UPSTREAMS_AGAIN_SECONDS}s"),
        },
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"}, "try_duration": TRY, "try_interval": TRY_AGAIN,
        },
        "health_checks": {"passive": {"fail_duration": FAILED}},
        "transport": {"protocol": "http", "dial_timeout": DIAL},
    });
    matched(route, proxy)
}

/// To the same address, encrypted.
fn redirect(route: &Route, settings: &Settings) -> Value {
    let port = if settings.ports.1 == PORTS.1 { String::new() } else { format!(":{}", settings.ports.1) };
    let to = format!("https://{{http.request.host}}{port}{{http.request.uri}}");
    let answer = json!({"handler": "static_response", "status_code": 308, "headers": {"Location": [to]}});
    matched(route, answer)
}

fn unknown() -> Value {
    let text = "no route leads here\n";
    json!({"handle": [{"handler": "static_response", "status_code": 404, "body": text}]})
}

fn matched(route: &Route, handler: Value) -> Value {
    let mut matcher = Map::new();
    if let Some(host) = &route.host {
        matcher.insert("host".to_owned(), json!([host]));
    }
    if let Some(pattern) = pattern(&route.path) {
        matcher.insert("path_regexp".to_owned(), json!({"pattern": pattern}));
    }
    let mut written = json!({"handle": [handler], "terminal": true});
    if !matcher.is_empty() {
        written["match"] = json!([matcher]);
    }
    written
}

/// A pattern, for the program's own matching of paths takes no heed of upper and lower case; none for all paths.
fn pattern(path: &RoutePath) -> Option<String> {
    let escaped = |path: &str| {
        path.chars().fold(String::new(), |mut text, character| {
            if ".+*?()|[]{}^$\\".contains(character) {
                text.push('\\');
            }
            text.push(character);
            text
        })
    };
    match path {
        RoutePath::Exact(path) => Some(format!("^{}$", escaped(path))),
        RoutePath::Prefix(path) if path == "/" => None,
        RoutePath::Prefix(path) => Some(format!("^{}(/.*)?$", escaped(path))),
    }
}

/// Which names have a certificate, from where, and who is told.
fn certificates(routes: &[&Route], settings: &Settings) -> Value {
    let (mut internal, mut issued) = (BTreeSet::new(), BTreeMap::<Option<&str>, BTreeSet<&str>>::new());
    let mut pairs = BTreeSet::new();
    for route in routes {
        match (&route.tls, route.host.as_deref()) {
            (Some(RouteTls::Pair(name)), _) => drop(pairs.insert(name.as_str())),
            (Some(RouteTls::Internal), Some(host)) => drop(internal.insert(host)),
            (Some(RouteTls::Issued(email)), Some(host)) => match settings.issuer {
                Issuer::Internal => drop(internal.insert(host)),
                Issuer::Acme(_) => {
                    let email = email.as_deref().or(settings.email.as_deref());
                    issued.entry(email).or_default().insert(host);
                }
            },
            (Some(RouteTls::Internal | RouteTls::Issued(_)) | None, _) => {}
        }
    }
    // A name that two routes want from two issuers is issued once.
    issued.values_mut().for_each(|hosts| hosts.retain(|host| !internal.contains(host)));
    let mut policies = Vec::new();
    if !internal.is_empty() {
        policies.push(json!({"subjects": internal, "issuers": [{"module": "internal"}]}));
    }
    for (email, hosts) in issued.iter().filter(|(_, hosts)| !hosts.is_empty()) {
        let mut issuer = json!({"module": "acme"});
        if let Some(email) = email {
            issuer["email"] = json!(email);
        }
        if let Issuer::Acme(Some(directory)) = &settings.issuer {
            issuer["ca"] = json!(directory);
        }
        policies.push(json!({"subjects": hosts, "issuers": [issuer]}));
    }
    let files = pairs.iter().map(|name| {
        let file = format!("{FOLDER}/{PAIRS}/{name}.pem");
        json!({"certificate": file, "key": file})
    });
    let names: BTreeSet<&str> = internal.iter().chain(issued.values().flatten()).copied().collect();
    json!({
        "automation": {"policies": policies},
        "certificates": {"automate": names, "load_files": files.collect::<Vec<Value>>()},
    })
}
