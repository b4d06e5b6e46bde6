//! Which units come after which.

use std::collections::{BTreeMap, BTreeSet};

use writ_core::text::{Problems, Written, quoted};

use super::check::refuse;
use super::{Unit, raw};

/// Refuses what a unit cannot depend on: what there is not, and itself, be it by way of others.
pub(super) fn check_dependencies(units: &[raw::Unit], problems: &mut Problems) {
    let named = |unit: &raw::Unit| {
        let depends = unit.depends_on.iter().flat_map(|list| &list.value);
        depends.map(|name| name.value.clone()).collect::<Vec<String>>()
    };
    let graph: BTreeMap<String, Vec<String>> =
        units.iter().filter_map(|unit| Some((unit.name.as_ref()?.value.clone(), named(unit)))).collect();
    for unit in units {
        let Some(own) = &unit.name else { continue };
        for Written { value, place } in unit.depends_on.iter().flat_map(|list| &list.value) {
            if !graph.contains_key(value) {
                let names: Vec<&str> = graph.keys().map(String::as_str).filter(|name| *name != own.value).collect();
                let help = match names.as_slice() {
                    [] => "there is no other unit".to_owned(),
                    names => format!("the other units are: {}", names.join(", ")),
                };
                refuse(problems, place, format!("there is no unit called {}", quoted(value)), help);
            } else if reaches(&graph, value, &own.value) {
                let message = format!("unit {} would come after itself", quoted(&own.value));
                refuse(problems, place, message, "let one of them depend on nothing");
            }
        }
    }
}

/// True if `from` is `to`, or depends on it, be it by way of others.
fn reaches(graph: &BTreeMap<String, Vec<String>>, from: &str, to: &str) -> bool {
    let (mut known, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(name) = open.pop() {
        if name == to {
            return true;
        }
        if known.insert(name) {
            open.extend(graph.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    false
}

/// The units as they were written, but each behind those that it depends on.
pub(super) fn in_order(mut units: Vec<Unit>) -> Vec<Unit> {
    let mut ordered: Vec<Unit> = Vec::with_capacity(units.len());
    while !units.is_empty() {
        let is_there = |name: &String| ordered.iter().any(|unit| unit.name == *name);
        // None depends on itself, so that there is always one.
        let next = units.iter().position(|unit| unit.depends_on.iter().all(is_there)).unwrap_or(0);
        ordered.push(units.remove(next));
    }
    ordered
}
