//! OpenMCF in a cluster: the document that a container host takes, with the real server of its quick start.

use std::fs;

use crate::place::{Place, until};

/// The same document as for a container host.
const BOOKS: &str = include_str!("../fixtures/openmcf-books.yaml");

/// The cluster makes no volumes by itself: one that waits for the claim.
fn volume(place: &Place) -> String {
    let (namespace, path) = (&place.namespace, place.machine.path("volume"));
    format!(
        "apiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: {namespace}-books}}\nspec:\n  \
         capacity: {{storage: 1Gi}}\n  accessModes: [ReadWriteOnce]\n  persistentVolumeReclaimPolicy: Retain\n  \
         claimRef: {{namespace: {namespace}, name: data-books-0}}\n  \
         hostPath: {{path: '{}', type: DirectoryOrCreate}}\n",
        path.display()
    )
}

#[test]
fn m9_m12_m78_the_document_of_a_host_comes_up_in_a_cluster_and_a_second_pass_writes_nothing() {
    let place = Place::new("");
    let file = place.machine.path("volume.yaml");
    fs::write(&file, volume(&place)).unwrap();
    place.kubectl(&["create", "-f", file.to_str().unwrap()]);
    place.deploy(&BOOKS.replace("SCOPE", "NS").replace("HUSH", "geheim"));
    let first = place.pass();
    assert_eq!(first.code, Some(2), "{first:?}");
    assert!(first.text.contains("7 of 7 objects ready"), "{first:?}");
    assert!(!first.text.contains("geheim"), "{first:?}");
    let version = place.version("statefulset/books");
    let second = place.pass();
    assert_eq!((second.code, place.version("statefulset/books")), (Some(0), version), "{second:?}");

    for name in ["serviceaccount/books", "service/books", "service/books-headless", "secret/books-env-secrets"] {
        assert!(place.object(name).is_some(), "no {name}");
    }
    assert!(place.object("poddisruptionbudget/books").is_none());
    assert_eq!(place.object("pod/books-0").unwrap()["spec"]["serviceAccountName"], "books");
    let shell = |command: &str| place.try_kubectl(&["exec", "books-0", "--", "sh", "-c", command]);
    assert_eq!(shell("cat /etc/note.conf").unwrap().trim(), "shelves = 12");
    let asked = "PGPASSWORD=$POSTGRES_PASSWORD psql -U postgres -h books -p 5433 -d shop -Atc 'select 42'";
    let mut said = String::new();
    let found = until(|| shell(asked).is_ok_and(|answer| answer.trim() == "42"));
    if !found {
        said = format!("{:?}", shell(asked));
    }
    place.kubectl(&["delete", "pv", &format!("{}-books", place.namespace), "--wait=false"]);
    assert!(found, "{said}");
}

#[test]
fn m94_a_deployment_comes_up_and_a_run_of_a_cron_job_finds_it_by_its_service() {
    let place = Place::new("");
    place.deploy(&include_str!("../fixtures/openmcf-shop.yaml").replace("SCOPE", "NS").replace("HUSH", "geheim"));
    let first = place.pass();
    assert_eq!(first.code, Some(2), "{first:?}");
    assert!(first.text.contains("7 of 7 objects ready"), "{first:?}");
    assert_eq!(place.pass().code, Some(0));
    assert_eq!(place.object("deployment/web").unwrap()["status"]["readyReplicas"], 2);
    // Not at the minute, and all the same as then.
    place.kubectl(&["create", "job", "now", "--from=cronjob/count"]);
    place.kubectl(&["wait", "--for=condition=complete", "job/now", "--timeout=60s"]);
    assert_eq!(place.kubectl(&["logs", "job/now"]).trim(), "counted 12 shelves with 6 letters");
    place.kubectl(&["delete", "cronjob/count"]);
}
