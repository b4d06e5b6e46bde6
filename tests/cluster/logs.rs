//! What pods of a cluster wrote, by the words of every target.

use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};

use crate::machine::terminate;
use crate::place::{Place, until};

const WEB: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: NS}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  replicas: 1
  selector: {matchExpressions: [{key: app, operator: In, values: [web]}]}
  template:
    metadata:
      labels: {app: web}
      annotations: {kubectl.kubernetes.io/default-container: app}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - {name: side, image: 'writ-test/box:1', command: [sh, -c, 'echo aside; exec sleep 3600']}
      - name: app
        image: writ-test/box:1
        command: [sh, -c, 'trap "exit 3" TERM; echo one; echo two; echo three; while :; do sleep 1 & wait $!; done']
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody, namespace: NS}
spec: {ports: [{port: 80}]}
"#;

fn logs(place: &Place, words: &[&str]) -> Output {
    place.machine.command(&[&["logs"], words].concat()).output().unwrap()
}

#[track_caller]
fn wrote(place: &Place, words: &[&str], wanted: &str) {
    let done = logs(place, words);
    assert_eq!(String::from_utf8_lossy(&done.stdout), wanted, "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{words:?}");
}

#[track_caller]
fn refused(place: &Place, words: &[&str], wanted: &str) {
    let done = logs(place, words);
    let error = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(1) && done.stdout.is_empty() && error.contains(wanted), "{words:?}: {error}");
}

/// A place whose one pod runs; what its objects are called, and the pod.
pub(crate) fn running() -> (Place, String, String) {
    let place = Place::new("");
    place.deploy(WEB);
    let pass = place.pass();
    assert_eq!(pass.code, Some(2), "{pass:?}");
    let object = format!("deployment/{}/web", place.namespace);
    let pod = place.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].metadata.name}"]);
    assert!(until(|| logs(&place, &[&object]).stdout.ends_with(b"three\n")), "{:?}", logs(&place, &[&object]));
    (place, object, pod)
}

#[test]
fn logs_of_a_pod_are_found_by_its_object_and_by_its_name_and_cut_as_is_asked_for() {
    let (place, object, pod) = running();
    let namespace = place.namespace.as_str();
    for words in [&[object.as_str()][..], &[&pod], &[&pod, "-n", namespace], &[&format!("pod/{namespace}/{pod}")]] {
        wrote(&place, words, "one\ntwo\nthree\n");
    }
    wrote(&place, &[&format!("service/{namespace}/web"), "--tail", "1"], "three\n");
    wrote(&place, &[&object, "-c", "side"], "aside\n");
    wrote(&place, &[&object, "--since", "1h", "--tail", "2"], "two\nthree\n");
    assert!(until(|| logs(&place, &[&object, "--since", "1s"]).stdout.is_empty()), "all of it is older by now");
    let timed = logs(&place, &[&object, "--timestamps", "--tail", "1"]).stdout;
    let timed = String::from_utf8(timed).unwrap();
    assert!(timed.starts_with("20") && timed.ends_with("Z three\n"), "{timed}");
    let told = String::from_utf8(logs(&place, &[&object]).stderr).unwrap();
    assert!(told.contains("this is container app, out of side, app"), "{told}");

    refused(&place, &[&object, "-c", "none"], "has no container `none`: it has side, app");
    refused(&place, &[&format!("deployment/{namespace}/none")], "there is no pod `deployment/");
    refused(&place, &[&pod, "-n", "default"], "there is no pod `web-");
    refused(&place, &[&format!("service/{namespace}/nobody")], "it does not say which pods are its own");
    refused(&place, &[&object, "--previous"], "previous terminated container");
}

#[test]
fn logs_go_on_as_more_is_written_and_what_was_before_a_restart_is_there_to_be_read() {
    let (place, object, pod) = running();
    let mut command = place.machine.command(&["logs", &object, "--follow", "--tail", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("three"));
    place.kubectl(&["exec", &pod, "-c", "app", "--", "sh", "-c", "echo four >/proc/1/fd/1"]);
    assert_eq!(lines.next().as_deref(), Some("four"));
    terminate(&child);
    child.wait().unwrap();

    // What kills ends with its container, at times before it could say how it went.
    drop(place.try_kubectl(&["exec", &pod, "-c", "app", "--", "kill", "1"]));
    let restarts = "jsonpath={.status.containerStatuses[?(@.name==\"app\")].restartCount}";
    assert!(until(|| place.kubectl(&["get", "pod", &pod, "-o", restarts]) == "1"), "it was not restarted");
    wrote(&place, &[&object, "--previous"], "one\ntwo\nthree\nfour\n");
    assert!(until(|| logs(&place, &[&object]).stdout == b"one\ntwo\nthree\n"), "{:?}", logs(&place, &[&object]));
}
