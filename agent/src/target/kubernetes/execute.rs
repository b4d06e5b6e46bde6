//! The acts: an object is applied, or deleted.
//!
//! Invariant: what is taken by force from others is what the plan names, and nothing beside it.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use writ_core::account::Account;
use writ_core::cluster::{Condition, Conflict, LABEL_HOST, LABEL_UNIT, condition};
use writ_core::model::{Kind, ObjectId};
use writ_core::plan::{Act, Application, Deletion};

use super::discovery::{Found, Resource};
use super::memory::Clean;
use super::observe::{label, text};
use super::said::Said;
use super::wire::{Ask, JSON, Wire};
use super::{Kubernetes, MANAGER};
use crate::limits::{CLUSTER_GONE_SECONDS, CLUSTER_LOOK_AGAIN_MILLIS};
use crate::target::{Context, TargetError};

impl Kubernetes {
    /// Takes one step. Taking it a second time changes nothing more.
    ///
    /// # Errors
    /// If it was not taken.
    pub async fn execute(&self, context: &Context, act: &Act) -> Result<(), TargetError> {
        if *act != Act::Nothing {
            self.acts(&context.unit).await?;
        }
        match act {
            Act::Nothing => Ok(()),
            Act::ApplyObject(application) => self.apply(context, application).await,
            Act::DeleteObject(deletion) => self.delete(context, deletion).await,
            Act::CreateNetwork
            | Act::CreateVolume(_)
            | Act::BackUp(_)
            | Act::CreatePod(_)
            | Act::StartPod { .. }
            | Act::MendPod { .. }
            | Act::ReplacePod { .. }
            | Act::RemovePod { .. }
            | Act::RemoveVolume { .. }
            | Act::Serve(_) => {
                let reason = "a cluster makes its own pods, volumes and networks".to_owned();
                Err(TargetError::Failed { operation: "act on a pod".to_owned(), reason })
            }
        }
    }

    async fn apply(&self, context: &Context, application: &Application) -> Result<(), TargetError> {
        let Application { object, uid, taken, left } = application;
        let operation = operation("apply", &object.id, object.account.as_ref());
        let _writing = self.memory.writing(&context.unit, &object.id);
        let own = self.wire().await?;
        let wire = own.acting_as(object.account.as_ref());
        let resource = self.resource(&own, &object.id, Some(&object.api_version), &operation).await?;
        self.announce(&own, context, &object.id, &object.body).await?;
        let owner = self.owner(&own, &context.unit);
        let mut body = if uid.is_none() || left.is_empty() {
            object.sent(&owner, None)
        } else {
            let live = wire.ask(&operation, &Ask::get(resource.one(&object.id))).await?;
            if !live.is_ok() {
                // What others set is not known, so nothing is put in its place.
                return Err(TargetError::Refused { operation, reason: live.words() });
            }
            object.sent(&owner, Some((&live.body, left)))
        };
        if let (Some(uid), Some(metadata)) = (uid, body.get_mut("metadata").and_then(Value::as_object_mut)) {
            // Another object of the same name is left alone.
            metadata.insert("uid".to_owned(), json!(uid));
        }
        let path = format!("{}?fieldManager={MANAGER}&fieldValidation=Strict", resource.one(&object.id));
        let mut said = wire.ask(&operation, &Ask::apply(path.as_str(), &body)).await?;
        if is_ending(&said) {
            self.until_gone(&wire, &resource, &object.id, &operation).await?;
            said = wire.ask(&operation, &Ask::apply(path.as_str(), &body)).await?;
        }
        let conflicts = said.conflicts();
        let planned = |conflict: &Conflict| taken.iter().any(|field| field.plain() == conflict.field.plain());
        if said.status == 409 && !conflicts.is_empty() && conflicts.iter().all(planned) {
            said = wire.ask(&operation, &Ask::apply(format!("{path}&force=true"), &body)).await?;
        }
        if !said.is_ok() {
            // The words about a Secret may hold a value of it.
            let reason = if object.id.kind == Kind::Secret { said.fields() } else { said.words() };
            return Err(TargetError::Refused { operation, reason });
        }
        read_back(&said.body, context, &object.id, &operation)?;
        let fingerprint = self.memory.saw(&context.unit, &object.id, &said.body);
        // What a first application leaves to others is known by the next look.
        let clean = Clean { fingerprint, revision: object.revision.clone(), left: left.clone() };
        self.memory.remember(&context.unit, &object.id, clean);
        if object.id.kind.defines_kinds() {
            self.until_served(&wire, &resource, &object.id, &operation).await?;
        }
        Ok(())
    }

    /// Names a kind and a namespace in the unit's parent before the first object is there.
    async fn announce(&self, wire: &Wire, context: &Context, id: &ObjectId, body: &Value) -> Result<(), TargetError> {
        let kind = text(body, "/kind").unwrap_or_default();
        let group = id.kind.group();
        let kind = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let mut parents = self.parents.lock().await;
        let parent = self.parent(wire, &mut parents, &context.unit).await?;
        parent.contain(wire, self.keeper.as_ref(), &kind, &id.scope.0).await
    }

    async fn delete(&self, context: &Context, deletion: &Deletion) -> Result<(), TargetError> {
        let Deletion { id, uid, account, orphan, anew } = deletion;
        let operation = operation("delete", id, account.as_ref());
        let own = self.wire().await?;
        let wire = own.acting_as(account.as_ref());
        let resource = self.resource(&own, id, None, &operation).await?;
        self.memory.forget(&context.unit, id);
        // From now on it is known to go.
        self.memory.saw_none(&context.unit, id);
        let live = wire.ask(&operation, &Ask::get(resource.one(id))).await?;
        if live.is_absent() || live.is_ok() && live.uid() != uid {
            return Ok(());
        }
        if !live.is_ok() {
            return Err(TargetError::Refused { operation, reason: live.words() });
        }
        read_back(&live.body, context, id, &operation)?;
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid},
            "propagationPolicy": if *orphan { "Orphan" } else { "Background" },
        });
        let body = Some((JSON, options.to_string().into_bytes()));
        let said = wire.ask(&operation, &Ask { method: Method::DELETE, body, ..Ask::get(resource.one(id)) }).await?;
        if !said.is_ok() && !said.is_absent() {
            return Err(TargetError::Refused { operation, reason: said.words() });
        }
        if *anew { self.until_gone(&wire, &resource, id, &operation).await } else { Ok(()) }
    }

    /// Where objects of a kind are, found anew if it is not known yet: its definition may have been applied just now.
    async fn resource(
        &self,
        wire: &Wire,
        id: &ObjectId,
        version: Option<&str>,
        operation: &str,
    ) -> Result<Resource, TargetError> {
        let known = self.discovery(wire).await?;
        if let Found::Served(resource) = known.find(id.kind, version) {
            return Ok(resource.clone());
        }
        let fresh = self.discover(wire).await?;
        match fresh.find(id.kind, version) {
            Found::Served(resource) => Ok(resource.clone()),
            Found::Missing(_) | Found::Unknown => Err(TargetError::Failed {
                operation: operation.to_owned(),
                reason: format!("the cluster has no {} of {}", id.kind.qualified(), version.unwrap_or("any version")),
            }),
        }
    }

    /// Waits until an object is gone that is being deleted.
    async fn until_gone(
        &self,
        wire: &Wire,
        resource: &Resource,
        id: &ObjectId,
        operation: &str,
    ) -> Result<(), TargetError> {
        let gone =
            |said: &Said| said.is_absent().then_some(()).ok_or_else(|| "it is being deleted, and not gone".to_owned());
        until(wire, resource, id, operation, gone).await
    }

    /// Waits until the server serves a kind that was defined.
    async fn until_served(
        &self,
        wire: &Wire,
        resource: &Resource,
        id: &ObjectId,
        operation: &str,
    ) -> Result<(), TargetError> {
        let served = |said: &Said| match condition(id.kind, &said.body) {
            Condition::Ready => Ok(()),
            Condition::Progressing(why) | Condition::Failed(why) => Err(why),
        };
        until(wire, resource, id, operation, served).await?;
        self.discover(wire).await.map(drop)
    }
}

/// What is done to an object, and as whom, as errors say it.
fn operation(what: &str, id: &ObjectId, account: Option<&Account>) -> String {
    let whom = account.map_or(String::new(), |account| format!(" as {account}"));
    format!("{what} {id}{whom}")
}

/// Looks at an object until it is as it must be, or its time is over.
async fn until(
    wire: &Wire,
    resource: &Resource,
    id: &ObjectId,
    operation: &str,
    good: impl Fn(&Said) -> Result<(), String>,
) -> Result<(), TargetError> {
    let last = std::sync::Mutex::new(String::new());
    let looked = async {
        loop {
            let said = wire.ask(operation, &Ask::get(resource.one(id))).await?;
            match good(&said) {
                Ok(()) => return Ok(()),
                Err(why) => *super::lock(&last) = why,
            }
            tokio::time::sleep(Duration::from_millis(CLUSTER_LOOK_AGAIN_MILLIS)).await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(CLUSTER_GONE_SECONDS), looked).await {
        Ok(done) => done,
        Err(_) => {
            let why = super::lock(&last).clone();
            let reason = format!("{why} after {CLUSTER_GONE_SECONDS} s");
            Err(TargetError::Failed { operation: operation.to_owned(), reason })
        }
    }
}

/// True for an object, or its namespace, that is being deleted.
fn is_ending(said: &Said) -> bool {
    let words = said.words();
    let refused = matches!(said.status, 403 | 409) && words.contains("being terminated");
    refused || said.is_ok() && text(&said.body, "/metadata/deletionTimestamp").is_some()
}

/// An error if an object does not bear the labels of this host and the unit.
fn read_back(live: &Value, context: &Context, id: &ObjectId, operation: &str) -> Result<(), TargetError> {
    if label(live, LABEL_HOST) == Some(&context.host) && label(live, LABEL_UNIT) == Some(&context.unit) {
        return Ok(());
    }
    let (operation, object, host) = (operation.to_owned(), id.to_string(), context.host.clone());
    Err(TargetError::NotOurs { operation, object, host })
}
