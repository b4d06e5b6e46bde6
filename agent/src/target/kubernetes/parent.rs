//! The parent of a unit's objects: a ConfigMap that says which kinds they are of, for whom, and from where they are looked after.
//!
//! Source: KEP-3659, by which `kubectl apply --prune --applyset` and other tools know a set by its parent.
//! Invariant: a kind stands in the parent before the first object of it is made.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use writ_core::cluster::{LABEL_HOST, LABEL_UNIT};

use super::MANAGER;
use super::observe::{annotation, label};
use super::wire::{Ask, Wire};
use crate::confine::hex;
use crate::limits::TRIAL_PATIENCE_SECONDS;
use crate::target::{Keeper, TargetError};

const ID: &str = "applyset.kubernetes.io/id";
const TOOLING: &str = "applyset.kubernetes.io/tooling";
const KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
const STORE: &str = "writ.store";
const MACHINE: &str = "writ.machine";
const COMMIT: &str = "writ.commit";

/// What stands in the parent of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    host: String,
    unit: String,
    /// From where the unit is looked after; none if there is no parent yet.
    pub(super) keeper: Option<Keeper>,
    /// The commit that the cluster was brought to last, or is being brought to.
    commit: Option<String>,
    /// Its kinds, as `Kind.group`.
    pub(super) kinds: BTreeSet<String>,
    pub(super) namespaces: BTreeSet<String>,
    /// The cluster has it so.
    written: bool,
}

/// The name of the parent of a unit.
pub(super) fn name(host: &str, unit: &str) -> String {
    let plain = |text: &str| -> String {
        let lower = text.to_ascii_lowercase();
        lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(80).collect()
    };
    // Two units whose names differ in capitals or points alone have two parents all the same.
    let digest = hex(&Sha256::digest(format!("{host}/{unit}")));
    format!("writ-{}-{}-{}", plain(host), plain(unit), digest.get(..8).unwrap_or(&digest))
}

/// The identifier of the set of a unit's objects.
pub(super) fn identifier(host: &str, unit: &str, namespace: &str) -> String {
    let digest = Sha256::digest(format!("{}.{namespace}.ConfigMap.", name(host, unit)));
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(digest))
}

impl Parent {
    /// What the cluster has of it.
    pub(super) async fn read(wire: &Wire, host: &str, unit: &str) -> Result<Self, TargetError> {
        let operation = format!("read what is known of unit {unit} in the cluster");
        let said = wire.ask(&operation, &Ask::get(path(wire, host, unit))).await?;
        let mut parent = Self {
            host: host.to_owned(),
            unit: unit.to_owned(),
            keeper: None,
            commit: None,
            kinds: BTreeSet::new(),
            namespaces: BTreeSet::new(),
            written: false,
        };
        if said.is_absent() {
            return Ok(parent);
        }
        if !said.is_ok() {
            return Err(TargetError::Refused { operation, reason: said.words() });
        }
        let annotation = |name: &str| annotation(&said.body, name).map(str::to_owned);
        let list = |name: &str| -> BTreeSet<String> {
            let text = annotation(name).unwrap_or_default();
            text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        parent.commit = annotation(COMMIT);
        parent.kinds = list(KINDS);
        parent.namespaces = list(NAMESPACES);
        parent.keeper =
            annotation(STORE).map(|store| Keeper { store, machine: annotation(MACHINE).unwrap_or_default() });
        parent.written = true;
        Ok(parent)
    }

    /// Brings the cluster to have it as it is here, kept by `keeper`, and brought to `commit` unless local files are applied.
    pub(super) async fn write(
        &mut self,
        wire: &Wire,
        keeper: Option<&Keeper>,
        commit: Option<&str>,
    ) -> Result<(), TargetError> {
        let known = commit.is_none() || self.commit.as_deref() == commit;
        if self.written && known && (keeper.is_none() || self.keeper.as_ref() == keeper) {
            return Ok(());
        }
        if let Some(commit) = commit {
            self.commit = Some(commit.to_owned());
        }
        self.keeper = keeper.cloned().or_else(|| self.keeper.take());
        let operation = format!("write down what belongs to unit {} in the cluster", self.unit);
        let path = format!("{}?fieldManager={MANAGER}&force=true", path(wire, &self.host, &self.unit));
        let said = wire.ask(&operation, &Ask::apply(path, &self.body(wire.namespace()))).await?;
        self.written = said.is_ok();
        if said.is_ok() { Ok(()) } else { Err(TargetError::Refused { operation, reason: said.words() }) }
    }

    /// Has the parent name a kind and a namespace.
    pub(super) async fn contain(
        &mut self,
        wire: &Wire,
        keeper: Option<&Keeper>,
        kind: &str,
        namespace: &str,
    ) -> Result<(), TargetError> {
        let mut news = self.kinds.insert(kind.to_owned());
        if !namespace.is_empty() && namespace != wire.namespace() {
            news |= self.namespaces.insert(namespace.to_owned());
        }
        self.written &= !news;
        self.write(wire, keeper, None).await
    }

    fn body(&self, namespace: &str) -> Value {
        let join = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(",");
        let mut annotations = json!({
            TOOLING: concat!("writ/v", env!("CARGO_PKG_VERSION")), KINDS: join(&self.kinds),
            NAMESPACES: join(&self.namespaces),
        });
        if let (Some(Keeper { store, machine }), Some(map)) = (&self.keeper, annotations.as_object_mut()) {
            map.insert(STORE.to_owned(), json!(store));
            map.insert(MACHINE.to_owned(), json!(machine));
        }
        if let (Some(commit), Some(map)) = (&self.commit, annotations.as_object_mut()) {
            map.insert(COMMIT.to_owned(), json!(commit));
        }
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": name(&self.host, &self.unit), "namespace": namespace, "annotations": annotations,
                "labels": {ID: identifier(&self.host, &self.unit, namespace), LABEL_HOST: self.host, LABEL_UNIT: self.unit},
            },
        })
    }
}

/// The units of a host that have parents, each with the commit that the cluster was brought to.
pub(super) async fn commits(wire: &Wire, host: &str) -> Result<BTreeSet<(String, String)>, TargetError> {
    let operation = "look which commits units of this host were brought to".to_owned();
    let all = format!("/api/v1/namespaces/{}/configmaps?labelSelector={LABEL_HOST}%3D{host}%2C{ID}", wire.namespace());
    // New commits wait for it, also for other targets of their source.
    let said = wire.ask_for(&operation, &Ask::get(all), TRIAL_PATIENCE_SECONDS).await?;
    if !said.is_ok() {
        return Err(TargetError::Refused { operation, reason: said.words() });
    }
    let items = said.body.get("items").and_then(Value::as_array).into_iter().flatten();
    let commit = |item: &Value| Some((label(item, LABEL_UNIT)?.to_owned(), annotation(item, COMMIT)?.to_owned()));
    Ok(items.filter_map(commit).collect())
}

fn path(wire: &Wire, host: &str, unit: &str) -> String {
    format!("/api/v1/namespaces/{}/configmaps/{}", wire.namespace(), name(host, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_whose_names_differ_have_two_parents_with_names_that_a_cluster_takes() {
        let one = name("Edge_1", "Web.A");
        assert!(one.starts_with("writ-edge-1-web-a-"), "{one}");
        assert!(one.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'));
        assert_ne!(one, name("edge-1", "web-a"));
        let identifier = identifier("h", "u", "default");
        assert_eq!(identifier.len(), "applyset--v1".len() + 43);
        assert!(identifier.starts_with("applyset-") && identifier.ends_with("-v1"));
    }
}
