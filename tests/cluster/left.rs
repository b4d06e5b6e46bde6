//! Fields that are left to others: by a rule of the settings, and to an autoscaler.

use std::fs;

use crate::apiserver::{Fault, Which};
use crate::between::Between;
use crate::place::{Place, until};

const OBJECTS: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS}\n---\n\
                       apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS, labels: {a: one}}\n\
                       data: {key: value, more: old}\n---\n\
                       apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: NS}\nspec:\n  replicas: 0\n  \
                       selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                       spec: {containers: [{name: side, image: 'writ-test/box:1'}, {name: app, image: 'writ-test/box:1'}]}\n";

const RULES: &str = "\n[[unit.ignore]]\nkind = \"configmap\"\nname = \"con?\"\nfields = [\"/data/key\"]\n\n\
                     [[unit.ignore]]\nkind = \"Deployment\"\nfields = [\"/spec/template/spec/containers/app/image\"]\n";

fn data(place: &Place, key: &str) -> String {
    place.object("configmap/conf").unwrap()["data"][key].as_str().unwrap_or("none").to_owned()
}

fn image(place: &Place, container: usize) -> String {
    let web = place.object("deployment/web").unwrap();
    web["spec"]["template"]["spec"]["containers"][container]["image"].as_str().unwrap().to_owned()
}

#[test]
fn fields_that_rules_name_are_made_once_and_then_left_alone_whatever_else_is_mended_and_changed() {
    let place = Place::new(RULES);
    place.deploy(OBJECTS);
    assert_eq!(place.pass().code, Some(2));
    assert_eq!(data(&place, "key"), "value", "a new object is made as it was written");
    place.kubectl(&["patch", "configmap", "conf", "-p", "{\"data\": {\"key\": \"mine\"}}"]);
    place.kubectl(&["set", "image", "deployment/web", "app=writ-test/box:2"]);
    let plan = place.plan();
    assert_eq!(plan.code, Some(0), "{plan:?}");
    for told in ["as desired, /data/key left alone by [[unit.ignore]] at ", "/containers/app/image left alone by"] {
        assert!(plan.text.contains(told), "{plan:?}");
    }
    let version = place.version("configmap/conf");
    assert_eq!(place.pass().code, Some(0));
    assert_eq!(place.version("configmap/conf"), version, "it was written to");

    place.kubectl(&["label", "configmap", "conf", "a=two", "--overwrite"]);
    place.kubectl(&["set", "image", "deployment/web", "side=writ-test/box:2"]);
    let mended = place.pass();
    assert_eq!(mended.code, Some(2), "{mended:?}");
    assert_eq!(place.object("configmap/conf").unwrap()["metadata"]["labels"]["a"], "one");
    assert_eq!((image(&place, 0), image(&place, 1)), ("writ-test/box:1".to_owned(), "writ-test/box:2".to_owned()));
    place.deploy(&OBJECTS.replace("more: old", "more: new"));
    assert_eq!(place.pass().code, Some(2));
    assert_eq!((data(&place, "key"), data(&place, "more")), ("mine".to_owned(), "new".to_owned()));
    let why = place.machine.writ(&["why", &format!("configmap/{}/conf", place.namespace)]);
    assert!(why.text.contains("left      /data/key by [[unit.ignore]] at "), "{why:?}");

    let settings = place.machine.path("agent.toml");
    let without = fs::read_to_string(&settings).unwrap().replace(RULES, "\n");
    fs::write(&settings, without).unwrap();
    assert_eq!(place.pass().code, Some(2));
    assert_eq!((data(&place, "key"), image(&place, 1)), ("value".to_owned(), "writ-test/box:1".to_owned()));
}

#[test]
fn what_is_left_to_others_and_cannot_be_looked_at_is_not_written_over() {
    let place = Place::new(RULES);
    let between = Between::of(&place);
    place.deploy(OBJECTS);
    assert_eq!(place.pass().code, Some(2));
    place.kubectl(&["patch", "configmap", "conf", "-p", "{\"data\": {\"key\": \"mine\"}}"]);
    place.kubectl(&["label", "configmap", "conf", "a=two", "--overwrite"]);
    let version = place.version("configmap/conf");
    let asked = Which { method: "GET", holds: "/configmaps/conf", ..Which::default() };
    between.server.spoil(asked, usize::MAX, Fault::invalid("not now"));
    let failed = place.pass();
    assert!(failed.code == Some(1) && failed.text.contains("not now"), "{failed:?}");
    assert_eq!(place.version("configmap/conf"), version, "it was written to");
    between.server.behave();
    assert_eq!(place.pass().code, Some(2));
    assert_eq!(
        (data(&place, "key").as_str(), place.object("configmap/conf").unwrap()["metadata"]["labels"]["a"].as_str()),
        ("mine", Some("one"))
    );
}

#[test]
fn replicas_are_left_to_an_autoscaler_for_as_long_as_there_is_one() {
    let place = Place::new("");
    // It stays: what ends at once is ready for a moment only, and whether a look falls into that is luck.
    let stays = "name: app, command: [sh, -c, \"trap 'exit 0' TERM; sleep 1000 & wait\"]";
    let objects = OBJECTS.replace("replicas: 0", "replicas: 1").replace("name: app", stays);
    place.deploy(&objects.replace("name: side, image: 'writ-test/box:1'}, {", ""));
    let first = place.pass();
    assert_eq!(first.code, Some(2), "{first:?}");
    place.kubectl(&["autoscale", "deployment", "web", "--min=2", "--max=3"]);
    let replicas = || place.object("deployment/web").unwrap()["spec"]["replicas"].as_u64().unwrap();
    assert!(until(|| replicas() == 2), "{}", place.kubectl(&["describe", "hpa"]));
    let plan = place.plan();
    let left = format!("/spec/replicas left to horizontalpodautoscaler.autoscaling/{}/web", place.namespace);
    assert!(plan.code == Some(0) && plan.text.contains(&left), "{plan:?}");
    assert_eq!(place.pass().code, Some(0));
    assert_eq!(replicas(), 2);
    place.kubectl(&["delete", "hpa", "web"]);
    let plan = place.plan();
    assert!(plan.text.contains("spec.replicas changed (by "), "{plan:?}");
    assert_eq!(place.pass().code, Some(2));
    assert_eq!(replicas(), 1);
}

#[test]
fn a_rule_that_names_nothing_is_warned_of_by_check_and_one_that_names_something_is_not() {
    let other = "[[unit.ignore]]\nkind = \"widget*\"\nfields = [\"/spec/a\"]\n\n\
                 [[unit.ignore]]\nkind = \"deployment\"\nfields = [\"/spec/replicas\", \"/spec/paused\"]\n";
    let place = Place::new(&format!("{RULES}\n{other}"));
    let manifest = place.machine.path("objects.yaml");
    fs::write(&manifest, OBJECTS.replace("NS", &place.namespace)).unwrap();
    let told = place.machine.writ(&["check", manifest.to_str().unwrap(), "--unit", "edge"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.text.contains("is about no object: none is a widget* named *"), "{told:?}");
    assert!(told.text.contains("leaves /spec/paused alone, which none of its objects names"), "{told:?}");
    assert_eq!(told.text.matches("warning: [[unit.ignore]] at ").count(), 2, "{told:?}");
}
