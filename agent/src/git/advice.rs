//! What to do about what `ssh` says when it is not let in, or does not trust whom it reached.

use std::path::Path;

use super::remote::{Address, Credentials};

/// Advice by what `ssh` said. None if it said nothing that a person could mend by it.
pub(super) fn advice(said: &str, address: &Address, credentials: &Credentials) -> Option<String> {
    let Address::Ssh { user, host, port, path: _ } = address else { return None };
    let (key_file, known_hosts_file) = match credentials {
        Credentials::Ssh { key_file, known_hosts_file } => (key_file.as_deref(), known_hosts_file.as_deref()),
        Credentials::None | Credentials::Token { .. } => (None, None),
    };
    let known = known_hosts_file.map_or_else(|| "~/.ssh/known_hosts".to_owned(), shown);
    let at = port.map_or(String::new(), |port| format!(" -p {port}"));
    if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") || said.contains("REVOKED HOST KEY") {
        return Some(format!(
            "{host} shows another host key than {known} has, so that somebody may be in between; ask its owner, and only if \
             the key was renewed put the new one there"
        ));
    }
    if said.contains("host key is known for") || said.contains("Host key verification failed") {
        return Some(format!(
            "the host key of {host} is not in {known}; compare what `ssh-keyscan{at} {host}` prints with what its owner \
             publishes, and put it there"
        ));
    }
    if let Some(file) = key_file
        && (said.contains("Load key") || said.contains("not accessible") || said.contains("UNPROTECTED PRIVATE KEY"))
    {
        return Some(format!(
            "the key {} cannot be used; it must be a private key without passphrase that only its owner can read",
            shown(file)
        ));
    }
    if said.contains("Permission denied (") || said.contains("Too many authentication failures") {
        let user = user.as_deref().unwrap_or("this user");
        let key = key_file.map_or_else(
            || "no key that this user has; name one by `ssh_key_file`".to_owned(),
            |file| format!("not the key {}; one with a passphrase cannot be used", shown(file)),
        );
        return Some(format!("{host} accepts {key}, and its owner must have added the public key for {user}"));
    }
    None
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
