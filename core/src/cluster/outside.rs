//! Outputs of resources of OpenMCF that are in a cluster already, whoever made them there, and what is filled in with them.
//!
//! Invariant: what was not found, or found twice, is never guessed: the object that asks for it waits, and says why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::hash::{HashKey, of_object};
use crate::model::{Desired, ObjectId, Reference, Unfilled};
use crate::text::{Sources, quoted};

/// What became of questions about resources: the value, or why there is none.
pub type Answers = BTreeMap<Reference, Result<String, String>>;

/// The label that tells the kind of the resource that an object belongs to. Source: what the modules of OpenMCF set.
const KIND: &str = "planton.ai/kind";
const NAME: &str = "planton.ai/name";
const ENVIRONMENT: &str = "planton.ai/environment";

/// Objects that tell about a resource: the path of their list, and the selector of their labels.
#[must_use]
pub fn telling(reference: &Reference) -> (&'static str, String) {
    let Reference { kind, name, environment, output: _ } = reference;
    let mut labels = vec![(KIND, kind), (NAME, name)];
    labels.extend(environment.as_ref().map(|environment| (ENVIRONMENT, environment)));
    let labels: Vec<String> = labels.into_iter().map(|(label, value)| format!("{label}={value}")).collect();
    ("/api/v1/services", labels.join(","))
}

/// What the Services of a resource tell.
///
/// # Errors
/// Why it is not known, in words.
pub fn answer(reference: &Reference, services: &[Value]) -> Result<String, String> {
    let Reference { kind, name, environment: _, output } = reference;
    let called = format!("{} of the kind {}", quoted(name), quoted(kind));
    let text = |service: &Value, pointer: &str| service.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let stays = services.iter().filter(|service| text(service, "/metadata/deletionTimestamp").is_none());
    let (headless, led): (Vec<&Value>, Vec<&Value>) =
        stays.partition(|service| text(service, "/spec/clusterIP").as_deref() == Some("None"));
    let namespaces: BTreeSet<String> =
        headless.iter().chain(&led).filter_map(|service| text(service, "/metadata/namespace")).collect();
    let mut namespaces = namespaces.into_iter();
    let namespace = match (namespaces.next(), namespaces.next()) {
        (Some(namespace), None) => namespace,
        (None, _) => {
            return Err(format!(
                "neither a manifest nor the cluster has a resource {called}: no Service has its labels"
            ));
        }
        (Some(one), Some(other)) => {
            return Err(format!("the cluster has several resources {called}: in {one}, in {other}"));
        }
    };
    let only = |services: &[&Value], what: &str| match services {
        [service] => text(service, "/metadata/name").ok_or_else(|| format!("the Service of {called} has no name")),
        [] => Err(format!("{called} in the cluster has no {what}")),
        [..] => Err(format!("{called} in the cluster has several Services where one is expected")),
    };
    let service = || only(&led, "Service for clients");
    match output.as_str() {
        "namespace" => Ok(namespace),
        "service" => service(),
        "headless_service" => only(&headless, "headless Service"),
        "kube_endpoint" => service().map(|service| format!("{service}.{namespace}.svc.cluster.local")),
        "port_forward_command" => {
            let service = service()?;
            let port = led.first().and_then(|service| service.pointer("/spec/ports/0/port")?.as_u64());
            let port = port.ok_or_else(|| format!("{called} in the cluster has no port"))?;
            Ok(format!("kubectl port-forward -n {namespace} service/{service} {port}:{port}"))
        }
        other => Err(format!("{} is not looked up in a cluster", quoted(other))),
    }
}

/// Fills in what was answered. An object that asks for what is not known waits.
pub fn fill(desired: &mut Desired, unfilled: &[Unfilled], answers: &Answers, (key, sources): (&HashKey, &Sources)) {
    let mut touched: BTreeSet<&ObjectId> = BTreeSet::new();
    for Unfilled { object: id, container, variable, reference, place } in unfilled {
        let Some(object) = desired.objects.get_mut(id) else { continue };
        let answer = answers.get(reference).cloned().unwrap_or_else(|| Err("nobody asked the cluster".to_owned()));
        let mut put = |value: &str| {
            let body = Arc::make_mut(&mut object.body);
            put(body, (container, variable), value).ok_or_else(|| format!("there is no variable {}", quoted(variable)))
        };
        match answer.and_then(|value| put(&value)) {
            Ok(()) => drop(touched.insert(id)),
            Err(why) => {
                let why = format!("variable {} waits: {why} ({})", quoted(variable), sources.describe(place));
                object.waits.get_or_insert(why);
            }
        }
    }
    for id in touched {
        let Some(object) = desired.objects.get_mut(id) else { continue };
        let (revision, parts) = of_object(&object.body, &[], key);
        object.revise(revision, parts);
    }
}

/// Puts the value of a variable of a container; none if there is no such variable.
fn put(body: &mut Value, (container, variable): (&str, &str), value: &str) -> Option<()> {
    let pods = ["/spec/template/spec", "/spec/jobTemplate/spec/template/spec"];
    let pod = pods.into_iter().find(|pod| body.pointer(pod).is_some())?;
    let containers = body.pointer_mut(&format!("{pod}/containers"))?.as_array_mut()?;
    let named = |item: &&mut Value, name: &str| item.get("name").and_then(Value::as_str) == Some(name);
    let env = containers.iter_mut().find(|item| named(item, container))?.get_mut("env")?.as_array_mut()?;
    *env.iter_mut().find(|item| named(item, variable))?.get_mut("value")? = json!(value);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(output: &str) -> Reference {
        Reference { kind: "KubernetesRedis".into(), name: "cache".into(), environment: None, output: output.into() }
    }

    fn service(namespace: &str, name: &str, address: &str) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"clusterIP": address, "ports": [{"port": 6379}]}})
    }

    #[test]
    fn the_services_of_a_resource_tell_its_outputs() {
        let services = [service("shop", "cache", "10.0.0.1"), service("shop", "cache-headless", "None")];
        for (output, value) in [
            ("namespace", "shop"),
            ("service", "cache"),
            ("headless_service", "cache-headless"),
            ("kube_endpoint", "cache.shop.svc.cluster.local"),
            ("port_forward_command", "kubectl port-forward -n shop service/cache 6379:6379"),
        ] {
            assert_eq!(answer(&reference(output), &services), Ok(value.to_owned()));
        }
        let (path, labels) = telling(&Reference { environment: Some("prod".into()), ..reference("service") });
        assert_eq!(path, "/api/v1/services");
        assert_eq!(labels, "planton.ai/kind=KubernetesRedis,planton.ai/name=cache,planton.ai/environment=prod");
    }

    #[test]
    fn what_is_missing_goes_or_is_there_twice_is_not_guessed() {
        let why = |output: &str, services: &[Value]| answer(&reference(output), services).unwrap_err();
        assert!(why("service", &[]).contains("neither a manifest nor the cluster has a resource `cache`"));
        let mut goes = service("shop", "cache", "10.0.0.1");
        goes["metadata"]["deletionTimestamp"] = json!("2026-11-21T09:10:11Z");
        assert!(why("service", &[goes]).contains("neither"));
        let twice = [service("shop", "cache", "10.0.0.1"), service("test", "cache", "10.0.0.2")];
        assert!(
            why("service", &twice)
                .contains("several resources `cache` of the kind `KubernetesRedis`: in shop, in test")
        );
        let two = [service("shop", "cache", "10.0.0.1"), service("shop", "other", "10.0.0.2")];
        assert!(why("service", &two).contains("several Services"));
        assert!(why("headless_service", &two).contains("no headless Service"));
        assert!(why("external_hostname", &two).contains("not looked up in a cluster"));
    }
}
