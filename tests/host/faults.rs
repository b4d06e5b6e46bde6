//! A broken clone, two sources at once, a trust that began anew, probes that restart: found, mended and told.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use writ::clock::Clock;
use writ::record::{Event, Introduced, WorkEvent};
use writ::source::Trouble;
use writ_core::time::{Seconds, Timestamp};

use crate::machine::{Machine, Origin};

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
                   selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                   spec: {containers: [{name: web, image: 'web:1'}]}\n";

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// What may become of a file: its bytes, or that it is gone, or that a lock of a crashed process lies beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Emptied,
    Truncated,
    Garbled,
    Flipped,
    Gone,
    Locked,
}

const HARMS: [Harm; 6] = [Harm::Emptied, Harm::Truncated, Harm::Garbled, Harm::Flipped, Harm::Gone, Harm::Locked];

fn harm(file: &Path, harm: Harm) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    match harm {
        Harm::Emptied => bytes.clear(),
        Harm::Truncated => bytes.truncate(middle),
        Harm::Garbled => bytes.iter_mut().skip(middle).take(8).for_each(|byte| *byte ^= 0x5a),
        Harm::Flipped => bytes.iter_mut().skip(middle / 2).take(1).for_each(|byte| *byte ^= 1),
        Harm::Gone => return fs::remove_file(file).unwrap(),
        Harm::Locked => return fs::write(format!("{}.lock", file.display()), "").unwrap(),
    }
    // Packs are for reading alone.
    fs::remove_file(file).unwrap();
    fs::write(file, bytes).unwrap();
}

#[test]
fn a_clone_of_which_any_file_is_harmed_is_made_afresh_and_takes_the_next_commit_and_nothing_else_changes() {
    let origin = Origin::new();
    origin.deploy(&[("web.yaml", WEB)]);
    let base = Machine::new(&origin, "");
    base.pass();
    let (host, floor) = (base.host(), base.store().floor("infra").unwrap());
    let clone = base.state().join("git/infra");
    // A commit that is not there yet, and changes nothing: a lock stands in the way of taking it alone.
    let head = origin.deploy(&[("web.yaml", &format!("# The same.\n{WEB}"))]);
    assert_ne!(floor, Some(head.clone()));
    for file in files(&clone) {
        for how in HARMS {
            let machine = base.copy();
            harm(&machine.state().join("git/infra").join(file.strip_prefix(&clone).unwrap()), how);
            let ran = machine.writ(&["run", "--once"]);
            let told = machine.history().last().map(|record| record.body.clone());
            assert_eq!(ran.code, Some(0), "{} {how:?}: {ran:?}\n{told:#?}", file.display());
            let pods = |host: &str| {
                host.lines().filter(|line| line.starts_with("pod ")).map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(pods(&machine.host()), pods(&host), "{} {how:?}", file.display());
            assert_eq!(machine.store().floor("infra").unwrap().as_ref(), Some(&head), "{} {how:?}", file.display());
        }
    }
}

#[tokio::test]
async fn a_clone_that_breaks_while_the_agent_runs_is_made_afresh() {
    let origin = Origin::new();
    let head = origin.deploy(&[("web.yaml", WEB)]);
    let machine = Machine::new(&origin, "");
    let ((agent, _attendance), mut source) = (machine.agent(), machine.source());
    let offer = source.look(&agent, Clock.now()).await.unwrap();
    let admitted = offer.follow.unwrap();
    for file in files(&machine.state().join("git")) {
        if file.components().any(|part| part.as_os_str() == "objects") {
            fs::remove_file(file).unwrap();
        }
    }
    let found = source.files(&admitted, &"host".into()).await.unwrap();
    assert!(found.contains_key("web.yaml") && admitted.commit().to_string() == head, "{found:?}");
}

#[tokio::test]
async fn passes_over_two_sources_that_begin_together_share_their_turn() {
    let machine = Machine::new(&Origin::new(), "");
    let (agent, _attendance) = machine.agent();
    let both = async { tokio::join!(agent.take_turn(), agent.take_turn()) };
    let (one, other) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("nobody waits for the other");
    assert!(Rc::ptr_eq(&one.unwrap(), &other.unwrap()));
}

#[tokio::test]
async fn what_was_judged_by_an_earlier_introduction_does_not_count_after_another_one() {
    let origin = Origin::new();
    origin.deploy(&[("web.yaml", WEB)]);
    let machine = Machine::new(&origin, "");
    let ((agent, _attendance), mut source) = (machine.agent(), machine.source());
    assert!(source.look(&agent, Clock.now()).await.unwrap().follow.is_some());
    let other = crate::repository::key(&machine.state(), "bob");
    let introduced = Introduced { commit: origin.introduction.clone(), signer: other.fingerprint };
    agent.store.enrol(Clock.now(), "infra", &introduced).unwrap();
    let offer = source.look(&agent, Clock.now()).await.unwrap();
    assert!(offer.follow.is_none() && matches!(offer.trouble, Some(Trouble::Refused(_))), "{offer:?}");
}

#[tokio::test]
async fn what_was_judged_by_other_words_of_the_host_is_judged_anew() {
    let origin = Origin::new();
    origin.deploy(&[("web.yaml", WEB)]);
    let machine = Machine::new(&origin, "");
    let (words, path) = (machine.path("revoked"), machine.path("agent.toml"));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&words, "# nobody\n").unwrap();
    fs::write(&path, text.replace("[host]\n", &format!("[host]\nrevoked = {words:?}\n"))).unwrap();
    let ((agent, _attendance), mut source) = (machine.agent(), machine.source());
    for (listed, is_followed) in [("# nobody\n", true), (origin.key.fingerprint.as_str(), false), ("# nobody\n", true)]
    {
        fs::write(&words, format!("{listed}\n")).unwrap();
        let offer = source.look(&agent, Clock.now()).await.unwrap();
        assert_eq!(
            (offer.follow.is_some(), offer.trouble.is_none()),
            (is_followed, is_followed),
            "{listed}: {offer:?}"
        );
    }
}

#[test]
fn a_restart_by_a_probe_is_recorded_even_of_a_workload_that_was_never_held() {
    let origin = Origin::new();
    let probe = "image: 'web:1', livenessProbe: {tcpSocket: {port: 80}, periodSeconds: 1, failureThreshold: 1}";
    origin.deploy(&[("web.yaml", &WEB.replace("image: 'web:1'", probe))]);
    let machine = Machine::new(&origin, "");
    machine.describe("rule deployment/shop/web never");
    machine.describe("fault 3 refuse");
    let running = machine.run();
    let restarts = |machine: &Machine| {
        let restart = |event: &Event| matches!(event, Event::Work(WorkEvent::ProbeRestart { .. }));
        machine.history().iter().filter(|record| restart(&record.event)).count()
    };
    // The second one shows that the first was made, and that the pod was asked again after it.
    running.until("the second restart", |machine| restarts(machine) >= 2);
    drop(running);
}

#[test]
fn a_suspension_that_ran_out_ends_and_that_is_told() {
    let origin = Origin::new();
    origin.deploy(&[("web.yaml", WEB)]);
    let machine = Machine::new(&origin, "");
    let now = Clock.now();
    machine.store().suspend(now, "edge", "ann", "a minute", Some(now.plus(Seconds(60)))).unwrap();
    assert_eq!(machine.pass().code, Some(0));
    let past = Timestamp(now.0 - 1);
    machine.store().suspend(now, "edge", "ann", "a minute", Some(past)).unwrap();
    assert_eq!(machine.pass().code, Some(2));
    let resumed = machine.history().into_iter().filter(|record| record.kind == "resumed").count();
    assert_eq!((resumed, machine.store().suspension("edge").unwrap()), (1, None));
}
