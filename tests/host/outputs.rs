//! What resources of OpenMCF let others know: by `writ outputs`, and in the record once they are there.

use std::fs;

use serde_json::{Value, json};
use writ::record::{Event, WorkEvent};

use crate::machine::{Machine, Origin};

/// A deployment with a Service and a run that asks it.
fn shop() -> String {
    include_str!("../fixtures/openmcf-shop.yaml").replace("SCOPE", "shop").replace("HUSH", "canary-41d0")
}

fn host() -> (Origin, Machine) {
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    (origin, machine)
}

/// What the journal told of outputs, oldest first.
fn told(machine: &Machine) -> Vec<(String, String)> {
    let events = machine.history().into_iter().filter_map(|record| {
        let Event::Work(WorkEvent::Outputs { object, values, .. }) = record.event else { return None };
        Some((object.to_string(), values.get("port_forward_command").cloned().unwrap_or_default()))
    });
    events.collect()
}

#[test]
fn m6_m85_to_m92_outputs_are_printed_by_their_names_for_people_and_for_programs() {
    let (_origin, machine) = host();
    let path = machine.path("shop.yaml");
    fs::write(&path, shop()).unwrap();
    let path = path.display().to_string();
    let printed = machine.writ(&["outputs", &path]);
    let expected = "KubernetesCronJob count (cronjob/shop/count)
  namespace  shop
KubernetesDeployment web (deployment/shop/web)
  kube_endpoint         web.shop.svc.cluster.local
  namespace             shop
  port_forward_command  kubectl port-forward -n shop service/web 80:80
  service               web
";
    assert_eq!((printed.code, printed.text.as_str()), (Some(0), expected));
    let document = machine.writ(&["outputs", &path, "--target", "kubernetes:north", "-o", "json"]).text;
    let document: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["schema"], "writ/outputs/v1");
    let first = json!({"kind": "KubernetesCronJob", "name": "count", "object": "cronjob/shop/count", "outputs": {"namespace": "shop"}});
    assert_eq!(document["resources"][0], first);

    fs::write(&path, shop().replace("servicePort: 80", "servicePort: none")).unwrap();
    let wrong = machine.writ(&["outputs", &path]);
    assert!(wrong.code == Some(1) && wrong.text.contains("shop.yaml:11"), "{wrong:?}");
    fs::write(&path, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n").unwrap();
    let none = machine.writ(&["outputs", &path]);
    assert!(none.code == Some(0) && none.text.contains("no manifest is of OpenMCF"), "{none:?}");
}

#[test]
fn m6_outputs_of_servers_say_where_the_password_is_and_not_what_it_is() {
    let (_origin, machine) = host();
    let path = machine.path("cache.yaml");
    let cache = "apiVersion: kubernetes.openmcf.org/v1\nkind: KubernetesRedis\nmetadata: {name: cache}\nspec: {namespace: shop}\n---\n\
                 apiVersion: v1\nkind: Secret\nmetadata: {name: cache-password, namespace: shop}\nstringData: {password: canary-41d0}\n";
    fs::write(&path, cache).unwrap();
    let printed = machine.writ(&["outputs", &path.display().to_string()]).text;
    for line in [
        "headless_service      cache-headless",
        "password_secret.key   password",
        "password_secret.name  cache-password",
        "username              default",
    ] {
        assert!(printed.contains(line), "{line} is not in {printed}");
    }
    assert!(!printed.contains("canary"), "{printed}");
}

#[test]
fn m6_the_record_tells_outputs_once_they_are_there_and_again_when_they_are_others() {
    let (origin, machine) = host();
    origin.deploy(&[("shop.yaml", &shop())]);
    assert_eq!(machine.pass().code, Some(2));
    let forward = |port: u32| {
        let command = format!("kubectl port-forward -n shop service/web {port}:{port}");
        ("deployment/shop/web".to_owned(), command)
    };
    let count = || ("cronjob/shop/count".to_owned(), String::new());
    assert_eq!(told(&machine), [count(), forward(80)]);
    assert_eq!(machine.pass().code, Some(0));
    origin.deploy(&[("shop.yaml", &shop().replace("value: \"12\"", "value: \"13\""))]);
    assert_eq!(machine.pass().code, Some(2));
    assert_eq!(told(&machine).len(), 2, "they are what they were");
    origin.deploy(&[("shop.yaml", &shop().replace("servicePort: 80", "servicePort: 81"))]);
    machine.pass();
    assert_eq!(told(&machine), [count(), forward(80), forward(81)]);
    let history = machine.writ(&["history"]).text;
    assert!(history.contains("outputs of KubernetesDeployment: kube_endpoint web.shop"), "{history}");
    assert!(!history.contains("canary") && !machine.told().contains("canary"), "{history}");
}
