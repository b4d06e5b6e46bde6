//! A pass that waits can always be ended, and what it was at is written down.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::{Duration, Instant};

use writ::record::{AgentEvent, Event, Outcome, WorkEvent};
use writ_core::status::State;

use crate::machine::{Machine, Origin, Ran, terminate};

/// Longest time from SIGTERM to the end. Service managers kill after this, or more.
const STOP_MAX: Duration = Duration::from_secs(10);

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
                   selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                   spec: {containers: [{name: web, image: 'web:1', readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}}]}\n";

/// A host on which a pod of `web` never answers.
fn waiting() -> (Origin, Machine) {
    let origin = Origin::new();
    origin.deploy(&[("web.yaml", WEB)]);
    let machine = Machine::new(&origin, "");
    machine.describe("rule deployment/shop/web never");
    (origin, machine)
}

fn has(machine: &Machine, is_it: impl Fn(&Event) -> bool) -> bool {
    machine.history().iter().any(|record| is_it(&record.event))
}

fn outcome(event: &Event) -> bool {
    matches!(event, Event::Work(WorkEvent::Outcome { outcome: Outcome::Ok, pod: Some(_), .. }))
}

#[test]
fn a_stop_ends_the_wait_for_a_pod_at_once_and_every_step_is_recorded() {
    let (_origin, machine) = waiting();
    let running = machine.run();
    running.until("a pod", |machine| has(machine, outcome));
    let (ran, took) = running.stop();
    assert!(took < STOP_MAX, "{took:?}");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    machine.check_journal();
    assert!(has(&machine, |event| matches!(event, Event::Agent(AgentEvent::Stopped { .. }))));
    let (_, state, text) = machine.standing().unwrap();
    assert!(state == State::Pending && text.contains("to become available"), "{state:?} {text}");
}

#[test]
fn a_single_pass_is_stopped_as_well_and_says_so_by_its_exit_code() {
    let (_origin, machine) = waiting();
    let child = machine.command(&["run", "--once"]).spawn().unwrap();
    let start = Instant::now();
    while !has(&machine, outcome) {
        assert!(start.elapsed() < Duration::from_secs(120), "no pod came");
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = Instant::now();
    terminate(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert!(asked.elapsed() < STOP_MAX && ran.code == Some(1), "{:?} {ran:?}", asked.elapsed());
    machine.check_journal();
}

#[test]
fn a_step_that_the_engine_never_answers_is_given_up_at_a_stop_and_its_outcome_is_unknown() {
    let (_origin, machine) = waiting();
    machine.describe("fault 1 hang");
    let running = machine.run();
    running.until("an intent", |machine| has(machine, |event| matches!(event, Event::Work(WorkEvent::Intent { .. }))));
    let (ran, took) = running.stop();
    assert!(took < STOP_MAX && ran.code == Some(0), "{took:?} {ran:?}");
    machine.check_journal();
    let unknown = |event: &Event| matches!(event, Event::Work(WorkEvent::Outcome { outcome: Outcome::Unknown, .. }));
    assert!(has(&machine, unknown));
    let host = machine.host().replace("rule deployment/shop/web never\n", "");
    std::fs::write(machine.state().join("simulated.host"), host).unwrap();
    assert_eq!(machine.pass().code, Some(2));
    machine.check_journal();
    assert_eq!(machine.pods().len(), 1, "{}", machine.host());
}

#[test]
fn a_remote_that_never_answers_holds_up_no_stop() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (origin, machine) = waiting();
    let settings = std::fs::read_to_string(machine.path("agent.toml")).unwrap();
    let url = format!("http://{}/infra.git", listener.local_addr().unwrap());
    std::fs::write(machine.path("agent.toml"), settings.replace(&origin.repository.url(), &url)).unwrap();
    let running = machine.run();
    let connection = listener.accept().unwrap();
    let (ran, took) = running.stop();
    assert!(took < STOP_MAX && ran.code == Some(0), "{took:?} {ran:?}");
    drop(connection);
}

#[test]
fn a_newer_commit_ends_the_wait_and_is_applied_and_the_older_one_is_said_to_be_superseded() {
    let (origin, machine) = waiting();
    let older = origin.repository.head();
    let running = machine.run();
    running.until("a pod", |machine| has(machine, outcome));
    let api = WEB.replace("name: web,", "name: api,");
    let newer = origin.deploy(&[("api.yaml", &api)]);
    running.until("the newer commit", |machine| {
        machine.standing().is_some_and(|(commit, state, _)| commit.as_ref() == Some(&newer) && state == State::Success)
    });
    let superseded = |event: &Event| {
        matches!(event, Event::Work(WorkEvent::PassEnded { commit, state: State::Error, text, .. })
            if commit.as_ref() == Some(&older) && text.contains("superseded"))
    };
    let kinds: Vec<_> = machine.history().into_iter().map(|record| (record.kind, record.body)).collect();
    assert!(has(&machine, superseded), "{kinds:#?}");
    assert!(machine.pods().len() == 1 && machine.host().contains("pod shop-api."), "{}", machine.host());
    let (_, took) = running.stop();
    assert!(took < STOP_MAX);
    machine.check_journal();
}

#[test]
fn commits_that_come_in_any_moment_of_a_pass_are_applied_without_waiting_for_the_interval() {
    let origin = Origin::new();
    let mut head = origin.deploy(&[("web.yaml", WEB)]);
    let machine = Machine::new(&origin, "");
    let running = machine.run();
    for number in 2..12 {
        // Sometimes in the middle of the pass before, sometimes after it.
        if number % 2 == 0 {
            running.until("the commit", |machine| machine.standing().is_some_and(|it| it.0.as_ref() == Some(&head)));
        }
        head = origin.deploy(&[("web.yaml", &WEB.replace("web:1", &format!("web:{number}")))]);
    }
    running.until("the last commit", |machine| {
        machine.standing().is_some_and(|(commit, state, _)| commit.as_ref() == Some(&head) && state == State::Success)
    });
    let (_, took) = running.stop();
    assert!(took < STOP_MAX);
    machine.check_journal();
}

#[test]
fn a_second_agent_on_a_state_directory_is_refused_and_told_who_has_it() {
    let (_origin, machine) = waiting();
    let running = machine.run();
    running
        .until("the agent", |machine| has(machine, |event| matches!(event, Event::Agent(AgentEvent::Started { .. }))));
    let second = machine.command(&["run"]).stdin(Stdio::null()).output().unwrap();
    let second: Ran = second.into();
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.text.contains(&format!("process {}", running.id())), "{second:?}");
    let (first, _) = running.stop();
    assert_eq!(first.code, Some(0), "{first:?}");
    // Once the first has gone, another may come.
    let third = machine.run();
    third.until("an agent again", |machine| {
        let starts = |event: &Event| matches!(event, Event::Agent(AgentEvent::Started { .. }));
        machine.history().iter().filter(|record| starts(&record.event)).count() == 2
    });
}
