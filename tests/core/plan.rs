//! What is planned for a described host, with every reason; then applied in memory, and planned again.
//!
//! A scenario has sections: `desired` and `held` (what was applied before) in the lines of `simulation::desired`;
//! `policy`; `earlier`, which is what the commit of `held` asks for now; `host`, which begins as `held` made it and is changed by its lines; `plan`, which is expected, with the
//! waits in brackets; `ends`, the failures that applying it meets; and `again`, the second plan, which does nothing
//! unless the section is there. With `UPDATE=1` the expectations are written instead of compared.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use writ_core::hash::SpecHash;
use writ_core::holdings::HoldingChange;
use writ_core::model::{Desired, ObjectId};
use writ_core::observed::Holder;
use writ_core::plan::{Backups, Drift, Plan, PruneBudget, Step, Template, Verb, plan, removal};
use writ_core::simulated::Host;
use writ_core::time::Timestamp;

use crate::simulation::{NOW, POLICY, Unit, desired};

/// When what is held was applied, in milliseconds before the scenario.
const HELD_SINCE_MILLIS: i64 = 3_600_000;

pub(crate) type Sections = BTreeMap<String, String>;

pub(crate) fn sections(text: &str) -> Sections {
    let mut found = Sections::new();
    let mut name = "about".to_owned();
    for line in text.lines() {
        match line.strip_prefix("== ") {
            Some(next) => name = next.to_owned(),
            None => writeln!(found.entry(name.clone()).or_default(), "{line}").unwrap(),
        }
    }
    found
}

pub(crate) fn section<'a>(sections: &'a Sections, name: &str) -> &'a str {
    sections.get(name).map_or("", |text| text.trim())
}

fn unit(sections: &Sections) -> Unit {
    let held = desired(section(sections, "held"));
    let mut before = Unit::new(held.clone());
    before.now = Timestamp(NOW.0 - HELD_SINCE_MILLIS);
    let ending = before.pass();
    assert!(ending.failures.is_empty(), "{ending:?}");
    let mut unit = Unit::new(desired(section(sections, "desired")));
    unit.held = before.held;
    unit.host = host(&before.host, section(sections, "host"), &held, &unit.desired);
    let templates = if sections.contains_key("earlier") { desired(section(sections, "earlier")) } else { held.clone() };
    unit.templates = templates.workloads.into_iter().map(|(id, it)| (id, Template::Found(Box::new(it)))).collect();
    for word in section(sections, "policy").split_whitespace() {
        match word {
            "report" => unit.policy.drift = Drift::Report,
            "recreate" => unit.policy.recreate = true,
            "backup" => unit.policy.backup = Some(Backups { directory: "/backups".to_owned(), keep: 3 }),
            "backs-off" => unit.backs_off = true,
            "lost" => {
                let lost = || Template::Lost("the repository has it no more".to_owned());
                unit.templates.values_mut().for_each(|template| *template = lost());
            }
            "unheld" => unit.held.objects.clear(),
            other => {
                let (max, percent) = other.strip_prefix("prune=").unwrap().split_once('/').unwrap();
                unit.policy.prune = PruneBudget { max: max.parse().unwrap(), percent: percent.parse().unwrap() };
            }
        }
    }
    assert_eq!(POLICY.prune.max, 3);
    unit
}

/// The host as it was, changed by lines: `gone NAME` takes a pod or volume away, `pod NAME field=value` changes one that
/// is there, and the rest are lines of the host's own description. `desired` and `held` stand for the two revisions.
fn host(before: &Host, changes: &str, held: &Desired, desired: &Desired) -> Host {
    let mut lines: Vec<String> = before.to_string().lines().map(str::to_owned).collect();
    for change in changes.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = change.split_whitespace().collect();
        match words.as_slice() {
            ["nothing"] => lines.clear(),
            ["gone", name] => {
                let before = lines.len();
                lines.retain(|line| line.split_whitespace().nth(1) != Some(name));
                assert!(lines.len() < before, "{change}");
            }
            ["network", ..] => {
                lines.retain(|line| !line.starts_with("network "));
                lines.push(change.to_owned());
            }
            ["pod", name, fields @ ..] => change_pod(&mut lines, name, fields, held, desired),
            ["rule", whom, answer] => lines.push(format!("rule {} {answer}", rule(whom, desired))),
            _ => lines.push(change.to_owned()),
        }
    }
    Host::parse(&lines.join("\n")).unwrap()
}

fn change_pod(lines: &mut Vec<String>, name: &str, fields: &[&str], held: &Desired, desired: &Desired) {
    let at = lines.iter().position(|line| line.split_whitespace().take(2).eq(["pod", name]));
    let old = at.map_or(String::new(), |at| lines[at].clone());
    let pairs = old.split_whitespace().skip(2).chain(fields.iter().copied());
    let mut pairs: BTreeMap<&str, String> =
        pairs.map(|pair| pair.split_once('=').unwrap()).map(|(name, value)| (name, value.to_owned())).collect();
    let object = ObjectId::parse(&pairs["object"]).unwrap();
    let revision = match pairs["revision"].as_str() {
        "desired" => desired.workloads[&object].revision.to_string(),
        "held" => held.workloads[&object].revision.to_string(),
        "other" => format!("1:{}", "f".repeat(64)),
        known => known.to_owned(),
    };
    pairs.insert("revision", revision);
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let line = format!("pod {name} {}", pairs.join(" "));
    match at {
        Some(at) => lines[at] = line,
        None => lines.push(line),
    }
}

fn rule(whom: &str, desired: &Desired) -> String {
    match whom.strip_suffix("@desired") {
        Some(object) => {
            let revision = &desired.workloads[&ObjectId::parse(object).unwrap()].revision;
            format!("{object}@{revision}")
        }
        None => whom.to_owned(),
    }
}

/// A plan as operators read it, with its waits and with what is held after.
pub(crate) fn render(plan: &Plan) -> String {
    let line = |step: &Step| {
        let what = step.pod.clone().unwrap_or_else(|| step.object.to_string());
        let wait = step.wait.as_ref().map(|wait| format!(" [waits {} for {}]", wait.deadline, wait.pod));
        format!("{:8} {what}  {}{}\n", step.verb, step.why, wait.unwrap_or_default())
    };
    let mut text: String = plan.shared.iter().map(line).collect();
    for lane in &plan.lanes {
        text.extend(lane.steps.iter().map(line));
        match &lane.then {
            Some(HoldingChange::Hold(id, _)) => writeln!(text, "(then {id} is held)").unwrap(),
            Some(HoldingChange::Release(id)) => writeln!(text, "(then {id} is released)").unwrap(),
            None => {}
        }
    }
    text
}

/// The text with the revisions of what is desired and what was held by those words, so that hashes stand in one place
/// only, the golden ones of their own tests.
fn by_name(text: &str, desired: &Desired, held: &Desired, earlier: &Desired) -> String {
    let names = [(desired, "DESIRED"), (held, "HELD"), (earlier, "EARLIER")];
    let revisions = names.iter().flat_map(|(set, name)| set.workloads.values().map(move |workload| (workload, *name)));
    revisions.fold(text.to_owned(), |text, (workload, name)| text.replace(workload.revision.short(), name))
}

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/plan").join(format!("{name}.scenario"));
    let text = std::fs::read_to_string(&path).unwrap();
    let sections = sections(&text);
    let mut unit = unit(&sections);
    let held = desired(section(&sections, "held"));
    let earlier = desired(section(&sections, "earlier"));
    let render = |plan: &Plan| by_name(&render(plan), &desired(section(&sections, "desired")), &held, &earlier);
    let first = unit.plan();
    let ending = unit.apply(&first);
    unit.seed += 1;
    let second = unit.plan();
    let (ends, again) = (ending.failures.join("\n"), render(&second));
    if std::env::var_os("UPDATE").is_some() {
        let kept = text.split("== plan").next().unwrap().trim_end();
        let mut new = format!("{kept}\n\n== plan\n{}", render(&first));
        if !ends.is_empty() {
            write!(new, "\n== ends\n{ends}\n").unwrap();
        }
        if !second.is_empty() || sections.contains_key("again") {
            write!(new, "\n== again\n{again}").unwrap();
        }
        std::fs::write(&path, new).unwrap();
        return;
    }
    assert_eq!(render(&first).trim(), section(&sections, "plan"), "the plan of {name}");
    assert_eq!(ends, section(&sections, "ends"), "the end of {name}");
    match sections.get("again") {
        Some(expected) => assert_eq!(again.trim(), expected.trim(), "the second plan of {name}"),
        None => assert!(second.is_empty(), "the second plan of {name} does something:\n{again}"),
    }
}

/// Every scenario, by name: the claim it makes stands on its first line.
macro_rules! scenarios {
    ($($claim:ident: $name:literal,)*) => {
        $(#[test]
        fn $claim() {
            check($name);
        })*

        #[test]
        fn every_scenario_is_run() {
            let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/plan");
            let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let names = names.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
            let idle: Vec<String> = names.filter(|name| ![$($name),*].contains(&name.as_str())).collect();
            assert!(idle.is_empty(), "{idle:?}");
        }
    };
}

scenarios! {
    a_daemon_set_has_one_pod_on_the_host: "daemonset-create",
    a_changed_template_of_a_daemon_set_replaces_its_pod: "daemonset-update",
    the_pod_of_a_daemon_set_on_delete_stays_until_it_is_deleted: "daemonset-on-delete",
    a_daemon_set_that_leaves_takes_its_pod_along: "daemonset-removed",
    a_service_that_names_alone_cannot_do_gets_a_relay_beside_its_pods: "relay-create",
    a_changed_service_remakes_its_relay_and_no_pod: "relay-changed",
    what_a_person_did_to_relays_is_mended: "relay-altered",
    a_service_that_leaves_takes_its_relay_along: "relay-removed",
    a_service_that_names_alone_can_do_again_has_its_relay_no_more: "relay-no-more",
    a_relay_that_could_not_be_looked_at_is_left_alone: "relay-unseen",
    v15_one_replica_is_exactly_pod_zero: "one-replica",
    k2_k7_v16_pods_are_made_lowest_first_and_each_is_waited_for: "create-in-order",
    ordinals_begin_where_the_manifest_says: "create-from-start",
    nothing_to_do_is_said_and_nothing_is_done: "as-desired",
    a_container_of_a_pod_that_has_several_is_mended_by_itself: "parts",
    no_replicas_means_no_pods_and_keeps_volumes: "no-replicas",
    a_claim_of_another_name_is_refused_while_data_of_its_pods_lies_under_the_old_one: "claim-left-behind",
    a_claim_of_another_name_is_made_beside_the_old_data_where_the_unit_allows_it: "claim-left-behind-allowed",
    another_image_is_let_at_data_only_after_a_copy_of_it: "backup-image",
    what_is_made_again_from_the_same_image_copies_nothing: "backup-same-image",
    data_is_copied_where_nobody_knows_which_image_ran_on_it: "backup-unknown",
    data_that_is_left_without_any_pod_is_copied: "backup-none-left",
    a_recreation_copies_each_volume_once_before_its_pod_goes: "backup-recreation",
    a_copy_that_fails_stops_what_it_was_made_for: "backup-fails",
    a_claim_that_comes_back_finds_its_data_and_another_one_is_new: "claim-comes-back",
    a_claim_that_asks_for_less_is_told_that_volumes_have_no_size: "claim-smaller",
    a_claim_that_asks_for_more_is_told_so_while_other_things_change: "claim-larger",
    k3_a_missing_pod_comes_back_under_its_name_with_its_volume: "missing-pod",
    a_missing_pod_is_only_reported_where_the_unit_says_so: "missing-pod-reported",
    an_empty_volume_in_the_place_of_a_lost_one_is_said: "missing-volume",
    v35_growing_makes_the_new_volume_and_leaves_the_others: "scale-up",
    k8_k9_v39_shrinking_removes_the_highest_first_and_keeps_volumes: "scale-down",
    scaling_comes_before_updating: "scale-and-update",
    k16_v39_a_number_that_comes_back_gets_its_old_volume: "scale-back-up",
    k13_a_new_image_reaches_the_highest_number_first_one_at_a_time: "update",
    as_many_pods_of_a_set_are_replaced_at_a_time_as_may_be_missing: "update-several",
    several_at_a_time_come_after_those_that_are_broken_and_stay_above_the_partition: "update-several-broken",
    k12_only_numbers_from_the_partition_on_are_updated: "partition",
    a_lowered_partition_is_a_change_and_not_drift: "partition-lowered",
    k12_a_missing_pod_below_the_partition_comes_back_at_the_old_revision: "partition-missing",
    a_missing_pod_below_the_partition_comes_with_the_present_values_and_that_is_said: "partition-values",
    a_missing_pod_below_the_partition_comes_at_the_new_revision_where_the_old_one_is_lost: "partition-lost",
    k10_k11_on_delete_updates_a_pod_only_when_it_is_deleted: "on-delete",
    k15_parallel_makes_all_at_once_and_waits_at_the_end: "parallel-create",
    parallel_removes_all_at_once: "parallel-scale-down",
    parallel_updates_one_at_a_time_all_the_same: "parallel-update",
    a_broken_rollout_heals_when_the_commit_is_reverted: "revert-heals",
    a_reverted_rollout_heals_where_drift_is_only_reported: "revert-heals-reported",
    a_broken_rollout_heals_by_the_next_commit: "next-commit-heals",
    a_revision_that_never_becomes_ready_stops_at_the_first_pod: "rollout-stops",
    a_crash_loop_does_not_hold_up_the_pass: "rollout-crash-loop",
    k48_a_pod_that_is_not_ready_yet_is_waited_for_before_a_healthy_one_is_touched: "rollout-waits",
    a_broken_pod_does_not_hold_up_its_replacement_while_another_is_missing: "broken-among-missing",
    a_container_that_was_made_and_not_started_is_started: "interrupted-create",
    stopped_containers_are_started: "stopped",
    a_stopped_container_stays_stopped_where_drift_is_only_reported: "stopped-reported",
    what_a_person_altered_is_mended_with_the_least_that_mends_it: "altered",
    a_renamed_and_stopped_container_is_mended_then_started: "renamed-and-stopped",
    reported_drift_is_left_while_a_change_goes_on: "altered-reported",
    an_unready_pod_does_not_make_an_idle_pass_wait: "unready",
    an_unseen_pod_and_what_depends_on_it_get_no_step: "unseen",
    an_unseen_surplus_pod_holds_those_below_it: "unseen-surplus",
    a_name_held_by_someone_else_stops_its_lane_and_names_the_holder: "foreign-name",
    a_volume_held_by_someone_else_is_never_attached: "foreign-volume",
    a_network_held_by_someone_else_stops_what_needs_it_and_nothing_else: "foreign-network",
    a_volume_of_another_workload_is_never_attached: "volume-of-another",
    k86_a_new_claim_name_means_a_new_empty_volume_and_the_plan_says_where_the_data_is: "claim-renamed",
    v43_a_removed_manifest_removes_pods_and_never_volumes: "removed",
    an_object_with_an_unseen_pod_is_not_released: "removed-unseen",
    pods_that_are_neither_wanted_nor_held_are_ours_by_label_and_go: "removed-half-made",
    flux_1664_a_refused_removal_stays_held_and_is_planned_again: "budget-exceeded",
    the_larger_of_number_and_share_is_the_budget: "budget-share",
    an_empty_desired_state_removes_nothing: "empty-desired",
    a_pending_workload_stays_as_it_is: "pending",
    a_changed_fixed_field_is_refused_with_what_would_happen_to_data: "fixed-field",
    recreation_removes_highest_first_and_keeps_volumes: "recreation",
    recreation_is_a_change_and_not_drift: "recreation-reported",
    an_interrupted_recreation_goes_on: "recreation-interrupted",
    a_number_too_many_goes_in_its_turn_with_a_recreation: "recreation-and-fewer",
    what_runs_as_wanted_is_adopted_when_the_record_is_lost: "adopted",
    a_deployment_makes_all_replicas_at_once: "deployment-create",
    a_deployment_with_surge_makes_before_it_removes: "deployment-update",
    a_deployment_without_surge_removes_before_it_makes: "deployment-unavailable",
    surge_and_unavailability_work_together: "deployment-both",
    recreate_removes_all_before_it_makes_any: "deployment-recreate",
    old_replicas_that_do_not_serve_go_first: "deployment-broken-first",
    scaling_down_takes_the_unready_then_the_youngest: "deployment-scale-down",
    scaling_down_with_a_new_image_makes_no_more_than_needed: "deployment-scale-and-update",
    a_lost_replica_is_made_again_under_a_new_name: "deployment-missing",
    a_lost_replica_is_only_reported_where_the_unit_says_so: "deployment-missing-reported",
    a_surplus_replica_is_never_drift: "deployment-surplus",
    stopped_replicas_are_started_and_altered_ones_replaced: "deployment-mend",
    with_an_unseen_replica_none_that_serves_is_taken_away: "deployment-unseen",
    a_stuck_rollout_leaves_the_old_replicas_serving: "deployment-stuck",
    a_reverted_rollout_removes_the_broken_replica_alone: "deployment-reverted",
    k56_a_budget_lets_so_many_ready_pods_be_mended_at_a_time_as_it_says: "disruption-waits",
    k56_a_budget_that_lets_none_be_stopped_leaves_what_a_person_altered: "disruption-none",
    a_pod_that_is_not_ready_is_mended_whatever_a_budget_says: "disruption-unready",
    a_budget_holds_up_no_change_of_the_manifests: "disruption-update",
    a_budget_over_several_workloads_counts_them_together: "disruption-shared",
    a_refused_step_stops_its_lane_alone: "act-refused",
    a_step_that_failed_waits_and_what_it_holds_up_says_so_while_other_workloads_go_on: "setback",
    a_new_replica_that_could_not_be_made_is_let_alone_whatever_its_next_name: "setback-replica",
    without_the_network_only_what_needs_it_waits: "setback-network",
    a_pass_after_a_crash_goes_on_from_what_it_finds: "agent-dies",
}

const PG: &str = "statefulset/data/pg";

fn pg(replicas: u32, image: &str) -> Desired {
    desired(&format!("{PG} replicas={replicas} image={image} claims=data,wal\nstatefulset/data/redis claims=data"))
}

fn delete(unit: &Unit, object: &str, prune: bool) -> Plan {
    let observed = unit.host.observe(unit.now);
    removal(&unit.input(&observed), &ObjectId::parse(object).unwrap(), prune)
}

fn volumes(unit: &Unit) -> Vec<String> {
    unit.host.observe(unit.now).volumes.into_keys().collect()
}

#[test]
fn v39_k16_scaling_down_and_up_re_attaches_every_volume() {
    let mut unit = Unit::applied(pg(3, "pg:1"));
    let before = volumes(&unit);
    for replicas in [1, 3] {
        unit.desired = pg(replicas, "pg:1");
        assert!(unit.pass().failures.is_empty());
        assert_eq!(volumes(&unit), before);
    }
    let plan = {
        unit.desired = pg(1, "pg:1");
        assert!(unit.pass().failures.is_empty());
        unit.desired = pg(3, "pg:1");
        unit.plan()
    };
    assert!(!render(&plan).contains("new empty volume"), "{plan}");
}

#[test]
fn v40_v43_deleting_keeps_volumes_and_applying_again_re_attaches_them() {
    let mut unit = Unit::applied(pg(2, "pg:1"));
    let before = volumes(&unit);
    let plan = delete(&unit, PG, false);
    assert_eq!(
        render(&plan),
        "remove   data-pg.1  deleted on request; volumes voodu-data-pg-data-1, voodu-data-pg-wal-1 kept\n\
         remove   data-pg.0  deleted on request; volumes voodu-data-pg-data-0, voodu-data-pg-wal-0 kept\n\
         (then statefulset/data/pg is released)\n"
    );
    assert!(unit.apply(&plan).failures.is_empty());
    assert_eq!(volumes(&unit), before);
    let again = unit.plan();
    assert!(render(&again).contains("create   data-pg.0  new; volumes voodu-data-pg-data-0, voodu-data-pg-wal-0 kept"));
    assert!(!render(&again).contains("new empty volume"));
}

#[test]
fn v42_v44_pruning_destroys_the_volumes_of_every_ordinal_ever_and_of_nobody_else() {
    let mut unit = Unit::applied(pg(3, "pg:1"));
    unit.desired = pg(1, "pg:1");
    assert!(unit.pass().failures.is_empty());
    let plan = delete(&unit, PG, true);
    let ending = unit.apply(&plan);
    assert!(ending.failures.is_empty(), "{ending:?}");
    assert_eq!(volumes(&unit), ["voodu-data-redis-data-0"]);
    assert!(!unit.held.objects.contains_key(&ObjectId::parse(PG).unwrap()));
}

#[test]
fn pruning_destroys_nothing_while_a_pod_is_out_of_sight() {
    let mut unit = Unit::applied(pg(2, "pg:1"));
    unit.host = Host::parse(&format!("{}hide data-pg.0 no answer", unit.host)).unwrap();
    let plan = delete(&unit, PG, true);
    assert_eq!(
        render(&plan),
        "keep     data-pg.0  not seen: no answer\n\
         remove   data-pg.1  deleted on request\n\
         keep     statefulset/data/pg  volumes not destroyed: not every pod was seen\n"
    );
}

#[test]
fn deleting_what_is_not_there_does_nothing_and_says_so() {
    let unit = Unit::applied(pg(1, "pg:1"));
    let plan = delete(&unit, "statefulset/data/other", true);
    assert_eq!(render(&plan), "keep     statefulset/data/other  deleted on request; nothing of it runs\n");
}

#[test]
fn flux_1664_a_removal_that_was_refused_is_planned_again_in_every_pass() {
    let objects =
        |names: &str| desired(&names.chars().map(|name| format!("statefulset/data/{name}\n")).collect::<String>());
    let mut unit = Unit::applied(objects("abcdefg"));
    unit.desired = objects("a");
    for _ in 0..2 {
        assert_eq!(unit.plan().steps().filter(|step| step.verb == Verb::Refuse).count(), 6);
        assert_eq!(unit.pass().acts, 0);
        assert_eq!(unit.held.objects.len(), 7);
    }
    unit.policy.prune.max = 6;
    assert!(unit.pass().failures.is_empty());
    assert_eq!(unit.held.objects.len(), 1);
}

#[test]
fn linkerd_12215_nothing_of_an_earlier_plan_is_left_in_the_next() {
    let mut unit = Unit::applied(pg(2, "pg:1"));
    unit.desired = pg(1, "pg:2");
    assert!(!unit.plan().is_empty());
    unit.desired = pg(2, "pg:1");
    assert!(unit.plan().is_empty(), "{}", unit.plan());
}

#[test]
fn the_commit_that_last_changed_a_workload_stays_held_until_another_does() {
    let mut unit = Unit::applied(pg(1, "pg:1"));
    let id = ObjectId::parse(PG).unwrap();
    unit.held.objects.get_mut(&id).unwrap().commit = Some("c0".to_owned());
    unit.pass();
    assert_eq!(unit.held.objects[&id].commit.as_deref(), Some("c0"), "nothing changed");
    unit.desired = pg(1, "pg:2");
    unit.pass();
    assert_eq!(unit.held.objects[&id].commit.as_deref(), Some("c1"));
}

#[test]
fn a_new_replica_never_gets_a_name_in_use() {
    let unit = Unit::new(desired("deployment/shop/web replicas=1"));
    let mut observed = unit.host.observe(unit.now);
    let names = (0..=u16::MAX).filter(|id| *id != 0x2a).map(|id| format!("shop-web.{id:04x}"));
    observed.foreign.extend(names.map(|name| (name, Holder("someone else".to_owned()))));
    let one_left = plan(&unit.input(&observed));
    assert!(render(&one_left).contains("create   shop-web.002a  new"), "{one_left}");
    observed.foreign.insert("shop-web.002a".to_owned(), Holder("someone else".to_owned()));
    let none_left = plan(&unit.input(&observed));
    let expected = "refuse   deployment/shop/web  no free name shop-web.0000 to ffff is left for a new replica\n";
    assert_eq!(render(&none_left), expected);
}

#[test]
fn a_reason_names_what_changed_and_counts_the_rest() {
    let mut unit = Unit::applied(pg(1, "pg:1"));
    let held = unit.held.objects.get_mut(&ObjectId::parse(PG).unwrap()).unwrap();
    let digest = "0123456789abcdef".repeat(4);
    for name in ["configmap/data/web/app.conf", "z1", "z2", "z3"] {
        held.parts.insert(name.to_owned(), digest.clone());
    }
    held.parts.insert("container/main/image".to_owned(), "pg:0".to_owned());
    let workload = unit.desired.workloads.get_mut(&ObjectId::parse(PG).unwrap()).unwrap();
    workload.parts.insert("configmap/data/web/app.conf".to_owned(), "77a0".repeat(16));
    workload.revision = SpecHash::parse(&format!("1:{}", "d".repeat(64))).unwrap();
    let why = unit.plan().steps().find(|step| step.verb == Verb::Replace).unwrap().why.clone();
    assert!(why.starts_with("configmap/data/web/app.conf changed (01234567… -> 77a077a0…), "), "{why}");
    assert!(why.contains(" more"), "{why}");
}

#[test]
fn a_pod_that_is_said_to_be_seen_and_unseen_gets_no_step() {
    let mut unit = Unit::applied(pg(3, "pg:1"));
    unit.desired = pg(1, "pg:2");
    let mut observed = unit.host.observe(unit.now);
    observed.unseen.insert("data-pg.2".to_owned(), "no answer".to_owned());
    let plan = plan(&unit.input(&observed));
    let steps = plan.steps().filter(|step| step.pod.as_deref() == Some("data-pg.2"));
    let steps: Vec<_> = steps.map(|step| (step.verb, step.why.as_str())).collect();
    assert_eq!(steps, [(Verb::Keep, "not seen: no answer")], "{plan}");
}

#[test]
fn a_fixed_field_that_another_version_did_not_record_is_no_change() {
    let mut unit = Unit::applied(pg(1, "pg:1"));
    let id = ObjectId::parse(PG).unwrap();
    unit.held.objects.get_mut(&id).unwrap().fixed.remove("selector").unwrap();
    let plan = unit.plan();
    assert!(plan.is_empty() && plan.steps().all(|step| step.verb == Verb::Keep), "{plan}");
    unit.held.objects.get_mut(&id).unwrap().fixed.remove("volumeClaimTemplates/wal").unwrap();
    let plan = unit.plan();
    assert!(render(&plan).contains("needs recreation: volumeClaimTemplates/wal added"), "{plan}");
}
