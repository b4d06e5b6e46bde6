//! Views of Ingress and IngressClass. Field names are those of Kubernetes.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Ingress {
    pub(in crate::model) ingress_class_name: Option<String>,
    pub(in crate::model) default_backend: Option<Backend>,
    pub(in crate::model) rules: Option<Vec<Rule>>,
    pub(in crate::model) tls: Option<Vec<Tls>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Rule {
    pub(in crate::model) host: Option<String>,
    pub(in crate::model) http: Option<Paths>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Paths {
    pub(in crate::model) paths: Vec<Path>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Path {
    pub(in crate::model) path: Option<String>,
    pub(in crate::model) path_type: String,
    pub(in crate::model) backend: Backend,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Backend {
    pub(in crate::model) service: Option<ServiceBackend>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct ServiceBackend {
    pub(in crate::model) name: String,
    pub(in crate::model) port: Option<BackendPort>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct BackendPort {
    pub(in crate::model) name: Option<String>,
    pub(in crate::model) number: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Tls {
    pub(in crate::model) hosts: Option<Vec<String>>,
    pub(in crate::model) secret_name: Option<String>,
}
