//! Views of Gateway and HTTPRoute. Field names are those of the Gateway API.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Gateway {
    pub(in crate::model) gateway_class_name: String,
    pub(in crate::model) listeners: Vec<Listener>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Listener {
    pub(in crate::model) name: String,
    pub(in crate::model) hostname: Option<String>,
    pub(in crate::model) port: u16,
    pub(in crate::model) protocol: String,
    pub(in crate::model) tls: Option<ListenerTls>,
    pub(in crate::model) allowed_routes: Option<AllowedRoutes>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ListenerTls {
    pub(in crate::model) certificate_refs: Option<Vec<Named>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Named {
    pub(in crate::model) name: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct AllowedRoutes {
    pub(in crate::model) namespaces: Option<RouteNamespaces>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct RouteNamespaces {
    pub(in crate::model) from: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct HttpRoute {
    pub(in crate::model) parent_refs: Option<Vec<ParentRef>>,
    pub(in crate::model) hostnames: Option<Vec<String>>,
    pub(in crate::model) rules: Option<Vec<Rule>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ParentRef {
    pub(in crate::model) namespace: Option<String>,
    pub(in crate::model) name: String,
    pub(in crate::model) section_name: Option<String>,
    pub(in crate::model) port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Rule {
    pub(in crate::model) matches: Option<Vec<Match>>,
    pub(in crate::model) filters: Option<Vec<Filter>>,
    pub(in crate::model) backend_refs: Option<Vec<BackendRef>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Match {
    pub(in crate::model) path: Option<PathMatch>,
    pub(in crate::model) headers: Option<Vec<Pair>>,
    pub(in crate::model) query_params: Option<Vec<Pair>>,
    pub(in crate::model) method: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct PathMatch {
    #[serde(rename = "type")]
    pub(in crate::model) kind: Option<String>,
    pub(in crate::model) value: Option<String>,
}

/// A header or a parameter of a query, and its value.
#[derive(Debug, Deserialize)]
pub(in crate::model) struct Pair {
    pub(in crate::model) name: String,
    pub(in crate::model) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Filter {
    #[serde(rename = "type")]
    pub(in crate::model) kind: String,
    pub(in crate::model) request_header_modifier: Option<HeaderFilter>,
    pub(in crate::model) response_header_modifier: Option<HeaderFilter>,
    pub(in crate::model) request_redirect: Option<Redirect>,
    pub(in crate::model) url_rewrite: Option<Rewrite>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct HeaderFilter {
    pub(in crate::model) set: Option<Vec<Pair>>,
    pub(in crate::model) add: Option<Vec<Pair>>,
    pub(in crate::model) remove: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Redirect {
    pub(in crate::model) scheme: Option<String>,
    pub(in crate::model) hostname: Option<String>,
    pub(in crate::model) path: Option<PathModifier>,
    pub(in crate::model) port: Option<u16>,
    pub(in crate::model) status_code: Option<u16>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Rewrite {
    pub(in crate::model) hostname: Option<String>,
    pub(in crate::model) path: Option<PathModifier>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct PathModifier {
    #[serde(rename = "type")]
    pub(in crate::model) kind: String,
    pub(in crate::model) replace_full_path: Option<String>,
    pub(in crate::model) replace_prefix_match: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct BackendRef {
    pub(in crate::model) name: String,
    pub(in crate::model) port: Option<i64>,
    pub(in crate::model) weight: Option<i64>,
}
