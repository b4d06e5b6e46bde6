//! Fields of Service.

use super::super::shape::{
    Format, LABELS, LINE, LINES, Literal, PORT_NUMBER, Shape, Type, WORD, idle, idle_but, must, no, only, yes,
};
use super::metadata::OBJECT_META;
use super::storage::STATUS;

const NAMES_ONLY: &str =
    "leave it out; a Service on Docker is a name that leads to its pods, or to a relay in front of them";
const TO_HOST: &str = "leave it out and give the Service the annotation `writ.publish` with an address of the host";
const TO_CLIENTS: &str =
    "leave it out and use the host's firewall; not every way to a published port keeps the client's address";
const ONE_HOST: &str = "there is one host; pods behind a relay see its address as the client's";
const NO_BALANCER: &str = "there is no load balancer on one host";

pub(super) static SERVICE: Shape = Shape {
    name: "Service",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&SERVICE_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static SERVICE_SPEC: Shape = Shape {
    name: "ServiceSpec",
    fields: &[
        only(
            "type",
            Type::Choice(&["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]),
            &[Literal::Text("ClusterIP"), Literal::Text("NodePort"), Literal::Text("LoadBalancer")],
            "write the other name where it is used",
        ),
        only("clusterIP", LINE, &[Literal::Text("None"), Literal::Text("")], NAMES_ONLY),
        only("clusterIPs", LINES, &[Literal::Text("None"), Literal::Text("")], NAMES_ONLY),
        must("selector", LABELS),
        yes("ports", Type::List(&Type::Object(&SERVICE_PORT))),
        yes("publishNotReadyAddresses", Type::Boolean),
        yes("sessionAffinity", Type::Choice(&["None", "ClientIP"])),
        yes("sessionAffinityConfig", Type::Object(&AFFINITY)),
        no("externalIPs", LINES, TO_HOST),
        no("externalName", LINE, "write the other name where it is used"),
        no("loadBalancerClass", LINE, TO_HOST),
        no("loadBalancerIP", LINE, TO_HOST),
        no("loadBalancerSourceRanges", LINES, TO_CLIENTS),
        idle("allocateLoadBalancerNodePorts", Type::Boolean, NO_BALANCER),
        idle("externalTrafficPolicy", Type::Choice(&["Cluster", "Local"]), ONE_HOST),
        idle("healthCheckNodePort", PORT_NUMBER, NO_BALANCER),
        idle("internalTrafficPolicy", Type::Choice(&["Cluster", "Local"]), ONE_HOST),
        idle("trafficDistribution", LINE, "there is one host"),
        idle("ipFamilies", Type::List(&Type::Choice(&["IPv4", "IPv6"])), "the engine's network decides"),
        idle(
            "ipFamilyPolicy",
            Type::Choice(&["SingleStack", "PreferDualStack", "RequireDualStack"]),
            "the engine's network decides",
        ),
    ],
};

static AFFINITY: Shape =
    Shape { name: "SessionAffinityConfig", fields: &[yes("clientIP", Type::Object(&CLIENT_AFFINITY))] };

static CLIENT_AFFINITY: Shape =
    Shape { name: "ClientIPConfig", fields: &[yes("timeoutSeconds", Type::Integer(1, 86_400))] };

static SERVICE_PORT: Shape = Shape {
    name: "ServicePort",
    fields: &[
        yes("name", Type::Text(Format::Label)),
        must("port", PORT_NUMBER),
        yes("targetPort", Type::Port),
        yes("protocol", Type::Choice(&["TCP", "UDP", "SCTP"])),
        yes("nodePort", Type::Integer(0, 65_535)),
        idle_but("appProtocol", LINE, &[], "it is a hint to proxies, and the relay passes on bytes"),
    ],
};
