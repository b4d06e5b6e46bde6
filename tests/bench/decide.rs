//! From the text of a thousand workloads to a plan: each step of the way, and all of it.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use writ_core::dialect::{Files, Lowered, lower};
use writ_core::guard::{self, Grants, Grounds, HostPaths, Policy as GuardPolicy};
use writ_core::hash::HashKey;
use writ_core::holdings::{HoldingChange, Holdings};
use writ_core::ingress::Around;
use writ_core::model::{Desired, World, resolve};
use writ_core::observed::Observed;
use writ_core::plan::{Act, Drift, Input, Plan, Policy, PruneBudget, Setbacks, Templates, plan};
use writ_core::simulated::Host;
use writ_core::time::{Seconds, Timestamp};

/// Each with a file of its own, a mounted file of configuration and a Service.
const WORKLOADS: usize = 1_000;
const NOW: Timestamp = Timestamp(1_795_255_200_000);
const POLICY: Policy = Policy {
    drift: Drift::Repair,
    prune: PruneBudget { max: 3, percent: 20 },
    recreate: false,
    backup: None,
    account: None,
};

/// One workload in each dialect; `NUMBER` becomes its number.
const YAML: &str = include_str!("workload.yaml");
const HCL: &str = include_str!("workload.hcl");

fn files(template: &str, ending: &str) -> Files {
    let file = |number: usize| {
        let text = template.replace("NUMBER", &number.to_string());
        (format!("app-{number:04}.{ending}"), text.into_bytes())
    };
    (0..WORKLOADS).map(file).collect()
}

fn world() -> World {
    World { buckets: BTreeMap::new(), hash_key: HashKey([7; 32]) }
}

fn lowered(files: &Files) -> Lowered {
    lower(files).0.expect("the manifests are right")
}

fn resolved(lowered: &Lowered) -> Desired {
    let (desired, _) = resolve(&lowered.objects, &world()).expect("the objects are right");
    assert_eq!(desired.workloads.len(), WORKLOADS);
    desired
}

fn planned(desired: &Desired, observed: &Observed, held: &Holdings) -> Plan {
    plan(&Input {
        now: NOW,
        commit: Some("c1"),
        desired,
        observed,
        held,
        policy: &POLICY,
        seed: 7,
        setbacks: &Setbacks::default(),
        templates: &Templates::new(),
        ingress: &Around::default(),
    })
}

/// A host on which all of it was applied, and what is held then.
fn applied(desired: &Desired) -> (Observed, Holdings) {
    let (mut host, mut held) = (Host::empty(), Holdings::default());
    let first = planned(desired, &host.observe(NOW), &held);
    for step in first.steps().filter(|step| step.act != Act::Nothing) {
        host.execute(&step.act, NOW).expect("the host refuses nothing");
    }
    for lane in first.lanes {
        if let Some(HoldingChange::Hold(id, object)) = lane.then {
            held.objects.insert(id, *object);
        }
    }
    (host.observe(NOW.plus(Seconds(3_600))), held)
}

fn decide(criterion: &mut Criterion) {
    for (dialect, files) in [("yaml", files(YAML, "yaml")), ("hcl", files(HCL, "hcl"))] {
        let mut group = criterion.benchmark_group(dialect);
        group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(4));
        let objects = lowered(&files);
        let desired = resolved(&objects);
        let (observed, held) = applied(&desired);
        assert!(planned(&desired, &observed, &held).is_empty(), "nothing is to be done");
        let nothing = (Observed::default(), Holdings::default());
        group.bench_function("lower", |it| it.iter(|| lowered(black_box(&files))));
        group.bench_function("resolve and hash", |it| it.iter(|| resolved(black_box(&objects))));
        group.bench_function("plan, all new", |it| it.iter(|| planned(black_box(&desired), &nothing.0, &nothing.1)));
        group.bench_function("plan, unchanged", |it| it.iter(|| planned(black_box(&desired), &observed, &held)));
        let (policy, grants, paths) = (GuardPolicy::baseline(), Grants::all(), HostPaths::default());
        group.bench_function("all of it, all new", |it| {
            // What was read is let go of when the plan has been made, and that when it has been carried out.
            it.iter_with_large_drop(|| {
                let objects = lowered(black_box(&files));
                let desired = resolved(&objects);
                let grounds = Grounds { policy: &policy, grants: &grants, paths: &paths, desired: &desired };
                let checked = guard::check(planned(&desired, &nothing.0, &nothing.1), &grounds);
                (checked, desired, objects)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, decide);
criterion_main!(benches);
