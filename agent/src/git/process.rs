//! Runs the program that carries Git's protocol: the user's `ssh`, or `git upload-pack` for a local repository.
//!
//! Invariant: the environment is cleared and filled by name; nothing asks questions; names go in quoted or after `--`.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::remote::{Address, Credentials};
use crate::limits::{CONNECT_SECONDS_MAX, ERROR_TEXT_BYTES_MAX, LAST_WORDS_MILLIS};

/// Variables that `ssh` needs to find the user's keys, agent and known hosts.
pub(super) const SSH_ENVIRONMENT: [&str; 6] = ["HOME", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "USER", "XDG_RUNTIME_DIR"];

/// A running program and what it says on standard error.
pub(super) struct Carrier {
    child: Arc<Mutex<Child>>,
    said: Arc<Mutex<Vec<u8>>>,
    silent: Receiver<()>,
}

impl Carrier {
    /// Starts a program; its output is to be read and its input written.
    pub(super) fn start(command: &mut Command) -> io::Result<(Self, ChildStdout, ChildStdin)> {
        // A group of its own, so that what it starts (a proxy command of `ssh`, say) can be ended with it.
        command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let (output, input) = child.stdout.take().zip(child.stdin.take()).ok_or(io::ErrorKind::BrokenPipe)?;
        let errors = child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let (said, (end, silent)) = (Arc::new(Mutex::new(Vec::new())), channel());
        let shared = Arc::clone(&said);
        std::thread::spawn(move || {
            listen(errors, &shared);
            drop(end);
        });
        Ok((Self { child: Arc::new(Mutex::new(child)), said, silent }, output, input))
    }

    /// Ends the program, once or again, from any thread.
    pub(super) fn ender(&self) -> impl FnOnce() + Send + 'static {
        let child = Arc::clone(&self.child);
        move || kill(&mut child.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the program and returns the first that it said on standard error. The exchange is over by now, so that a
    /// program that still runs has nothing left to do.
    pub(super) fn end(self) -> String {
        {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            kill(&mut child);
            child.wait().ok();
        }
        // Ends with the stream; one that somebody else holds open (a shared connection of `ssh`) is not waited for.
        self.silent.recv_timeout(Duration::from_millis(LAST_WORDS_MILLIS)).ok();
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&said);
        let lines = text.lines().map(str::trim).filter(|line| line.contains(char::is_alphanumeric));
        lines.collect::<Vec<_>>().join("; ").replace(char::is_control, " ")
    }
}

/// Kills a program and all that it started in its group. One that has just ended cannot be killed, which is as good; its
/// number is not another's before it was waited for.
fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        && child.try_wait().is_ok_and(|ended| ended.is_none())
    {
        kill_process_group(group, Signal::KILL).ok();
    }
}

/// Keeps the first bytes of a stream; the rest is read and dropped, so that the program never waits for a reader.
fn listen(mut stream: impl Read, said: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1 << 10];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let room = usize::try_from(ERROR_TEXT_BYTES_MAX).unwrap_or(usize::MAX).saturating_sub(said.len());
        said.extend(buffer.iter().take(read.min(room)));
    }
}

/// `ssh` that serves a repository at an address; none for other addresses.
pub(super) fn ssh(address: &Address, credentials: &Credentials) -> Option<Command> {
    let Address::Ssh { user, host, port, path } = address else { return None };
    let mut command = ssh_with(credentials);
    if let Some(port) = port {
        command.arg("-p").arg(port.to_string());
    }
    if let Some(user) = user {
        command.arg("-l").arg(user);
    }
    command.arg("--").arg(host).arg(format!("git-upload-pack {}", quoted(path)));
    Some(command)
}

/// `ssh` that asks nothing and trusts only known hosts, without a word of whom it is to reach.
pub(super) fn ssh_with(credentials: &Credentials) -> Command {
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
                // This key or none: what the user's or the machine's settings name besides must not let anybody in.
                command.arg("-F").arg("none").arg("-o").arg("IdentitiesOnly=yes");
                command.arg("-o").arg("IdentityAgent=none").arg("-i").arg(file);
            }
        }
        Credentials::None | Credentials::Token { .. } => {}
    }
    command
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

pub(super) fn clean(program: &str, variables: &[&str]) -> Command {
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
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''").replace('!', "'\\!'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{Bounds, Remote};

    fn arguments(url: &str, credentials: Credentials) -> Vec<String> {
        let bounds = Bounds::default();
        let remote = Remote { name: "x".into(), url: url.into(), branch: "main".into(), credentials, bounds };
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
            "IdentityAgent=none",
            "none",
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
