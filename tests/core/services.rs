//! What Services become: names alone where those do, and a relay where a port, the host or a client asks for more.

use std::fmt::Write as _;

use writ_core::dialect::{Files, lower};
use writ_core::guard::{Rule, judge};
use writ_core::model::{Desired, Kind, PodSpec, resolve};
use writ_core::text::Sources;

use crate::desired_text::{desired, messages, refusal, world};
use crate::guard::{Verdict, judge_text};

/// A Deployment `shop/NAME` whose pods listen on 8080 by the name `http`, and on 53 by the name `dns`.
fn workload(name: &str) -> String {
    let ports = "[{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]";
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: shop}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, tier: front}}}}
    spec: {{containers: [{{name: main, image: example/web:1, ports: {ports}}}]}}
"
    )
}

fn service(name: &str, spec: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{{spec}}}\n")
}

/// The set `web` and a Service of that name that selects it, with more in its spec.
fn web(spec: &str) -> String {
    format!("{}---\n{}", workload("web"), service("web", &format!("selector: {{app: web}}, {spec}")))
}

/// The relay of each Service and the names that lead to the pods, as text.
fn text(desired: &Desired) -> String {
    let mut text = String::new();
    for workload in desired.workloads.values() {
        let pod: PodSpec = workload.pod(&workload.some_index());
        if workload.id.kind == Kind::Service {
            let words = pod.main.arguments.unwrap_or_default();
            writeln!(text, "{} as {}: {}", pod.name, pod.own_names.join(" "), words.join(" ")).unwrap();
            for port in pod.main.ports.iter().filter_map(|port| Some((port.publish?, port))) {
                let (publish, port) = port;
                let outside = publish.port.map_or_else(String::new, |port| port.to_string());
                writeln!(text, "  {}:{outside} to {:?} {}", publish.address, port.protocol, port.container).unwrap();
            }
        } else {
            let early = if pod.publish_not_ready { " early" } else { "" };
            writeln!(text, "{} by{early} {}", workload.id, pod.shared_names.join(" ")).unwrap();
        }
    }
    text
}

#[track_caller]
fn check(yaml: &str, expected: &str) {
    let (desired, _) = desired(yaml);
    assert_eq!(text(&desired), expected, "{yaml}");
}

#[track_caller]
fn check_refused(yaml: &str, message: &str) {
    let found = refusal(yaml);
    assert!(found.contains(message), "{message:?} is not in:\n{found}");
}

const NAMES: &str = "web.shop web.shop.voodu web.shop.svc web.shop.svc.cluster.local web";
const BY_RELAY: &str = "deployment/shop/web by web.shop.endpoints.voodu\n";

#[test]
fn a_service_that_names_alone_can_do_is_names_alone() {
    let plain = format!("deployment/shop/web by {NAMES}\n");
    for spec in [
        "ports: [{port: 8080}]",
        "ports: [{port: 8080, targetPort: 8080}]",
        "ports: [{port: 8080, targetPort: http}]",
        "type: ClusterIP, sessionAffinity: None, ports: [{port: 8080, nodePort: 0}]",
        "clusterIP: None, ports: [{port: 80, targetPort: 8080}]",
        "ports: [{port: 8080, protocol: SCTP}]",
    ] {
        check(&web(spec), &plain);
    }
}

#[test]
fn a_port_unlike_the_pods_is_passed_on_by_a_relay_that_bears_the_names_of_the_service() {
    let relay = format!("shop-web.service as {NAMES}: relay tcp/80/web.shop.endpoints.voodu/8080\n");
    check(&web("ports: [{port: 80, targetPort: 8080}]"), &format!("{relay}{BY_RELAY}"));
    check(&web("ports: [{port: 80, targetPort: http}]"), &format!("{relay}{BY_RELAY}"));
    let both = "ports: [{name: http, port: 8080}, {name: dns, port: 5353, targetPort: dns, protocol: UDP}]";
    let words = "relay tcp/8080/web.shop.endpoints.voodu/8080 udp/5353/web.shop.endpoints.voodu/53";
    check(&web(both), &format!("shop-web.service as {NAMES}: {words}\n{BY_RELAY}"));
    let sticky = "sessionAffinity: ClientIP, ports: [{port: 8080}]";
    let words = |seconds| format!("relay affinity/{seconds} tcp/8080/web.shop.endpoints.voodu/8080");
    check(&web(sticky), &format!("shop-web.service as {NAMES}: {}\n{BY_RELAY}", words(10_800)));
    let short = format!("sessionAffinityConfig: {{clientIP: {{timeoutSeconds: 60}}}}, {sticky}");
    check(&web(&short), &format!("shop-web.service as {NAMES}: {}\n{BY_RELAY}", words(60)));
}

#[test]
fn a_relay_leads_to_pods_before_they_are_ready_where_its_service_says_so() {
    let (desired, _) = desired(&web("publishNotReadyAddresses: true, ports: [{port: 80, targetPort: 8080}]"));
    assert!(text(&desired).ends_with("deployment/shop/web by early web.shop.endpoints.voodu\n"), "{}", text(&desired));
}

#[test]
fn a_changed_service_changes_its_relay_and_no_pod() {
    let revisions = |spec: &str| {
        let (desired, _) = desired(&web(spec));
        let revisions: Vec<_> = desired.workloads.values().map(|workload| workload.revision.clone()).collect();
        <[_; 2]>::try_from(revisions).unwrap()
    };
    let [relay, pods] = revisions("ports: [{port: 80, targetPort: 8080}]");
    for spec in [
        "ports: [{port: 81, targetPort: 8080}]",
        "ports: [{port: 80, targetPort: 8081}]",
        "type: NodePort, ports: [{port: 80, targetPort: 8080}]",
        "sessionAffinity: ClientIP, ports: [{port: 80, targetPort: 8080}]",
    ] {
        let [other, same] = revisions(spec);
        assert_eq!((same, other == relay), (pods.clone(), false), "{spec}");
    }
}

#[test]
fn a_port_of_the_host_follows_from_the_services_name_and_is_given_once() {
    let told = |spec: &str| {
        let (desired, problems) = desired(&web(spec));
        (text(&desired), messages(&problems))
    };
    let (found, notes) = told("type: NodePort, ports: [{port: 80, targetPort: 8080}]");
    let port: u16 = found.split_once("127.0.0.1:").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!((30_000..=32_767).contains(&port), "{port}");
    assert!(
        notes.contains(&format!("port 80 is published as port {port} of 127.0.0.1, chosen by its name")),
        "{notes}"
    );
    // It is the same beside another one, and another one where somebody has it.
    let beside = format!("{}---\n{}", web("type: NodePort, ports: [{port: 80}]"), workload("other"));
    assert!(text(&desired(&beside).0).contains(&format!("127.0.0.1:{port} ")));
    let taker =
        service("a", &format!("type: NodePort, selector: {{app: web}}, ports: [{{port: 1, nodePort: {port}}}]"));
    let taken = text(&desired(&format!("{}---\n{taker}", web("type: NodePort, ports: [{port: 80}]"))).0);
    assert_eq!(taken.matches(&format!("127.0.0.1:{port} ")).count(), 1, "{taken}");
    assert!(taken.contains(&format!("127.0.0.1:{} to Tcp 80", port + 1)), "{taken}");
    let (fixed, notes) = told("type: NodePort, ports: [{port: 80, nodePort: 30080}]");
    assert!(fixed.contains("  127.0.0.1:30080 to Tcp 80\n") && notes.is_empty(), "{fixed}{notes}");
    let (balancer, _) = told("type: LoadBalancer, ports: [{port: 8080}]");
    assert!(balancer.contains("  127.0.0.1:8080 to Tcp 8080\n"), "{balancer}");
    let (both, _) = told("type: LoadBalancer, ports: [{port: 8080, nodePort: 30080}]");
    assert!(both.contains("  127.0.0.1:8080 to Tcp 8080\n  127.0.0.1:30080 to Tcp 8080\n"), "{both}");
}

#[test]
fn ports_that_cannot_be_led_to_are_refused() {
    check_refused(&web("ports: [{port: 80, targetPort: web}]"), "deployment/shop/web has no port named `web`");
    let other = workload("other").replace("containerPort: 8080", "containerPort: 9090");
    let front = service("front", "selector: {tier: front}, ports: [{port: 80, targetPort: http}]");
    let two = format!("{}---\n{other}---\n{front}", workload("web"));
    check_refused(&two, "port `http` is 8080 in deployment/shop/web and 9090 in deployment/shop/other");
    // With the same number in both it is one.
    let same = two.replace("containerPort: 9090", "containerPort: 8080");
    let (found, _) = desired(&same);
    assert!(text(&found).contains("relay tcp/80/front.shop.endpoints.voodu/8080"), "{}", text(&found));
    check_refused(&web("ports: [{port: 80, targetPort: 8080, protocol: SCTP}]"), "SCTP cannot be passed on");
    check_refused(&web("ports: [{name: a, port: 80}, {name: b, port: 80}]"), "port 80 of TCP is there twice");
    check_refused(&web("type: NodePort, ports: [{port: 80, nodePort: 8080}]"), "must be from 30000 to 32767");
    check_refused(&web("ports: [{port: 80, nodePort: 30080}]"), "ClusterIP has no port of the host");
    check_refused(&web("type: NodePort, clusterIP: None, ports: [{port: 80}]"), "a headless Service is names alone");
    let sticky = "clusterIP: None, sessionAffinity: ClientIP, ports: [{port: 80}]";
    check_refused(&web(sticky), "clients of a headless Service choose");
    let idle = "sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}, ports: [{port: 8080}]";
    check_refused(&web(idle), "nothing stays with a pod without");
    for spec in ["loadBalancerSourceRanges: [10.0.0.0/8]", "externalIPs: [192.0.2.1]", "type: ExternalName"] {
        let yaml = web(&format!("{spec}, ports: [{{port: 80}}]"));
        let lowered = lower(&Files::from([("a.yaml".to_owned(), yaml.into_bytes())])).0;
        assert!(lowered.is_err(), "{spec}");
    }
}

#[test]
fn two_that_would_have_one_port_of_the_host_or_one_name_are_refused_at_both_places() {
    let port = "ports: [{port: 8080, nodePort: 30080}]";
    let one = web(&format!("type: NodePort, {port}"));
    let other = service("other", &format!("type: NodePort, selector: {{app: web}}, {port}"));
    let found = refusal(&format!("{one}---\n{other}"));
    let message = "host port 127.0.0.1:30080 would belong to service/shop/other and to service/shop/web";
    assert_eq!(found.matches(message).count(), 2, "{found}");
    // A pod's own port of the host is the same port.
    let pod = workload("solo").replace("replicas: 2", "replicas: 1");
    let pod = pod.replace("containerPort: 8080", "containerPort: 8080, hostPort: 30080");
    let found = refusal(&format!("{one}---\n{pod}"));
    assert_eq!(found.matches("host port 127.0.0.1:30080 would belong to").count(), 2, "{found}");
    let spec = "selector: {app: web}, ports: [{port: 80, targetPort: 8080}]";
    let (one, other) = (service("b-c", spec), service("c", spec));
    let one = one.replace("namespace: shop", "namespace: a");
    let other = other.replace("namespace: shop", "namespace: a-b");
    let found = refusal(&format!("{one}---\n{other}"));
    assert_eq!(found.matches("container name a-b-c.service would belong to").count(), 2, "{found}");
}

/// What the guard says of a Service that is reached on an address, by a policy on top of `baseline`.
fn judged(address: &str, own: &str) -> Verdict {
    let yaml = web("type: LoadBalancer, ports: [{port: 8080}]");
    let annotations = format!("name: web, namespace: shop, annotations: {{writ.publish: '{address}'}}");
    let (workload, service) = yaml.split_once("---").unwrap();
    let service = service.replace("name: web, namespace: shop", &annotations);
    judge_text("a.yaml", &format!("{workload}---{service}"), own)
}

#[test]
fn a_service_may_have_of_the_host_what_a_pod_may_and_no_more() {
    let refused = |rules: &[Rule]| Verdict::Refused(rules.iter().copied().collect());
    for address in ["loopback", "127.0.0.1", "::1"] {
        assert_eq!(judged(address, ""), refused(&[]), "{address}");
    }
    for address in ["0.0.0.0", "::", "192.0.2.1"] {
        assert_eq!(judged(address, ""), refused(&[Rule::HostPortAddress]), "{address}");
    }
    assert_eq!(judged("192.0.2.1", "host_addresses = [\"192.0.2.1\"]\n"), refused(&[]));
    assert_eq!(judged("loopback", "host_ports = [\"9000-9999\"]\n"), refused(&[Rule::HostPort]));
    assert_eq!(judged("loopback", "host_ports = [\"8000-8999\"]\n"), refused(&[]));
    for wrong in ["lo", "", "127.0.0.1:80", "localhost"] {
        assert_eq!(judged(wrong, ""), Verdict::NotTaken, "{wrong}");
    }
    let inside = web("ports: [{port: 80, targetPort: 8080}]");
    let (workload, service) = inside.split_once("---").unwrap();
    let service = service.replace("namespace: shop}", "namespace: shop, annotations: {writ.publish: loopback}}");
    assert_eq!(judge_text("a.yaml", &format!("{workload}---{service}"), ""), Verdict::NotTaken);
}

#[test]
fn a_relay_has_no_power_and_no_image_of_anybody_even_where_little_is_allowed() {
    let files = Files::from([("a.yaml".to_owned(), web("ports: [{port: 80, targetPort: 8080}]").into_bytes())]);
    let (lowered, sources): (_, Sources) = lower(&files);
    let lowered = lowered.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
    let (desired, _) = resolve(&lowered.objects, &world(&[])).unwrap();
    let strict = writ_core::guard::Profile::Restricted.policy();
    let refused = judge(&desired, &strict);
    assert!(refused.iter().any(|(id, _)| id.kind == Kind::Deployment), "{refused:?}");
    assert!(refused.iter().all(|(id, _)| id.kind != Kind::Service), "{refused:?}");
    // An image of that name in a pod is one of a registry, like any other.
    let named = workload("web").replace("example/web:1", "writ/companion:relay-1");
    let found = judge_text("a.yaml", &named, "registries = [\"ghcr.io\"]\n");
    assert_eq!(found, Verdict::Refused([Rule::ImageRegistry].into()));
}
