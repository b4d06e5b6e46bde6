//! `writ status --watch`: what it shows, and when it does so anew.

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use crate::machine::{Machine, Origin};

const MANIFEST: &str = "statefulset \"data\" \"pg\" {\n  image = \"postgres:15\"\n}\n";

#[test]
fn k76_a_status_that_is_watched_is_shown_anew_when_it_is_another_one_and_only_then() {
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    origin.deploy(&[("pg.hcl", MANIFEST)]);
    machine.pass();
    let mut watching = machine.watch(&["status", "--watch", "-o", "json"]);
    let lines = BufReader::new(watching.output()).lines();
    let mut documents = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let first = documents.next().unwrap();
    assert_eq!(first["units"][0]["objects"][0]["object"], "statefulset/data/pg");
    assert_eq!(first["units"][0]["suspended"], Value::Null);
    machine.writ(&["suspend", "edge", "--reason", "disk swap"]);
    let second = documents.next().unwrap();
    assert_eq!(second["units"][0]["suspended"]["reason"], "disk swap");
    machine.writ(&["resume", "edge"]);
    let third = documents.next().unwrap();
    assert_eq!(third["units"][0]["suspended"], Value::Null);
    // None was shown for the time alone.
    let records = [&first, &second, &third].map(|document| document["audit"]["records"].as_u64().unwrap());
    assert!(records.is_sorted_by(|one, next| one < next), "{records:?}");
}

#[test]
fn an_object_that_is_not_there_is_not_waited_for() {
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    origin.deploy(&[("pg.hcl", MANIFEST)]);
    machine.pass();
    let ran = machine.writ(&["status", "--watch", "deployment/shop/none"]);
    assert_eq!(ran.code, Some(1), "{}", ran.text);
    assert!(ran.text.contains("deployment/shop/none is not here"), "{}", ran.text);
}
