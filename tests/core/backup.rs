//! Copies of volumes before steps that may harm what is on them, beside those of the scenarios of `plan`.

use writ_core::model::ObjectId;
use writ_core::plan::{Act, BackUp, Backups, Plan, removal};

use crate::simulation::{Unit, desired};

const PG: &str = "statefulset/data/pg";

/// The acts of a plan on volumes, in order.
fn on_volumes(plan: &Plan) -> Vec<String> {
    let word = |act: &Act| match act {
        Act::BackUp(backup) => {
            let BackUp { volume, to: Backups { directory, keep }, at: _, next } = &**backup;
            Some(format!("copy {volume} to {directory}, keep {keep}, next {}", next.is_some()))
        }
        Act::RemoveVolume { volume } => Some(format!("destroy {volume}")),
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::CreatePod(_)
        | Act::StartPod { .. }
        | Act::MendPod { .. }
        | Act::ReplacePod { .. }
        | Act::RemovePod { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
    };
    plan.steps().filter_map(|step| word(&step.act)).collect()
}

#[test]
fn what_is_pruned_is_copied_first_where_the_unit_wants_it_and_nothing_is_copied_where_it_does_not() {
    let mut unit = Unit::applied(desired(&format!("{PG} replicas=2 claims=data")));
    let delete = |unit: &Unit, prune| {
        let observed = unit.host.observe(unit.now);
        on_volumes(&removal(&unit.input(&observed), &ObjectId::parse(PG).unwrap(), prune))
    };
    assert_eq!(delete(&unit, true), ["destroy voodu-data-pg-data-0", "destroy voodu-data-pg-data-1"]);
    unit.policy.backup = Some(Backups { directory: "/backups".to_owned(), keep: 2 });
    let copied = |number| format!("copy voodu-data-pg-data-{number} to /backups, keep 2, next false");
    let destroyed = |number| format!("destroy voodu-data-pg-data-{number}");
    assert_eq!(delete(&unit, true), [copied(0), destroyed(0), copied(1), destroyed(1)]);
    assert!(delete(&unit, false).is_empty(), "what is kept needs no copy");
    // The images of what takes a pod's place are brought before it is stopped.
    unit.desired = desired(&format!("{PG} replicas=2 claims=data image=app:2"));
    let copied = |number| format!("copy voodu-data-pg-data-{number} to /backups, keep 2, next true");
    assert_eq!(on_volumes(&unit.plan()), [copied(1), copied(0)]);
    unit.policy.backup = None;
    assert!(on_volumes(&unit.plan()).is_empty());
}
