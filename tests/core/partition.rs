//! Pods below a partition: the revision that they stay at, and come back at.

use writ_core::hash::SpecHash;
use writ_core::model::{Desired, ObjectId};
use writ_core::plan::{Template, earlier};
use writ_core::simulated::Host;

use crate::simulation::{Unit, desired};

const PG: &str = "statefulset/data/pg";

/// The same set at another image, its first `partition` pods left as they are.
fn left(image: &str, partition: u32) -> Desired {
    desired(&format!("{PG} replicas=3 image={image} claims=data partition={partition}"))
}

/// The revision that a plan gives to the pod with the lowest number.
fn made(unit: &mut Unit) -> Option<SpecHash> {
    unit.host = Host::parse(&lines_without(&unit.host, "data-pg.0")).unwrap();
    unit.plan().steps().find(|step| step.pod.as_deref() == Some("data-pg.0")).and_then(|step| step.to.clone())
}

fn lines_without(host: &Host, pod: &str) -> String {
    let lines = host.to_string();
    lines.lines().filter(|line| line.split_whitespace().nth(1) != Some(pod)).map(|line| format!("{line}\n")).collect()
}

fn revision(desired: &Desired) -> Option<SpecHash> {
    Some(desired.workloads[&ObjectId::parse(PG).unwrap()].revision.clone())
}

#[test]
fn k12_pods_below_the_partition_come_back_at_the_revision_before_however_many_came_after_it() {
    let first = left("pg:1", 0);
    let mut unit = Unit::applied(first.clone());
    let found = first.workloads.clone().into_iter();
    unit.templates = found.map(|(id, workload)| (id, Template::Found(Box::new(workload)))).collect();
    for image in ["pg:2", "pg:3"] {
        unit.desired = left(image, 2);
        assert!(unit.pass().failures.is_empty());
        assert!(unit.plan().is_empty(), "{}", unit.plan());
        assert_eq!(made(&mut unit), revision(&first), "at {image}");
        assert!(unit.pass().failures.is_empty());
        let found = unit.host.observe(unit.now).pods["data-pg.0"].revision.clone();
        assert_eq!(found, revision(&first), "and it stays there");
        assert!(unit.plan().is_empty(), "{}", unit.plan());
    }
    let held = unit.held.objects[&ObjectId::parse(PG).unwrap()].clone();
    assert_eq!(held.stays_at().map(|earlier| Some(earlier.revision)), Some(revision(&first)));
    unit.desired = left("pg:3", 0);
    assert!(unit.pass().failures.is_empty());
    assert_eq!(made(&mut unit), revision(&unit.desired.clone()), "without a partition there is one revision");
    assert!(unit.pass().failures.is_empty());
    assert_eq!(unit.held.objects[&ObjectId::parse(PG).unwrap()].stays_at(), None);
}

#[test]
fn a_set_that_was_never_at_another_revision_or_is_back_at_it_looks_for_none() {
    let first = left("pg:1", 3);
    let mut unit = Unit::applied(first.clone());
    assert_eq!(made(&mut unit), revision(&first));
    let asked = |unit: &Unit| earlier(&unit.desired, &unit.host.observe(unit.now), &unit.held).len();
    assert_eq!(asked(&unit), 0);
    unit.desired = left("pg:2", 3);
    assert_eq!(asked(&unit), 1, "a pod below the partition is missing");
    unit.pass();
    unit.desired = first;
    assert_eq!(asked(&unit), 0, "the commit was reverted");
}
