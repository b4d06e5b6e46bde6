//! The configuration of Caddy, as the JSON that it loads.
//!
//! Pods are found by the name of their Service in the engine's own DNS, which leads to ready ones alone, and is asked
//! again every second. So pods come and go without a new configuration, which would end connections of clients that are
//! kept open, and go on doing so while no agent runs.
//!
//! Invariant: nothing of Caddy's own choice about certificates: what is issued and by whom is written out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Directory, FOLDER, Issuer, PAIRS, PORTS, Settings};
use crate::limits::UPSTREAMS_AGAIN_SECONDS;
use crate::model::{Changes, Condition, Headers, NewPath, Redirect, Route, RoutePath, RouteTls, Target};

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
    let plain = routes.iter().filter(|route| !route.leaves_plain);
    let plain = plain.map(|route| if route.tls.is_some() { encrypt(route, settings) } else { serve(route, settings) });
    let encrypted = routes.iter().filter(|route| route.tls.is_some());
    let encrypted: Vec<Value> = encrypted.map(|route| serve(route, settings)).collect();
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

fn serve(route: &Route, settings: &Settings) -> Value {
    let Route { host: _, path, condition: _, to, changes, tls, leaves_plain: _ } = route;
    let (name, port) = match to {
        Target::Pods { name, port } => (name, port),
        Target::Redirect(redirect) => {
            let new = redirect.path.iter().map(|new| rewrite(path, new));
            let answer = answer(&redirection(redirect, tls.is_some(), settings), redirect.code);
            return matched(route, new.chain([answer]).collect());
        }
    };
    let Changes { host, path: new, request, response } = changes;
    let mut proxy = json!({
        "handler": "reverse_proxy",
        "dynamic_upstreams": {
            "source": "a",
            "name": name,
            "port": port.to_string(),
            "refresh": format!("{UPSTREAMS_AGAIN_SECONDS}s"),
        },
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"}, "try_duration": TRY, "try_interval": TRY_AGAIN,
        },
        "health_checks": {"passive": {"fail_duration": FAILED}},
        "transport": {"protocol": "http", "dial_timeout": DIAL},
    });
    let (mut request, response) = (headers(request), headers(response));
    if let Some(host) = host {
        request["set"]["Host"] = json!([host]);
    }
    for (what, changed) in [("request", request), ("response", response)] {
        if changed.as_object().is_some_and(|changed| !changed.is_empty()) {
            proxy["headers"][what] = changed;
        }
    }
    matched(route, new.iter().map(|new| rewrite(path, new)).chain([proxy]).collect())
}

fn headers(headers: &Headers) -> Value {
    let Headers { set, add, remove } = headers;
    let each = |pairs: &BTreeMap<String, String>| -> Map<String, Value> {
        pairs.iter().map(|(name, value)| (name.clone(), json!([value]))).collect()
    };
    let mut changed = json!({});
    for (what, pairs) in [("set", set), ("add", add)].into_iter().filter(|(_, pairs)| !pairs.is_empty()) {
        changed[what] = Value::Object(each(pairs));
    }
    if !remove.is_empty() {
        changed["delete"] = json!(remove);
    }
    changed
}

/// Another path in the place of the one that was matched. The query stays.
fn rewrite(matched: &RoutePath, new: &NewPath) -> Value {
    // A dollar stands for what was found.
    let literal = |path: &str| path.replace('$', "$$");
    let (find, replace) = match (new, matched.text()) {
        (NewPath::Full(path), _) => ("^.*$".to_owned(), literal(path)),
        (NewPath::Prefix(path), "/") if path == "/" => ("^$".to_owned(), "/".to_owned()),
        (NewPath::Prefix(path), "/") => ("^/(.*)$".to_owned(), format!("{}/$1", literal(path))),
        (NewPath::Prefix(path), old) if path == "/" => (format!("^{}(/(.*))?$", escaped(old)), "/$2".to_owned()),
        (NewPath::Prefix(path), old) => (format!("^{}(/.*)?$", escaped(old)), format!("{}$1", literal(path))),
    };
    json!({"handler": "rewrite", "path_regexp": [{"find": find, "replace": replace}]})
}

fn answer(to: &str, code: u16) -> Value {
    json!({"handler": "static_response", "status_code": code, "headers": {"Location": [to]}})
}

/// The address that a redirect leads to. A port that nobody names is the one at which that scheme is reached here.
fn redirection(redirect: &Redirect, encrypted: bool, settings: &Settings) -> String {
    let Redirect { scheme, host, port, path: _, code: _ } = redirect;
    let scheme = scheme.as_deref().unwrap_or(if encrypted { "https" } else { "http" });
    let (usual, here) = if scheme == "https" { (PORTS.1, settings.ports.1) } else { (PORTS.0, settings.ports.0) };
    let port = port.unwrap_or(here);
    let port = if port == usual { String::new() } else { format!(":{port}") };
    format!("{scheme}://{}{port}{{http.request.uri}}", host.as_deref().unwrap_or("{http.request.host}"))
}

/// To the same address, encrypted.
fn encrypt(route: &Route, settings: &Settings) -> Value {
    let same = Redirect { scheme: Some("https".to_owned()), host: None, port: None, path: None, code: 308 };
    matched(route, vec![answer(&redirection(&same, false, settings), same.code)])
}

fn unknown() -> Value {
    let text = "no route leads here\n";
    json!({"handle": [{"handler": "static_response", "status_code": 404, "body": text}]})
}

fn matched(route: &Route, handlers: Vec<Value>) -> Value {
    let mut matcher = Map::new();
    if let Some(host) = &route.host {
        matcher.insert("host".to_owned(), json!([host]));
    }
    if let Some(pattern) = pattern(&route.path) {
        matcher.insert("path_regexp".to_owned(), json!({"pattern": pattern}));
    }
    let Condition { method, headers, query } = &route.condition;
    if let Some(method) = method {
        matcher.insert("method".to_owned(), json!([method]));
    }
    for (what, pairs) in [("header", headers), ("query", query)].into_iter().filter(|(_, pairs)| !pairs.is_empty()) {
        let pairs: Map<String, Value> = pairs.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
        matcher.insert(what.to_owned(), Value::Object(pairs));
    }
    let mut written = json!({"handle": handlers, "terminal": true});
    if !matcher.is_empty() {
        written["match"] = json!([matcher]);
    }
    written
}

/// A pattern, for the program's own matching of paths takes no heed of upper and lower case; none for all paths.
fn pattern(path: &RoutePath) -> Option<String> {
    match path {
        RoutePath::Exact(path) => Some(format!("^{}$", escaped(path))),
        RoutePath::Prefix(path) if path == "/" => None,
        RoutePath::Prefix(path) => Some(format!("^{}(/.*)?$", escaped(path))),
    }
}

fn escaped(path: &str) -> String {
    path.chars().fold(String::new(), |mut text, character| {
        if ".+*?()|[]{}^$\\".contains(character) {
            text.push('\\');
        }
        text.push(character);
        text
    })
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
        if let Issuer::Acme(Some(Directory { address, roots })) = &settings.issuer {
            issuer["ca"] = json!(address);
            if let Some(roots) = roots {
                issuer["trusted_roots_pem_files"] = json!([format!("{FOLDER}/{PAIRS}/{}.pem", Directory::name(roots))]);
            }
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
