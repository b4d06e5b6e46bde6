//! `[[source]]`: a repository, how it is reached, and where trust in it begins.

use std::time::Duration;

use writ_core::text::{Problems, Written};
use writ_core::trust::KeyId;

use super::check::{check_name, check_span, refuse};
use super::hint::check_secret;
use super::path::{Privacy, file};
use super::{Credentials, Introduction, Source, Transport, raw, url};
use crate::limits::{POLL_SECONDS_DEFAULT, POLL_SECONDS_MAX, POLL_SECONDS_MIN};

/// A source; none if something of it is not right.
pub(super) fn check_source(raw: raw::Source, takes_hints: bool, problems: &mut Problems) -> Option<Source> {
    let raw::Source { name, url, branch, poll, publish, hint_secret_file, credentials, introduction } = raw;
    let name = check_name("source", name, problems);
    let url = url.and_then(|url| check_url(url, problems));
    let branch = branch.and_then(|branch| check_branch(branch, problems));
    let poll = match poll {
        Some(poll) => check_span("poll", &poll, (POLL_SECONDS_MIN, POLL_SECONDS_MAX), problems),
        None => Some(Duration::from_secs(POLL_SECONDS_DEFAULT)),
    };
    let transport = url.as_ref().map(|(_, transport)| *transport);
    let credentials = credentials.map(|raw| check_credentials(raw, transport, problems)).unwrap_or_default();
    let hint_secret_file = check_secret(hint_secret_file, takes_hints, problems);
    let introduction = match introduction {
        Some(introduction) => Some(check_introduction(introduction, problems)?),
        None => None,
    };
    let (url, transport) = url?;
    let publish = publish.is_some_and(|written| written.value);
    Some(Source {
        name: name?,
        url,
        transport,
        branch: branch?,
        poll: poll?,
        publish,
        hint_secret_file: hint_secret_file?,
        credentials,
        introduction,
    })
}

pub(super) fn check_url(written: Written<String>, problems: &mut Problems) -> Option<(String, Transport)> {
    let Written { value, place } = written;
    match url::source(&value) {
        Ok(transport) => Some((value, transport)),
        Err(url::Complaint { message, help }) => {
            refuse(problems, &place, message, help);
            None
        }
    }
}

/// The rules of `git check-ref-format` for what may follow `refs/heads/`.
fn check_branch(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    let parts_sound = value
        .split('/')
        .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock") && !part.ends_with('.'));
    let sound = parts_sound
        && !value.starts_with('-')
        && !value.contains("..")
        && !value.contains("@{")
        && value != "@"
        && !value.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c));
    if sound && !value.starts_with("refs/") {
        return Some(value);
    }
    refuse(problems, &place, format!("`{}` is no name of a branch", value.escape_debug()), "write it as `main`");
    None
}

pub(super) fn check_credentials(
    raw: raw::Credentials,
    transport: Option<Transport>,
    problems: &mut Problems,
) -> Credentials {
    let raw::Credentials { place, ssh_key_file, known_hosts_file, token_file } = raw;
    let for_ssh = ssh_key_file.is_some() || known_hosts_file.is_some();
    match transport {
        Some(Transport::Ssh) if token_file.is_some() => {
            refuse(problems, &place, "ssh takes no `token_file`", "name an `ssh_key_file`");
        }
        Some(Transport::Https) if for_ssh => {
            refuse(problems, &place, "https takes no keys of ssh", "name a `token_file`");
        }
        Some(Transport::File) if for_ssh || token_file.is_some() => {
            refuse(problems, &place, "a repository on this machine needs no credentials", "remove `credentials`");
        }
        Some(Transport::Ssh | Transport::Https | Transport::File) | None => {}
    }
    Credentials {
        ssh_key_file: file("ssh_key_file", ssh_key_file, Privacy::Secret, problems),
        known_hosts_file: file("known_hosts_file", known_hosts_file, Privacy::Public, problems),
        token_file: file("token_file", token_file, Privacy::Secret, problems),
    }
}

fn check_introduction(raw: raw::Introduction, problems: &mut Problems) -> Option<Introduction> {
    let raw::Introduction { commit, signer } = raw;
    let (commit, signer) = (commit?, signer?);
    let whole =
        commit.value.len() == 40 && commit.value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !whole {
        let help = "write all 40 hexadecimal digits, as `git rev-parse COMMIT` shows them";
        refuse(problems, &commit.place, format!("`{}` is no commit", commit.value.escape_debug()), help);
    }
    let sound = signer.value.parse::<KeyId>().is_ok();
    if !sound {
        let help = "write it as `ssh-keygen -lf KEY.pub` shows it, SHA256: and 43 characters, or as OPENPGP: and all digits \
                    of `gpg --fingerprint`";
        refuse(problems, &signer.place, format!("`{}` is no fingerprint", signer.value.escape_debug()), help);
    }
    (whole && sound).then_some(Introduction { commit: commit.value, signer: signer.value })
}
