//! `[web]`: where the agent answers those who ask, and who may ask.
//!
//! Invariant: where others than those on this machine can ask, they must show a token.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use writ_core::text::{Place, Problems, Written};

use super::check::refuse;
use super::path::{Privacy, file};
use super::{raw, url};

/// Where the agent answers, and who may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// Where it answers.
    pub listen: Listen,
    /// File of the token that must be shown; none if all who can reach it may ask.
    pub token_file: Option<PathBuf>,
    /// The address by which people reach the pages, without a slash at its end; none if nobody is led there.
    pub url: Option<String>,
}

/// Where the agent answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// At an address and port.
    Address(SocketAddr),
    /// At a socket of this machine, which its owner alone can reach.
    Socket(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "http://{address}"),
            Self::Socket(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The table `[web]`; the inner value is none where there is no such table, the outer where it is not right.
pub(super) fn check_web(raw: Option<raw::Web>, problems: &mut Problems) -> Option<Option<Web>> {
    let Some(raw::Web { listen: written, token_file, url: led }) = raw else { return Some(None) };
    let is_named = token_file.is_some();
    let token_file = file("token_file", token_file, Privacy::Secret, problems);
    let led = led.map(|led| check_pages(led, problems));
    let (listen, place) = check_listen(written?, problems)?;
    if let Listen::Address(address) = &listen
        && !address.ip().is_loopback()
        && !is_named
    {
        let message = format!("others than those on this machine can reach {address}");
        let help = "name a file with a token in `token_file`, or listen on 127.0.0.1";
        refuse(problems, &place, message, help);
        return None;
    }
    let url = led.map_or(Some(None), |led| led.map(Some))?;
    // A file that is named and not right has its problem already.
    (token_file.is_some() == is_named).then_some(Some(Web { listen, token_file, url }))
}

fn check_pages(written: Written<String>, problems: &mut Problems) -> Option<String> {
    let Written { value, place } = written;
    match url::pages(&value) {
        Ok(()) => Some(value.trim_end_matches('/').to_owned()),
        Err(url::Complaint { message, help }) => {
            refuse(problems, &place, message, help);
            None
        }
    }
}

/// Where it is listened, and where that is written.
pub(super) fn check_listen(written: Written<String>, problems: &mut Problems) -> Option<(Listen, Place)> {
    let Written { value, place } = written;
    let listen = match value.strip_prefix("unix:") {
        Some(path) if path.starts_with('/') => Some(Listen::Socket(PathBuf::from(path))),
        Some(_) => None,
        None => value.parse().ok().filter(|address: &SocketAddr| address.port() > 0).map(Listen::Address),
    };
    if listen.is_none() {
        let message = format!("`{}` is nowhere to listen", value.escape_debug());
        refuse(problems, &place, message, "write it as 127.0.0.1:8470, [::1]:8470 or unix:/run/writ/web.sock");
    }
    Some((listen?, place))
}
