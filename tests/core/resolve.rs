//! What a container host must become for a set of objects.

use std::fs;
use std::path::Path;

use crate::desired_text::{desired, messages, text};

/// Resolves `NAME.yaml` and compares with `NAME.txt`.
fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/resolve");
    let read = |ending: &str| fs::read_to_string(folder.join(format!("{name}.{ending}"))).unwrap();
    let (desired, notes) = desired(&read("yaml"));
    let found = format!("{}{}", messages(&notes), text(&desired));
    assert!(found == read("txt"), "{name}.txt is not what was found:\n{found}");
}

#[test]
fn the_postgres_statefulset_of_the_seed_is_resolved_to_pods_volumes_names_and_probes() {
    check("postgres");
}
