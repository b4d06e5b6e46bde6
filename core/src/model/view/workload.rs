//! Views of the controllers, of Services and of what holds contents. Field names are those of Kubernetes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{IntOrString, RawQuantity};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct StatefulSet {
    pub(in crate::model) replicas: Option<i64>,
    pub(in crate::model) service_name: Option<String>,
    pub(in crate::model) pod_management_policy: Option<String>,
    pub(in crate::model) update_strategy: Option<UpdateStrategy>,
    pub(in crate::model) min_ready_seconds: Option<i64>,
    pub(in crate::model) ordinals: Option<Ordinals>,
    pub(in crate::model) selector: Option<Selector>,
    pub(in crate::model) volume_claim_templates: Option<Vec<Claim>>,
    pub(in crate::model) persistent_volume_claim_retention_policy: Option<Retention>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Ordinals {
    pub(in crate::model) start: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Retention {
    pub(in crate::model) when_deleted: Option<String>,
    pub(in crate::model) when_scaled: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct UpdateStrategy {
    #[serde(rename = "type")]
    pub(in crate::model) kind: Option<String>,
    pub(in crate::model) rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct RollingUpdate {
    pub(in crate::model) partition: Option<i64>,
    pub(in crate::model) max_surge: Option<IntOrString>,
    pub(in crate::model) max_unavailable: Option<IntOrString>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Claim {
    pub(in crate::model) metadata: Option<ClaimMetadata>,
    pub(in crate::model) spec: Option<ClaimSpec>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct ClaimMetadata {
    pub(in crate::model) name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ClaimSpec {
    pub(in crate::model) access_modes: Option<Vec<String>>,
    pub(in crate::model) storage_class_name: Option<String>,
    pub(in crate::model) resources: Option<ClaimResources>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct ClaimResources {
    pub(in crate::model) requests: Option<BTreeMap<String, RawQuantity>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Deployment {
    pub(in crate::model) replicas: Option<i64>,
    pub(in crate::model) strategy: Option<UpdateStrategy>,
    pub(in crate::model) min_ready_seconds: Option<i64>,
    pub(in crate::model) progress_deadline_seconds: Option<i64>,
    pub(in crate::model) selector: Option<Selector>,
    pub(in crate::model) paused: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct DaemonSet {
    pub(in crate::model) min_ready_seconds: Option<i64>,
    pub(in crate::model) update_strategy: Option<UpdateStrategy>,
    pub(in crate::model) selector: Option<Selector>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Job {
    pub(in crate::model) completions: Option<i64>,
    pub(in crate::model) parallelism: Option<i64>,
    pub(in crate::model) completion_mode: Option<String>,
    pub(in crate::model) backoff_limit: Option<i64>,
    pub(in crate::model) active_deadline_seconds: Option<i64>,
    pub(in crate::model) ttl_seconds_after_finished: Option<i64>,
    pub(in crate::model) suspend: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct CronJob {
    pub(in crate::model) schedule: String,
    pub(in crate::model) time_zone: Option<String>,
    pub(in crate::model) concurrency_policy: Option<String>,
    pub(in crate::model) starting_deadline_seconds: Option<i64>,
    pub(in crate::model) suspend: Option<bool>,
    pub(in crate::model) successful_jobs_history_limit: Option<i64>,
    pub(in crate::model) failed_jobs_history_limit: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Selector {
    pub(in crate::model) match_labels: Option<BTreeMap<String, String>>,
    pub(in crate::model) match_expressions: Option<Vec<Expression>>,
}

impl Selector {
    /// True if it says nothing.
    pub(in crate::model) fn is_empty(&self) -> bool {
        let Self { match_labels, match_expressions } = self;
        match_labels.as_ref().is_none_or(BTreeMap::is_empty) && match_expressions.as_ref().is_none_or(Vec::is_empty)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct DisruptionBudget {
    pub(in crate::model) min_available: Option<IntOrString>,
    pub(in crate::model) max_unavailable: Option<IntOrString>,
    pub(in crate::model) selector: Option<Selector>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Expression {
    pub(in crate::model) key: String,
    pub(in crate::model) operator: String,
    pub(in crate::model) values: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Metadata {
    pub(in crate::model) labels: Option<BTreeMap<String, String>>,
    pub(in crate::model) annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Service {
    #[serde(rename = "type")]
    pub(in crate::model) kind: Option<String>,
    #[serde(rename = "clusterIP")]
    pub(in crate::model) cluster_ip: Option<String>,
    pub(in crate::model) selector: Option<BTreeMap<String, String>>,
    pub(in crate::model) ports: Option<Vec<ServicePort>>,
    pub(in crate::model) publish_not_ready_addresses: Option<bool>,
    #[serde(rename = "externalIPs")]
    pub(in crate::model) external_ips: Option<Vec<String>>,
    pub(in crate::model) session_affinity: Option<String>,
    pub(in crate::model) session_affinity_config: Option<Affinity>,
    pub(in crate::model) load_balancer_source_ranges: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Affinity {
    #[serde(rename = "clientIP")]
    pub(in crate::model) client_ip: Option<ClientAffinity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ClientAffinity {
    pub(in crate::model) timeout_seconds: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ServicePort {
    pub(in crate::model) name: Option<String>,
    pub(in crate::model) port: i64,
    pub(in crate::model) target_port: Option<IntOrString>,
    pub(in crate::model) protocol: Option<String>,
    pub(in crate::model) node_port: Option<i64>,
}

/// ConfigMap and Secret; values are read one by one, so that a wrong one has its own place.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Contents {
    pub(in crate::model) data: Option<BTreeMap<String, Value>>,
    pub(in crate::model) binary_data: Option<BTreeMap<String, Value>>,
    pub(in crate::model) string_data: Option<BTreeMap<String, Value>>,
}
