//! The real `sops` and `age-keygen`: what they write is opened, and what the tests write they open.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use age::x25519::Identity;
use serde_json::{Value, json};
use tempfile::TempDir;
use writ::unseal::{Identities, UnsealError, unseal};
use writ_core::dialect::{Files, lower};
use writ_core::model::Kind;

use crate::fixture::{config_map, env_file, identity_file, secret};

const PLAIN: &str = "# How to get in.\napiVersion: v1\nkind: Secret\nmetadata: {name: pw, namespace: shop, annotations: {since: 2026-11-26, level: 'yes'}}\n\
    immutable: false\nstringData:\n    # the first\n    password: \"eins: # 1\" # no other\n    text: |\n        a\n        größe\n    empty: \"\"\n\
    data: {bytes: AAEC}\n";

/// A folder with `.sops.yaml` and an identity.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(rule: &str) -> Self {
        let desk = Self { folder: TempDir::new().unwrap() };
        for name in ["host", "other"] {
            desk.run("age-keygen", &["-o", name]);
        }
        let to = format!("{},{}", desk.recipient("other"), desk.recipient("host"));
        fs::write(desk.path(".sops.yaml"), format!("creation_rules:\n  - age: {to}\n{rule}")).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn recipient(&self, identity: &str) -> String {
        let recipients = Identities::read(&self.path(identity)).unwrap().recipients();
        let said = self.run("age-keygen", &["-y", identity]);
        assert_eq!(recipients, [said.trim()]);
        said.trim().to_owned()
    }

    #[track_caller]
    fn run(&self, program: &str, words: &[&str]) -> String {
        let folder =
            std::env::var_os("WRIT_SOPS").expect("WRIT_SOPS names the folder that tests/setup/programs prints");
        let mut command = Command::new(PathBuf::from(folder).join(program));
        command.args(words).current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path());
        let output = command.env("SOPS_AGE_KEY_FILE", self.path("host")).output().unwrap();
        assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The values of a file, as the agent opens them.
    fn opened(&self, file: &str, identity: &str) -> Result<Value, String> {
        let (lowered, sources) = lower(&Files::from([(file.to_owned(), fs::read(self.path(file)).unwrap())]));
        let mut lowered = lowered.map_err(|problems| problems.render(&sources, false))?;
        assert_eq!(lowered.sealed.len(), 1);
        unseal(&mut lowered, Some(&self.path(identity))).map_err(|error| match error {
            UnsealError::Refused(problems) => problems.render(&sources, false),
            UnsealError::Unread(why) => why,
        })?;
        let mut values = lowered.objects[0].body["stringData"].clone();
        values["bytes"] = lowered.objects[0].body["data"]["bytes"].clone();
        Ok(values)
    }
}

#[test]
fn what_sops_encrypts_edits_and_rotates_is_opened_by_each_of_its_recipients_and_by_nobody_else() {
    for rule in [
        "    encrypted_regex: ^(data|stringData)$\n",
        "    encrypted_regex: ^(data|stringData)$\n    mac_only_encrypted: true\n",
        "    unencrypted_regex: ^(apiVersion|kind|metadata|immutable)$\n",
    ] {
        let desk = Desk::new(rule);
        fs::write(desk.path("pw.yaml"), PLAIN).unwrap();
        desk.run("sops", &["encrypt", "-i", "pw.yaml"]);
        let mut expected = json!({"password": "eins: # 1", "text": "a\ngröße\n", "empty": "", "bytes": "AAEC"});
        for identity in ["host", "other"] {
            assert_eq!(desk.opened("pw.yaml", identity), Ok(expected.clone()), "{rule}");
        }
        desk.run("sops", &["set", "pw.yaml", "[\"stringData\"][\"password\"]", "\"zwei\""]);
        expected["password"] = json!("zwei");
        assert_eq!(desk.opened("pw.yaml", "host"), Ok(expected.clone()), "{rule}");
        let before = fs::read_to_string(desk.path("pw.yaml")).unwrap();
        desk.run("sops", &["rotate", "-i", "--rm-age", &desk.recipient("other"), "pw.yaml"]);
        assert_ne!(fs::read_to_string(desk.path("pw.yaml")).unwrap(), before);
        assert_eq!(desk.opened("pw.yaml", "host"), Ok(expected), "{rule}");
        let told = desk.opened("pw.yaml", "other").unwrap_err();
        assert!(told.contains("for 1 recipient of age, and for none of this host's"), "{told}");
    }
}

#[test]
fn what_the_tests_encrypt_is_opened_by_sops() {
    let desk = Desk::new("    encrypted_regex: ^(data|stringData)$\n");
    let identity = Identity::generate();
    fs::write(desk.path("host"), identity_file(&identity)).unwrap();
    assert_eq!(desk.recipient("host"), identity.to_public().to_string());
    let (values, to) = ([("one", "eins"), ("two", "größe")], [identity.to_public()]);
    for (field, text) in [("stringData", secret("a", &values, &to)), ("data", config_map("a", &values, &to))] {
        fs::write(desk.path("a.yaml"), text).unwrap();
        let read = desk.run("sops", &["decrypt", "--output-type", "json", "a.yaml"]);
        let read: Value = serde_json::from_str(&read).unwrap();
        assert_eq!(read[field], json!({"one": "eins", "two": "größe"}));
    }
}

/// What `sops` writes of a `.env` file, and rotates and sets, comes out as `sops decrypt` writes it; and it opens ours.
#[test]
fn a_file_of_variables_is_opened_to_the_byte_as_sops_opens_it() {
    const ENV: &str = "# How to get in.\nPASSWORD=a=b: \"c\" # d\nLINES=one\\ntwo\nEMPTY=\nURL_unencrypted=a://größe\n";
    let opened = |desk: &Desk| {
        let manifest = b"asset \"s\" \"a\" {\n  env = file(\"./a.env\")\n}\n".to_vec();
        let env = fs::read(desk.path("a.env")).unwrap();
        let (lowered, sources) = lower(&Files::from([("a.hcl".to_owned(), manifest), ("a.env".to_owned(), env)]));
        let mut lowered = lowered.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
        assert_eq!(lowered.sealed_files.len(), 1);
        match unseal(&mut lowered, Some(&desk.path("host"))) {
            Ok(()) => {
                let map = lowered.objects.iter().find(|object| object.id.kind == Kind::ConfigMap).unwrap();
                map.body["data"]["env"].as_str().unwrap().to_owned()
            }
            Err(UnsealError::Refused(problems)) => panic!("{}", problems.render(&sources, false)),
            Err(UnsealError::Unread(why)) => panic!("{why}"),
        }
    };
    for rule in ["", "    mac_only_encrypted: true\n", "    encrypted_regex: ^PASS\n"] {
        let desk = Desk::new(rule);
        fs::write(desk.path("a.env"), ENV).unwrap();
        desk.run("sops", &["encrypt", "-i", "a.env"]);
        assert_eq!(opened(&desk), desk.run("sops", &["decrypt", "a.env"]), "{rule}");
        desk.run("sops", &["set", "a.env", "[\"PASSWORD\"]", "\"zwei\""]);
        desk.run("sops", &["rotate", "-i", "--rm-age", &desk.recipient("other"), "a.env"]);
        let after = opened(&desk);
        assert!(after.contains("PASSWORD=zwei\n"), "{rule}: {after}");
        assert_eq!(after, desk.run("sops", &["decrypt", "a.env"]), "{rule}");
    }
    let desk = Desk::new("");
    let identity = Identity::generate();
    fs::write(desk.path("host"), identity_file(&identity)).unwrap();
    fs::write(desk.path("a.env"), env_file(&[("A", "eins"), ("B", "one\ntwo")], &[identity.to_public()])).unwrap();
    assert_eq!(desk.run("sops", &["decrypt", "a.env"]), "# How to get in.\nA=eins\nB=one\\ntwo\n");
    assert_eq!(opened(&desk), "# How to get in.\nA=eins\nB=one\\ntwo\n");
}
