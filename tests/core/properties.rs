//! What holds of every plan, whatever is wanted, held and seen.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use writ_core::holdings::HoldingChange;
use writ_core::model::{Controller, DaemonUpdate, ObjectId, PodIndex, PodManagement, StatefulUpdate};
use writ_core::observed::{PodState, Readiness};
use writ_core::plan::{Act, Cause, Drift, Lane, Plan, PruneBudget};
use writ_core::simulated::Host;

use crate::simulation::{Unit, desired};

/// A workload, as few numbers.
#[derive(Debug, Clone)]
struct Shape {
    kind: Is,
    replicas: u32,
    image: u32,
    claims: usize,
    service: bool,
    strategy: u32,
    partition: u32,
}

/// Which kind of workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    StatefulSet,
    Deployment,
    DaemonSet,
}

/// What happens to a host behind Writ's back.
#[derive(Debug, Clone)]
enum Accident {
    /// What a person does.
    State(&'static str),
    Altered(&'static str),
    Gone,
    VolumeGone,
    /// What an unfinished pass leaves.
    Revision,
    Broken,
    NeverStarted,
}

fn shape() -> impl Strategy<Value = Shape> {
    let numbers = (0..4_u32, 1..3_u32, 0..3_usize, any::<bool>(), 0..4_u32, 0..3_u32);
    (prop::sample::select(vec![Is::StatefulSet, Is::Deployment, Is::DaemonSet]), numbers).prop_map(
        |(kind, (replicas, image, claims, service, strategy, partition))| Shape {
            kind,
            replicas,
            image,
            claims,
            service,
            strategy,
            partition,
        },
    )
}

/// Workloads by name; each name is taken at most once.
fn shapes() -> impl Strategy<Value = BTreeMap<u8, Shape>> {
    prop::collection::btree_map(0..4_u8, shape(), 1..4)
}

fn by_a_person() -> impl Strategy<Value = Accident> {
    prop_oneof![
        prop::sample::select(vec!["exited:0", "exited:137:memory", "paused", "dead"]).prop_map(Accident::State),
        prop::sample::select(vec!["renamed mine", "disconnected", "field memory"]).prop_map(Accident::Altered),
        Just(Accident::Gone),
        Just(Accident::VolumeGone),
    ]
}

fn accident() -> impl Strategy<Value = Accident> {
    prop_oneof![by_a_person(), Just(Accident::Revision), Just(Accident::Broken), Just(Accident::NeverStarted)]
}

fn accidents(one: impl Strategy<Value = Accident>) -> impl Strategy<Value = Vec<(usize, Accident)>> {
    prop::collection::vec((0..16_usize, one), 0..5)
}

fn lines(shapes: &BTreeMap<u8, Shape>) -> String {
    let mut text = String::new();
    for (name, shape) in shapes {
        let Shape { kind, replicas, image, claims, service, strategy, partition } = shape;
        if *kind == Is::DaemonSet {
            let strategy = if *strategy == 3 { "ondelete" } else { "" };
            writeln!(text, "daemonset/ops/w{name} image=app:{image} {strategy}").unwrap();
            continue;
        }
        if *kind == Is::Deployment {
            let strategy =
                ["surge=1", "surge=0 unavailable=1", "surge=2 unavailable=1", "recreate"][*strategy as usize];
            writeln!(text, "deployment/shop/w{name} replicas={replicas} image=app:{image} {strategy}").unwrap();
            continue;
        }
        let claims = ["", "claims=data", "claims=data,wal"][*claims];
        let service = if *service { "service=one" } else { "" };
        let strategy = match strategy {
            0 => String::new(),
            1 => format!("partition={partition}"),
            2 => "parallel".to_owned(),
            _ => "ondelete".to_owned(),
        };
        writeln!(text, "statefulset/data/w{name} replicas={replicas} image=app:{image} {claims} {service} {strategy}")
            .unwrap();
    }
    text
}

/// A unit that holds one thing and wants another, after accidents.
fn unit(held: &BTreeMap<u8, Shape>, wanted: &BTreeMap<u8, Shape>, accidents: &[(usize, Accident)]) -> Unit {
    let mut unit = Unit::applied(desired(&lines(held)));
    unit.desired = desired(&lines(wanted));
    unit.policy.recreate = true;
    unit.policy.prune = PruneBudget { max: 100, percent: 100 };
    let mut text: Vec<String> = unit.host.to_string().lines().map(str::to_owned).collect();
    for (at, accident) in accidents {
        befall(&mut text, *at, accident);
    }
    unit.host = Host::parse(&text.join("\n")).unwrap();
    unit
}

fn befall(text: &mut Vec<String>, at: usize, accident: &Accident) {
    let pods: Vec<String> = text.iter().filter_map(|line| line.strip_prefix("pod ")).map(str::to_owned).collect();
    let Some(pod) = pods.get(at % pods.len().max(1)) else { return };
    let name = pod.split(' ').next().unwrap();
    let line = text.iter().position(|line| line.starts_with(&format!("pod {name} "))).unwrap();
    let mut set = |field: &str, value: &str| {
        let words = text[line].split(' ').map(|word| match word.split_once('=') {
            Some((key, _)) if key == field => format!("{field}={value}"),
            _ => word.to_owned(),
        });
        text[line] = words.collect::<Vec<_>>().join(" ");
    };
    match accident {
        Accident::State(state) => set("state", state),
        Accident::Revision => set("revision", &format!("1:{}", "e".repeat(64))),
        Accident::Broken => {
            set("revision", &format!("1:{}", "e".repeat(64)));
            set("available", "never");
        }
        Accident::NeverStarted => set("state", "created"),
        Accident::Altered(what) => text.push(format!("altered {name} {what}")),
        Accident::Gone | Accident::VolumeGone => {
            text.retain(|line| line.split(' ').nth(1) != Some(name));
            if matches!(accident, Accident::VolumeGone) {
                let volumes = pod.split(' ').find_map(|word| word.strip_prefix("volumes=")).unwrap_or_default();
                text.retain(|line| !volumes.split(',').any(|name| line.starts_with(&format!("volume {name} "))));
            }
        }
    }
}

/// An OnDelete or partitioned pod that never becomes ready is for a person to delete; elsewhere nothing stays broken.
fn mends_itself(shapes: &BTreeMap<u8, Shape>) -> bool {
    shapes.values().all(|shape| shape.kind == Is::Deployment || shape.strategy == 0 || shape.strategy == 2)
}

fn lanes_of(plan: &Plan) -> BTreeMap<&ObjectId, &Lane> {
    plan.lanes.iter().map(|lane| (&lane.object, lane)).collect()
}

/// The pod that an act is about.
fn touched(act: &Act) -> Option<String> {
    match act {
        Act::Nothing
        | Act::CreateNetwork
        | Act::CreateVolume(_)
        | Act::BackUp(_)
        | Act::RemoveVolume { .. }
        | Act::Serve(_)
        | Act::ApplyObject(_)
        | Act::DeleteObject(_) => None,
        Act::CreatePod(spec) | Act::ReplacePod { spec, .. } | Act::MendPod { spec, .. } => Some(spec.name.clone()),
        Act::StartPod { pod, .. } | Act::RemovePod { pod, .. } => Some(pod.clone()),
    }
}

fn reached(unit: &Unit) -> Result<(), TestCaseError> {
    let observed = unit.host.observe(unit.now);
    for (id, workload) in &unit.desired.workloads {
        let pods: Vec<_> = observed.pods.values().filter(|pod| pod.object == *id).collect();
        prop_assert_eq!(pods.len(), workload.replicas as usize, "{}", id);
        prop_assert!(pods.iter().all(|pod| pod.state == PodState::Running), "{}", id);
        let spared = |index: &PodIndex| match (&workload.controller, index) {
            (Controller::StatefulSet { update: StatefulUpdate::OnDelete, .. }, _)
            | (Controller::DaemonSet { update: DaemonUpdate::OnDelete }, _) => true,
            (
                Controller::StatefulSet { update: StatefulUpdate::Rolling { partition, max_unavailable: _ }, .. },
                PodIndex::Ordinal(at),
            ) => at < partition,
            _ => false,
        };
        let behind = pods.iter().filter(|pod| pod.revision.as_ref() != Some(&workload.revision));
        prop_assert!(behind.clone().all(|pod| spared(&pod.index)), "{}", id);
        let ordinals: BTreeSet<_> = workload.ordinals().into_iter().map(PodIndex::Ordinal).collect();
        if !ordinals.is_empty() {
            prop_assert_eq!(pods.iter().map(|pod| pod.index.clone()).collect::<BTreeSet<_>>(), ordinals);
        }
    }
    prop_assert!(observed.pods.values().all(|pod| unit.desired.workloads.contains_key(&pod.object)));
    prop_assert!(unit.held.objects.keys().eq(unit.desired.workloads.keys()));
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn applying_reaches_desired_and_a_second_plan_is_empty(
        held in shapes(), wanted in shapes(), accidents in accidents(accident())
    ) {
        prop_assume!(mends_itself(&held) && mends_itself(&wanted) || accidents.is_empty());
        let mut unit = unit(&held, &wanted, &accidents);
        let volumes = unit.host.observe(unit.now).volumes;
        let ending = unit.pass();
        prop_assert!(ending.failures.is_empty(), "{:?}", ending);
        reached(&unit)?;
        unit.seed += 1;
        let second = unit.plan();
        prop_assert!(second.is_empty() && second.lanes.iter().all(|lane| lane.then.is_none()), "{}", second);
        let after = unit.host.observe(unit.now).volumes;
        prop_assert!(volumes.keys().all(|name| after.contains_key(name)), "a volume is gone");
    }

    #[test]
    fn a_crash_after_or_before_any_step_converges(
        held in shapes(), wanted in shapes(), at in 1..12_u64, after in any::<bool>()
    ) {
        let mut unit = unit(&held, &wanted, &[]);
        let made = unit.host.to_string().lines().find_map(|line| line.strip_prefix("count acts=").map(str::to_owned));
        let made: u64 = made.unwrap().split(' ').next().unwrap().parse().unwrap();
        let kind = if after { "crash-after" } else { "crash-before" };
        unit.host = Host::parse(&format!("{}fault {} {kind}", unit.host, made + at)).unwrap();
        for _ in 0..3 {
            unit.seed += 1;
            unit.pass();
        }
        reached(&unit)?;
        prop_assert!(unit.plan().is_empty(), "{}", unit.plan());
    }

    #[test]
    fn never_acts_on_unseen(
        held in shapes(), wanted in shapes(), accidents in accidents(accident()), hidden in prop::collection::vec(0..16_usize, 1..4)
    ) {
        let mut unit = unit(&held, &wanted, &accidents);
        let names: Vec<String> = unit.host.observe(unit.now).pods.keys().cloned().collect();
        prop_assume!(!names.is_empty());
        let hidden: BTreeSet<&String> = hidden.iter().map(|at| &names[at % names.len()]).collect();
        let lines: Vec<String> = hidden.iter().map(|name| format!("hide {name} no answer")).collect();
        let before = unit.host.observe(unit.now);
        unit.host = Host::parse(&format!("{}{}", unit.host, lines.join("\n"))).unwrap();
        let plan = unit.plan();
        for step in plan.steps() {
            let pod = touched(&step.act);
            prop_assert!(pod.is_none_or(|pod| !hidden.contains(&pod)), "{}", plan);
        }
        for name in hidden {
            prop_assert!(lanes_of(&plan)[&before.pods[name].object].then.is_none(), "{}", plan);
        }
    }

    #[test]
    fn never_touches_what_is_not_ours(
        held in shapes(), wanted in shapes(), foreign in prop::collection::vec((0..4_u8, 0..4_u32, any::<bool>()), 1..6)
    ) {
        let mut unit = unit(&held, &wanted, &[]);
        let seen = unit.host.observe(unit.now);
        let mut text = unit.host.to_string();
        for (name, ordinal, volume) in foreign {
            let (pod, claim) = (format!("data-w{name}.{ordinal}"), format!("voodu-data-w{name}-data-{ordinal}"));
            if volume && !seen.volumes.contains_key(&claim) {
                writeln!(text, "foreign volume {claim} someone else").unwrap();
            } else if !volume && !seen.pods.contains_key(&pod) {
                writeln!(text, "foreign container {pod} someone else").unwrap();
            }
        }
        unit.host = Host::parse(&text).unwrap();
        let observed = unit.host.observe(unit.now);
        let plan = unit.plan();
        for step in plan.steps() {
            let pod = touched(&step.act);
            prop_assert!(pod.is_none_or(|pod| !observed.foreign.contains_key(&pod)), "{}", plan);
            if let Act::CreatePod(spec) | Act::ReplacePod { spec, .. } = &step.act {
                prop_assert!(spec.volumes.iter().all(|volume| !observed.foreign_volumes.contains_key(&volume.name)));
            }
        }
        let ending = unit.apply(&plan);
        prop_assert!(ending.failures.is_empty(), "the host had to refuse: {:?}", ending);
    }

    #[test]
    fn order_respects_ordinals(held in shapes(), wanted in shapes(), accidents in accidents(accident())) {
        let unit = unit(&held, &wanted, &accidents);
        let observed = unit.host.observe(unit.now);
        let plan = unit.plan();
        for lane in &plan.lanes {
            let Some(workload) = unit.desired.workloads.get(&lane.object) else { continue };
            let Controller::StatefulSet { management, .. } = &workload.controller else { continue };
            let (mut made, mut removed, mut replaced) = (Vec::new(), Vec::new(), Vec::new());
            for step in &lane.steps {
                match &step.act {
                    Act::CreatePod(spec) => {
                        made.push(spec.index.clone());
                        prop_assert!(*management == PodManagement::Parallel || step.wait.is_some(), "{}", plan);
                    }
                    Act::RemovePod { pod, .. } => removed.push(observed.pods[pod].index.clone()),
                    Act::ReplacePod { spec, .. } => {
                        prop_assert!(step.wait.is_some(), "{}", plan);
                        let pod = &observed.pods[&spec.name];
                        let serves = pod.state == PodState::Running && pod.readiness == Readiness::Available;
                        replaced.extend(serves.then(|| spec.index.clone()));
                    }
                    Act::Nothing | Act::CreateNetwork | Act::CreateVolume(_) | Act::BackUp(_) | Act::StartPod { .. }
                    | Act::MendPod { .. } | Act::RemoveVolume { .. } | Act::Serve(_) | Act::ApplyObject(_)
                    | Act::DeleteObject(_) => {}
                }
            }
            prop_assert!(made.is_sorted(), "{}", plan);
            prop_assert!(removed.iter().rev().is_sorted(), "{}", plan);
            prop_assert!(replaced.iter().rev().is_sorted(), "{}", plan);
        }
    }

    #[test]
    fn reported_drift_changes_nothing(shapes in shapes(), accidents in accidents(by_a_person())) {
        let mut unit = unit(&shapes, &shapes, &accidents);
        unit.policy.drift = Drift::Report;
        let plan = unit.plan();
        prop_assert!(plan.is_empty(), "{}", plan);
        prop_assert!(accidents.is_empty() || plan.steps().all(|step| step.cause != Cause::Change), "{}", plan);
    }

    #[test]
    fn linkerd_13327_the_order_of_the_input_does_not_matter(
        held in shapes(), wanted in shapes(), accidents in accidents(accident())
    ) {
        let one = unit(&held, &wanted, &accidents);
        let mut other = one.clone();
        let text: String = one.host.to_string();
        let (altered, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("altered "));
        let lines: Vec<&str> = lines.into_iter().rev().chain(altered).collect();
        other.host = Host::parse(&lines.join("\n")).unwrap();
        let wanted = lines_reversed(&wanted);
        other.desired = desired(&wanted);
        prop_assert_eq!(one.plan(), other.plan());
    }

    #[test]
    fn removals_never_exceed_the_budget(held in shapes(), wanted in shapes(), max in 0..3_u32, percent in 0..101_u32) {
        let mut unit = unit(&held, &wanted, &[]);
        unit.policy.prune = PruneBudget { max, percent };
        let allowed = max.max(u32::try_from(held.len()).unwrap() * percent / 100) as usize;
        let plan = unit.plan();
        let gone = plan.lanes.iter().filter(|lane| matches!(lane.then, Some(HoldingChange::Release(_)))).count();
        prop_assert!(gone <= allowed, "{}", plan);
        unit.apply(&plan);
        unit.desired = desired("");
        let plan = unit.plan();
        prop_assert!(plan.is_empty() && plan.lanes.iter().all(|lane| lane.then.is_none()), "{}", plan);
    }

    #[test]
    fn a_plan_destroys_no_volume(held in shapes(), wanted in shapes(), accidents in accidents(accident())) {
        let plan = unit(&held, &wanted, &accidents).plan();
        prop_assert!(plan.steps().all(|step| !matches!(step.act, Act::RemoveVolume { .. })), "{}", plan);
    }

    #[test]
    fn a_rollout_of_a_deployment_keeps_its_bounds(replicas in 0..6_u32, surge in 0..4_u32, unavailable in 0..4_u32) {
        let line = |image: u32| desired(&format!(
            "deployment/shop/web replicas={replicas} image=app:{image} surge={surge} unavailable={unavailable}"
        ));
        prop_assume!(surge + unavailable > 0);
        let mut unit = Unit::applied(line(1));
        unit.desired = line(2);
        let (mut there, mut serving) = (i64::from(replicas), i64::from(replicas));
        let mut made = BTreeSet::new();
        for step in unit.plan().steps() {
            if matches!(step.act, Act::CreatePod(_)) {
                there += 1;
            } else if matches!(step.act, Act::RemovePod { .. }) {
                (there, serving) = (there - 1, serving - 1);
            }
            if let Some(wait) = &step.wait && made.insert(wait.pod.clone()) {
                serving += 1;
            }
            prop_assert!(there <= i64::from(replicas + surge));
            prop_assert!(serving >= i64::from(replicas) - i64::from(unavailable));
        }
        prop_assert_eq!((there, serving), (i64::from(replicas), i64::from(replicas)));
    }
}

fn lines_reversed(shapes: &BTreeMap<u8, Shape>) -> String {
    let text = lines(shapes);
    text.lines().rev().collect::<Vec<_>>().join("\n")
}
