//! Pods of several containers: what is read of them, what they come to, and what is refused.

use crate::desired_text::{desired, messages, objects, only, pod, refusal, text, world};
use writ_core::model::resolve;

/// A StatefulSet with more of its pod and of its containers.
fn set(pod: &str, init: &str, containers: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: pg, namespace: data}}
spec:
  selector: {{matchLabels: {{app: pg}}}}
  template:
    metadata: {{labels: {{app: pg}}, annotations: {{kubectl.kubernetes.io/default-container: web}}}}
    spec: {{{pod}initContainers: [{init}], containers: [{containers}]}}
"
    )
}

const FIRST: &str = "{name: first, image: 'a:1'}";
const SIDECAR: &str = "{name: log, image: 'a:1', restartPolicy: Always, ports: [{containerPort: 9}], startupProbe: {tcpSocket: {port: 9}}}";
const APP: &str = "{name: app, image: 'a:1', ports: [{containerPort: 80, hostPort: 8080, hostIP: 127.0.0.1}]}";
const WEB: &str = "{name: web, image: 'b:1', readinessProbe: {httpGet: {port: 81}}}";

fn joined(lists: &[&str]) -> String {
    lists.join(", ")
}

#[test]
fn a_pod_of_several_containers_has_all_of_them_in_their_order() {
    let yaml = set("", &joined(&[FIRST, SIDECAR]), &joined(&[APP, WEB]));
    let (desired, _) = desired(&yaml);
    let found = pod(only(&desired), 0);
    let names = |containers: Vec<&writ_core::model::ContainerSpec>| -> Vec<String> {
        containers.into_iter().map(|container| container.name.clone()).collect()
    };
    assert_eq!(names(found.containers().collect()), ["first", "log", "app", "web"]);
    assert_eq!(names(found.lasting().collect()), ["log", "app", "web"]);
    assert_eq!(found.container_name("web"), "data-pg.0.web");
    assert!(found.is_joined() && !found.share_processes);
    assert_eq!(found.default_container.as_deref(), Some("web"));
    let alone = found.alone(&found.beside[0]);
    assert!(!alone.is_joined() && alone.own_names.is_empty() && alone.name == "data-pg.0.web");
    let told = text(&desired);
    assert!(told.contains("    sidecar log image a:1") && told.contains("joined, sees processes false"), "{told}");
    assert!(only(&desired).parts.contains_key("pod/beside"), "{:?}", only(&desired).parts.keys());
}

#[test]
fn a_pod_is_one_container_unless_something_must_stand_beside_it() {
    let is_joined = |pod_more: &str, init: &str, containers: &str| {
        pod(only(&desired(&set(pod_more, init, containers)).0), 0).is_joined()
    };
    assert!(!is_joined("", FIRST, APP));
    assert!(is_joined("", FIRST, &joined(&[APP, WEB])));
    assert!(is_joined("", SIDECAR, APP));
    assert!(is_joined("shareProcessNamespace: true, ", FIRST, APP));
    assert!(!is_joined("shareProcessNamespace: false, ", FIRST, APP));
}

#[test]
fn whatever_stands_beside_a_container_changes_the_revision_and_what_is_not_there_changes_nothing() {
    let revision =
        |pod: &str, init: &str, containers: &str| only(&desired(&set(pod, init, containers)).0).revision.clone();
    let sidecar_as_init =
        SIDECAR.replace("restartPolicy: Always, ", "").replace(", startupProbe: {tcpSocket: {port: 9}}", "");
    let all = [
        revision("", FIRST, APP),
        revision("", "", APP),
        revision("", FIRST, &joined(&[APP, WEB])),
        revision("", FIRST, &joined(&[WEB, APP])),
        revision("", &joined(&[FIRST, SIDECAR]), APP),
        revision("", &joined(&[FIRST, &sidecar_as_init]), APP),
        revision("shareProcessNamespace: true, ", FIRST, APP),
    ];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    assert_eq!(revision("shareProcessNamespace: false, ", FIRST, APP), all[0]);
}

#[test]
fn a_pod_counts_as_ready_by_its_probes_only_if_each_main_container_has_one() {
    let minimum = |containers: &[&str]| only(&desired(&set("", SIDECAR, &joined(containers))).0).min_ready();
    assert_eq!(minimum(&[WEB]).0, 0);
    assert_ne!(minimum(&[WEB, APP]).0, 0);
}

#[track_caller]
pub(crate) fn refused(yaml: &str, expected: &str) {
    let (lowered, sources) = writ_core::dialect::lower(&[("a.yaml".to_owned(), yaml.as_bytes().to_vec())].into());
    let told = match lowered {
        Ok(_) => refusal(yaml),
        Err(problems) => problems.render(&sources, false),
    };
    assert!(told.contains(expected), "{told}");
}

#[test]
fn what_a_pod_of_several_containers_cannot_be_is_refused_with_its_place() {
    refused(&set("", "", &joined(&[APP, APP])), "`app` is there twice");
    refused(&set("", &FIRST.replace("first", "app"), APP), "`app` is there twice");
    refused(&set("", "", &APP.replace("image", "restartPolicy: Always, image")), "only an init container has a");
    refused(&set("", &SIDECAR.replace("Always", "Never"), APP), "Never");
    refused(&set("", "{name: first, image: 'a:1', livenessProbe: {tcpSocket: {port: 9}}}", APP), "an init container");
    let both = joined(&[APP, &APP.replace("name: app", "name: other").replace("8080", "8081")]);
    let two_replicas = set("", "", &both).replace("  selector:", "  replicas: 2\n  selector:");
    refused(&two_replicas, "2 pods cannot all hold port 8081");
    let doubled = joined(&[APP, &APP.replace("name: app", "name: other")]);
    refused(&set("", "", &doubled), "8080");
}

#[test]
fn a_job_may_have_a_sidecar_that_says_when_it_is_up_and_none_that_is_restarted() {
    let job = |init: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: work, namespace: data}}\nspec: {{template: {{spec: \
             {{restartPolicy: Never, initContainers: [{init}], containers: [{{name: main, image: 'a:1'}}]}}}}}}\n"
        )
    };
    let taken = resolve(&objects(&job(SIDECAR)), &world(&[])).map_err(|problems| messages(&problems)).unwrap();
    assert!(taken.0.workloads.values().all(|work| work.pod(&work.some_index()).is_joined()));
    refused(&job(&SIDECAR.replace("startupProbe", "livenessProbe")), "no livenessProbe restarts a pod");
}
