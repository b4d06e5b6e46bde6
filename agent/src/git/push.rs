//! Publishes one ref by running `git push`: the only thing that ever goes from here into a repository.
//!
//! Invariant: the environment is cleared and filled by name; no settings of the user or the machine and no hook of either
//! side on this machine have a say; nothing asks questions and no redirect is followed.
//! Invariant: a token stands in no argument, where others on the machine could read it.

use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::advice::advice;
use super::error::{GitError, Operation};
use super::http::login;
use super::meter::{Deadline, Meter, Metered};
use super::process::{Carrier, SSH_ENVIRONMENT, clean, quoted, ssh_with};
use super::remote::{Address, Remote};

/// Variables that lead to a proxy and to the certificates of the machine.
const HTTP_ENVIRONMENT: [&str; 8] =
    ["PATH", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"];

/// The line with which `git push --porcelain` says that it came to its end, whatever became of the refs.
const DONE: &str = "Done";

/// How its line about a ref begins that was not taken.
const REFUSED: &str = "!\t";

/// Pushes the ref `ours` of a repository to the ref `theirs` of a remote, whatever that names there.
pub(super) fn push(folder: &Path, remote: &Remote, ours: &str, theirs: &str) -> Result<(), GitError> {
    let address = remote.address()?;
    let operation = Operation::Push;
    let failed = |source: Box<dyn std::error::Error + Send + Sync>, said: String| {
        let advice = advice(&said, &address, &remote.credentials).map_or(String::new(), |advice| format!(": {advice}"));
        let said = if said.is_empty() { said } else { format!(" ({said})") };
        GitError::Remote { operation, url: remote.url.clone(), said: advice + &said, source }
    };
    let mut command = command(&address, remote)?;
    command.arg("-C").arg(folder).args(["push", "--porcelain", "--no-verify"]);
    if let Address::File { path } = &address {
        // Whoever owns that repository, none of its hooks runs as this user.
        let safe = |path: &Path| quoted(&format!("safe.directory={}", path.display()));
        let (safe, safe_inner) = (safe(path), safe(&path.join(".git")));
        command.arg(format!("--receive-pack=git -c core.hooksPath=/dev/null -c {safe} -c {safe_inner} receive-pack"));
    }
    command.args(["--", &remote.url, &format!("+{ours}:{theirs}")]);
    // What is pushed is small, so that the limits of a listing are enough.
    let meter = Meter::new(remote.bounds.list);
    let started = Carrier::start(&mut command).map_err(|error| failed(error.into(), String::new()))?;
    let (carrier, output, input) = started;
    drop(input);
    let deadline = Deadline::start(Arc::clone(&meter), carrier.ender());
    let mut said = Vec::new();
    let read = Metered::new(output, Arc::clone(&meter)).read_to_end(&mut said);
    drop(deadline);
    let errors = carrier.end();
    if meter.reached().is_some() {
        let seconds = remote.bounds.list.time.as_secs_f64();
        return Err(GitError::TimedOut { operation, url: remote.url.clone(), seconds });
    }
    let said = String::from_utf8_lossy(&said);
    if let Some(refused) = said.lines().find_map(|line| line.strip_prefix(REFUSED)) {
        let why = refused.rsplit('\t').next().unwrap_or(refused).replace(char::is_control, " ");
        return Err(failed(format!("the remote did not take it: {why}").into(), errors));
    }
    match read {
        Ok(_) if said.lines().any(|line| line == DONE) => Ok(()),
        Ok(_) => Err(failed("`git push` did not come to its end".into(), errors)),
        Err(error) => Err(failed(error.into(), errors)),
    }
}

/// `git` that reaches a remote of this kind.
fn command(address: &Address, remote: &Remote) -> Result<Command, GitError> {
    let mut settings = vec![("core.hooksPath", "/dev/null".to_owned()), ("credential.helper", String::new())];
    let mut command = match address {
        Address::Ssh { .. } => {
            let ssh = ssh_with(&remote.credentials);
            let words = std::iter::once(ssh.get_program()).chain(ssh.get_args());
            let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
            let mut command = clean("git", &SSH_ENVIRONMENT);
            command.env("GIT_SSH_COMMAND", words.join(" ")).env("GIT_SSH_VARIANT", "ssh");
            command
        }
        Address::Http { url } => {
            settings.push(("http.followRedirects", "false".to_owned()));
            if let Some(token) = remote.token()? {
                settings.push(("http.extraHeader", login(url.user(), &token)));
            }
            clean("git", &HTTP_ENVIRONMENT)
        }
        Address::File { .. } => clean("git", &["PATH"]),
    };
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
    command.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (at, (key, value)) in settings.into_iter().enumerate() {
        command.env(format!("GIT_CONFIG_KEY_{at}"), key).env(format!("GIT_CONFIG_VALUE_{at}"), value);
    }
    Ok(command)
}
