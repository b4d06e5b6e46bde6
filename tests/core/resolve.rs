//! What a container host must become for a set of objects.

use std::fs;
use std::path::{Path, PathBuf};

use writ_core::dialect::{Files, lower};
use writ_core::model::{Desired, Kind, PodIndex, resolve};
use writ_core::plan::{Act, Cause, Lane, Plan, Step, Verb};
use writ_core::text::Problems;

use crate::desired_text::{env, messages, text, world};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files that a manifest of these tests may read.
fn with_assets(name: &str, text: &str) -> Files {
    let asset = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
    let assets = [("postgresql.conf", "max_connections = 100\n"), ("pg_hba.conf", "local all all trust\n")];
    assets.into_iter().chain([(name, text)]).map(|(name, text)| asset(name, text)).collect()
}

fn desired(files: &Files) -> (Desired, Problems) {
    let (lowered, sources) = lower(files);
    let lowered = lowered.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
    resolve(&lowered.objects, &world(&[])).unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)))
}

/// Resolves `NAME` and compares with the `.txt` beside it.
fn check(name: &str) {
    let folder = root().join("tests/data/resolve");
    let (desired, notes) = desired(&with_assets(name, &fs::read_to_string(folder.join(name)).unwrap()));
    let expected = Path::new(name).with_extension("txt");
    let found = format!("{}{}", messages(&notes), text(&desired));
    let is_same = found == fs::read_to_string(folder.join(&expected)).unwrap();
    assert!(is_same, "{} is not what was found:\n{found}", expected.display());
}

#[test]
fn the_postgres_statefulset_of_the_seed_is_resolved_to_pods_volumes_names_and_probes() {
    check("postgres.yaml");
}

#[test]
fn v14_to_v23_the_fields_of_an_hcl_statefulset_reach_its_pods() {
    check("voodu.hcl");
    let text = fs::read_to_string(root().join("tests/data/resolve/voodu.hcl")).unwrap();
    let (desired, _) = desired(&with_assets("voodu.hcl", &text));
    let pg = desired.workloads.values().find(|workload| workload.id.name == "pg").unwrap();
    let main = pg.pod(&PodIndex::Ordinal(1)).main;
    assert_eq!(env(&main, "PGDATA").as_deref(), Some("/var/lib/postgresql/data/pgdata"));
    assert_eq!(env(&main, "VOODU_REPLICA_ORDINAL").as_deref(), Some("1"));
    assert_eq!(main.arguments.unwrap(), ["postgres", "-c", "config_file=/etc/postgresql/postgresql.conf"]);
}

#[test]
fn v65_v68_a_changed_asset_key_changes_the_hash_of_its_consumers_alone() {
    let text = fs::read_to_string(root().join("tests/data/resolve/voodu.hcl")).unwrap();
    let files = with_assets("voodu.hcl", &text);
    let revisions = |name: &str, content: &str| {
        let mut files = files.clone();
        files.insert(name.to_owned(), content.as_bytes().to_vec());
        let (desired, _) = desired(&files);
        desired.workloads.into_values().map(|workload| (workload.id.name, workload.revision)).collect::<Vec<_>>()
    };
    let before = revisions("unused", "");
    assert_eq!(before, revisions("pg_hba.conf", "changed"), "no workload mounts this key");
    let after = revisions("postgresql.conf", "changed");
    for ((name, before), (_, after)) in before.iter().zip(&after) {
        assert_eq!(before != after, name == "pg", "{name}");
    }
}

#[test]
fn every_example_is_resolved_and_passes_the_guard() {
    let examples = root().join("examples");
    let folders = ["postgres", "postgres-three", "redis", "web-with-assets", "kubernetes-postgres", "kubernetes-redis"];
    for folder in
        folders.map(|folder| examples.join(folder)).into_iter().chain([examples.join("demo/repository/hosts/demo")])
    {
        let mut files = Files::new();
        read(&folder, &folder, &mut files);
        let (desired, _) = desired(&files);
        assert!(!desired.workloads.is_empty() && desired.pending.is_empty(), "{}", folder.display());
        for workload in desired.workloads.values() {
            let stateful = workload.id.kind == Kind::StatefulSet;
            let index = if stateful { PodIndex::Ordinal(0) } else { PodIndex::Replica("1a2b".to_owned()) };
            let step = Step {
                verb: Verb::Create,
                object: workload.id.clone(),
                pod: None,
                why: "it is new".to_owned(),
                cause: Cause::Change,
                from: None,
                to: None,
                act: Act::CreatePod(Box::new(workload.pod(&index))),
                wait: None,
            };
            let lane = Lane { object: workload.id.clone(), steps: vec![step], then: None, delay: None, run: None };
            let checked = crate::guard::baseline(Plan { shared: Vec::new(), lanes: vec![lane] }, &desired);
            assert_eq!(checked.refusals(), [], "{}", folder.display());
        }
    }
}

fn read(top: &Path, folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            read(top, &path, files);
        } else {
            files.insert(path.strip_prefix(top).unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
        }
    }
}
