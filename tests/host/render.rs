//! Units whose files a renderer makes into manifests: it runs behind walls, and what it makes is granted what all files are.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};
use writ::confine::hex;
use writ_core::status::State;

use crate::pass::World;
use crate::repository::Sign;

const HEAD: &str = "resources: [web.yaml]\n";

/// A renderer that does what the name of its folder says.
fn program() -> TempPath {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(crate::plugins::program()).unwrap();
    // Whoever runs it is nobody, and no file that is open for writing can be run.
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    file.into_temp_path()
}

fn settings(program: &TempPath, digest: &str, folder: &str) -> String {
    let path = program.display();
    format!(
        "[unit.renderer]\nkind = \"kustomize\"\nprogram = \"{path}\"\ndigest = \"sha256:{digest}\"\nfolder = \"{folder}\"\n"
    )
}

fn digest() -> String {
    hex(&Sha256::digest(crate::plugins::program()))
}

/// What is said of the unit when it is refused. Nothing is changed then.
async fn refused(world: &World) -> String {
    let end = world.pass().await;
    assert!(end.refused && !end.failed && end.changes == 0, "{end:?}");
    let (_, state, text) = end.units.into_iter().next().unwrap();
    assert_eq!(state, State::Error);
    text
}

/// The same of a unit with that folder.
async fn refused_in(folder: &str, more: &[(&str, &str)]) -> String {
    let program = program();
    let head = format!("{folder}/kustomization.yaml");
    let files = [&[(head.as_str(), HEAD), ("web.yaml", "written\n")], more].concat();
    refused(&World::with_settings(&files, &settings(&program, &digest(), folder))).await
}

#[tokio::test]
async fn what_is_rendered_is_applied_and_a_second_pass_changes_nothing() {
    let program = program();
    let files = [("closed/kustomization.yaml", HEAD), ("closed/web.yaml", "written\n")];
    let world = World::with_settings(&files, &settings(&program, &digest(), "closed"));
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused && !end.failed, "{end:?}");
    assert!(world.host().contains("deployment/shop/web"), "{}", world.host());
    assert_eq!(world.pass().await.changes, 0);
}

#[tokio::test]
async fn files_for_a_renderer_are_refused_where_none_is_declared() {
    for (head, program) in [("kustomization.yaml", "kustomize"), ("chart/Chart.yaml", "Helm")] {
        let told = refused(&World::with(&[(head, "a: b\n"), ("chart/templates/a.yaml", "{{ broken }}\n")])).await;
        assert!(told.contains(&format!("--> {head}")) && !told.contains("broken"), "{told}");
        assert!(told.contains(&format!("is for {program}, and nothing renders")), "{told}");
        assert!(told.contains("[unit.renderer]"), "{told}");
    }
}

#[tokio::test]
async fn a_renderer_is_told_all_files_and_reads_no_other() {
    let told = refused_in("told", &[]).await;
    assert!(told.contains("`\\\"told/kustomization.yaml\\\":") || told.contains("told/kustomization.yaml"), "{told}");
    assert!(told.contains("d3JpdHRlbgo="), "{told}");
    let told = refused_in("read", &[]).await;
    assert!(
        told.contains("--> read/kustomization.yaml")
            && told.contains("denied: Err(")
            && told.contains("PermissionDenied"),
        "{told}"
    );
}

#[tokio::test]
async fn what_a_renderer_makes_wrong_is_told_where_it_stands() {
    let told = refused_in("wrong", &[]).await;
    assert!(told.contains("--> shop/web.rendered.yaml:8:") && told.contains("imagine"), "{told}");
    let told = refused_in("garbage", &[]).await;
    assert!(told.contains("--> garbage/kustomization.yaml") && told.contains("what is no list of manifests"), "{told}");
    let told = refused_in("strange", &[]).await;
    assert!(told.contains("exit code 3"), "{told}");
    let told = refused_in("closed", &[("lost.hcl", "")]).await;
    assert!(told.contains("`lost.hcl` would be left out"), "{told}");
}

#[tokio::test]
async fn another_program_than_the_settings_name_is_not_run() {
    let program = program();
    let world =
        World::with_settings(&[("closed/kustomization.yaml", HEAD)], &settings(&program, &"0".repeat(64), "closed"));
    let end = world.pass().await;
    assert!(end.changes == 0 && world.host().is_empty(), "{end:?}");
    let (_, _, told) = end.units.into_iter().next().unwrap();
    assert!(told.contains("not the one whose digest the settings name"), "{told}");
}

/// Whoever changes `host/base` may have nothing of the host; `host/open` may have its processes.
const POWERS: &str = "version = 1\n\
    [[rule]]\nname = \"all\"\npaths = [\".writ\"]\nsigners = [\"*\"]\n\
    [[rule]]\nname = \"base\"\npaths = [\"host/base\"]\nsigners = [\"*\"]\nmay = [\"ordinary\"]\n\
    [[rule]]\nname = \"open\"\npaths = [\"host/open\"]\nsigners = [\"*\"]\nmay = [\"ordinary\", \"host-pid\"]\n";

#[tokio::test]
async fn what_is_rendered_may_ask_for_what_every_file_of_its_unit_may() {
    let program = program();
    let more = format!("guard = \"privileged\"\n{}", settings(&program, &digest(), "open"));
    let files = [("open/kustomization.yaml", HEAD), ("base/patch.yaml", "a: b\n")];
    let world = World::with_settings(&files, &more);
    world.repository.write(".writ/trust.toml", POWERS);
    world.repository.commit(Sign::By(&world.key), "rules");
    // The rules are those of the commit before.
    world.deploy("open/more.yaml", "a: b\n");
    let end = world.pass().await;
    assert!(end.refused && !world.host().contains("pod "), "{end:?}");
    world.repository.remove("host/base");
    world.repository.commit(Sign::By(&world.key), "less");
    let end = world.pass().await;
    assert!(end.changes > 0 && !end.refused, "{end:?}\n{}", world.host());
}

#[tokio::test]
async fn what_is_rendered_is_applied_as_whom_any_file_of_its_unit_says() {
    let program = program();
    let files = [("open/kustomization.yaml", HEAD), ("base/patch.yaml", "a: b\n")];
    let world = World::with_settings(&files, &settings(&program, &digest(), "open"));
    world.repository.write(".writ/trust.toml", format!("{POWERS}account = \"shop/open\"\n"));
    world.repository.commit(Sign::By(&world.key), "rules");
    let told = async |rules: &str| {
        world.repository.write(".writ/trust.toml", rules);
        world.repository.commit(Sign::By(&world.key), "rules of the next commit");
        let (agent, attendance) = world.agent();
        tokio::select! {
            end = world.pass_of(&agent) => assert!(!end.failed, "{end:?}"),
            never = attendance.run(&agent) => match never {},
        }
        let wanted = agent.units()[0].wanted.last().unwrap();
        wanted.notes.sorted().into_iter().map(|note| note.message.clone()).collect::<Vec<_>>().join("\n")
    };
    let both = format!(
        "{}account = \"shop/open\"\n",
        POWERS.replace("\"ordinary\"]\n", "\"ordinary\"]\naccount = \"shop/base\"\n")
    );
    let one = told(&both).await;
    assert!(one.contains("the account shop/open, which") && !one.contains("shop/base"), "{one}");
    let two = told(POWERS).await;
    assert!(two.contains("the account shop/open, which") && two.contains("the account shop/base, which"), "{two}");
    assert_eq!(told(POWERS).await, "");
}
