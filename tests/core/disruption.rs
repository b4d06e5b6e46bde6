//! Disruption budgets: whose pods they are about, and how many of these must stay ready.

use crate::desired_text::{desired, messages};

fn workload(kind: &str, name: &str, label: &str, replicas: u32) -> String {
    let replicas = if kind == "DaemonSet" { String::new() } else { format!("replicas: {replicas}, ") };
    format!(
        "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{{replicas}selector: {{matchLabels: {{app: {label}}}}}, \
         template: {{metadata: {{labels: {{app: {label}, name: {name}}}}}, \
         spec: {{containers: [{{name: app, image: 'a:1'}}]}}}}}}\n"
    )
}

fn budget(spec: &str) -> String {
    format!(
        "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: b, namespace: shop}}\nspec: {{{spec}}}\n"
    )
}

/// Seven pods with the label `web`, one with `db`, and a Job.
fn all() -> String {
    let job = "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: shop}\nspec: {template: {metadata: \
               {labels: {app: web}}, spec: {restartPolicy: Never, containers: [{name: app, image: 'a:1'}]}}}\n";
    let elsewhere = workload("Deployment", "web", "web", 9).replace("namespace: shop", "namespace: other");
    let workloads = [
        workload("Deployment", "web", "web", 4),
        workload("StatefulSet", "web-db", "web", 2),
        workload("DaemonSet", "agent", "web", 1),
        workload("StatefulSet", "db", "db", 1),
    ];
    format!("{}{job}{elsewhere}", workloads.concat())
}

/// What the budget comes to: its workloads, and how many of how many must stay ready.
#[track_caller]
fn check(spec: &str, expected: &str) {
    let (desired, _) = desired(&format!("{}{}", all(), budget(spec)));
    let budget = desired.budgets.values().next().unwrap();
    let workloads: Vec<String> = budget.workloads.iter().map(ToString::to_string).collect();
    assert_eq!(format!("{} {}/{}", workloads.join(" "), budget.ready_min, budget.wanted), expected, "{spec}");
}

const WEB: &str = "selector: {matchLabels: {app: web}}";

#[test]
fn a_budget_is_about_the_pods_of_its_namespace_that_its_selector_finds_and_that_are_kept_running() {
    let web = "statefulset/shop/web-db deployment/shop/web daemonset/shop/agent";
    check(&format!("minAvailable: 3, {WEB}"), &format!("{web} 3/7"));
    check(
        "minAvailable: 1, selector: {matchExpressions: [{key: name, operator: In, values: [db]}]}",
        "statefulset/shop/db 1/1",
    );
    check(
        "minAvailable: 1, selector: {}",
        "statefulset/shop/db statefulset/shop/web-db deployment/shop/web daemonset/shop/agent 1/8",
    );
    check("minAvailable: 1", " 1/0");
}

#[test]
fn shares_are_rounded_up_as_on_kubernetes() {
    let check = |share: &str, ready_min: u32| {
        let web = "statefulset/shop/web-db deployment/shop/web daemonset/shop/agent";
        check(&format!("{share}, {WEB}"), &format!("{web} {ready_min}/7"));
    };
    check("minAvailable: 50%", 4);
    check("minAvailable: 100%", 7);
    check("maxUnavailable: 50%", 3);
    check("maxUnavailable: 1%", 6);
    check("maxUnavailable: 9", 0);
    check("maxUnavailable: 0", 7);
}

#[test]
fn a_budget_that_lets_nothing_be_stopped_or_that_is_about_nothing_is_told_and_no_other() {
    let told = |spec: &str| messages(&desired(&format!("{}{}", all(), budget(spec))).1);
    let never = "Note: poddisruptionbudget/shop/b: 1 of 1 pods must stay ready, so none is ever replaced";
    assert!(told("minAvailable: 1, selector: {matchLabels: {app: db}}").starts_with(never));
    assert!(told("maxUnavailable: 0, selector: {matchLabels: {app: db}}").starts_with(never));
    assert!(told("minAvailable: 1, selector: {matchLabels: {app: none}}").contains("it selects no pods"));
    assert_eq!(told(&format!("minAvailable: 6, {WEB}")), "");
}

#[test]
fn a_budget_changes_no_workload() {
    let revisions = |text: &str| {
        let workloads = desired(text).0.workloads;
        workloads.into_values().map(|workload| workload.revision).collect::<Vec<_>>()
    };
    assert_eq!(revisions(&all()), revisions(&format!("{}{}", all(), budget(&format!("minAvailable: 3, {WEB}")))));
}
