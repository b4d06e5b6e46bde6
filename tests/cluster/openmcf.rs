//! OpenMCF in a cluster: the document that a container host takes, with the real server of its quick start.

use std::fs;

use crate::place::{Place, until};
use crate::samples::Volumes;

/// The same document as for a container host.
const BOOKS: &str = include_str!("../fixtures/openmcf-books.yaml");

#[test]
fn m9_m12_m78_the_document_of_a_host_comes_up_in_a_cluster_and_a_second_pass_writes_nothing() {
    let place = Place::new("");
    let _volumes = Volumes::new(&place, "", &["data-books-0"]);
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
    place.kubectl(&["wait", "--for=condition=complete", "job/now", "--timeout=300s"]);
    assert_eq!(place.kubectl(&["logs", "job/now"]).trim(), "counted 12 shelves with 6 letters");
    place.kubectl(&["delete", "cronjob/count"]);
}

/// A resource that somebody made without this unit: its Services, with the labels of OpenMCF.
fn cache(place: &Place, namespace: &str) -> String {
    let name = format!("{}-cache", place.namespace);
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  namespace: {namespace}\n  labels: {{planton.ai/kind: KubernetesRedis, \
         planton.ai/name: {name}}}\nspec: {{selector: {{app: {name}}}, ports: [{{port: 6379}}]}}\n"
    )
}

#[test]
fn m41_m42_a_variable_waits_for_a_resource_of_the_cluster_and_keeps_what_it_was_told_when_that_goes() {
    let place = Place::new("");
    let (namespace, other) = (place.namespace.clone(), format!("{}-other", place.namespace));
    place.deploy(&include_str!("../fixtures/openmcf-outside.yaml").replace("SCOPE", "NS"));
    let first = place.pass();
    let why =
        format!("neither a manifest nor the cluster has a resource `{namespace}-cache` of the kind `KubernetesRedis`");
    assert_eq!(first.code, Some(3), "{first:?}");
    let plan = place.plan();
    assert!(plan.text.contains(&why), "{plan:?}");
    assert!(place.object("deployment/reader").is_none() && place.object("serviceaccount/reader").is_some());

    let file = place.machine.path("cache.yaml");
    fs::write(&file, cache(&place, &namespace)).unwrap();
    place.kubectl(&["create", "-f", file.to_str().unwrap()]);
    let found = place.pass();
    assert!(found.code == Some(2) && found.text.contains("3 of 3 objects ready"), "{found:?}");
    let told =
        || place.object("deployment/reader").unwrap()["spec"]["template"]["spec"]["containers"][0]["env"][2].clone();
    let value =
        serde_json::json!({"name": "CACHE", "value": format!("{namespace}-cache.{namespace}.svc.cluster.local")});
    assert_eq!(told(), value);
    let version = place.version("deployment/reader");
    assert_eq!((place.pass().code, place.version("deployment/reader")), (Some(0), version.clone()));

    place.kubectl(&["create", "namespace", &other]);
    fs::write(&file, cache(&place, &other)).unwrap();
    place.kubectl(&["create", "-f", file.to_str().unwrap(), "-n", &other]);
    let twice = place.plan();
    place.kubectl(&["delete", "service", &format!("{namespace}-cache"), "-n", &other]);
    place.kubectl(&["delete", "namespace", &other, "--wait=false"]);
    assert!(twice.code == Some(3) && twice.text.contains("the cluster has several resources"), "{twice:?}");
    place.kubectl(&["delete", "service", &format!("{namespace}-cache")]);
    let gone = place.pass();
    assert!(gone.code == Some(3) && told() == value, "{gone:?}");
    assert_eq!(place.version("deployment/reader"), version, "what runs stays as it is");
}
