//! Jobs and CronJobs as they are read: what their pods are told, what they are called, and what is not taken.

use writ_core::model::{Concurrency, Controller, JobRules, PodIndex};
use writ_core::time::Seconds;

use crate::desired_text::{desired, env, messages, only, refusal};

/// A Job `data/work` with lines of its spec, of its pod and of its container.
fn job(spec: &str, pod: &str, container: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: work, namespace: data}}\nspec:\n{spec}  template:\n    \
         metadata: {{labels: {{app: work}}}}\n    spec:\n      restartPolicy: Never\n{pod}      containers:\n        \
         - name: main\n          image: app:1\n{container}"
    )
}

fn rules(spec: &str) -> JobRules {
    let (desired, _) = desired(&job(spec, "", ""));
    match &only(&desired).controller {
        Controller::Job(rules) => rules.clone(),
        other @ (Controller::StatefulSet { .. }
        | Controller::Deployment { .. }
        | Controller::DaemonSet { .. }
        | Controller::CronJob(_)) => {
            panic!("{other:?}")
        }
    }
}

const fn index(completion: u32, earlier: u32) -> PodIndex {
    PodIndex::Try { run: None, completion, earlier }
}

#[test]
fn what_a_job_leaves_out_is_what_kubernetes_fills_in() {
    let plain = rules("");
    let expected = JobRules {
        completions: Some(1),
        parallelism: 1,
        backoff_limit: 6,
        deadline: None,
        ttl: None,
        suspended: false,
        keeps_failed: true,
    };
    assert_eq!(plain, expected);
    assert_eq!(rules("  parallelism: 3\n").completions, None, "three workers share a queue");
    assert_eq!(rules("  parallelism: 3\n  completions: 2\n").completions, Some(2));
    let limits = rules("  activeDeadlineSeconds: 5\n  ttlSecondsAfterFinished: 0\n  backoffLimit: 0\n");
    assert_eq!((limits.deadline, limits.ttl, limits.backoff_limit), (Some(Seconds(5)), Some(Seconds(0)), 0));
}

#[test]
fn a_pod_of_a_job_ends_is_called_by_its_try_and_is_led_to_by_no_name() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: work, namespace: data}\nspec:\n  selector: {app: work}\n  \
                   ports: [{port: 80}]\n";
    let (desired, _) = desired(&format!("{service}---\n{}", job("", "", "")));
    let pod = only(&desired).pod(&index(0, 2));
    assert_eq!((pod.name.as_str(), pod.hostname.as_str(), pod.ends), ("data-work.0-2", "work-0-2", true));
    assert!(pod.own_names.is_empty() && pod.shared_names.is_empty(), "{pod:?}");
}

#[test]
fn a_pod_of_an_indexed_job_is_told_its_index_whichever_try_it_is() {
    let field = "          env:\n            - name: LABEL\n              valueFrom: {fieldRef: {fieldPath: \
                 \"metadata.labels['batch.kubernetes.io/job-completion-index']\"}}\n            - name: ANNOTATION\n              \
                 valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['batch.kubernetes.io/job-completion-index']\"}}\n            \
                 - name: JOB\n              valueFrom: {fieldRef: {fieldPath: \"metadata.labels['batch.kubernetes.io/job-name']\"}}\n          \
                 command: [work, $(JOB_COMPLETION_INDEX)]\n";
    let (desired, _) = desired(&job("  completions: 3\n  completionMode: Indexed\n", "", field));
    let pod = only(&desired).pod(&index(2, 1));
    assert_eq!((pod.name.as_str(), pod.hostname.as_str()), ("data-work.2-1", "work-2"));
    for (name, value) in [("JOB_COMPLETION_INDEX", "2"), ("LABEL", "2"), ("ANNOTATION", "2"), ("JOB", "work")] {
        assert_eq!(env(&pod.main, name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(pod.main.entrypoint, Some(vec!["work".to_owned(), "2".to_owned()]));
    let (plain, _) = crate::desired_text::desired(&job("  completions: 3\n", "", ""));
    assert_eq!(env(&only(&plain).pod(&index(2, 1)).main, "JOB_COMPLETION_INDEX"), None);
}

#[test]
fn a_name_as_long_as_it_may_be_makes_no_machine_name_that_is_longer() {
    let name = "a".repeat(63);
    let (desired, _) = desired(&job("", "", "").replace("name: work", &format!("name: {name}")));
    let pod = only(&desired).pod(&index(10, 3));
    assert_eq!(pod.hostname.len(), 63);
    assert!(pod.hostname.ends_with("a-10-3"), "{}", pod.hostname);
}

#[test]
fn how_often_it_runs_is_part_of_its_hash_and_how_long_it_may_is_not() {
    let revision = |spec: &str| only(&desired(&job(spec, "", "")).0).revision.clone();
    let plain = revision("");
    assert_eq!(plain, revision("  backoffLimit: 1\n  activeDeadlineSeconds: 9\n  ttlSecondsAfterFinished: 9\n"));
    assert_eq!(plain, revision("  completions: 1\n  suspend: true\n"));
    assert_ne!(plain, revision("  completions: 2\n"));
    assert_ne!(revision("  completions: 2\n"), revision("  completions: 2\n  completionMode: Indexed\n"));
}

#[test]
fn probes_restart_nothing_that_ends_and_an_index_needs_a_number_of_them() {
    for probe in ["livenessProbe", "startupProbe"] {
        let text = job("", "", &format!("          {probe}: {{exec: {{command: [\"true\"]}}}}\n"));
        let said = refusal(&text);
        assert!(said.contains(&format!("no {probe} restarts a pod that runs to its end")), "{said}");
    }
    let (_, notes) = desired(&job("", "", "          readinessProbe: {exec: {command: [\"true\"]}}\n"));
    assert!(messages(&notes).contains("`readinessProbe` has no effect"), "{}", messages(&notes));
    let said = refusal(&job("  completionMode: Indexed\n", "", ""));
    assert!(said.contains("an indexed Job needs `completions`"), "{said}");
    let claims = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: work, namespace: data}\nspec:\n  selector: {matchLabels: \
                  {app: x}}\n  template:\n    metadata: {labels: {app: x}}\n    spec: {containers: [{name: main, image: 'a:1'}]}\n";
    let said = refusal(&format!("{claims}---\n{}", job("", "", "")));
    assert!(said.contains("would belong to daemonset/data/work and to job/data/work"), "{said}");
}

#[test]
fn a_cron_job_is_read_as_a_job_with_its_times_and_its_problems_stand_where_they_were_written() {
    let cron = |spec: &str| {
        let job = job("  completions: 2\n  completionMode: Indexed\n", "", "");
        let (_, template) = job.split_once("spec:\n").unwrap();
        let template: String = template.lines().map(|line| format!("    {line}\n")).collect();
        format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: work, namespace: data}}\nspec:\n  schedule: '30 2 * * *'\n{spec}  \
             jobTemplate:\n    spec:\n{template}"
        )
    };
    let (desired, _) = desired(&cron("  timeZone: Europe/Berlin\n"));
    let workload = only(&desired);
    let Controller::CronJob(rules) = &workload.controller else { panic!("{:?}", workload.controller) };
    assert_eq!((rules.schedule.text(), rules.schedule.zone()), ("30 2 * * *", "Europe/Berlin"));
    let wanted = (Concurrency::Allow, None, false, 3, 1, Some(2));
    let found = (
        rules.concurrency,
        rules.starting_deadline,
        rules.suspended,
        rules.keep_succeeded,
        rules.keep_failed,
        rules.job.completions,
    );
    assert_eq!(found, wanted);
    let pod = workload.pod(&PodIndex::Try { run: Some(29_920_950), completion: 1, earlier: 2 });
    assert_eq!((pod.name.as_str(), pod.hostname.as_str()), ("data-work.29920950-1-2", "work-29920950-1"));
    assert_eq!(env(&pod.main, "JOB_COMPLETION_INDEX").as_deref(), Some("1"));
    let (plain, _) = crate::desired_text::desired(&cron(""));
    let Controller::CronJob(rules) = &only(&plain).controller else { panic!("it is one") };
    assert_eq!(rules.schedule.zone(), "UTC");
    let said = refusal(&cron("").replace("      completions: 2\n", ""));
    assert!(said.starts_with("8:") && said.contains("an indexed Job needs `completions`"), "{said}");
}
