//! Steps that keep failing: how long they wait, and what ends the wait. The clock is moved, never waited for.

use writ_core::model::ObjectId;
use writ_core::plan::Setbacks;
use writ_core::simulated::Host;
use writ_core::time::Timestamp;

use crate::simulation::{Unit, desired};

const PG: &str = "statefulset/data/pg";

/// A database of three, the first of which cannot be made in so many tries.
fn unlucky(tries: usize) -> Unit {
    let mut unit = Unit::new(desired(&format!("{PG} replicas=3")));
    let faults: String = (1..=tries).map(|act| format!("fault {act} refuse\n")).collect();
    unit.host = Host::parse(&format!("network present\n{faults}")).unwrap();
    unit.backs_off = true;
    unit
}

#[test]
fn a_step_that_keeps_failing_waits_ten_seconds_then_twice_as_long_up_to_five_minutes() {
    let mut unit = unlucky(9);
    unit.pass();
    let mut waits = Vec::new();
    for failure in 2..=8 {
        let (attempt, setback) = unit.setbacks.iter().next().map(|(it, how)| (it.clone(), how.clone())).unwrap();
        waits.push(setback.until.millis_since(unit.now));
        unit.now = Timestamp(setback.until.0 - 1);
        assert_eq!(unit.pass().acts, 0, "before failure {failure}");
        assert_eq!(unit.setbacks.iter().next(), Some((&attempt, &setback)), "nothing is forgotten while it waits");
        unit.now = setback.until;
        assert_eq!(unit.pass().acts, 1, "failure {failure}");
    }
    let expected = [10, 20, 40, 80, 160, 300, 300];
    for (millis, seconds) in waits.iter().zip(expected) {
        assert!((900 * seconds..=1_000 * seconds).contains(millis), "{waits:?}");
    }
}

#[test]
fn a_setback_ends_with_success_with_another_hash_and_with_whoever_did_it_instead() {
    let mut unit = unlucky(1);
    unit.pass();
    assert_eq!((unit.pass().acts, unit.setbacks.iter().count()), (0, 1), "it waits");
    let mut other_hash = unit.clone();
    other_hash.desired = desired(&format!("{PG} replicas=3 image=app:2"));
    assert!(other_hash.pass().acts > 0, "another hash is another attempt");
    assert_eq!(other_hash.setbacks, Setbacks::default());
    let mut by_hand = unit.clone();
    by_hand.desired.workloads.remove(&ObjectId::parse(PG).unwrap());
    by_hand.pass();
    assert_eq!(by_hand.setbacks, Setbacks::default(), "what is not tried any more is forgotten");
    unit.now = unit.setbacks.next(unit.now).unwrap();
    assert!(unit.pass().failures.is_empty());
    assert_eq!(unit.setbacks, Setbacks::default());
}

#[test]
fn a_clock_that_is_put_back_holds_nothing_back_for_longer() {
    let mut unit = unlucky(1);
    unit.pass();
    unit.now = Timestamp(unit.now.0 - 86_400_000);
    assert!(unit.pass().acts > 0);
}
