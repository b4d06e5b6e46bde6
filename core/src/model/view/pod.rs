//! Views of a pod template's parts. Field names are those of Kubernetes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{IntOrString, RawQuantity};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct PodFields {
    pub(in crate::model) security_context: Option<PodSecurity>,
    pub(in crate::model) termination_grace_period_seconds: Option<i64>,
    pub(in crate::model) restart_policy: Option<String>,
    /// Counted here, and each read by itself.
    pub(in crate::model) containers: Option<Vec<IgnoredAny>>,
    /// Counted here, and each read by itself.
    pub(in crate::model) init_containers: Option<Vec<IgnoredAny>>,
    pub(in crate::model) volumes: Option<Vec<Volume>>,
    pub(in crate::model) host_network: Option<bool>,
    pub(in crate::model) host_aliases: Option<Vec<HostAlias>>,
    #[serde(rename = "hostPID")]
    pub(in crate::model) host_pid: Option<bool>,
    #[serde(rename = "hostIPC")]
    pub(in crate::model) host_ipc: Option<bool>,
    pub(in crate::model) share_process_namespace: Option<bool>,
    pub(in crate::model) image_pull_secrets: Option<Vec<ObjectRef>>,
    pub(in crate::model) hostname: Option<String>,
    pub(in crate::model) subdomain: Option<String>,
    #[serde(rename = "setHostnameAsFQDN")]
    pub(in crate::model) set_hostname_as_fqdn: Option<bool>,
    pub(in crate::model) dns_policy: Option<String>,
    pub(in crate::model) dns_config: Option<DnsConfig>,
}

#[derive(Debug, Default, Deserialize)]
pub(in crate::model) struct DnsConfig {
    pub(in crate::model) nameservers: Option<Vec<String>>,
    pub(in crate::model) searches: Option<Vec<String>>,
    pub(in crate::model) options: Option<Vec<DnsOption>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct DnsOption {
    pub(in crate::model) name: Option<String>,
    pub(in crate::model) value: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct HostAlias {
    pub(in crate::model) ip: String,
    pub(in crate::model) hostnames: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct PodSecurity {
    pub(in crate::model) run_as_user: Option<u32>,
    pub(in crate::model) run_as_group: Option<u32>,
    pub(in crate::model) run_as_non_root: Option<bool>,
    pub(in crate::model) supplemental_groups: Option<Vec<u32>>,
    pub(in crate::model) fs_group: Option<u32>,
    pub(in crate::model) seccomp_profile: Option<Profile>,
    pub(in crate::model) app_armor_profile: Option<Profile>,
    pub(in crate::model) sysctls: Option<Vec<Sysctl>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Sysctl {
    pub(in crate::model) name: String,
    pub(in crate::model) value: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Profile {
    #[serde(rename = "type")]
    pub(in crate::model) kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ContainerSecurity {
    pub(in crate::model) run_as_user: Option<u32>,
    pub(in crate::model) run_as_group: Option<u32>,
    pub(in crate::model) run_as_non_root: Option<bool>,
    pub(in crate::model) read_only_root_filesystem: Option<bool>,
    pub(in crate::model) privileged: Option<bool>,
    pub(in crate::model) allow_privilege_escalation: Option<bool>,
    pub(in crate::model) capabilities: Option<Capabilities>,
    pub(in crate::model) seccomp_profile: Option<Profile>,
    pub(in crate::model) app_armor_profile: Option<Profile>,
    pub(in crate::model) proc_mount: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Capabilities {
    pub(in crate::model) add: Option<Vec<String>>,
    pub(in crate::model) drop: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Container {
    pub(in crate::model) name: String,
    pub(in crate::model) image: Option<String>,
    pub(in crate::model) image_pull_policy: Option<String>,
    pub(in crate::model) command: Option<Vec<String>>,
    pub(in crate::model) args: Option<Vec<String>>,
    pub(in crate::model) working_dir: Option<String>,
    pub(in crate::model) env_from: Option<Vec<EnvFrom>>,
    pub(in crate::model) env: Option<Vec<EnvVar>>,
    pub(in crate::model) ports: Option<Vec<ContainerPort>>,
    pub(in crate::model) volume_mounts: Option<Vec<VolumeMount>>,
    pub(in crate::model) resources: Option<Resources>,
    pub(in crate::model) liveness_probe: Option<Probe>,
    pub(in crate::model) readiness_probe: Option<Probe>,
    pub(in crate::model) startup_probe: Option<Probe>,
    pub(in crate::model) security_context: Option<ContainerSecurity>,
    pub(in crate::model) restart_policy: Option<String>,
    pub(in crate::model) lifecycle: Option<Lifecycle>,
    pub(in crate::model) stdin: Option<bool>,
    pub(in crate::model) stdin_once: Option<bool>,
    pub(in crate::model) tty: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Lifecycle {
    pub(in crate::model) post_start: Option<Handler>,
    pub(in crate::model) pre_stop: Option<Handler>,
    pub(in crate::model) stop_signal: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Handler {
    pub(in crate::model) exec: Option<Exec>,
    pub(in crate::model) http_get: Option<HttpGet>,
    pub(in crate::model) tcp_socket: Option<IgnoredAny>,
    pub(in crate::model) sleep: Option<Sleep>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Sleep {
    pub(in crate::model) seconds: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct EnvFrom {
    pub(in crate::model) prefix: Option<String>,
    pub(in crate::model) config_map_ref: Option<ObjectRef>,
    pub(in crate::model) secret_ref: Option<ObjectRef>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct ObjectRef {
    pub(in crate::model) name: Option<String>,
    pub(in crate::model) optional: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct EnvVar {
    pub(in crate::model) name: String,
    pub(in crate::model) value: Option<String>,
    pub(in crate::model) value_from: Option<ValueFrom>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ValueFrom {
    pub(in crate::model) config_map_key_ref: Option<KeyRef>,
    pub(in crate::model) secret_key_ref: Option<KeyRef>,
    pub(in crate::model) field_ref: Option<FieldRef>,
    pub(in crate::model) resource_field_ref: Option<ResourceRef>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ResourceRef {
    pub(in crate::model) container_name: Option<String>,
    pub(in crate::model) resource: String,
    pub(in crate::model) divisor: Option<RawQuantity>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct KeyRef {
    pub(in crate::model) name: Option<String>,
    pub(in crate::model) key: String,
    pub(in crate::model) optional: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct FieldRef {
    pub(in crate::model) field_path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ContainerPort {
    pub(in crate::model) name: Option<String>,
    pub(in crate::model) container_port: i64,
    pub(in crate::model) protocol: Option<String>,
    pub(in crate::model) host_port: Option<i64>,
    #[serde(rename = "hostIP")]
    pub(in crate::model) host_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct VolumeMount {
    pub(in crate::model) name: String,
    pub(in crate::model) mount_path: String,
    pub(in crate::model) sub_path: Option<String>,
    pub(in crate::model) sub_path_expr: Option<String>,
    pub(in crate::model) read_only: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Resources {
    pub(in crate::model) requests: Option<BTreeMap<String, RawQuantity>>,
    pub(in crate::model) limits: Option<BTreeMap<String, RawQuantity>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Probe {
    pub(in crate::model) exec: Option<Exec>,
    pub(in crate::model) http_get: Option<HttpGet>,
    pub(in crate::model) tcp_socket: Option<TcpSocket>,
    pub(in crate::model) grpc: Option<Grpc>,
    pub(in crate::model) termination_grace_period_seconds: Option<i64>,
    pub(in crate::model) initial_delay_seconds: Option<i64>,
    pub(in crate::model) period_seconds: Option<i64>,
    pub(in crate::model) timeout_seconds: Option<i64>,
    pub(in crate::model) success_threshold: Option<i64>,
    pub(in crate::model) failure_threshold: Option<i64>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Exec {
    pub(in crate::model) command: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct HttpGet {
    pub(in crate::model) path: Option<String>,
    pub(in crate::model) port: IntOrString,
    pub(in crate::model) scheme: Option<String>,
    pub(in crate::model) host: Option<String>,
    pub(in crate::model) http_headers: Option<Vec<Header>>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Header {
    pub(in crate::model) name: String,
    pub(in crate::model) value: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct TcpSocket {
    pub(in crate::model) port: IntOrString,
    pub(in crate::model) host: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Grpc {
    pub(in crate::model) port: i64,
    pub(in crate::model) service: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Volume {
    pub(in crate::model) name: String,
    pub(in crate::model) config_map: Option<ContentVolume>,
    pub(in crate::model) secret: Option<ContentVolume>,
    pub(in crate::model) projected: Option<Projected>,
    #[serde(rename = "downwardAPI")]
    pub(in crate::model) downward_api: Option<Downward>,
    pub(in crate::model) empty_dir: Option<EmptyDir>,
    pub(in crate::model) host_path: Option<HostPath>,
}

/// ConfigMap and Secret volumes and projections; Secret volumes call the name `secretName`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct ContentVolume {
    pub(in crate::model) name: Option<String>,
    pub(in crate::model) secret_name: Option<String>,
    pub(in crate::model) items: Option<Vec<Item>>,
    pub(in crate::model) default_mode: Option<i64>,
    pub(in crate::model) optional: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct Item {
    pub(in crate::model) key: String,
    pub(in crate::model) path: String,
    pub(in crate::model) mode: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Projected {
    pub(in crate::model) sources: Option<Vec<Projection>>,
    pub(in crate::model) default_mode: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Projection {
    pub(in crate::model) config_map: Option<ContentVolume>,
    pub(in crate::model) secret: Option<ContentVolume>,
    #[serde(rename = "downwardAPI")]
    pub(in crate::model) downward_api: Option<Downward>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct Downward {
    pub(in crate::model) items: Option<Vec<DownwardItem>>,
    pub(in crate::model) default_mode: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct DownwardItem {
    pub(in crate::model) path: String,
    pub(in crate::model) field_ref: Option<FieldRef>,
    pub(in crate::model) resource_field_ref: Option<ResourceRef>,
    pub(in crate::model) mode: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::model) struct EmptyDir {
    pub(in crate::model) medium: Option<String>,
    pub(in crate::model) size_limit: Option<RawQuantity>,
}

#[derive(Debug, Deserialize)]
pub(in crate::model) struct HostPath {
    pub(in crate::model) path: String,
}
