//! What a host publishes of itself: who can check it, what it costs, and that it keeps the floor where all else is lost.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use writ::git::{Credentials, Mirror};
use writ_core::trust::{CommitId, Published};

use crate::git::World;
use crate::machine::{Machine, Origin, web};
use crate::repository::{key, program, sign};
use crate::sshd::Sshd;

const NAME: &str = "refs/writ/hosts/edge-1/infra";

/// A host that publishes, if it is let.
pub(crate) fn publishing(origin: &Origin) -> Machine {
    let machine = Machine::new(origin, "");
    let settings = fs::read_to_string(machine.path("agent.toml")).unwrap();
    let settings = settings.replace("branch = \"main\"\n", "branch = \"main\"\npublish = true\n");
    fs::write(machine.path("agent.toml"), settings).unwrap();
    machine
}

/// What stands under a ref of statements.
fn said(origin: &Origin, file: &str) -> String {
    origin.repository.git(&["show", &format!("{NAME}:{file}")]) + "\n"
}

/// What a host would say, with these commits.
pub(crate) fn text_of(host: &str, head: &str, floor: &str) -> String {
    format!(
        "writ host 1\nhost {host}\nsource infra\nbranch main\nhead {head}\nfloor {floor}\naudit {}\ntime 2026-01-01T00:00:00Z\n",
        "0".repeat(64)
    )
}

#[test]
fn a_host_says_how_far_it_is_and_ssh_keygen_alone_checks_it() {
    let origin = Origin::new();
    let machine = publishing(&origin);
    // A hook of a repository on this machine would run as the agent.
    let hook = origin.repository.path().join(".git/hooks/pre-receive");
    crate::program::program(&hook, "#!/bin/sh\nexit 1\n");
    let first = origin.deploy(&[("web.hcl", &web("1"))]);
    machine.pass();
    let text = said(&origin, "statement");
    let published = Published::parse(text.as_bytes()).unwrap();
    assert_eq!((published.head.to_string(), published.floor.to_string()), (first.clone(), first.clone()));
    assert_eq!((published.host.as_str(), published.branch.as_str()), ("edge-1", "main"));
    let hex = |hash: [u8; 32]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(machine.history().iter().any(|record| hex(record.hash) == published.audit), "{}", published.audit);
    let folder = tempfile::tempdir().unwrap();
    let (signers, signature) = (folder.path().join("signers"), folder.path().join("signature"));
    let shown = machine.writ(&["key", "show", "-o", "json"]).text;
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    fs::write(&signers, format!("{}\n", shown["allowed_signers"].as_str().unwrap())).unwrap();
    fs::write(&signature, said(&origin, "statement.sig")).unwrap();
    let mut command = program("ssh-keygen");
    command.args(["-Y", "verify", "-I", "edge-1", "-n", "audit@writ", "-f"]).arg(&signers).arg("-s").arg(&signature);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    // Nothing new is nothing to say.
    let commit = origin.repository.git(&["rev-parse", NAME]);
    assert_eq!(machine.pass().code, Some(0));
    assert_eq!(origin.repository.git(&["rev-parse", NAME]), commit);
    let second = origin.deploy(&[("web.hcl", &web("2"))]);
    machine.pass();
    assert!(said(&origin, "statement").contains(&format!("floor {second}\n")));
    machine.check_journal();
}

#[test]
fn without_the_setting_nothing_is_pushed_and_a_push_that_fails_holds_nothing_up() {
    let origin = Origin::new();
    let silent = Machine::new(&origin, "");
    origin.deploy(&[("web.hcl", &web("1"))]);
    silent.pass();
    assert!(!origin.repository.git(&["for-each-ref"]).contains("refs/writ"));
    origin.repository.git(&["config", "receive.hideRefs", "refs/writ/hosts"]);
    let machine = publishing(&origin);
    let ran = machine.pass();
    assert!(ran.text.contains("cannot be published") && ran.text.contains("hidden ref"), "{ran:?}");
    assert!(machine.host().contains("pod ") && !origin.repository.git(&["for-each-ref"]).contains("refs/writ"));
    origin.repository.git(&["config", "--unset", "receive.hideRefs"]);
    assert!(!machine.pass().text.contains("cannot be published"));
    assert!(origin.repository.git(&["for-each-ref"]).contains(NAME), "it is tried again");
}

#[test]
fn where_the_record_and_all_that_ran_are_lost_what_the_host_published_is_the_floor() {
    let origin = Origin::new();
    let machine = publishing(&origin);
    let first = origin.deploy(&[("web.hcl", &web("1"))]);
    machine.pass();
    let second = origin.deploy(&[("web.hcl", &web("2"))]);
    machine.pass();
    origin.offer(&first);
    let empty = publishing(&origin);
    let before = origin.repository.git(&["rev-parse", NAME]);
    let ran = empty.writ(&["run", "--once"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    for words in ["(rewind)", &second, "which this host published as its floor with SHA256:"] {
        assert!(ran.text.contains(words), "{words} in {}", ran.text);
    }
    assert!(!empty.host().contains("pod ") && empty.store().floor("infra").unwrap().is_none());
    assert_eq!(origin.repository.git(&["rev-parse", NAME]), before, "what was said is not taken back");
    // The clone brings the commit along, wherever the branch leads: so people can let the host go back from it.
    let (key, folder) = (origin.key.file.display().to_string(), origin.repository.path().display().to_string());
    let words = ["rewind", "--source", "infra", "--host", "edge-1", "--from", &second, "--to", &first, "--key", &key];
    let back = publishing(&origin);
    back.writ(&[&words[..], &["--git-dir", &folder]].concat());
    back.pass();
    assert_eq!(back.store().floor("infra").unwrap(), Some(first));
    origin.offer(&second);
    empty.pass();
    assert_eq!(empty.store().floor("infra").unwrap(), Some(second));
    assert_eq!(machine.pass().code, Some(0));
}

#[test]
fn what_is_published_keeps_a_head_out_only_with_a_good_signature_and_for_its_host() {
    let origin = Origin::new();
    let first = origin.deploy(&[("web.hcl", &web("1"))]);
    let second = origin.deploy(&[("web.hcl", &web("2"))]);
    origin.offer(&first);
    let keys = tempfile::tempdir().unwrap();
    let any = key(keys.path(), "any");
    let text = text_of("edge-1", &second, &second);
    let good = sign(&any, "audit@writ", text.as_bytes());
    let other = text.replace("time 2026", "time 2025");
    for (name, text, signature, told) in [
        (NAME, &text, sign(&any, "git", text.as_bytes()), "made for the namespace"),
        (NAME, &other, good.clone(), "signature is not good"),
        (
            NAME,
            &text_of("edge-2", &second, &second),
            sign(&any, "audit@writ", text.as_bytes()),
            "signature is not good",
        ),
        ("refs/writ/hosts/edge-2/infra", &text, good.clone(), "names another host"),
    ] {
        let machine = Machine::new(&origin, "");
        origin.repository.state(name, text, &signature);
        let ran = machine.pass();
        assert!(ran.text.contains("cannot be used") && ran.text.contains(told), "{told}: {ran:?}");
        origin.repository.git(&["update-ref", "-d", name]);
    }
    // Nobody can tell any more which key the host had, so that any counts: whoever can push can keep a host where it is.
    origin.repository.state(NAME, &text, &good);
    let machine = Machine::new(&origin, "");
    let ran = machine.writ(&["run", "--once"]);
    assert!(ran.code == Some(3) && ran.text.contains(&any.fingerprint), "{ran:?}");
    origin.repository.git(&["update-ref", "-d", NAME]);
    machine.pass();
}

#[test]
fn it_is_published_over_ssh_with_the_key_that_fetches() {
    let (world, server) = (World::new(), Sshd::start());
    let known = server.known_hosts(None);
    let credentials = Credentials::Ssh { key_file: Some(server.client.file.clone()), known_hosts_file: Some(known) };
    let remote = writ::git::Remote { url: server.url(&world.repository.path()), credentials, ..world.remote() };
    let mut mirror = Mirror::open(&world.folder(), &remote).unwrap();
    let head = mirror.fetch().unwrap().unwrap();
    publish(&mut mirror, head, &world.alice);
    assert_eq!(world.repository.git(&["rev-parse", &format!("{NAME}^")]), head.to_string());
    mirror.list().unwrap();
    assert!(!mirror.statements_moved(), "what was said is known");
    let stranger = key(world.folder().parent().unwrap(), "stranger");
    let known = server.known_hosts(None);
    let credentials = Credentials::Ssh { key_file: Some(stranger.file), known_hosts_file: Some(known) };
    let mut refused = Mirror::open(&world.folder(), &writ::git::Remote { credentials, ..remote }).unwrap();
    let published = Published::parse(text_of("edge-1", &head.to_string(), &head.to_string()).as_bytes()).unwrap();
    let error = refused.publish(&published, ("x", "y"), head).unwrap_err();
    assert!(error.to_string().contains("push") && error.to_string().contains("accepts not the key"), "{error}");
}

/// Publishes what a host would, signed by a key.
pub(crate) fn publish(mirror: &mut Mirror, head: CommitId, by: &crate::repository::Key) {
    let text = text_of("edge-1", &head.to_string(), &head.to_string());
    let published = Published::parse(text.as_bytes()).unwrap();
    let signature = sign(by, "audit@writ", text.as_bytes());
    mirror.publish(&published, (&text, &signature), head).unwrap();
    let (found, unusable) = mirror.repository().published().unwrap();
    assert!(unusable.is_empty() && found.iter().any(|it| it.published == published), "{unusable:?}");
}
