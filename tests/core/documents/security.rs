//! `SECURITY.md`: every test that it names is there, and every attack names one.

use std::collections::BTreeSet;

use super::{quoted, read, tests};

#[test]
fn every_attack_is_held_by_tests_that_are_there() {
    let names: BTreeSet<String> = tests().into_iter().map(|(name, _)| name).collect();
    let document = read("SECURITY.md");
    let rows = document.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| # "));
    let mut attacks = 0;
    for row in rows {
        let held = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let held: Vec<&str> = quoted(held).collect();
        assert!(!held.is_empty(), "no test is named in: {row}");
        for name in held {
            assert!(names.contains(name), "no test is called {name}: {row}");
        }
        attacks += 1;
    }
    assert!(attacks >= 15, "{attacks} attacks");
}
