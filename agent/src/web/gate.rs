//! Who may ask.
//!
//! Invariant: where a token is named, nothing but the two questions after the agent's life is answered without it.
//! Invariant: where TLS is spoken, nothing at all is answered without a client's certificate.
//! Invariant: where neither is asked for, a page of another site cannot ask in a visitor's name: the host must be one of this machine's.

use std::net::IpAddr;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{StatusCode, header};
use writ_core::text::SecretText;

use super::answer::Answer;
use super::tls::{Tls, TlsError};
use crate::error::chain;
use crate::settings::{Listen, Web};
use crate::token;

/// Shortest token, in characters: 128 bits as hexadecimal digits.
const TOKEN_CHARACTERS_MIN: usize = 32;

/// What whoever asks without the token is told; browsers then ask for a password, which is the token.
const CHALLENGE: &str = "Basic realm=\"writ\", charset=\"UTF-8\"";

/// Decides who may ask.
#[derive(Debug)]
pub struct Gate {
    token_file: Option<PathBuf>,
    tls: Option<Tls>,
    /// Whoever asks got here by an address, and so by a name that somebody else may have given it.
    by_address: bool,
}

/// Why nobody can be let in.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Why the token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read the token in {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// It could be guessed.
    #[error(
        "the token in {path} is shorter than {least} characters: write one by `openssl rand -hex 32`",
        path = path.display(), least = TOKEN_CHARACTERS_MIN
    )]
    Short {
        /// The file.
        path: PathBuf,
    },
}

impl Gate {
    /// The gate that the settings ask for.
    #[must_use]
    pub fn new(settings: &Web) -> Self {
        let by_address = matches!(settings.listen, Listen::Address(_));
        Self { token_file: settings.token_file.clone(), tls: settings.tls.clone().map(Tls::new), by_address }
    }

    /// Looks whether there is a token, where one must be shown, and certificates, where TLS is spoken.
    ///
    /// # Errors
    /// If the token cannot be read, or could be guessed; or the files of TLS cannot be read, or are unfit.
    pub fn check(&self) -> Result<(), GateError> {
        self.token()?;
        Ok(self.tls.as_ref().map_or(Ok(()), Tls::check)?)
    }

    /// TLS, where it is spoken.
    pub(super) const fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Why a request is not let in; none if it is.
    pub(super) fn refusal(&self, request: &Parts) -> Option<Answer> {
        // Read for each request, so that it can be renewed.
        match self.token() {
            // Whoever asks by TLS showed a certificate, and saw one of this machine's under its own name.
            Ok(None) if self.by_address && self.tls.is_none() && !is_named_as_this_machine(request) => {
                let text = "this is not the address of this machine: ask by 127.0.0.1, [::1] or localhost\n";
                Some(Answer::text(StatusCode::MISDIRECTED_REQUEST, text))
            }
            Ok(None) => None,
            Ok(Some(token)) if shown(request).is_some_and(|shown| token::is_same(&shown, token.expose())) => None,
            Ok(Some(_)) => {
                let text = "show the token: `Authorization: Bearer …`, or as the password of any user\n";
                Some(Answer::text(StatusCode::UNAUTHORIZED, text).with(header::WWW_AUTHENTICATE, CHALLENGE))
            }
            Err(error) => {
                tracing::error!(error = chain(&error), "web: nobody is let in");
                Some(Answer::text(StatusCode::SERVICE_UNAVAILABLE, "nobody can be let in now; the log says why\n"))
            }
        }
    }

    /// The token that must be shown; none if none must be.
    fn token(&self) -> Result<Option<SecretText>, TokenError> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let token = token::read(path).map_err(|source| TokenError::Read { path: path.clone(), source })?;
        if token.expose().len() < TOKEN_CHARACTERS_MIN {
            return Err(TokenError::Short { path: path.clone() });
        }
        Ok(Some(token))
    }
}

/// The token that a request shows.
fn shown(request: &Parts) -> Option<Vec<u8>> {
    let value = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().as_bytes().to_vec());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let login = STANDARD.decode(rest.trim()).ok()?;
    let colon = login.iter().position(|byte| *byte == b':')?;
    login.get(colon + 1..).map(<[u8]>::to_vec)
}

/// True if the request was sent to an address, or to the name that every machine has for itself. Any other name may be one
/// that a stranger's server lets lead here.
fn is_named_as_this_machine(request: &Parts) -> bool {
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut builder = Request::builder();
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap().into_parts().0
    }

    #[test]
    fn an_address_and_localhost_are_this_machine_and_any_other_name_is_not() {
        for host in ["127.0.0.1", "127.0.0.1:8470", "[::1]:8470", "localhost:8470", "LOCALHOST", "192.0.2.1"] {
            assert!(is_named_as_this_machine(&request(&[("host", host)])), "{host}");
        }
        for host in
            ["evil.example", "evil.example:8470", "localhost.evil.example", "", "[evil]", "127.0.0.1.evil.example"]
        {
            assert!(!is_named_as_this_machine(&request(&[("host", host)])), "{host}");
        }
        assert!(!is_named_as_this_machine(&request(&[])));
        assert!(!is_named_as_this_machine(&request(&[("host", "127.0.0.1"), ("host", "evil.example")])));
    }

    #[test]
    fn a_token_is_shown_as_a_bearers_or_as_the_password_of_anybody() {
        let shown = |value: &str| shown(&request(&[("authorization", value)])).map(|it| String::from_utf8(it).unwrap());
        assert_eq!(shown("Bearer abc"), Some("abc".to_owned()));
        assert_eq!(shown("bearer abc"), Some("abc".to_owned()));
        assert_eq!(shown(&format!("Basic {}", STANDARD.encode("ann:a:c"))), Some("a:c".to_owned()));
        assert_eq!(shown("Basic !"), None);
        assert_eq!(shown(&format!("Basic {}", STANDARD.encode("abc"))), None);
        assert_eq!(shown("Digest abc"), None);
        assert_eq!(shown("abc"), None);
    }
}
