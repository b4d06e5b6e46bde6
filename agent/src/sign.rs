//! Signs a text with somebody's key, by running `ssh-keygen -Y sign`: so agents, security keys and passphrases work as they
//! do for Git.
//!
//! Invariant: the environment is cleared and filled by name, and what comes back is checked before anybody uses it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use writ_core::trust::{Signature, Signer};

use crate::signature::check_statement;

/// What `ssh-keygen` needs to reach an agent, and to ask for a passphrase or a touch.
const ENVIRONMENT: [&str; 10] = [
    "DISPLAY",
    "HOME",
    "PATH",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_AUTH_SOCK",
    "SSH_SK_PROVIDER",
    "TERM",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
];

/// Why a text could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The program could not be run.
    #[error("cannot run ssh-keygen, which signs; it comes with OpenSSH")]
    Run(#[source] io::Error),
    /// It did not sign. What it said went to the terminal.
    #[error("ssh-keygen did not sign with {}", key.display())]
    Refused {
        /// The key.
        key: PathBuf,
    },
    /// What it made would be refused.
    #[error("the signature by {} would not be accepted: {why}", key.display())]
    Unusable {
        /// The key.
        key: PathBuf,
        /// Why.
        why: String,
    },
}

/// Signs a text in a namespace with a private key, or with the one of an agent that belongs to a public key. Gives the armor,
/// and whose signature it is.
///
/// # Errors
/// If it cannot be signed, or not with a key that is accepted.
pub fn sign(key: &Path, namespace: &str, text: &str) -> Result<(String, Signer), SignError> {
    let mut command = Command::new("ssh-keygen");
    command.env_clear().env("LC_ALL", "C");
    command.envs(ENVIRONMENT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    // A key that begins with a dash is the value of `-f` and no option.
    command.args(["-Y", "sign", "-n", namespace, "-f"]).arg(key);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(SignError::Run)?;
    // One that ends without reading has said why.
    child.stdin.take().map(|mut input| input.write_all(text.as_bytes())).transpose().ok();
    let output = child.wait_with_output().map_err(SignError::Run)?;
    if !output.status.success() {
        return Err(SignError::Refused { key: key.to_owned() });
    }
    match check_statement(text.as_bytes(), &output.stdout, namespace) {
        Signature::Good(signer) => Ok((String::from_utf8_lossy(&output.stdout).into_owned(), signer)),
        other @ (Signature::Bad(_)
        | Signature::WrongNamespace(_)
        | Signature::Weak(_)
        | Signature::Unknown(_)
        | Signature::Missing
        | Signature::NotChecked) => Err(SignError::Unusable { key: key.to_owned(), why: other.in_words() }),
    }
}
