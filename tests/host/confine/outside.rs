//! The real child, looked at from outside while it waits for its question.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Output, Stdio};

use super::WRIT;

const WORDS: [&str; 3] = ["--lower-within", "536870912", "10"];

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(WRIT);
    command.arg0("writ-confined").args(words).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A child whose walls stand.
struct Waiting(Child);

impl Waiting {
    fn new(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut hello = [0; 19];
        child.stdout.as_mut().unwrap().read_exact(&mut hello).unwrap();
        assert!(hello.starts_with(b"writ confined 3\n"), "{hello:?}");
        Self(child)
    }

    fn look(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).unwrap()
    }

    /// A line of its status.
    fn status(&self, name: &str) -> String {
        let status = self.look("status");
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:")));
        line.unwrap_or_else(|| panic!("no {name} in {status}")).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// What a limit is, soft and hard.
    fn limit(&self, name: &str) -> (String, String) {
        let limits = self.look("limits");
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{limits}"));
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_child_has_no_powers_and_gets_none() {
    let child = Waiting::new(&mut command(&WORDS));
    assert_eq!(child.status("NoNewPrivs"), "1");
    assert_eq!(child.status("Seccomp"), "2");
    assert_eq!(child.status("Threads"), "1");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(child.status(set), "0000000000000000", "{set}");
    }
    let session = child.look("stat");
    let words: Vec<&str> = session.rsplit(") ").next().unwrap().split(' ').collect();
    let own = child.0.id().to_string();
    assert_eq!((words[2], words[3]), (own.as_str(), own.as_str()), "its group and its session");
    assert_eq!(child.look("oom_score_adj").trim(), "1000");
    if rustix::process::geteuid().is_root() {
        assert_eq!((child.status("Uid"), child.status("Groups")), ("65534 65534 65534 65534".into(), String::new()));
        let network = |id: &str| fs::read_link(format!("/proc/{id}/ns/net")).unwrap();
        assert_ne!(network(&own), network("self"), "its network");
    }
}

#[test]
fn a_child_is_bounded_in_all_that_it_takes() {
    let child = Waiting::new(&mut command(&WORDS));
    let both = |value: &str| (value.to_owned(), value.to_owned());
    assert_eq!(child.limit("Max address space"), both("536870912"));
    assert_eq!(child.limit("Max cpu time"), ("10".to_owned(), "11".to_owned()));
    for none in ["Max file size", "Max processes", "Max open files", "Max core file size", "Max locked memory"] {
        assert_eq!(child.limit(none), both("0"), "{none}");
    }
}

#[test]
fn a_child_inherits_neither_descriptors_nor_variables_of_the_agent() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = fs::File::create(folder.path().join("open")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let child = Waiting::new(&mut command(&WORDS));
    let mut expected: BTreeSet<String> = ["0", "1", "2"].map(str::to_owned).into();
    // Whoever started these tests may have left something open for all programs. The filter makes that useless.
    expected.extend(descriptors("self").into_iter().filter(|descriptor| !is_closed_on_exec(descriptor)));
    assert_eq!(descriptors(&child.0.id().to_string()), expected);
    for own in [file.as_raw_fd(), listener.as_raw_fd()] {
        assert!(!expected.contains(&own.to_string()) && descriptors("self").contains(&own.to_string()), "{own}");
    }
    assert_eq!(child.look("environ"), "");
}

fn descriptors(id: &str) -> BTreeSet<String> {
    let open = fs::read_dir(format!("/proc/{id}/fd")).unwrap();
    open.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Also true of one that is closed by now. Source: `O_CLOEXEC` among the flags, which are octal.
fn is_closed_on_exec(descriptor: &str) -> bool {
    let Ok(info) = fs::read_to_string(format!("/proc/self/fdinfo/{descriptor}")) else { return true };
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    u32::from_str_radix(flags, 8).unwrap() & 0o2_000_000 != 0
}

#[test]
fn a_child_does_nothing_for_anybody_but_the_agent() {
    let refused = |output: Output| {
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(71), "{said}");
        assert!(output.stdout.is_empty() && said.contains("only writ starts"), "{said}");
    };
    for words in [&[][..], &["status"], &WORDS[..1], &["--lower-within", "x", "10"], &["--lower-within", "1", "-1"]] {
        refused(command(words).output().unwrap());
    }
    refused(command(&[&WORDS[..], &["more"]].concat()).output().unwrap());
    refused(command(&WORDS).stdin(Stdio::null()).output().unwrap());
    // By any other name the words mean nothing.
    let output = Command::new(WRIT).args(WORDS).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let help = Command::new(WRIT).arg("help").output().unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("within"));
}

#[test]
fn a_child_that_is_asked_nothing_sound_answers_nothing() {
    let mut child = Waiting::new(&mut command(&WORDS));
    drop(child.0.stdin.take());
    let mut rest = Vec::new();
    child.0.stdout.as_mut().unwrap().read_to_end(&mut rest).unwrap();
    assert_eq!((child.0.wait().unwrap().code(), rest), (Some(71), Vec::new()));
}
