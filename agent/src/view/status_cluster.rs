//! The status of objects of a cluster, each as a line and as a document.

use serde_json::{Value, json};
use writ_core::cluster::{Condition, ObservedCluster, ObservedObject, Present};
use writ_core::hash::SpecHash;
use writ_core::holdings::{Held, Holdings};
use writ_core::model::ObjectId;
use writ_core::time::Timestamp;

use super::health::Health;
use super::moment;

/// An object, judged.
pub(super) struct Shown {
    pub(super) health: Health,
    pub(super) line: String,
    pub(super) document: Value,
}

/// All objects that a unit holds or that bear its labels, in order.
pub(super) fn objects(held: &Holdings, cluster: &ObservedCluster, now: Timestamp) -> Vec<Shown> {
    let mut ids: Vec<&ObjectId> = held.objects.keys().chain(cluster.objects.keys()).collect();
    ids.sort();
    ids.dedup();
    ids.into_iter().map(|id| shown(id, held.objects.get(id), cluster.objects.get(id), now)).collect()
}

fn shown(id: &ObjectId, held: Option<&Held>, seen: Option<&ObservedObject>, now: Timestamp) -> Shown {
    let (health, words, since) = judged(seen, now);
    let (health, words) = match held {
        Some(_) => (health, words),
        None => (health.max(Health::Progressing), format!("{words}, not held by the record")),
    };
    let document = json!({
        "object": id.to_string(), "health": health.name(), "condition": words,
        "revision": held.map(|held| held.revision.as_str()), "commit": held.and_then(|held| held.commit.clone()),
        "applied": present(seen).and_then(|it| it.revision.as_ref()).map(SpecHash::as_str),
        "since": since.map(|since| since.to_string()),
    });
    Shown { health, line: format!("  {id}  {words}"), document }
}

fn present(seen: Option<&ObservedObject>) -> Option<&Present> {
    match seen {
        Some(ObservedObject::Present(present)) => Some(present),
        Some(ObservedObject::Absent(_) | ObservedObject::Unseen(_) | ObservedObject::Foreign(_)) | None => None,
    }
}

fn judged(seen: Option<&ObservedObject>, now: Timestamp) -> (Health, String, Option<Timestamp>) {
    let present = match seen {
        Some(ObservedObject::Present(present)) => present,
        Some(ObservedObject::Absent(_)) => return (Health::Drifted, "not there".to_owned(), None),
        Some(ObservedObject::Foreign(holder)) => return (Health::Drifted, format!("held by {}", holder.0), None),
        Some(ObservedObject::Unseen(why)) => return (Health::Progressing, format!("not seen: {why}"), None),
        None => return (Health::Progressing, "not seen: nobody looked for it".to_owned(), None),
    };
    let (health, words) = match &present.condition {
        Condition::Ready => (Health::Healthy, "ready".to_owned()),
        Condition::Progressing(what) => (Health::Progressing, what.clone()),
        Condition::Failed(why) => (Health::Failing, why.clone()),
    };
    (health, format!("{words}, applied {}", moment::age(present.since, now)), Some(present.since))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use writ_core::cluster::Trial;

    use super::*;

    #[test]
    fn an_object_that_is_gone_is_drift_and_one_whose_controller_gave_up_is_failing() {
        let id = ObjectId::parse("deployment/shop/web").unwrap();
        let revision = SpecHash::parse(&format!("1:{}", "a".repeat(64))).unwrap();
        let (parts, fixed) = (BTreeMap::new(), BTreeMap::new());
        let held = Held { revision, replicas: 0, commit: None, parts, fixed };
        let held = Holdings { objects: [(id.clone(), held)].into() };
        let with = |condition| {
            let (uid, since) = ("u".to_owned(), Timestamp(0));
            let trial = Trial::Unasked;
            let present = Present { uid, revision: None, account: None, deleting: false, since, condition, trial };
            ObservedObject::Present(Box::new(present))
        };
        let failed = Condition::Failed("ProgressDeadlineExceeded".to_owned());
        for (seen, health) in [
            (with(Condition::Ready), Health::Healthy),
            (with(Condition::Progressing("1 of 2".to_owned())), Health::Progressing),
            (with(failed), Health::Failing),
            (ObservedObject::Absent(Trial::Unasked), Health::Drifted),
            (ObservedObject::Unseen("no".to_owned()), Health::Progressing),
        ] {
            let cluster = ObservedCluster { objects: [(id.clone(), seen)].into(), scaled: Ok(BTreeMap::new()) };
            let shown = objects(&held, &cluster, Timestamp(1_000));
            assert_eq!((shown.len(), shown[0].health), (1, health), "{}", shown[0].line);
        }
    }
}
