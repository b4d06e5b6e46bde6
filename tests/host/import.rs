//! `writ import`: files of docker compose as Kubernetes YAML, and what is said of what was not carried.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::golden::{check_file, data};

/// What a command printed, what it said, and its exit code.
fn writ(words: &[&str], folder: &Path) -> (String, String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_writ")).args(words).env_clear().current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// The compose files of a folder of cases.
fn cases(name: &str) -> (PathBuf, Vec<String>) {
    let folder = data(&format!("compose/{name}"));
    let all = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = all.filter(|name| name.ends_with(".yaml")).collect();
    all.sort();
    assert!(!all.is_empty());
    (folder, all)
}

#[test]
fn each_accepted_file_becomes_objects_that_check_takes_and_says_line_by_line_what_it_lost() {
    let (folder, files) = cases("accept");
    for file in files {
        let (out, said, code) = writ(&["import", &file, "--scope", "shop", "--var", "TAG=1.2.3"], &folder);
        assert_eq!(code, Some(0), "{file}: {said}");
        check_file(&folder.join(file.replace(".yaml", ".expected")), &out);
        check_file(&folder.join(file.replace(".yaml", ".remarks")), &said);
        assert!(!said.contains("canary"), "{said}");
        let checked = TempDir::new().unwrap();
        std::fs::write(checked.path().join("manifests.yaml"), &out).unwrap();
        let (_, problems, code) = writ(&["check", "manifests.yaml"], checked.path());
        assert_eq!(code, Some(0), "{file}: {problems}");
    }
}

#[test]
fn each_refused_file_says_every_problem_at_its_place_and_prints_nothing() {
    let (folder, files) = cases("reject");
    for file in files {
        let (out, said, code) = writ(&["import", &file, "--scope", "shop"], &folder);
        assert_eq!((out.as_str(), code), ("", Some(1)), "{file}");
        check_file(&folder.join(file.replace(".yaml", ".remarks")), &said);
        assert!(said.contains(&format!("--> {file}:")) && !said.contains("canary-4c11"), "{said}");
    }
}

#[test]
fn secrets_are_printed_if_they_are_asked_for_and_the_scope_is_the_folders_name() {
    let (folder, _) = cases("accept");
    let words = ["import", "stack.yaml", "--var", "TAG=1.2.3"];
    let (hidden, ..) = writ(&words, &folder);
    assert!(hidden.contains("api-key: \"(secret)\"") && hidden.contains("namespace: accept"), "{hidden}");
    let (shown, ..) = writ(&[&words[..], &["--show-secrets"]].concat(), &folder);
    assert!(shown.contains("api-key: canary-4c11"), "{shown}");
    let (json, ..) = writ(&[&words[..], &["-o", "json"]].concat(), &folder);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "writ/objects/v1");
    assert!(json["items"].as_array().unwrap().len() > 5 && !json.to_string().contains("api-key\":\"canary"));
}

#[test]
fn variables_come_from_the_file_beside_and_the_command_and_from_no_environment() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("c.yaml"), "services:\n  a:\n    image: web:${TAG}-${KIND}\n").unwrap();
    let import = |more: &[&str]| {
        let words = [&["import", "c.yaml", "--scope", "s"], more].concat();
        let mut command = Command::new(env!("CARGO_BIN_EXE_writ"));
        command.args(&words).current_dir(folder.path()).env_clear().env("TAG", "of-the-environment");
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(import(&["--var", "KIND=x"]).contains("the variable `TAG` has no value"));
    std::fs::write(folder.path().join(".env"), "TAG=1\nKIND=slim\n").unwrap();
    assert!(import(&[]).contains("image: \"web:1-slim\""));
    assert!(import(&["--var", "TAG=2"]).contains("image: \"web:2-slim\""));
    assert!(import(&["--var", "TAG"]).contains("say --var NAME=VALUE"));
    std::fs::write(folder.path().join(".env"), "TAG=1\nKIND\n").unwrap();
    assert!(import(&[]).contains(".env:2: write each line as NAME=value"));
    assert!(import(&["--scope", "Not_Sound"]).contains("--scope"));
}
