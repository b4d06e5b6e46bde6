//! The autoscalers of a cluster, and whose replicas they set.

use std::collections::BTreeMap;

use serde_json::Value;
use writ_core::cluster::{Scaled, autoscalers, scaled as scaled_by};
use writ_core::model::{Desired, Kind, ObjectId};

use super::discovery::{Discovery, Found};
use super::observe::text;
use super::wire::Wire;

/// Which workloads are scaled by autoscalers, whoever made these. Nothing is asked where no wanted object says its replicas.
pub(super) async fn scaled(wire: &Wire, discovery: &Discovery, desired: &Desired) -> Scaled {
    let says_replicas = desired.objects.values().any(|object| object.body.pointer("/spec/replicas").is_some());
    let Some(kind) = autoscalers().filter(|_| says_replicas) else { return Ok(BTreeMap::new()) };
    let all = match discovery.find(kind, None) {
        Found::Served(resource) => resource.all(),
        Found::Missing(_) => return Ok(BTreeMap::new()),
        Found::Unknown => return Err("the group of autoscalers could not be looked at".to_owned()),
    };
    let mut found = BTreeMap::new();
    let page = |page: Value| {
        let items = page.get("items").and_then(Value::as_array).into_iter().flatten();
        found.extend(items.filter_map(|item| scales(kind, item)));
    };
    wire.pages("autoscalers", &format!("{all}?"), page).await.map_err(|(_, why)| why)?;
    Ok(found)
}

/// The workload of an autoscaler, and it.
fn scales(kind: Kind, item: &Value) -> Option<(ObjectId, ObjectId)> {
    let namespace = text(item, "/metadata/namespace").unwrap_or_default();
    Some((scaled_by(namespace, item)?, ObjectId::new(kind, namespace, text(item, "/metadata/name")?)))
}
