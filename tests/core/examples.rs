//! The examples: what `writ plan` says of each on an empty host.

use std::fs;
use std::path::{Path, PathBuf};

use writ_core::dialect::{Files, lower};
use writ_core::model::resolve;

use crate::desired_text::world;
use crate::guard::baseline;
use crate::simulation::Unit;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

/// Every folder with manifests of its own, with that of the demonstration.
fn folders() -> Vec<PathBuf> {
    let all = fs::read_dir(examples()).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> =
        all.filter(|path| path.is_dir() && !path.ends_with("demo") && !path.ends_with("ci")).collect();
    folders.push(examples().join("demo/repository/hosts/demo"));
    folders.sort();
    folders
}

fn read(top: &Path, folder: &Path, files: &mut Files) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            read(top, &path, files);
        } else {
            files.insert(path.strip_prefix(top).unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
        }
    }
}

#[test]
fn every_example_has_the_plan_that_stands_beside_it_and_a_second_one_is_empty() {
    let mut stale = Vec::new();
    for folder in folders() {
        let shown = folder.strip_prefix(examples()).unwrap().display().to_string();
        let mut files = Files::new();
        read(&folder, &folder, &mut files);
        let (lowered, sources) = lower(&files);
        let lowered = lowered.unwrap_or_else(|problems| panic!("{shown}:\n{}", problems.render(&sources, false)));
        let (desired, _) = resolve(&lowered.objects, &world(&[])).unwrap();
        let mut unit = Unit::new(desired.clone());
        let plan = unit.plan();
        assert_eq!(baseline(plan.clone(), &desired).refusals(), [], "{shown}");
        // A commit of the demonstration would carry the file to its host.
        let beside = match shown.strip_prefix("demo/") {
            Some(_) => examples().join("demo/expected.plan"),
            None => folder.join("expected.plan"),
        };
        let found = plan.to_string();
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&beside, &found).unwrap();
        }
        if fs::read_to_string(&beside).unwrap_or_default() != found {
            stale.push(format!("{} should be\n{found}", beside.display()));
        }
        assert!(unit.apply(&plan).failures.is_empty() && unit.plan().is_empty(), "{shown}");
    }
    assert!(stale.is_empty(), "{}\nUPDATE=1 writes them", stale.join("\n"));
}
