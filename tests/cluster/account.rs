//! A unit that is applied as a service account of its own.

use crate::place::Place;

const ALL: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: NS}\ndata: {key: value}\n---\napiVersion: \
                   v1\nkind: Service\nmetadata: {name: web, namespace: NS}\nspec: {ports: [{port: 80}]}\n";

/// An account that may see to ConfigMaps and look at Services.
fn deployer(place: &Place) {
    place.kubectl(&["create", "namespace", &place.namespace]);
    place.kubectl(&["create", "serviceaccount", "deployer"]);
    let verbs = "--verb=get,list,watch,create,patch,delete";
    place.kubectl(&["create", "role", "deploys", verbs, "--resource=configmaps"]);
    place.kubectl(&["create", "role", "looks", "--verb=get,list", "--resource=services"]);
    for role in ["deploys", "looks"] {
        let account = format!("--serviceaccount={}:deployer", place.namespace);
        place.kubectl(&["create", "rolebinding", role, "--role", role, &account]);
    }
}

#[test]
fn a_unit_has_the_powers_of_its_account_and_no_others() {
    let place = Place::new("");
    let file = place.machine.path("agent.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{settings}account = \"{}/deployer\"\n", place.namespace)).unwrap();
    deployer(&place);
    place.deploy(ALL);
    let pass = place.pass();
    assert_eq!(pass.code, Some(3), "{pass:?}");
    let user =
        format!("User \"system:serviceaccount:{}:deployer\" cannot patch resource \"services\"", place.namespace);
    let plan = place.plan();
    assert!(plan.text.contains(&user), "{plan:?}");
    assert_eq!(place.object("configmap/conf").unwrap()["data"]["key"], "value");
    assert!(place.object("service/web").is_none());

    // As the agent itself it may.
    std::fs::write(&file, settings).unwrap();
    let pass = place.pass();
    assert_eq!(pass.code, Some(2), "{pass:?}");
    assert!(place.object("service/web").is_some());
}
