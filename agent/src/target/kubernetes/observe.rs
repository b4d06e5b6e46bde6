//! One look at a unit's objects: a list for each kind, and a trial for each object that does not look as it did.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;
use writ_core::cluster::{
    ACCOUNT, ClusterObject, LABEL_HOST, LABEL_UNIT, ObservedCluster, ObservedObject, Owner, Present, SPEC, Scaled,
    Trial, condition,
};
use writ_core::hash::SpecHash;
use writ_core::holdings::Holdings;
use writ_core::model::{Desired, Kind, ObjectId};
use writ_core::observed::{Holder, Observed};
use writ_core::time::Timestamp;

use super::discovery::{Discovery, Found, Resource};
use super::memory::{self, Clean};
use super::trial::{Tried, attempt};
use super::wire::{Ask, Wire};
use super::{Kubernetes, autoscalers};
use crate::error::chain;
use crate::limits::{CLUSTER_LISTS_AT_ONCE, CLUSTER_TRIALS_AT_ONCE};
use crate::target::TargetError;

/// What a look is about.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The unit.
    pub unit: &'a str,
    /// What it wants; nothing where only what is there is asked for.
    pub desired: &'a Desired,
    /// What it holds.
    pub held: &'a Holdings,
    /// When.
    pub now: Timestamp,
}

/// The objects of one kind that bear the unit's labels; or why they could not be listed.
type Listed = Result<List, String>;

/// A list of one kind.
#[derive(Debug, Default)]
struct List {
    objects: BTreeMap<ObjectId, Value>,
    /// Namespaces of which it could not be made, and why.
    closed: BTreeMap<String, String>,
}

impl Kubernetes {
    /// Looks at all objects that a unit wants, holds, or has its labels on.
    ///
    /// # Errors
    /// If the cluster cannot be reached: never an empty look instead.
    pub async fn observe(&self, asked: &Asked<'_>) -> Result<Observed, TargetError> {
        let Asked { unit, desired, held, now } = *asked;
        let wire = self.wire().await?;
        let discovery = self.discover(&wire).await?;
        let scaled = autoscalers::scaled(&wire, &discovery, desired).await;
        let owner = self.owner(&wire, unit);
        let (kinds, namespaces) = self.extent(&wire, unit, desired, held).await?;
        let (target, acting) = (self, wire.acting_as(self.accounts.get(unit)));
        let look = Look { target, wire: &acting, discovery: &discovery, owner, namespaces, desired, scaled: &scaled };
        let lists = stream::iter(kinds).map(async |kind| (kind, look.list(kind).await));
        let lists: BTreeMap<Kind, Listed> = lists.buffer_unordered(CLUSTER_LISTS_AT_ONCE).collect().await;
        let mut ids: BTreeSet<ObjectId> = desired.objects.keys().chain(held.objects.keys()).cloned().collect();
        ids.extend(lists.values().filter_map(|list| list.as_ref().ok()).flat_map(|list| list.objects.keys()).cloned());
        let seen = stream::iter(ids).map(async |id: ObjectId| {
            let seen = look.object(&id, lists.get(&id.kind)).await;
            (id, seen)
        });
        let objects = seen.buffer_unordered(CLUSTER_TRIALS_AT_ONCE).collect().await;
        Ok(Observed { at: now, cluster: Some(ObservedCluster { objects, scaled }), ..Observed::default() })
    }

    /// Looks at all objects that have a unit's labels on, whatever it wants and holds.
    ///
    /// # Errors
    /// If the cluster cannot be reached.
    pub async fn observe_held(&self, unit: &str, now: Timestamp) -> Result<Observed, TargetError> {
        let (desired, held) = (Desired::default(), Holdings::default());
        self.observe(&Asked { unit, desired: &desired, held: &held, now }).await
    }

    /// The kinds and the namespaces to look at: what is wanted, what is held, and what the cluster remembers of the unit.
    async fn extent(
        &self,
        wire: &Wire,
        unit: &str,
        desired: &Desired,
        held: &Holdings,
    ) -> Result<(BTreeSet<Kind>, BTreeSet<String>), TargetError> {
        let mut parents = self.parents.lock().await;
        let parent = self.parent(wire, &mut parents, unit).await?;
        let remembered = parent.kinds.iter().filter_map(|kind| {
            let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
            Kind::of(&if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") }, kind)
        });
        let named = || desired.objects.keys().chain(held.objects.keys());
        let mut namespaces: BTreeSet<String> = named().map(|id| id.scope.0.clone()).collect();
        namespaces.extend(parent.namespaces.iter().cloned());
        namespaces.remove("");
        Ok((named().map(|id| id.kind).chain(remembered).collect(), namespaces))
    }
}

/// One look, while it is made.
struct Look<'a> {
    target: &'a Kubernetes,
    wire: &'a Wire,
    discovery: &'a Discovery,
    owner: Owner,
    /// Where objects of the unit may be that live in namespaces.
    namespaces: BTreeSet<String>,
    desired: &'a Desired,
    /// Which workloads are scaled by autoscalers.
    scaled: &'a Scaled,
}

impl Look<'_> {
    /// The version in which objects of a kind are looked at: that of the manifests, where they name one.
    fn resource(&self, kind: Kind) -> Found<'_> {
        let mut wanted = self.desired.objects.values().filter(|object| object.id.kind == kind);
        let version = wanted.next().map(|object| object.api_version.as_str());
        match self.discovery.find(kind, version) {
            Found::Missing(served) if !served.is_empty() => self.discovery.find(kind, None),
            found @ (Found::Missing(_) | Found::Served(_) | Found::Unknown) => found,
        }
    }

    /// The objects of a kind: of all namespaces at once, or one after another of those that are the unit's, where the
    /// credentials are for these alone.
    async fn list(&self, kind: Kind) -> Listed {
        let resource = match self.resource(kind) {
            Found::Served(resource) => resource,
            // Where there is no such kind there is no object of it.
            Found::Missing(_) => return Ok(List::default()),
            Found::Unknown => return Err("the server could not find out which kinds of its group there are".to_owned()),
        };
        let memory = &self.target.memory;
        if !memory.is_narrow(&self.owner.unit, kind) {
            match self.pages(kind, resource, resource.all()).await {
                Err((403, _)) if resource.namespaced => memory.narrow(&self.owner.unit, kind),
                Err((_, why)) => return Err(why),
                Ok(objects) => return Ok(List { objects, ..List::default() }),
            }
        }
        let mut list = List::default();
        for namespace in &self.namespaces {
            match self.pages(kind, resource, resource.within(namespace)).await {
                Ok(found) => list.objects.extend(found),
                Err((_, why)) => drop(list.closed.insert(namespace.clone(), why)),
            }
        }
        Ok(list)
    }

    /// The objects of a kind that are found at a path. An error is the status that the server told, or 0, and why.
    async fn pages(
        &self,
        kind: Kind,
        resource: &Resource,
        path: String,
    ) -> Result<BTreeMap<ObjectId, Value>, (u16, String)> {
        let Owner { host, unit, set: _ } = &self.owner;
        let (mut found, mut first) = (BTreeMap::new(), true);
        let query = format!("{path}?labelSelector={LABEL_HOST}%3D{host}%2C{LABEL_UNIT}%3D{unit}&");
        let page = |mut page: Value| {
            if std::mem::take(&mut first) {
                let version = text(&page, "/metadata/resourceVersion").unwrap_or_default().to_owned();
                self.target.memory.list(memory::List { kind, path: path.clone(), version });
            }
            let items = page.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default();
            found.extend(items.into_iter().filter_map(|item| self.listed(kind, resource, item)));
        };
        self.wire.pages(&kind.qualified(), &query, page).await?;
        Ok(found)
    }

    /// An item of a list, which does not say its kind. Labels are copied by controllers to what they make; the note of what
    /// was applied is not.
    fn listed(&self, kind: Kind, resource: &Resource, mut item: Value) -> Option<(ObjectId, Value)> {
        annotation(&item, SPEC)?;
        let scope = text(&item, "/metadata/namespace").unwrap_or_default().to_owned();
        let id = ObjectId::new(kind, &scope, text(&item, "/metadata/name")?);
        let map = item.as_object_mut()?;
        let said = self.desired.objects.get(&id).and_then(|object| object.body.get("kind")).cloned();
        map.insert("apiVersion".to_owned(), Value::String(resource.api_version.clone()));
        map.insert("kind".to_owned(), said.unwrap_or_else(|| Value::String(kind.name().to_owned())));
        Some((id, item))
    }

    async fn object(&self, id: &ObjectId, listed: Option<&Listed>) -> ObservedObject {
        let wanted = self.desired.objects.get(id);
        let list = match listed {
            Some(Ok(list)) => match list.closed.get(&id.scope.0) {
                None => &list.objects,
                Some(why) => return ObservedObject::Unseen(why.clone()),
            },
            // One that is there is enough, whoever made it, for those who may look at it and at no others.
            Some(Err(why)) if wanted.is_some_and(ClusterObject::is_content_to_be_there) => {
                return match self.unlisted(id).await {
                    seen @ ObservedObject::Foreign(_) => seen,
                    ObservedObject::Absent(_) | ObservedObject::Unseen(_) | ObservedObject::Present(_) => {
                        ObservedObject::Unseen(why.clone())
                    }
                };
            }
            Some(Err(why)) => return ObservedObject::Unseen(why.clone()),
            None => return ObservedObject::Unseen("nobody listed its kind".to_owned()),
        };
        match (wanted, list.get(id)) {
            (Some(object), Some(live)) if object.waits.is_some() => present(id, live, Trial::Unasked),
            (Some(object), None) if object.waits.is_some() => self.unlisted(id).await,
            (Some(object), live) => self.wanted(object, live).await,
            (None, Some(live)) => {
                drop(self.target.memory.saw(&self.owner.unit, id, live));
                present(id, live, Trial::Unasked)
            }
            (None, None) => self.unlisted(id).await,
        }
    }

    /// A wanted object, which bears the unit's labels if it is `live`.
    async fn wanted(&self, object: &ClusterObject, live: Option<&Value>) -> ObservedObject {
        let id = &object.id;
        let resource = match self.discovery.find(id.kind, Some(&object.api_version)) {
            Found::Served(resource) => resource,
            Found::Unknown => return ObservedObject::Unseen("its group could not be looked at".to_owned()),
            Found::Missing(served) => return self.missing(object, &served),
        };
        if let Some(wrong) = misplaced(id, resource) {
            return ObservedObject::Absent(Trial::Refused(wrong));
        }
        if let Some(live) = live {
            let fingerprint = self.target.memory.saw(&self.owner.unit, id, live);
            let left = object.left_in(self.scaled);
            let clean = Clean { fingerprint, revision: object.revision.clone(), left };
            let trial = match self.target.memory.is_clean(&self.owner.unit, id, &clean) {
                true => Trial::Same,
                false => self.tried(object, resource, live, clean).await,
            };
            return present(id, live, trial);
        }
        self.target.memory.saw_none(&self.owner.unit, id);
        if object.is_content_to_be_there()
            && let seen @ ObservedObject::Foreign(_) = self.unlisted(id).await
        {
            return seen;
        }
        match attempt(self.wire, &self.owner, resource, object, None).await {
            Tried::Absent(trial) => ObservedObject::Absent(trial),
            Tried::Homeless(words) => {
                let namespace = ObjectId::new(Kind::Namespace, "", &id.scope.0);
                let comes = self.desired.objects.contains_key(&namespace);
                ObservedObject::Absent(if comes { Trial::Unasked } else { Trial::Refused(words) })
            }
            Tried::There(trial) => match self.unlisted(id).await {
                ObservedObject::Absent(_) => ObservedObject::Absent(trial),
                seen @ (ObservedObject::Unseen(_) | ObservedObject::Foreign(_) | ObservedObject::Present(_)) => seen,
            },
        }
    }

    /// What an application would make of an object that is there, which is remembered as `clean` where that is nothing.
    async fn tried(&self, object: &ClusterObject, resource: &Resource, live: &Value, clean: Clean) -> Trial {
        match attempt(self.wire, &self.owner, resource, object, Some((live, &clean.left))).await {
            Tried::There(trial) => {
                if trial == Trial::Same {
                    self.target.memory.remember(&self.owner.unit, &object.id, clean);
                }
                trial
            }
            Tried::Absent(_) => Trial::Unknown("it went while it was looked at".to_owned()),
            Tried::Homeless(words) => Trial::Unknown(words),
        }
    }

    /// An object of a kind that the cluster does not have, or not in that version.
    fn missing(&self, object: &ClusterObject, served: &[&str]) -> ObservedObject {
        let group = object.id.kind.group();
        let is_defined =
            |other: &ClusterObject| other.id.kind.defines_kinds() && text(&other.body, "/spec/group") == Some(group);
        if self.desired.objects.values().any(is_defined) {
            return ObservedObject::Absent(Trial::Unasked);
        }
        let kind = text(&object.body, "/kind").unwrap_or_default();
        let versions = match served {
            [] => "it has no such kind; apply its definition first".to_owned(),
            served => format!("it has {kind} of {}", served.join(", ")),
        };
        ObservedObject::Absent(Trial::Refused(format!(
            "the cluster has no {kind} of {}: {versions}",
            object.api_version
        )))
    }

    /// An object that does not bear the unit's labels, if it is there at all.
    async fn unlisted(&self, id: &ObjectId) -> ObservedObject {
        let resource = match self.resource(id.kind) {
            Found::Served(resource) => resource,
            Found::Missing(_) => return ObservedObject::Absent(Trial::Unasked),
            Found::Unknown => return ObservedObject::Unseen("its group could not be looked at".to_owned()),
        };
        let said = match self.wire.ask(&format!("look at {id}"), &Ask::get(resource.one(id))).await {
            Ok(said) => said,
            Err(error) => return ObservedObject::Unseen(chain(&error)),
        };
        if said.is_absent() {
            return ObservedObject::Absent(Trial::Unasked);
        }
        if !said.is_ok() {
            return ObservedObject::Unseen(said.words());
        }
        ObservedObject::Foreign(holder(&said.body))
    }
}

/// Why an object cannot be where it says, of a kind that lives elsewhere.
fn misplaced(id: &ObjectId, resource: &Resource) -> Option<String> {
    match (resource.namespaced, id.scope.0.is_empty()) {
        (true, true) => Some("its kind lives in a namespace here: write `metadata.namespace`".to_owned()),
        (false, false) => Some("its kind lives in no namespace here: leave `metadata.namespace` out".to_owned()),
        (true, false) | (false, true) => None,
    }
}

fn present(id: &ObjectId, live: &Value, trial: Trial) -> ObservedObject {
    ObservedObject::Present(Box::new(Present {
        uid: text(live, "/metadata/uid").unwrap_or_default().to_owned(),
        revision: annotation(live, SPEC).and_then(SpecHash::parse),
        account: annotation(live, ACCOUNT).map(str::to_owned),
        deleting: text(live, "/metadata/deletionTimestamp").is_some(),
        since: since(live),
        condition: condition(id.kind, live),
        trial,
    }))
}

/// When an object was made, or its fields were set last by Writ.
fn since(live: &Value) -> Timestamp {
    let managed = live.pointer("/metadata/managedFields").and_then(Value::as_array).into_iter().flatten();
    let ours = managed.filter(|entry| text(entry, "/manager") == Some(super::MANAGER));
    let times = ours.filter_map(|entry| text(entry, "/time")).chain(text(live, "/metadata/creationTimestamp"));
    times.filter_map(Timestamp::parse).max().unwrap_or(Timestamp(0))
}

/// Who holds an object, by its labels; else by whoever set most of it.
fn holder(live: &Value) -> Holder {
    Holder(match (label(live, LABEL_HOST), label(live, LABEL_UNIT)) {
        (Some(host), Some(unit)) => format!("unit {unit} of host {host}"),
        (Some(_) | None, Some(_) | None) => {
            let manager = live.pointer("/metadata/managedFields/0/manager").and_then(Value::as_str);
            manager
                .map_or_else(|| "somebody".to_owned(), |manager| format!("nobody that Writ knows, made by {manager}"))
        }
    })
}

pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

pub(super) fn label<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.pointer("/metadata/labels")?.get(name)?.as_str()
}

pub(super) fn annotation<'v>(object: &'v Value, name: &str) -> Option<&'v str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}
