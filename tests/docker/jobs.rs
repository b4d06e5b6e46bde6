//! Jobs and CronJobs on a real engine: run to their end, tried again, ended in time, and never run twice. The clock of a pass is put
//! forward instead of waited for.

use writ::target::Depth;
use writ_core::observed::PodState;
use writ_core::plan::{Plan, RunState};
use writ_core::time::Seconds;

use crate::pass::Unit;
use crate::site::Site;
use crate::world::until;

/// A Job in the test's scope: lines of its spec, of its pod, and a shell command.
fn job(spec: &str, pod: &str, command: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: work, namespace: SCOPE}}\nspec:\n{spec}  template:\n    spec:\n{pod}      \
         terminationGracePeriodSeconds: 1\n      containers:\n        - {{name: main, image: 'writ-test/box:1', \
         command: [sh, -c, '{command}']}}\n"
    )
}

const NEVER: &str = "      restartPolicy: Never\n";
const ON_FAILURE: &str = "      restartPolicy: OnFailure\n";

fn name(unit: &Unit, index: &str) -> String {
    format!("{}-work.{index}", unit.world.scope)
}

/// Passes until the run is as wanted; what the last plan said.
async fn until_run(unit: &mut Unit, text: &str, is_so: impl Fn(&RunState) -> bool) -> Plan {
    let desired = unit.desired("job.yaml", text);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
    loop {
        let plan = unit.pass(&desired).await.unwrap();
        if plan.lanes.iter().filter_map(|lane| lane.run.as_ref()).any(|run| is_so(&run.state)) {
            return plan;
        }
        assert!(tokio::time::Instant::now() < deadline, "{plan}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// What stands there of the Job: each container with its state.
async fn seen(unit: &Unit) -> Vec<String> {
    let pods = unit.world.look(Depth::List).await.pods;
    let state = |state: &PodState| match state {
        PodState::Exited { code, .. } => format!("ended {code}"),
        other @ (PodState::Created | PodState::Running | PodState::Paused | PodState::Restarting | PodState::Dead) => {
            format!("{other:?}")
        }
    };
    let scope = format!("{}-", unit.world.scope);
    pods.iter().map(|(name, pod)| format!("{} {}", name.trim_start_matches(&scope), state(&pod.state))).collect()
}

#[tokio::test]
async fn a_job_runs_to_its_end_with_its_init_containers_and_never_again_without_its_record() {
    let mut unit = Unit::new().await;
    let init = "      initContainers: [{name: first, image: 'writ-test/box:1', command: [sh, -c, 'echo first > /shared/a'], \
                volumeMounts: [{name: shared, mountPath: /shared}]}]\n      volumes: [{name: shared, emptyDir: {}}]\n";
    let text = job("", &format!("{NEVER}{init}"), "cat /shared/a; hostname");
    let text = text.replace(
        "command: [sh, -c, 'cat",
        "volumeMounts: [{name: shared, mountPath: /shared}], command: [sh, -c, 'cat",
    );
    drop(until_run(&mut unit, &text, |state| *state == RunState::AtRest).await);
    assert_eq!(seen(&unit).await, ["work.0-0 ended 0"]);
    let pod = name(&unit, "0-0");
    assert_eq!(unit.world.person(&["logs", &pod]), "first\nwork-0-0");
    assert_eq!(unit.world.field(&pod, "{{.HostConfig.RestartPolicy.Name}}"), "no");
    let container = unit.world.container(&pod).await;
    unit.held = writ_core::holdings::Holdings::default();
    let desired = unit.desired("job.yaml", &text);
    for _ in 0..2 {
        assert!(unit.pass(&desired).await.unwrap().is_empty());
    }
    assert_eq!(unit.world.container(&pod).await, container);
    unit.world.person(&["rm", &pod]);
    for later in [0, 86_400] {
        unit.later = Seconds(later);
        assert!(unit.pass(&desired).await.unwrap().is_empty(), "what is held knows that it is complete");
    }
    assert!(seen(&unit).await.is_empty());
}

#[tokio::test]
async fn failures_are_tried_again_after_longer_and_longer_pauses_until_there_are_too_many() {
    let mut unit = Unit::new().await;
    let text = job("  backoffLimit: 1\n", NEVER, "echo oh no; exit 3");
    let desired = unit.desired("job.yaml", &text);
    let ended = async |unit: &Unit, count: usize| {
        let all = until(|| async {
            let seen = seen(unit).await;
            let done = seen.iter().filter(|pod| pod.ends_with("ended 3")).count() == count;
            (done.then_some(()), format!("{seen:?}"))
        });
        all.await.unwrap();
    };
    drop(unit.pass(&desired).await.unwrap());
    ended(&unit, 1).await;
    let waits = unit.pass(&desired).await.unwrap();
    assert!(waits.to_string().contains("after the 1st failure: exited with code 3"), "{waits}");
    assert!(waits.is_empty() && waits.due().is_some(), "{waits}");
    unit.later = Seconds(11);
    drop(unit.pass(&desired).await.unwrap());
    ended(&unit, 2).await;
    let failed = until_run(&mut unit, &text, |state| matches!(state, RunState::Failed(_))).await;
    assert!(failed.to_string().contains("work.0-1 exited with code 3; `writ logs "), "{failed}");
    assert_eq!(seen(&unit).await, ["work.0-0 ended 3", "work.0-1 ended 3"]);
    unit.later = Seconds(86_400);
    assert!(unit.pass(&desired).await.unwrap().is_empty(), "it stays failed");
}

#[tokio::test]
async fn with_on_failure_the_next_try_takes_the_place_of_the_one_before() {
    let mut unit = Unit::new().await;
    let command = "test $(hostname) = work-0-1 || exit 1";
    let text = job("", ON_FAILURE, command);
    let desired = unit.desired("job.yaml", &text);
    drop(unit.pass(&desired).await.unwrap());
    let one = until(|| async {
        let seen = seen(&unit).await;
        ((seen == ["work.0-0 ended 1"]).then_some(()), format!("{seen:?}"))
    });
    one.await.unwrap();
    unit.later = Seconds(11);
    drop(until_run(&mut unit, &text, |state| *state == RunState::AtRest).await);
    assert_eq!(seen(&unit).await, ["work.0-1 ended 0"]);
}

#[tokio::test]
async fn each_index_of_an_indexed_job_is_told_which_it_is() {
    let mut unit = Unit::new().await;
    let spec = "  completions: 3\n  parallelism: 2\n  completionMode: Indexed\n";
    let text = job(spec, NEVER, "echo $JOB_COMPLETION_INDEX $(hostname)");
    drop(until_run(&mut unit, &text, |state| *state == RunState::AtRest).await);
    for index in 0..3 {
        let pod = name(&unit, &format!("{index}-0"));
        assert_eq!(unit.world.person(&["logs", &pod]), format!("{index} work-{index}"));
    }
}

#[tokio::test]
async fn a_deadline_stops_what_runs_and_a_time_to_live_removes_what_ended() {
    let mut unit = Unit::new().await;
    let text = job("  activeDeadlineSeconds: 60\n", NEVER, "sleep 1000");
    let desired = unit.desired("job.yaml", &text);
    let plan = unit.pass(&desired).await.unwrap();
    assert!(plan.due().is_some(), "the deadline is due some time");
    assert_eq!(seen(&unit).await, ["work.0-0 Running"]);
    unit.later = Seconds(61);
    drop(until_run(&mut unit, &text, |state| matches!(state, RunState::Failed(_))).await);
    assert!(seen(&unit).await.is_empty());

    let mut unit = Unit::new().await;
    let text = job("  ttlSecondsAfterFinished: 60\n", NEVER, "true");
    let plan = until_run(&mut unit, &text, |state| *state == RunState::AtRest).await;
    assert_eq!(seen(&unit).await, ["work.0-0 ended 0"], "{plan}");
    unit.later = Seconds(70);
    let desired = unit.desired("job.yaml", &text);
    let plan = unit.pass(&desired).await.unwrap();
    assert!(plan.to_string().contains("ttlSecondsAfterFinished"), "{plan}");
    assert!(seen(&unit).await.is_empty());
    assert!(unit.pass(&desired).await.unwrap().is_empty(), "and it is not run again");
}

#[tokio::test]
async fn a_container_that_was_made_and_never_started_is_started_and_one_that_ended_is_not() {
    let mut unit = Unit::new().await;
    let text = job("", NEVER, "echo once");
    drop(until_run(&mut unit, &text, |state| *state == RunState::AtRest).await);
    let desired = unit.desired("job.yaml", &text);
    let spec = desired.workloads.values().next().unwrap();
    let spec = spec.pod(&spec.some_index());
    let pod = name(&unit, "0-0");
    // What an agent asks for that had no answer the last time.
    unit.world.create(&spec).await.unwrap();
    assert_eq!(unit.world.person(&["logs", &pod]), "once", "it ran once");
}

#[tokio::test]
async fn the_commands_tell_of_a_job_what_there_is_to_tell() {
    let site = Site::new().await;
    let text = job("  backoffLimit: 0\n", NEVER, "echo it went wrong; exit 7");
    let commit = site.commit("job.yaml", &text);
    let pod = site.scoped("SCOPE-work.0-0");
    let agent = site.start();
    let said = site.is_said(&commit, "failure").await;
    assert!(said.contains("job/"), "{said}");
    agent.stop().await;
    let object = site.scoped("job/SCOPE/work");
    site.writ(&["logs", &object]).await.exits(0).shows("it went wrong");
    site.writ(&["status"]).await.shows(&format!("{pod}  ended with code 7"));
    site.writ(&["plan"]).await.shows("exited with code 7");
    site.writ(&["why", &object]).await.exits(0);
    let pass = site.pass().await;
    assert_eq!(pass.exits(1).document()["changes"], 0, "it stays failed, and nothing is done about it");
    site.writ(&["delete", &object, "--yes"]).await.exits(0);
    assert!(site.containers().is_empty());
    site.holds().await;
}

/// The same as a CronJob that is due once an hour, half an hour from now: far from every moment at which the test looks.
fn cron(unit: &Unit, spec: &str, command: &str) -> String {
    let job = job("", NEVER, command);
    let (_, template) = job.split_once("spec:\n").unwrap();
    let template: String = template.lines().map(|line| format!("    {line}\n")).collect();
    let minute = (unit.world.clock.now().0 / 60_000 + 30) % 60;
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: work, namespace: SCOPE}}\nspec:\n  schedule: '{minute} * * * *'\n{spec}  \
         jobTemplate:\n    spec:\n{template}"
    )
}

const HOUR: u32 = 3_600;

#[tokio::test]
async fn a_cron_job_is_run_once_for_each_time_and_keeps_as_many_runs_as_it_says() {
    let mut unit = Unit::new().await;
    let text = cron(&unit, "  successfulJobsHistoryLimit: 1\n", "echo swept by $(hostname)");
    let desired = unit.desired("cron.yaml", &text);
    assert!(unit.pass(&desired).await.unwrap().is_empty(), "nothing is due at its first sight");
    let mut last = String::new();
    for hours in 1..=3 {
        unit.later = Seconds(hours * HOUR);
        drop(unit.pass(&desired).await.unwrap());
        let ended = until(|| async {
            let seen = seen(&unit).await;
            let newest = seen.last().cloned().unwrap_or_default();
            ((newest.ends_with("ended 0") && newest != last).then_some(newest), format!("{seen:?}"))
        });
        let newest = ended.await.unwrap();
        // The record is lost: the containers say which time was run.
        unit.held = writ_core::holdings::Holdings::default();
        for _ in 0..2 {
            drop(unit.pass(&desired).await.unwrap());
        }
        let seen = seen(&unit).await;
        assert_eq!(seen, std::slice::from_ref(&newest), "one run is kept, and no time is run twice");
        last = newest;
    }
    let pod = last.split(' ').next().unwrap().strip_prefix("work.").unwrap().to_owned();
    assert_eq!(unit.world.person(&["logs", &name(&unit, &pod)]), format!("swept by work-{pod}"));
}

#[tokio::test]
async fn a_run_that_goes_on_is_left_alone_by_a_new_template_and_replaced_where_that_is_asked_for() {
    let mut unit = Unit::new().await;
    let text = cron(&unit, "  concurrencyPolicy: Replace\n", "sleep 1000");
    let desired = unit.desired("cron.yaml", &text);
    drop(unit.pass(&desired).await.unwrap());
    unit.later = Seconds(HOUR);
    drop(unit.pass(&desired).await.unwrap());
    let first = unit.world.look(Depth::List).await.pods;
    assert_eq!(first.len(), 1, "{first:?}");
    let changed = unit.desired("cron.yaml", &text.replace("1000", "2000"));
    let plan = unit.pass(&changed).await.unwrap();
    assert!(plan.is_empty() && unit.world.look(Depth::List).await.pods.keys().eq(first.keys()), "{plan}");
    unit.later = Seconds(2 * HOUR);
    let plan = unit.pass(&changed).await.unwrap();
    assert!(plan.to_string().contains("concurrencyPolicy Replace"), "{plan}");
    let second = unit.world.look(Depth::List).await.pods;
    assert!(second.len() == 1 && !second.keys().eq(first.keys()), "{second:?}");
    assert!(second.values().all(|pod| Some(&pod.revision) != first.values().next().map(|pod| &pod.revision)));
}
