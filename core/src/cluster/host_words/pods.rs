//! The names of single pods: a Service without an address for each ordinal, so that `pg-0.data` leads to it as on a
//! container host.

use serde_json::{Map, Value, json};

use super::{Draft, made};
use crate::limits::REPLICAS_MAX;
use crate::model::{Desired, Kind, Object, ObjectId};

/// The label by which one pod of a StatefulSet is found. Source: its controller, which sets it.
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";

/// A Service for each pod of a StatefulSet. It leads there whether the pod is ready or not, as its own name does.
pub(super) fn services(of: &Object) -> Vec<Draft<'_>> {
    let number = |pointer: &str, otherwise: u64| of.at(pointer).and_then(Value::as_u64).unwrap_or(otherwise);
    let (first, count) = (number("/spec/ordinals/start", 0), number("/spec/replicas", 1));
    let last = first.saturating_add(count.min(u64::from(REPLICAS_MAX)));
    (first..last).map(|ordinal| service(of, &format!("{}-{ordinal}", of.id.name))).collect()
}

fn service<'a>(of: &'a Object, pod: &str) -> Draft<'a> {
    let spec = json!({"clusterIP": "None", "publishNotReadyAddresses": true, "selector": {POD_NAME: pod}});
    let fields: Map<String, Value> = [("spec".to_owned(), spec)].into_iter().collect();
    made(of, Kind::Service, pod, fields)
}

/// True for the Service of one pod of a StatefulSet that is wanted: with fewer replicas it goes as its pod does.
pub(crate) fn names_pod_of(desired: &Desired, id: &ObjectId) -> bool {
    let ordinal = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let set = id.name.rsplit_once('-').filter(|(_, number)| ordinal(number));
    id.kind == Kind::Service
        && set.is_some_and(|(set, _)| desired.objects.contains_key(&ObjectId::new(Kind::StatefulSet, &id.scope.0, set)))
}
