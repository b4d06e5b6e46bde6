//! PodDisruptionBudgets: whose pods they are about, and how many of these must stay ready.

use std::collections::{BTreeMap, BTreeSet};

use super::workload::{Draft, selects};
use crate::model::view::workload::{DisruptionBudget, Selector};
use crate::model::view::{IntOrString, view};
use crate::model::{Budget, Kind, Object, ObjectId};
use crate::text::{Problem, Problems};

/// All of the set, by identity.
pub(super) fn read(objects: &[Object], drafts: &[Draft<'_>], problems: &mut Problems) -> BTreeMap<ObjectId, Budget> {
    let budgets = objects.iter().filter(|object| object.id.kind == Kind::PodDisruptionBudget);
    budgets.filter_map(|object| Some((object.id.clone(), one(object, drafts, problems)?))).collect()
}

fn one(object: &Object, drafts: &[Draft<'_>], problems: &mut Problems) -> Option<Budget> {
    let DisruptionBudget { min_available, max_unavailable, selector } = view(object, "/spec", problems)?;
    let id = &object.id;
    let selected = drafts.iter().filter(|draft| {
        let of = &draft.object.id;
        // A relay is Writ's own, and what ends by itself is not to stay.
        of.scope == id.scope && of.kind != Kind::Service && !of.kind.ends() && finds(selector.as_ref(), draft)
    });
    let (mut workloads, mut wanted) = (BTreeSet::new(), 0_u32);
    for draft in selected {
        workloads.insert(draft.object.id.clone());
        wanted = wanted.saturating_add(draft.replicas);
    }
    let mut share = |field: &str, written: &IntOrString| {
        let found = counted(written, wanted);
        if found.is_none() {
            let message = format!("{id}: {field} is neither a number nor a percentage");
            problems.push(Problem::error(object.place(&format!("/spec/{field}")), message));
        }
        found
    };
    let ready_min = match (&min_available, &max_unavailable) {
        (Some(least), None) => share("minAvailable", least)?,
        (None, Some(most)) => wanted.saturating_sub(share("maxUnavailable", most)?),
        (None, None) | (Some(_), Some(_)) => {
            let message = format!("{id}: a budget needs one of minAvailable and maxUnavailable");
            problems.push(Problem::error(object.place("/spec"), message));
            return None;
        }
    };
    let budget = Budget { id: id.clone(), workloads, wanted, ready_min };
    if budget.workloads.is_empty() {
        let message = format!("{id}: it selects no pods that are kept running");
        problems.push(Problem::note(object.place("/spec/selector"), message));
    } else if budget.allows_none() {
        let message = format!(
            "{id}: {ready_min} of {wanted} pods must stay ready, so none is ever replaced to mend what a person altered \
             about it; changes of the manifests are rolled out all the same"
        );
        problems.push(Problem::note(object.place("/spec"), message));
    }
    Some(budget)
}

/// Source: policy/v1, in which a selector that says nothing finds all pods, and none finds none.
fn finds(selector: Option<&Selector>, draft: &Draft<'_>) -> bool {
    selector.is_some_and(|selector| selector.is_empty() || selects(Some(selector), &draft.template.labels))
}

/// A number of pods, or a percentage of them, rounded up. Source: Kubernetes, which rounds both up.
fn counted(written: &IntOrString, of: u32) -> Option<u32> {
    match written {
        IntOrString::Int(number) => u32::try_from(*number).ok(),
        IntOrString::Text(text) => {
            let percent: u64 = text.strip_suffix('%')?.parse().ok()?;
            u32::try_from(percent.checked_mul(u64::from(of))?.div_ceil(100)).ok()
        }
    }
}
