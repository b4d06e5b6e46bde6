//! What `writ doctor` asks a cluster: whether it answers, what it has, and whether its parents may be written.
//!
//! Invariant: changes nothing.

use http::Method;
use serde_json::{Value, json};

use super::Kubernetes;
use super::wire::{Ask, JSON, Wire};
use crate::limits::TRIAL_PATIENCE_SECONDS;
use crate::target::TargetError;

/// What must be allowed for the parents of units. Source: verbs of the interface of Kubernetes.
const VERBS: [&str; 4] = ["get", "create", "patch", "delete"];

/// What a cluster says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Where it answers.
    pub endpoint: String,
    /// How many kinds it has.
    pub kinds: usize,
    /// Groups of kinds of which it could not find out what they hold.
    pub unknown: Vec<String>,
    /// What the credentials may not do with the parents of units, as `patch configmaps in default`.
    pub denied: Vec<String>,
}

impl Kubernetes {
    /// Asks the cluster what it has, and what the credentials may do.
    ///
    /// # Errors
    /// If it does not answer, or is too old.
    pub async fn diagnose(&self) -> Result<Diagnosis, TargetError> {
        let wire = self.wire().await?;
        // A person waits: a cluster that is not there is not asked for long.
        wire.ask_for("ask the cluster for its version", &Ask::get("/version"), TRIAL_PATIENCE_SECONDS).await?;
        let discovery = self.discover(&wire).await?;
        let mut denied = Vec::new();
        for verb in VERBS {
            if !may(&wire, verb).await? {
                denied.push(format!("{verb} configmaps in {}", wire.namespace()));
            }
        }
        let (kinds, unknown) = discovery.extent();
        Ok(Diagnosis { endpoint: wire.endpoint().to_owned(), kinds, unknown, denied })
    }
}

async fn may(wire: &Wire, verb: &str) -> Result<bool, TargetError> {
    let operation = "find out what the credentials may do".to_owned();
    let attributes = json!({"namespace": wire.namespace(), "verb": verb, "resource": "configmaps"});
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let body = Some((JSON, review.to_string().into_bytes()));
    let said = wire.ask(&operation, &Ask { method: Method::POST, body, ..Ask::get(path) }).await?;
    if !said.is_ok() {
        return Err(TargetError::Refused { operation, reason: said.words() });
    }
    Ok(said.body.pointer("/status/allowed").and_then(Value::as_bool) == Some(true))
}
