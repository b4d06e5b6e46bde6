//! Files that SOPS encrypted, changed by a stranger: a value comes out as it was encrypted, or nothing does.

use std::path::{Path, PathBuf};

use writ::unseal::{UnsealError, unseal};
use writ_core::dialect::{Files, lower};

use crate::driver::Target;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sops").join(name)
}

/// What was encrypted in the seeds.
const ENCRYPTED: [(&str, &str); 5] = [
    ("certificate", "Z2VoZWlt"),
    ("password", "geheim: # 1"),
    ("several", "first line\ngröße\n"),
    ("word_secret", "eins"),
    ("level_secret", "high"),
];

fn answer(bytes: &[u8]) -> String {
    let (lowered, sources) = lower(&Files::from([("a.yaml".to_owned(), bytes.to_vec())]));
    let mut lowered = match lowered {
        Ok(lowered) => lowered,
        Err(problems) => return problems.render(&sources, false),
    };
    let told = match unseal(&mut lowered, Some(&data("identity"))) {
        Ok(()) => "taken".to_owned(),
        Err(UnsealError::Refused(problems)) => problems.render(&sources, false),
        Err(UnsealError::Unread(why)) => panic!("the identity is not what is changed: {why}"),
    };
    let opened = told == "taken" && !lowered.sealed.is_empty();
    // What a stranger writes in plain text under a name of these is a value of its own.
    let stands = |value: &serde_json::Value| {
        String::from_utf8_lossy(bytes).contains(value.as_str().unwrap_or_default().lines().next().unwrap_or_default())
    };
    for object in lowered.objects.iter().filter(|_| opened) {
        for field in ["data", "stringData"] {
            let values = object.body.get(field).and_then(serde_json::Value::as_object);
            for (key, value) in values.into_iter().flatten() {
                let known = ENCRYPTED.iter().find(|(name, _)| name == key);
                assert!(
                    known.is_none_or(|(_, known)| value == known || stands(value)),
                    "{key} was changed and is taken"
                );
            }
        }
    }
    for (_, value) in ENCRYPTED.iter().filter(|_| !opened) {
        assert!(!told.contains(value) || String::from_utf8_lossy(bytes).contains(value), "a value is shown:\n{told}");
    }
    told
}

#[test]
fn no_change_of_an_encrypted_file_gives_another_value_or_shows_one() {
    let seeds = ["regex.yaml", "only.yaml", "suffix.yaml", "whole.yaml"].map(|name| std::fs::read(data(name)).unwrap());
    let words = [
        "sops:\n",
        "    mac: \"\"\n",
        "    age: []\n",
        "    age:\n        - enc: ''\n",
        "    kms: [{arn: a}]\n",
        "    key_groups: [{}]\n",
        "    mac_only_encrypted: true\n",
        "ENC[AES256_GCM,data:",
        ",iv:",
        ",tag:",
        ",type:str]",
        ",type:comment]",
        ",type:int]",
        "stringData:\n",
        "    password: ",
        "---\n",
        "*a",
        "&a ",
        "<<: *a\n",
    ];
    Target { name: "sops", seeds: seeds.to_vec(), words: &words, check: &answer }.run();
}

/// What was encrypted in the seed of a file of variables, and the comment.
const LINES: [&str; 5] =
    ["# the shop", "PASSWORD=geheim # 1", "SEVERAL=a\\nb", "QUOTED=\"x y\"", "URL=postgres://a:b@c/d?e=f"];

fn answer_env(bytes: &[u8]) -> String {
    let manifest = b"asset \"s\" \"a\" {\n  env = file(\"./a.env\")\n}\n".to_vec();
    let files = Files::from([("a.hcl".to_owned(), manifest), ("a.env".to_owned(), bytes.to_vec())]);
    let (lowered, sources) = lower(&files);
    let mut lowered = match lowered {
        Ok(lowered) => lowered,
        Err(problems) => return problems.render(&sources, false),
    };
    let sealed = !lowered.sealed_files.is_empty();
    let told = match unseal(&mut lowered, Some(&data("identity"))) {
        Ok(()) => "taken".to_owned(),
        Err(UnsealError::Refused(problems)) => problems.render(&sources, false),
        Err(UnsealError::Unread(why)) => panic!("the identity is not what is changed: {why}"),
    };
    let text = String::from_utf8_lossy(bytes);
    if told == "taken" && sealed {
        let held = lowered.objects.iter().find_map(|object| object.body.pointer("/data/env")?.as_str());
        for line in held.expect("the asset holds a text").lines() {
            assert!(
                LINES.contains(&line) || text.contains(line.trim_end_matches('\r')),
                "{line} was changed and is taken"
            );
        }
    } else {
        for value in ["geheim # 1", "postgres://a:b@c"] {
            assert!(!told.contains(value) || text.contains(value), "a value is shown:\n{told}");
        }
    }
    told
}

#[test]
fn no_change_of_an_encrypted_file_of_variables_gives_another_value_or_shows_one() {
    let seed = std::fs::read(data("sops.env")).unwrap();
    let words = [
        "sops_mac=",
        "sops_age__list_0__map_enc=",
        "sops_age__list_1__map_enc=",
        "sops_key_groups__list_0__map_a=b\n",
        "sops_mac_only_encrypted=true\n",
        "sops_lastmodified=",
        "ENC[AES256_GCM,data:",
        ",iv:",
        ",tag:",
        ",type:str]",
        ",type:comment]",
        "\\n",
        "\n#",
        "PASSWORD=",
        "=",
    ];
    Target { name: "sops-env", seeds: vec![seed], words: &words, check: &answer_env }.run();
}
