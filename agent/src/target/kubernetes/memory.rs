//! What is known of objects between two looks: how they looked last, which are being written to, and from where on their kinds
//! are watched.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;
use std::sync::Mutex;

use serde_json::Value;
use tokio::sync::Notify;
use writ_core::cluster::{Condition, Left, condition, fingerprint};
use writ_core::hash::SpecHash;
use writ_core::model::{Kind, ObjectId};

use super::lock;

/// An object of a unit.
pub(super) type Key = (String, ObjectId);

/// Memory that passes, steps and watches share.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// How objects looked when nothing about them was to be changed: while they look so, nothing is.
    clean: Mutex<BTreeMap<Key, Clean>>,
    seen: Mutex<BTreeMap<Key, Seen>>,
    writing: Mutex<BTreeSet<Key>>,
    /// The newest list of each path.
    lists: Mutex<BTreeMap<String, List>>,
    /// Kinds that may not be listed in all namespaces at once, for a unit.
    narrow: Mutex<BTreeSet<(String, Kind)>>,
    /// Told when a kind was listed.
    listed: Notify,
    /// Told when a step has ended.
    written: Notify,
}

/// An object as it was when nothing about it was to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clean {
    pub(super) fingerprint: String,
    pub(super) revision: SpecHash,
    pub(super) left: Left,
}

/// An object as it looked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    fingerprint: String,
    condition: Condition,
}

/// A list of a kind that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct List {
    pub(super) kind: Kind,
    /// Where the objects of it are found: all, or those of one namespace.
    pub(super) path: String,
    /// The state of the cluster that it shows, in the server's words.
    pub(super) version: String,
}

/// What is new about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    Nothing,
    /// Only how it is.
    Condition,
    /// What somebody set.
    Fields,
}

/// As long as it lives, an object is being written to.
pub(super) struct Writing<'m> {
    memory: &'m Memory,
    key: Key,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        lock(&self.memory.writing).remove(&self.key);
        self.memory.written.notify_waiters();
    }
}

impl Memory {
    /// Remembers how an object looks with which nothing is wrong.
    pub(super) fn remember(&self, unit: &str, id: &ObjectId, clean: Clean) {
        lock(&self.clean).insert((unit.to_owned(), id.clone()), clean);
    }

    pub(super) fn forget(&self, unit: &str, id: &ObjectId) {
        lock(&self.clean).remove(&(unit.to_owned(), id.clone()));
    }

    /// True if nothing was to be changed about an object that looked so, for what is wanted.
    pub(super) fn is_clean(&self, unit: &str, id: &ObjectId, clean: &Clean) -> bool {
        lock(&self.clean).get(&(unit.to_owned(), id.clone())) == Some(clean)
    }

    /// A look showed an object so; the fingerprint by which it is known again.
    pub(super) fn saw(&self, unit: &str, id: &ObjectId, live: &Value) -> String {
        let seen = Seen { fingerprint: fingerprint(live), condition: condition(id.kind, live) };
        let print = seen.fingerprint.clone();
        lock(&self.seen).insert((unit.to_owned(), id.clone()), seen);
        print
    }

    /// An object is not there, or goes.
    pub(super) fn saw_none(&self, unit: &str, id: &ObjectId) {
        lock(&self.seen).remove(&(unit.to_owned(), id.clone()));
    }

    /// What is new about an object that is there now, since the last look.
    pub(super) fn news(&self, key: &Key, live: &Value) -> News {
        let now = Seen { fingerprint: fingerprint(live), condition: condition(key.1.kind, live) };
        let mut all = lock(&self.seen);
        match all.get_mut(key) {
            None => News::Fields,
            Some(seen) if seen.fingerprint != now.fingerprint => News::Fields,
            // Words about how far it is change too often to be news.
            Some(seen) if discriminant(&seen.condition) == discriminant(&now.condition) => News::Nothing,
            Some(seen) => {
                *seen = now;
                News::Condition
            }
        }
    }

    pub(super) fn is_seen(&self, key: &Key) -> bool {
        lock(&self.seen).contains_key(key)
    }

    /// Marks an object as being written to, until what is given is dropped.
    pub(super) fn writing(&self, unit: &str, id: &ObjectId) -> Writing<'_> {
        let key = (unit.to_owned(), id.clone());
        lock(&self.writing).insert(key.clone());
        Writing { memory: self, key }
    }

    /// Waits until nothing is written to an object from here.
    pub(super) async fn at_rest(&self, key: &Key) {
        loop {
            let mut written = Box::pin(self.written.notified());
            written.as_mut().enable();
            if !lock(&self.writing).contains(key) {
                return;
            }
            written.await;
        }
    }

    /// A kind was listed.
    pub(super) fn list(&self, list: List) {
        lock(&self.lists).insert(list.path.clone(), list);
        self.listed.notify_waiters();
    }

    /// The server refused to list a kind in all namespaces at once.
    pub(super) fn narrow(&self, unit: &str, kind: Kind) {
        lock(&self.narrow).insert((unit.to_owned(), kind));
    }

    pub(super) fn is_narrow(&self, unit: &str, kind: Kind) -> bool {
        lock(&self.narrow).contains(&(unit.to_owned(), kind))
    }

    /// The newest list of a path, once it is another than `than`.
    pub(super) async fn newer_list(&self, than: &List) -> List {
        loop {
            let mut listed = Box::pin(self.listed.notified());
            listed.as_mut().enable();
            if let Some(list) = lock(&self.lists).get(&than.path).filter(|list| *list != than) {
                return list.clone();
            }
            listed.await;
        }
    }

    /// Lists of paths that are not among `known`, once there are any.
    pub(super) async fn new_lists(&self, known: &BTreeSet<String>) -> Vec<List> {
        loop {
            let mut listed = Box::pin(self.listed.notified());
            listed.as_mut().enable();
            let new: Vec<List> = {
                let lists = lock(&self.lists);
                lists.values().filter(|list| !known.contains(&list.path)).cloned().collect()
            };
            if !new.is_empty() {
                return new;
            }
            listed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn web() -> (String, ObjectId) {
        ("u".to_owned(), ObjectId::parse("deployment/shop/web").unwrap())
    }

    fn live(label: &str, available: i64) -> Value {
        json!({"kind": "Deployment", "metadata": {"generation": 1, "labels": {"a": label}}, "spec": {"replicas": 1}, "status": {
            "observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": available}})
    }

    #[test]
    fn what_a_look_showed_is_no_news_and_what_somebody_set_since_is() {
        let (memory, key) = (Memory::default(), web());
        assert_eq!(memory.news(&key, &live("x", 1)), News::Fields, "nobody has seen it");
        memory.saw(&key.0, &key.1, &live("x", 1));
        assert_eq!(memory.news(&key, &live("x", 1)), News::Nothing);
        assert_eq!(memory.news(&key, &live("y", 1)), News::Fields);
        assert_eq!(memory.news(&key, &live("x", 0)), News::Condition);
        assert_eq!(memory.news(&key, &live("x", 0)), News::Nothing, "that was told");
        memory.saw_none(&key.0, &key.1);
        assert!(!memory.is_seen(&key));
    }

    #[tokio::test]
    async fn what_is_told_of_an_object_that_is_written_to_waits_until_that_has_ended() {
        let (memory, key) = (Memory::default(), web());
        let writing = memory.writing(&key.0, &key.1);
        let mut rest = Box::pin(memory.at_rest(&key));
        assert!(futures_util::poll!(&mut rest).is_pending());
        drop(writing);
        rest.await;
        memory.at_rest(&key).await;
    }
}
