//! Variables: given by the settings of a unit, or on the command line for files of this machine, and by nobody else.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use writ_core::dialect::Variables;

use crate::pass::World;

const MANIFEST: &str =
    "deployment \"shop\" \"web\" {\n  image    = \"web:${VERSION}\"\n  replicas = ${REPLICAS:-1}\n}\n";

fn given(pairs: &[(&str, &str)]) -> Variables {
    let mut variables = Variables::default();
    pairs.iter().for_each(|(name, value)| variables.set(name, value).unwrap());
    variables
}

#[tokio::test]
async fn a_changed_variable_of_the_settings_rolls_what_it_changes_and_the_same_one_nothing() {
    let mut world = World::with_settings(
        &[("web.hcl", MANIFEST), ("other.hcl", "deployment \"shop\" \"other\" {\n  image = \"other:1\"\n}\n")],
        "variables = { VERSION = \"1\" }\n",
    );
    assert!(world.pass().await.changes > 0);
    let pods = |world: &World| -> (String, String) {
        let host = world.host();
        let of = |name: &str| host.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>().join("\n");
        (of("pod shop-web."), of("pod shop-other."))
    };
    let first = pods(&world);
    assert!(world.pass().await.changes == 0 && !first.0.is_empty() && !first.1.is_empty(), "{first:?}");
    world.settings.units[0].variables = given(&[("VERSION", "2")]);
    let end = world.pass().await;
    let second = pods(&world);
    assert!(end.changes > 0 && !end.refused && second.0 != first.0 && second.1 == first.1, "{end:?}\n{second:?}");
    world.settings.units[0].variables = given(&[("VERSION", "2"), ("REPLICAS", "2")]);
    assert!(world.pass().await.changes > 0);
    assert_eq!(world.pass().await.changes, 0);
}

#[tokio::test]
async fn a_commit_that_uses_a_variable_nobody_gives_is_refused_at_its_place_and_changes_nothing() {
    let world = World::with_settings(&[("web.hcl", MANIFEST)], "variables = { VERSON = \"1\" }\n");
    let end = world.pass().await;
    assert!(end.refused && end.changes == 0 && !world.host().contains("pod "), "{end:?}");
    let told = &end.units[0].2;
    assert!(told.contains("web.hcl:2:19") && told.contains("`VERSION` is not known"), "{told}");
}

/// Runs the program on a file beside a variable of that name in its environment.
fn run(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
    command.args(words).current_dir(folder).env_clear().env("VERSION", "of-the-environment").output().unwrap()
}

#[test]
fn check_and_render_take_variables_and_the_environment_gives_none() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("web.hcl"), MANIFEST).unwrap();
    let text = |output: &Output| {
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    };
    let unknown = run(folder.path(), &["check", "web.hcl"]);
    assert!(unknown.status.code() == Some(1) && text(&unknown).contains("web.hcl:2:19"), "{}", text(&unknown));
    let known = run(folder.path(), &["check", "web.hcl", "--var", "VERSION=1=2"]);
    assert!(known.status.code() == Some(0), "{}", text(&known));
    let rendered = text(&run(folder.path(), &["render", "web.hcl", "--var", "VERSION=7", "--var", "REPLICAS=3"]));
    assert!(rendered.contains("web:7") && rendered.contains("replicas: 3"), "{rendered}");
    for (word, why) in [("VERSION", "NAME=VALUE"), ("A-B=1", "cannot be the name"), ("VERSION=a\"b", "has a meaning")] {
        let refused = run(folder.path(), &["check", "web.hcl", "--var", word]);
        assert!(refused.status.code() == Some(1) && text(&refused).contains(why), "{}", text(&refused));
    }
    let twice = run(folder.path(), &["check", "web.hcl", "--var", "VERSION=1", "--var", "VERSION=2"]);
    assert!(twice.status.code() == Some(1) && text(&twice).contains("given twice"), "{}", text(&twice));
}

#[test]
fn files_applied_by_hand_take_variables_of_the_command_line() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("web.hcl"), MANIFEST).unwrap();
    let settings = format!(
        "[host]\nname = \"edge-1\"\nstate = \"{0}/state\"\nallow_unsigned_apply = true\n\n\
         [[source]]\nname = \"infra\"\nurl = \"file://{0}/repository\"\nbranch = \"main\"\n\n\
         [[unit]]\nname = \"edge\"\nsource = \"infra\"\npath = \".\"\ntarget = \"simulated\"\n\
         variables = {{ VERSION = \"of-the-unit\" }}\n",
        folder.path().display()
    );
    std::fs::write(folder.path().join("agent.toml"), settings).unwrap();
    let host = || std::fs::read_to_string(folder.path().join("state/simulated.host")).unwrap_or_default();
    let apply = ["--config", "agent.toml", "apply", "-f", "web.hcl", "--yes"];
    assert_eq!(run(folder.path(), &apply).status.code(), Some(1));
    assert!(!host().contains("pod "));
    let with = |value| [&apply[..], &["--var", value]].concat();
    assert_eq!(run(folder.path(), &with("VERSION=1")).status.code(), Some(2));
    assert_eq!(run(folder.path(), &with("VERSION=1")).status.code(), Some(0));
    assert_eq!(run(folder.path(), &with("VERSION=2")).status.code(), Some(2));
    assert_eq!(host().matches("pod shop-web.").count(), 1, "{}", host());
}
