//! What is led from outside to pods: from manifests to routes, plans and the configuration of the ingress.
//!
//! A case has sections, each begun by `== NAME`: `FILE`, a manifest; `settings`, words about the host's ingress; `others`,
//! lines `UNIT OBJECT HOST`, which other units lead through it; `told`, what comes of it: problems, or routes, the plan
//! on an empty host and the configuration. After the plan was applied, a second one must do nothing. With `UPDATE=1` the
//! expectation is written instead of compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use writ_core::dialect::{Files, lower};
use writ_core::guard::{self, Allowed, Grants, Grounds, HostPaths, Policy, Power};
use writ_core::hash::HashKey;
use writ_core::holdings::HoldingChange;
use writ_core::ingress::{CONTAINER, Directory, Issuer, Settings, digest, names, pod};
use writ_core::model::{Changes, Condition, Desired, ObjectId, Route, RoutePath, Target, World, resolve};
use writ_core::plan::{Act, Drift, Plan, Verb};
use writ_core::simulated::Host;
use writ_core::text::{Problems, SecretText, Sources};

use crate::simulation::Unit;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/ingress")
}

/// What manifests desire, or all that is wrong with them.
fn desired(files: &Files) -> Result<(Desired, Problems), String> {
    let (lowered, sources) = lower(files);
    let shown = |problems: &Problems, sources: &Sources| problems.render(sources, false);
    let lowered = lowered.map_err(|problems| shown(&problems, &sources))?;
    let world = World { buckets: BTreeMap::new(), hash_key: HashKey([7; 32]) };
    resolve(&lowered.objects, &world).map_err(|problems| shown(&problems, &sources))
}

fn of(name: &str, text: &str) -> Desired {
    let files = Files::from([(name.to_owned(), text.as_bytes().to_vec())]);
    desired(&files).unwrap_or_else(|problems| panic!("{problems}")).0
}

fn settings(words: &str) -> Settings {
    let mut settings = Settings::default();
    for word in words.split_whitespace() {
        match word.split_once('=').unwrap() {
            ("ca", "internal") => settings.issuer = Issuer::Internal,
            ("directory", address) => {
                let (address, roots) = address.split_once('+').map_or((address, None), |(it, roots)| (it, Some(roots)));
                let (address, roots) = (address.to_owned(), roots.map(str::to_owned));
                settings.issuer = Issuer::Acme(Some(Directory { address, roots }));
            }
            ("email", email) => settings.email = Some(email.to_owned()),
            ("https", port) => settings.ports.1 = port.parse().unwrap(),
            (other, _) => panic!("{other}"),
        }
    }
    settings
}

fn route(host: &str) -> Route {
    let host = Some(host.to_owned()).filter(|host| host != "*");
    Route {
        host,
        path: RoutePath::Prefix("/".to_owned()),
        condition: Condition::default(),
        to: Target::Pods { name: "web.other".to_owned(), port: 80 },
        changes: Changes::default(),
        tls: None,
        leaves_plain: false,
    }
}

/// The configuration that a plan would load, to be read.
fn configuration(plan: &Plan) -> Option<String> {
    plan.shared.iter().find_map(|step| {
        let Act::Serve(serving) = &step.act else { return None };
        Some(serving.configuration())
    })
}

fn told(sections: &[(String, String)]) -> String {
    let is_manifest = |name: &str| Path::new(name).extension().is_some();
    let manifests = sections.iter().filter(|(name, _)| is_manifest(name));
    let files: Files = manifests.map(|(name, text)| (name.clone(), text.clone().into_bytes())).collect();
    let section = |name: &str| sections.iter().find(|(found, _)| found == name).map_or("", |(_, text)| text.as_str());
    let (desired, notes) = match desired(&files) {
        Ok(desired) => desired,
        Err(problems) => return problems,
    };
    let mut text = String::new();
    for problem in notes.sorted() {
        writeln!(text, "{:?}: {}", problem.severity, problem.message).unwrap();
    }
    for (id, entrance) in &desired.entrances {
        for route in &entrance.routes {
            writeln!(text, "{id}: {} -> {}", route.address(), route.leads_to()).unwrap();
        }
    }
    let mut unit = Unit::new(desired);
    unit.around.settings = settings(section("settings"));
    for line in section("others").lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [other, object, host] = words.as_slice() else { panic!("{line}") };
        let held = unit.around.held.entry((*other).to_owned()).or_default();
        held.entry(ObjectId::parse(object).unwrap()).or_default().push(route(host));
    }
    let plan = unit.plan();
    writeln!(text, "\n{plan}").unwrap();
    if let Some(configuration) = configuration(&plan) {
        let value: serde_json::Value = serde_json::from_str(&configuration).unwrap();
        writeln!(text, "{}", serde_json::to_string_pretty(&value).unwrap()).unwrap();
    }
    let refused = plan.steps().any(|step| step.verb == Verb::Refuse);
    assert!(unit.apply(&plan).failures.is_empty());
    assert!(refused || unit.plan().is_settled(), "{}", unit.plan());
    text
}

fn check(name: &str) {
    let path = folder().join(name);
    let whole = fs::read_to_string(&path).unwrap();
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in whole.lines() {
        match line.strip_prefix("== ") {
            Some(name) => sections.push((name.to_owned(), String::new())),
            None => {
                let (_, text) = sections.last_mut().unwrap();
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    let found = told(&sections);
    if std::env::var_os("UPDATE").is_some() {
        let kept = whole.split("== told\n").next().unwrap().to_owned();
        fs::write(&path, format!("{kept}== told\n{found}")).unwrap();
        return;
    }
    let expected = sections.iter().find(|(name, _)| name == "told").map_or("", |(_, text)| text);
    assert!(found.trim_end() == expected.trim_end(), "{name}: this was found:\n{found}");
}

#[test]
fn v88_v94_an_app_becomes_a_deployment_and_an_ingress_with_a_certificate() {
    check("app.txt");
}

#[test]
fn v92_health_check_of_an_app_is_asked_on_its_first_port_unless_a_probe_says_more() {
    let text = APP.replace("host ", "health_check = \"/healthz\"\n  host ");
    let readiness = |text: &str| {
        let desired = of("app.hcl", text);
        let workload = desired.workloads.values().next().unwrap();
        format!("{:?}", workload.pod(&workload.some_index()).main.readiness)
    };
    let asked = readiness(&text);
    assert!(asked.contains("/healthz") && asked.contains("8080"), "{asked}");
    let probes = "probes {\n readiness {\n tcp_socket {\n port = 9090\n }\n }\n }\n  host ";
    let probed = readiness(&text.replace("host ", probes));
    assert!(!probed.contains("/healthz") && probed.contains("9090"), "{probed}");
    assert_eq!(readiness(APP), "None");
}

#[test]
fn v90_an_ingress_leads_to_the_first_port_of_its_namesake_and_by_location_elsewhere() {
    check("locations.txt");
}

#[test]
fn what_is_wrong_with_an_app_or_an_ingress_is_told_at_its_line() {
    check("wrong-hcl.txt");
}

#[test]
fn an_ingress_of_kubernetes_leads_by_hosts_paths_and_ports_of_services() {
    check("kubernetes.txt");
}

#[test]
fn a_certificate_comes_from_a_secret_an_authority_or_the_ingress_itself() {
    check("certificates.txt");
}

#[test]
fn an_authority_of_the_hosts_own_issues_what_the_settings_say() {
    check("directory.txt");
}

#[test]
fn what_vouches_for_an_authority_is_a_file_beside_the_configuration_and_other_roots_are_another_file() {
    let text =
        "app \"shop\" \"web\" {\n  image = \"web:1\"\n  ports = [\"80\"]\n  host = \"shop.example.org\"\n  tls {}\n}\n";
    let serving = |words: &str| {
        let mut unit = Unit::new(of("shop.hcl", text));
        unit.around.settings = settings(words);
        let plan = unit.plan();
        let serving = plan.shared.iter().find_map(|step| {
            let Act::Serve(serving) = &step.act else { return None };
            let files: Vec<String> = serving.pairs.keys().cloned().collect();
            Some((files, serving.configuration()))
        });
        serving.unwrap()
    };
    let (none, plain) = serving("directory=https://acme.example");
    assert!(none.is_empty() && !plain.contains("trusted_roots_pem_files"), "{none:?} {plain}");
    let (one, told) = serving("directory=https://acme.example+ROOT");
    let [file] = one.as_slice() else { panic!("{one:?}") };
    assert!(file.starts_with("_roots-") && told.contains(&format!("\"/data/writ/{file}.pem\"")), "{file} {told}");
    assert!(!told.contains("ROOT"), "{told}");
    assert_ne!(serving("directory=https://acme.example+OTHER").0, one);
}

#[test]
fn what_is_wrong_with_an_ingress_of_kubernetes_is_told_at_its_line() {
    check("wrong-yaml.txt");
}

#[test]
fn what_only_another_ingress_could_do_is_refused_by_name() {
    check("refused.txt");
}

#[test]
fn an_ingress_passes_a_relay_by_and_asks_for_the_pods_behind_it() {
    check("relayed.txt");
}

#[test]
fn an_http_route_leads_by_the_listeners_of_its_gateway() {
    check("gateway.txt");
}

#[test]
fn what_is_wrong_with_a_gateway_or_its_routes_is_told_at_its_line() {
    check("wrong-gateway.txt");
}

#[test]
fn what_the_ingress_of_a_host_cannot_do_of_the_gateway_api_is_refused_by_name() {
    check("refused-gateway.txt");
}

#[test]
fn two_ingresses_share_a_host_by_paths_and_never_take_the_same_requests() {
    check("shared-host.txt");
    check("twins.txt");
}

#[test]
fn a_host_name_that_another_unit_serves_is_refused_to_the_second() {
    check("other-unit.txt");
}

const APP: &str = r#"
app "shop" "web" {
  image = "web:1"
  ports = ["8080"]
  host  = "shop.example.org"
}
"#;

/// A host on which [`APP`] was applied.
fn served() -> Unit {
    let mut unit = Unit::applied(of("app.hcl", APP));
    assert!(unit.plan().is_settled(), "{}", unit.plan());
    unit.now = unit.now.plus(writ_core::time::Seconds(60));
    unit
}

fn described(unit: &mut Unit, change: impl Fn(&str) -> Option<String>) {
    let text = unit.host.to_string();
    let lines: Vec<String> = text.lines().filter_map(change).collect();
    unit.host = Host::parse(&lines.join("\n")).unwrap();
}

#[test]
fn an_ingress_that_somebody_removed_or_stopped_or_gave_another_configuration_is_brought_back() {
    for (what, verb) in [("removed", Verb::Create), ("stopped", Verb::Start), ("changed", Verb::Update)] {
        let mut unit = served();
        described(&mut unit, |line| match (line.starts_with("ingress "), what) {
            (true, "removed") => None,
            (true, "stopped") => Some(line.replace("running", "stopped")),
            (true, _) => line.rsplit_once(' ').map(|(rest, _)| rest.to_owned()),
            (false, _) => Some(line.to_owned()),
        });
        let plan = unit.plan();
        let acts: Vec<Verb> = plan.steps().filter(|step| step.act != Act::Nothing).map(|step| step.verb).collect();
        assert_eq!(acts, [verb], "{what}: {plan}");
        unit.policy.drift = Drift::Report;
        assert!(unit.plan().is_empty(), "{}", unit.plan());
        assert!(unit.plan().to_string().contains("reported, not repaired"), "{}", unit.plan());
        unit.policy.drift = Drift::Repair;
        assert!(unit.pass().failures.is_empty());
        assert!(unit.plan().is_settled(), "{}", unit.plan());
    }
}

#[test]
fn an_ingress_with_other_settings_is_made_anew_and_without_routes_it_goes() {
    let mut unit = served();
    unit.around.settings.ports = (8_080, 8_443);
    assert_eq!(unit.plan().shared.iter().map(|step| step.verb).collect::<Vec<_>>(), [Verb::Replace]);
    assert!(unit.pass().failures.is_empty());
    unit.desired = of("app.hcl", &APP.replace("app ", "deployment ").replace("host  = \"shop.example.org\"\n", ""));
    let plan = unit.plan();
    assert_eq!(plan.shared.iter().map(|step| step.verb).collect::<Vec<_>>(), [Verb::Remove], "{plan}");
    assert!(unit.pass().failures.is_empty());
    assert!(unit.host.observe(unit.now).ingress.is_none());
    assert!(unit.plan().is_settled(), "{}", unit.plan());
}

#[test]
fn routes_of_another_unit_stay_whatever_this_one_asks_for() {
    let mut unit = served();
    let other = ObjectId::parse("ingress/blog/web").unwrap();
    unit.around.held.entry("blog".to_owned()).or_default().insert(other, vec![route("blog.example.org")]);
    let text = configuration(&unit.plan()).unwrap();
    assert!(text.contains("blog.example.org") && text.contains("shop.example.org"), "{text}");
    assert_eq!(names(&text), BTreeSet::from(["web.other".to_owned(), "web.shop".to_owned()]));
    unit.desired = of("app.hcl", &APP.replace("app ", "deployment ").replace("host  = \"shop.example.org\"\n", ""));
    let text = configuration(&unit.plan()).unwrap();
    assert!(text.contains("blog.example.org") && !text.contains("shop.example.org"), "{text}");
}

#[test]
fn an_ingress_that_fails_is_let_alone_for_a_while_and_its_pods_are_not() {
    let mut unit = Unit::new(of("app.hcl", APP));
    unit.backs_off = true;
    let plan = unit.plan();
    let serve = plan.shared.iter().find(|step| matches!(step.act, Act::Serve(_))).unwrap();
    let attempt = writ_core::plan::Attempt::of(serve).unwrap();
    unit.setbacks = unit.setbacks.after_failure(attempt, "port 80 is taken", unit.now, 1);
    let plan = unit.plan();
    assert!(!plan.steps().any(|step| matches!(step.act, Act::Serve(_))), "{plan}");
    assert!(plan.to_string().contains("port 80 is taken"), "{plan}");
    assert!(plan.steps().any(|step| matches!(step.act, Act::CreatePod(_))), "{plan}");
    assert_eq!(unit.setbacks.of_plan(&plan), unit.setbacks, "it is remembered until it is tried again");
    let lane = plan.lanes.iter().find(|lane| lane.object.kind.is_entrance()).unwrap();
    assert!(lane.then.is_none() && lane.delay.is_some());
}

fn judged(desired: &Desired, plan: Plan, policy: &Policy, grants: &Grants) -> guard::CheckedPlan {
    guard::check(plan, &Grounds { policy, grants, paths: &HostPaths::default(), desired })
}

#[test]
fn what_the_guard_refuses_is_served_as_before_and_the_rest_as_asked() {
    let mut unit = served();
    let two = format!("{APP}{}", APP.replace("\"web\"", "\"api\"").replace("shop.example", "api.example"));
    unit.desired = of("app.hcl", &two.replace("shop.example.org", "bank.example.org"));
    let mut policy = Policy::baseline();
    policy.ingress_hosts = Allowed::Only(BTreeSet::from(["*.example.org".to_owned()]));
    let fine = judged(&unit.desired, unit.plan(), &policy, &Grants::all());
    assert!(fine.refusals().is_empty(), "{:?}", fine.refusals());
    policy.ingress_hosts = Allowed::Only(BTreeSet::from(["api.example.org".to_owned()]));
    let checked = judged(&unit.desired, unit.plan(), &policy, &Grants::all());
    let refused: Vec<&str> = checked.refusals().iter().map(|refusal| refusal.rule.name()).collect();
    assert_eq!(refused, ["ingress-host"]);
    let text = configuration(checked.plan()).unwrap();
    assert!(text.contains("api.example.org") && text.contains("shop.example.org"), "{text}");
    assert!(!text.contains("bank.example.org"), "{text}");
    // With nothing else to do, there is nothing to do.
    unit.desired = of("app.hcl", &APP.replace("shop.example.org", "bank.example.org"));
    let checked = judged(&unit.desired, unit.plan(), &policy, &Grants::all());
    assert!(checked.shared().is_empty() && checked.refusals().len() == 1, "{}", checked.plan());
}

#[test]
fn the_rules_of_trust_give_the_power_to_be_reached_from_outside() {
    let unit = Unit::new(of("app.hcl", APP));
    let id = ObjectId::parse("ingress/shop/web").unwrap();
    for (powers, refused) in [(vec![Power::Ports], 1), (vec![Power::Ingress], 0)] {
        let mut grants = Grants::all();
        grants.limit(id.clone(), powers.into_iter().collect());
        let checked = judged(&unit.desired, unit.plan(), &Policy::baseline(), &grants);
        assert_eq!(checked.refusals().len(), refused, "{:?}", checked.refusals());
    }
}

#[test]
fn the_hosts_that_a_policy_lists_may_be_served_and_no_other() {
    let of_host = |host: &str| of("app.hcl", &APP.replace("shop.example.org", host));
    let mut policy = Policy::baseline();
    policy.ingress_hosts = Allowed::Only(["shop.example.org", "*.apps.example.org"].map(str::to_owned).into());
    for (host, allowed) in [
        ("shop.example.org", true),
        ("a.apps.example.org", true),
        ("a.b.apps.example.org", true),
        ("*.apps.example.org", true),
        ("apps.example.org", false),
        ("xapps.example.org", false),
        ("example.org", false),
        ("other.example.org", false),
        ("*.example.org", false),
    ] {
        assert_eq!(guard::judge(&of_host(host), &policy).is_empty(), allowed, "{host}");
    }
}

#[test]
fn no_key_of_a_certificate_stands_in_what_is_held_shown_or_loaded() {
    const CANARY: &str = "canary-90be";
    let text = fs::read_to_string(folder().join("certificates.txt")).unwrap();
    let text = text.split("== ").find_map(|section| section.strip_prefix("ingress.yaml\n")).unwrap();
    let unit = Unit::applied(of("ingress.yaml", text));
    assert!(text.contains(CANARY));
    let first = Unit::new(unit.desired.clone()).plan();
    let pairs: Vec<&SecretText> = unit.desired.entrances.values().flat_map(|it| it.pairs.values()).collect();
    assert_eq!(pairs.len(), 1);
    assert!(String::from_utf8_lossy(pairs[0].expose()).contains(CANARY));
    let seen = format!("{:?}{first:?}{first}{}", unit.held, configuration(&first).unwrap());
    assert!(!seen.contains(CANARY), "{seen}");
    let held = unit.held.objects.values().filter_map(writ_core::holdings::Held::routes).flatten();
    assert_eq!(held.filter(|route| matches!(route.tls, Some(writ_core::model::RouteTls::Pair(_)))).count(), 2);
}

#[test]
fn a_configuration_is_told_from_another_whatever_the_order_of_its_names() {
    assert_eq!(digest(r#"{"a":1,"b":[1,2]}"#), digest("{\"b\": [1, 2],\n \"a\": 1}"));
    assert_ne!(digest(r#"{"a":1}"#), digest(r#"{"a":2}"#));
    assert_eq!(digest("no configuration"), None);
}

#[test]
fn the_ingress_listens_where_the_settings_say_and_has_no_power_but_its_ports() {
    let spec = pod(&Settings::default());
    assert_eq!(spec.name, CONTAINER);
    let published: Vec<String> =
        spec.main.ports.iter().filter_map(|port| port.publish).map(|it| it.address.to_string()).collect();
    assert_eq!(published, ["127.0.0.1"; 3]);
    assert!(spec.main.security.read_only_root && !spec.main.security.privileged);
    assert_eq!(spec.main.security.capabilities_drop, ["ALL"]);
    let other = Settings { image: "caddy:3".to_owned(), ..Settings::default() };
    assert_ne!(pod(&other).revision, spec.revision);
    let told = Settings { email: Some("ops@example.org".to_owned()), ..Settings::default() };
    assert_eq!(pod(&told).revision, spec.revision, "whom an authority tells something needs no new container");
}

#[test]
fn an_ingress_that_is_deleted_by_hand_is_released_and_served_no_more() {
    let mut unit = served();
    let id = ObjectId::parse("ingress/shop/web").unwrap();
    let observed = unit.host.observe(unit.now);
    let nothing = Desired::default();
    let input = writ_core::plan::Input { desired: &nothing, ..unit.input(&observed) };
    let plan = writ_core::plan::removal(&input, &id, false);
    assert_eq!(plan.shared.iter().map(|step| step.verb).collect::<Vec<_>>(), [Verb::Remove]);
    assert_eq!(plan.lanes[0].then, Some(HoldingChange::Release(id)));
    unit.apply(&plan);
    assert!(unit.host.observe(unit.now).ingress.is_none());
}
