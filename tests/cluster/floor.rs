//! The commit that a cluster was brought to holds an older one back, where the record of the host does not know it.

use std::fs;

use crate::place::Place;

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS}\ndata: {key: VALUE}\n";

#[test]
fn a_record_that_is_put_back_lets_no_older_commit_in_and_goes_on_from_the_newest() {
    let place = Place::new("");
    place.kubectl(&["create", "namespace", &place.namespace]);
    let value = || place.kubectl(&["get", "configmap", "conf", "-o", "jsonpath={.data.key}"]);
    let first = place.deploy(&CONFIG.replace("VALUE", "one"));
    assert_eq!(place.pass().code, Some(2));
    let put_back = place.machine.copy();
    fs::copy(place.machine.path("kubeconfig"), put_back.path("kubeconfig")).unwrap();
    let second = place.deploy(&CONFIG.replace("VALUE", "two"));
    assert_eq!(place.pass().code, Some(2));
    let again = place.pass();
    assert_eq!(again.code, Some(0), "{again:?}");
    place.origin.offer(&first);
    let held = put_back.writ(&["run", "--once"]);
    assert_eq!(held.code, Some(3), "{held:?}");
    for words in ["(rewind)", &second, "which the cluster of unit edge was brought to"] {
        assert!(held.text.contains(words), "{words}: {held:?}");
    }
    assert_eq!(value(), "two");
    place.origin.offer(&second);
    place.deploy(&CONFIG.replace("VALUE", "three"));
    let on = put_back.writ(&["run", "--once"]);
    assert_eq!(on.code, Some(2), "{on:?}");
    assert_eq!(value(), "three");
}
