//! An installation of a GitHub App: its key says who asks for a token, and the token, which lasts an hour, says what became of
//! commits.
//!
//! Invariant: neither the key nor a token stands in an error, a log or the record; tokens are in memory alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder, Url};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use serde_json::json;
use writ_core::text::SecretText;
use writ_core::time::{Seconds, Timestamp};
use zeroize::Zeroizing;

use super::answer::{self, Answer, Try};
use super::{Speaks, request};
use crate::error::chain;
use crate::limits::{
    APP_ANSWER_BYTES_MAX, APP_CLAIM_SECONDS, APP_SKEW_SECONDS, APP_TOKEN_SPARE_SECONDS, KEY_BYTES_MAX,
};
use crate::settings::App;

/// What a token is for. Each has one of its own: GitHub refuses a token whole that is to allow what the installation may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Power {
    /// Writing statuses.
    Statuses,
    /// Reading requests and commenting on them.
    Requests,
}

/// An installation of an app, and the tokens that it was given last.
#[derive(Debug)]
pub(super) struct Installation {
    app: App,
    held: Mutex<BTreeMap<Power, Held>>,
}

#[derive(Debug)]
struct Held {
    token: SecretText,
    until: Timestamp,
}

/// Why nothing can be signed by the key of an app.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key of the app in {path}", path = path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file holds no such key.
    #[error(
        "{path} holds no key of an app: it must be the PEM file that GitHub made, with a private key of RSA of at least \
         2048 bits",
        path = path.display()
    )]
    Unfit {
        /// The file.
        path: PathBuf,
    },
}

/// What GitHub answers whoever asks for a token.
#[derive(Deserialize)]
struct Granted {
    token: String,
    expires_at: String,
}

impl Power {
    /// The permission of an app that holds it, without which no token for it is given.
    const fn permission(self) -> &'static str {
        match self {
            Self::Statuses => "statuses",
            Self::Requests => "pull_requests",
        }
    }
}

impl Installation {
    pub(super) const fn new(app: App) -> Self {
        Self { app, held: Mutex::new(BTreeMap::new()) }
    }

    /// The headers of a request with the token that is held, or with a new one that has this power over one repository and no
    /// other.
    pub(super) async fn headers(
        &self,
        power: Power,
        client: &Client,
        (base, project): (&Url, &str),
        attempt: &Try,
    ) -> Result<HeaderMap, Answer> {
        let token = match self.held(power, attempt.now) {
            Some(token) => token,
            None => self.renew(power, client, (base, project), attempt).await?,
        };
        let headers = Speaks::GitHub.headers(token.expose_str().unwrap_or_default());
        headers.map_err(|error| answer::unanswered(attempt, &chain(&error)))
    }

    /// True if a token is held that counts for a while yet.
    pub(super) fn is_holding(&self, power: Power, now: Timestamp) -> bool {
        self.held(power, now).is_some()
    }

    /// Lets go of the token that is held.
    pub(super) fn forget(&self, power: Power) {
        self.lock().remove(&power);
    }

    fn held(&self, power: Power, now: Timestamp) -> Option<SecretText> {
        self.lock().get(&power).filter(|held| now < held.until).map(|held| held.token.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Power, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn renew(
        &self,
        power: Power,
        client: &Client,
        (base, project): (&Url, &str),
        attempt: &Try,
    ) -> Result<SecretText, Answer> {
        let request = self.request(power, client, (base, project), attempt)?;
        let told = request::ask(request, attempt, APP_ANSWER_BYTES_MAX).await?;
        if !told.is_success() {
            return Err(told.judge(attempt).for_want_of("a token of the app's installation", attempt));
        }
        let new = granted(&told.body).ok_or_else(|| {
            answer::denied(attempt, "the forge answered no token of the app's installation that could be understood")
        })?;
        let token = new.token.clone();
        self.lock().insert(power, new);
        Ok(token)
    }

    fn request(
        &self,
        power: Power,
        client: &Client,
        (base, project): (&Url, &str),
        attempt: &Try,
    ) -> Result<RequestBuilder, Answer> {
        let unready = |error: &dyn std::error::Error| answer::unanswered(attempt, &chain(error));
        let claim = claim(&self.app, attempt.now).map_err(|error| unready(&error))?;
        let headers = Speaks::GitHub.headers(&claim).map_err(|error| unready(&error))?;
        let repository = project.rsplit('/').next().unwrap_or_default();
        let body = json!({"repositories": [repository], "permissions": {power.permission(): "write"}});
        Ok(client.post(Speaks::tokens(base, self.app.installation)).headers(headers).json(&body))
    }
}

/// A token that lasts for a while yet.
fn granted(body: &str) -> Option<Held> {
    let Granted { token, expires_at } = serde_json::from_str(body).ok()?;
    let is_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let ends = Timestamp::parse(&expires_at)?;
    let until = Timestamp(ends.0.saturating_sub(i64::from(APP_TOKEN_SPARE_SECONDS) * 1_000));
    is_word.then(|| Held { token: SecretText::new(token), until })
}

/// A JSON Web Token by which an app shows who it is (RS256). Source: "Generating a JSON Web Token (JWT) for a GitHub App".
fn claim(app: &App, now: Timestamp) -> Result<String, KeyError> {
    let key = key(&app.key_file)?;
    // The forge's clock may be behind.
    let begins = now.seconds() - i64::from(APP_SKEW_SECONDS);
    let claims = json!({"iat": begins, "exp": now.plus(Seconds(APP_CLAIM_SECONDS)).seconds(), "iss": app.id});
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let text = format!("{}.{}", encoded(r#"{"alg":"RS256","typ":"JWT"}"#), encoded(&claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_| KeyError::Unfit { path: app.key_file.clone() })?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Looks whether a file holds the key of an app.
///
/// # Errors
/// If it cannot be read, or holds none.
pub fn check_key(file: &Path) -> Result<(), KeyError> {
    key(file).map(drop)
}

/// The key in a file, read each time that it is needed, so that it can be renewed.
fn key(file: &Path) -> Result<RsaKeyPair, KeyError> {
    let unfit = || KeyError::Unfit { path: file.to_path_buf() };
    // As large as it may get, so that no part of the key is left behind where it grew.
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(KEY_BYTES_MAX).unwrap_or_default()));
    (File::open(file))
        .and_then(|open| open.take(KEY_BYTES_MAX).read_to_end(&mut text))
        .map_err(|source| KeyError::Unread { path: file.to_path_buf(), source })?;
    let key = Zeroizing::new(PrivateKeyDer::from_pem_slice(&text).map_err(|_| unfit())?);
    let read = if let PrivateKeyDer::Pkcs1(key) = &*key {
        RsaKeyPair::from_der(key.secret_pkcs1_der())
    } else if let PrivateKeyDer::Pkcs8(key) = &*key {
        RsaKeyPair::from_pkcs8(key.secret_pkcs8_der())
    } else {
        return Err(unfit());
    };
    read.map_err(|_| unfit())
}
