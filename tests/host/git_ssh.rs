//! Fetching over SSH from a real server: who is trusted, who is let in, and what is said if not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use writ::error::chain;
use writ::git::{Bounds, Credentials, GitError, Mirror, Remote};

use crate::git::World;
use crate::machine::{Machine, Origin};
use crate::repository::{Key, key, key_of_kind, program};
use crate::sshd::Sshd;

/// Longest time for a refusal: nobody waits for an answer to a question.
const REFUSED_IN: Duration = Duration::from_secs(30);

fn remote(server: &Sshd, world: &World, key_file: &Path, known_hosts_file: PathBuf) -> Remote {
    let credentials =
        Credentials::Ssh { key_file: Some(key_file.to_owned()), known_hosts_file: Some(known_hosts_file) };
    let (url, bounds) = (server.url(&world.repository.path()), Bounds::default());
    Remote { name: "infra".into(), url, branch: "main".into(), credentials, bounds }
}

/// A source that is refused, with all of this in its message.
#[track_caller]
fn refused(world: &World, remote: &Remote, says: &[&str]) {
    let start = Instant::now();
    let mut mirror = Mirror::open(&world.folder(), remote).unwrap();
    for error in [mirror.list().unwrap_err(), mirror.fetch().unwrap_err()] {
        assert!(matches!(error, GitError::Remote { .. }), "{error:?}");
        let text = chain(&error);
        for part in says {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
    assert_eq!(mirror.offered().unwrap(), None);
    assert!(start.elapsed() < REFUSED_IN, "{:?}", start.elapsed());
}

#[test]
fn a_known_host_that_takes_the_key_is_polled_and_fetched_and_any_other_is_refused_with_what_to_do() {
    let (world, server) = (World::new(), Sshd::start());
    let known = server.known_hosts(None);
    let good = remote(&server, &world, &server.client.file, known.clone());
    let mut mirror = Mirror::open(&world.folder(), &good).unwrap();
    let first = Some(world.introduction.commit);
    assert_eq!((mirror.list().unwrap(), mirror.fetch().unwrap()), (first, first));
    let next = world.commit("next");
    assert_eq!((mirror.list().unwrap(), mirror.offered().unwrap()), (Some(next), first));
    assert_eq!(mirror.fetch().unwrap(), Some(next));
    drop(mirror);
    fs::remove_dir_all(world.folder()).unwrap();

    let nobody = server.path("nobody");
    fs::write(&nobody, "").unwrap();
    let unknown = remote(&server, &world, &server.client.file, nobody.clone());
    let port = good.url.split(':').nth(2).unwrap().split('/').next().unwrap();
    let keyscan = format!("`ssh-keyscan -p {port} 127.0.0.1`");
    refused(&world, &unknown, &["the host key of 127.0.0.1 is not in", &nobody.display().to_string(), &keyscan]);

    let folder = server.path("others");
    fs::create_dir(&folder).unwrap();
    let stranger = key(&folder, "stranger");
    let wrong = remote(&server, &world, &stranger.file, known.clone());
    refused(&world, &wrong, &["accepts not the key", &stranger.file.display().to_string(), "public key"]);
    let locked = key_of_kind(&folder, "locked", &["-t", "ed25519", "-N", "passphrase"]);
    refused(&world, &remote(&server, &world, &locked.file, known.clone()), &["one with a passphrase cannot be used"]);
    let missing = folder.join("missing");
    refused(&world, &remote(&server, &world, &missing, known), &["cannot be used", &missing.display().to_string()]);

    let changed = server.known_hosts(Some(&stranger));
    refused(
        &world,
        &remote(&server, &world, &server.client.file, changed),
        &["another host key", "somebody may be in between", "its owner"],
    );
}

#[test]
fn an_unchanged_poll_over_ssh_moves_as_little_at_10_000_branches_as_at_one() {
    let (world, server, old) = (World::new(), Sshd::start(), Sshd::with(""));
    let listed = |server: &Sshd| {
        let remote = remote(server, &world, &server.client.file, server.known_hosts(None));
        let mut mirror = Mirror::open(&world.folder(), &remote).unwrap();
        assert_eq!(mirror.list().unwrap(), Some(world.introduction.commit));
        mirror.received()
    };
    let one = listed(&server);
    let head = world.repository.head();
    let lines: String = (0..10_000).map(|number| format!("{head} refs/heads/team/topic-{number}\n")).collect();
    let packed = format!("# pack-refs with: peeled sorted \n{lines}");
    fs::write(world.repository.path().join(".git/packed-refs"), packed).unwrap();
    let many = listed(&server);
    assert!(one < 400 && many == one, "{one} bytes at one branch, {many} at 10,000");
    // A server that hides the wish for version 2 is listed all the same, by all of its branches.
    let by_version_0 = listed(&old);
    assert!(by_version_0 > 500_000, "{by_version_0} bytes");
}

/// A real `ssh-agent` that holds a key.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn with(key: &Key, socket: PathBuf) -> Self {
        let child = program("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap();
        let agent = Self { child, socket };
        let start = Instant::now();
        loop {
            let mut add = program("ssh-add");
            add.arg("-q").arg(&key.file).env("SSH_AUTH_SOCK", &agent.socket).stderr(Stdio::null());
            if add.status().unwrap().success() {
                return agent;
            }
            assert!(start.elapsed() < REFUSED_IN, "the agent does not take the key");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn the_users_agent_lets_a_source_in_only_where_the_settings_name_no_key() {
    let (origin, server) = (Origin::new(), Sshd::start());
    origin.deploy(&[("web.hcl", "statefulset \"shop\" \"web\" {\n  image = \"web:1\"\n}\n")]);
    let machine = Machine::new(&origin, "");
    let agent = Agent::with(&server.client, server.path("agent.socket"));
    let stranger = key(&machine.state(), "stranger");
    let plain = fs::read_to_string(machine.path("agent.toml")).unwrap();
    let settle = |credentials: &str| {
        let known = server.known_hosts(None);
        let url = server.url(&origin.repository.path());
        let more = format!("url = \"{url}\"\ncredentials = {{ known_hosts_file = {known:?}{credentials} }}");
        let text = plain.replace(&format!("url = \"{}\"", origin.repository.url()), &more);
        assert_ne!(text, plain);
        fs::write(machine.path("agent.toml"), text).unwrap();
    };
    let pass = |agent: Option<&Agent>| {
        let mut command: Command = machine.command(&["run", "--once"]);
        command.envs(agent.map(|agent| ("SSH_AUTH_SOCK", &agent.socket)));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    settle(&format!(", ssh_key_file = {:?}", stranger.file));
    let (code, _) = pass(Some(&agent));
    let told = machine.told();
    assert!(code == Some(1) && told.contains("accepts not the key"), "{told}");
    assert_eq!(machine.pods(), [""; 0]);
    settle("");
    let (code, said) = pass(Some(&agent));
    assert!(code == Some(2) && machine.pods().len() == 1, "{code:?} {said}");
    settle(&format!(", ssh_key_file = {:?}", server.client.file));
    assert_eq!(pass(None).0, Some(0));
    machine.check_journal();
}
