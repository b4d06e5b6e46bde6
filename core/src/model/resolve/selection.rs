//! Which Services select which workloads.
//!
//! Worked out once for a set: several judgements ask, and to ask each pair of a thousand anew takes most of the time.

use std::collections::BTreeMap;

use super::services::{Selected, Service};
use super::workload::Draft;
use crate::model::Scope;

/// Who selects whom, by places in the two lists that it was made from.
pub(super) struct Selection {
    of_services: Vec<Vec<(usize, Selected)>>,
    of_drafts: Vec<Vec<(usize, Selected)>>,
}

impl Selection {
    pub(super) fn new(services: &[Service<'_>], drafts: &[Draft<'_>]) -> Self {
        let mut by_scope: BTreeMap<&Scope, Vec<usize>> = BTreeMap::new();
        let mut by_label: BTreeMap<(&Scope, &str, &str), Vec<usize>> = BTreeMap::new();
        // A Service leads to what is there to answer, not to what comes to an end.
        for (at, draft) in drafts.iter().enumerate().filter(|(_, draft)| !draft.object.id.kind.ends()) {
            let scope = &draft.object.id.scope;
            by_scope.entry(scope).or_default().push(at);
            for (key, value) in &draft.template.labels {
                by_label.entry((scope, key, value)).or_default().push(at);
            }
        }
        let mut selection =
            Self { of_services: vec![Vec::new(); services.len()], of_drafts: vec![Vec::new(); drafts.len()] };
        for (at, service) in services.iter().enumerate() {
            let scope = &service.object.id.scope;
            let candidates = match service.label() {
                Some((key, value)) => by_label.get(&(scope, key, value)),
                None => by_scope.get(scope),
            };
            for candidate in candidates.into_iter().flatten() {
                if let Some(selected) = service.selects(&drafts[*candidate]) {
                    selection.of_services[at].push((*candidate, selected));
                    selection.of_drafts[*candidate].push((at, selected));
                }
            }
        }
        selection
    }

    /// The workloads that a Service selects, in their order.
    pub(super) fn of_service(&self, service: usize) -> &[(usize, Selected)] {
        &self.of_services[service]
    }

    /// The Services that select a workload, in their order.
    pub(super) fn of_draft(&self, draft: usize) -> &[(usize, Selected)] {
        &self.of_drafts[draft]
    }
}
