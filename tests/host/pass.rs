//! One pass after another over a real repository and a described host, with a new agent for each.

use std::path::Path;
use std::rc::Rc;

use tempfile::TempDir;
use writ::agent::Agent;
use writ::attendance::Attendance;
use writ::clock::Clock;
use writ::confine::Child;
use writ::cycle::{self, PassEnd};
use writ::interrupt::Interrupt;
use writ::record::{Introduced, Store};
use writ::settings::{Settings, Surroundings, parse};
use writ::source::Source;
use writ::target::Quiet;
use writ::wake::Wake;
use writ_core::status::State;

use crate::machine::pods;
use crate::repository::{Key, Repository, Sign};

pub(crate) const WEB: &str = r#"
deployment "shop" "web" {
  image    = "web:1"
  replicas = 2
}
"#;

const PG: &str = r#"
statefulset "data" "pg" {
  image    = "postgres:15"
  replicas = 3
  volume_claim "data" { mount_path = "/data" }
}
"#;

/// A repository, a state directory, and the settings between them.
pub(crate) struct World {
    pub(crate) repository: Repository,
    pub(crate) key: Key,
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    /// How files are read.
    pub(crate) child: Child,
}

impl World {
    /// A repository that is enrolled and holds `files` below `host/`, signed.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        Self::with_settings(files, "")
    }

    pub(crate) fn with_settings(files: &[(&str, &str)], more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let key = crate::repository::key(folder.path(), "ann");
        let (repository, introduction) = Repository::introduced_by(&key);
        for (path, text) in files {
            repository.write(&format!("host/{path}"), text);
        }
        repository.commit(Sign::By(&key), "deploy");
        let settings = settings(folder.path(), &repository.url(), more);
        let store = Store::open(Clock.now(), &settings.host.state).unwrap();
        let introduced = Introduced { commit: introduction, signer: key.fingerprint.clone() };
        store.enrol(Clock.now(), "infra", &introduced).unwrap();
        Self { repository, key, folder, settings, child: crate::confine::child() }
    }

    /// Commits `text` as the only manifest, signed.
    pub(crate) fn deploy(&self, path: &str, text: &str) -> String {
        self.repository.write(&format!("host/{path}"), text);
        self.repository.commit(Sign::By(&self.key), "change")
    }

    /// One pass by a new agent, as after a restart.
    pub(crate) async fn pass(&self) -> PassEnd {
        let (agent, attendance) = self.agent();
        tokio::select! {
            end = self.pass_of(&agent) => end,
            never = attendance.run(&agent) => match never {},
        }
    }

    /// An agent that just started.
    pub(crate) fn agent(&self) -> (Agent, Attendance) {
        let (mut agent, attendance) =
            Agent::new(self.settings.clone(), Clock, Rc::new(self.store()), Box::new(Quiet)).unwrap();
        agent.child = self.child.clone();
        (agent, attendance)
    }

    /// One pass by an agent.
    pub(crate) async fn pass_of(&self, agent: &Agent) -> PassEnd {
        let mut source = Source::open(&self.settings.host, &self.settings.sources[0]).unwrap();
        cycle::pass(agent, &mut source, Wake::Start, &Interrupt::default()).await.unwrap()
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(Clock.now(), &self.settings.host.state).unwrap()
    }

    /// The described host as text, without the moments.
    pub(crate) fn host(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("state/simulated.host")).unwrap_or_default()
    }

    pub(crate) fn standing(&self) -> (Option<String>, State, String) {
        let standing = self.store().standing("edge").unwrap().unwrap();
        (standing.commit, standing.state, standing.text)
    }

    pub(crate) fn journal(&self) -> Vec<String> {
        self.store().history(&writ::record::Filter::default()).unwrap().into_iter().map(|it| it.kind).collect()
    }
}

fn settings(folder: &Path, url: &str, more: &str) -> Settings {
    let state = folder.join("state");
    let text = format!(
        "[host]\nname = \"edge-1\"\nstate = \"{}\"\n\
         [[source]]\nname = \"infra\"\nurl = \"{url}\"\nbranch = \"main\"\n\
         [[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \"host\"\ntarget = \"simulated\"\n{more}",
        state.display()
    );
    parse(Path::new("agent.toml"), &text, &Surroundings::default()).unwrap()
}

#[tokio::test]
async fn a_signed_commit_is_applied_and_the_second_pass_does_nothing() {
    let world = World::with(&[("web.hcl", WEB)]);
    let first = world.pass().await;
    assert!(first.changes >= 2 && !first.failed && !first.refused, "{first:?}");
    assert_eq!(world.standing().1, State::Success, "{:?}", world.standing());
    let (host, journal) = (world.host(), world.journal());
    let second = world.pass().await;
    assert_eq!(second.changes, 0, "{second:?}");
    assert_eq!(world.host(), host);
    assert_eq!(world.journal(), journal, "an idle pass writes nothing");
}

#[tokio::test]
async fn a_host_that_lost_its_record_holds_its_pods_again_without_a_step() {
    let world = World::with(&[("web.hcl", WEB)]);
    world.pass().await;
    let (host, introduction) = (world.host(), world.store().introduction("infra").unwrap().unwrap());
    for file in ["writ.db", "writ.db-wal", "writ.db-shm"] {
        std::fs::remove_file(world.folder.path().join("state").join(file)).ok();
    }
    world.store().enrol(Clock.now(), "infra", &introduction).unwrap();
    let end = world.pass().await;
    assert_eq!((end.changes, end.failed), (0, false), "{end:?}");
    assert_eq!(world.host(), host);
    assert_eq!(world.store().holdings("edge").unwrap().objects.len(), 1);
    let journal = world.journal();
    world.pass().await;
    assert_eq!(world.journal(), journal, "it is learned once");
}

#[tokio::test]
async fn an_unsigned_commit_changes_nothing_and_what_ran_is_still_looked_after() {
    let world = World::with(&[("web.hcl", WEB)]);
    world.pass().await;
    let ((admitted, _, _), signed) = (world.standing(), pods(&world.host()));
    world.repository.write("host/web.hcl", WEB.replace("web:1", "evil:1"));
    world.repository.commit(Sign::Not, "not from us");
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    assert!(signed.len() == 2 && pods(&world.host()) == signed, "{}", world.host());
    assert!(world.journal().contains(&"commit-refused".to_owned()), "{:?}", world.journal());
    assert_eq!(world.standing().0, admitted, "the admitted commit is still followed");
}

#[tokio::test]
async fn a_signed_commit_is_never_undone_by_an_unsigned_one_on_top_of_it() {
    let world = World::with(&[("web.hcl", WEB)]);
    world.pass().await;
    let second = world.deploy("web.hcl", &WEB.replace("web:1", "web:2"));
    world.pass().await;
    world.repository.write("host/web.hcl", WEB.replace("web:1", "evil:1"));
    world.repository.commit(Sign::Not, "not from us");
    let end = world.pass().await;
    assert_eq!(end.changes, 0, "{end:?}");
    assert_eq!(world.standing().0, Some(second));
}

#[tokio::test]
async fn a_branch_taken_back_is_refused() {
    let world = World::with(&[("web.hcl", WEB)]);
    let first = world.repository.head();
    world.pass().await;
    let second = world.deploy("web.hcl", &WEB.replace("web:1", "web:2"));
    world.pass().await;
    world.repository.reset(&first);
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    assert_eq!(world.standing().0, Some(second));
}

#[tokio::test]
async fn an_emptied_folder_removes_nothing() {
    let world = World::with(&[("web.hcl", WEB), ("pg.hcl", PG)]);
    world.pass().await;
    let host = world.host();
    world.repository.remove("host");
    world.repository.commit(Sign::By(&world.key), "gone");
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    assert_eq!(world.host(), host);
}

#[tokio::test]
async fn a_manifest_with_a_mistake_changes_nothing_and_the_last_good_one_is_looked_after() {
    let world = World::with(&[("web.hcl", WEB)]);
    world.pass().await;
    let (good, _, _) = world.standing();
    world.deploy("web.hcl", &WEB.replace("replicas", "replica"));
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0, "{end:?}");
    assert_eq!(world.standing().0, good);
    assert!(end.units.iter().any(|(_, state, text)| *state == State::Error && text.contains("web.hcl:4:3")), "{end:?}");
}

#[tokio::test]
async fn a_removed_manifest_removes_pods_and_keeps_volumes() {
    let world = World::with(&[("web.hcl", WEB), ("pg.hcl", PG)]);
    world.pass().await;
    world.repository.remove("host/pg.hcl");
    world.repository.commit(Sign::By(&world.key), "no database");
    let end = world.pass().await;
    assert!(end.changes == 3 && !end.refused, "{end:?}");
    assert!(!world.host().contains("pod data-pg") && world.host().contains("voodu-data-pg-data-2"), "{}", world.host());
}

#[tokio::test]
async fn a_source_that_is_not_enrolled_is_refused_with_what_to_run() {
    let folder = TempDir::new().unwrap();
    let key = crate::repository::key(folder.path(), "ann");
    let (repository, introduction) = Repository::introduced_by(&key);
    let settings = settings(folder.path(), &repository.url(), "");
    let world = World { repository, key, folder, settings, child: crate::confine::child() };
    let end = world.pass().await;
    assert!(end.refused && end.units[0].2.contains("writ enrol"), "{end:?}");
    let introduced = Introduced { commit: introduction, signer: world.key.fingerprint.clone() };
    world.store().enrol(Clock.now(), "infra", &introduced).unwrap();
    world.deploy("web.hcl", WEB);
    assert!(!world.pass().await.refused);
}

#[tokio::test]
async fn a_suspended_unit_is_left_alone_until_it_is_resumed() {
    let world = World::with(&[("web.hcl", WEB)]);
    world.store().suspend(Clock.now(), "edge", "ann", "maintenance", None).unwrap();
    let end = world.pass().await;
    assert_eq!((end.changes, world.standing().1), (0, State::Pending));
    assert!(world.standing().2.contains("maintenance"));
    world.store().resume(Clock.now(), "edge", Some("ann")).unwrap();
    assert!(world.pass().await.changes > 0);
}

#[tokio::test]
async fn a_plan_for_another_commit_shows_what_it_would_do_and_a_plan_for_an_unsigned_one_is_refused() {
    let world = World::with(&[("web.hcl", WEB)]);
    let first = world.repository.head();
    world.pass().await;
    world.deploy("web.hcl", &WEB.replace("web:1", "web:2"));
    world.pass().await;
    world.repository.write("host/web.hcl", WEB.replace("web:1", "evil:1"));
    let unsigned = world.repository.commit(Sign::Not, "not from us");
    let (agent, _attendance) = world.agent();
    let mut source = Source::open(&world.settings.host, &world.settings.sources[0]).unwrap();
    let (journal, unit) = (world.journal(), agent.unit("edge").unwrap());
    let preview = cycle::preview(&agent, &mut source, unit, Some(&first)).await.unwrap();
    let plan = preview.plan.unwrap();
    assert!(plan.plan().steps().any(|step| step.why.contains("web:2 -> web:1")), "{}", plan.plan());
    let preview = cycle::preview(&agent, &mut source, unit, Some(&unsigned)).await.unwrap();
    assert!(preview.plan.is_none() && preview.refusal.is_some());
    assert_eq!(world.journal(), journal, "a plan writes nothing");
}
