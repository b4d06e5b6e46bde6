//! What objects say together.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Kind, Object, ObjectId};
use crate::text::{Problem, Problems, quoted};

/// Reports what only shows when all objects of a set are seen: names that lead nowhere.
pub(in crate::dialect) fn judge_together(objects: &[Object]) -> Problems {
    let by_id: BTreeMap<&ObjectId, &Object> = objects.iter().map(|object| (&object.id, object)).collect();
    let mut problems = Problems::default();
    for object in objects.iter().filter(|object| object.id.kind == Kind::StatefulSet) {
        let pointer = "/spec/serviceName";
        let Some(name) = object.at(pointer).and_then(Value::as_str).filter(|name| !name.is_empty()) else { continue };
        let service = by_id.get(&ObjectId::new(Kind::Service, &object.id.scope.0, name));
        let headless = service.map(|service| service.at("/spec/clusterIP").and_then(Value::as_str) == Some("None"));
        let (message, help) = match headless {
            Some(true) => continue,
            Some(false) => (
                format!(
                    "the Service {} is not headless, so on Kubernetes no name would lead to a single pod",
                    quoted(name)
                ),
                "give the Service `clusterIP: None`",
            ),
            None => (
                format!(
                    "there is no Service {} in the namespace {}, so on Kubernetes pods would have no names",
                    quoted(name),
                    quoted(&object.id.scope.0)
                ),
                "add a Service of that name with `clusterIP: None`",
            ),
        };
        problems.push(Problem::warning(object.place(pointer), message).help(help));
    }
    problems
}
