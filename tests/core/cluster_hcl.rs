//! Manifests in HCL on their way to a cluster: what is told a container host by annotations is said in the cluster's words.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use writ_core::cluster::{Condition, Conflict, ObservedCluster, ObservedObject, Present, Trial, condition, resolve};
use writ_core::dialect::{Contents, Files, Given, Target, lower_with};
use writ_core::guard::{self, Policy, Profile};
use writ_core::hash::HashKey;
use writ_core::holdings::{HoldingChange, Holdings};
use writ_core::ingress::Around;
use writ_core::model::{BucketRef, Buckets, Desired, ObjectId, Scope, World};
use writ_core::observed::{Holder, Observed};
use writ_core::plan::{self, Drift, Input, PruneBudget, Setbacks, Templates};
use writ_core::text::{Problems, SecretText};
use writ_core::time::Timestamp;

const PG: &str = r#"
asset "data" "conf" {
  main = "one"
  other = "two"
}
statefulset "data" "pg" {
  image = "postgres:15"
  replicas = 2
  ports = ["5432"]
  env = { POSTGRES_DB = "app", PGDATA = "/data/pg" }
  env_from = ["shared/mail"]
  volumes = ["${asset.data.conf.main}:/etc/pg.conf:ro"]
  volume_claim "data" {
    mount_path = "/data"
  }
}
deployment "data" "web" {
  image = "web:1"
  volumes = ["${asset.data.conf.other}:/etc/web.conf:ro"]
}
"#;

/// Keys of buckets as `SCOPE/KEY=VALUE` or `SCOPE/NAME/KEY=VALUE`.
fn buckets(keys: &[&str]) -> Buckets {
    let mut all = Buckets::new();
    for text in keys {
        let (path, value) = text.split_once('=').unwrap();
        let parts: Vec<&str> = path.split('/').collect();
        let (scope, name, key) = match parts.as_slice() {
            [scope, key] => (scope, None, key),
            [scope, name, key] => (scope, Some((*name).to_owned()), key),
            _ => panic!("{text}"),
        };
        let bucket = BucketRef { scope: Scope((*scope).to_owned()), name };
        all.entry(bucket).or_default().insert((*key).to_owned(), SecretText::new(value));
    }
    all
}

fn sent(hcl: &str, keys: &[&str]) -> Result<(Desired, String), String> {
    let files = Files::from([("a.hcl".to_owned(), hcl.as_bytes().to_vec())]);
    let given = Given { target: Target::Kubernetes, ..Given::default() };
    let (lowered, sources) = lower_with(&files, &Contents::new(), &given);
    let shown = |problems: Problems| problems.render(&sources, false);
    let world = World { buckets: buckets(keys), hash_key: HashKey([7; 32]) };
    let resolved = resolve(&lowered.map_err(shown)?.objects, &world);
    resolved.map(|(desired, notes)| (desired, shown(notes))).map_err(shown)
}

fn id(text: &str) -> ObjectId {
    ObjectId::parse(text).unwrap()
}

fn body(desired: &Desired, object: &str) -> Value {
    desired.objects.get(&id(object)).map_or_else(|| panic!("no {object}"), |object| (*object.body).clone())
}

/// The objects whose hash differs.
fn changed(before: &Desired, after: &Desired) -> Vec<String> {
    let differs = |id: &&ObjectId| {
        before.objects.get(*id).map(|it| &it.revision) != after.objects.get(*id).map(|it| &it.revision)
    };
    after.objects.keys().filter(differs).map(ToString::to_string).collect()
}

#[test]
fn a_statefulset_has_its_buckets_as_secrets_and_a_name_for_each_pod() {
    let keys = ["data/TZ=UTC", "data/pg/POSTGRES_PASSWORD=geheim", "shared/mail/SMTP=post", "other/X=1"];
    let (desired, notes) = sent(PG, &keys).unwrap();
    let ids: Vec<String> = desired.objects.keys().map(ToString::to_string).collect();
    let wanted = [
        "namespace/data",
        "configmap/data/conf",
        "secret/data/data.bucket",
        "secret/data/mail.shared.bucket",
        "secret/data/pg.data.bucket",
        "service/data/pg",
        "service/data/pg-0",
        "service/data/pg-1",
        "service/data/web",
        "statefulset/data/pg",
        "deployment/data/web",
    ];
    let mut sorted = ids.clone();
    sorted.sort();
    let mut wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    wanted.sort();
    assert_eq!(sorted, wanted);
    let container = body(&desired, "statefulset/data/pg")["spec"]["template"]["spec"]["containers"][0].clone();
    let from = |name: &str| json!({"secretRef": {"name": name}});
    let lists = json!([from("mail.shared.bucket"), from("data.bucket"), from("pg.data.bucket")]);
    assert_eq!(container["envFrom"], lists, "what comes later wins");
    let secret = body(&desired, "secret/data/pg.data.bucket");
    assert_eq!(secret["data"], json!({"POSTGRES_PASSWORD": "Z2VoZWlt"}));
    let name = body(&desired, "service/data/pg-1");
    let selector = json!({"statefulset.kubernetes.io/pod-name": "pg-1"});
    assert_eq!(name["spec"], json!({"clusterIP": "None", "publishNotReadyAddresses": true, "selector": selector}));
    let ordinal = container["env"].as_array().unwrap().iter().find(|it| it["name"] == "VOODU_REPLICA_ORDINAL").unwrap();
    assert_eq!(ordinal["valueFrom"]["fieldRef"]["fieldPath"], "metadata.labels['apps.kubernetes.io/pod-index']");
    assert!(notes.contains("no port is published on the loopback address"), "{notes}");
    assert!(!format!("{desired:?}{notes}").contains("geheim"));
}

#[test]
fn a_bucket_is_set_over_what_the_manifest_says_and_what_is_borrowed_below_it() {
    let variables = |desired: &Desired| -> Vec<String> {
        let env = &body(desired, "statefulset/data/pg")["spec"]["template"]["spec"]["containers"][0]["env"];
        env.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    let (under, notes) = sent(PG, &["shared/mail/POSTGRES_DB=theirs"]).unwrap();
    assert!(variables(&under).contains(&"POSTGRES_DB".to_owned()) && !notes.contains("is set over"), "{notes}");
    let (over, notes) = sent(PG, &["data/pg/POSTGRES_DB=ours", "data/POSTGRES_DB=all"]).unwrap();
    assert!(!variables(&over).contains(&"POSTGRES_DB".to_owned()));
    assert!(notes.contains("bucket/data/pg/POSTGRES_DB is set over the manifest's value of POSTGRES_DB"), "{notes}");
    let (none, _) = sent(PG, &[]).unwrap();
    let container = &body(&none, "statefulset/data/pg")["spec"]["template"]["spec"]["containers"][0];
    assert!(container.get("envFrom").is_none(), "an empty bucket is no Secret");
}

#[test]
fn a_changed_content_changes_exactly_the_templates_that_read_it() {
    let keys = ["data/pg/PASSWORD=one"];
    let (before, _) = sent(PG, &keys).unwrap();
    assert_eq!(changed(&before, &sent(PG, &keys).unwrap().0), [""; 0]);
    let main = sent(&PG.replace("\"one\"", "\"three\""), &keys).unwrap().0;
    assert_eq!(changed(&before, &main), ["configmap/data/conf", "statefulset/data/pg"]);
    let other = sent(&PG.replace("\"two\"", "\"three\""), &keys).unwrap().0;
    assert_eq!(changed(&before, &other), ["configmap/data/conf", "deployment/data/web"]);
    let bucket = sent(PG, &["data/pg/PASSWORD=two"]).unwrap().0;
    assert_eq!(changed(&before, &bucket), ["secret/data/pg.data.bucket", "statefulset/data/pg"]);
    let parts = |desired: &Desired| desired.objects[&id("statefulset/data/pg")].parts.clone();
    let (old, new) = (parts(&before), parts(&main));
    let differs: Vec<&String> = old.keys().filter(|name| old.get(*name) != new.get(*name)).collect();
    assert_eq!(differs, ["configmap/data/conf/main", "spec.template.metadata.annotations.writ.content"]);
}

#[test]
fn nothing_is_sent_that_only_a_container_host_knows() {
    let hcl = r#"
asset "web" {
  page = "hello"
}
app "shop" "web" {
  image = "web:1"
  host = "shop.example"
  ports = ["8080"]
  tls {
    email = "ops@shop.example"
    provider = "internal"
  }
  ulimits {
    nofile = "1024"
  }
  logs {
    max_size = "10m"
  }
  depends_on {
    assets = ["web.page"]
  }
}
cronjob "shop" "clean" {
  image = "web:1"
  schedule = "0 3 * * *"
}
job "shop" "once" {
  image = "web:1"
  timeout = "10m"
}
"#;
    let (desired, notes) = sent(hcl, &["shop/KEY=value"]).unwrap();
    for object in desired.objects.values() {
        let text = object.body.to_string().replace("writ.content", "");
        assert!(!text.contains("\"writ."), "{text}");
    }
    for told in [
        "limits of processes have no effect",
        "room for logs has no effect",
        "`writ.tls` has no effect",
        "`writ.tls-email` has no effect",
    ] {
        assert!(notes.contains(told), "{told}: {notes}");
    }
    let from = |object: &str, at: &str| body(&desired, object).pointer(at).cloned();
    let list = Some(json!([{"secretRef": {"name": "shop.bucket"}}]));
    assert_eq!(from("cronjob/shop/clean", "/spec/jobTemplate/spec/template/spec/containers/0/envFrom"), list);
    assert_eq!(from("job/shop/once", "/spec/template/spec/containers/0/envFrom"), list);
    assert_eq!(from("ingress/shop/web", "/spec/tls"), Some(json!([{"hosts": ["shop.example"]}])));
    let depends = &desired.objects[&id("deployment/shop/web")].parts;
    assert!(depends.contains_key("asset/web/page"), "{depends:?}");
    let policy = Policy::baseline();
    assert!(guard::judge(&desired, &policy).is_empty());
    let strict = guard::judge(&desired, &Profile::Restricted.policy());
    assert!(!strict.is_empty(), "the pods are judged by the rules of a container host");
}

#[test]
fn a_name_that_is_made_for_a_pod_may_not_be_declared_too() {
    let more = |name: &str| format!("{PG}\ndeployment \"data\" \"{name}\" {{\n  image = \"x:1\"\n}}\n");
    let refused = sent(&more("pg-1"), &[]).unwrap_err();
    assert!(
        refused.contains("service/data/pg-1 is declared, and one of that name is made for statefulset/data/pg"),
        "{refused}"
    );
    assert!(sent(&more("pg-2"), &[]).is_ok());
}

#[test]
fn a_login_takes_its_password_from_a_bucket_and_is_left_out_without_one() {
    let hcl = "registry \"ghcr.io\" {\n  username = \"me\"\n  password_from = \"data/TOKEN\"\n}\n\
               deployment \"data\" \"web\" {\n  image = \"ghcr.io/x/y:1\"\n}\n";
    let (desired, notes) = sent(hcl, &["data/TOKEN=geheim"]).unwrap();
    let logins = body(&desired, "secret/data/ghcr.io.registry")["stringData"][".dockerconfigjson"].clone();
    let logins: Value = serde_json::from_str(logins.as_str().unwrap()).unwrap();
    assert_eq!(logins, json!({"auths": {"ghcr.io": {"username": "me", "password": "geheim"}}}));
    assert!(!notes.contains("without the login"), "{notes}");
    let (desired, notes) = sent(hcl, &[]).unwrap();
    assert!(!desired.objects.contains_key(&id("secret/data/ghcr.io.registry")));
    assert!(notes.contains("images are pulled without the login of secret/data/ghcr.io.registry"), "{notes}");
}

#[test]
fn a_key_that_no_secret_can_have_is_refused_at_its_workload() {
    assert!(sent(PG, &["data/pg/GOOD_1.x-y=1"]).is_ok());
    let refused = sent(PG, &["data/pg/a key=1"]).unwrap_err();
    assert!(refused.contains("bucket/data/pg/a key cannot be an environment variable"), "{refused}");
}

/// A plan for what is seen, of a unit that holds `held`.
fn plan(desired: &Desired, held: &Holdings, seen: BTreeMap<ObjectId, ObservedObject>) -> plan::Plan {
    let observed = Observed {
        cluster: Some(ObservedCluster { objects: seen, scaled: Ok(BTreeMap::new()) }),
        ..Observed::default()
    };
    plan::plan(&Input {
        now: Timestamp(0),
        commit: Some("c1"),
        desired,
        observed: &observed,
        held,
        policy: &plan::Policy {
            drift: Drift::Repair,
            prune: PruneBudget { max: 3, percent: 20 },
            recreate: false,
            backup: None,
            account: None,
        },
        seed: 0,
        setbacks: &Setbacks::default(),
        templates: &Templates::default(),
        ingress: &Around::default(),
    })
}

fn present(trial: Trial) -> ObservedObject {
    let (uid, since) = ("u".to_owned(), Timestamp(0));
    let condition = condition(id("service/a/b").kind, &json!({}));
    assert_eq!(condition, Condition::Ready);
    ObservedObject::Present(Box::new(Present {
        uid,
        revision: None,
        account: None,
        deleting: false,
        since,
        condition,
        trial,
    }))
}

/// What a unit holds to which all of it was applied.
fn holdings(desired: &Desired) -> Holdings {
    let absent = |id: &ObjectId| (id.clone(), ObservedObject::Absent(Trial::Same));
    let plan = plan(desired, &Holdings::default(), desired.objects.keys().map(absent).collect());
    let held = plan.lanes.into_iter().filter_map(|lane| match lane.then {
        Some(HoldingChange::Hold(id, held)) => Some((id, *held)),
        Some(HoldingChange::Release(_)) | None => None,
    });
    Holdings { objects: held.collect() }
}

#[test]
fn names_of_pods_go_with_the_replicas_and_count_for_no_budget() {
    let of = |replicas: u32| sent(&PG.replace("replicas = 2", &format!("replicas = {replicas}")), &[]).unwrap().0;
    let (many, one) = (of(8), of(1));
    let seen = |desired: &Desired| desired.objects.keys().map(|id| (id.clone(), present(Trial::Same))).collect();
    let fewer = plan(&one, &holdings(&many), seen(&many)).to_string();
    assert_eq!(fewer.matches("remove   service/data/pg-").count(), 7, "{fewer}");
    // Without the set itself they are removals as all others.
    let none = sent("asset \"data\" \"conf\" {\n  main = \"one\"\n}\n", &[]).unwrap().0;
    let gone = plan(&none, &holdings(&many), seen(&many)).to_string();
    assert!(gone.contains("are more than the budget of 3") && !gone.contains("remove "), "{gone}");
}

#[test]
fn a_job_in_hcl_runs_anew_when_it_changes_and_nothing_else_is_recreated_without_leave() {
    let job = |image: &str| sent(&format!("job \"shop\" \"once\" {{\n  image = \"{image}\"\n}}\n"), &[]).unwrap().0;
    let (before, after) = (job("web:1"), job("web:2"));
    let seen = |trial: &Trial| -> BTreeMap<ObjectId, ObservedObject> {
        [(id("job/shop/once"), present(trial.clone())), (id("namespace/shop"), present(Trial::Same))].into()
    };
    let immutable = Trial::Immutable("field is immutable".to_owned());
    let anew = plan(&after, &holdings(&before), seen(&immutable)).to_string();
    assert!(
        anew.contains("remove   job/shop/once  it runs anew: spec.template.spec.containers[0].image web:1 -> web:2"),
        "{anew}"
    );
    assert!(anew.contains("create   job/shop/once  recreation"), "{anew}");
    let same = plan(&before, &holdings(&before), seen(&immutable)).to_string();
    assert!(
        same.contains("refuse   job/shop/once  needs recreation"),
        "what nobody changed in Git does not run anew: {same}"
    );
}

#[test]
fn a_namespace_of_which_only_the_name_is_said_may_be_anybodys() {
    let (desired, _) = sent(PG, &[]).unwrap();
    let foreign = || ObservedObject::Foreign(Holder("nobody that Writ knows".to_owned()));
    let seen = |object: &str| BTreeMap::from([(id(object), foreign())]);
    let held = Holdings::default();
    let named = plan(&desired, &held, seen("namespace/data")).to_string();
    assert!(named.contains("keep     namespace/data  it is there, held by nobody that Writ knows"), "{named}");
    let other = plan(&desired, &held, seen("configmap/data/conf")).to_string();
    assert!(other.contains("refuse   configmap/data/conf  it is there and held by"), "{other}");
    let conflicts: Vec<Conflict> = Vec::new();
    let ours = BTreeMap::from([(id("namespace/data"), present(Trial::Differs { fields: Vec::new(), conflicts }))]);
    assert!(!plan(&desired, &held, ours).to_string().contains("held by nobody"));
}
