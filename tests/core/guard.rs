//! What even an admitted commit may not do to a host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use writ_core::dialect::{Files, lower};
use writ_core::guard::{
    Allowed, CheckedPlan, Grants, Grounds, HostPaths, Policy, Power, Profile, Refuser, Rule, Seen, check, host_paths,
};
use writ_core::holdings::HoldingChange;
use writ_core::model::{Desired, Kind, MountSource, ObjectId, PodIndex, PodSpec, VolumeSpec, resolve};
use writ_core::plan::{Act, Cause, Fix, Lane, Plan, Step, Verb};
use writ_core::text::{Problem, Problems, Sources};

use crate::desired_text::{desired, world};

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
    Lane { object: spec.object.clone(), steps: vec![step(Verb::Create, spec, act)], then: None, delay: None, run: None }
}

/// A plan that creates the first pod of every workload.
fn creating(desired: &Desired) -> Plan {
    let lanes = desired.workloads.values().map(|workload| {
        let stateful = workload.id.kind == Kind::StatefulSet;
        let index = if stateful { PodIndex::Ordinal(0) } else { PodIndex::Replica("1a2b".to_owned()) };
        let spec = workload.pod(&index);
        lane(&spec, Act::CreatePod(Box::new(spec.clone())))
    });
    let entrances = desired.entrances.keys().map(|id| Lane {
        object: id.clone(),
        steps: Vec::new(),
        then: Some(HoldingChange::Release(id.clone())),
        delay: None,
        run: None,
    });
    Plan { shared: Vec::new(), lanes: lanes.chain(entrances).collect() }
}

/// Judged by what every host allows unless it says otherwise, on a disk without links.
pub(crate) fn baseline(plan: Plan, desired: &Desired) -> CheckedPlan {
    guard(plan, desired, &Policy::baseline(), &Grants::all())
}

fn guard(plan: Plan, desired: &Desired, policy: &Policy, grants: &Grants) -> CheckedPlan {
    check(plan, &Grounds { policy, grants, paths: &HostPaths::as_written(), desired })
}

fn rules(checked: &CheckedPlan) -> BTreeSet<Rule> {
    checked.refusals().iter().map(|refusal| refusal.rule).collect()
}

fn policy(text: &str) -> Policy {
    let mut problems = Problems::default();
    let policy = Policy::read("own.toml", text, &mut problems);
    let mut sources = Sources::default();
    sources.insert("own.toml", text);
    policy.unwrap_or_else(|| panic!("{}", problems.render(&sources, false)))
}

/// What a case came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The dialect takes no such thing.
    NotTaken,
    /// The rules that refuse it.
    Refused(BTreeSet<Rule>),
}

fn case_path(folder: &str, rule: Rule, dialect: &str) -> PathBuf {
    policies().join("cases").join(folder).join(format!("{}.{dialect}", rule.name()))
}

/// Judges a case by the policy that its first line names, else by `baseline`.
fn judged(path: &Path) -> Option<Verdict> {
    let text = fs::read_to_string(path).ok()?;
    let own = text.lines().next().and_then(|line| line.strip_prefix("# Judged by: ")).unwrap_or_default();
    Some(judge_text(path.file_name().unwrap().to_str().unwrap(), &text, own))
}

/// Judges a manifest, whose dialect its name tells, by a policy on top of `baseline`.
pub(crate) fn judge_text(name: &str, text: &str, own: &str) -> Verdict {
    let lowered = lower(&Files::from([(name.to_owned(), text.as_bytes().to_vec())])).0;
    let desired = lowered.and_then(|lowered| resolve(&lowered.objects, &world(&[])));
    let Ok((desired, _)) = desired else { return Verdict::NotTaken };
    let checked = guard(creating(&desired), &desired, &policy(own), &Grants::all());
    let is_refused = |lane: &Lane| lane.steps.iter().any(|step| step.verb == Verb::Refuse);
    assert_eq!(checked.lanes().iter().any(is_refused), !checked.refusals().is_empty(), "{text}");
    assert!(checked.refusals().iter().all(|refusal| refusal.by == Refuser::Host), "{text}");
    Verdict::Refused(rules(&checked))
}

/// Rules about what no manifest can ask for: a dialect refuses it, and what is sent to an engine is judged once more.
const OF_DIALECTS: [Rule; 11] = [
    Rule::ClusterKind,
    Rule::OtherKind,
    Rule::NoHostNamespace,
    Rule::SecurityOption,
    Rule::Device,
    Rule::Runtime,
    Rule::LogDriver,
    Rule::Label,
    Rule::OwnVolume,
    Rule::PlainVolume,
    Rule::EngineField,
];

const DIALECTS: [&str; 2] = ["yaml", "hcl"];

#[test]
fn every_rule_refuses_its_case_and_no_other_rule_does() {
    for rule in Rule::ALL {
        let found = DIALECTS.map(|dialect| judged(&case_path("reject", rule, dialect)));
        assert!(found.iter().any(Option::is_some), "no case of {}", rule.name());
        for verdict in found.into_iter().flatten() {
            match OF_DIALECTS.contains(&rule) {
                true => assert_eq!(verdict, Verdict::NotTaken, "{}", rule.name()),
                false => assert_eq!(verdict, Verdict::Refused(BTreeSet::from([rule])), "{}", rule.name()),
            }
        }
    }
}

#[test]
fn every_rule_lets_the_neighbour_of_its_case_through() {
    for rule in Rule::ALL {
        let found = DIALECTS.map(|dialect| judged(&case_path("accept", rule, dialect)));
        let is_judged = !OF_DIALECTS.contains(&rule);
        assert!(!is_judged || found.iter().any(Option::is_some), "no neighbour of {}", rule.name());
        for verdict in found.into_iter().flatten() {
            assert_eq!(verdict, Verdict::Refused(BTreeSet::new()), "{}", rule.name());
        }
    }
}

#[test]
fn every_case_is_about_a_rule_and_every_neighbour_has_its_case() {
    let known: BTreeSet<String> =
        Rule::ALL.iter().flat_map(|rule| DIALECTS.map(|dialect| format!("{}.{dialect}", rule.name()))).collect();
    for folder in ["accept", "reject"] {
        for entry in fs::read_dir(policies().join("cases").join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(known.contains(&name), "{folder}/{name}");
            assert!(policies().join("cases/reject").join(&name).exists(), "{folder}/{name} is alone");
        }
    }
}

#[test]
fn every_rule_is_about_one_power_and_every_power_has_one_name_that_is_read_again() {
    let powers: BTreeSet<Power> = Rule::ALL.into_iter().map(Rule::power).collect();
    assert_eq!(powers, Power::ALL.into());
    assert_eq!(Rule::ALL.map(Rule::name).into_iter().collect::<BTreeSet<_>>().len(), Rule::ALL.len());
    for power in Power::ALL {
        assert_eq!(Power::parse(power.name()), Some(BTreeSet::from([power])));
        assert!(power.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", power.name());
    }
    assert_eq!(Power::parse("Ports"), None);
    assert_eq!(Power::parse("ordinary"), Some(Power::OF_ORDINARY_PODS.into()));
}

#[test]
fn the_profiles_say_everything_and_each_allows_no_more_than_the_one_before() {
    for profile in Profile::ALL {
        let written: toml::Table = profile.text().parse().unwrap();
        assert_eq!(written.len(), 19, "{}", profile.name());
        assert_eq!(profile.policy().name, profile.name());
    }
    let [open, base, strict] = Profile::ALL.map(Profile::policy);
    assert!(open.privileged && open.host_network && open.host_pid && open.host_ipc);
    assert!(!base.privileged && !base.host_network && !base.host_pid && !base.host_ipc);
    assert!(base.root && base.default_capabilities && base.privilege_escalation && base.host_paths.is_empty());
    assert!(!strict.root && !strict.default_capabilities && !strict.privilege_escalation);
    assert_eq!((open.capabilities, base.host_addresses.clone()), (Allowed::All, Allowed::Only(BTreeSet::new())));
    assert_eq!(strict.capabilities, Allowed::Only(BTreeSet::from(["NET_BIND_SERVICE".to_owned()])));
    assert!(base.capabilities.allows("CHOWN") && !base.capabilities.allows("NET_RAW"));
    assert_eq!(Policy { name: String::new(), ..Policy::default() }, Policy { name: String::new(), ..policy("") });
}

/// The problems of a policy, one a line, each with its line and column.
fn problems_of(text: &str) -> String {
    let (mut problems, mut sources) = (Problems::default(), Sources::default());
    sources.insert("own.toml", text);
    assert!(Policy::read("own.toml", text, &mut problems).is_none(), "{text}");
    let line = |problem: &Problem| {
        let (line, column) = problem.place.as_ref().and_then(|place| sources.line_column(place)).unwrap();
        format!("{line}:{column} {}\n", problem.message)
    };
    problems.sorted().into_iter().map(line).collect()
}

#[test]
fn a_policy_that_is_not_right_tells_every_problem_at_its_place_and_gives_nothing() {
    let text = "base = \"strict\"\ncapabilites = []\nroot = \"no\"\ncapabilities = [\"CAP_CHOWN\", \"NET_ADMIN\"]\n\
                host_paths = [\"srv\", \"/etc/ssl\", \"/srv/../etc\"]\nhost_addresses = [\"localhost\"]\n\
                host_ports = [\"0\", \"9-8\", \"80\"]\ningress_hosts = [\"A.example\"]\nregistries = [\"https://ghcr.io\", \"acme\"]\n";
    let expected = "1:8 there is no profile `strict`\n\
                    2:1 unknown key `capabilites` in the policy\n\
                    3:8 `root` must be true or false, not text\n\
                    4:17 `capabilities`: `CAP_CHOWN` is no capability\n\
                    5:15 `host_paths`: `srv` is no path\n\
                    5:22 `host_paths`: `/etc/ssl` can never be mounted: it is of /etc\n\
                    5:34 `host_paths`: `/srv/../etc` is no path\n\
                    6:19 `host_addresses`: `localhost` is no address\n\
                    7:15 `host_ports`: `0` is no port and no range of ports\n\
                    7:20 `host_ports`: `9-8` is no port and no range of ports\n\
                    8:18 `ingress_hosts`: `A.example` is no host name\n\
                    9:15 `registries`: `https://ghcr.io` is no registry\n\
                    9:34 `registries`: `acme` is no registry\n";
    assert_eq!(problems_of(text), expected);
    assert!(problems_of("root = \n").contains("not TOML"));
}

fn case(folder: &str, rule: Rule) -> String {
    fs::read_to_string(case_path(folder, rule, "yaml")).unwrap()
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
    let checked = baseline(plan, &Desired::default());
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
        let rules: Vec<_> = baseline(plan, &Desired::default()).refusals().iter().map(|refusal| refusal.rule).collect();
        assert_eq!(rules, [Rule::NoHostNetwork], "{act:?}");
        let shared = Plan { shared: vec![step(Verb::Create, &spec, act.clone())], lanes: Vec::new() };
        assert_eq!(baseline(shared, &Desired::default()).shared()[0].verb, Verb::Refuse, "{act:?}");
    }
    let remove = Act::RemovePod { pod: spec.name.clone(), container: container(), grace: None };
    let plan = Plan { shared: Vec::new(), lanes: vec![lane(&spec, remove)] };
    assert!(baseline(plan, &Desired::default()).refusals().is_empty(), "what is refused may always be removed");
}

#[test]
fn an_init_container_is_judged_like_the_main_one() {
    let bad = only_pod(&case("reject", Rule::NoPrivileged));
    let mut spec = only_pod(&case("accept", Rule::NoPrivileged));
    spec.init.push(bad.main);
    let plan = Plan { shared: Vec::new(), lanes: vec![lane(&spec, Act::CreatePod(Box::new(spec.clone())))] };
    assert_eq!(baseline(plan, &Desired::default()).refusals().len(), 1);
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
        baseline(plan, &Desired::default()).refusals().iter().map(|refusal| refusal.rule).collect::<Vec<_>>()
    };
    assert_eq!(try_volume("voodu-guarded-app-data-0"), []);
    for name in ["voodu-guarded-app-data-1", "voodu-other-app-data-0", "/etc", "data"] {
        assert_eq!(try_volume(name), [Rule::OwnVolume], "{name}");
    }
}

#[test]
fn a_volume_is_made_for_the_workload_that_asks_for_it_alone_and_by_a_name_that_is_no_path() {
    let yaml = case("accept", Rule::NoPrivileged);
    let good = only_pod(&format!("{yaml}{CLAIM}"));
    let own = good.volumes[0].clone();
    let other = ObjectId::new(Kind::StatefulSet, "other", "app");
    let tries = [
        (own.clone(), 0),
        (VolumeSpec { object: other, ..own.clone() }, 1),
        (VolumeSpec { name: "/etc".to_owned(), ..own.clone() }, 1),
        (VolumeSpec { name: "voodu-/../../etc".to_owned(), ..own }, 1),
    ];
    for (volume, refusals) in tries {
        let plan = Plan { shared: Vec::new(), lanes: vec![lane(&good, Act::CreateVolume(volume.clone()))] };
        assert_eq!(baseline(plan, &Desired::default()).refusals().len(), refusals, "{volume:?}");
    }
}

#[test]
fn a_policy_opens_what_it_lists_and_nothing_beside_it() {
    let text = "host_addresses = [\"192.0.2.1\"]\ncapabilities = [\"NET_ADMIN\", \"NET_BIND_SERVICE\"]\nhost_paths = [\"/srv\"]\n";
    let policy = policy(text).protecting("/srv/writ");
    let refused = |rule: Rule, from: &str, to: &str| -> Vec<Rule> {
        let yaml = case("reject", rule);
        assert!(yaml.contains(from), "{yaml}");
        let (desired, _) = desired(&yaml.replace(from, to));
        rules(&guard(creating(&desired), &desired, &policy, &Grants::all())).into_iter().collect()
    };
    assert_eq!(refused(Rule::HostPortAddress, "0.0.0.0", "192.0.2.1"), []);
    assert_eq!(refused(Rule::HostPortAddress, "0.0.0.0", "192.0.2.2"), [Rule::HostPortAddress]);
    assert_eq!(refused(Rule::Capability, "SYS_ADMIN", "CAP_NET_ADMIN"), []);
    assert_eq!(refused(Rule::Capability, "SYS_ADMIN", "ALL"), [Rule::Capability]);
    assert_eq!(refused(Rule::HostPath, "/srv/shared", "/srv/films"), []);
    assert_eq!(refused(Rule::HostPath, "/srv/shared", "/srv/writ/record"), [Rule::HostPath]);
    assert_eq!(refused(Rule::HostPath, "/srv/shared", "/var/run/docker.sock"), [Rule::HostPath]);
    assert_eq!(refused(Rule::HostPath, "/srv/shared", "/srv"), [Rule::HostPath], "it would show /srv/writ");
}

/// What a mount of `/srv/shared` comes to where that is found to be `seen`: the refusals, and what would be mounted.
fn mounted(seen: Option<Seen>) -> (Vec<String>, Vec<MountSource>) {
    let (desired, _) = desired(&case("reject", Rule::HostPath));
    let plan = creating(&desired);
    assert_eq!(host_paths(&plan, &desired), BTreeSet::from(["/srv/shared".to_owned()]));
    let mut paths = HostPaths::default();
    if let Some(seen) = seen {
        paths.insert("/srv/shared", seen);
    }
    let (policy, grants) = (policy("host_paths = [\"/srv\"]\n"), Grants::all());
    let checked = check(plan, &Grounds { policy: &policy, grants: &grants, paths: &paths, desired: &desired });
    let pods = checked.plan().steps().filter_map(|step| {
        let Act::CreatePod(pod) = &step.act else { return None };
        Some(pod.main.mounts.iter().map(|mount| mount.source.clone()))
    });
    let mounts = pods.flatten().collect();
    (checked.refusals().iter().map(|refusal| refusal.detail.clone()).collect(), mounts)
}

#[test]
fn a_path_of_the_host_is_judged_where_it_leads_and_mounted_there() {
    let at = |path: &str| Some(Seen::At(path.to_owned()));
    let host = |path: &str| vec![MountSource::Host(path.to_owned())];
    assert_eq!(mounted(at("/srv/shared")), (Vec::new(), host("/srv/shared")));
    assert_eq!(mounted(at("/srv/disk2/shared")), (Vec::new(), host("/srv/disk2/shared")));
    for (seen, words) in [
        (at("/etc"), "leads to `/etc`: it would show /etc"),
        (at("/run/docker.sock"), "it would show /run/docker.sock"),
        (at("/opt/shared"), "does not allow it"),
        (at("/"), "the whole machine"),
        (Some(Seen::Device("/dev/sda".to_owned())), "is a device"),
        (Some(Seen::Unknown("permission denied".to_owned())), "it could not be looked at: permission denied"),
        (None, "it could not be looked at: nobody looked at it"),
    ] {
        let (refusals, mounts) = mounted(seen.clone());
        assert!(refusals.len() == 1 && refusals[0].contains(words), "{seen:?}: {refusals:?}");
        assert_eq!(mounts, []);
    }
}

#[test]
fn a_pod_that_is_only_started_is_judged_by_what_the_host_allows_now() {
    let (desired, _) = desired(&case("reject", Rule::NoHostPid));
    let pod = only_pod(&case("reject", Rule::NoHostPid));
    let start = || Act::StartPod { pod: pod.name.clone(), container: "0123".to_owned() };
    let plan = || Plan { shared: Vec::new(), lanes: vec![lane(&pod, start())] };
    assert_eq!(rules(&baseline(plan(), &desired)), BTreeSet::from([Rule::NoHostPid]));
    assert_eq!(rules(&guard(plan(), &desired, &Profile::Privileged.policy(), &Grants::all())), BTreeSet::new());
}

/// Powers that the case of each rule uses beyond its own, for every container uses them.
const USED_BY_ALL: [Power; 6] = [
    Power::DefaultCapabilities,
    Power::PrivilegeEscalation,
    Power::Root,
    Power::WritableRoot,
    Power::UnpinnedImages,
    Power::AnyRegistry,
];

#[test]
fn a_pod_passes_only_if_the_host_and_the_rules_of_trust_both_let_it_and_the_refusal_says_who_did_not() {
    let judged_rules = Rule::ALL.into_iter().filter(|rule| !OF_DIALECTS.contains(rule) || *rule == Rule::OwnVolume);
    for rule in judged_rules {
        let folder = if rule == Rule::OwnVolume { "accept" } else { "reject" };
        let (desired, _) = desired(&case(folder, rule));
        let object = desired.entrances.keys().chain(desired.workloads.keys()).next().unwrap().clone();
        // A host that lists registries allows no other, so that no power can be used there.
        let open = Profile::Privileged.policy();
        let refusers = |powers: BTreeSet<Power>| -> BTreeSet<(Rule, Refuser)> {
            let mut grants = Grants::all();
            grants.limit(object.clone(), powers);
            let checked = guard(creating(&desired), &desired, &open, &grants);
            checked.refusals().iter().map(|refusal| (refusal.rule, refusal.by)).collect()
        };
        assert_eq!(refusers(Power::ALL.into()), BTreeSet::new(), "{}", rule.name());
        let without: BTreeSet<Power> = Power::ALL.into_iter().filter(|power| *power != rule.power()).collect();
        assert_eq!(refusers(without), BTreeSet::from([(rule, Refuser::Trust)]), "{}", rule.name());
        let others = refusers(BTreeSet::from([rule.power()]));
        let expected: BTreeSet<Power> = USED_BY_ALL.into_iter().filter(|power| *power != rule.power()).collect();
        let found: BTreeSet<Power> = others.iter().map(|(rule, _)| rule.power()).collect();
        let ports = BTreeSet::from([Power::Ports]);
        assert!(found.difference(&expected).all(|power| ports.contains(power)), "{}: {found:?}", rule.name());
    }
    let (desired, _) = desired(&case("reject", Rule::NoHostPid));
    let mut grants = Grants::all();
    grants.limit(desired.workloads.keys().next().unwrap().clone(), USED_BY_ALL.into());
    let by: Vec<Refuser> =
        guard(creating(&desired), &desired, &Policy::baseline(), &grants).refusals().iter().map(|it| it.by).collect();
    assert_eq!(by, [Refuser::Host, Refuser::Trust]);
}

#[test]
fn a_limit_on_top_of_a_limit_leaves_what_both_hold_and_other_objects_keep_everything() {
    let (one, other) = (ObjectId::new(Kind::StatefulSet, "a", "x"), ObjectId::new(Kind::Deployment, "a", "x"));
    let mut grants = Grants::all();
    grants.limit(one.clone(), BTreeSet::from([Power::Ports, Power::Root]));
    grants.limit(one.clone(), BTreeSet::from([Power::Root, Power::Volumes]));
    assert!(grants.has(&one, Power::Root) && !grants.has(&one, Power::Ports) && !grants.has(&one, Power::Volumes));
    assert!(Power::ALL.into_iter().all(|power| grants.has(&other, power)));
}

#[test]
fn a_workload_names_the_file_that_declares_it_in_either_dialect() {
    for dialect in DIALECTS {
        let text = fs::read(case_path("accept", Rule::PinnedImage, dialect)).unwrap();
        let files = Files::from([(format!("hosts/edge/app.{dialect}"), text)]);
        let (desired, _) = resolve(&lower(&files).0.unwrap().objects, &world(&[])).unwrap();
        let workload = desired.workloads.values().next().unwrap();
        assert_eq!(workload.file, Some(format!("hosts/edge/app.{dialect}")));
    }
}
