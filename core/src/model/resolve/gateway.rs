//! Gateways and HTTPRoutes: through which listeners requests of which hosts come, and where they are led.
//!
//! Invariant: a route that would mean something else to the ingress than to the Gateway API is refused where it stands.

use std::collections::{BTreeMap, BTreeSet};

use super::ingress::{CLASSES, Reader, Surroundings, Taken, is_host};
use crate::model::route::{
    Changes, Condition, Entrance, Headers, NewPath, Redirect, Route, RoutePath, RouteTls, Target,
};
use crate::model::view::gateway::{
    self as raw, BackendRef, Filter, Gateway, HeaderFilter, HttpRoute, Match, Pair, ParentRef, PathModifier, Rule,
};
use crate::model::view::view;
use crate::model::{Kind, Object, ObjectId};
use crate::text::{Problems, SecretText, quoted};

/// The ports of HTTP and HTTPS. The host's settings say at which ports of the host they are reached.
const PORTS: (u16, u16) = (80, 443);

/// A listener of a Gateway.
struct Listener {
    name: String,
    hostname: Option<String>,
    port: u16,
    tls: Option<RouteTls>,
    pairs: BTreeMap<String, SecretText>,
    /// Routes of other scopes may come through it.
    open: bool,
}

type Gateways = BTreeMap<ObjectId, Vec<Listener>>;

/// What the HTTPRoutes of the set ask for.
pub(super) fn read(
    objects: &[Object],
    around: &Surroundings<'_, '_>,
    taken: &mut Taken,
    problems: &mut Problems,
) -> BTreeMap<ObjectId, Entrance> {
    let classes = objects.iter().filter(|object| object.id.kind == Kind::GatewayClass);
    let classes: BTreeSet<&str> = classes.map(|class| class.id.name.as_str()).chain(CLASSES).collect();
    let mut gateways = Gateways::new();
    for object in objects.iter().filter(|object| object.id.kind == Kind::Gateway) {
        let Some(gateway) = view::<Gateway>(object, "/spec", problems) else { continue };
        let mut reader = Reader::new(object, around, problems);
        if !classes.contains(gateway.gateway_class_name.as_str()) {
            let message = format!("nothing on this host serves the class {}", quoted(&gateway.gateway_class_name));
            let help = "write `caddy`, or name a GatewayClass of the manifests: the one ingress of a host serves it";
            reader.error("/spec/gatewayClassName", &message, help);
        }
        let listeners = gateway.listeners.iter().enumerate().filter_map(|(at, it)| listener(&mut reader, at, it));
        gateways.insert(object.id.clone(), listeners.collect());
    }
    let mut entrances = BTreeMap::new();
    for object in objects.iter().filter(|object| object.id.kind == Kind::HttpRoute) {
        let Some(route) = view::<HttpRoute>(object, "/spec", problems) else { continue };
        let mut reader = Reader::new(object, around, problems);
        lead(&mut reader, &route, &gateways, taken);
        entrances.insert(object.id.clone(), reader.finish());
    }
    entrances
}

fn listener(reader: &mut Reader<'_, '_, '_>, at: usize, raw: &raw::Listener) -> Option<Listener> {
    let raw::Listener { name, hostname, port, protocol, tls, allowed_routes } = raw;
    let pointer = format!("/spec/listeners/{at}");
    let hostname = hostname.as_deref().filter(|host| !host.is_empty()).map(str::to_ascii_lowercase);
    if let Some(host) = hostname.as_deref().filter(|host| !is_host(host)) {
        reader.error(
            &format!("{pointer}/hostname"),
            &format!("{} is no host name", quoted(host)),
            "write a name in DNS",
        );
        return None;
    }
    let encrypted = protocol == "HTTPS";
    let expected = if encrypted { PORTS.1 } else { PORTS.0 };
    if *port != expected {
        let message = format!("the ingress of a host listens for {protocol} at port {expected} alone");
        let help =
            "write that port; `[ingress]` in the settings of the host says at which port of the host it is reached";
        reader.error(&format!("{pointer}/port"), &message, help);
    }
    let references = tls.as_ref().and_then(|tls| tls.certificate_refs.as_deref()).unwrap_or_default();
    if !encrypted && tls.is_some() {
        let help = "leave it out, or make the protocol HTTPS";
        reader.error(&format!("{pointer}/tls"), "a listener for HTTP has no certificates", help);
    }
    if references.len() > 1 {
        let help = "give each host name a listener of its own";
        reader.error(&format!("{pointer}/tls/certificateRefs/1"), "a listener has one certificate", help);
    }
    let certificate = match references.first() {
        _ if !encrypted => None,
        None => Some(RouteTls::Issued(None)),
        Some(reference) => {
            let pair = reader.pair(&reference.name, &format!("{pointer}/tls/certificateRefs/0/name"))?;
            Some(RouteTls::Pair(pair))
        }
    };
    let from = allowed_routes.as_ref().and_then(|it| it.namespaces.as_ref()?.from.as_deref());
    Some(Listener {
        name: name.clone(),
        hostname,
        port: *port,
        tls: certificate,
        pairs: reader.take_pairs(),
        open: from == Some("All"),
    })
}

/// What a rule does with a request.
struct Deed {
    to: Target,
    changes: Changes,
}

fn lead(reader: &mut Reader<'_, '_, '_>, raw: &HttpRoute, gateways: &Gateways, taken: &mut Taken) {
    let HttpRoute { parent_refs, hostnames, rules } = raw;
    let listeners = listeners(reader, parent_refs.as_deref().unwrap_or_default(), gateways);
    let mut hosts: Vec<Option<String>> = Vec::new();
    for (at, host) in hostnames.iter().flatten().enumerate() {
        let host = host.to_ascii_lowercase();
        if is_host(&host) {
            hosts.push(Some(host));
        } else {
            let message = format!("{} is no host name", quoted(&host));
            reader.error(&format!("/spec/hostnames/{at}"), &message, "write a name in DNS");
        }
    }
    if hosts.is_empty() {
        hosts.push(None);
    }
    let rules = rules.as_deref().unwrap_or_default();
    if rules.is_empty() {
        reader.error("/spec", "an HTTPRoute without `rules` leads nowhere", "name the backends of a rule");
    }
    for (at, rule) in rules.iter().enumerate() {
        let pointer = format!("/spec/rules/{at}");
        let Rule { matches, filters, backend_refs } = rule;
        let filters = filters.as_deref().unwrap_or_default();
        let deed = deed(reader, filters, backend_refs.as_deref().unwrap_or_default(), &pointer);
        let all = [Match { path: None, headers: None, query_params: None, method: None }];
        let matches = matches.as_deref().filter(|matches| !matches.is_empty()).unwrap_or(&all);
        for (at, matched) in matches.iter().enumerate() {
            let pointer = format!("{pointer}/matches/{at}");
            let Some((path, condition)) = condition(reader, matched, &pointer) else { continue };
            let Some(Deed { to, changes }) = &deed else { continue };
            if changes.replaces_prefix(to) && matches!(path, RoutePath::Exact(_)) {
                let help = "write `type: PathPrefix`, or `ReplaceFullPath`";
                reader.error(&pointer, "a prefix can be replaced only where one is matched", help);
            }
            for (listener, host) in listeners.iter().flat_map(|it| hosts.iter().filter_map(|host| meet(it, host))) {
                reader.add(
                    Route {
                        host,
                        path: path.clone(),
                        condition: condition.clone(),
                        to: to.clone(),
                        changes: changes.clone(),
                        tls: listener.tls.clone(),
                        leaves_plain: listener.tls.is_some(),
                    },
                    &pointer,
                    taken,
                );
                reader.keep_pairs(&listener.pairs);
            }
        }
    }
    if !listeners.is_empty() && !listeners.iter().any(|it| hosts.iter().any(|host| meet(it, host).is_some())) {
        let help = "name a host of one of its listeners, or leave `hostnames` out";
        reader.error("/spec/hostnames", "no listener of its Gateways is for one of these hosts", help);
    }
}

/// The listeners through which requests of a route come.
fn listeners<'g>(reader: &mut Reader<'_, '_, '_>, parents: &[ParentRef], gateways: &'g Gateways) -> Vec<&'g Listener> {
    let scope = reader.scope().to_owned();
    let mut found = Vec::new();
    if parents.is_empty() {
        reader.error("/spec", "an HTTPRoute without `parentRefs` belongs to no Gateway", "name its Gateway");
    }
    for (at, parent) in parents.iter().enumerate() {
        let ParentRef { namespace, name, section_name, port } = parent;
        let pointer = format!("/spec/parentRefs/{at}");
        let other = namespace.as_deref().filter(|namespace| *namespace != scope);
        let id = ObjectId::new(Kind::Gateway, other.unwrap_or(&scope), name);
        let Some(listeners) = gateways.get(&id) else {
            let message = format!("there is no Gateway {} in {}", quoted(name), id.scope);
            reader.error(&format!("{pointer}/name"), &message, "a Gateway is among the manifests of the unit");
            continue;
        };
        let meant = listeners.iter().filter(|listener| {
            section_name.as_ref().is_none_or(|section| *section == listener.name)
                && port.is_none_or(|port| port == listener.port)
        });
        let (open, shut): (Vec<&Listener>, Vec<&Listener>) =
            meant.partition(|listener| listener.open || other.is_none());
        if open.is_empty() {
            let (message, help) = if shut.is_empty() {
                ("no listener of its Gateway is the one that is named", "name one by `sectionName`, or leave it out")
            } else {
                ("its Gateway takes no routes of other namespaces", "write `allowedRoutes: {namespaces: {from: All}}`")
            };
            reader.error(&pointer, message, help);
        }
        found.extend(open);
    }
    found
}

/// The host of which a listener brings requests to a route that is for `host`; none if it brings none.
fn meet<'l>(listener: &'l Listener, host: &Option<String>) -> Option<(&'l Listener, Option<String>)> {
    let below = |name: &str, pattern: &str| {
        let ending = pattern.strip_prefix('*');
        ending.is_some_and(|ending| name.len() > ending.len() && name.ends_with(ending))
    };
    let met = match (&listener.hostname, host) {
        (None, host) => host.clone(),
        (Some(own), None) => Some(own.clone()),
        (Some(own), Some(host)) if own == host || below(host, own) => Some(host.clone()),
        (Some(own), Some(host)) if below(own, host) => Some(own.clone()),
        (Some(_), Some(_)) => return None,
    };
    Some((listener, met))
}

fn condition(reader: &mut Reader<'_, '_, '_>, raw: &Match, pointer: &str) -> Option<(RoutePath, Condition)> {
    let Match { path, headers, query_params, method } = raw;
    let (kind, value) = path.as_ref().map_or((None, None), |path| (path.kind.as_deref(), path.value.as_deref()));
    let exact = if kind == Some("Exact") { "Exact" } else { "Prefix" };
    let path = reader.path(&format!("{pointer}/path"), "value", value, exact)?;
    let headers = pairs(reader, headers.as_deref().unwrap_or_default(), &format!("{pointer}/headers"), true);
    let query = pairs(reader, query_params.as_deref().unwrap_or_default(), &format!("{pointer}/queryParams"), true);
    let folded = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    Some((path, Condition { method: method.clone(), headers: folded, query: query.into_iter().collect() }))
}

/// Names and values that mean to the ingress what they say. `matched` if requests are held against them.
fn pairs(reader: &mut Reader<'_, '_, '_>, raw: &[Pair], pointer: &str, matched: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, Pair { name, value }) in raw.iter().enumerate() {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let special =
            |character: char| "{}".contains(character) || matched && character == '*' || character.is_control();
        let at = format!("{pointer}/{at}");
        if !name.bytes().all(is_name) || name.is_empty() {
            let help = "it holds letters, digits, `-`, `_` and `.`";
            reader.error(&format!("{at}/name"), &format!("{} cannot be a name here", quoted(name)), help);
        } else if value.contains(special) {
            let what = if matched { "`{`, `}` and `*`" } else { "`{` and `}`" };
            let message = format!("the value of {} is not taken as it is written", quoted(name));
            reader.error(&format!("{at}/value"), &message, &format!("write one without {what}"));
        } else {
            found.push((name.clone(), value.clone()));
        }
    }
    found
}

fn deed(reader: &mut Reader<'_, '_, '_>, filters: &[Filter], backends: &[BackendRef], pointer: &str) -> Option<Deed> {
    let mut changes = Changes::default();
    let mut redirect = None;
    let mut seen = BTreeSet::new();
    for (at, filter) in filters.iter().enumerate() {
        let Filter { kind, request_header_modifier, response_header_modifier, request_redirect, url_rewrite } = filter;
        let pointer = format!("{pointer}/filters/{at}");
        if !seen.insert(kind) {
            reader.error(&pointer, &format!("{} is there twice", quoted(kind)), "put both into one");
            continue;
        }
        match (kind.as_str(), request_header_modifier, response_header_modifier, request_redirect, url_rewrite) {
            ("RequestHeaderModifier", Some(headers), None, None, None) => {
                changes.request = self::headers(reader, headers, &format!("{pointer}/requestHeaderModifier"));
            }
            ("ResponseHeaderModifier", None, Some(headers), None, None) => {
                changes.response = self::headers(reader, headers, &format!("{pointer}/responseHeaderModifier"));
            }
            ("RequestRedirect", None, None, Some(raw), None) => {
                redirect = Some(redirection(reader, raw, &format!("{pointer}/requestRedirect"))?);
            }
            ("URLRewrite", None, None, None, Some(raw::Rewrite { hostname, path })) => {
                let pointer = format!("{pointer}/urlRewrite");
                changes.host = host(reader, hostname.as_deref(), &pointer);
                changes.path = path.as_ref().and_then(|path| new_path(reader, path, &pointer));
            }
            ("RequestMirror" | "ExtensionRef", ..) => {
                let help = "leave it out; a request goes to one pod, and nothing extends the ingress of a host";
                reader.error(&format!("{pointer}/type"), &format!("{} is not possible here", quoted(kind)), help);
            }
            (..) => {
                let help = "each filter has the one field that its `type` names";
                reader.error(&pointer, &format!("the filter says something else than its type {}", quoted(kind)), help);
            }
        }
    }
    if let Some(redirect) = redirect {
        if !backends.is_empty() || changes.path.is_some() || changes.host.is_some() {
            let help = "keep one of them";
            reader.error(pointer, "a rule that redirects neither leads to a backend nor rewrites", help);
        }
        return Some(Deed { to: Target::Redirect(redirect), changes: Changes::default() });
    }
    let meant: Vec<(usize, &BackendRef)> =
        backends.iter().enumerate().filter(|(_, backend)| backend.weight != Some(0)).collect();
    let (at, backend) = match meant.as_slice() {
        [] => {
            reader.error(pointer, "this rule leads nowhere", "name a backend with a weight other than 0");
            return None;
        }
        [one] => *one,
        [_, (at, _), ..] => {
            let message = "requests cannot be shared between Services by weight";
            let help = "leave one backend, or give the others the weight 0; pods of one Service share by themselves";
            reader.error(&format!("{pointer}/backendRefs/{at}"), message, help);
            return None;
        }
    };
    let pointer = format!("{pointer}/backendRefs/{at}");
    let BackendRef { name, port, weight: _ } = backend;
    let (name, port) = reader.service(name, (*port, None), (&format!("{pointer}/name"), &format!("{pointer}/port")))?;
    Some(Deed { to: Target::Pods { name, port }, changes })
}

fn headers(reader: &mut Reader<'_, '_, '_>, raw: &HeaderFilter, pointer: &str) -> Headers {
    let HeaderFilter { set, add, remove } = raw;
    let set = pairs(reader, set.as_deref().unwrap_or_default(), &format!("{pointer}/set"), false);
    let add = pairs(reader, add.as_deref().unwrap_or_default(), &format!("{pointer}/add"), false);
    let mut removed = Vec::new();
    for (at, name) in remove.iter().flatten().enumerate() {
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            removed.push(name.clone());
        } else {
            let help = "it holds letters, digits, `-`, `_` and `.`";
            let message = format!("{} cannot be a name here", quoted(name));
            reader.error(&format!("{pointer}/remove/{at}"), &message, help);
        }
    }
    Headers { set: set.into_iter().collect(), add: add.into_iter().collect(), remove: removed }
}

fn host(reader: &mut Reader<'_, '_, '_>, written: Option<&str>, pointer: &str) -> Option<String> {
    let host = written?.to_ascii_lowercase();
    if is_host(&host) && !host.starts_with('*') {
        return Some(host);
    }
    let message = format!("{} is no host name", quoted(&host));
    reader.error(&format!("{pointer}/hostname"), &message, "write a name in DNS");
    None
}

fn redirection(reader: &mut Reader<'_, '_, '_>, raw: &raw::Redirect, pointer: &str) -> Option<Redirect> {
    let raw::Redirect { scheme, hostname, path, port, status_code } = raw;
    Some(Redirect {
        scheme: scheme.clone(),
        host: host(reader, hostname.as_deref(), pointer),
        path: match path {
            Some(path) => Some(new_path(reader, path, pointer)?),
            None => None,
        },
        port: *port,
        code: status_code.unwrap_or(302),
    })
}

fn new_path(reader: &mut Reader<'_, '_, '_>, raw: &PathModifier, pointer: &str) -> Option<NewPath> {
    let PathModifier { kind, replace_full_path, replace_prefix_match } = raw;
    let pointer = format!("{pointer}/path");
    match (kind.as_str(), replace_full_path, replace_prefix_match) {
        ("ReplaceFullPath", Some(path), None) => {
            let path = reader.path(&pointer, "replaceFullPath", Some(path), "Exact")?;
            Some(NewPath::Full(path.text().to_owned()))
        }
        ("ReplacePrefixMatch", None, Some(path)) => {
            let path = reader.path(&pointer, "replacePrefixMatch", Some(path), "Prefix")?;
            Some(NewPath::Prefix(path.text().to_owned()))
        }
        (..) => {
            let help = "write `replaceFullPath` or `replacePrefixMatch`, as `type` says";
            reader.error(&pointer, "the new path says something else than its type", help);
            None
        }
    }
}
