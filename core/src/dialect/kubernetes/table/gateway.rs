//! Fields of Gateway, GatewayClass and HTTPRoute. Source: version 1.2 of the Gateway API, its standard channel.

use super::super::shape::{
    Format, LABEL, LINE, Literal, PORT_NUMBER, SUBDOMAIN, Shape, Type, WORD, idle, must, no, only, yes,
};
use super::metadata::{LABEL_SELECTOR, OBJECT_META};
use super::storage::STATUS;

const TO_HOST: &str = "leave it out; `[ingress]` in the settings of the host says how its ingress is";
const OWN_SCOPE: &str = "leave it out; what it names is in the namespace of the object itself";
const GROUP: &str = "gateway.networking.k8s.io";

pub(super) static GATEWAY_CLASS: Shape = Shape {
    name: "GatewayClass",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&GATEWAY_CLASS_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static GATEWAY_CLASS_SPEC: Shape = Shape {
    name: "GatewayClassSpec",
    fields: &[
        idle("controllerName", WORD, "the one ingress of the host serves every class that is among the manifests")
            .required(),
        idle("description", LINE, "it is for people"),
        no("parametersRef", Type::Any, TO_HOST),
    ],
};

pub(super) static GATEWAY: Shape = Shape {
    name: "Gateway",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&GATEWAY_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static GATEWAY_SPEC: Shape = Shape {
    name: "GatewaySpec",
    fields: &[
        must("gatewayClassName", WORD),
        must("listeners", Type::List(&Type::Object(&LISTENER))),
        no("addresses", Type::Any, TO_HOST),
        no("infrastructure", Type::Any, TO_HOST),
    ],
};

static LISTENER: Shape = Shape {
    name: "Listener",
    fields: &[
        must("name", SUBDOMAIN),
        yes("hostname", LINE),
        must("port", PORT_NUMBER),
        must("protocol", Type::Choice(&["HTTP", "HTTPS"])),
        yes("tls", Type::Object(&LISTENER_TLS)),
        yes("allowedRoutes", Type::Object(&ALLOWED_ROUTES)),
    ],
};

static LISTENER_TLS: Shape = Shape {
    name: "GatewayTLSConfig",
    fields: &[
        only("mode", Type::Choice(&["Terminate", "Passthrough"]), &[Literal::Text("Terminate")], "leave it out"),
        yes("certificateRefs", Type::List(&Type::Object(&SECRET_REF))),
        no("options", Type::Any, "leave it out; the ingress chooses versions and ciphers"),
    ],
};

static SECRET_REF: Shape = Shape {
    name: "SecretObjectReference",
    fields: &[
        only("group", LINE, &[Literal::Text("")], "leave it out; a certificate is in a Secret"),
        only("kind", WORD, &[Literal::Text("Secret")], "leave it out; a certificate is in a Secret"),
        must("name", SUBDOMAIN),
        no("namespace", LABEL, OWN_SCOPE),
    ],
};

static ALLOWED_ROUTES: Shape = Shape {
    name: "AllowedRoutes",
    fields: &[yes("namespaces", Type::Object(&ROUTE_NAMESPACES)), yes("kinds", Type::List(&Type::Object(&ROUTE_KIND)))],
};

static ROUTE_NAMESPACES: Shape = Shape {
    name: "RouteNamespaces",
    fields: &[
        only(
            "from",
            Type::Choice(&["All", "Same", "Selector"]),
            &[Literal::Text("All"), Literal::Text("Same")],
            "write `All` or `Same`",
        ),
        no("selector", Type::Object(&LABEL_SELECTOR), "write `from: All` or `from: Same`"),
    ],
};

static ROUTE_KIND: Shape = Shape {
    name: "RouteGroupKind",
    fields: &[
        only("group", LINE, &[Literal::Text(GROUP)], "leave it out"),
        only("kind", WORD, &[Literal::Text("HTTPRoute")], "leave it out; routes are HTTPRoutes").required(),
    ],
};

pub(super) static HTTP_ROUTE: Shape = Shape {
    name: "HTTPRoute",
    fields: &[
        must("apiVersion", WORD),
        must("kind", WORD),
        must("metadata", Type::Object(&OBJECT_META)),
        must("spec", Type::Object(&HTTP_ROUTE_SPEC)),
        idle("status", Type::Any, STATUS),
    ],
};

static HTTP_ROUTE_SPEC: Shape = Shape {
    name: "HTTPRouteSpec",
    fields: &[
        yes("parentRefs", Type::List(&Type::Object(&PARENT_REF))),
        yes("hostnames", Type::List(&LINE)),
        yes("rules", Type::List(&Type::Object(&RULE))),
    ],
};

static PARENT_REF: Shape = Shape {
    name: "ParentReference",
    fields: &[
        only("group", LINE, &[Literal::Text(GROUP)], "leave it out; a route belongs to a Gateway"),
        only("kind", WORD, &[Literal::Text("Gateway")], "leave it out; a route belongs to a Gateway"),
        yes("namespace", LABEL),
        must("name", SUBDOMAIN),
        yes("sectionName", SUBDOMAIN),
        yes("port", PORT_NUMBER),
    ],
};

static RULE: Shape = Shape {
    name: "HTTPRouteRule",
    fields: &[
        yes("matches", Type::List(&Type::Object(&MATCH))),
        yes("filters", Type::List(&Type::Object(&FILTER))),
        yes("backendRefs", Type::List(&Type::Object(&BACKEND_REF))),
        no("timeouts", Type::Any, "leave it out; a request takes as long as its pod does"),
    ],
};

static MATCH: Shape = Shape {
    name: "HTTPRouteMatch",
    fields: &[
        yes("path", Type::Object(&PATH_MATCH)),
        yes("headers", Type::List(&Type::Object(&HEADER_MATCH))),
        yes("queryParams", Type::List(&Type::Object(&QUERY_MATCH))),
        yes("method", Type::Choice(&["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"])),
    ],
};

const EXACT: &str = "write `type: Exact`, or leave it out";

static PATH_MATCH: Shape = Shape {
    name: "HTTPPathMatch",
    fields: &[
        only(
            "type",
            Type::Choice(&["Exact", "PathPrefix", "RegularExpression"]),
            &[Literal::Text("Exact"), Literal::Text("PathPrefix")],
            "write `Exact` or `PathPrefix`",
        ),
        yes("value", LINE),
    ],
};

static HEADER_MATCH: Shape = Shape {
    name: "HTTPHeaderMatch",
    fields: &[
        only("type", Type::Choice(&["Exact", "RegularExpression"]), &[Literal::Text("Exact")], EXACT),
        must("name", WORD),
        must("value", WORD),
    ],
};

static QUERY_MATCH: Shape = Shape {
    name: "HTTPQueryParamMatch",
    fields: &[
        only("type", Type::Choice(&["Exact", "RegularExpression"]), &[Literal::Text("Exact")], EXACT),
        must("name", WORD),
        must("value", WORD),
    ],
};

static FILTER: Shape = Shape {
    name: "HTTPRouteFilter",
    fields: &[
        must(
            "type",
            Type::Choice(&[
                "RequestHeaderModifier",
                "ResponseHeaderModifier",
                "RequestRedirect",
                "URLRewrite",
                "RequestMirror",
                "ExtensionRef",
            ]),
        ),
        yes("requestHeaderModifier", Type::Object(&HEADER_FILTER)),
        yes("responseHeaderModifier", Type::Object(&HEADER_FILTER)),
        yes("requestRedirect", Type::Object(&REDIRECT)),
        yes("urlRewrite", Type::Object(&REWRITE)),
        no("requestMirror", Type::Any, "leave it out; a request goes to one pod"),
        no("extensionRef", Type::Any, "leave it out; nothing extends the ingress of a host"),
    ],
};

static HEADER_FILTER: Shape = Shape {
    name: "HTTPHeaderFilter",
    fields: &[
        yes("set", Type::List(&Type::Object(&HEADER))),
        yes("add", Type::List(&Type::Object(&HEADER))),
        yes("remove", Type::List(&WORD)),
    ],
};

static HEADER: Shape = Shape { name: "HTTPHeader", fields: &[must("name", WORD), must("value", LINE)] };

static REDIRECT: Shape = Shape {
    name: "HTTPRequestRedirectFilter",
    fields: &[
        yes("scheme", Type::Choice(&["http", "https"])),
        yes("hostname", LINE),
        yes("path", Type::Object(&PATH_MODIFIER)),
        yes("port", PORT_NUMBER),
        yes("statusCode", Type::Integer(301, 302)),
    ],
};

static REWRITE: Shape =
    Shape { name: "HTTPURLRewriteFilter", fields: &[yes("hostname", LINE), yes("path", Type::Object(&PATH_MODIFIER))] };

static PATH_MODIFIER: Shape = Shape {
    name: "HTTPPathModifier",
    fields: &[
        must("type", Type::Choice(&["ReplaceFullPath", "ReplacePrefixMatch"])),
        yes("replaceFullPath", LINE),
        yes("replacePrefixMatch", LINE),
    ],
};

static BACKEND_REF: Shape = Shape {
    name: "HTTPBackendRef",
    fields: &[
        only("group", LINE, &[Literal::Text("")], "leave it out; a backend is a Service"),
        only("kind", WORD, &[Literal::Text("Service")], "leave it out; a backend is a Service"),
        must("name", Type::Text(Format::Label)),
        no("namespace", LABEL, OWN_SCOPE),
        yes("port", PORT_NUMBER),
        yes("weight", Type::Integer(0, 1_000_000)),
        no("filters", Type::Any, "write the filters of the whole rule"),
    ],
};
