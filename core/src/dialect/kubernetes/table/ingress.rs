//! Fields of Ingress and IngressClass.

use super::super::shape::{Format, LABEL, LINE, LINES, PORT_NUMBER, Shape, Type, WORD, idle, must, no, yes};
use super::metadata::OBJECT_META;
use super::storage::STATUS;

const TO_SERVICE: &str = "name a `service` and its port";

pub(super) static INGRESS: Shape = Shape {
    name: "Ingress",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&INGRESS_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static INGRESS_SPEC: Shape = Shape {
    name: "IngressSpec",
    fields: &[
        yes("ingressClassName", LINE),
        yes("defaultBackend", Type::Object(&BACKEND)),
        yes("rules", Type::List(&Type::Object(&RULE))),
        yes("tls", Type::List(&Type::Object(&TLS))),
    ],
};

static BACKEND: Shape = Shape {
    name: "IngressBackend",
    fields: &[yes("service", Type::Object(&SERVICE_BACKEND)), no("resource", Type::Any, TO_SERVICE)],
};

static SERVICE_BACKEND: Shape = Shape {
    name: "IngressServiceBackend",
    fields: &[must("name", LABEL), yes("port", Type::Object(&SERVICE_BACKEND_PORT))],
};

static SERVICE_BACKEND_PORT: Shape =
    Shape { name: "ServiceBackendPort", fields: &[yes("name", Type::Text(Format::Label)), yes("number", PORT_NUMBER)] };

static RULE: Shape =
    Shape { name: "IngressRule", fields: &[yes("host", LINE), yes("http", Type::Object(&RULE_VALUE))] };

static RULE_VALUE: Shape =
    Shape { name: "HTTPIngressRuleValue", fields: &[must("paths", Type::List(&Type::Object(&PATH)))] };

static PATH: Shape = Shape {
    name: "HTTPIngressPath",
    fields: &[
        yes("path", LINE),
        must("pathType", Type::Choice(&["Exact", "Prefix", "ImplementationSpecific"])),
        must("backend", Type::Object(&BACKEND)),
    ],
};

static TLS: Shape = Shape { name: "IngressTLS", fields: &[yes("hosts", LINES), yes("secretName", LINE)] };

pub(super) static INGRESS_CLASS: Shape = Shape {
    name: "IngressClass",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        yes("spec", Type::Object(&INGRESS_CLASS_SPEC)),
    ],
};

static INGRESS_CLASS_SPEC: Shape = Shape {
    name: "IngressClassSpec",
    fields: &[
        idle("controller", WORD, "the one ingress of the host serves every class that is among the manifests"),
        no("parameters", Type::Any, "leave it out; `[ingress]` in the settings of the host says how it is"),
    ],
};
