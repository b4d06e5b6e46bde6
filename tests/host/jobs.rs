//! Jobs and CronJobs through the whole program on a simulated host: what is run, told and remembered.

use writ::clock::Clock;
use writ_core::holdings::{HoldingChange, RunMark};
use writ_core::model::ObjectId;
use writ_core::status::State;
use writ_core::time::Timestamp;

use crate::machine::{Machine, Origin};

/// A Job in `data` with lines of its spec.
fn job(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}, namespace: data}}\nspec:\n{spec}  template:\n    \
         spec:\n      restartPolicy: Never\n      containers: [{{name: main, image: 'app:1'}}]\n"
    )
}

const WEB: &str = "deployment \"shop\" \"web\" {\n  image = \"web:1\"\n  replicas = 1\n}\n";

/// How the last pass ended, in a word and the words of the status.
fn stands(machine: &Machine) -> (State, String) {
    let (_, state, text) = machine.standing().unwrap();
    (state, text)
}

#[test]
fn a_job_is_pending_while_it_runs_and_a_success_once_it_is_complete_and_no_pass_runs_it_again() {
    let origin = Origin::new();
    origin.deploy(&[("job.yaml", &job("migrate", "")), ("web.hcl", WEB)]);
    let machine = Machine::new(&origin, "");
    machine.pass();
    let text = "waiting: job/data/migrate to end; 2 workloads, 1 of 1 pod available";
    assert_eq!(stands(&machine), (State::Pending, text.to_owned()));
    let shown = machine.writ(&["status"]);
    assert!(shown.text.contains("job/data/migrate  begun "), "{shown:?}");
    let host = machine.host().replace("available=0s", "available=ends:0:0s");
    std::fs::write(machine.state().join("simulated.host"), host).unwrap();
    machine.pass();
    assert_eq!(stands(&machine), (State::Success, "2 workloads, 1 of 1 pod available".to_owned()));
    let (acts, records) = (machine.acts(), machine.history().len());
    for _ in 0..3 {
        machine.pass();
    }
    assert_eq!((machine.acts(), machine.history().len()), (acts, records), "{}", machine.told());
    let shown = machine.writ(&["plan"]);
    assert!(shown.text.contains("keep     job/data/migrate  complete"), "{shown:?}");
    let shown = machine.writ(&["status"]);
    assert!(shown.text.contains("job/data/migrate  complete "), "{shown:?}");
    let shown = machine.writ(&["why", "job/data/migrate"]);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    machine.check_journal();
}

#[test]
fn a_job_that_failed_is_a_failure_of_the_status_with_its_code_and_holds_up_nobody() {
    let origin = Origin::new();
    origin.deploy(&[("job.yaml", &job("migrate", "  backoffLimit: 0\n")), ("web.hcl", WEB)]);
    let machine = Machine::new(&origin, "");
    machine.describe("rule job/data/migrate ends:3:0s");
    machine.pass();
    let failed = machine.writ(&["run", "--once"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let (state, text) = stands(&machine);
    assert_eq!(state, State::Failure);
    let why = "failed: job/data/migrate: a failure, more than its backoffLimit of 0: data-migrate.0-0 exited with code 3; \
               `writ logs data-migrate.0-0` shows why; 2 workloads, 1 of 1 pod available";
    assert_eq!(text, why);
    let acts = machine.acts();
    machine.writ(&["run", "--once"]);
    assert_eq!(machine.acts(), acts, "it is not tried again");
    let shown = machine.writ(&["status"]);
    assert!(shown.text.contains("job/data/migrate  failed "), "{shown:?}");
    origin.deploy(&[("job.yaml", &job("migrate", "  backoffLimit: 0\n").replace("app:1", "app:2")), ("web.hcl", WEB)]);
    machine.writ(&["run", "--once"]);
    assert!(machine.told().contains("a new run begins"), "{}", machine.told());
}

#[test]
fn an_agent_that_dies_while_it_makes_a_job_makes_it_once() {
    let origin = Origin::new();
    origin.deploy(&[("job.yaml", &job("migrate", ""))]);
    for how in ["crash-before", "crash-after"] {
        let machine = Machine::new(&origin, "");
        machine.describe("network present");
        machine.describe(&format!("fault 1 {how}"));
        let killed = machine.writ(&["run", "--once"]);
        assert_eq!(killed.code, None, "{how}: {killed:?}");
        machine.pass();
        machine.pass();
        assert!(machine.host().contains("count acts=2 made=1") || machine.host().contains("count acts=1 made=1"));
        let made = machine.host().lines().filter(|line| line.starts_with("pod data-migrate.")).count();
        assert_eq!(made, 1, "{how}: {}", machine.host());
        machine.check_journal();
    }
}

#[test]
fn an_agent_wakes_at_the_moment_at_which_something_is_due_for_a_job() {
    let origin = Origin::new();
    origin.deploy(&[("job.yaml", &job("migrate", "  activeDeadlineSeconds: 1\n"))]);
    let machine = Machine::new(&origin, "");
    let running = machine.run();
    running.until("the deadline", |machine| {
        machine
            .standing()
            .is_some_and(|(_, state, text)| state == State::Failure && text.contains("activeDeadlineSeconds"))
    });
    assert!(!machine.host().contains("pod data-migrate"), "{}", machine.host());
    let (stopped, _) = running.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
}

#[test]
fn a_job_that_is_deleted_by_hand_is_run_again_for_nobody_knows_of_it_any_more() {
    let origin = Origin::new();
    origin.deploy(&[("job.yaml", &job("migrate", ""))]);
    let machine = Machine::new(&origin, "");
    machine.describe("rule job/data/migrate ends:0:0s");
    machine.pass();
    machine.pass();
    assert_eq!(stands(&machine).0, State::Success);
    let deleted = machine.writ(&["delete", "job/data/migrate", "--yes"]);
    assert_eq!(deleted.code, Some(0), "{deleted:?}");
    assert!(!machine.host().contains("pod data-migrate"), "{}", machine.host());
    machine.pass();
    assert!(machine.host().contains("pod data-migrate.0-0"), "{}", machine.host());
}

/// A CronJob that is due in this minute of each hour.
fn sweep(minute: i64) -> String {
    format!(
        "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: sweep, namespace: data}}\nspec:\n  schedule: '{minute} * * * *'\n  \
         jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          \
         containers: [{{name: main, image: 'app:1'}}]\n"
    )
}

/// The record says that the CronJob was run last so long ago.
fn last_run(machine: &Machine, hours: i64) {
    let store = machine.store();
    let object = ObjectId::parse("cronjob/data/sweep").unwrap();
    let held = store.holdings("edge").unwrap().objects.remove(&object).unwrap();
    let last = Timestamp(Clock.now().0 - hours * 3_600_000);
    let held = held.at(Some(&RunMark::Scheduled(last)));
    store.change_holdings(Clock.now(), "edge", &HoldingChange::Hold(object, Box::new(held))).unwrap();
}

#[test]
fn a_cron_job_runs_the_last_time_that_an_agent_that_was_down_missed_and_each_time_once() {
    let origin = Origin::new();
    // It was due half an hour ago, so that it becomes due at no moment of the test.
    let due = Clock.now().seconds() / 60 - 30;
    origin.deploy(&[("sweep.yaml", &sweep(due % 60))]);
    for how in ["", "fault 1 crash-before", "fault 1 crash-after"] {
        let machine = Machine::new(&origin, "");
        machine.describe("network present");
        machine.pass();
        assert!(!machine.host().contains("pod data-sweep."), "nothing is due yet: {}", machine.host());
        let before = stands(&machine);
        assert_eq!(before.0, State::Success);
        last_run(&machine, 5);
        machine.describe(how);
        let ran = machine.writ(&["run", "--once"]);
        assert_eq!(ran.code.is_none(), !how.is_empty(), "{ran:?}");
        for _ in 0..3 {
            machine.pass();
        }
        let made: Vec<String> =
            machine.host().lines().filter(|line| line.starts_with("pod data-sweep.")).map(str::to_owned).collect();
        assert_eq!(made.len(), 1, "{how}: {made:?}");
        assert!(made[0].starts_with(&format!("pod data-sweep.{due}-0-0 ")), "{made:?}");
        assert_eq!(stands(&machine), before, "a run that goes on is nothing to wait for, and no status tells of it");
        let shown = machine.writ(&["plan"]);
        assert!(shown.text.contains("cronjob/data/sweep  next due at "), "{shown:?}");
        let shown = machine.writ(&["status"]);
        assert!(shown.text.contains("cronjob/data/sweep  last run, or first seen, "), "{shown:?}");
        machine.check_journal();
        let deleted = machine.writ(&["delete", "cronjob/data/sweep", "--yes"]);
        assert_eq!(deleted.code, Some(0), "{deleted:?}");
        assert!(!machine.host().contains("pod data-sweep."), "{}", machine.host());
    }
}
