//! Passes over a unit of a cluster: what is applied, left alone, mended, refused and removed.

use crate::place::Place;

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS}\n---\n";

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS, labels: {a: one}}\n\
                      data: {key: value}\n---\n";

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NS}\nspec:\n  replicas: 0\n  \
                   selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                   spec: {containers: [{name: app, image: 'writ-test/box:1'}]}\n---\n";

fn all() -> String {
    [NAMESPACE, CONFIG, WEB].concat()
}

#[test]
fn what_is_committed_is_applied_and_a_second_pass_writes_nothing() {
    let place = Place::new("");
    place.deploy(&all());
    let plan = place.plan();
    assert_eq!(plan.code, Some(2), "{plan:?}");
    let first = place.pass();
    assert_eq!(first.code, Some(2), "{first:?}");
    assert!(first.text.contains("3 of 3 objects ready"), "{first:?}");
    let versions = || [place.version("configmap/conf"), place.version("deployment/web")];
    let before = versions();
    let second = place.pass();
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(versions(), before, "a pass with nothing to do wrote something");
    let plan = place.plan();
    assert_eq!(plan.code, Some(0), "{plan:?}");
    let labels = &place.object("configmap/conf").unwrap()["metadata"]["labels"];
    assert_eq!(labels["writ.unit"], "edge");
    assert_eq!(labels["writ.host"], place.namespace.as_str());
    let status = place.machine.writ(&["status"]);
    assert_eq!(status.code, Some(0), "{status:?}");
}

#[test]
fn what_a_person_changed_is_mended_and_what_a_person_added_is_left() {
    let place = Place::new("");
    place.deploy(&all());
    assert_eq!(place.pass().code, Some(2));
    place.kubectl(&["label", "configmap", "conf", "a=two", "b=mine", "--overwrite"]);
    place.kubectl(&["scale", "deployment", "web", "--replicas=1"]);
    let plan = place.plan();
    assert!(plan.text.contains("metadata.labels.a changed (by kubectl-label)"), "{plan:?}");
    assert!(plan.text.contains("spec.replicas changed (by kubectl)"), "{plan:?}");
    assert_eq!(place.pass().code, Some(2));
    let conf = place.object("configmap/conf").unwrap();
    assert_eq!((&conf["metadata"]["labels"]["a"], &conf["metadata"]["labels"]["b"]), (&"one".into(), &"mine".into()));
    assert_eq!(place.object("deployment/web").unwrap()["spec"]["replicas"], 0);
    place.kubectl(&["delete", "configmap", "conf"]);
    let gone = place.pass();
    assert_eq!(gone.code, Some(2), "{gone:?}");
    assert!(place.object("configmap/conf").is_some());
    assert_eq!(place.pass().code, Some(0));
}

#[test]
fn drift_that_is_only_reported_stays() {
    let place = Place::new("drift = \"report\"\n");
    place.deploy(&all());
    assert_eq!(place.pass().code, Some(2));
    place.kubectl(&["label", "configmap", "conf", "a=two", "--overwrite"]);
    let pass = place.pass();
    assert!(pass.text.contains("drifted: configmap/"), "{pass:?}");
    assert_eq!(place.object("configmap/conf").unwrap()["metadata"]["labels"]["a"], "two");
}

#[test]
fn what_is_no_longer_committed_goes_but_for_what_data_goes_with() {
    let place = Place::new("");
    place.deploy(&all());
    assert_eq!(place.pass().code, Some(2));
    place.deploy(CONFIG);
    let plan = place.plan();
    assert!(plan.text.contains("remove   deployment/"), "{plan:?}");
    assert!(plan.text.contains("stays, for data goes with it"), "{plan:?}");
    let pass = place.pass();
    assert_eq!(pass.code, Some(2), "{pass:?}");
    assert!(place.object("deployment/web").is_none() && place.object("configmap/conf").is_some());
    assert_eq!(place.pass().code, Some(0));
}

#[test]
fn an_object_of_somebody_else_is_never_touched() {
    let place = Place::new("");
    place.kubectl(&["create", "namespace", &place.namespace]);
    place.kubectl(&["create", "configmap", "conf", "--from-literal=key=theirs"]);
    place.deploy(CONFIG);
    let pass = place.pass();
    assert_eq!(pass.code, Some(3), "{pass:?}");
    assert!(pass.text.contains("it is there and held by nobody that Writ knows, made by kubectl-create"), "{pass:?}");
    assert_eq!(place.object("configmap/conf").unwrap()["data"]["key"], "theirs");
}

#[test]
fn a_field_that_no_server_knows_is_refused_before_anything_is_done_for_the_object() {
    let place = Place::new("");
    let wrong = WEB.replace("replicas: 0", "replicsa: 0");
    place.deploy(&[NAMESPACE, CONFIG].concat());
    assert_eq!(place.pass().code, Some(2));
    place.deploy(&[NAMESPACE, CONFIG, &wrong].concat());
    let pass = place.pass();
    assert_eq!(pass.code, Some(3), "{pass:?}");
    assert!(pass.text.contains("spec.replicsa"), "{pass:?}");
    assert!(place.object("deployment/web").is_none());
}

#[test]
fn a_definition_and_an_object_of_its_kind_come_with_one_commit() {
    let place = Place::new("guard = \"privileged\"\n");
    let group = format!("{}.example.org", place.namespace);
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: widgets.{group}}}\nspec:\n  \
         group: {group}\n  scope: Namespaced\n  names: {{plural: widgets, singular: widget, kind: Widget}}\n  versions:\n  - name: \
         v1\n    served: true\n    storage: true\n    schema: {{openAPIV3Schema: {{type: object, properties: {{spec: {{type: object, \
         properties: {{size: {{type: integer}}}}}}}}}}}}\n---\n"
    );
    let widget = format!(
        "apiVersion: {group}/v1\nkind: Widget\nmetadata: {{name: one, namespace: NS}}\nspec: {{size: 3}}\n---\n"
    );
    place.deploy(&[&widget, &definition, NAMESPACE].concat());
    let pass = place.pass();
    assert_eq!(pass.code, Some(2), "{pass:?}");
    let kind = format!("widget.{group}/one");
    assert_eq!(place.object(&kind).unwrap()["spec"]["size"], 3);
    assert_eq!(place.pass().code, Some(0));
    place.deploy(NAMESPACE);
    let pass = place.pass();
    assert_eq!(pass.code, Some(2), "{pass:?}");
    assert!(place.object(&kind).is_none());
    place.kubectl(&["delete", "customresourcedefinition", &format!("widgets.{group}")]);
}

#[test]
fn a_field_that_cannot_change_needs_recreation_and_a_unit_may_allow_it() {
    let job = |command: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once, namespace: NS}}\nspec:\n  suspend: true\n  template:\n    \
             spec: {{restartPolicy: Never, containers: [{{name: app, image: 'writ-test/box:1', command: [{command}]}}]}}\n"
        )
    };
    for (settings, code) in [("", Some(3)), ("recreate = true\n", Some(2))] {
        let place = Place::new(settings);
        let text = |command: &str| [NAMESPACE, &job(command)].concat();
        place.deploy(&text("one"));
        let pass = place.pass();
        assert_eq!(pass.code, Some(2), "{pass:?}");
        let before = place.object("job/once").unwrap()["metadata"]["uid"].clone();
        place.deploy(
            &text("two").replace("suspend: true", "suspend: true\n  completionMode: Indexed\n  completions: 2"),
        );
        let pass = place.pass();
        assert_eq!(pass.code, code, "{pass:?}");
        let after = place.object("job/once").unwrap()["metadata"]["uid"].clone();
        assert_eq!(before == after, settings.is_empty(), "{pass:?}");
    }
}

#[test]
fn what_is_known_of_an_object_is_told_by_status_why_history_and_delete() {
    let place = Place::new("");
    let ingress = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: NS}\nspec: {defaultBackend: \
                   {service: {name: web, port: {number: 80}}}}\n---\n";
    place.deploy(&[&all(), ingress].concat());
    let pass = place.pass();
    assert_eq!(pass.code, Some(2), "{pass:?}");
    let status = place.machine.writ(&["status"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    let web = format!("deployment/{}/web", place.namespace);
    assert!(status.text.contains(&format!("{web}  ready, applied")), "{status:?}");
    place.deploy(&[&all().replace("replicas: 0", "replicas: 0\n  minReadySeconds: 3"), ingress].concat());
    assert_eq!(place.pass().code, Some(2));
    let why = place.machine.writ(&["why", &web]);
    assert!(why.code == Some(0) && why.text.contains("spec.minReadySeconds"), "{why:?}");
    let history = place.machine.writ(&["history", "--object", &web]);
    assert!(history.code == Some(0) && history.text.contains("spec.minReadySeconds added"), "{history:?}");
    place.kubectl(&["delete", "deployment", "web"]);
    let status = place.machine.writ(&["status", &web]);
    assert!(status.code == Some(2) && status.text.contains("not there"), "{status:?}");
    let conf = format!("configmap/{}/conf", place.namespace);
    let deleted = place.machine.writ(&["delete", &conf, "--yes"]);
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    assert!(place.object("configmap/conf").is_none());
    let kept = place.machine.writ(&["delete", &format!("namespace/{}", place.namespace), "--yes"]);
    assert!(kept.code == Some(1) && kept.text.contains("data goes with it"), "{kept:?}");
}

#[test]
fn the_values_of_a_secret_stand_nowhere_but_in_the_cluster() {
    let place = Place::new("");
    let secret = |value: &str, kind: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: pw, namespace: NS}}\ntype: {kind}\nstringData: {{word: {value}}}\n"
        )
    };
    place.deploy(&[NAMESPACE, &secret("geheim-1", "Opaque")].concat());
    assert_eq!(place.pass().code, Some(2));
    place.deploy(&[NAMESPACE, &secret("geheim-2", "Opaque")].concat());
    let plan = place.plan();
    assert!(plan.text.contains("stringData.word changed ("), "{plan:?}");
    assert_eq!(place.pass().code, Some(2));
    assert_eq!(place.pass().code, Some(0));
    place.deploy(&[NAMESPACE, &secret("geheim-3", "kubernetes.io/tls")].concat());
    let refused = place.pass();
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let history = place.machine.writ(&["history"]);
    for ran in [&plan, &refused, &history] {
        assert!(!ran.text.contains("geheim"), "{ran:?}");
    }
}

#[test]
fn a_second_agent_for_the_same_unit_of_the_same_host_is_refused() {
    let place = Place::new("");
    place.deploy(&[NAMESPACE, CONFIG].concat());
    assert_eq!(place.pass().code, Some(2));
    let other = place.twin();
    let pass = other.writ(&["run", "--once"]);
    assert_eq!(pass.code, Some(1), "{pass:?}");
    assert!(pass.text.contains("is looked after from another state directory"), "{pass:?}");
}

#[test]
fn a_pass_waits_until_pods_are_ready_and_says_why_they_are_not() {
    let place = Place::new("");
    let pods = |command: &str, deadline: u32| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: NS}}\nspec:\n  progressDeadlineSeconds: \
             {deadline}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n      \
             terminationGracePeriodSeconds: 0\n      containers:\n      - {{name: app, image: 'writ-test/box:1', imagePullPolicy: Never, \
             command: [sleep, '1000'], readinessProbe: {{periodSeconds: 1, exec: {{command: [{command}]}}}}}}\n---\n"
        )
    };
    place.deploy(&[NAMESPACE, &pods("'true'", 60)].concat());
    let pass = place.pass();
    assert!(pass.code == Some(2) && pass.text.contains("2 of 2 objects ready"), "{pass:?}");
    assert_eq!(place.object("deployment/web").unwrap()["status"]["availableReplicas"], 1);
    place.deploy(&[NAMESPACE, &pods("'false'", 5)].concat());
    let pass = place.pass();
    assert!(pass.text.contains("unhealthy: deployment/"), "{pass:?}");
    assert!(pass.text.contains("ProgressDeadlineExceeded"), "{pass:?}");
    place.deploy(&[NAMESPACE, &pods("'true'", 60)].concat());
    let healed = place.pass();
    assert!(healed.text.contains("2 of 2 objects ready"), "{healed:?}");
}
