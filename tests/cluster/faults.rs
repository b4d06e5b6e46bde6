//! A server that is busy, fails, is slow, or loses connections and answers: what was asked for comes, once, and nothing else goes.

use std::time::{Duration, Instant};

use crate::apiserver::{Fault, Which};
use crate::between::Between;
use crate::place::{Place, until};

const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS}\n---\n";
const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS}\ndata: {key: value}\n---\n";
const OTHER: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: other, namespace: NS}\nstringData: {word: geheim}\n---\n";

/// What is really sent for the ConfigMap, and what is only tried for it.
const SENT: Which = Which { method: "PATCH", begins: "", holds: "/configmaps/conf?fieldManager=writ&fieldValidation" };
const TRIED: Which = Which { method: "PATCH", begins: "", holds: "/configmaps/conf?fieldManager=writ&dryRun" };
const LISTED: Which = Which { method: "GET", begins: "/api/v1/configmaps?", holds: "" };

/// What holds after every fault: a pass with nothing to do writes nothing, and the journal is whole.
#[track_caller]
fn is_well(place: &Place, between: &Between) {
    between.server.behave();
    let versions = || [place.version("configmap/conf"), place.version("secret/other")];
    let before = versions();
    let pass = place.pass();
    assert_eq!((pass.code, versions()), (Some(0), before), "{pass:?}");
    let audit = place.machine.writ(&["audit", "verify"]);
    assert_eq!(audit.code, Some(0), "{audit:?}");
    let told = place.machine.writ(&["history"]);
    assert!(!told.text.contains("geheim"), "{told:?}");
}

fn raced() -> Fault {
    let message = "Operation cannot be fulfilled on configmaps \"conf\": the object has been modified; please apply your changes to the \
                   latest version and try again";
    Fault::Answer(409, Vec::new(), "Conflict", message.to_owned())
}

#[test]
fn what_passes_is_waited_for_and_done_once() {
    let slow = Duration::from_secs(1);
    let faults: [(&str, Which, usize, Fault); 9] = [
        ("raced", SENT, 1, raced()),
        ("too many", SENT, 2, Fault::too_many(1)),
        ("failed", SENT, 3, Fault::internal()),
        ("away", LISTED, 2, Fault::unavailable()),
        ("cut", SENT, 1, Fault::Cut),
        ("unanswered", SENT, 1, Fault::Unanswered),
        ("unanswered trial", TRIED, 1, Fault::Unanswered),
        ("slow", Which::default(), usize::MAX, Fault::Late(slow / 10)),
        ("cut list", LISTED, 1, Fault::Cut),
    ];
    for (name, which, times, fault) in faults {
        let place = Place::new("");
        let between = Between::of(&place);
        place.deploy(&[NAMESPACE, CONFIG, OTHER].concat());
        between.server.spoil(which, times, fault);
        let from = Instant::now();
        let pass = place.pass();
        assert_eq!(pass.code, Some(2), "{name}: {pass:?}");
        assert!(pass.text.contains("3 of 3 objects ready"), "{name}: {pass:?}");
        let asked = between.count(which.method, &[which.begins, which.holds]);
        assert!(times == usize::MAX || asked > times, "{name}: asked {asked} times");
        assert!(name != "too many" || from.elapsed() >= slow * 2, "the server said when to come again");
        is_well(&place, &between);
    }
}

#[test]
fn what_is_refused_is_told_in_the_servers_words_and_holds_up_nothing_beside_it() {
    let place = Place::new("");
    let between = Between::of(&place);
    place.deploy(&[NAMESPACE, CONFIG, OTHER].concat());
    between.server.spoil(SENT, 1, Fault::invalid("data: must be smaller"));
    let pass = place.pass();
    assert_eq!(pass.code, Some(1), "{pass:?}");
    assert!(pass.text.contains("data: must be smaller") && place.object("secret/other").is_some(), "{pass:?}");
    assert_eq!(place.pass().code, Some(2));
    is_well(&place, &between);
}

#[test]
fn a_trial_that_is_never_answered_is_no_answer_and_the_others_go_on() {
    let place = Place::new("");
    let between = Between::of(&place);
    place.deploy(&[NAMESPACE, CONFIG, OTHER].concat());
    assert_eq!(place.pass().code, Some(2));
    place.deploy(&[NAMESPACE, &CONFIG.replace("value", "new"), &OTHER.replace("geheim", "geheim-2")].concat());
    let before = place.version("secret/other");
    between.server.spoil(TRIED, usize::MAX, Fault::Hang);
    let pass = place.pass();
    assert!(pass.text.contains("could not be tried"), "{pass:?}");
    assert_eq!(place.object("configmap/conf").unwrap()["data"]["key"], "value");
    assert_ne!(place.version("secret/other"), before, "the other object went on");
    between.server.behave();
    assert_eq!(place.pass().code, Some(2));
    is_well(&place, &between);
}

#[test]
fn what_could_not_be_listed_is_not_deleted() {
    let place = Place::new("");
    let between = Between::of(&place);
    place.deploy(&[NAMESPACE, CONFIG, OTHER].concat());
    assert_eq!(place.pass().code, Some(2));
    place.deploy(&[NAMESPACE, OTHER].concat());
    // Neither all at once nor those of the one namespace.
    for lists in [LISTED, Which { method: "GET", begins: "/api/v1/namespaces/", holds: "%2Cwrit.unit%3D" }] {
        let denied = Fault::Answer(403, Vec::new(), "Forbidden", "configmaps is forbidden".to_owned());
        between.server.spoil(lists, usize::MAX, denied);
    }
    let plan = place.plan();
    assert!(
        plan.text.contains("not seen: no longer among the manifests, but configmap could not be listed"),
        "{plan:?}"
    );
    place.pass();
    assert!(place.object("configmap/conf").is_some());
    between.server.behave();
    assert_eq!(place.pass().code, Some(2));
    assert!(place.object("configmap/conf").is_none());
}

#[test]
fn a_webhook_that_is_down_and_a_namespace_that_ends_hold_up_until_they_do_not() {
    let place = Place::new("");
    let between = Between::of(&place);
    place.deploy(&[NAMESPACE, CONFIG, OTHER].concat());
    assert_eq!(place.pass().code, Some(2));
    let hook = format!(
        "{{\"apiVersion\": \"admissionregistration.k8s.io/v1\", \"kind\": \"ValidatingWebhookConfiguration\", \"metadata\": {{\"name\": \
         \"{0}\"}}, \"webhooks\": [{{\"name\": \"down.{0}.example.org\", \"sideEffects\": \"None\", \"admissionReviewVersions\": [\"v1\"], \
         \"clientConfig\": {{\"service\": {{\"namespace\": \"{0}\", \"name\": \"nobody\"}}}}, \"namespaceSelector\": {{\"matchLabels\": \
         {{\"kubernetes.io/metadata.name\": \"{0}\"}}}}, \"rules\": [{{\"apiGroups\": [\"\"], \"apiVersions\": [\"v1\"], \"operations\": \
         [\"*\"], \"resources\": [\"configmaps\"]}}]}}]}}",
        place.namespace
    );
    let file = place.machine.path("hook.json");
    std::fs::write(&file, hook).unwrap();
    place.kubectl(&["apply", "-f", &file.display().to_string()]);
    place.deploy(&[NAMESPACE, &CONFIG.replace("value", "new"), OTHER].concat());
    let heard = until(|| place.plan().text.contains("failed calling webhook"));
    assert!(heard, "{:?}", place.plan());
    assert!(place.pass().text.contains("could not be tried"));
    place.kubectl(&["delete", "validatingwebhookconfiguration", &place.namespace]);
    assert!(until(|| place.pass().text.contains("3 of 3 objects ready")));
    place.kubectl(&["delete", "namespace", &place.namespace, "--wait=false"]);
    assert!(until(|| place.pass().text.contains("3 of 3 objects ready")));
    assert_eq!(place.object("configmap/conf").unwrap()["data"]["key"], "new");
    is_well(&place, &between);
}
