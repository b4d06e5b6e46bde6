//! Files of variables that SOPS encrypted, held by assets: opened with the host's identity of age, in memory alone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use age::x25519::{Identity, Recipient};
use writ::unseal::{UnsealError, unseal};
use writ_core::dialect::{Files, Lowered, lower};
use writ_core::model::Kind;

use crate::fixture::{env_file, identity_file};
use crate::machine::{Machine, Origin};

/// An asset of an encrypted file, one workload that mounts it, one of another scope that does, and one that mounts another key.
const STACK: &str = r#"
asset "shop" "web" {
  env  = file("./web.env")
  open = "level=high"
}
deployment "shop" "web" {
  image   = "web:1"
  volumes = ["${asset.shop.web.env}:/etc/web.env:ro"]
}
deployment "away" "far" {
  image   = "far:1"
  volumes = ["${asset.shop.web.env}:/etc/web.env:ro"]
}
deployment "shop" "other" {
  image   = "other:1"
  volumes = ["${asset.shop.web.open}:/etc/open:ro"]
}
"#;

struct Site {
    origin: Origin,
    machine: Machine,
    identity: Identity,
}

impl Site {
    fn new() -> Self {
        let origin = Origin::new();
        let site = Self { machine: Machine::new(&origin, ""), origin, identity: Identity::generate() };
        let (file, path) = (site.machine.path("identities"), site.machine.path("agent.toml"));
        fs::write(&file, identity_file(&site.identity)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let named = format!("[host]\nage_identity_file = \"{}\"\n", file.display());
        let settings = fs::read_to_string(&path).unwrap().replacen("[host]\n", &named, 1);
        fs::write(path, settings).unwrap();
        site
    }

    fn recipient(&self) -> Recipient {
        self.identity.to_public()
    }

    fn deploy(&self, env: &str) {
        self.origin.deploy(&[("a.hcl", STACK), ("web.env", env)]);
    }

    /// The pods of a workload, with the engine's identities.
    fn pods(&self, workload: &str) -> Vec<String> {
        let of = format!("pod {workload}.");
        let host = self.machine.host();
        let mut pods: Vec<String> = host.lines().filter(|line| line.starts_with(&of)).map(str::to_owned).collect();
        pods.sort();
        pods
    }
}

#[test]
fn encrypting_a_file_of_variables_anew_changes_nothing_that_runs_and_a_new_value_rolls_what_mounts_it_alone() {
    let site = Site::new();
    let ours = [site.recipient()];
    site.deploy(&env_file(&[("PASSWORD", "p-1\nline"), ("USER", "u")], &ours));
    site.machine.pass();
    let all = ["shop-web", "away-far", "shop-other"];
    let before = all.map(|workload| site.pods(workload));
    assert!(before.iter().all(|pods| pods.len() == 1), "{}", site.machine.host());
    let more = [Identity::generate().to_public(), site.recipient()];
    site.deploy(&env_file(&[("PASSWORD", "p-1\nline"), ("USER", "u")], &more));
    site.machine.pass();
    assert_eq!(all.map(|workload| site.pods(workload)), before);
    site.deploy(&env_file(&[("PASSWORD", "p-2"), ("USER", "u")], &more));
    site.machine.pass();
    let after = all.map(|workload| site.pods(workload));
    assert!(after[0] != before[0] && after[1] != before[1] && after[2] == before[2], "{before:?} {after:?}");
    let said = site.machine.writ(&["history"]).text + &site.machine.writ(&["plan"]).text;
    assert!(!said.contains("p-1") && !said.contains("p-2") && !said.contains("ENC["), "{said}");
}

#[test]
fn whatever_is_changed_in_an_encrypted_file_of_variables_refuses_the_commit_at_its_line_and_changes_nothing() {
    let site = Site::new();
    let both = [("PASSWORD", "p-1"), ("USER", "u-1")];
    let [good, other] = [(); 2].map(|()| env_file(&both, &[site.recipient()]));
    site.deploy(&good);
    site.machine.pass();
    let before = site.machine.pods();
    let line =
        |text: &str, name: &str| text.lines().find(|line| line.starts_with(&format!("{name}="))).unwrap().to_owned();
    let (password, user) = (line(&good, "PASSWORD"), line(&good, "USER"));
    let swapped = good
        .replace(&password, &format!("PASSWORD={}", user.split_once('=').unwrap().1))
        .replace(&format!("\n{user}\n"), &format!("\nUSER={}\n", password.split_once('=').unwrap().1));
    let others = env_file(&both, &[Identity::generate().to_public()]);
    let not_there = "is not what was encrypted at that name for this file";
    let not_all = "the values of the file are not those that its `mac` was made over";
    for (what, text, said) in [
        ("a changed value", good.replacen("data:", "data:AAAA", 1), ["web.env:2:10", not_there]),
        ("two values swapped", swapped, ["web.env:2:10", not_there]),
        ("a value of another file", good.replace(&password, &line(&other, "PASSWORD")), ["web.env:2:10", not_there]),
        ("a value under another name", good.replace("\nUSER=", "\nNAME="), ["web.env:3:6", not_there]),
        ("a value that is gone", good.replace(&format!("{user}\n"), ""), ["web.env:3:1", not_all]),
        ("a value in plain text", good.replace(&user, "USER=root"), ["web.env:4:1", not_all]),
        (
            "a value more",
            good.replace("sops_age__list_0__map_enc", "MORE=x\nsops_age__list_0__map_enc"),
            ["web.env:5:1", not_all],
        ),
        ("half a value", good.replace(&password, password.trim_end_matches(']')), ["web.env:2:10", "not SOPS'"]),
        (
            "another moment",
            good.replace("04:00:00Z", "05:00:00Z"),
            ["web.env:4:1", "the `mac` of the file was not made"],
        ),
        ("no mac", good.replace("sops_mac=", "sops_mca="), ["a.hcl:3:10", "and not as a file of variables"]),
        ("for others alone", others, ["web.env:4:1", "writ secrets recipient"]),
    ] {
        site.deploy(&text);
        let ran = site.machine.writ(&["run", "--once"]);
        assert_eq!(ran.code, Some(3), "{what}: {ran:?}");
        assert!(said.iter().all(|word| ran.text.contains(word)), "{what}: {said:?} are not in\n{}", ran.text);
        assert!(!ran.text.contains("p-1") && !ran.text.contains("u-1"), "{what}: {}", ran.text);
        assert_eq!(site.machine.pods(), before, "{what}");
    }
    site.deploy(&other);
    site.machine.pass();
    assert_eq!(site.machine.pods(), before);
}

#[test]
fn no_file_that_sops_encrypted_otherwise_is_mounted_as_it_stands() {
    let cipher = format!("ENC[AES256_GCM,data:YQ==,iv:{}=,tag:{}==,type:str]", "A".repeat(43), "A".repeat(22));
    let told = |manifest: &str, file: &str| {
        let files =
            [("a.hcl", manifest), ("file", file)].map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let (lowered, sources) = lower(&Files::from(files));
        lowered.map(|_| ()).map_err(|problems| problems.render(&sources, false))
    };
    let by_file = "asset \"s\" \"a\" {\n  key = file(\"./file\")\n}\n";
    for text in [
        format!("{{\"key\": \"{cipher}\", \"sops\": {{\"mac\": \"{cipher}\"}}}}"),
        format!("key: {cipher}\nsops:\n    mac: {cipher}\n"),
        format!("[one]\nkey = {cipher}\n[sops]\nmac = {cipher}\n"),
    ] {
        let told = told(by_file, &text).unwrap_err();
        assert!(told.contains("a.hcl:2:9") && told.contains("encrypted by SOPS") && told.contains(".env"), "{told}");
    }
    let written = format!("asset \"s\" \"a\" {{\n  key = \"{cipher}\"\n}}\n");
    assert!(told(&written, "").unwrap_err().contains("a.hcl:2:9"));
    assert_eq!(told(by_file, "ENC[ is how SOPS begins a value"), Ok(()));
    // Whose bytes are asked for where they cannot be known.
    let needed = format!(
        "{by_file}deployment \"s\" \"w\" {{\n  image = \"w:1\"\n  depends_on {{ assets = [\"s.a.key\"] }}\n}}\n"
    );
    let env = env_file(&[("A", "b")], &[Identity::generate().to_public()]);
    assert!(told(&needed, &env).unwrap_err().contains("mount it instead"));
    assert_eq!(told(&needed, "A=b\n"), Ok(()));
}

#[test]
fn a_file_of_variables_that_sops_wrote_is_opened_as_sops_itself_does() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sops");
    let manifest = b"asset \"shop\" \"a\" {\n  env = file(\"./sops.env\")\n}\n".to_vec();
    let env = fs::read(folder.join("sops.env")).unwrap();
    let files = Files::from([("a.hcl".to_owned(), manifest), ("sops.env".to_owned(), env)]);
    let (lowered, sources) = lower(&files);
    let mut lowered = lowered.unwrap_or_else(|problems| panic!("{}", problems.render(&sources, false)));
    let config = |lowered: &Lowered| {
        let maps = lowered.objects.iter().filter(|object| object.id.kind == Kind::ConfigMap);
        let [map] = maps.collect::<Vec<_>>()[..] else { panic!("{:?}", lowered.objects) };
        map.body.clone()
    };
    let held = |lowered: &Lowered| config(lowered)["data"]["env"].clone();
    assert_eq!(held(&lowered), "(encrypted)");
    match unseal(&mut lowered, Some(&folder.join("identity"))) {
        Ok(()) => {}
        Err(UnsealError::Refused(problems)) => panic!("{}", problems.render(&sources, false)),
        Err(UnsealError::Unread(why)) => panic!("{why}"),
    }
    let expected =
        "# the shop\nPASSWORD=geheim # 1\nEMPTY=\nSEVERAL=a\\nb\nQUOTED=\"x y\"\nURL=postgres://a:b@c/d?e=f\n";
    assert_eq!(held(&lowered), expected);
    assert_eq!(config(&lowered)["metadata"]["annotations"]["writ.sealed"], "sops");
}
