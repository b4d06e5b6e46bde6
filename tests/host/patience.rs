//! Steps that keep failing: how long they wait, what ends the wait, and where it is shown.

use std::convert::Infallible;
use std::fs;
use std::pin::{Pin, pin};

use writ::agent::Agent;
use writ::clock::Clock;
use writ::cycle::{self, PassEnd};
use writ::interrupt::Interrupt;
use writ::record::{Event, Outcome, Record, WorkEvent};
use writ::source::Source;
use writ::wake::Wake;
use writ_core::model::{BucketRef, Scope};
use writ_core::status::State;
use writ_core::text::SecretText;

use crate::machine::{Machine, Origin};

const WEB: &str = "deployment \"shop\" \"web\" {\n  image = \"web:1\"\n  replicas = 1\n}\n";
const API: &str = "deployment \"shop\" \"api\" {\n  image = \"api:1\"\n  replicas = 1\n}\n";

const YAML: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
                    selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                    spec: {containers: [{name: web, image: 'web:1'}]}\n";

/// Acts that fail on a host on which no pod can be made. The first makes its network.
const FAILING: std::ops::RangeInclusive<u32> = 2..=40;

/// One more pass of an agent that goes on.
async fn pass(
    agent: &Agent,
    source: &mut Source,
    attending: &mut Pin<&mut impl Future<Output = Infallible>>,
    wake: Wake,
) -> PassEnd {
    let interrupt = Interrupt::default();
    tokio::select! {
        end = cycle::pass(agent, source, wake, &interrupt) => end.unwrap(),
        never = attending => match never {},
    }
}

fn failures(machine: &Machine) -> usize {
    let failed =
        |record: &&Record| matches!(&record.event, Event::Work(WorkEvent::Outcome { outcome: Outcome::Failed(_), .. }));
    machine.history().iter().filter(failed).count()
}

fn where_nothing_can_be_made(origin: &Origin) -> Machine {
    let machine = Machine::new(origin, "");
    for act in FAILING {
        machine.describe(&format!("fault {act} refuse"));
    }
    machine
}

#[tokio::test]
async fn a_step_that_failed_waits_and_neither_journal_nor_status_grow_meanwhile() {
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", WEB)]);
    let machine = where_nothing_can_be_made(&origin);
    let ((agent, attendance), mut source) = (machine.agent(), machine.source());
    let mut attending = pin!(attendance.run(&agent));
    let first = pass(&agent, &mut source, &mut attending, Wake::Start).await;
    assert!(first.failed && failures(&machine) == 1, "{first:?}");
    let (records, standing) = (machine.history().len(), machine.standing());
    assert_eq!(standing.as_ref().map(|it| it.1), Some(State::Failure));
    for wake in [Wake::Interval, Wake::Drift, Wake::Health, Wake::Retry] {
        let end = pass(&agent, &mut source, &mut attending, wake).await;
        assert!(end.failed && end.changes == 0, "{end:?}");
        assert_eq!(end.units, first.units, "{wake}");
    }
    assert_eq!((machine.history().len(), machine.standing()), (records, standing));
    let shown = machine.writ(&["plan"]);
    assert!(shown.text.contains("keep     deployment/shop/web  waits until "), "{shown:?}");
    assert!(shown.text.contains(" UTC after the 1st failure: "), "{shown:?}");
    assert!(agent.units()[0].patience.next(Clock.now()).is_some(), "the next try is known");
}

#[tokio::test]
async fn a_person_a_commit_a_bucket_and_another_hash_each_end_the_wait() {
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", WEB)]);
    let machine = where_nothing_can_be_made(&origin);
    let ((agent, attendance), mut source) = (machine.agent(), machine.source());
    let mut attending = pin!(attendance.run(&agent));
    let mut tries = 0;
    let bucket = BucketRef { scope: Scope("other".to_owned()), name: None };
    let ends: [(&str, Wake, &dyn Fn()); 4] = [
        ("a start", Wake::Start, &|| ()),
        ("a change of the local repository", Wake::LocalChange, &|| ()),
        ("a commit that leaves the workload as it is", Wake::Interval, &|| {
            origin.deploy(&[("web.hcl", WEB), ("notes.txt", "nothing")]);
        }),
        ("a changed bucket", Wake::Interval, &|| {
            machine.store().make_host_key(Clock.now(), "edge-1").unwrap();
            machine.store().bucket_set(Clock.now(), &bucket, "KEY", &SecretText::new("value")).unwrap();
        }),
    ];
    for (what, wake, happens) in ends {
        happens();
        pass(&agent, &mut source, &mut attending, wake).await;
        tries += 1;
        assert_eq!(failures(&machine), tries, "{what}");
        pass(&agent, &mut source, &mut attending, Wake::Interval).await;
        assert_eq!(failures(&machine), tries, "it waits again after {what}");
    }
    let by_hand = machine.writ(&["run", "--once"]);
    assert_eq!((by_hand.code, failures(&machine)), (Some(1), tries + 1), "{by_hand:?}");
}

#[tokio::test]
async fn a_workload_that_waits_holds_up_no_other() {
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", WEB)]);
    let machine = Machine::new(&origin, "");
    machine.describe("fault 2 refuse");
    let ((agent, attendance), mut source) = (machine.agent(), machine.source());
    let mut attending = pin!(attendance.run(&agent));
    pass(&agent, &mut source, &mut attending, Wake::Start).await;
    origin.deploy(&[("web.hcl", WEB), ("api.hcl", API)]);
    machine.describe("fault 4 refuse");
    // Both are new to this commit: the one made first succeeds, and the other fails.
    pass(&agent, &mut source, &mut attending, Wake::Interval).await;
    let pods = machine.pods().len();
    let end = pass(&agent, &mut source, &mut attending, Wake::Interval).await;
    assert_eq!((end.changes, end.failed, pods), (0, true, 1), "{end:?}");
    let api = machine.host().lines().find(|line| line.starts_with("pod shop-api")).unwrap().to_owned();
    let name = api.split(' ').nth(1).unwrap();
    fs::write(machine.state().join("simulated.host"), machine.host().replace(&format!("{api}\n"), "")).unwrap();
    let end = pass(&agent, &mut source, &mut attending, Wake::Drift).await;
    assert_eq!((end.changes, end.failed), (1, true), "{name} is made again while the other waits: {end:?}");
}

#[test]
fn an_agent_that_runs_tries_again_by_itself_when_the_pause_is_over() {
    let origin = Origin::new();
    origin.deploy(&[("web.hcl", WEB)]);
    let machine = where_nothing_can_be_made(&origin);
    let running = machine.run();
    // The next poll is a minute away.
    running.until("the second try", |machine| failures(machine) == 2);
    let tries: Vec<i64> = (machine.history().iter())
        .filter(|record| matches!(&record.event, Event::Work(WorkEvent::Outcome { outcome: Outcome::Failed(_), .. })))
        .map(|record| record.at.0)
        .collect();
    assert!(tries[1] - tries[0] >= 9_000, "{tries:?}");
    drop(running);
    let again = machine.run();
    again.until("the try of an agent that started", |machine| failures(machine) == 3);
    drop(again);
}

#[test]
fn a_pod_whose_probes_always_fail_is_let_alone_for_a_while_and_the_status_says_so() {
    let origin = Origin::new();
    let timing = "initialDelaySeconds: 2, periodSeconds: 1, failureThreshold: 1";
    let probe = format!("image: 'web:1', livenessProbe: {{tcpSocket: {{port: 80}}, {timing}}}");
    origin.deploy(&[("web.yaml", &YAML.replace("image: 'web:1'", &probe))]);
    let machine = Machine::new(&origin, "");
    machine.describe("rule deployment/shop/web never");
    let running = machine.run();
    let told =
        |machine: &Machine| machine.standing().is_some_and(|(_, _, text)| text.contains("; restarts do not help"));
    running.until("the pause in the status", told);
    let restarts = machine.history().into_iter().filter(|record| record.kind == "probe-restart").count();
    assert_eq!(restarts, 1, "the first was made at once, and the second waits");
    assert!(machine.writ(&["status"]).text.contains("restarts do not help"), "{:?}", machine.standing());
    drop(running);
}
