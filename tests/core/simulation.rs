//! A described desired state, and a plan applied to a described host in memory. The clock is moved, never waited for.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use writ_core::hash::HashKey;
use writ_core::holdings::{HoldingChange, Holdings};
use writ_core::ingress::{Around, held as held_routes};
use writ_core::model::{Desired, Object, ObjectId, World, resolve};
use writ_core::observed::Readiness;
use writ_core::plan::{Act, Attempt, Drift, Input, Plan, Policy, PruneBudget, Setbacks, Step, Templates, plan};
use writ_core::simulated::{Failure, Host};
use writ_core::text::Places;
use writ_core::time::Timestamp;

/// The moment at which every scenario begins.
pub(crate) const NOW: Timestamp = Timestamp(1_795_255_200_000);

/// A unit with a described host.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    pub(crate) desired: Desired,
    pub(crate) held: Holdings,
    pub(crate) host: Host,
    pub(crate) policy: Policy,
    pub(crate) now: Timestamp,
    pub(crate) seed: u64,
    pub(crate) setbacks: Setbacks,
    pub(crate) templates: Templates,
    pub(crate) around: Around,
    /// What fails is remembered, and let alone for a while.
    pub(crate) backs_off: bool,
}

/// How the application of a plan ended.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// Why lanes stopped.
    pub(crate) failures: Vec<String>,
    /// The agent died.
    pub(crate) crashed: bool,
    /// Acts that were asked of the host.
    pub(crate) acts: usize,
}

pub(crate) const POLICY: Policy = Policy {
    drift: Drift::Repair,
    prune: PruneBudget { max: 3, percent: 20 },
    recreate: false,
    backup: None,
    account: None,
};

impl Unit {
    /// What is desired on a host with nothing on it.
    pub(crate) fn new(desired: Desired) -> Self {
        Self {
            desired,
            held: Holdings::default(),
            host: Host::empty(),
            policy: POLICY,
            now: NOW,
            seed: 7,
            setbacks: Setbacks::default(),
            templates: Templates::new(),
            around: Around { unit: "edge".to_owned(), ..Around::default() },
            backs_off: false,
        }
    }

    /// The same, applied to the end.
    pub(crate) fn applied(desired: Desired) -> Self {
        let mut unit = Self::new(desired);
        let ending = unit.pass();
        assert!(ending.failures.is_empty(), "{ending:?}");
        unit
    }

    pub(crate) fn plan(&self) -> Plan {
        let observed = self.host.observe(self.now);
        plan(&self.input(&observed))
    }

    pub(crate) fn input<'a>(&'a self, observed: &'a writ_core::observed::Observed) -> Input<'a> {
        Input {
            now: self.now,
            commit: Some("c1"),
            desired: &self.desired,
            observed,
            held: &self.held,
            policy: &self.policy,
            seed: self.seed,
            setbacks: &self.setbacks,
            templates: &self.templates,
            ingress: &self.around,
        }
    }

    /// Plans and applies.
    pub(crate) fn pass(&mut self) -> Ending {
        let plan = self.plan();
        self.apply(&plan)
    }

    pub(crate) fn apply(&mut self, plan: &Plan) -> Ending {
        self.setbacks = self.setbacks.of_plan(plan);
        let mut ending = Ending::default();
        if !self.take(&plan.shared, &mut ending) {
            return ending;
        }
        for lane in &plan.lanes {
            if self.take(&lane.steps, &mut ending) {
                self.hold(lane.then.as_ref());
            }
            if ending.crashed {
                return ending;
            }
        }
        ending
    }

    fn take(&mut self, steps: &[Step], ending: &mut Ending) -> bool {
        for step in steps {
            let acts = step.act != Act::Nothing;
            ending.acts += usize::from(acts);
            let done = if acts { self.host.execute(&step.act, self.now) } else { Ok(()) };
            if let Err(failure) = done {
                ending.crashed = matches!(failure, Failure::Crashes(_));
                ending.failures.push(failure.to_string());
                if let (Some(attempt), true) = (Attempt::of(step), self.backs_off) {
                    self.setbacks = self.setbacks.after_failure(attempt, &failure.to_string(), self.now, self.seed);
                }
                return false;
            }
            if let Some(attempt) = Attempt::of(step) {
                self.setbacks = self.setbacks.after_success(&attempt);
            }
            if let Some(wait) = &step.wait
                && !self.wait(&wait.pod, self.now.plus(wait.deadline))
            {
                ending.failures.push(format!("{} did not become ready in {}", wait.pod, wait.deadline));
                return false;
            }
        }
        true
    }

    fn wait(&mut self, pod: &str, end: Timestamp) -> bool {
        loop {
            let observed = self.host.observe(self.now);
            if observed.pods.get(pod).is_some_and(|pod| pod.readiness == Readiness::Available) {
                return true;
            }
            match self.host.next_change(self.now) {
                Some(next) if next <= end => self.now = next,
                _ => {
                    self.now = end;
                    return false;
                }
            }
        }
    }

    fn hold(&mut self, change: Option<&HoldingChange>) {
        match change {
            Some(HoldingChange::Hold(id, held)) => drop(self.held.objects.insert(id.clone(), (**held).clone())),
            Some(HoldingChange::Release(id)) => drop(self.held.objects.remove(id)),
            None => {}
        }
        self.around.held.insert(self.around.unit.clone(), held_routes(&self.held));
    }
}

/// What lines like these desire: `statefulset/data/pg replicas=3 image=pg:1 claims=data partition=1`.
pub(crate) fn desired(text: &str) -> Desired {
    let mut objects = Vec::new();
    let mut pending = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("pending ") {
            let (id, reason) = rest.split_once(' ').unwrap();
            pending.insert(ObjectId::parse(id).unwrap(), reason.to_owned());
        } else {
            objects.extend(manifest(line));
        }
    }
    let world = World { buckets: BTreeMap::new(), hash_key: HashKey([7; 32]) };
    let (mut desired, _) = resolve(&objects, &world).unwrap_or_else(|problems| panic!("{problems:?}"));
    desired.pending.extend(pending);
    desired
}

/// A budget of a workload, or of all pods of its scope.
fn budget(id: &ObjectId, fields: &BTreeMap<&str, &str>) -> Object {
    let share =
        |name: &str| fields.get(name).map(|text| text.parse::<u32>().map_or(json!(text), |number| json!(number)));
    let mut spec =
        json!({ "selector": fields.get("of").map_or(json!({}), |of| json!({ "matchLabels": { "app": of } })) });
    for (name, field) in [("min", "minAvailable"), ("max", "maxUnavailable")] {
        if let Some(share) = share(name) {
            spec[field] = share;
        }
    }
    object(id, "policy/v1", "PodDisruptionBudget", spec)
}

fn manifest(line: &str) -> Vec<Object> {
    let mut words = line.split_whitespace();
    let id = ObjectId::parse(words.next().unwrap()).unwrap();
    let fields: BTreeMap<&str, &str> = words.map(|word| word.split_once('=').unwrap_or((word, ""))).collect();
    let known =
        ["replicas", "image", "claims", "size", "parallel", "ondelete", "partition", "start", "service", "min-ready"];
    let of_jobs = ["completions", "parallelism", "backoff", "deadline", "ttl", "suspend", "never", "indexed"];
    let of_cron = ["at", "zone", "policy", "late", "kept", "failed-kept", "paused"];
    let of_services = ["port", "target", "type", "min", "max", "of"];
    let known = [&known[..], &["surge", "unavailable", "recreate"], &of_jobs, &of_cron, &of_services].concat();
    assert!(fields.keys().all(|name| known.contains(name)), "{line}");
    let number = |name: &str, default: u32| fields.get(name).map_or(default, |text| text.parse().unwrap());
    if id.kind == writ_core::model::Kind::PodDisruptionBudget {
        return vec![budget(&id, &fields)];
    }
    let claims: Vec<&str> = fields.get("claims").map_or(Vec::new(), |names| names.split(',').collect());
    let mounts: Vec<Value> =
        claims.iter().map(|claim| json!({ "name": claim, "mountPath": format!("/{claim}") })).collect();
    let labels = json!({ "app": id.name });
    if id.kind == writ_core::model::Kind::Service {
        let (port, kind) = (number("port", 80), fields.get("type").unwrap_or(&"ClusterIP"));
        let ports = json!([{ "port": port, "targetPort": number("target", port) }]);
        return vec![object(&id, "v1", "Service", json!({ "type": kind, "selector": labels, "ports": ports }))];
    }
    let mut spec = json!({
        "replicas": number("replicas", 1),
        "minReadySeconds": number("min-ready", 2),
        "selector": { "matchLabels": labels },
        "template": {
            "metadata": { "labels": labels },
            "spec": { "containers": [{ "name": "main", "image": fields.get("image").unwrap_or(&"app:1"), "volumeMounts": mounts }] },
        },
    });
    if id.kind == writ_core::model::Kind::Deployment {
        spec["strategy"] = if fields.contains_key("recreate") {
            json!({ "type": "Recreate" })
        } else {
            let rolling = json!({ "maxSurge": number("surge", 1), "maxUnavailable": number("unavailable", 0) });
            json!({ "type": "RollingUpdate", "rollingUpdate": rolling })
        };
        return vec![object(&id, "apps/v1", "Deployment", spec)];
    }
    if id.kind.ends() {
        return vec![ending(&id, &fields, spec["template"].take())];
    }
    if id.kind == writ_core::model::Kind::DaemonSet {
        drop(spec.as_object_mut().unwrap().remove("replicas"));
        let kind = if fields.contains_key("ondelete") { "OnDelete" } else { "RollingUpdate" };
        spec["updateStrategy"] = json!({ "type": kind });
        return vec![object(&id, "apps/v1", "DaemonSet", spec)];
    }
    let service = fields.get("service").copied().unwrap_or(&id.name).to_owned();
    spec["serviceName"] = json!(service);
    spec["ordinals"] = json!({ "start": number("start", 0) });
    spec["podManagementPolicy"] = json!(if fields.contains_key("parallel") { "Parallel" } else { "OrderedReady" });
    spec["updateStrategy"] = if fields.contains_key("ondelete") {
        json!({ "type": "OnDelete" })
    } else {
        let rolling = json!({ "partition": number("partition", 0), "maxUnavailable": number("unavailable", 1) });
        json!({ "type": "RollingUpdate", "rollingUpdate": rolling })
    };
    let claim = |name: &&str| {
        let size = fields.get("size").unwrap_or(&"1Gi");
        let spec = json!({ "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size } } });
        json!({ "metadata": { "name": name }, "spec": spec })
    };
    spec["volumeClaimTemplates"] = claims.iter().map(claim).collect();
    let headless = json!({ "clusterIP": "None", "selector": labels, "ports": [{ "name": "main", "port": 1 }] });
    let service = ObjectId::new(writ_core::model::Kind::Service, &id.scope.0, &service);
    vec![object(&id, "apps/v1", "StatefulSet", spec), object(&service, "v1", "Service", headless)]
}

/// A Job or a CronJob.
fn ending(id: &ObjectId, fields: &BTreeMap<&str, &str>, mut template: Value) -> Object {
    template["spec"]["restartPolicy"] = json!(if fields.contains_key("never") { "Never" } else { "OnFailure" });
    let job = job(fields, template);
    let Some(at) = fields.get("at") else { return object(id, "batch/v1", "Job", job) };
    let paused = fields.contains_key("paused");
    let mut spec = json!({ "schedule": at.replace('_', " "), "suspend": paused, "jobTemplate": { "spec": job } });
    for (word, name) in [("zone", "timeZone"), ("policy", "concurrencyPolicy")] {
        if let Some(text) = fields.get(word) {
            spec[name] = json!(text);
        }
    }
    let limits = [
        ("late", "startingDeadlineSeconds"),
        ("kept", "successfulJobsHistoryLimit"),
        ("failed-kept", "failedJobsHistoryLimit"),
    ];
    for (word, name) in limits {
        if let Some(number) = fields.get(word) {
            spec[name] = json!(number.parse::<u32>().unwrap());
        }
    }
    object(id, "batch/v1", "CronJob", spec)
}

fn job(fields: &BTreeMap<&str, &str>, template: Value) -> Value {
    let mut spec = json!({ "template": template });
    let numbers = [
        ("completions", "completions"),
        ("parallelism", "parallelism"),
        ("backoff", "backoffLimit"),
        ("deadline", "activeDeadlineSeconds"),
        ("ttl", "ttlSecondsAfterFinished"),
    ];
    for (word, name) in numbers {
        if let Some(number) = fields.get(word) {
            spec[name] = json!(number.parse::<u32>().unwrap());
        }
    }
    if fields.contains_key("suspend") {
        spec["suspend"] = json!(true);
    }
    if fields.contains_key("indexed") {
        spec["completionMode"] = json!("Indexed");
    }
    spec
}

fn object(id: &ObjectId, version: &str, kind: &str, spec: Value) -> Object {
    let metadata = json!({ "name": id.name, "namespace": id.scope.0 });
    let body = json!({ "apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec });
    Object { id: id.clone(), body, places: Places::default() }
}
