//! Which kinds a cluster has, and where their objects are found.
//!
//! Source: aggregated discovery of Kubernetes, which servers have since v1.30: two requests, whatever the number of kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use writ_core::model::{Kind, ObjectId};

use super::observe::text;
use super::wire::{Ask, Wire};
use super::{Kubernetes, lock};
use crate::target::TargetError;

const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// All kinds of a cluster.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    kinds: BTreeMap<String, Vec<Resource>>,
    /// Groups of which the server could not find out what they hold.
    stale: BTreeSet<String>,
}

/// One version of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// `v1`, `apps/v1`.
    pub(super) api_version: String,
    plural: String,
    pub(super) namespaced: bool,
}

impl Discovery {
    async fn read(wire: &Wire) -> Result<Self, TargetError> {
        let mut discovery = Self::default();
        for path in ["/api", "/apis"] {
            let operation = "find out which kinds the cluster has";
            let said = wire.ask(operation, &Ask { accept: ACCEPT, ..Ask::get(path) }).await?;
            if !said.is_ok() {
                return Err(TargetError::Refused { operation: operation.to_owned(), reason: said.words() });
            }
            if said.body.get("kind").and_then(Value::as_str) != Some("APIGroupDiscoveryList") {
                return Err(TargetError::Failed {
                    operation: operation.to_owned(),
                    reason: "its server is older than Kubernetes v1.30".to_owned(),
                });
            }
            discovery.take(&said.body);
        }
        Ok(discovery)
    }

    fn take(&mut self, list: &Value) {
        let items = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value, pointer: &str| text(value, pointer).unwrap_or_default().to_owned();
        for group in items(list, "items") {
            let name = text(&group, "/metadata/name");
            for version in items(&group, "versions") {
                let number = text(&version, "/version");
                let api_version = if name.is_empty() { number } else { format!("{name}/{number}") };
                if text(&version, "/freshness") == "Stale" {
                    self.stale.insert(name.clone());
                }
                for resource in items(&version, "resources") {
                    let Some(kind) = Kind::of(&api_version, &text(&resource, "/responseKind/kind")) else { continue };
                    let known = self.kinds.entry(kind.qualified()).or_default();
                    known.push(Resource {
                        api_version: api_version.clone(),
                        plural: text(&resource, "/resource"),
                        namespaced: text(&resource, "/scope") == "Namespaced",
                    });
                }
            }
        }
    }

    /// How many kinds there are, and the groups of which that is not known.
    pub(super) fn extent(&self) -> (usize, Vec<String>) {
        (self.kinds.len(), self.stale.iter().cloned().collect())
    }

    /// The kind in that version; in the one that the server prefers, where none is named.
    pub(super) fn find(&self, kind: Kind, api_version: Option<&str>) -> Found<'_> {
        let versions = self.kinds.get(&kind.qualified()).map_or(&[][..], Vec::as_slice);
        let found = match api_version {
            Some(version) => versions.iter().find(|resource| resource.api_version == version),
            None => versions.first(),
        };
        match found {
            Some(resource) => Found::Served(resource),
            None if self.stale.contains(kind.group()) => Found::Unknown,
            None => Found::Missing(versions.iter().map(|resource| resource.api_version.as_str()).collect()),
        }
    }
}

/// What is known of a kind in a version.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Served(&'a Resource),
    /// The server serves these versions of it, or none of all.
    Missing(Vec<&'a str>),
    /// The server could not find out.
    Unknown,
}

impl Resource {
    /// Where all objects of it are found.
    pub(super) fn all(&self) -> String {
        format!("{}/{}", self.root(), self.plural)
    }

    /// Where the objects of it in a namespace are found.
    pub(super) fn within(&self, namespace: &str) -> String {
        format!("{}/namespaces/{namespace}/{}", self.root(), self.plural)
    }

    /// Where one object is found.
    pub(super) fn one(&self, id: &ObjectId) -> String {
        let ObjectId { kind: _, scope, name } = id;
        match self.namespaced {
            true => format!("{}/{name}", self.within(&scope.0)),
            false => format!("{}/{name}", self.all()),
        }
    }

    fn root(&self) -> String {
        let word = if self.api_version.contains('/') { "apis" } else { "api" };
        format!("/{word}/{}", self.api_version)
    }
}

impl Kubernetes {
    /// The kinds of the cluster, as they were found last.
    pub(super) async fn discovery(&self, wire: &Wire) -> Result<Arc<Discovery>, TargetError> {
        let known = lock(&self.discovery).clone();
        match known {
            Some(known) => Ok(known),
            None => self.discover(wire).await,
        }
    }

    /// The kinds of the cluster, as they are now.
    pub(super) async fn discover(&self, wire: &Wire) -> Result<Arc<Discovery>, TargetError> {
        let found = Arc::new(Discovery::read(wire).await?);
        *lock(&self.discovery) = Some(Arc::clone(&found));
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_found_in_its_versions_and_a_group_that_is_stale_is_unknown() {
        let mut discovery = Discovery::default();
        let resource = |plural: &str, kind: &str, scope: &str| json!({"resource": plural, "scope": scope, "responseKind": {"kind": kind}});
        discovery.take(&json!({"items": [
            {"metadata": {"name": "apps"}, "versions": [{"version": "v1", "freshness": "Current",
                "resources": [resource("deployments", "Deployment", "Namespaced")]}]},
            {"metadata": {}, "versions": [{"version": "v1", "resources": [resource("namespaces", "Namespace", "Cluster")]}]},
            {"metadata": {"name": "example.org"}, "versions": [
                {"version": "v2", "resources": [resource("widgets", "Widget", "Namespaced")]},
                {"version": "v1", "resources": [resource("widgets", "Widget", "Namespaced")]}]},
            {"metadata": {"name": "gone.org"}, "versions": [{"version": "v1", "freshness": "Stale"}]}]}));
        let path = |id: &str, version: Option<&str>| {
            let id = ObjectId::parse(id).unwrap();
            match discovery.find(id.kind, version) {
                Found::Served(resource) => resource.one(&id),
                Found::Missing(served) => format!("missing {served:?}"),
                Found::Unknown => "unknown".to_owned(),
            }
        };
        assert_eq!(path("deployment/shop/web", None), "/apis/apps/v1/namespaces/shop/deployments/web");
        assert_eq!(path("namespace/shop", None), "/api/v1/namespaces/shop");
        assert_eq!(path("widget.example.org/shop/a", None), "/apis/example.org/v2/namespaces/shop/widgets/a");
        assert_eq!(
            path("widget.example.org/shop/a", Some("example.org/v3")),
            r#"missing ["example.org/v2", "example.org/v1"]"#
        );
        assert_eq!(path("thing.gone.org/shop/a", None), "unknown");
        assert_eq!(path("thing.none.org/shop/a", None), "missing []");
    }
}
