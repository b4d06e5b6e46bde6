//! Which of several agents acts: a Lease that one of them holds and renews, and that the others wait for.
//!
//! Source: leader election as clients of Kubernetes do it. Whoever waits goes by its own clock, from when it first saw what stands in
//! the Lease, so that clocks of two machines need not agree.
//!
//! Invariant: nothing is written later than the Lease was renewed for, less a margin ([`Fence`]).

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use writ_core::cluster::LABEL_HOST;
use writ_core::time::Timestamp;

use super::observe::text;
use super::said::Said;
use super::wire::{Ask, JSON, Wire};
use super::{Kubernetes, lock, parent};
use crate::clock::{Clock, Stopwatch};
use crate::target::{Event, EventKind, Keeper, TargetError};

/// Of the span of a Lease, so many parts of `PARTS` pass before it is renewed, and before nothing is written any more.
const RENEWED_AFTER: u32 = 4;
const WRITTEN_UNTIL: u32 = 8;
const PARTS: u32 = 12;

/// Whether this agent acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Acts,
    /// Another one does, which calls itself so.
    StandsBy(String),
}

/// One agent's part in a Lease.
#[derive(Debug)]
pub(super) struct Lead {
    /// For how long it is renewed.
    span: Duration,
    /// What this agent calls itself there.
    name: String,
    fence: Arc<Fence>,
    seen: tokio::sync::Mutex<Option<Seen>>,
}

/// What stood in the Lease of another agent.
#[derive(Debug)]
struct Seen {
    version: String,
    since: Stopwatch,
}

/// Until when this agent may write.
#[derive(Debug, Default)]
pub(super) struct Fence {
    /// When the last renewal began that the server took, by both clocks: one of them stands still while a machine sleeps.
    renewed: Mutex<Option<(Stopwatch, Timestamp)>>,
    span: Duration,
}

impl Fence {
    /// How long it is since the Lease was renewed from here; none if it is not held.
    fn age(&self) -> Option<Duration> {
        let renewed = *lock(&self.renewed);
        renewed.map(|(steady, wall)| {
            let passed = u64::try_from(Clock.now().millis_since(wall)).unwrap_or(0);
            steady.elapsed().max(Duration::from_millis(passed))
        })
    }

    /// For how long a write may still be waited for; none if it may not be begun.
    pub(super) fn remaining(&self) -> Option<Duration> {
        (self.span * WRITTEN_UNTIL / PARTS).checked_sub(self.age()?).filter(|left| !left.is_zero())
    }
}

impl Lead {
    pub(super) fn new(keeper: &Keeper, span: Duration) -> Self {
        let name = format!("{}_{}", keeper.machine, keeper.store);
        Self { span, name, fence: Arc::new(Fence { span, ..Fence::default() }), seen: tokio::sync::Mutex::default() }
    }

    pub(super) fn fence(&self) -> Arc<Fence> {
        Arc::clone(&self.fence)
    }

    /// Renews the Lease if that is due, takes it if nobody holds it any more, and says who does.
    async fn stand(&self, wire: &Wire, host: &str) -> Result<Standing, TargetError> {
        let mut seen = self.seen.lock().await;
        if self.fence.age().is_some_and(|age| age < self.span * RENEWED_AFTER / PARTS) {
            return Ok(Standing::Acts);
        }
        // The Lease is what the fence stands on, so it lies outside of it.
        let wire = wire.unfenced();
        let operation = "find out which agent acts in the cluster";
        let all = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", wire.namespace());
        let one = format!("{all}/{}", parent::name(host, "agents"));
        let patience = (self.span / 2).as_secs().max(1);
        let begun = (Stopwatch::start(), Clock.now());
        let said = wire.ask_for(operation, &Ask::get(one.as_str()), patience).await?;
        let current = if said.is_absent() { None } else { Some(found(operation, said)?) };
        let holder = current.as_ref().and_then(|lease| text(lease, "/spec/holderIdentity")).unwrap_or_default();
        if !holder.is_empty() && holder != self.name {
            *lock(&self.fence.renewed) = None;
            let version =
                current.as_ref().and_then(|lease| text(lease, "/metadata/resourceVersion")).unwrap_or_default();
            match seen.as_ref().filter(|seen| seen.version == version) {
                Some(seen) if seen.since.elapsed() >= span_of(current.as_ref(), self.span) => {}
                Some(_) => return Ok(Standing::StandsBy(holder.to_owned())),
                None => {
                    *seen = Some(Seen { version: version.to_owned(), since: Stopwatch::start() });
                    return Ok(Standing::StandsBy(holder.to_owned()));
                }
            }
        }
        let body = self.renewed(current.as_ref(), host, wire.namespace(), begun.1);
        let (method, path) = if current.is_some() { (Method::PUT, one) } else { (Method::POST, all) };
        let body = Some((JSON, body.to_string().into_bytes()));
        let said = wire.ask_for(operation, &Ask { method, body, ..Ask::get(path) }, patience).await?;
        if said.status == 409 {
            // Somebody was faster; who that is shows the next time.
            *lock(&self.fence.renewed) = None;
            return Ok(Standing::StandsBy("another agent".to_owned()));
        }
        found(operation, said)?;
        *seen = None;
        *lock(&self.fence.renewed) = Some(begun);
        Ok(Standing::Acts)
    }

    /// The Lease as it is once this agent has renewed or taken it.
    fn renewed(&self, current: Option<&Value>, host: &str, namespace: &str, now: Timestamp) -> Value {
        let held = current.and_then(|lease| text(lease, "/spec/holderIdentity")) == Some(self.name.as_str());
        let known = |pointer: &str| current.and_then(|lease| lease.pointer(pointer));
        let acquired = known("/spec/acquireTime").filter(|_| held).cloned().unwrap_or_else(|| micro(now));
        let changes = known("/spec/leaseTransitions").and_then(Value::as_i64).unwrap_or(0);
        let changes = if held || current.is_none() { changes } else { changes + 1 };
        let labels = json!({LABEL_HOST: host});
        let mut metadata = json!({"name": parent::name(host, "agents"), "namespace": namespace, "labels": labels});
        if let (Some(version), Some(map)) = (known("/metadata/resourceVersion"), metadata.as_object_mut()) {
            // Two that take it at once do not both get it.
            map.insert("resourceVersion".to_owned(), version.clone());
        }
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata,
            "spec": {
                "holderIdentity": self.name, "leaseDurationSeconds": self.span.as_secs(), "acquireTime": acquired,
                "renewTime": micro(now), "leaseTransitions": changes,
            },
        })
    }

    /// Keeps up the Lease, or waits for it, and tells when this agent begins to act.
    pub(super) async fn attend(self: Arc<Self>, wire: Wire, host: String, sender: mpsc::Sender<Event>) -> Infallible {
        let mut acted = false;
        loop {
            match self.stand(&wire, &host).await {
                Ok(standing) => {
                    let acts = standing == Standing::Acts;
                    if acts && !acted {
                        let (kind, at) = (EventKind::Updated, Clock.now());
                        // Whoever does not listen any more drops this as well.
                        drop(sender.send(Event { kind, id: String::new(), pod: None, unit: None, at }).await);
                    }
                    acted = acts;
                }
                Err(error) => tracing::debug!(error = crate::error::chain(&error), "it is not known who acts"),
            }
            tokio::time::sleep(self.span / PARTS).await;
        }
    }
}

/// The Lease that a server told of.
fn found(operation: &str, said: Said) -> Result<Value, TargetError> {
    if said.is_ok() {
        return Ok(said.body);
    }
    Err(TargetError::Refused { operation: operation.to_owned(), reason: said.words() })
}

/// For how long the Lease of another agent holds: what it says, and no less than what is usual here.
fn span_of(lease: Option<&Value>, own: Duration) -> Duration {
    let said = lease.and_then(|lease| lease.pointer("/spec/leaseDurationSeconds")).and_then(Value::as_u64);
    Duration::from_secs(said.unwrap_or(0)).max(own)
}

/// A moment as Leases write it. Source: `MicroTime`, which takes six digits behind the point and no other number of them.
fn micro(at: Timestamp) -> Value {
    let text = at.to_string();
    let (seconds, digits) = text.trim_end_matches('Z').split_once('.').unwrap_or((text.trim_end_matches('Z'), ""));
    json!(format!("{seconds}.{digits:0<6}Z"))
}

impl Kubernetes {
    /// Whether this agent acts in the cluster, or stands by for another one.
    ///
    /// # Errors
    /// If that cannot be found out.
    pub async fn standing(&self) -> Result<Standing, TargetError> {
        match &self.lead {
            Some(lead) => lead.stand(&self.wire().await?, &self.host).await,
            None => Ok(Standing::Acts),
        }
    }

    /// Renews the Lease if this agent holds it and that is due. What goes wrong shows when something is to be written.
    pub async fn hold(&self) {
        if self.lead.as_ref().is_some_and(|lead| lead.fence.age().is_some()) {
            drop(self.standing().await);
        }
    }

    /// An error if another agent acts.
    ///
    /// # Errors
    /// [`TargetError::StandsBy`], or if that cannot be found out.
    pub async fn acts(&self, unit: &str) -> Result<(), TargetError> {
        match self.standing().await? {
            Standing::Acts => Ok(()),
            Standing::StandsBy(other) => Err(TargetError::StandsBy { unit: unit.to_owned(), other }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead() -> Lead {
        let keeper = Keeper { store: "s1".to_owned(), machine: "m1".to_owned() };
        Lead::new(&keeper, Duration::from_secs(15))
    }

    #[test]
    fn a_lease_that_is_renewed_keeps_since_when_it_is_held_and_one_that_is_taken_counts_that() {
        let (lead, now) = (lead(), Timestamp(1_700_000_000_120));
        let first = lead.renewed(None, "h", "writ", now);
        assert_eq!(first["spec"]["holderIdentity"], "m1_s1");
        assert_eq!(first["spec"]["renewTime"], "2023-11-14T22:13:20.120000Z");
        assert_eq!(
            (&first["spec"]["leaseTransitions"], &first["metadata"]["resourceVersion"]),
            (&json!(0), &Value::Null)
        );
        let mut current = first.clone();
        current["metadata"]["resourceVersion"] = json!("7");
        let later = lead.renewed(Some(&current), "h", "writ", Timestamp(1_700_000_005_000));
        assert_eq!(later["spec"]["acquireTime"], first["spec"]["acquireTime"]);
        assert_eq!(later["spec"]["renewTime"], "2023-11-14T22:13:25.000000Z");
        assert_eq!(
            (&later["spec"]["leaseTransitions"], &later["metadata"]["resourceVersion"]),
            (&json!(0), &json!("7"))
        );
        current["spec"]["holderIdentity"] = json!("m2_s2");
        let taken = lead.renewed(Some(&current), "h", "writ", Timestamp(1_700_000_009_000));
        assert_eq!(taken["spec"]["acquireTime"], taken["spec"]["renewTime"]);
        assert_eq!(taken["spec"]["leaseTransitions"], 1);
    }

    #[test]
    fn nothing_is_written_without_a_lease_nor_when_it_is_older_than_the_margin_leaves() {
        let lead = lead();
        assert_eq!(lead.fence.remaining(), None, "it was never held");
        let hold = |wall: i64| *lock(&lead.fence.renewed) = Some((Stopwatch::start(), Timestamp(Clock.now().0 - wall)));
        hold(0);
        assert!(lead.fence.remaining().unwrap() > Duration::from_secs(9));
        hold(6_000);
        assert!(lead.fence.remaining().unwrap() <= Duration::from_secs(4));
        // A machine that slept knows it by one of its clocks.
        hold(10_001);
        assert_eq!(lead.fence.remaining(), None);
        // A clock that was set back lengthens nothing.
        hold(-60_000);
        assert!(lead.fence.remaining().unwrap() <= Duration::from_secs(10));
    }

    #[test]
    fn the_lease_of_another_agent_holds_for_as_long_as_it_says_and_no_less_than_is_usual_here() {
        let own = Duration::from_secs(15);
        let lease = |seconds: u64| json!({"spec": {"leaseDurationSeconds": seconds}});
        assert_eq!(span_of(Some(&lease(60)), own), Duration::from_secs(60));
        assert_eq!(span_of(Some(&lease(1)), own), own);
        assert_eq!(span_of(None, own), own);
    }
}
