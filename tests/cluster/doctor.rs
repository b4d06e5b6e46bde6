//! What `writ doctor` says of a cluster.

use std::fs;

use crate::place::Place;

/// What it says of the cluster of the place's unit.
fn found(place: &Place) -> String {
    let ran = place.machine.writ(&["doctor"]);
    let lines: Vec<&str> = ran.text.lines().skip_while(|line| !line.contains("kubernetes:writ-test")).take(2).collect();
    lines.join(" ")
}

#[test]
fn a_cluster_that_answers_is_well_and_one_that_denies_or_does_not_is_a_problem() {
    let place = Place::new("");
    let well = found(&place);
    assert!(well.starts_with("ok ") && well.contains("answers, is new enough and has"), "{well}");
    let kubeconfig = place.machine.path("kubeconfig");
    let right = fs::read_to_string(&kubeconfig).unwrap();
    place.kubectl(&["create", "namespace", &place.namespace]);
    place.kubectl(&["create", "serviceaccount", "stranger"]);
    let token = place.kubectl(&["create", "token", "stranger"]);
    let own = right.split_once("token: ").unwrap().1.split(' ').next().unwrap();
    fs::write(&kubeconfig, right.replace(own, &token)).unwrap();
    let denied = found(&place);
    assert!(denied.starts_with("PROBLEM") && denied.contains("does not allow: get configmaps in default"), "{denied}");
    assert!(!denied.contains(&token));
    fs::write(&kubeconfig, right.replace(":6443", ":1")).unwrap();
    let silent = found(&place);
    assert!(silent.starts_with("PROBLEM") && silent.contains("correct `kubeconfig`"), "{silent}");
}
