//! Runs the program that carries Git's protocol: the user's `ssh`, or `git upload-pack` for a local repository.
//!
//! Invariant: the environment is cleared and filled by name; nothing asks questions; names go in quoted or after `--`.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::remote::{Address, Credentials};
use crate::limits::{CONNECT_SECONDS_MAX, ERROR_TEXT_BYTES_MAX};

/// Variables that `ssh` needs to find the user's keys, agent and known hosts.
const SSH_ENVIRONMENT: [&str; 6] = ["HOME", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "USER", "XDG_RUNTIME_DIR"];

/// A running program and what it says on standard error.
pub(super) struct Carrier {
    child: Arc<Mutex<Child>>,
    errors: Option<JoinHandle<String>>,
}

impl Carrier {
    /// Starts a program; its output is to be read and its input written.
    pub(super) fn start(command: &mut Command) -> io::Result<(Self, ChildStdout, ChildStdin)> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (output, input) = child.stdout.take().zip(child.stdin.take()).ok_or(io::ErrorKind::BrokenPipe)?;
        let errors = child.stderr.take().map(|errors| std::thread::spawn(move || first_bytes(errors)));
        Ok((Self { child: Arc::new(Mutex::new(child)), errors }, output, input))
    }

    /// The program, to be killed at a deadline.
    pub(super) fn child(&self) -> Arc<Mutex<Child>> {
        Arc::clone(&self.child)
    }

    /// Ends the program and returns the first that it said on standard error. The exchange is over by now, so that a
    /// program that still runs has nothing left to do.
    pub(super) fn end(mut self) -> String {
        {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            child.kill().ok();
            child.wait().ok();
        }
        self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default()
    }
}

/// The first bytes of a stream as text without control characters; the rest is read and dropped, so that the program
/// never waits for a reader.
fn first_bytes(mut stream: impl Read) -> String {
    let mut first = Vec::new();
    let read = stream.by_ref().take(ERROR_TEXT_BYTES_MAX).read_to_end(&mut first);
    if read.is_ok() {
        io::copy(&mut stream, &mut io::sink()).ok();
    }
    let text = String::from_utf8_lossy(&first);
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
        .replace(char::is_control, " ")
}

/// `ssh` that serves a repository at an address; none for other addresses.
pub(super) fn ssh(address: &Address, credentials: &Credentials) -> Option<Command> {
    let Address::Ssh { user, host, port, path } = address else { return None };
    let mut command = clean("ssh", &SSH_ENVIRONMENT);
    for option in ["BatchMode=yes", "StrictHostKeyChecking=yes", "SendEnv=GIT_PROTOCOL", "ClearAllForwardings=yes"] {
        command.arg("-o").arg(option);
    }
    command.arg("-o").arg(format!("ConnectTimeout={CONNECT_SECONDS_MAX}"));
    match credentials {
        Credentials::Ssh { key_file, known_hosts_file } => {
            if let Some(file) = known_hosts_file {
                command.arg("-o").arg(option("UserKnownHostsFile", file));
                command.arg("-o").arg("GlobalKnownHostsFile=/dev/null");
            }
            if let Some(file) = key_file {
                command.arg("-o").arg("IdentitiesOnly=yes").arg("-o").arg("IdentityAgent=none").arg("-i").arg(file);
            }
        }
        Credentials::None | Credentials::Token { .. } => {}
    }
    if let Some(port) = port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(user) = user {
        command.arg("-l").arg(user);
    }
    command.arg("--").arg(host).arg(format!("git-upload-pack {}", quoted(path)));
    Some(command)
}

/// `git upload-pack` that serves a local repository.
pub(super) fn upload_pack(path: &Path) -> Command {
    let mut command = clean("git", &["PATH"]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    // The settings name this repository, whoever owns it; Git runs none of its hooks for this.
    let mut safe = OsString::from("safe.directory=");
    safe.push(path);
    command.arg("-c").arg(safe.clone());
    safe.push("/.git");
    command.arg("-c").arg(safe);
    command.args(["upload-pack", "--"]).arg(path);
    command
}

fn clean(program: &str, variables: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command.envs(variables.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.env("LC_ALL", "C").env("GIT_PROTOCOL", "version=2");
    command
}

/// An option of `ssh` whose value is a path, which may hold blanks and `%`.
fn option(name: &str, path: &Path) -> OsString {
    let path = path.to_string_lossy().replace('%', "%%");
    OsString::from(format!("{name}=\"{path}\""))
}

/// A word for the shell at the other end.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''").replace('!', "'\\!'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Remote;

    fn arguments(url: &str, credentials: Credentials) -> Vec<String> {
        let remote = Remote { name: "x".into(), url: url.into(), branch: "main".into(), credentials };
        let command = ssh(&remote.address().unwrap(), &remote.credentials).unwrap();
        command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn ssh_never_asks_and_trusts_only_known_hosts() {
        let arguments = arguments(
            "ssh://git@forge.example:2222/ops/it's.git",
            Credentials::Ssh { key_file: Some("/k".into()), known_hosts_file: Some("/a b/hosts".into()) },
        );
        for expected in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "UserKnownHostsFile=\"/a b/hosts\"",
            "GlobalKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "/k",
        ] {
            assert!(arguments.iter().any(|argument| argument == expected), "{expected} in {arguments:?}");
        }
        let end = ["-p", "2222", "-l", "git", "--", "forge.example", "git-upload-pack '/ops/it'\\''s.git'"];
        assert_eq!(arguments[arguments.len() - end.len()..], end);
    }

    #[test]
    fn without_files_of_our_own_the_users_ssh_decides() {
        let arguments = arguments("git@forge.example:ops/infra.git", Credentials::None);
        assert!(!arguments.iter().any(|argument| argument.contains("KnownHosts") || argument == "-i"), "{arguments:?}");
        assert_eq!(arguments.last().map(String::as_str), Some("git-upload-pack 'ops/infra.git'"));
    }
}
