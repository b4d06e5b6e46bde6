//! Data that a server cannot read, or would not find: refused, said, or let through.

use writ_core::dialect::{Files, lower};
use writ_core::model::{Desired, resolve};
use writ_core::plan::{
    Act, Data, Evidence, Form, Found, Place, Plan, Policy, Question, Release, Says, Verb, preflight, questions,
};

use crate::desired_text::world;
use crate::simulation::{POLICY, Unit};

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

/// Data of PostgreSQL in the folder that the manifest names, and what the image says that it runs.
fn postgres(data: u32, image: Option<u32>) -> Data {
    lying("own/pgdata", Form::Postgres(data), Says { postgres: image, ..Says::default() })
}

fn lying(folder: &str, form: Form, image: Says) -> Data {
    Data::Found(Found { places: vec![Place { folder: folder.to_owned(), form }], rest: None, image })
}

/// What is refused of a plan in the face of that data, or else what is said of it besides the steps.
fn told(plan: &Plan, image: &str, data: Data, policy: &Policy) -> (bool, String) {
    let judged = preflight(plan.clone(), &evidence(image, data), policy);
    let is_refused = judged.steps().any(|step| step.verb == Verb::Refuse);
    let (said, rest): (Vec<_>, Vec<_>) =
        judged.steps().partition(|step| matches!(step.verb, Verb::Keep | Verb::Refuse));
    if is_refused {
        assert!(rest.iter().all(|step| step.object.name != "pg" || step.act == Act::Nothing), "{judged}");
    } else {
        assert_eq!(rest, plan.steps().filter(|step| step.verb != Verb::Keep).collect::<Vec<_>>(), "the same is done");
    }
    let said: Vec<_> =
        said.into_iter().map(|step| step.why.clone()).filter(|why| !why.starts_with("waiting")).collect();
    (is_refused, said.join("\n"))
}

#[test]
fn a_pod_with_a_new_container_is_asked_about_and_one_that_stays_is_not() {
    let plan = change(&manifest("postgres:15", false, ""), &manifest("postgres:16", false, ""));
    let expected = Question {
        pod: "data-pg.0".into(),
        volume: "voodu-data-pg-data-0".into(),
        folders: ["", "data", "own/pgdata", "pgdata"].map(str::to_owned).into(),
        image: "postgres:16".into(),
    };
    assert_eq!(questions(&plan), [expected]);
    let elsewhere = |text: &str| manifest(text, false, "").replace("/var/lib/pg/own/pgdata", "/elsewhere");
    let plan = change(&elsewhere("postgres:15"), &elsewhere("postgres:16"));
    assert_eq!(questions(&plan)[0].folders, ["", "data", "pgdata"].map(str::to_owned).into());
    let same = manifest("postgres:15", false, "");
    assert_eq!(questions(&change(&same, &same)), []);
}

#[test]
fn data_of_another_major_version_is_refused_with_the_way_out_and_nothing_of_its_lane_is_done() {
    let other = "deployment \"data\" \"web\" {\n  image = \"web:1\"\n}\n";
    let from = manifest("postgres:15", false, other);
    let to = manifest("postgres:16", false, &other.replace("web:1", "web:2"));
    let judged = preflight(change(&from, &to), &evidence("postgres:16", postgres(15, None)), &POLICY);
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
    for data in [Data::None, postgres(16, None), postgres(15, Some(15))] {
        assert_eq!(preflight(plan(), &evidence("postgres:16", data.clone()), &POLICY), plan(), "{data:?}");
    }
    let said = |plan: Plan, image: &str, data: Data| {
        let judged = preflight(plan.clone(), &evidence(image, data), &POLICY);
        let (keep, rest): (Vec<_>, Vec<_>) = judged.steps().partition(|step| step.verb == Verb::Keep);
        assert_eq!(rest, plan.steps().collect::<Vec<_>>(), "the same is done");
        keep.into_iter().map(|step| step.why.clone()).collect::<Vec<_>>().join("\n")
    };
    assert!(
        said(plan(), "postgres:16", Data::Unknown("permission denied".into()))
            .contains("could not be checked: permission denied")
    );
    let own = change(&manifest("shop/db:1", false, ""), &manifest("shop/db:2", false, ""));
    let why = said(own, "shop/db:2", postgres(15, None));
    assert!(why.contains("which version shop/db:2 runs could not be checked"), "{why}");
    let upgraded = change(&manifest("postgres:15", true, ""), &manifest("postgres:16", true, ""));
    let why = said(upgraded, "postgres:16", postgres(15, Some(16)));
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
    let found = lying("", Form::Postgres(15), Says::default());
    let plan = change("backup:1", false);
    assert_eq!(preflight(plan.clone(), &evidence("backup:1", found.clone()), &POLICY), plan);
    let judged = preflight(change("postgres:16", false), &evidence("postgres:16", found), &POLICY);
    assert!(judged.steps().any(|step| step.verb == Verb::Refuse), "{judged}");
}

#[test]
fn a_server_of_postgres_that_would_not_find_its_data_is_refused_unless_the_unit_allows_a_new_database() {
    let with = |folder: &str| manifest("postgres:15", false, "").replace("/var/lib/pg/own/pgdata", folder);
    let plan = |folder: &str| change(&with("/var/lib/pg/own/pgdata"), &with(folder));
    let data = || postgres(15, Some(15));
    let (refused, why) = told(&plan("/var/lib/pg/other"), "postgres:15", data(), &POLICY);
    assert!(refused, "{why}");
    for part in [
        "its folder `own/pgdata` (PostgreSQL 15)",
        "PGDATA leads to its folder `other`",
        "lead it there again",
        "`recreate`",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
    let (refused, why) = told(&plan("/var/lib/postgresql"), "postgres:15", data(), &POLICY);
    assert!(refused && why.contains("/var/lib/postgresql, which no claim holds"), "{why}");
    let allowed = Policy { recreate: true, ..POLICY };
    let (refused, why) = told(&plan("/var/lib/pg/other"), "postgres:15", data(), &allowed);
    assert!(!refused && why.contains("a new, empty database would be made; the unit's `recreate` allows it"), "{why}");
    // It finds them by another way of writing the same folder, and by what the image says.
    let again = change(&with("/var/lib/pg/own/pgdata"), &with("/var/lib/pg/own/pgdata/"));
    assert_eq!(told(&again, "postgres:15", data(), &POLICY), (false, String::new()));
    let by_image = |text: &str| text.replace("  env = { PGDATA = \"/var/lib/pg/own/pgdata\" }\n", "");
    let plan = change(&with("/var/lib/pg/own/pgdata"), &by_image(&with("/var/lib/pg/own/pgdata")));
    let says = |folder: &str| Says { pgdata: Some(folder.to_owned()), ..Says::default() };
    let lies = |folder: &str| lying("own/pgdata", Form::Postgres(15), says(folder));
    assert_eq!(told(&plan, "postgres:15", lies("/var/lib/pg/own/pgdata"), &POLICY), (false, String::new()));
    assert!(told(&plan, "postgres:15", lies("/var/lib/postgresql/data"), &POLICY).0);
    // Where a command says it, nobody here knows.
    let command =
        with("/var/lib/pg/other").replace("\n  volumes", "\n  command = [\"postgres\", \"-D\", \"/x\"]\n  volumes");
    let plan = change(&with("/var/lib/pg/own/pgdata"), &command);
    assert_eq!(told(&plan, "postgres:15", data(), &POLICY), (false, String::new()));
    // Nobody starts a server on a copy that lies in another claim.
    let copies = |image: &str| {
        let second = "\n  volume_claim \"copies\" {\n    mount_path = \"/copies\"\n  }\n}\n";
        with("/copies/db").replace("postgres:15", image).trim_end().trim_end_matches('}').to_owned() + second
    };
    let plan = change(&copies("postgres:15"), &copies("postgres:15.1"));
    assert_eq!(told(&plan, "postgres:15.1", data(), &POLICY), (false, String::new()));
}

/// A cache whose image and command change.
fn cache(image: &str, command: &str, path: &str, more: &str) -> String {
    format!(
        "statefulset \"data\" \"pg\" {{\n  image = \"{image}\"\n{command}  volume_claim \"data\" {{\n    mount_path = \
         \"{path}\"\n  }}\n{more}}}\n"
    )
}

#[test]
fn data_of_redis_in_a_newer_form_than_the_image_reads_is_refused() {
    let plan =
        |image: &str, more: &str| change(&cache("redis:7.2", "", "/data", more), &cache(image, "", "/data", more));
    let form = |form: u32| lying("", Form::Redis(form), Says::default());
    let says = |release: &str| Says { redis: Release::parse(release), ..Says::default() };
    for (image, data, expected) in [
        (
            "redis:6.2-alpine",
            form(10),
            Some("of form 10, as Redis 7.0 was the first to write, and redis:6.2-alpine runs 6.2"),
        ),
        ("redis:6", form(9), None),
        ("redis:7.0", form(11), Some("which reads forms up to 10")),
        ("redis:7", form(12), None),
        ("redis:8", form(12), None),
        ("shop/cache:1", lying("", Form::Redis(11), says("7.0.15")), Some("shop/cache:1 runs 7.0")),
        ("shop/cache:1", lying("", Form::Redis(10), says("7.0.15")), None),
    ] {
        let (refused, why) = told(&plan(image, ""), image, data, &POLICY);
        assert_eq!(refused, expected.is_some(), "{image}: {why}");
        assert!(expected.is_none_or(|part| why.contains(part)) && refused != why.is_empty(), "{image}: {why}");
    }
    let (refused, why) = told(&plan("redis:8", ""), "redis:8", form(80), &POLICY);
    assert!(!refused && why.contains("whether redis:8, which runs 8, reads it could not be checked"), "{why}");
    let (refused, why) = told(&plan("shop/cache:1", ""), "shop/cache:1", form(10), &POLICY);
    assert!(!refused && why.contains("which release shop/cache:1 runs could not be checked"), "{why}");
    let init = "  init \"back\" {\n    command = [\"back\"]\n  }\n";
    let (refused, why) = told(&plan("redis:6", init), "redis:6", form(10), &POLICY);
    assert!(!refused && why.contains("an init container has to bring it up before"), "{why}");
}

#[test]
fn a_redis_that_would_start_without_its_keys_is_refused_where_its_command_tells() {
    let redis = |command: &str, path: &str| {
        let command = if command.is_empty() { String::new() } else { format!("  command = [{command}]\n") };
        cache("redis:7", &command, path, "")
    };
    let data = || lying("", Form::Redis(10), Says { working_dir: Some("/data".to_owned()), ..Says::default() });
    let appending = "\"redis-server\", \"--appendonly\", \"yes\"";
    let plan = |command: &str, path: &str| change(&redis(appending, "/data"), &redis(command, path));
    let (refused, why) = told(&plan(appending, "/var/lib/redis"), "redis:7", data(), &POLICY);
    assert!(refused && why.contains("looks for it in /data, which no claim holds"), "{why}");
    assert!(!told(&plan(appending, "/var/lib/redis"), "redis:7", data(), &Policy { recreate: true, ..POLICY }).0);
    let (refused, why) = told(&plan("\"--dir\", \"/data/new\"", "/data"), "redis:7", data(), &POLICY);
    assert!(refused && why.contains("in its folder `new`, where there is none"), "{why}");
    for (command, path) in [
        ("\"--dir\", \"/data\"", "/data"),
        ("\"redis-server\", \"--dir\", \"/var/lib/redis\"", "/var/lib/redis"),
        // A configuration says it, which is not read here.
        ("\"redis-server\", \"/etc/redis.conf\"", "/var/lib/redis"),
        ("\"sh\", \"-c\", \"exec redis-server -\"", "/var/lib/redis"),
    ] {
        assert_eq!(told(&plan(command, path), "redis:7", data(), &POLICY), (false, String::new()), "{command}");
    }
}

#[test]
fn a_volume_that_was_not_looked_through_to_its_end_is_said_to_be_so_and_what_was_found_counts() {
    let plan = |image: &str| change(&manifest("postgres:15", false, ""), &manifest(image, false, ""));
    let Data::Found(found) = postgres(15, None) else { panic!("that is data") };
    let data = || Data::Found(Found { rest: Some("too many entries".to_owned()), ..found.clone() });
    let (refused, why) = told(&plan("postgres:15.1"), "postgres:15.1", data(), &POLICY);
    assert!(!refused && why.contains("could not be checked to the end: too many entries"), "{why}");
    assert!(told(&plan("postgres:16"), "postgres:16", data(), &POLICY).0);
}
