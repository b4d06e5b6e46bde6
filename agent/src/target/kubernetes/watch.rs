//! What happens to a host's objects in between two looks, as the server tells it.
//!
//! A kind is watched from the list on that a look made last, so that nothing is missed and nothing is listed twice. Where the
//! server cannot tell any more what happened since, it is said that anything may have, and the look that follows lists anew.
//!
//! Invariant: what was written from here is no news.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::sync::mpsc;
use writ_core::cluster::{LABEL_HOST, LABEL_UNIT, SPEC};
use writ_core::model::{Kind, ObjectId};

use super::Kubernetes;
use super::memory::{List, Memory, News};
use super::observe::{annotation, label, text};
use super::wire::Wire;
use crate::clock::Clock;
use crate::limits::{WATCH_AGAIN_MILLIS, WATCH_AGAIN_MILLIS_MAX, WATCH_SECONDS};
use crate::target::{Event, EventKind, Output, TargetError};

/// Events that wait to be heard; a watch that has more waits itself.
const WAITING_MAX: usize = 64;

/// How a watch ended.
enum End {
    /// It goes on from that state.
    On(String),
    /// The server does not know any more what happened since.
    Lost,
    /// It could not be made; why, and from which state it goes on.
    Failed(String, String),
}

/// One watch of all units of a host on a cluster.
struct Watcher {
    host: String,
    wire: Wire,
    memory: Arc<Memory>,
    sender: mpsc::Sender<Event>,
}

impl Kubernetes {
    /// Everything that happens to the objects of this host's units from the first look on; never ends.
    ///
    /// # Errors
    /// If it is not known how the cluster is reached.
    pub async fn events(&self) -> Result<Output<Event>, TargetError> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (host, wire, memory) = (self.host.clone(), self.wire().await?, Arc::clone(&self.memory));
        let lead = self.lead.clone().map(|lead| lead.attend(wire.clone(), host.clone(), sender.clone()));
        let watcher = Watcher { host, wire, memory, sender };
        let told =
            stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|event| (Ok(event), receiver)));
        let watching = stream::once(watcher.run()).map(|never| match never {});
        let leading = stream::iter(lead).then(|lead| lead).map(|never| match never {});
        Ok(Box::pin(stream::select(stream::select(told, leading), watching)))
    }
}

impl Watcher {
    /// Watches what was listed from its first list on.
    async fn run(self) -> Infallible {
        let mut known = BTreeSet::new();
        let mut watches = FuturesUnordered::new();
        loop {
            let new = tokio::select! {
                new = self.memory.new_lists(&known) => new,
                Some(never) = watches.next() => match never {},
            };
            for list in new {
                known.insert(list.path.clone());
                watches.push(self.path(list));
            }
        }
    }

    async fn path(&self, mut list: List) -> Infallible {
        let kind = list.kind;
        let mut version = list.version.clone();
        let mut pause = WATCH_AGAIN_MILLIS;
        loop {
            match self.once(kind, &list.path, version).await {
                End::On(from) => {
                    (version, pause) = (from, WATCH_AGAIN_MILLIS);
                    // A server that ends each watch at once is not asked without a break.
                    tokio::time::sleep(Duration::from_millis(WATCH_AGAIN_MILLIS)).await;
                }
                End::Lost => {
                    tracing::debug!(kind = kind.qualified(), "the server lost the thread of a watch");
                    self.tell(EventKind::Updated, None, String::new()).await;
                    list = self.memory.newer_list(&list).await;
                    (version, pause) = (list.version.clone(), WATCH_AGAIN_MILLIS);
                }
                End::Failed(why, from) => {
                    tracing::debug!(kind = kind.qualified(), why, "cannot watch");
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                    (version, pause) = (from, (pause * 2).min(WATCH_AGAIN_MILLIS_MAX));
                }
            }
        }
    }

    /// One watch of a kind at a path, from a state on until the server or the time ends it.
    async fn once(&self, kind: Kind, path: &str, from: String) -> End {
        let mut version = from;
        let watched = async {
            let path = format!(
                "{path}?watch=1&allowWatchBookmarks=true&labelSelector={LABEL_HOST}%3D{}&resourceVersion={version}&timeoutSeconds={}",
                self.host, WATCH_SECONDS
            );
            let mut events = match self.wire.watch(path).await {
                Ok(events) => events,
                Err((410, _)) => return Some(None),
                Err((_, why)) => return Some(Some(why)),
            };
            while let Some(event) = events.next().await {
                match event {
                    Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                        note(&mut version, &object);
                        self.there(kind, &object).await;
                    }
                    Ok(WatchEvent::Deleted(object)) => {
                        note(&mut version, &object);
                        self.gone(kind, &object).await;
                    }
                    Ok(WatchEvent::Bookmark(mark)) => version.clone_from(&mark.metadata.resource_version),
                    Ok(WatchEvent::Error(status)) if status.code == 410 => return Some(None),
                    Ok(WatchEvent::Error(status)) => return Some(Some(status.message)),
                    Err((410, _)) => return Some(None),
                    Err((_, why)) => return Some(Some(why)),
                }
            }
            None
        };
        // A connection that nobody ended and on which nothing comes any more is given up.
        let time = Duration::from_secs(WATCH_SECONDS + WATCH_SECONDS / 10);
        match tokio::time::timeout(time, watched).await {
            Ok(None) | Err(_) => End::On(version),
            Ok(Some(None)) => End::Lost,
            Ok(Some(Some(why))) => End::Failed(why, version),
        }
    }

    /// An object is there, new or in another way.
    async fn there(&self, kind: Kind, object: &Value) {
        let Some(key) = key(kind, object) else { return };
        self.memory.at_rest(&key).await;
        let seen = self.memory.is_seen(&key);
        // Labels are copied by controllers to what they make, the note of what was applied is not; what goes went from here.
        let noted = annotation(object, SPEC).is_some();
        let going = text(object, "/metadata/deletionTimestamp").is_some();
        if !seen && (!noted || going) {
            return;
        }
        match self.memory.news(&key, object) {
            News::Nothing => {}
            News::Condition => self.tell(EventKind::Stirred, Some(key.0), key.1.to_string()).await,
            News::Fields => self.tell(EventKind::Updated, Some(key.0), key.1.to_string()).await,
        }
    }

    /// An object is gone, or bears the host's label no more.
    async fn gone(&self, kind: Kind, object: &Value) {
        let Some(key) = key(kind, object) else { return };
        self.memory.at_rest(&key).await;
        if self.memory.is_seen(&key) {
            self.tell(EventKind::Removed, Some(key.0), key.1.to_string()).await;
        }
    }

    async fn tell(&self, kind: EventKind, unit: Option<String>, id: String) {
        let event = Event { kind, id, pod: None, unit, at: Clock.now() };
        // Whoever does not listen any more drops this as well.
        drop(self.sender.send(event).await);
    }
}

fn key(kind: Kind, object: &Value) -> Option<(String, ObjectId)> {
    let unit = label(object, LABEL_UNIT)?;
    let scope = text(object, "/metadata/namespace").unwrap_or_default();
    Some((unit.to_owned(), ObjectId::new(kind, scope, text(object, "/metadata/name")?)))
}

/// Notes the state that an object was told in.
fn note(version: &mut String, object: &Value) {
    if let Some(newer) = text(object, "/metadata/resourceVersion") {
        newer.clone_into(version);
    }
}
