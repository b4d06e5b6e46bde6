//! The pods of a cluster as people ask for them, and what their containers wrote.
//!
//! Invariant: whatever the credentials may not read is refused in the server's words.

use futures_util::{AsyncReadExt as _, stream};
use serde_json::{Map, Value};
use writ_core::model::ObjectId;

use super::Kubernetes;
use super::discovery::Found;
use super::observe::{annotation, text};
use super::wire::{Ask, Wire, encoded};
use crate::limits::CLUSTER_PAGE_OBJECTS;
use crate::target::{LogChunk, LogRequest, Output, TargetError};

/// Which container is meant where none is named. Source: `kubectl logs`.
const DEFAULT: &str = "kubectl.kubernetes.io/default-container";

/// Bytes of a log that are handed on at once, at most.
const PIECE_BYTES: usize = 16 * 1024;

/// Which pods a person means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant<'a> {
    /// Those of an object that selects pods.
    Of(&'a ObjectId),
    /// Those of a name, in a namespace or in all.
    Named(&'a str, Option<&'a str>),
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its containers, those that begin before the others last.
    pub containers: Vec<String>,
    /// The one that is meant where none is named.
    pub default: Option<String>,
    running: bool,
}

/// Which run of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// The one that goes on, or ended last.
    Newest,
    /// The one before.
    Earlier,
}

impl Pod {
    /// By which [`Kubernetes::logs`] knows one of its containers.
    #[must_use]
    pub fn container(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.namespace, self.name)
    }

    fn read(item: &Value) -> Option<Self> {
        let names = |list: &str| -> Vec<String> {
            let items = item.pointer(list).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(|container| Some(text(container, "/name")?.to_owned())).collect()
        };
        Some(Self {
            namespace: text(item, "/metadata/namespace")?.to_owned(),
            name: text(item, "/metadata/name")?.to_owned(),
            containers: [names("/spec/containers"), names("/spec/initContainers")].concat(),
            default: annotation(item, DEFAULT).map(str::to_owned),
            running: text(item, "/status/phase") == Some("Running"),
        })
    }
}

impl Kubernetes {
    /// The pods that are meant, those that run first, in order of their names; none if there is no such object.
    ///
    /// # Errors
    /// If the cluster cannot be reached, does not allow it, or the object has no pods that could be told from others.
    pub async fn pods(&self, meant: Meant<'_>) -> Result<Vec<Pod>, TargetError> {
        let wire = self.wire().await?;
        let path = match meant {
            Meant::Named(name, namespace) => {
                let all = namespace.map_or_else(|| "/api/v1/pods".to_owned(), pods_of);
                format!("{all}?fieldSelector={}", encoded(&format!("metadata.name={name}")))
            }
            Meant::Of(id) => match self.selector(&wire, id).await? {
                Some(selector) => format!("{}?labelSelector={}", pods_of(&id.scope.0), encoded(&selector)),
                None => return Ok(Vec::new()),
            },
        };
        let operation = "look for pods".to_owned();
        let said = wire.ask(&operation, &Ask::get(format!("{path}&limit={CLUSTER_PAGE_OBJECTS}"))).await?;
        if !said.is_ok() {
            return Err(TargetError::Refused { operation, reason: said.words() });
        }
        let items = said.body.get("items").and_then(Value::as_array).into_iter().flatten();
        let mut pods: Vec<Pod> = items.filter_map(Pod::read).collect();
        // `web-2` comes before `web-10`.
        pods.sort_by(|a, b| (!a.running, a.name.len(), &a.name).cmp(&(!b.running, b.name.len(), &b.name)));
        Ok(pods)
    }

    /// By which labels an object knows its pods; none if there is no such object.
    async fn selector(&self, wire: &Wire, id: &ObjectId) -> Result<Option<String>, TargetError> {
        let operation = format!("look for the pods of {id}");
        let discovery = self.discovery(wire).await?;
        let Found::Served(resource) = discovery.find(id.kind, None) else { return Ok(None) };
        let said = wire.ask(&operation, &Ask::get(resource.one(id))).await?;
        if said.is_absent() {
            return Ok(None);
        }
        if !said.is_ok() {
            return Err(TargetError::Refused { operation, reason: said.words() });
        }
        let selector = said.body.pointer("/spec/selector").and_then(Value::as_object).map(selected);
        selector.filter(|selector| !selector.is_empty()).map(Some).ok_or_else(|| {
            let reason = "it does not say which pods are its own: name a pod, or what made it".to_owned();
            TargetError::Failed { operation, reason }
        })
    }

    /// What a container wrote, which is named as [`Pod::container`] says. A cluster does not tell standard error apart.
    ///
    /// # Errors
    /// If the cluster cannot be reached, does not allow it, or has no such container or run.
    pub async fn logs(&self, container: &str, request: &LogRequest, run: Run) -> Result<Output<LogChunk>, TargetError> {
        let operation = format!("read the log of {container}");
        let (namespace, pod, name) = parts(&operation, container)?;
        let LogRequest { follow, tail, since, timestamps } = *request;
        let mut path = format!(
            "{}/{pod}/log?container={name}&follow={follow}&timestamps={timestamps}&previous={}",
            pods_of(namespace),
            run == Run::Earlier
        );
        path.extend(tail.map(|lines| format!("&tailLines={lines}")));
        path.extend(since.map(|since| format!("&sinceTime={}", encoded(&since.to_string()))));
        let wire = self.wire().await?;
        let log = wire.read(path).await.map_err(|(status, reason)| match status {
            0 => wire.unreachable(&operation, &reason),
            _ => TargetError::Refused { operation: operation.clone(), reason },
        })?;
        let pieces = stream::try_unfold((log, wire), move |(mut log, wire)| {
            let operation = operation.clone();
            async move {
                let mut bytes = vec![0; PIECE_BYTES];
                let read = log.read(&mut bytes).await;
                let length = read.map_err(|error| wire.unreachable(&operation, &error.to_string()))?;
                bytes.truncate(length);
                Ok((length > 0).then_some((LogChunk { is_error: false, bytes }, (log, wire))))
            }
        });
        Ok(Box::pin(pieces))
    }
}

/// The namespace, the pod and the name of a container, which [`Pod::container`] put together.
pub(super) fn parts<'c>(operation: &str, container: &'c str) -> Result<(&'c str, &'c str, &'c str), TargetError> {
    let mut parts = container.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(namespace), Some(pod), Some(name)) => Ok((namespace, pod, name)),
        (_, _, _) => {
            let reason = "no container of a cluster is called so".to_owned();
            Err(TargetError::Failed { operation: operation.to_owned(), reason })
        }
    }
}

fn pods_of(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

/// A selector of labels as servers take it in a question: that of a workload, or the plain one of a Service.
fn selected(selector: &Map<String, Value>) -> String {
    let plain = !selector.contains_key("matchLabels") && !selector.contains_key("matchExpressions");
    let labels = if plain { Some(selector) } else { selector.get("matchLabels").and_then(Value::as_object) };
    let equal = labels.into_iter().flatten().filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let expressions = expressions.filter_map(|expression| {
        let key = text(expression, "/key")?;
        let values = expression.get("values").and_then(Value::as_array).into_iter().flatten();
        let values: Vec<&str> = values.filter_map(Value::as_str).collect();
        match text(expression, "/operator")? {
            "In" => Some(format!("{key} in ({})", values.join(","))),
            "NotIn" => Some(format!("{key} notin ({})", values.join(","))),
            "Exists" => Some(key.to_owned()),
            "DoesNotExist" => Some(format!("!{key}")),
            _ => None,
        }
    });
    equal.chain(expressions).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(selector: &Value, wanted: &str) {
        assert_eq!(selected(selector.as_object().unwrap()), wanted);
    }

    #[test]
    fn pods_are_selected_as_workloads_and_services_select_them() {
        check(&json!({"app": "web", "tier": "a"}), "app=web,tier=a");
        check(
            &json!({"matchLabels": {"app": "web"}, "matchExpressions": [
                {"key": "t", "operator": "In", "values": ["a", "b"]}, {"key": "u", "operator": "NotIn", "values": ["c"]},
                {"key": "v", "operator": "Exists"}, {"key": "w", "operator": "DoesNotExist"}]}),
            "app=web,t in (a,b),u notin (c),v,!w",
        );
        check(&json!({"matchLabels": {}}), "");
    }
}
