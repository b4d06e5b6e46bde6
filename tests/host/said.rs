//! What stands on commits: the right word, on the right commit, and only when it changes.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::pin;
use std::time::Duration;

use writ::clock::Clock;
use writ::cycle::{self, PassEnd};
use writ::interrupt::{Interrupt, Reason};
use writ::report::{Pace, flush};
use writ::wake::Wake;
use writ_core::status::State;
use writ_core::time::Seconds;

use crate::forge::{Forge, TOKEN};
use crate::machine::{Machine, Origin};
use crate::repository::Sign;

const CONTEXT: &str = "writ/edge-1/edge";

const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop}\nspec:\n  minReadySeconds: 0\n  \
                   selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
                   spec: {containers: [{name: web, image: 'web:1', readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}}]}\n";

/// A host that tells a forge about a repository.
struct World {
    forge: Forge,
    origin: Origin,
    machine: Machine,
}

impl World {
    async fn new(more: &str) -> Self {
        let (forge, origin) = (Forge::start().await, Origin::new());
        let token = origin.repository.path().with_file_name("token");
        std::fs::write(&token, TOKEN).unwrap();
        std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o600)).unwrap();
        let report = format!(
            "{more}\n[[report]]\nforge = \"gitea\"\nurl = \"{}\"\nproject = \"ops/infra\"\nsource = \"infra\"\ntoken_file = \"{}\"\n",
            forge.url(),
            token.display()
        );
        let machine = Machine::new(&origin, &report);
        Self { forge, origin, machine }
    }

    /// One pass by a new agent, with what it says sent while it goes on and at its end.
    async fn pass(&self) -> PassEnd {
        self.pass_until(&Interrupt::default()).await
    }

    async fn pass_until(&self, interrupt: &Interrupt) -> PassEnd {
        let ((agent, attendance), mut source) = (self.machine.agent(), self.machine.source());
        // A request that is cut off is made again, so that none may be: the sending ends by itself after the pass.
        let over = Cell::new(false);
        let sending = async {
            while !over.get() {
                flush(&agent.store, &agent.receivers, &mut Pace::every(Seconds(0)), Clock.now(), 7).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let passing = async {
            let end = cycle::pass(&agent, &mut source, Wake::Start, interrupt).await.unwrap();
            over.set(true);
            end
        };
        let (end, ()) = tokio::select! {
            done = async { tokio::join!(passing, sending) } => done,
            never = attendance.run(&agent) => match never {},
        };
        flush(&agent.store, &agent.receivers, &mut Pace::every(Seconds(0)), Clock.now(), 7).await.unwrap();
        end
    }

    /// What was said on a commit, without the audit heads.
    fn said(&self, commit: &str) -> Vec<String> {
        let said = self.forge.said(commit, CONTEXT).into_iter();
        said.map(|(state, text)| format!("{state}: {}", text.rsplit_once(" audit ").unwrap().0)).collect()
    }

    /// Further passes say nothing more.
    async fn is_quiet(&self, passes: usize) {
        let requests = self.forge.requests().len();
        for _ in 0..passes {
            self.pass().await;
        }
        let news: Vec<_> = self.forge.requests().drain(requests..).map(|request| request.body).collect();
        assert!(news.is_empty(), "{news:#?}");
    }
}

const WELL: &str = "success: 1 workload, 1 of 1 pod available";

#[tokio::test]
async fn a_commit_is_pending_while_it_is_applied_and_then_a_success_and_twenty_passes_say_nothing_more() {
    let world = World::new("").await;
    world.machine.describe("rule deployment/shop/web 1s");
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    assert_eq!(world.said(&commit), ["pending: applying: 2 steps", WELL]);
    world.is_quiet(20).await;
}

#[tokio::test]
async fn a_refused_head_gets_an_error_and_the_commit_that_runs_keeps_its_word() {
    let world = World::new("").await;
    let good = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    let before = world.said(&good);
    world.origin.repository.write("host/web.yaml", WEB.replace("web:1", "evil:1"));
    let refused = world.origin.repository.commit(Sign::Not, "not from us");
    world.pass().await;
    let said = world.said(&refused);
    assert!(said.len() == 1 && said[0].starts_with("error: refused: unsigned"), "{said:?}");
    assert_eq!(world.said(&good), before);
    world.is_quiet(3).await;
}

#[tokio::test]
async fn a_mistake_in_a_manifest_is_an_error_with_its_place() {
    let world = World::new("").await;
    let good = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    let before = world.said(&good);
    let bad = world.origin.deploy(&[("web.yaml", &WEB.replace("  minReadySeconds: 0", "  minReadySecond: 0"))]);
    world.pass().await;
    let said = world.said(&bad);
    assert!(said.len() == 1 && said[0].starts_with("error: refused: web.yaml:5:3: "), "{said:?}");
    assert_eq!(world.said(&good), before);
    world.is_quiet(3).await;
}

#[tokio::test]
async fn drift_that_is_reported_fails_the_commit_that_had_succeeded_until_somebody_mends_it() {
    let world = World::new("drift = \"report\"").await;
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    assert_eq!(world.said(&commit).last().unwrap(), WELL);
    let well = world.machine.host();
    world.change_host(&well.replace("state=running", "state=exited:0"));
    world.pass().await;
    let said = world.said(&commit);
    assert!(said.last().unwrap().starts_with("failure: drifted: shop-web."), "{said:?}");
    world.is_quiet(3).await;
    world.change_host(&well);
    world.pass().await;
    assert_eq!(world.said(&commit).last().unwrap(), WELL);
    world.is_quiet(3).await;
}

impl World {
    fn change_host(&self, text: &str) {
        std::fs::write(self.machine.state().join("simulated.host"), text).unwrap();
    }
}

#[tokio::test]
async fn a_commit_that_was_overtaken_is_said_to_be_superseded() {
    let world = World::new("").await;
    world.machine.describe("rule deployment/shop/web never");
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    let interrupt = Interrupt::default();
    let mut pass = pin!(world.pass_until(&interrupt));
    let waits = async {
        while world.said(&commit).is_empty() || !world.machine.host().contains("pod shop-web.") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        end = &mut pass => panic!("it does not wait: {end:?}"),
        () = waits => interrupt.raise(Reason::Newer { commit: "9f2c".repeat(10) }),
    }
    let end = pass.await;
    assert!(matches!(end.interrupted, Some(Reason::Newer { .. })) && !end.failed, "{end:?}");
    let superseded = "error: superseded by 9f2c9f2c before it was done";
    assert_eq!(world.said(&commit), ["pending: applying: 2 steps", superseded]);
}

#[tokio::test]
async fn a_branch_that_is_gone_is_an_error_on_what_is_followed_said_once() {
    let world = World::new("").await;
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    let host = world.machine.host();
    world.origin.repository.git(&["checkout", "-q", "--detach"]);
    world.origin.repository.git(&["branch", "-D", "main"]);
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    let said = world.said(&commit);
    assert!(said.last().unwrap().starts_with("error: the remote has no such branch"), "{said:?}");
    world.is_quiet(5).await;
    assert_eq!(world.machine.host(), host);
    world.origin.repository.git(&["checkout", "-q", "-b", "main"]);
    world.pass().await;
    assert_eq!(world.said(&commit).last().unwrap(), WELL);
}

#[tokio::test]
async fn a_step_that_fails_at_every_try_is_said_once() {
    let world = World::new("").await;
    for act in 2..12 {
        world.machine.describe(&format!("fault {act} refuse"));
    }
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    for _ in 0..10 {
        world.pass().await;
    }
    let said = world.said(&commit);
    let failures = said.iter().filter(|said| said.starts_with("failure: failed: deployment/shop/web: ")).count();
    let pending = said.iter().filter(|said| said.starts_with("pending: ")).count();
    assert!(failures >= 1 && pending <= 1, "{said:#?}");
    world.pass().await;
    assert_eq!(world.said(&commit).last().unwrap(), WELL);
}

impl World {
    /// Puts other words in the place of some of the settings.
    fn settle(&self, from: &str, to: &str) {
        let path = self.machine.path("agent.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }
}

const OPEN: &str = "windows = [{ cron = \"* * * * *\", for = \"5m\" }]";

/// A window that is half a year away, whatever the day.
fn closed() -> String {
    let month: u32 = Clock.now().to_string().split('-').nth(1).unwrap().parse().unwrap();
    let far = (month + 5) % 12 + 1;
    format!("windows = [{{ cron = \"0 2 1 {far} *\", tz = \"Europe/Berlin\", for = \"2h\" }}]")
}

#[tokio::test]
async fn a_commit_outside_its_windows_waits_and_what_was_applied_before_is_looked_after() {
    let world = World::new(OPEN).await;
    let first = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    assert_eq!(world.said(&first).last().unwrap(), WELL);
    let pods = world.machine.pods();
    world.settle(OPEN, &closed());
    let second = world.origin.deploy(&[("web.yaml", &WEB.replace("web:1", "web:2"))]);
    world.change_host(&world.machine.host().replace("state=running", "state=exited:0"));
    let end = world.pass().await;
    assert!(end.changes == 1 && !end.refused && !end.failed, "it is mended: {end:?}");
    assert_eq!(world.machine.pods(), pods, "it is as it was");
    let said = world.said(&second);
    let waits = format!("pending: {second:.8} waits for its window, which opens at 20");
    assert!(said.len() == 1 && said[0].starts_with(&waits), "{said:?}");
    assert_eq!(world.said(&first).last().unwrap(), WELL, "what runs keeps its word");
    let (commit, state, text) = world.machine.standing().unwrap();
    assert_eq!((commit.unwrap(), state), (first, State::Pending), "{text}");
    let waits = waits.strip_prefix("pending: ").unwrap();
    assert!(text.starts_with(&format!("1 workload, 1 of 1 pod available; {waits}")), "{text}");
    world.is_quiet(3).await;
    let plan = world.machine.writ(&["plan"]);
    assert!(plan.code == Some(2) && plan.text.contains("not now: ") && plan.text.contains("image"), "{plan:?}");

    world.settle(&closed(), OPEN);
    world.pass().await;
    assert_eq!(world.said(&second).last().unwrap(), WELL);
    assert_ne!(world.machine.pods(), pods);
}

#[tokio::test]
async fn what_drifts_while_a_newer_commit_waits_counts_as_drift() {
    let reported = |windows: &str| format!("drift = \"report\"\n{windows}");
    let world = World::new(&reported(OPEN)).await;
    world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    world.settle(OPEN, &closed());
    let second = world.origin.deploy(&[("web.yaml", &WEB.replace("web:1", "web:2"))]);
    world.change_host(&world.machine.host().replace("state=running", "state=exited:0"));
    world.pass().await;
    // The words of a pass begin with the worst of it, by which drift is known from a failure.
    let (_, state, text) = world.machine.standing().unwrap();
    assert!(state == State::Failure && text.starts_with("drifted: "), "{text}");
    assert!(text.contains(&format!("{second:.8} waits for its window")), "{text}");
}

#[tokio::test]
async fn the_first_commit_of_all_waits_for_its_window_too() {
    let world = World::new(&closed()).await;
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    for _ in 0..2 {
        assert_eq!(world.pass().await.changes, 0);
        assert!(world.machine.pods().is_empty(), "{}", world.machine.host());
    }
    assert!(world.said(&commit)[0].starts_with(&format!("pending: {commit:.8} waits for its window")));
    world.settle(&closed(), "windows = []");
    world.pass().await;
    assert_eq!(world.said(&commit).last().unwrap(), WELL);
}

#[tokio::test]
async fn what_was_begun_in_a_window_goes_on_when_it_has_closed() {
    let world = World::new(OPEN).await;
    for act in 2..4 {
        world.machine.describe(&format!("fault {act} refuse"));
    }
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    assert!(world.said(&commit).last().unwrap().starts_with("failure: "), "{:?}", world.said(&commit));
    world.settle(OPEN, &closed());
    for _ in 0..3 {
        world.pass().await;
    }
    assert_eq!(world.said(&commit).last().unwrap(), WELL);
}

#[tokio::test]
async fn a_unit_is_not_brought_to_a_commit_before_those_that_it_depends_on() {
    let behind = "depends_on = [\"data\"]\n[[unit]]\nname = \"data\"\nsource = \"infra\"\npath = \"data\"\ntarget = \"simulated\"";
    let world = World::new(behind).await;
    let data = WEB.replace("name: web", "name: pg").replace("app: web", "app: pg").replace("web:1", "pg:1");
    let deploy = |data: &str, web: &str| {
        world.origin.repository.write("data/pg.yaml", data);
        world.origin.deploy(&[("web.yaml", web)])
    };
    world.machine.describe("rule deployment/shop/pg 1s");
    let first = deploy(&data, WEB);
    let end = world.pass().await;
    let order: Vec<&str> = end.units.iter().map(|(unit, _, _)| unit.as_str()).collect();
    assert_eq!(order, ["data", "edge"], "whoever is depended on comes first: {end:?}");
    assert_eq!(world.said(&first).last().unwrap(), WELL);

    let pods = world.machine.pods();
    let second =
        deploy(&data.replace("replicas", "replica").replace("minReady", "minReadies"), &WEB.replace("web:1", "web:2"));
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    let waits = format!("pending: {second:.8} waits for unit data, which is at {first:.8}");
    assert_eq!(world.said(&second), [waits]);
    assert_eq!(world.machine.pods(), pods);
    world.is_quiet(2).await;

    let third = deploy(&data.replace("pg:1", "pg:2"), &WEB.replace("web:1", "web:3"));
    world.pass().await;
    assert_eq!(world.said(&third).last().unwrap(), WELL);
    let now = world.machine.pods();
    assert!(now.len() == 2 && now.iter().all(|pod| !pods.contains(pod)), "{now:?}");
}

#[tokio::test]
async fn a_unit_reads_the_folders_of_its_host_and_of_its_labels_together() {
    let world = World::new("").await;
    world.settle("name = \"edge-1\"", "name = \"edge-1\"\nlabels = { role = \"shop\" }");
    world.settle("path = \"host\"", "path = [\"base\", \"roles/{label.role}\", \"hosts/{host}\"]");
    let of =
        |name: &str| WEB.replace("name: web", &format!("name: {name}")).replace("app: web", &format!("app: {name}"));
    let repository = &world.origin.repository;
    for (path, name) in [
        ("base", "all"),
        ("roles/shop", "front"),
        ("roles/other", "nobodys"),
        ("hosts/edge-1", "own"),
        ("hosts/edge-2", "others"),
    ] {
        repository.write(&format!("{path}/{name}.yaml"), of(name));
    }
    let commit = world.origin.deploy(&[("web.yaml", WEB)]);
    world.pass().await;
    assert_eq!(world.said(&commit).last().unwrap(), "success: 3 workloads, 3 of 3 pods available");
    let host = world.machine.host();
    assert!(["all", "front", "own"].iter().all(|name| host.contains(&format!("pod shop-{name}."))), "{host}");
    let why = world.machine.writ(&["why", "deployment/shop/own"]);
    assert!(why.text.contains("hosts/edge-1/own.yaml"), "{why:?}");

    repository.write("hosts/edge-1/again.yaml", of("all"));
    let twice = world.origin.deploy(&[("web.yaml", WEB)]);
    assert!(world.pass().await.refused);
    assert!(world.said(&twice).last().unwrap().starts_with("error: refused: "), "{:?}", world.said(&twice));
    repository.remove("hosts/edge-1");
    let gone = world.origin.deploy(&[("web.yaml", WEB)]);
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "a folder that is gone removes nothing: {end:?}");
    assert!(world.said(&gone).last().unwrap().contains("hosts/edge-1"), "{:?}", world.said(&gone));
}
