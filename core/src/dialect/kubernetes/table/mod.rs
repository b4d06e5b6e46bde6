//! Every field that Kubernetes v1.33 has in the kinds that Writ knows, and what becomes of it.
//!
//! Source: the API of Kubernetes v1.33. One line is one field: its name, what stands under it, and what a container
//! engine makes of it: honoured (`yes`, `must`), without effect and why (`idle`), or refused and what to do instead
//! (`no`, `only`).

mod container;
mod daemon;
mod gateway;
mod ingress;
mod job;
mod metadata;
mod place;
mod pod;
mod service;
mod storage;
mod volume;
mod workload;

use super::shape::Shape;
use crate::model::Kind;

/// What only a cluster knows.
static UNKNOWN: Shape = Shape { name: "Object", fields: &[] };

/// The fields of a kind.
pub(super) const fn shape(kind: Kind) -> &'static Shape {
    match kind {
        Kind::Namespace => &storage::NAMESPACE,
        Kind::StorageClass => &storage::STORAGE_CLASS,
        Kind::ConfigMap => &storage::CONFIG_MAP,
        Kind::Secret => &storage::SECRET,
        Kind::Service => &service::SERVICE,
        Kind::StatefulSet => &workload::STATEFUL_SET,
        Kind::Deployment => &workload::DEPLOYMENT,
        Kind::DaemonSet => &daemon::DAEMON_SET,
        Kind::Job => &job::JOB,
        Kind::CronJob => &job::CRON_JOB,
        Kind::PodDisruptionBudget => &workload::POD_DISRUPTION_BUDGET,
        Kind::Ingress => &ingress::INGRESS,
        Kind::IngressClass => &ingress::INGRESS_CLASS,
        Kind::GatewayClass => &gateway::GATEWAY_CLASS,
        Kind::Gateway => &gateway::GATEWAY,
        Kind::HttpRoute => &gateway::HTTP_ROUTE,
        // Nothing is known of its fields, and no container host is given one.
        Kind::Other(_) => &UNKNOWN,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::shape::Type;
    use super::*;

    /// `SHAPE.FIELD`, with `required` where Kubernetes v1.33 demands it: all fields that its kinds reach.
    const FIELDS: &str = include_str!("../../../../../tests/data/yaml/fields.txt");

    fn reach(of: &Type, found: &mut Vec<&'static Shape>) {
        match of {
            Type::Object(shape) if !found.iter().any(|seen| std::ptr::eq(*seen, *shape)) => {
                found.push(shape);
                shape.fields.iter().for_each(|field| reach(&field.of, found));
            }
            Type::List(of) | Type::Map(_, of) => reach(of, found),
            Type::Object(_)
            | Type::Text(_)
            | Type::Hidden
            | Type::HiddenBase64
            | Type::Boolean
            | Type::Integer(..)
            | Type::Port
            | Type::Share
            | Type::Quantity
            | Type::Choice(_)
            | Type::Any => {}
        }
    }

    #[test]
    fn every_field_of_kubernetes_is_in_the_table_and_no_other() {
        let mut known: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
        for line in FIELDS.lines() {
            let (field, required) = line.strip_suffix(" required").map_or((line, false), |field| (field, true));
            let (shape, name) = field.split_once('.').unwrap();
            known.entry(shape).or_default().insert(name, required);
        }
        let mut shapes = Vec::new();
        for kind in Kind::ALL {
            let shape = shape(kind);
            shapes.push(shape);
            shape.fields.iter().for_each(|field| reach(&field.of, &mut shapes));
        }
        assert!(shapes.len() > 80, "only {} shapes", shapes.len());
        // Free names in Kubernetes; here only those that mean something.
        for shape in shapes.iter().filter(|shape| shape.name != "ResourceList") {
            let fields = known.get(shape.name).unwrap_or_else(|| panic!("{} is no shape of Kubernetes", shape.name));
            let named: BTreeSet<&str> = shape.fields.iter().map(|field| field.name).collect();
            let real: BTreeSet<&str> = fields.keys().copied().collect();
            let head = BTreeSet::from(["apiVersion", "kind"]);
            assert_eq!(
                named.difference(&head).collect::<Vec<_>>(),
                real.difference(&head).collect::<Vec<_>>(),
                "{}",
                shape.name
            );
            for field in shape.fields {
                let missing = fields.get(field.name) == Some(&true) && !field.required;
                assert!(!missing, "{}.{} must be there", shape.name, field.name);
            }
        }
    }
}
