//! What even an admitted commit may not do to a host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use writ_core::guard::{Policy, Rule, check as guard};
use writ_core::model::{Kind, MountSource, PodIndex, PodSpec};
use writ_core::plan::{Act, Cause, Fix, Lane, Plan, Step, Verb};

use crate::desired_text::desired;

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies")
}

fn step(verb: Verb, spec: &PodSpec, act: Act) -> Step {
    Step {
        verb,
        object: spec.object.clone(),
        pod: Some(spec.name.clone()),
        why: "by hand".to_owned(),
        cause: Cause::Change,
        from: None,
        to: None,
        act,
        wait: None,
    }
}

fn lane(spec: &PodSpec, act: Act) -> Lane {
    Lane { object: spec.object.clone(), steps: vec![step(Verb::Create, spec, act)], then: None, delay: None }
}

/// A plan that creates the first pod of every workload.
fn plan(yaml: &str) -> Plan {
    let (desired, _) = desired(yaml);
    let lanes = desired.workloads.values().map(|workload| {
        let stateful = workload.id.kind == Kind::StatefulSet;
        let index = if stateful { PodIndex::Ordinal(0) } else { PodIndex::Replica("1a2b".to_owned()) };
        let spec = workload.pod(&index);
        lane(&spec, Act::CreatePod(Box::new(spec.clone())))
    });
    Plan { shared: Vec::new(), lanes: lanes.collect() }
}

/// The rules that refuse a case, by name.
fn refused(folder: &str, rule: Rule) -> BTreeSet<&'static str> {
    let path = policies().join("cases").join(folder).join(format!("{}.yaml", rule.name()));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let checked = guard(plan(&text), &Policy::baseline());
    for lane in checked.lanes() {
        let is_refused = lane.steps.iter().any(|step| step.verb == Verb::Refuse);
        assert_eq!(is_refused, !checked.refusals().is_empty(), "{}", path.display());
    }
    checked.refusals().iter().map(|refusal| refusal.rule).collect()
}

/// `own-volume` cannot be broken by a manifest: only by a plan made by hand, as in the test below.
fn rules_of_manifests() -> impl Iterator<Item = Rule> {
    Rule::ALL.into_iter().filter(|rule| *rule != Rule::OwnVolume)
}

#[test]
fn every_rule_refuses_its_case_and_no_other_rule_does() {
    for rule in rules_of_manifests() {
        assert_eq!(refused("reject", rule), BTreeSet::from([rule.name()]), "{}", rule.name());
    }
}

#[test]
fn every_rule_lets_the_neighbour_of_its_case_through() {
    for rule in rules_of_manifests() {
        assert_eq!(refused("accept", rule), BTreeSet::new(), "{}", rule.name());
    }
}

#[test]
fn every_case_is_about_a_rule() {
    for folder in ["accept", "reject"] {
        let found: BTreeSet<String> = fs::read_dir(policies().join("cases").join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(found, rules_of_manifests().map(|rule| format!("{}.yaml", rule.name())).collect());
    }
}

#[test]
fn the_baseline_file_says_what_the_program_does() {
    let text = fs::read_to_string(policies().join("baseline.toml")).unwrap();
    let written: toml::Table = text.parse().unwrap();
    let list = |name: &str| -> BTreeSet<String> {
        written[name].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let Policy { capabilities, host_paths, host_addresses, protected_paths } = Policy::baseline();
    assert_eq!(list("rules"), Rule::ALL.map(|rule| rule.name().to_owned()).into());
    assert_eq!(list("capabilities"), capabilities);
    assert_eq!(list("host_paths"), host_paths);
    assert_eq!(list("host_addresses"), host_addresses.iter().map(ToString::to_string).collect());
    assert_eq!(list("protected_paths"), protected_paths);
    assert_eq!(written.len(), 5, "each key of the file is compared");
}

fn case(folder: &str, rule: Rule) -> String {
    fs::read_to_string(policies().join("cases").join(folder).join(format!("{}.yaml", rule.name()))).unwrap()
}

fn only_pod(yaml: &str) -> PodSpec {
    let (desired, _) = desired(yaml);
    desired.workloads.values().next().unwrap().pod(&PodIndex::Ordinal(0))
}

#[test]
fn a_refused_lane_keeps_one_step_that_names_rule_and_object_and_other_lanes_go_on() {
    let bad = only_pod(&case("reject", Rule::NoPrivileged));
    let good = only_pod(&case("accept", Rule::Capability));
    let mut first = lane(&bad, Act::CreatePod(Box::new(bad.clone())));
    first.steps.insert(0, step(Verb::Remove, &bad, Act::Nothing));
    let second = lane(&good, Act::CreatePod(Box::new(good.clone())));
    let network = step(Verb::Create, &good, Act::CreateNetwork);
    let plan = Plan { shared: vec![network.clone()], lanes: vec![first, second.clone()] };
    let checked = guard(plan, &Policy::baseline());
    assert_eq!(checked.shared(), [network]);
    let [refused, kept] = checked.lanes() else { panic!("two lanes go in and out") };
    assert_eq!(*kept, second);
    assert_eq!(refused.then, None);
    let [only] = &refused.steps[..] else { panic!("one step is left: {:?}", refused.steps) };
    assert_eq!((only.verb, &only.act, &only.object), (Verb::Refuse, &Act::Nothing, &bad.object));
    assert!(only.why.contains("no-privileged") && only.why.contains("statefulset/guarded/app"), "{}", only.why);
    assert_eq!(checked.refusals().len(), 1);
}

#[test]
fn every_act_that_makes_or_mends_a_pod_is_judged() {
    let spec = Box::new(only_pod(&case("reject", Rule::NoHostNetwork)));
    let container = || "0123".to_owned();
    for act in [
        Act::CreatePod(spec.clone()),
        Act::ReplacePod { container: container(), spec: spec.clone() },
        Act::MendPod { spec: spec.clone(), container: container(), fixes: vec![Fix::Connect] },
    ] {
        let plan = Plan { shared: Vec::new(), lanes: vec![lane(&spec, act.clone())] };
        let rules: Vec<_> = guard(plan, &Policy::baseline()).refusals().iter().map(|refusal| refusal.rule).collect();
        assert_eq!(rules, ["no-host-network"], "{act:?}");
        let shared = Plan { shared: vec![step(Verb::Create, &spec, act.clone())], lanes: Vec::new() };
        assert_eq!(guard(shared, &Policy::baseline()).shared()[0].verb, Verb::Refuse, "{act:?}");
    }
    let remove = Act::RemovePod { pod: spec.name.clone(), container: container(), grace: None };
    let plan = Plan { shared: Vec::new(), lanes: vec![lane(&spec, remove)] };
    assert!(guard(plan, &Policy::baseline()).refusals().is_empty(), "what is refused may always be removed");
}

#[test]
fn an_init_container_is_judged_like_the_main_one() {
    let bad = only_pod(&case("reject", Rule::NoPrivileged));
    let mut spec = only_pod(&case("accept", Rule::NoPrivileged));
    spec.init.push(bad.main);
    let plan = Plan { shared: Vec::new(), lanes: vec![lane(&spec, Act::CreatePod(Box::new(spec.clone())))] };
    assert_eq!(guard(plan, &Policy::baseline()).refusals().len(), 1);
}

const CLAIM: &str = "          volumeMounts:
            - name: data
              mountPath: /data
  volumeClaimTemplates:
    - metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        resources:
          requests:
            storage: 1Gi
";

#[test]
fn a_plan_made_by_hand_cannot_mount_what_is_not_a_claim_of_its_pod() {
    let yaml = case("accept", Rule::NoPrivileged);
    let good = only_pod(&format!("{yaml}{CLAIM}"));
    let try_volume = |name: &str| {
        let mut spec = good.clone();
        let source = MountSource::Volume(name.to_owned());
        spec.main.mounts = vec![writ_core::model::Mount { path: "/data".to_owned(), source, read_only: false }];
        let plan = Plan { shared: Vec::new(), lanes: vec![lane(&spec, Act::CreatePod(Box::new(spec.clone())))] };
        guard(plan, &Policy::baseline()).refusals().iter().map(|refusal| refusal.rule).collect::<Vec<_>>()
    };
    assert_eq!(try_volume("voodu-guarded-app-data-0"), Vec::<&str>::new());
    for name in ["voodu-guarded-app-data-1", "voodu-other-app-data-0", "/etc", "data"] {
        assert_eq!(try_volume(name), ["own-volume"], "{name}");
    }
}

#[test]
fn a_policy_opens_what_it_lists_and_nothing_beside_it() {
    let mut policy = Policy::baseline().protecting("/srv/writ");
    policy.host_addresses.insert("192.0.2.1".parse().unwrap());
    policy.capabilities.insert("NET_ADMIN".to_owned());
    policy.host_paths.insert("/srv".to_owned());
    let rules = |rule: Rule, from: &str, to: &str| -> Vec<&'static str> {
        let yaml = case("reject", rule);
        assert!(yaml.contains(from), "{yaml}");
        guard(plan(&yaml.replace(from, to)), &policy).refusals().iter().map(|refusal| refusal.rule).collect()
    };
    assert_eq!(rules(Rule::HostPortAddress, "0.0.0.0", "192.0.2.1"), Vec::<&str>::new());
    assert_eq!(rules(Rule::HostPortAddress, "0.0.0.0", "192.0.2.2"), ["host-port-address"]);
    assert_eq!(rules(Rule::Capability, "SYS_ADMIN", "CAP_NET_ADMIN"), Vec::<&str>::new());
    assert_eq!(rules(Rule::Capability, "SYS_ADMIN", "ALL"), ["capability"]);
    assert_eq!(rules(Rule::HostPath, "/srv/shared", "/srv/films"), Vec::<&str>::new());
    assert_eq!(rules(Rule::HostPath, "/srv/shared", "/srv/writ/record"), ["host-path"]);
    assert_eq!(rules(Rule::HostPath, "/srv/shared", "/var/run/docker.sock"), ["host-path"]);
}
