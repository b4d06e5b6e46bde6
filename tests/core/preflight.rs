//! Data of another major version than the image runs: refused, said, or let through.

use writ_core::dialect::{Files, lower};
use writ_core::model::{Desired, resolve};
use writ_core::plan::{Act, Data, Evidence, Plan, Question, Verb, preflight, questions};

use crate::desired_text::world;
use crate::simulation::Unit;

/// A database whose image changes, with an init container in front of it or not.
fn manifest(image: &str, init: bool, more: &str) -> String {
    let init = if init { "\n  init \"upgrade\" {\n    command = [\"upgrade\"]\n  }" } else { "" };
    format!(
        "statefulset \"data\" \"pg\" {{\n  image = \"{image}\"\n  env = {{ PGDATA = \"/var/lib/pg/own/pgdata\" }}\n  \
         volumes = [\"/srv/x:/x\"]{init}\n  volume_claim \"data\" {{\n    mount_path = \"/var/lib/pg\"\n  }}\n}}\n{more}"
    )
}

/// The plan that leads from one manifest to another.
fn change(from: &str, to: &str) -> Plan {
    let mut unit = Unit::applied(desired(from));
    unit.desired = desired(to);
    unit.plan()
}

fn desired(manifest: &str) -> Desired {
    let files = Files::from([("db.hcl".to_owned(), manifest.as_bytes().to_vec())]);
    resolve(&lower(&files).0.unwrap().objects, &world(&[])).unwrap().0
}

/// What was found out about the one volume, and the image of whoever would be let at it.
fn evidence(image: &str, data: Data) -> Evidence {
    [(("data-pg.0".to_owned(), "voodu-data-pg-data-0".to_owned(), image.to_owned()), data)].into()
}

#[test]
fn a_pod_with_a_new_container_is_asked_about_and_one_that_stays_is_not() {
    let plan = change(&manifest("postgres:15", false, ""), &manifest("postgres:16", false, ""));
    let expected = Question {
        pod: "data-pg.0".into(),
        volume: "voodu-data-pg-data-0".into(),
        files: vec!["own/pgdata/PG_VERSION".into()],
        image: "postgres:16".into(),
    };
    assert_eq!(questions(&plan), [expected]);
    let elsewhere = |text: &str| manifest(text, false, "").replace("/var/lib/pg/own/pgdata", "/elsewhere");
    let plan = change(&elsewhere("postgres:15"), &elsewhere("postgres:16"));
    assert_eq!(questions(&plan)[0].files, ["PG_VERSION", "pgdata/PG_VERSION", "data/PG_VERSION"]);
    let same = manifest("postgres:15", false, "");
    assert_eq!(questions(&change(&same, &same)), []);
}

#[test]
fn data_of_another_major_version_is_refused_with_the_way_out_and_nothing_of_its_lane_is_done() {
    let other = "deployment \"data\" \"web\" {\n  image = \"web:1\"\n}\n";
    let from = manifest("postgres:15", false, other);
    let to = manifest("postgres:16", false, &other.replace("web:1", "web:2"));
    let judged = preflight(change(&from, &to), &evidence("postgres:16", Data::Postgres { data: 15, image: None }));
    let refused: Vec<_> = judged.steps().filter(|step| step.verb == Verb::Refuse).collect();
    let [step] = refused.as_slice() else { panic!("{judged}") };
    for part in ["of PostgreSQL 15", "postgres:16 runs 16", "go back", "dump the data", "init container"] {
        assert!(step.why.contains(part), "{part}: {}", step.why);
    }
    let lane = judged.lanes.iter().find(|lane| lane.object.name == "pg").unwrap();
    assert!(lane.steps.iter().all(|step| step.act == Act::Nothing) && lane.then.is_none());
    assert!(judged.steps().any(|step| step.object.name == "web" && step.act != Act::Nothing), "others go on");
}

#[test]
fn what_fits_passes_in_silence_and_what_is_not_known_is_said_and_refuses_nothing() {
    let plan = || change(&manifest("postgres:15", false, ""), &manifest("postgres:16", false, ""));
    for data in [Data::None, Data::Postgres { data: 16, image: None }, Data::Postgres { data: 15, image: Some(15) }] {
        assert_eq!(preflight(plan(), &evidence("postgres:16", data.clone())), plan(), "{data:?}");
    }
    let said = |plan: Plan, image: &str, data: Data| {
        let judged = preflight(plan.clone(), &evidence(image, data));
        let (keep, rest): (Vec<_>, Vec<_>) = judged.steps().partition(|step| step.verb == Verb::Keep);
        assert_eq!(rest, plan.steps().collect::<Vec<_>>(), "the same is done");
        keep.into_iter().map(|step| step.why.clone()).collect::<Vec<_>>().join("\n")
    };
    assert!(
        said(plan(), "postgres:16", Data::Unknown("permission denied".into()))
            .contains("could not be checked: permission denied")
    );
    let own = change(&manifest("shop/db:1", false, ""), &manifest("shop/db:2", false, ""));
    let why = said(own, "shop/db:2", Data::Postgres { data: 15, image: None });
    assert!(why.contains("which version shop/db:2 runs could not be checked"), "{why}");
    let upgraded = change(&manifest("postgres:15", true, ""), &manifest("postgres:16", true, ""));
    let why = said(upgraded, "postgres:16", Data::Postgres { data: 15, image: Some(16) });
    assert!(why.contains("an init container has to bring it up before"), "{why}");
}

#[test]
fn what_stands_beside_a_server_is_judged_where_it_may_write_and_says_its_version() {
    let yaml = |image: &str, beside: &str, read_only: bool| {
        format!(
            "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: pg, namespace: data}}\nspec:\n  selector: \
             {{matchLabels: {{app: pg}}}}\n  template:\n    metadata: {{labels: {{app: pg}}}}\n    spec:\n      containers:\n      \
             - {{name: pg, image: \"{image}\", volumeMounts: [{{name: data, mountPath: /d}}]}}\n      - {{name: beside, \
             image: \"{beside}\", volumeMounts: [{{name: data, mountPath: /d, readOnly: {read_only}}}]}}\n  \
             volumeClaimTemplates: [{{metadata: {{name: data}}, spec: {{accessModes: [ReadWriteOnce], resources: {{requests: \
             {{storage: 1Gi}}}}}}}}]\n"
        )
    };
    let change = |beside: &str, read_only: bool| {
        let wanted = |image: &str| crate::desired_text::desired(&yaml(image, beside, read_only)).0;
        let mut unit = Unit::applied(wanted("postgres:15"));
        unit.desired = wanted("postgres:15.1");
        unit.plan()
    };
    let images = |plan: &Plan| questions(plan).into_iter().map(|question| question.image).collect::<Vec<_>>();
    assert_eq!(images(&change("backup:1", true)), ["postgres:15.1"]);
    assert_eq!(images(&change("backup:1", false)), ["postgres:15.1", "backup:1"]);
    let found = Data::Postgres { data: 15, image: None };
    let plan = change("backup:1", false);
    assert_eq!(preflight(plan.clone(), &evidence("backup:1", found.clone())), plan);
    let judged = preflight(change("postgres:16", false), &evidence("postgres:16", found));
    assert!(judged.steps().any(|step| step.verb == Verb::Refuse), "{judged}");
}
