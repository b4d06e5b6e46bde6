//! `[web]`: where the agent answers those who ask, and who may ask.
//!
//! Invariant: where others than those on this machine can ask, they must show a token, or a certificate by an authority that is named.

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
    /// TLS, which asks each who comes for a certificate; none if it is spoken in the clear.
    pub tls: Option<MutualTls>,
    /// The address by which people reach the pages, without a slash at its end; none if nobody is led there.
    pub url: Option<String>,
}

/// Files of TLS in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MutualTls {
    /// The certificate of this host, and those between it and its authority.
    pub certificate_file: PathBuf,
    /// Its key.
    pub key_file: PathBuf,
    /// The authorities, by one of which whoever comes must have a certificate.
    pub client_ca_file: PathBuf,
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

impl Web {
    /// Where it answers, as whoever asks writes it.
    #[must_use]
    pub fn place(&self) -> String {
        match (&self.listen, &self.tls) {
            (Listen::Address(address), Some(_)) => format!("https://{address}"),
            (listen, _) => listen.to_string(),
        }
    }
}

/// The table `[web]`; the inner value is none where there is no such table, the outer where it is not right.
pub(super) fn check_web(raw: Option<raw::Web>, problems: &mut Problems) -> Option<Option<Web>> {
    let Some(raw::Web { listen: written, token_file, tls, url: led }) = raw else { return Some(None) };
    let is_named = token_file.is_some();
    let token_file = file("token_file", token_file, Privacy::Secret, problems);
    let tls_place = tls.as_ref().map(|tls| tls.place.clone());
    let tls = tls.map_or(Some(None), |tls| check_tls(tls, problems).map(Some));
    let led = led.map(|led| check_pages(led, problems));
    let (listen, place) = check_listen(written?, problems)?;
    match (&listen, tls_place) {
        (Listen::Address(address), None) if !address.ip().is_loopback() && !is_named => {
            let message = format!("others than those on this machine can reach {address}");
            let help =
                "name a file with a token in `token_file`, or files of certificates in `tls`, or listen on 127.0.0.1";
            refuse(problems, &place, message, help);
            return None;
        }
        (Listen::Socket(_), Some(tls)) => {
            let help = "take `tls` out, or listen at an address: the agent's user alone can reach a socket";
            refuse(problems, &tls, "no TLS is spoken at a socket", help);
            return None;
        }
        (Listen::Address(_) | Listen::Socket(_), _) => {}
    }
    let tls = tls?;
    let url = led.map_or(Some(None), |led| led.map(Some))?;
    // A file that is named and not right has its problem already.
    (token_file.is_some() == is_named).then_some(Some(Web { listen, token_file, tls, url }))
}

fn check_tls(raw: raw::Tls, problems: &mut Problems) -> Option<MutualTls> {
    let raw::Tls { place: _, certificate_file, key_file, client_ca_file } = raw;
    let certificate_file = file("certificate_file", certificate_file, Privacy::Public, problems);
    let key_file = file("key_file", key_file, Privacy::Secret, problems);
    let client_ca_file = file("client_ca_file", client_ca_file, Privacy::Public, problems);
    Some(MutualTls { certificate_file: certificate_file?, key_file: key_file?, client_ca_file: client_ca_file? })
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
