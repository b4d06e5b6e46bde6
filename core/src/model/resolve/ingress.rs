//! Ingresses: which host names and paths they lead where, and by which certificates.
//!
//! Invariant: two routes of a unit never take the same requests; that is an error at both places.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Catalog;
use super::gateway;
use super::relay::endpoints;
use super::selection::Selection;
use super::services::Service;
use super::workload::Draft;
use crate::hash::{HashKey, digest_of_secret, spec_hash};
use crate::model::route::{Changes, Condition, Entrance, Route, RoutePath, RouteTls, Target};
use crate::model::template::ContentKind;
use crate::model::view::ingress::{Backend, Ingress, Path, Rule, Tls};
use crate::model::view::view;
use crate::model::{Kind, Object, ObjectId, annotation};
use crate::text::{Place, Problem, Problems, SecretText, UNOPENED, quoted};

/// Names of the class that the host's own ingress is, without an IngressClass that says so.
pub(super) const CLASSES: [&str; 2] = ["caddy", "voodu-caddy"];

/// Digits of a digest that tell two certificates of one Secret apart.
const DIGITS: usize = 16;

/// All that Ingresses may refer to.
pub(super) struct Surroundings<'a, 's> {
    pub(super) catalog: &'s Catalog<'a>,
    pub(super) services: &'s [Service<'a>],
    pub(super) drafts: &'s [Draft<'a>],
    pub(super) selection: &'s Selection,
    pub(super) key: &'s HashKey,
    /// For which of the Services a relay stands. It is passed by: the ingress asks for the pods themselves.
    pub(super) relayed: &'s [bool],
}

/// What the Ingresses of the set ask for.
pub(super) fn read(
    objects: &[Object],
    around: &Surroundings<'_, '_>,
    problems: &mut Problems,
) -> BTreeMap<ObjectId, Entrance> {
    let classes = objects.iter().filter(|object| object.id.kind == Kind::IngressClass);
    let classes: BTreeSet<&str> = classes.map(|class| class.id.name.as_str()).chain(CLASSES).collect();
    let mut taken = Taken::default();
    let mut entrances = gateway::read(objects, around, &mut taken, problems);
    for object in objects.iter().filter(|object| object.id.kind == Kind::Ingress) {
        let Some(raw) = view::<Ingress>(object, "/spec", problems) else { continue };
        let mut reader = Reader::new(object, around, problems);
        reader.class(raw.ingress_class_name.as_deref(), &classes);
        reader.rules(&raw, &mut taken);
        entrances.insert(object.id.clone(), reader.finish());
    }
    taken.refuse_twins(problems);
    entrances
}

/// One Ingress or HTTPRoute on its way to routes; also a Gateway, of its listeners.
pub(super) struct Reader<'a, 'p, 's> {
    object: &'a Object,
    around: &'p Surroundings<'s, 'p>,
    problems: &'p mut Problems,
    routes: Vec<Route>,
    pairs: BTreeMap<String, SecretText>,
}

impl<'a, 'p, 's> Reader<'a, 'p, 's> {
    pub(super) const fn new(object: &'a Object, around: &'p Surroundings<'s, 'p>, problems: &'p mut Problems) -> Self {
        Self { object, around, problems, routes: Vec::new(), pairs: BTreeMap::new() }
    }

    /// The scope that it is in.
    pub(super) fn scope(&self) -> &str {
        &self.object.id.scope.0
    }

    /// Adds a route that is written at `pointer`.
    pub(super) fn add(&mut self, route: Route, pointer: &str, taken: &mut Taken) {
        let nameless = match &route.tls {
            Some(RouteTls::Issued(_)) => route.host.as_deref().is_none_or(|host| host.starts_with('*')),
            Some(RouteTls::Internal) => route.host.is_none(),
            Some(RouteTls::Pair(_)) | None => false,
        };
        if nameless {
            let message = "no certificate can be issued for a pattern of names, or for any name";
            let help = "list the host names one by one, or name a Secret with a certificate";
            self.error(pointer, message, help);
            return;
        }
        taken.note(&route, &self.object.id, self.object.place(pointer));
        self.routes.push(route);
    }

    /// The certificates that were read since.
    pub(super) fn take_pairs(&mut self) -> BTreeMap<String, SecretText> {
        std::mem::take(&mut self.pairs)
    }

    /// Adds certificates that a route of its uses.
    pub(super) fn keep_pairs(&mut self, pairs: &BTreeMap<String, SecretText>) {
        self.pairs.extend(pairs.iter().map(|(name, pair)| (name.clone(), pair.clone())));
    }

    pub(super) fn error(&mut self, pointer: &str, message: &str, help: &str) {
        let message = format!("{}: {message}", self.object.id);
        self.problems.push(Problem::error(self.object.place(pointer), message).help(help));
    }

    fn class(&mut self, name: Option<&str>, classes: &BTreeSet<&str>) {
        let Some(name) = name.filter(|name| !classes.contains(name)) else { return };
        let message = format!("nothing on this host serves the class {}", quoted(name));
        let help = "leave `ingressClassName` out, or write `caddy`: the one ingress of a host serves it";
        self.error("/spec/ingressClassName", &message, help);
    }

    fn rules(&mut self, raw: &Ingress, taken: &mut Taken) {
        let certificates = self.certificates(raw.tls.as_deref().unwrap_or_default());
        let rules = raw.rules.as_deref().unwrap_or_default();
        for (at, rule) in rules.iter().enumerate() {
            let pointer = format!("/spec/rules/{at}");
            let Rule { host, http } = rule;
            let host = host.as_deref().filter(|host| !host.is_empty()).map(str::to_ascii_lowercase);
            if let Some(host) = &host
                && !is_host(host)
            {
                let help = "write a name as `shop.example.org`, or `*.example.org` for all names one label below it";
                self.error(&format!("{pointer}/host"), &format!("{} is no host name", quoted(host)), help);
                continue;
            }
            let tls = certificates.of(host.as_deref());
            let paths = http.as_ref().map(|http| http.paths.as_slice()).unwrap_or_default();
            for (at, path) in paths.iter().enumerate() {
                let pointer = format!("{pointer}/http/paths/{at}");
                let Path { path: written, path_type, backend } = path;
                let Some(path) = self.path(&pointer, "path", written.as_deref(), path_type) else { continue };
                self.lead((host.clone(), path, tls.clone()), backend, &pointer, taken);
            }
            if paths.is_empty() && raw.default_backend.is_none() {
                let help = "list `http.paths`, or give the Ingress a `defaultBackend`";
                self.error(&pointer, "this rule leads nowhere", help);
            }
            if let (true, Some(backend)) = (paths.is_empty(), &raw.default_backend) {
                let all = RoutePath::Prefix("/".to_owned());
                self.lead((host, all, tls), backend, &pointer, taken);
            }
        }
        if let Some(backend) = &raw.default_backend {
            let all = RoutePath::Prefix("/".to_owned());
            self.lead((None, all, certificates.of(None)), backend, "/spec/defaultBackend", taken);
        }
        for host in certificates.hosts() {
            if !self.routes.iter().any(|route| route.host.as_deref() == Some(host)) {
                let message = format!("{}: no rule is about the host {} of `tls`", self.object.id, quoted(host));
                self.problems.push(Problem::warning(self.object.place("/spec/tls"), message));
            }
        }
    }

    fn lead(
        &mut self,
        (host, path, tls): (Option<String>, RoutePath, Option<RouteTls>),
        backend: &Backend,
        pointer: &str,
        taken: &mut Taken,
    ) {
        let below =
            if pointer.ends_with("/defaultBackend") { pointer.to_owned() } else { format!("{pointer}/backend") };
        let Some((name, port)) = self.backend(backend, &below) else { return };
        let to = Target::Pods { name, port };
        let (condition, changes) = (Condition::default(), Changes::default());
        self.add(Route { host, path, condition, to, changes, tls, leaves_plain: false }, pointer, taken);
    }

    /// The paths of a route; what a proxy would read as a pattern is refused.
    pub(super) fn path(&mut self, pointer: &str, field: &str, written: Option<&str>, kind: &str) -> Option<RoutePath> {
        let path = written.filter(|path| !path.is_empty()).unwrap_or("/");
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@/".contains(&byte);
        if !path.starts_with('/') || !path.bytes().all(sound) || path.split('/').any(|part| part == "..") {
            let message = format!("{} is no path that can be served", quoted(path));
            let help = "begin it with `/`; it holds letters, digits and -._~!$&'()+,;=:@ and is taken as it is written";
            self.error(&format!("{pointer}/{field}"), &message, help);
            return None;
        }
        if kind == "Exact" {
            return Some(RoutePath::Exact(path.to_owned()));
        }
        let trimmed = path.trim_end_matches('/');
        Some(RoutePath::Prefix(if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() }))
    }

    /// The name and the port of the pods behind a backend.
    fn backend(&mut self, backend: &Backend, pointer: &str) -> Option<(String, u16)> {
        let Some(service) = &backend.service else {
            self.error(pointer, "a backend is a `service`", "name the Service and its port");
            return None;
        };
        let port = service.port.as_ref();
        let port = (port.and_then(|port| port.number), port.and_then(|port| port.name.as_deref()));
        let places = (format!("{pointer}/service/name"), format!("{pointer}/service/port"));
        self.service(&service.name, port, (&places.0, &places.1))
    }

    /// The name and the port of the pods behind a Service and its port, by number or by name.
    pub(super) fn service(
        &mut self,
        called: &str,
        (number, name): (Option<i64>, Option<&str>),
        (of_name, of_port): (&str, &str),
    ) -> Option<(String, u16)> {
        let id = ObjectId::new(Kind::Service, self.scope(), called);
        let Ok(at) = self.around.services.binary_search_by(|service| service.object.id.cmp(&id)) else {
            let message = format!("there is no Service {} in {}", quoted(called), self.object.id.scope);
            self.error(of_name, &message, "routes lead to Services of their own scope and unit");
            return None;
        };
        let found = &self.around.services[at];
        let drafts = self.around.selection.of_service(at).iter().map(|(draft, _)| &self.around.drafts[*draft]);
        match found.port_of_pods(number, name, &drafts.collect::<Vec<_>>()) {
            Ok(port) if self.around.relayed[at] => Some((endpoints(&id), port)),
            Ok(port) => Some((format!("{called}.{}", self.object.id.scope).to_ascii_lowercase(), port)),
            Err(message) => {
                self.error(of_port, &message, "name one of the ports of the Service");
                None
            }
        }
    }

    /// Which certificate each host of `tls` has.
    fn certificates(&mut self, tls: &[Tls]) -> Certificates {
        let mut certificates = Certificates::default();
        let annotation = |name: &str| self.object.body["metadata"]["annotations"][name].as_str().map(str::to_owned);
        let (own, email) = (annotation(annotation::TLS), annotation(annotation::TLS_EMAIL));
        for (at, Tls { hosts, secret_name }) in tls.iter().enumerate() {
            let certificate = match secret_name.as_deref().filter(|name| !name.is_empty()) {
                Some(name) => match self.pair(name, &format!("/spec/tls/{at}/secretName")) {
                    Some(pair) => RouteTls::Pair(pair),
                    None => continue,
                },
                None if own.as_deref() == Some("internal") => RouteTls::Internal,
                None => RouteTls::Issued(email.clone()),
            };
            let hosts = hosts.as_deref().unwrap_or_default();
            if hosts.is_empty() {
                certificates.of_others.get_or_insert(certificate);
                continue;
            }
            for host in hosts {
                certificates.of_hosts.entry(host.to_ascii_lowercase()).or_insert_with(|| certificate.clone());
            }
        }
        certificates
    }

    /// The name under which the certificate and key of a Secret are kept.
    pub(super) fn pair(&mut self, name: &str, pointer: &str) -> Option<String> {
        let scope = &self.object.id.scope;
        let help = "add a Secret with `tls.crt` and `tls.key`, or leave `secretName` out: then a certificate is issued";
        let Some(keys) = self.around.catalog.keys(ContentKind::Secret, scope, name) else {
            self.error(pointer, &format!("there is no Secret {} in {scope}", quoted(name)), help);
            return None;
        };
        let part = |key: &str| keys.get(key).and_then(SecretText::expose_str).map(str::trim_end);
        let (Some(certificate), Some(key)) = (part("tls.crt"), part("tls.key")) else {
            self.error(pointer, &format!("the Secret {} has no `tls.crt` or no `tls.key`", quoted(name)), help);
            return None;
        };
        // Where nobody opened what is encrypted, it cannot be seen what it is.
        let is_pair = |part: &str, begin: &str| part == UNOPENED || part.contains(begin);
        if !is_pair(certificate, "-----BEGIN CERTIFICATE-----") || !is_pair(key, "PRIVATE KEY-----") {
            let help = "`tls.crt` is a certificate and `tls.key` its private key, both as PEM and not encrypted";
            self.error(pointer, &format!("the Secret {} holds no certificate and key", quoted(name)), help);
            return None;
        }
        let both = SecretText::new(format!("{certificate}\n{key}\n"));
        let digest = digest_of_secret("certificate", both.expose(), self.around.key);
        let name = format!("{scope}-{name}-{}", digest.get(..DIGITS).unwrap_or(&digest));
        self.pairs.insert(name.clone(), both);
        Some(name)
    }

    pub(super) fn finish(self) -> Entrance {
        let Self { object, around: _, problems: _, mut routes, pairs } = self;
        routes.sort_by(|one, other| one.order().cmp(&other.order()));
        let parts: BTreeMap<String, String> = routes.iter().map(|route| (route.address(), words(route))).collect();
        let file = object.place("").map(|place| place.file.to_string());
        Entrance { id: object.id.clone(), file, revision: spec_hash(&parts), parts, routes, pairs }
    }
}

/// Where a route leads, and what else a change of it would be seen by.
fn words(route: &Route) -> String {
    match &route.tls {
        Some(RouteTls::Issued(Some(email))) => format!("{} (contact {email})", route.leads_to()),
        Some(RouteTls::Pair(name)) => format!("{} {name}", route.leads_to()),
        Some(RouteTls::Issued(None) | RouteTls::Internal) | None => route.leads_to(),
    }
}

/// A name of one or more labels, the first of which may be `*`.
pub(super) fn is_host(host: &str) -> bool {
    let name = host.strip_prefix("*.").unwrap_or(host);
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.len() <= 253 && name.split('.').all(label)
}

/// What `tls` of an Ingress says about hosts.
#[derive(Default)]
struct Certificates {
    of_hosts: BTreeMap<String, RouteTls>,
    /// Of hosts that no entry names.
    of_others: Option<RouteTls>,
}

impl Certificates {
    fn of(&self, host: Option<&str>) -> Option<RouteTls> {
        host.and_then(|host| self.of_hosts.get(host)).or(self.of_others.as_ref()).cloned()
    }

    fn hosts(&self) -> impl Iterator<Item = &str> {
        self.of_hosts.keys().map(String::as_str)
    }
}

/// Who takes which requests.
#[derive(Default)]
pub(super) struct Taken(BTreeMap<Requests, Vec<Taker>>);

/// Some requests: encrypted ones or plain ones, of a host, a path and what else they are.
type Requests = (bool, Option<String>, RoutePath, Condition);

type Taker = (ObjectId, Option<Place>);

impl Taken {
    fn note(&mut self, route: &Route, id: &ObjectId, place: Option<Place>) {
        let Route { host, path, condition, to: _, changes: _, tls, leaves_plain } = route;
        for encrypted in [Some(false).filter(|_| !leaves_plain), tls.as_ref().map(|_| true)].into_iter().flatten() {
            let requests = (encrypted, host.clone(), path.clone(), condition.clone());
            self.0.entry(requests).or_default().push((id.clone(), place.clone()));
        }
    }

    fn refuse_twins(self, problems: &mut Problems) {
        let mut told = BTreeSet::new();
        for ((_, host, path, condition), takers) in self.0.iter().filter(|(_, takers)| takers.len() > 1) {
            let all: Vec<String> = takers.iter().map(|(id, _)| id.to_string()).collect();
            for (_, place) in takers {
                let host = host.as_deref().unwrap_or("any host");
                let message = format!("{host}{path}{condition} would be served by {}", all.join(" and by "));
                if told.insert((message.clone(), place.clone())) {
                    problems
                        .push(Problem::error(place.clone(), message).help("remove one, or change its host or path"));
                }
            }
        }
    }
}
