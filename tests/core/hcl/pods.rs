//! What manifests mean in the end: the pods that a host must run.

use std::fs;
use std::path::Path;

use writ_core::dialect::Files;
use writ_core::hash::SpecHash;
use writ_core::model::{Desired, MountSource, ObjectId, PodIndex, PodSpec, World, resolve};

use super::{lowered, single};
use crate::desired_text::{messages, world};

/// What a host must become for those files, which must be sound.
fn desired(files: &Files, world: &World) -> Desired {
    let (objects, problems, refused) = lowered(files);
    assert!(!refused, "{problems}");
    resolve(&objects, world).unwrap_or_else(|problems| panic!("{}", messages(&problems))).0
}

fn pod(desired: &Desired, id: &str, ordinal: u32) -> PodSpec {
    desired.workloads[&ObjectId::parse(id).unwrap()].pod(&PodIndex::Ordinal(ordinal))
}

fn variable(pod: &PodSpec, name: &str) -> String {
    let value = pod.main.env.get(name).unwrap_or_else(|| panic!("no {name}"));
    value.expose_str().unwrap().to_owned()
}

const POSTGRES: &str = "statefulset \"data\" \"pg\" {\n  image = \"postgres:15-alpine\"\n  replicas = 3\n  env = {\n\
    POSTGRES_DB = \"shop\"\n    ODD = \"$(POSTGRES_DB)$$(A)$\"\n  }\n  command = [\"postgres\", \"$(POSTGRES_DB)\"]\n\
    ports = [\"5432\"]\n  volume_claim \"data\" {\n    mount_path = \"/data\"\n  }\n\
    init \"prepare\" {\n    command = [\"true\"]\n  }\n}\n";

#[test]
fn v34_v45_v46_v47_pods_volumes_and_names_are_those_of_the_dialect() {
    let desired = desired(&single(POSTGRES), &world(&[]));
    let pod = pod(&desired, "statefulset/data/pg", 2);
    assert_eq!(pod.name, "data-pg.2");
    assert_eq!(pod.volumes[0].name, "voodu-data-pg-data-2");
    assert!(pod.own_names.contains(&"pg-2.data".to_owned()), "{:?}", pod.own_names);
    assert!(pod.shared_names.contains(&"pg.data".to_owned()), "{:?}", pod.shared_names);
    assert_eq!(pod.main.mounts[0].source, MountSource::Volume("voodu-data-pg-data-2".to_owned()));
}

#[test]
fn v17_v21_dollars_in_variables_and_arguments_reach_the_container_as_they_were_written() {
    let pod = pod(&desired(&single(POSTGRES), &world(&[])), "statefulset/data/pg", 0);
    assert_eq!(variable(&pod, "ODD"), "$(POSTGRES_DB)$$(A)$");
    assert_eq!(pod.main.arguments, Some(vec!["postgres".to_owned(), "$(POSTGRES_DB)".to_owned()]));
    assert_eq!(pod.main.entrypoint, None);
}

#[test]
fn v18_bare_ports_are_published_on_the_loopback_address_at_a_free_port_and_others_as_written() {
    let manifest = POSTGRES.replace("[\"5432\"]", "[\"5432\", \"0.0.0.0:6000:6000/udp\"]").replace("= 3", "= 1");
    let pod = pod(&desired(&single(&manifest), &world(&[])), "statefulset/data/pg", 0);
    let mut found: Vec<_> = pod.main.ports.iter().map(|port| (port.container, port.publish.unwrap())).collect();
    found.sort();
    assert_eq!(found[0].0, 5432);
    assert_eq!((found[0].1.address.to_string().as_str(), found[0].1.port), ("127.0.0.1", None));
    assert_eq!((found[1].1.address.to_string().as_str(), found[1].1.port), ("0.0.0.0", Some(6000)));
}

#[test]
fn v24_v52_main_and_init_containers_know_their_ordinal() {
    let pod = pod(&desired(&single(POSTGRES), &world(&[])), "statefulset/data/pg", 2);
    for container in pod.init.iter().chain([&pod.main]) {
        for name in ["VOODU_REPLICA_ORDINAL", "VOODU_REPLICA_ID"] {
            assert_eq!(container.env[name].expose(), b"2", "{}", container.name);
        }
    }
    assert_eq!(pod.init[0].mounts, pod.main.mounts);
}

#[test]
fn v25_v29_v32_buckets_of_the_scope_and_of_the_name_are_laid_over_the_environment() {
    let buckets =
        ["data A=scope", "data POSTGRES_PASSWORD=low", "data/pg POSTGRES_PASSWORD=p=q$(A)@", "data/other B=x"];
    let pod = pod(&desired(&single(POSTGRES), &world(&buckets)), "statefulset/data/pg", 0);
    assert_eq!(variable(&pod, "A"), "scope");
    assert_eq!(variable(&pod, "POSTGRES_PASSWORD"), "p=q$(A)@");
    assert!(!pod.main.env.contains_key("B"));
}

/// The revisions of two consumers of different keys, and of one that uses none.
fn revisions(used: &str, unused: &str) -> [SpecHash; 3] {
    let consumer = |name: &str, volumes: &str| {
        format!("deployment \"shop\" \"{name}\" {{\n  image = \"i\"\n  volumes = [{volumes}]\n}}\n")
    };
    let manifest = consumer("one", "\"${asset.shared.c.used}:/etc/c:ro\"")
        + &consumer("two", "\"${asset.shared.c.unused}:/etc/c:ro\"")
        + &consumer("three", "")
        + "asset \"shared\" \"c\" {\n  used = file(\"./used\")\n  unused = file(\"./unused\")\n}\n";
    let mut files = single(&manifest);
    files.insert("used".to_owned(), used.as_bytes().to_vec());
    files.insert("unused".to_owned(), unused.as_bytes().to_vec());
    let desired = desired(&files, &world(&[]));
    ["one", "two", "three"]
        .map(|name| desired.workloads[&ObjectId::parse(&format!("deployment/shop/{name}")).unwrap()].revision.clone())
}

#[test]
fn v65_v68_v69_a_changed_key_of_an_asset_changes_the_revision_of_its_consumers_alone() {
    let [one, two, three] = revisions("a", "b");
    let [one_after, two_after, three_after] = revisions("changed", "b");
    assert_ne!(one, one_after);
    assert_eq!((two, three), (two_after, three_after));
    assert_eq!(revisions("a", "b"), revisions("a", "b"));
}

#[test]
fn v63_an_asset_appears_as_a_file_with_its_contents_which_every_user_may_read() {
    let manifest = "deployment \"a\" \"b\" {\n  image = \"i\"\n  volumes = [\"${asset.a.c.k}:/etc/k\"]\n}\n\
                    asset \"a\" \"c\" {\n  k = \"text\"\n}\n";
    let desired = desired(&single(manifest), &world(&[]));
    let workload = &desired.workloads[&ObjectId::parse("deployment/a/b").unwrap()];
    let pod = workload.pod(&PodIndex::Replica("0a1b".to_owned()));
    let mount = &pod.main.mounts[0];
    let MountSource::File(file) = &mount.source else { panic!("{:?}", mount.source) };
    assert_eq!((mount.path.as_str(), mount.read_only, file.mode), ("/etc/k", true, 0o644));
    assert_eq!(file.content.expose(), b"text");
}

#[test]
fn every_example_in_hcl_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for folder in ["postgres", "postgres-three", "redis", "web-with-assets", "demo/repository/hosts/demo"] {
        let mut files = Files::new();
        read(&root.join(folder), "", &mut files);
        assert!(files.keys().any(|path| path.ends_with(".hcl")), "{folder}");
        seen += desired(&files, &world(&[])).workloads.len();
    }
    assert!(seen >= 5, "{seen}");
}

fn read(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), files);
        } else {
            files.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}
