//! Resources that somebody else made in a cluster, as their Services tell of them.

use std::collections::BTreeSet;

use serde_json::Value;
use writ_core::cluster::{Answers, answer, telling};
use writ_core::model::Reference;

use super::Kubernetes;
use super::wire::encoded;
use crate::target::TargetError;

impl Kubernetes {
    /// What the cluster tells of resources. What it does not let us see is an answer, too.
    ///
    /// # Errors
    /// If the cluster cannot be reached.
    pub async fn outside(&self, references: &BTreeSet<&Reference>) -> Result<Answers, TargetError> {
        let wire = self.wire().await?;
        let mut answers = Answers::new();
        for reference in references {
            let (list, selector) = telling(reference);
            let mut services = Vec::new();
            let query = format!("{list}?labelSelector={}&", encoded(&selector));
            let listed = wire.pages("Services of other resources", &query, |page| {
                let items = page.get("items").and_then(Value::as_array);
                services.extend(items.into_iter().flatten().cloned());
            });
            let found = listed.await.map_err(|(_, why)| why).and_then(|()| answer(reference, &services));
            answers.insert((*reference).clone(), found);
        }
        Ok(answers)
    }
}
