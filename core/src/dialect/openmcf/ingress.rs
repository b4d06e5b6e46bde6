//! The ingress of a workload: one host name for all, one for those within.

use std::ops::Range;

use super::container::Port;
use super::head::Home;
use super::made::{Draft, Made, list, word};
use super::read::{Fields, Scene, Word};
use crate::dialect::Target;
use crate::text::quoted;

/// Where the gateways of Istio are. Source: what the module of OpenMCF sets.
const GATEWAYS: &str = "istio-ingress";
const CLASS: &str = "istio";
const ROUTES: &str = "gateway.networking.k8s.io/v1";
/// The port of a Service that is taken where no port is marked.
const PORT_DEFAULT: i64 = 80;
const HTTP: i64 = 80;
const HTTPS: i64 = 443;
const MOVED: i64 = 301;

/// Host names and where they lead.
#[derive(Debug)]
pub(super) struct Door {
    host: Word,
    /// What the host name lies in, after which the issuer of its certificates is called.
    domain: String,
    port: (i64, Range<usize>),
}

/// One of the two ways in.
struct Way {
    name: &'static str,
    host: Word,
    address: &'static str,
}

/// Reads the ingress; none if it is not enabled or wrong.
pub(super) fn read(scene: &mut Scene<'_>, spec: &Fields<'_, '_>, ports: &[Port]) -> Option<Door> {
    let ingress = spec.child(scene, "ingress", &["enabled", "hostname"]);
    let enabled = ingress.as_ref().filter(|ingress| ingress.flag(scene, "enabled"));
    let Some(ingress) = enabled else {
        for at in ports.iter().filter_map(|port| port.takes_ingress.as_ref()) {
            scene.note(at, "`isIngressPort` has no effect: `spec.ingress` is not enabled".to_owned());
        }
        return None;
    };
    let host = ingress.must_word(scene, "hostname")?;
    let is_name = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let domain = host.text.split_once('.').map(|(_, domain)| domain).filter(|_| host.text.split('.').all(is_name));
    if domain.is_none() {
        let message = format!(
            "{} must be a host name within a domain, in lower-case letters",
            quoted(&ingress.under("hostname"))
        );
        scene.error(&host.at, message, "write it as in \"books.example.org\"");
    }
    let marked = ports.iter().rev().find(|port| port.takes_ingress.is_some());
    let usual = || ports.iter().find(|port| port.service.as_ref().is_some_and(|(port, _)| *port == PORT_DEFAULT));
    let port = marked.or_else(usual).and_then(|port| port.service.clone());
    if port.is_none() {
        let message = format!("{} leads to no port", quoted(&ingress.path));
        scene.error(&ingress.at, message, "mark one of `ports` by `isIngressPort: true`");
    }
    let domain = domain?.to_owned();
    Some(Door { host, domain, port: port? })
}

/// The objects by which requests come in. A host has an ingress of its own; a cluster is expected to have Istio and cert-manager.
pub(super) fn objects<'a>(home: &Home<'_>, door: &Door, target: Target) -> Vec<Made<'a>> {
    let internal = Word::new(format!("internal-{}", door.host.text), &door.host.at);
    match target {
        Target::Docker => vec![of_host(home, door, &internal)],
        Target::Kubernetes => of_cluster(home, door, internal),
    }
}

fn of_host<'a>(home: &Home<'_>, door: &Door, internal: &Word) -> Made<'a> {
    let at = &door.host.at;
    let port = Draft::new(at).number("number", Some(door.port.clone())).done();
    let service = Draft::new(at).word("name", Some(&home.head.name)).put("port", port).done();
    let backend = Draft::new(at).put("service", service).done();
    let path = Draft::new(at).says("path", "/").says("pathType", "Prefix").put("backend", backend).done();
    let rule = |host: &Word| {
        let http = Draft::new(at).list("paths", vec![path.clone()]).done();
        Draft::new(at).word("host", Some(host)).put("http", http).done()
    };
    let hosts = list(at, vec![word(&door.host), word(internal)]);
    let spec = Draft::new(at)
        .list("rules", vec![rule(&door.host), rule(internal)])
        .list("tls", vec![Draft::new(at).put("hosts", hosts).done()])
        .done();
    home.object("networking.k8s.io/v1", "Ingress", &home.head.name).put("spec", spec).done()
}

fn of_cluster<'a>(home: &Home<'_>, door: &Door, internal: Word) -> Vec<Made<'a>> {
    let name = &home.head.name;
    let gateways = Word::new(GATEWAYS, &door.host.at);
    let certificate = Word::new(format!("{}-ingress-cert", name.text), &name.at);
    let issuer = Draft::new(&door.host.at).says("kind", "ClusterIssuer").says("name", &door.domain).done();
    let names = vec![word(&door.host), word(&internal)];
    let spec = Draft::new(&door.host.at)
        .list("dnsNames", names)
        .word("secretName", Some(&certificate))
        .put("issuerRef", issuer)
        .done();
    let mut objects =
        vec![home.object_in(&gateways, "cert-manager.io/v1", "Certificate", &certificate).put("spec", spec).done()];
    let ways = [
        Way {
            name: "external",
            host: door.host.clone(),
            address: "istio-ingress-gateway.istio-ingress.svc.cluster.local",
        },
        Way { name: "internal", host: internal, address: "ingress-internal.istio-ingress.svc.cluster.local" },
    ];
    for way in ways {
        let gateway = Word::new(format!("{}-{}", name.text, way.name), &way.host.at);
        let spec = gateway_spec(&way, &certificate);
        objects.push(home.object_in(&gateways, ROUTES, "Gateway", &gateway).put("spec", spec).done());
        let at = &way.host.at;
        let redirect = Draft::new(at).says("scheme", "https").number("statusCode", Some((MOVED, at.clone()))).done();
        let filter = Draft::new(at).says("type", "RequestRedirect").put("requestRedirect", redirect).done();
        let rule = Draft::new(at).list("filters", vec![filter]).done();
        let called = format!("{}-http-{}-redirect", name.text, way.name);
        objects.push(route(home, (&called, &gateway), ("http", &way), rule));
        let path = Draft::new(at).says("type", "PathPrefix").says("value", "/").done();
        let service = Draft::new(at).word("name", Some(name)).number("port", Some(door.port.clone())).done();
        let rule = Draft::new(at)
            .list("matches", vec![Draft::new(at).put("path", path).done()])
            .list("backendRefs", vec![service])
            .done();
        let called = format!("{}-https-{}", name.text, way.name);
        objects.push(route(home, (&called, &gateway), ("https", &way), rule));
    }
    objects
}

fn gateway_spec<'a>(way: &Way, certificate: &Word) -> Made<'a> {
    let at = &way.host.at;
    let listener = |protocol: &str, port: i64, tls: Option<Made<'a>>| {
        let from = Draft::new(at).says("from", "All").done();
        Draft::new(at)
            .says("name", &format!("{}-{}", protocol.to_lowercase(), way.name))
            .word("hostname", Some(&way.host))
            .number("port", Some((port, at.clone())))
            .says("protocol", protocol)
            .maybe("tls", tls)
            .put("allowedRoutes", Draft::new(at).put("namespaces", from).done())
            .done()
    };
    let reference = Draft::new(at).word("name", Some(certificate)).done();
    let tls = Draft::new(at).says("mode", "Terminate").list("certificateRefs", vec![reference]).done();
    let address = Draft::new(at).says("type", "Hostname").says("value", way.address).done();
    Draft::new(at)
        .says("gatewayClassName", CLASS)
        .list("addresses", vec![address])
        .list("listeners", vec![listener("HTTPS", HTTPS, Some(tls)), listener("HTTP", HTTP, None)])
        .done()
}

fn route<'a>(
    home: &Home<'_>,
    (called, gateway): (&str, &Word),
    (protocol, way): (&str, &Way),
    rule: Made<'a>,
) -> Made<'a> {
    let at = &way.host.at;
    let parent = Draft::new(at)
        .word("name", Some(gateway))
        .says("namespace", GATEWAYS)
        .says("sectionName", &format!("{protocol}-{}", way.name))
        .done();
    let spec = Draft::new(at)
        .list("parentRefs", vec![parent])
        .list("hostnames", vec![word(&way.host)])
        .list("rules", vec![rule])
        .done();
    home.object(ROUTES, "HTTPRoute", &Word::new(called, at)).put("spec", spec).done()
}
