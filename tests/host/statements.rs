//! Approvals, rules and powers through whole passes: what a host does when they come, and what it leaves alone until then.

use std::path::Path;
use std::process::Command;

use writ::agent::Agent;
use writ::attendance::Attendance;
use writ::clock::Clock;
use writ::cycle::{self, PassEnd};
use writ::interrupt::Interrupt;
use writ::source::Source;
use writ::wake::Wake;
use writ_core::status::State;

use crate::machine::{Machine, Origin};
use crate::pass::World;
use crate::repository::{Key, Repository, Sign, key};

const WEB: &str = "deployment \"shop\" \"web\" {\n  image = \"web:1\"\n  replicas = 1\n}\n";

/// The same with a port of the host.
const OPEN: &str = "deployment \"shop\" \"web\" {\n  image = \"web:1\"\n  replicas = 1\n  ports = [\"8080:80\"]\n}\n";

/// Runs the lines of a block of `docs/trust.md` in a clone of a repository, with these variables.
pub(crate) fn run_lines(repository: &Repository, block: usize, variables: &[(&str, &str)]) {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/trust.md");
    let document = std::fs::read_to_string(document).unwrap();
    let lines = document.split("```sh\n").nth(block + 1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clone = folder.path().join("clone");
    let made = Command::new("git").args(["clone", "-q"]).arg(repository.path()).arg(&clone).status().unwrap();
    assert!(made.success());
    let mut shell = Command::new("sh");
    shell.args(["-e", "-u", "-c", lines]).current_dir(&clone).env_clear().envs(variables.iter().copied());
    shell.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path());
    for who in ["AUTHOR", "COMMITTER"] {
        shell.env(format!("GIT_{who}_NAME"), "x").env(format!("GIT_{who}_EMAIL"), "x@example.com");
    }
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// Whoever changes manifests needs a second person.
const TWO: &str = "version = 1\n[[rule]]\nname = \"all\"\npaths = [\"**\"]\nsigners = [\"*\"]\n\
                   [[rule]]\nname = \"hosts\"\npaths = [\"host\"]\nsigners = [\"*\"]\nthreshold = 2\n";

/// Ann and Bo may sign, by these rules.
fn ruled(world: &World, rules: &str) -> Key {
    let bo = key(world.folder.path(), "bo");
    world.repository.authorize(&(world.key.line() + &bo.line()));
    world.repository.commit(Sign::By(&world.key), "authorize");
    world.repository.write(".writ/trust.toml", rules);
    world.repository.commit(Sign::By(&world.key), "rules");
    bo
}

/// Passes over one and the same source.
struct Agents {
    agent: Agent,
    attendance: Attendance,
    source: Source,
}

impl Agents {
    fn of(world: &World) -> Self {
        let (agent, attendance) = world.agent();
        let source = Source::open(&world.settings.host, &world.settings.sources[0]).unwrap();
        Self { agent, attendance, source }
    }

    async fn pass(self, world: &World) -> (Self, PassEnd) {
        let Self { agent, attendance, mut source } = self;
        let interrupt = Interrupt::default();
        // Who looks after the pods meanwhile ends with the pass; the next one has nothing to wait for, or looks anew.
        let end = tokio::select! {
            end = cycle::pass(&agent, &mut source, Wake::Start, &interrupt) => end.unwrap(),
            never = attendance.run(&agent) => match never {},
        };
        let (agent, attendance) = world.agent();
        (Self { agent, attendance, source }, end)
    }
}

#[tokio::test]
async fn a_head_that_lacks_an_approval_is_followed_as_soon_as_it_comes_without_a_new_head() {
    let world = World::with(&[]);
    let bo = ruled(&world, TWO);
    let head = world.deploy("web.hcl", WEB);
    let (agents, end) = Agents::of(&world).pass(&world).await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    assert!(end.units.iter().any(|(_, _, text)| text.contains("threshold-not-met")), "{end:?}");
    let (agents, end) = agents.pass(&world).await;
    assert!(end.refused && end.changes == 0, "nothing came: {end:?}");
    world.repository.approve(&world.key, &head, "");
    let (agents, end) = agents.pass(&world).await;
    assert!(end.refused && end.changes == 0, "one's own approval is no second person: {end:?}");
    world.repository.approve(&bo, &head, "hosts core-*\n");
    let (agents, end) = agents.pass(&world).await;
    assert!(end.refused && end.units[0].2.contains("it is for the hosts core-*"), "{end:?}");
    world.repository.approve(&bo, &head, "hosts edge-*\n");
    let (_, end) = agents.pass(&world).await;
    assert!(!end.refused && end.changes > 0, "{end:?}");
    assert_eq!(world.store().floor("infra").unwrap(), Some(head));
}

#[tokio::test]
async fn an_approval_by_the_lines_of_the_document_lets_a_head_in() {
    let world = World::with(&[]);
    let bo = ruled(&world, TWO);
    let head = world.deploy("web.hcl", WEB);
    assert!(world.pass().await.refused);
    run_lines(&world.repository, 0, &[("COMMIT", &head), ("KEY", &world.key.file.display().to_string())]);
    assert!(world.pass().await.refused, "one's own approval is no second person");
    run_lines(&world.repository, 0, &[("COMMIT", &head), ("KEY", &bo.file.display().to_string())]);
    let end = world.pass().await;
    assert!(!end.refused && end.changes > 0, "{end:?}");
}

#[tokio::test]
async fn a_stale_head_changes_nothing_and_says_so_and_a_heartbeat_lets_it_go_on() {
    let token = tempfile::NamedTempFile::new().unwrap();
    let report = format!(
        "[[report]]\nforge = \"gitea\"\nurl = \"http://127.0.0.1:1\"\nproject = \"ops/infra\"\nsource = \"infra\"\ntoken_file = \"{}\"\n",
        token.path().display()
    );
    std::fs::write(token.path(), "x").unwrap();
    let world = World::with_settings(&[("web.hcl", WEB)], &report);
    let heart = ruled(&world, "version = 1\nmax_age = \"30d\"\nheartbeat = [\"bo@*\"]\n");
    let head = world.repository.head();
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0 && world.host().is_empty(), "{end:?}\n{}", world.host());
    let told = world.store().history(&writ::record::Filter { commit: Some(head), ..Default::default() }).unwrap();
    let said = told.iter().filter(|record| record.kind.contains("status") || record.kind == "enqueued");
    let said: Vec<&str> = said.map(|record| record.body.as_str()).collect();
    assert!(said.iter().any(|body| body.contains("refused: stale")), "{told:?}");
    world.repository.set_date(Clock.now().seconds());
    world.repository.commit(Sign::By(&heart), "beat");
    let end = world.pass().await;
    assert!(!end.refused && end.changes > 0, "{end:?}");
    assert_ne!(world.standing().1, State::Error, "{:?}", world.standing());
}

/// Anybody may change anything; manifests below `host/open` may ask for ports as well.
const POWERS: &str = "version = 1\n\
    [[rule]]\nname = \"all\"\npaths = [\".writ\", \"docs\"]\nsigners = [\"*\"]\n\
    [[rule]]\nname = \"closed\"\npaths = [\"host/*.hcl\"]\nsigners = [\"*\"]\nmay = [\"ordinary\"]\n\
    [[rule]]\nname = \"open\"\npaths = [\"host/open\"]\nsigners = [\"*\"]\nmay = [\"ordinary\", \"ports\"]\n";

#[tokio::test]
async fn a_manifest_gets_the_powers_of_its_path_and_no_others() {
    let world = World::with(&[]);
    ruled(&world, POWERS);
    world.deploy("web.hcl", WEB);
    let end = world.pass().await;
    assert!(!end.refused && end.changes > 0, "an ordinary pod: {end:?}");
    let host = world.host();
    world.deploy("web.hcl", OPEN);
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0 && world.host() == host, "{end:?}");
    let refused = world.store().history(&writ::record::Filter::default()).unwrap();
    let told = refused.iter().rev().find(|record| record.kind == "refused").unwrap();
    assert!(told.body.contains("ports") && told.body.contains("trust"), "{}", told.body);
    world.repository.remove("host/web.hcl");
    world.deploy("open/web.hcl", OPEN);
    let end = world.pass().await;
    assert!(!end.refused && end.changes > 0 && world.host() != host, "{end:?}");
}

#[tokio::test]
async fn a_commit_that_grants_itself_a_power_does_not_have_it_and_the_next_one_does() {
    let world = World::with(&[]);
    ruled(&world, POWERS);
    let granting = POWERS.replace("may = [\"ordinary\"]", "may = [\"ordinary\", \"ports\"]");
    world.repository.write(".writ/trust.toml", granting);
    world.deploy("web.hcl", OPEN);
    let end = world.pass().await;
    assert!(end.refused && !world.host().contains("pod "), "{end:?}\n{}", world.host());
    world.repository.commit(Sign::By(&world.key), "next");
    let end = world.pass().await;
    assert!(!end.refused && end.changes > 0, "{end:?}");
}

#[tokio::test]
async fn what_the_host_says_of_powers_counts_at_the_next_pass() {
    let ceiling = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ceiling.path(), "version = 1\n").unwrap();
    let mut world = World::with(&[("web.hcl", OPEN)]);
    world.settings.host.trust = Some(ceiling.path().to_owned());
    let (agents, end) = Agents::of(&world).pass(&world).await;
    assert!(!end.refused && end.changes > 0, "{end:?}");
    let narrow = "version = 1\n[[rule]]\nname = \"x\"\npaths = [\"**\"]\nsigners = [\"*\"]\nmay = [\"ordinary\"]\n";
    std::fs::write(ceiling.path(), narrow).unwrap();
    world.deploy("web.hcl", &OPEN.replace("web:1", "web:2"));
    let (agents, end) = agents.pass(&world).await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    std::fs::write(ceiling.path(), "version = 1\n").unwrap();
    let (_, end) = agents.pass(&world).await;
    assert!(!end.refused && end.changes > 0, "the same commit, by other words of the host: {end:?}");
}

/// The manifests of a unit are applied as an account, which a described host knows nothing of.
const ACCOUNT: &str = "version = 1\n\
    [[rule]]\nname = \"all\"\npaths = [\"**\"]\nsigners = [\"*\"]\n\
    [[rule]]\nname = \"shop\"\npaths = [\"host\"]\nsigners = [\"*\"]\naccount = \"shop/deployer\"\n\
    [[rule]]\nname = \"docs\"\npaths = [\"docs\"]\nsigners = [\"*\"]\naccount = \"shop/writer\"\n";

#[test]
fn an_account_that_a_rule_names_is_without_effect_on_a_container_host_and_that_is_listed() {
    let origin = Origin::new();
    let machine = Machine::new(&origin, "");
    origin.repository.write(".writ/trust.toml", ACCOUNT);
    origin.deploy(&[("web.hcl", WEB)]);
    assert!(!machine.pass().text.contains("account"), "the rules are those of the commit before");
    origin.deploy(&[("web.hcl", &WEB.replace("web:1", "web:2"))]);
    let plan = machine.writ(&["plan"]);
    let told = "note: rule \"shop\" of .writ/trust.toml names the account shop/deployer, which has no effect here";
    assert!(plan.code == Some(2) && plan.text.contains(told) && !plan.text.contains("shop/writer"), "{plan:?}");
    machine.pass();
    let why = machine.writ(&["why", "deployment/shop/web"]);
    assert!(why.text.contains("host/web.hcl") && !why.text.contains("deployer"), "{why:?}");
}
