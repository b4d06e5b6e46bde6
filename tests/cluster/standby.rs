//! Two agents of one name that stand by for each other by a Lease.

use rustix::process::{Pid, Signal, kill_process};
use writ::record::{Event, WorkEvent};

use crate::machine::{Machine, Running};
use crate::place::{Place, until};

const CONFIG: &str = "apiVersion: v1\nkind: Namespace\nmetadata: {name: NS}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: \
                      {name: conf, namespace: NS}\ndata: {key: VALUE}\n";

/// A host whose agents stand by for each other, and a second agent of it.
fn pair() -> (Place, Machine) {
    let place = Place::new("");
    let file = place.machine.path("agent.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, settings.replacen("[host]\n", "[host]\nstandby = \"20s\"\n", 1)).unwrap();
    let twin = place.twin();
    (place, twin)
}

fn deploy(place: &Place, value: &str) {
    place.deploy(&CONFIG.replace("VALUE", value));
}

fn key(place: &Place) -> Option<String> {
    let conf = place.try_kubectl(&["get", "configmap", "conf", "-o", "jsonpath={.data.key}"]);
    conf.ok().filter(|key| !key.is_empty())
}

/// Who acts, and how often that has changed.
fn holder(place: &Place) -> (String, u32) {
    let form = "jsonpath={range .items[?(@.spec.holderIdentity)]}{.metadata.name} {.spec.holderIdentity} \
                {.spec.leaseTransitions}\n{end}";
    let said = place.kubectl(&["get", "leases", "-n", "default", "-o", form]);
    let ours = format!("writ-{}-agents-", place.namespace);
    let line = said.lines().find(|line| line.starts_with(&ours)).unwrap_or_else(|| panic!("{said}"));
    let mut words = line.split(' ').skip(1);
    (words.next().unwrap().to_owned(), words.next().unwrap().parse().unwrap())
}

fn intents(machine: &Machine) -> usize {
    let is_intent = |event: &Event| matches!(event, Event::Work(WorkEvent::Intent { .. }));
    machine.history().iter().filter(|record| is_intent(&record.event)).count()
}

fn signal(agent: &Running<'_>, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(agent.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn one_of_two_agents_acts_and_the_other_takes_over_when_it_is_gone() {
    let (place, twin) = pair();
    deploy(&place, "one");
    let first = place.machine.run();
    assert!(until(|| key(&place).as_deref() == Some("one")));
    let (holds, changes) = holder(&place);
    // One that is asked for a pass meanwhile says who acts, and does nothing.
    deploy(&place, "two");
    let stood = twin.writ(&["run", "--once"]);
    assert_eq!(stood.code, Some(0), "{stood:?}");
    assert!(stood.text.contains(&format!("stands by in the cluster of unit edge: {holds} acts there")), "{stood:?}");
    assert_eq!(intents(&twin), 0);
    assert!(until(|| key(&place).as_deref() == Some("two")));

    let second = twin.run();
    // It is killed: nothing is given back.
    drop(first);
    deploy(&place, "three");
    assert!(until(|| key(&place).as_deref() == Some("three")), "nobody took over");
    let (now, again) = holder(&place);
    assert!(now != holds && again == changes + 1, "{now} {again}, {holds} {changes}");
    assert!(intents(&twin) > 0);
    drop(second);
}

#[test]
fn an_agent_that_slept_while_another_one_took_over_writes_nothing_when_it_wakes() {
    let (place, twin) = pair();
    deploy(&place, "one");
    let first = place.machine.run();
    assert!(until(|| key(&place).as_deref() == Some("one")));
    let holds = holder(&place).0;
    signal(&first, Signal::STOP);
    let before = intents(&place.machine);
    let second = twin.run();
    assert!(until(|| holder(&place).0 != holds), "nobody took over");
    deploy(&place, "two");
    assert!(until(|| key(&place).as_deref() == Some("two")));
    let version = place.version("configmap/conf");
    signal(&first, Signal::CONT);
    // By what it writes down of the next commit it is known to have looked at it.
    deploy(&place, "three");
    assert!(until(|| key(&place).as_deref() == Some("three")));
    let head = place.origin.repository.head();
    let floor = || place.machine.store().floor("infra").unwrap();
    assert!(until(|| floor().as_deref() == Some(head.as_str())), "it does not follow any more");
    assert_eq!(intents(&place.machine), before, "it acted though another agent does");
    assert_ne!(place.version("configmap/conf"), version);
    assert_ne!(holder(&place).0, holds);
    drop((first, second));
}
