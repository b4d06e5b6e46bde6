//! How an object of a cluster is, by what its status says.
//!
//! Invariant: what a controller has not seen yet is not ready: the status is of another generation.
//! Source: the API of Kubernetes, and the conditions that kstatus and the documentation of custom resources agree on.

use std::fmt;

use serde_json::Value;

use crate::model::{DEFINITION, Kind};

/// How an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It is as it is to be, or there is nothing about it that could take time.
    Ready,
    /// On its way; what it waits for.
    Progressing(String),
    /// It will not get there by itself; why.
    Failed(String),
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Progressing(what) | Self::Failed(what) => f.write_str(what),
        }
    }
}

/// How an object is, of that kind and as the server shows it.
#[must_use]
pub fn condition(kind: Kind, live: &Value) -> Condition {
    let object = Live(live);
    if object.text("/metadata/deletionTimestamp").is_some() {
        return Condition::Progressing("it is being deleted".to_owned());
    }
    if let (Some(generation), Some(seen)) = (object.number("/metadata/generation"), object.seen_generation())
        && seen < generation
    {
        return Condition::Progressing("its controller has not seen the change yet".to_owned());
    }
    match kind {
        Kind::Deployment => object.deployment(),
        Kind::StatefulSet => object.stateful_set(),
        Kind::DaemonSet => object.daemon_set(),
        Kind::Job => object.job(),
        Kind::Service => object.service(),
        Kind::Namespace => object.phase("/status/phase", &["Active"], &[]),
        Kind::Ingress => Condition::Ready,
        Kind::PodDisruptionBudget => object.budget(),
        Kind::StorageClass | Kind::ConfigMap | Kind::Secret | Kind::CronJob | Kind::IngressClass => Condition::Ready,
        Kind::GatewayClass | Kind::Gateway => object.conditions(&["Accepted", "Programmed"]),
        Kind::HttpRoute => Condition::Ready,
        Kind::Other(other) => match other.name() {
            "persistentvolumeclaim" => object.claim(),
            "persistentvolume" => object.phase("/status/phase", &["Available", "Bound", "Released"], &["Failed"]),
            "pod" => object.pod(),
            "replicaset.apps" | "replicationcontroller" => object.replicas("/status/readyReplicas"),
            DEFINITION => object.definition(),
            "apiservice.apiregistration.k8s.io" => object.conditions(&["Available"]),
            _ => object.conditions(&["Ready", "Available"]),
        },
    }
}

struct Live<'a>(&'a Value);

impl<'a> Live<'a> {
    fn text(&self, pointer: &str) -> Option<&'a str> {
        self.0.pointer(pointer)?.as_str()
    }

    fn number(&self, pointer: &str) -> Option<i64> {
        self.0.pointer(pointer)?.as_i64()
    }

    /// A number that is left out where it is zero.
    fn count(&self, pointer: &str) -> i64 {
        self.number(pointer).unwrap_or(0)
    }

    /// The generation that its controller has seen. Of the kinds that come with every server, one that has seen none has
    /// not begun.
    fn seen_generation(&self) -> Option<i64> {
        let begins = matches!(self.text("/kind"), Some("Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet"));
        self.number("/status/observedGeneration").or_else(|| begins.then_some(0))
    }

    /// The condition of that type: its status, and what it says.
    fn said(&self, wanted: &str) -> Option<(&'a str, String)> {
        let conditions = self.0.pointer("/status/conditions")?.as_array()?;
        let found = conditions.iter().find(|it| it.get("type").and_then(Value::as_str) == Some(wanted))?;
        let part = |name: &str| found.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let words = match (part("reason"), part("message")) {
            (Some(reason), Some(message)) => format!("{reason}: {message}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => format!("{wanted} is not true"),
        };
        Some((part("status").unwrap_or("Unknown"), words))
    }

    fn is(&self, wanted: &str) -> bool {
        self.said(wanted).is_some_and(|(status, _)| status == "True")
    }

    fn deployment(&self) -> Condition {
        let wanted = self.number("/spec/replicas").unwrap_or(1);
        let (updated, all) = (self.count("/status/updatedReplicas"), self.count("/status/replicas"));
        let available = self.count("/status/availableReplicas");
        if self.0.pointer("/spec/paused") == Some(&Value::Bool(true)) && updated < wanted {
            return Condition::Progressing("its rollout is paused".to_owned());
        }
        if let Some((_, words)) = self.said("ReplicaFailure").filter(|(status, _)| *status == "True") {
            return Condition::Failed(words);
        }
        if let Some((_, words)) = self
            .said("Progressing")
            .filter(|(status, words)| *status == "False" && words.starts_with("ProgressDeadline"))
        {
            return Condition::Failed(words);
        }
        if updated < wanted {
            return Condition::Progressing(format!("{updated} of {wanted} replicas updated"));
        }
        if all > updated {
            return Condition::Progressing(format!("{} old replicas still run", all - updated));
        }
        available_of(available, wanted)
    }

    fn stateful_set(&self) -> Condition {
        let wanted = self.number("/spec/replicas").unwrap_or(1);
        let (ready, updated) = (self.count("/status/readyReplicas"), self.count("/status/updatedReplicas"));
        if ready < wanted {
            return Condition::Progressing(format!("{ready} of {wanted} replicas ready"));
        }
        if self.count("/status/replicas") > wanted {
            return Condition::Progressing(format!("{} replicas still go", self.count("/status/replicas") - wanted));
        }
        // A pod stays at the old revision until somebody removes it.
        if self.text("/spec/updateStrategy/type") == Some("OnDelete") {
            return Condition::Ready;
        }
        let partition = self.count("/spec/updateStrategy/rollingUpdate/partition");
        let outdated = self.text("/status/currentRevision") != self.text("/status/updateRevision");
        if partition > 0 {
            let wanted = (wanted - partition).max(0);
            return match outdated && updated < wanted {
                true => Condition::Progressing(format!("{updated} of {wanted} replicas above the partition updated")),
                false => Condition::Ready,
            };
        }
        match outdated {
            true => Condition::Progressing(format!("{updated} of {wanted} replicas updated")),
            false => Condition::Ready,
        }
    }

    fn daemon_set(&self) -> Condition {
        let wanted = self.count("/status/desiredNumberScheduled");
        let updated = self.count("/status/updatedNumberScheduled");
        let rolls = self.text("/spec/updateStrategy/type") != Some("OnDelete");
        if rolls && updated < wanted {
            return Condition::Progressing(format!("{updated} of {wanted} pods updated"));
        }
        available_of(self.count("/status/numberAvailable"), wanted)
    }

    fn job(&self) -> Condition {
        if let Some((_, words)) = self.said("Failed").filter(|(status, _)| *status == "True") {
            return Condition::Failed(words);
        }
        if self.is("Complete") || self.is("Suspended") {
            return Condition::Ready;
        }
        let wanted = self.number("/spec/completions").unwrap_or(1);
        Condition::Progressing(format!("{} of {wanted} completions", self.count("/status/succeeded")))
    }

    fn service(&self) -> Condition {
        let balanced = self.text("/spec/type") == Some("LoadBalancer");
        let reached =
            self.0.pointer("/status/loadBalancer/ingress").and_then(Value::as_array).is_some_and(|it| !it.is_empty());
        match balanced && !reached {
            true => Condition::Progressing("it has no address of a load balancer yet".to_owned()),
            false => Condition::Ready,
        }
    }

    fn budget(&self) -> Condition {
        let (healthy, wanted) = (self.count("/status/currentHealthy"), self.count("/status/desiredHealthy"));
        match healthy < wanted {
            true => Condition::Progressing(format!("{healthy} of {wanted} pods healthy")),
            false => Condition::Ready,
        }
    }

    fn claim(&self) -> Condition {
        match self.text("/status/phase") {
            Some("Bound") => Condition::Ready,
            Some("Lost") => Condition::Failed("its volume is lost".to_owned()),
            // One of a class that waits for a pod is bound with the first; nobody can tell that from here.
            Some(_) | None => Condition::Progressing("it is not bound to a volume yet".to_owned()),
        }
    }

    fn pod(&self) -> Condition {
        match self.text("/status/phase") {
            Some("Succeeded") => Condition::Ready,
            Some("Failed") => Condition::Failed(self.text("/status/message").unwrap_or("it failed").to_owned()),
            Some("Running") if self.is("Ready") => Condition::Ready,
            Some(_) | None => {
                let words = self.said("Ready").or_else(|| self.said("PodScheduled")).map(|(_, words)| words);
                Condition::Progressing(words.unwrap_or_else(|| "it does not run yet".to_owned()))
            }
        }
    }

    fn replicas(&self, ready: &str) -> Condition {
        available_of(self.count(ready), self.number("/spec/replicas").unwrap_or(1))
    }

    fn definition(&self) -> Condition {
        if let Some((_, words)) = self.said("NamesAccepted").filter(|(status, _)| *status == "False") {
            return Condition::Failed(words);
        }
        match self.is("Established") {
            true => Condition::Ready,
            false => Condition::Progressing("the server does not serve its kind yet".to_owned()),
        }
    }

    fn phase(&self, pointer: &str, good: &[&str], bad: &[&str]) -> Condition {
        match self.text(pointer) {
            Some(phase) if good.contains(&phase) => Condition::Ready,
            Some(phase) if bad.contains(&phase) => Condition::Failed(format!("its phase is {phase}")),
            Some(phase) => Condition::Progressing(format!("its phase is {phase}")),
            None => Condition::Progressing("it has no phase yet".to_owned()),
        }
    }

    /// By the conditions that custom resources agree on. What has none of them has nothing to wait for.
    fn conditions(&self, good: &[&str]) -> Condition {
        if let Some((_, words)) = self.said("Stalled").filter(|(status, _)| *status == "True") {
            return Condition::Failed(words);
        }
        if let Some((_, words)) = self.said("Reconciling").filter(|(status, _)| *status == "True") {
            return Condition::Progressing(words);
        }
        let said = good.iter().filter_map(|wanted| self.said(wanted)).find(|(status, _)| *status != "True");
        said.map_or(Condition::Ready, |(_, words)| Condition::Progressing(words))
    }
}

fn available_of(available: i64, wanted: i64) -> Condition {
    match available < wanted {
        true => Condition::Progressing(format!("{available} of {wanted} replicas available")),
        false => Condition::Ready,
    }
}
