//! Settings: what is taken and what it means, and what is refused with which words.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use writ::settings::{self, SettingsError, Surroundings};
use writ_core::guard::Policy;

use crate::golden::{check_file, data};

/// Stands in every file that settings name, and must stand nowhere else.
const CANARY: &str = "canary-hunter2";

#[test]
fn accepts_what_the_files_of_accept_say_and_reads_it_as_expected() {
    for path in cases("accept") {
        let folder = files();
        let settings = parse(&path, &folder).unwrap_or_else(|error| panic!("{}", error.render(false)));
        check_file(&path.with_extension("expected"), &shown(&format!("{settings:#?}\n"), &folder));
    }
}

#[test]
fn refuses_what_the_files_of_reject_say_with_every_problem_at_its_place() {
    for path in cases("reject") {
        let folder = files();
        let error = parse(&path, &folder).expect_err(&path.display().to_string());
        check_file(&path.with_extension("expected"), &shown(&error.render(false), &folder));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = settings::load(Path::new("/nonexistent/agent.toml")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the settings /nonexistent/agent.toml");
}

#[test]
fn takes_only_a_socket_of_this_machine_from_the_environment() {
    let around = |docker_host: &str| Surroundings { machine: "edge-1".into(), docker_host: Some(docker_host.into()) };
    let parse = |docker_host| settings::parse(Path::new("agent.toml"), "", &around(docker_host));
    assert_eq!(parse("unix:///run/writ.sock").unwrap().host.engine, Path::new("/run/writ.sock"));
    let refused = parse("tcp://10.0.0.1:2375").unwrap_err().render(false);
    assert!(refused.contains("DOCKER_HOST names no socket of this machine"), "{refused}");
}

#[test]
fn takes_the_machines_name_unless_it_cannot_stand_in_a_status() {
    let parse = |machine: &str| {
        let around = Surroundings { machine: machine.into(), docker_host: None };
        settings::parse(Path::new("agent.toml"), "", &around)
    };
    assert_eq!(parse("edge-2").unwrap().host.name, "edge-2");
    let refused = parse("(none)").unwrap_err().render(false);
    assert!(refused.contains("set `name` in [host]"), "{refused}");
}

#[test]
fn a_policy_of_the_hosts_own_changes_what_it_says_and_a_unit_has_the_hosts_unless_it_names_another() {
    let folder = files();
    let settings = parse(&data("settings").join("accept/everything.toml"), &folder).unwrap();
    let own = settings::Guard::named(&folder.path().join("guard.toml").display().to_string()).unwrap();
    assert_eq!(settings.host.guard, own);
    assert_eq!(own.policy.host_paths.iter().collect::<Vec<_>>(), ["/srv/media"]);
    let restricted = settings::Guard::named("restricted").unwrap();
    let same =
        Policy { name: own.name.clone(), host_paths: own.policy.host_paths.clone(), ..restricted.policy.clone() };
    assert_eq!(own.policy, same);
    assert_eq!((&settings.units[0].guard, &settings.units[1].guard), (&restricted, &own));
    let plain = settings::parse(Path::new("agent.toml"), "[host]\nname = \"edge-1\"\n", &Surroundings::default());
    assert_eq!(plain.unwrap().host.guard, settings::Guard::named("baseline").unwrap());
}

fn parse(path: &Path, folder: &TempDir) -> Result<settings::Settings, SettingsError> {
    let text = fs::read_to_string(path).unwrap().replace("{dir}", &folder.path().display().to_string());
    let around = Surroundings { machine: "machine-1".into(), docker_host: None };
    settings::parse(Path::new("agent.toml"), &text, &around)
}

/// The text without what differs from run to run, after a look for the canary.
fn shown(text: &str, folder: &TempDir) -> String {
    assert!(!text.contains(CANARY), "a secret is shown:\n{text}");
    let mut text = text.replace(&folder.path().display().to_string(), "{dir}");
    // The marks are as wide as the folder's name is long.
    while text.contains("^^") {
        text = text.replace("^^", "^");
    }
    text
}

/// A folder with files such as settings name. Messages name columns, so its path is of the same length everywhere.
fn files() -> TempDir {
    let folder = TempDir::new_in("/tmp").unwrap();
    for (name, mode) in [
        ("token", 0o600),
        ("key", 0o640),
        ("open-token", 0o644),
        ("known_hosts", 0o644),
        ("trust.toml", 0o644),
        ("revoked", 0o644),
        ("identities", 0o600),
        ("secret", 0o600),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, format!("{CANARY}-{CANARY}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    for (name, text) in [("empty", ""), ("short", "fifteen-letters")] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let roots = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("roots.pem"), roots).unwrap();
    fs::write(folder.path().join("guard.toml"), "base = \"restricted\"\nhost_paths = [\"/srv/media\"]\n").unwrap();
    let bad = format!("base = \"none\"\nhost_path = []\ntoken = \"{CANARY}\"\n");
    fs::write(folder.path().join("bad-guard.toml"), bad).unwrap();
    folder
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data("settings").join(kind)).unwrap().map(|entry| entry.unwrap().path());
    let cases: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    assert!(!cases.is_empty(), "no cases in {kind}");
    cases
}
