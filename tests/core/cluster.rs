//! Objects of a cluster: what manifests ask for, what is planned, and what the guard lets through.

use std::collections::BTreeMap;

use writ_core::account::Account;
use writ_core::cluster::{
    Change, Condition, Conflict, Field, FieldPath, FieldPointer, IgnoreRule, ObservedCluster, ObservedObject, Present,
    Scaled, Trial, leave, resolve,
};
use writ_core::dialect::{Contents, Files, Given, Target, lower_with};
use writ_core::guard::{self, Policy, Profile, Rule};
use writ_core::hash::HashKey;
use writ_core::holdings::{HoldingChange, Holdings};
use writ_core::ingress::Around;
use writ_core::model::{Desired, ObjectId, World};
use writ_core::observed::{Holder, Observed};
use writ_core::plan::{self, Act, Drift, Input, Plan, PruneBudget, Setbacks, Templates, wave};
use writ_core::text::{Problems, Sources};
use writ_core::time::Timestamp;

pub(crate) const DEPLOYMENT: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec: {replicas: 2}\n";
pub(crate) const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf, namespace: shop}\ndata: {a: one}\n";
const NAMESPACE: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";

fn lowered(text: &str) -> Result<Desired, String> {
    let files = Files::from([("a.yaml".to_owned(), text.as_bytes().to_vec())]);
    let given = Given { target: Target::Kubernetes, ..Given::default() };
    let (lowered, sources) = lower_with(&files, &Contents::new(), &given);
    let shown = |problems: Problems| problems.render(&sources, false);
    let world = World { buckets: BTreeMap::new(), hash_key: HashKey([7; 32]) };
    resolve(&lowered.map_err(shown)?.objects, &world).map(|(desired, _)| desired).map_err(shown)
}

pub(crate) fn desired(parts: &[&str]) -> Desired {
    lowered(&parts.join("---\n")).unwrap()
}

/// A unit in a described cluster.
pub(crate) struct Unit {
    pub(crate) held: Holdings,
    seen: BTreeMap<ObjectId, ObservedObject>,
    scaled: Scaled,
    pub(crate) drift: Drift,
    pub(crate) recreate: bool,
    pub(crate) account: Option<Account>,
}

impl Unit {
    /// One to which all of it was applied, and that is as it was.
    pub(crate) fn settled(desired: &Desired) -> Self {
        let mut unit = Self::new();
        let absent = |id: &ObjectId| (id.clone(), ObservedObject::Absent(Trial::Same));
        unit.seen = desired.objects.keys().map(absent).collect();
        for lane in unit.plan(desired).lanes {
            match lane.then {
                Some(HoldingChange::Hold(id, held)) => drop(unit.held.objects.insert(id, *held)),
                Some(HoldingChange::Release(_)) | None => panic!("{} is not held", lane.object),
            }
        }
        for object in desired.objects.values() {
            unit.see(&object.id.to_string(), present(Trial::Same));
        }
        unit
    }

    pub(crate) fn new() -> Self {
        Self {
            held: Holdings::default(),
            seen: BTreeMap::new(),
            scaled: Ok(BTreeMap::new()),
            drift: Drift::Repair,
            recreate: false,
            account: None,
        }
    }

    pub(crate) fn see(&mut self, id: &str, seen: ObservedObject) {
        self.seen.insert(ObjectId::parse(id).unwrap(), seen);
    }

    pub(crate) fn plan(&self, desired: &Desired) -> Plan {
        let cluster = Some(ObservedCluster { objects: self.seen.clone(), scaled: self.scaled.clone() });
        let policy = plan::Policy {
            drift: self.drift,
            prune: PruneBudget { max: 3, percent: 20 },
            recreate: self.recreate,
            backup: None,
            account: self.account.clone(),
        };
        plan::plan(&Input {
            now: Timestamp(0),
            commit: Some("c1"),
            desired,
            observed: &Observed { cluster, ..Observed::default() },
            held: &self.held,
            policy: &policy,
            seed: 0,
            setbacks: &Setbacks::default(),
            templates: &Templates::default(),
            ingress: &Around::default(),
        })
    }

    #[track_caller]
    pub(crate) fn check(&self, desired: &Desired, wanted: &[&str]) {
        let plan = self.plan(desired).to_string();
        assert_eq!(plan.lines().collect::<Vec<_>>(), wanted);
    }
}

pub(crate) fn present(trial: Trial) -> ObservedObject {
    ObservedObject::Present(Box::new(Present {
        uid: "u1".to_owned(),
        revision: None,
        account: None,
        deleting: false,
        since: Timestamp(0),
        condition: Condition::Ready,
        trial,
    }))
}

pub(crate) fn differs(fields: &[&str], conflicts: &[(&str, &str)]) -> Trial {
    let field = |path: &&str| Field { path: FieldPath::new(path), change: Change::Changed };
    let conflict =
        |(field, manager): &(&str, &str)| Conflict { field: FieldPath::new(field), manager: (*manager).to_owned() };
    Trial::Differs { fields: fields.iter().map(field).collect(), conflicts: conflicts.iter().map(conflict).collect() }
}

#[test]
fn a_new_object_is_applied_and_a_second_plan_is_empty() {
    let wanted = desired(&[CONFIG]);
    let mut unit = Unit::new();
    unit.see("configmap/shop/conf", ObservedObject::Absent(Trial::Same));
    unit.check(&wanted, &["create   configmap/shop/conf  new"]);
    let unit = Unit::settled(&wanted);
    unit.check(&wanted, &["keep     configmap/shop/conf  as desired"]);
    assert!(unit.plan(&wanted).is_settled());
}

#[test]
fn what_was_not_seen_and_what_is_somebody_elses_gets_no_step() {
    let wanted = desired(&[CONFIG]);
    let mut unit = Unit::settled(&wanted);
    unit.see("configmap/shop/conf", ObservedObject::Unseen("it could not be listed".to_owned()));
    unit.check(&wanted, &["keep     configmap/shop/conf  not seen: it could not be listed"]);
    unit.check(
        &desired(&[NAMESPACE]),
        &[
            "keep     namespace/shop  not seen: nobody looked for it",
            "keep     configmap/shop/conf  not seen: no longer among the manifests, but it could not be listed",
        ],
    );
    unit.see("configmap/shop/conf", ObservedObject::Foreign(Holder("unit web of host b".to_owned())));
    let plan = unit.plan(&wanted);
    assert!(plan.is_empty() && plan.to_string().contains("held by unit web of host b"), "{plan}");
    unit.see("configmap/shop/conf", present(Trial::Unknown("a webhook is down".to_owned())));
    assert!(unit.plan(&wanted).is_empty());
}

#[test]
fn a_field_is_taken_back_only_from_whoever_set_it_after_it_was_applied() {
    let wanted = desired(&[DEPLOYMENT]);
    let mut unit = Unit::settled(&wanted);
    unit.see("deployment/shop/web", present(differs(&["spec.replicas"], &[(".spec.replicas", "kubectl")])));
    unit.check(&wanted, &["update   deployment/shop/web  spec.replicas changed (by kubectl)"]);
    unit.drift = Drift::Report;
    unit.check(
        &wanted,
        &["keep     deployment/shop/web  drift: spec.replicas changed (by kubectl), reported, not repaired"],
    );
    unit.drift = Drift::Repair;
    let more = desired(&[&DEPLOYMENT.replace("{replicas: 2}", "{replicas: 2, paused: true}")]);
    unit.see("deployment/shop/web", present(differs(&["spec.paused"], &[(".spec.paused", "robot")])));
    let plan = unit.plan(&more);
    assert!(plan.is_empty(), "{plan}");
    assert!(plan.to_string().contains("spec.paused was set by robot, before it was ever applied"), "{plan}");
}

#[test]
fn the_replicas_that_an_autoscaler_sets_are_left_to_it() {
    let wanted = desired(&[DEPLOYMENT]);
    let mut unit = Unit::settled(&wanted);
    let id = |text: &str| ObjectId::parse(text).unwrap();
    unit.scaled = Ok([(id("deployment/shop/web"), id("horizontalpodautoscaler.autoscaling/shop/web"))].into());
    let left = "as desired, /spec/replicas left to horizontalpodautoscaler.autoscaling/shop/web";
    unit.check(&wanted, &[&format!("keep     deployment/shop/web  {left}")]);
    unit.see("deployment/shop/web", present(differs(&["metadata.labels.a"], &[])));
    let step = unit.plan(&wanted).lanes.remove(0).steps.remove(0);
    let Act::ApplyObject(application) = step.act else { panic!("{step:?}") };
    assert_eq!(application.left.to_string(), left.replace("as desired, ", ""));
}

#[test]
fn what_the_controller_of_autoscalers_set_is_left_where_nobody_may_ask_for_them_and_taken_back_where_there_is_none() {
    let wanted = desired(&[DEPLOYMENT]);
    let mut unit = Unit::settled(&wanted);
    let scaled = (".spec.replicas", "kube-controller-manager");
    unit.see("deployment/shop/web", present(differs(&["spec.replicas"], &[scaled])));
    unit.check(&wanted, &["update   deployment/shop/web  spec.replicas changed (by kube-controller-manager)"]);
    unit.scaled = Err("may not list them".to_owned());
    unit.check(&wanted, &["keep     deployment/shop/web  as desired, /spec/replicas left to its autoscaler"]);
    unit.see("deployment/shop/web", present(differs(&["metadata.labels.a", "spec.replicas"], &[scaled])));
    unit.check(&wanted, &["update   deployment/shop/web  metadata.labels.a changed"]);
}

fn rule(kind: &str, name: &str, fields: &[&str]) -> IgnoreRule {
    IgnoreRule {
        written: "the rule of line 7".to_owned(),
        kind: kind.to_owned(),
        namespace: "sh*".to_owned(),
        name: name.to_owned(),
        fields: fields.iter().map(|field| FieldPointer::parse(field).unwrap()).collect(),
    }
}

#[test]
fn a_rule_leaves_fields_of_the_objects_that_it_is_about_alone_and_says_so() {
    let mut wanted = desired(&[CONFIG, DEPLOYMENT]);
    let rules = [rule("deployment", "w*", &["/spec/replicas"]), rule("*", "conf", &["/data/a"])];
    assert!(leave(&mut wanted, &rules).is_empty());
    Unit::settled(&wanted).check(
        &wanted,
        &[
            "keep     configmap/shop/conf  as desired, /data/a left alone by the rule of line 7",
            "keep     deployment/shop/web  as desired, /spec/replicas left alone by the rule of line 7",
        ],
    );
    let told =
        |rule: IgnoreRule| leave(&mut desired(&[CONFIG, DEPLOYMENT]), &[rule]).render(&Sources::default(), false);
    let nobody = told(rule("deployment", "other", &["/spec/replicas"]));
    assert!(nobody.contains("the rule of line 7 is about no object: none is a deployment named other"), "{nobody}");
    let unnamed = told(rule("deployment.apps", "web", &["/spec/replicas", "/spec/paused"]));
    assert!(unnamed.contains("leaves /spec/paused alone, which none of its objects names"), "{unnamed}");
    assert!(!unnamed.contains("replicas"), "{unnamed}");
}

#[test]
fn an_autoscaler_of_the_repository_has_the_replicas_of_what_it_names_from_the_start() {
    let autoscaler = "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web, namespace: shop}\n\
                      spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 9}\n";
    let mut wanted = desired(&[DEPLOYMENT, autoscaler]);
    assert!(leave(&mut wanted, &[]).is_empty());
    let left = |object: &str| wanted.objects[&ObjectId::parse(object).unwrap()].left.to_string();
    assert_eq!(left("deployment/shop/web"), "/spec/replicas left to horizontalpodautoscaler.autoscaling/shop/web");
    assert_eq!(left("horizontalpodautoscaler.autoscaling/shop/web"), "");
    let mut other = desired(&[DEPLOYMENT, &autoscaler.replace("name: web}, max", "name: api}, max")]);
    assert!(leave(&mut other, &[]).is_empty());
    assert!(other.objects.values().all(|object| object.left.is_empty()));
}

#[test]
fn what_cannot_change_needs_recreation_and_is_refused_unless_that_is_allowed() {
    let wanted = desired(&[DEPLOYMENT]);
    let mut unit = Unit::settled(&wanted);
    unit.see("deployment/shop/web", present(Trial::Immutable("spec.selector: field is immutable".to_owned())));
    let plan = unit.plan(&wanted);
    assert!(plan.is_empty() && plan.to_string().contains("refuse   deployment/shop/web  needs recreation"), "{plan}");
    unit.recreate = true;
    unit.check(
        &wanted,
        &[
            "remove   deployment/shop/web  recreation, its pods and volumes stay: spec.selector: field is immutable",
            "create   deployment/shop/web  recreation",
        ],
    );
}

#[test]
fn what_is_gone_from_git_goes_within_the_budget_and_data_stays() {
    let all = desired(&[NAMESPACE, CONFIG, DEPLOYMENT]);
    let unit = Unit::settled(&all);
    let stays = "keep     namespace/shop  no longer among the manifests, and stays, for data goes with it: remove it by \
                 `writ delete namespace/shop --prune`";
    let gone = "remove   deployment/shop/web  no longer among the manifests";
    unit.check(&desired(&[CONFIG]), &[stays, "keep     configmap/shop/conf  as desired", gone]);
    let plan = unit.plan(&Desired::default());
    assert!(plan.is_empty() && plan.to_string().contains("an empty desired state removes nothing"), "{plan}");
    let many: Vec<String> = (0..20).map(|number| CONFIG.replace("conf", &format!("conf{number}"))).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let plan = Unit::settled(&desired(&many)).plan(&desired(&many[..10]));
    assert!(plan.is_empty() && plan.to_string().contains("10 removals are more than the budget of 4"), "{plan}");
}

#[test]
fn what_others_need_is_applied_first_and_removed_last() {
    let all = desired(&[DEPLOYMENT, CONFIG, NAMESPACE]);
    let mut unit = Unit::new();
    for id in all.objects.keys() {
        unit.see(&id.to_string(), ObservedObject::Absent(Trial::Unasked));
    }
    let mut lanes = unit.plan(&all).lanes;
    lanes.sort_by_key(wave);
    let order: Vec<String> = lanes.iter().map(|lane| lane.object.to_string()).collect();
    assert_eq!(order, ["namespace/shop", "configmap/shop/conf", "deployment/shop/web"]);
    let mut lanes = Unit::settled(&all).plan(&desired(&[NAMESPACE])).lanes;
    lanes.sort_by_key(wave);
    let order: Vec<String> = lanes.iter().map(|lane| lane.object.to_string()).collect();
    assert_eq!(order, ["namespace/shop", "deployment/shop/web", "configmap/shop/conf"]);
}

#[test]
fn any_kind_and_any_field_passes_as_it_was_written_and_what_is_the_servers_own_does_not() {
    let widget =
        "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: a, namespace: shop}\nspec: {any: [1, yes, null]}\n";
    let wanted = desired(&[widget, NAMESPACE]);
    let id = ObjectId::parse("widget.example.org/shop/a").unwrap();
    let body = &wanted.objects[&id].body;
    assert_eq!(body["spec"], serde_json::json!({"any": [1, true, null]}));
    let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", CONFIG.trim_end().replace('\n', "\n  "));
    assert_eq!(lowered(&list).unwrap().objects.len(), 1);
    let placed = desired(&["apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: a}\n"]);
    assert_eq!(placed.objects.keys().next().unwrap().to_string(), "serviceaccount/default/a");
    for (from, to, complaint) in [
        ("name: conf", "generateName: conf", "`generateName` gives a new object"),
        ("name: conf", "name: conf, uid: x", "`metadata.uid` is the server's own"),
        ("name: conf", "name: conf, labels: {writ.unit: x}", "is Writ's own"),
        ("name: conf", "name: conf, annotations: {writ.publish: loopback}", "it means something on Docker alone"),
        ("name: conf", "name: a/b", "can be the name of no object"),
        ("apiVersion: v1", "apiVersion: a/b/c", "can be none of any cluster"),
    ] {
        let told = lowered(&CONFIG.replace(from, to)).unwrap_err();
        assert!(told.contains(complaint), "{told}");
    }
    let role =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: 'a:b', namespace: shop}\n";
    assert!(lowered(role).unwrap_err().contains("lives in no namespace"));
}

#[test]
fn a_kind_of_the_same_manifests_lives_where_its_definition_says() {
    let definition = |scope: &str| {
        format!(
            "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: widgets.example.org}}\n\
             spec: {{group: example.org, scope: {scope}, names: {{kind: Widget}}}}\n"
        )
    };
    let widget = "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: a}\n";
    for (scope, id) in [("Namespaced", "widget.example.org/default/a"), ("Cluster", "widget.example.org/a")] {
        let wanted = desired(&[&definition(scope), widget]);
        assert!(wanted.objects.contains_key(&ObjectId::parse(id).unwrap()), "{scope}");
    }
}

/// The rules that refuse an object.
fn refused(text: &str, policy: &Policy) -> Vec<Rule> {
    let found = guard::judge(&desired(&[text]), policy);
    let mut rules: Vec<Rule> = found.into_iter().map(|(_, refusal)| refusal.rule).collect();
    rules.dedup();
    rules
}

#[test]
fn a_pod_of_a_cluster_is_judged_by_the_rules_of_every_pod_and_unknown_fields_are_refused() {
    let base = Profile::Baseline.policy();
    let open = Profile::Privileged.policy();
    let check = |pod: &str, container: &str, rules: &[Rule]| {
        let spec = format!("{{{pod}containers: [{{name: app, image: 'web:1', {container}}}]}}");
        let kinds = [
            ("apps/v1", "Deployment", format!("{{template: {{spec: {spec}}}}}")),
            ("apps/v1", "ReplicaSet", format!("{{template: {{spec: {spec}}}}}")),
            ("batch/v1", "CronJob", format!("{{jobTemplate: {{spec: {{template: {{spec: {spec}}}}}}}}}")),
            ("v1", "Pod", spec.clone()),
        ];
        for (version, kind, spec) in kinds {
            let text =
                format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a, namespace: shop}}\nspec: {spec}\n");
            assert_eq!(refused(&text, &base), rules, "{text}");
            assert_eq!(refused(&text, &open), [], "{text}");
        }
    };
    check("nodeSelector: {a: b}, ", "command: [run]", &[]);
    check("hostNetwork: true, ", "", &[Rule::NoHostNetwork]);
    check("hostPID: true, hostIPC: true, ", "", &[Rule::NoHostPid, Rule::NoHostIpc]);
    check("strangeField: 1, ", "", &[Rule::EngineField]);
    check("", "strangeField: 1", &[Rule::EngineField]);
    check("", "securityContext: {privileged: true}", &[Rule::NoPrivileged]);
    check("", "securityContext: {capabilities: {add: [NET_RAW]}}", &[Rule::Capability]);
    check("", "securityContext: {seccompProfile: {type: Unconfined}}", &[Rule::SecurityOption]);
    check("", "securityContext: {seccompProfile: {type: RuntimeDefault}}", &[]);
    check("securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}, ", "", &[Rule::Sysctl]);
    check("runtimeClassName: odd, ", "", &[Rule::Runtime]);
    check("volumes: [{name: v, hostPath: {path: /srv}}], ", "", &[Rule::HostPath]);
    check("volumes: [{name: v, nfs: {server: a, path: /}}], ", "", &[Rule::PlainVolume]);
    check("volumes: [{name: v, configMap: {name: a}}, {name: w, persistentVolumeClaim: {claimName: a}}], ", "", &[]);
    check("", "ports: [{containerPort: 80, hostPort: 80}]", &[Rule::HostPortAddress]);
    check(
        "initContainers: [{name: i, image: 'a:1', securityContext: {privileged: true}}], ",
        "",
        &[Rule::NoPrivileged],
    );
}

#[test]
fn what_reaches_beyond_a_namespace_and_what_nobody_can_look_into_needs_the_policy() {
    let [open, base, strict] = Profile::ALL.map(Profile::policy);
    let object = |version: &str, kind: &str, home: &str, rest: &str| {
        format!("apiVersion: {version}\nkind: {kind}\nmetadata: {{name: a{home}}}\n{rest}")
    };
    let shop = ", namespace: shop";
    let cases = [
        (object("v1", "Namespace", "", ""), None, None),
        (object("v1", "ServiceAccount", shop, ""), None, None),
        (
            object("rbac.authorization.k8s.io/v1", "ClusterRole", "", ""),
            Some(Rule::ClusterKind),
            Some(Rule::ClusterKind),
        ),
        (object("rbac.authorization.k8s.io/v1", "Role", shop, ""), None, Some(Rule::OtherKind)),
        (object("cert-manager.io/v1", "Certificate", shop, ""), None, Some(Rule::OtherKind)),
        (object("v1", "Service", shop, "spec: {ports: [{port: 80}]}\n"), None, None),
        (
            object("v1", "Service", shop, "spec: {type: LoadBalancer, ports: [{port: 80}]}\n"),
            Some(Rule::HostPortAddress),
            Some(Rule::HostPortAddress),
        ),
    ];
    for (text, by_base, by_strict) in cases {
        assert_eq!(refused(&text, &open), [], "{text}");
        assert_eq!(refused(&text, &base), by_base.into_iter().collect::<Vec<_>>(), "{text}");
        assert_eq!(refused(&text, &strict), by_strict.into_iter().collect::<Vec<_>>(), "{text}");
    }
}
