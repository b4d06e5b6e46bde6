//! Hints of forges that a source may have news: each can start a pass early.
//!
//! Invariant: of a request nothing is used but the name of a source in its path; a body is only what a signature is over.
//! Invariant: whoever does not know the secret learns nothing, not even which sources there are.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use http::header::HeaderMap;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{sleep, timeout};
use writ_core::text::SecretText;

use super::listen::Stream;
use super::serve::{attend, builder};
use crate::clock::Stopwatch;
use crate::error::chain;
use crate::limits::{
    HINT_BODY_BYTES_MAX, HINT_CONNECTION_SECONDS_MAX, HINT_CONNECTIONS_MAX, HINT_PAUSE_SECONDS, HINTS_REMEMBERED_MAX,
};
use crate::settings::{Listen, Settings, hint_secret};
use crate::token;
use crate::wake::Bell;

/// Headers under which forges put the HMAC-SHA-256 of a body, as hexadecimal digits. Source: "Validating webhook deliveries" of
/// GitHub, "Webhooks" of Gitea and of Forgejo.
const SIGNATURES: [&str; 3] = ["x-hub-signature-256", "x-forgejo-signature", "x-gitea-signature"];

/// The header in which GitLab shows the secret itself. Source: "Webhooks" of GitLab.
const TOKEN: &str = "x-gitlab-token";

/// What stands for the secret of a source that there is not. Nobody is believed by it.
const NO_KEY: &[u8] = &[];

/// Least time between two passes that hints start.
const PAUSE: Duration = Duration::from_secs(HINT_PAUSE_SECONDS);

/// Time that one hint may take.
const LIMIT: Duration = Duration::from_secs(HINT_CONNECTION_SECONDS_MAX);

/// Where hints are taken, and of which sources.
#[derive(Debug)]
pub struct Hints {
    listen: Listen,
    sources: BTreeMap<String, Arc<Known>>,
}

/// A source of which hints are taken.
#[derive(Debug)]
struct Known {
    secret_file: PathBuf,
    /// Why it could not be used when it was read last.
    told: Mutex<Option<String>>,
    bell: Bell,
    rung: Mutex<Rung>,
    /// What was hinted already.
    seen: Mutex<Seen>,
}

/// When a source's bell was rung.
#[derive(Debug, Default)]
struct Rung {
    last: Option<Stopwatch>,
    /// It will be rung once its pause is over.
    again: bool,
}

/// The bodies of the newest hints, by their HMAC.
#[derive(Debug, Default)]
struct Seen {
    order: VecDeque<[u8; 32]>,
    known: BTreeSet<[u8; 32]>,
}

/// By what somebody shows that they know the secret.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// The HMAC of the body.
    Signature(Vec<u8>),
    /// The secret itself.
    Token(Vec<u8>),
}

impl Hints {
    /// Takes hints for the sources that have a secret; none if the settings let nobody hint.
    #[must_use]
    pub fn new(settings: &Settings, bells: &BTreeMap<String, Bell>) -> Option<Self> {
        let listen = settings.hint.as_ref()?.listen.clone();
        let known = settings.sources.iter().filter_map(|source| {
            let (secret_file, bell) = (source.hint_secret_file.clone()?, bells.get(&source.name)?.clone());
            let known =
                Known { secret_file, told: Mutex::default(), bell, rung: Mutex::default(), seen: Mutex::default() };
            Some((source.name.clone(), Arc::new(known)))
        });
        Some(Self { listen, sources: known.collect() })
    }

    /// What a request comes to. Up to the last question it is the same for a source that there is and one that there is not.
    async fn judge(&self, request: Request<Incoming>) -> StatusCode {
        let (head, body) = request.into_parts();
        if head.method != Method::POST {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        if body.size_hint().lower() > HINT_BODY_BYTES_MAX {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        let Some(claim) = Claim::read(&head.headers) else { return StatusCode::UNAUTHORIZED };
        let name = head.uri.path().strip_prefix("/hints/").unwrap_or_default();
        let known = self.sources.get(name).and_then(|known| Some((known, known.secret(name)?)));
        let key = known.as_ref().map_or(NO_KEY, |(_, secret)| secret.expose());
        let mac = match digest(key, body).await {
            Ok(mac) => mac,
            Err(status) => return status,
        };
        let is_right = claim.is_right(key, &mac);
        let Some((known, _)) = known.filter(|_| is_right) else { return StatusCode::UNAUTHORIZED };
        if !lock(&known.seen).is_news(mac.finalize().into_bytes().into()) {
            return StatusCode::OK;
        }
        known.ring();
        StatusCode::ACCEPTED
    }
}

impl Known {
    /// The secret, read for each hint, so that it can be renewed. Why it cannot be used is told once.
    fn secret(&self, source: &str) -> Option<SecretText> {
        let read = hint_secret(&self.secret_file);
        let trouble = read.as_ref().err().map(|error| chain(error));
        let mut told = lock(&self.told);
        if let Some(error) = trouble.as_ref().filter(|_| *told != trouble) {
            let file = self.secret_file.display();
            tracing::error!(source, error, "hints: the secret in {file} cannot be used; nobody is believed");
        }
        *told = trouble;
        read.ok()
    }

    /// Rings the bell once it was silent for long enough.
    fn ring(self: &Arc<Self>) {
        let mut rung = lock(&self.rung);
        if rung.again {
            return;
        }
        rung.again = true;
        let left = rung.last.map_or(Duration::ZERO, |last| PAUSE.saturating_sub(last.elapsed()));
        let own = Arc::clone(self);
        drop(tokio::spawn(async move {
            sleep(left).await;
            *lock(&own.rung) = Rung { last: Some(Stopwatch::start()), again: false };
            own.bell.ring();
        }));
    }
}

impl Seen {
    /// True the first time; the oldest are forgotten.
    fn is_news(&mut self, mac: [u8; 32]) -> bool {
        if !self.known.insert(mac) {
            return false;
        }
        self.order.push_back(mac);
        if self.order.len() > HINTS_REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }
}

impl Claim {
    /// What the headers of a request show; none if they show nothing that could be right.
    fn read(headers: &HeaderMap) -> Option<Self> {
        if let Some(value) = SIGNATURES.into_iter().find_map(|name| headers.get(name)) {
            let digits = value.to_str().ok()?;
            return bytes(digits.strip_prefix("sha256=").unwrap_or(digits)).map(Self::Signature);
        }
        headers.get(TOKEN).map(|value| Self::Token(value.as_bytes().to_vec()))
    }

    /// True if this is what only one who knows the secret can show. How long that takes tells nothing about the secret.
    fn is_right(&self, secret: &[u8], mac: &Hmac<Sha256>) -> bool {
        match self {
            Self::Signature(bytes) => mac.clone().verify_slice(bytes).is_ok(),
            Self::Token(token) => token::is_same(token, secret),
        }
    }
}

/// What a lock holds: whoever had it and panicked left nothing half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bytes of hexadecimal digits.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    digits.chunks(2).map(|pair| u8::try_from(pair.first()? * 16 + pair.get(1)?).ok()).collect()
}

/// The HMAC of a body, of which no more is kept than the part at hand.
async fn digest(secret: &[u8], mut body: Incoming) -> Result<Hmac<Sha256>, StatusCode> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    let mut left = HINT_BODY_BYTES_MAX;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        let Some(data) = frame.data_ref() else { continue };
        left = left.checked_sub(data.len() as u64).ok_or(StatusCode::PAYLOAD_TOO_LARGE)?;
        mac.update(data);
    }
    Ok(mac)
}

/// Takes hints for ever.
pub(super) async fn serve(hints: Arc<Hints>) {
    let guest = |stream| {
        let hints = Arc::clone(&hints);
        async move {
            match stream {
                Stream::Address(stream) => connection(&hints, stream, LIMIT).await,
                Stream::Socket(stream) => connection(&hints, stream, LIMIT).await,
            }
        }
    };
    attend("hints", &hints.listen, &hints.listen.to_string(), || Ok(()), HINT_CONNECTIONS_MAX, guest).await;
}

/// One request, within the time for it.
async fn connection(hints: &Hints, stream: impl AsyncRead + AsyncWrite + Unpin + Send, limit: Duration) {
    let service = service_fn(|request: Request<Incoming>| async move {
        let status = hints.judge(request).await;
        tracing::debug!(status = status.as_u16(), "hints: answered");
        let mut response = Response::new(Full::new(Bytes::from_static(words(status).as_bytes())));
        *response.status_mut() = status;
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
        }
        Ok::<_, Infallible>(response)
    });
    let served = builder().serve_connection(TokioIo::new(stream), service);
    match timeout(limit, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = chain(&error), "hints: a connection ended early"),
        Err(_elapsed) => tracing::debug!("hints: a connection was ended at its limit of time"),
    }
}

const fn words(status: StatusCode) -> &'static str {
    match status {
        StatusCode::ACCEPTED => "the source will be asked soon\n",
        StatusCode::OK => "that is known already\n",
        StatusCode::UNAUTHORIZED => "sign the body by the secret of a source\n",
        StatusCode::PAYLOAD_TOO_LARGE => "that is too long\n",
        StatusCode::METHOD_NOT_ALLOWED => "only POST\n",
        _ => "that is no request\n",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const SECRET: &str = "canary-secret-of-hints";

    /// Hints for `infra`, whose secret lies in that file.
    fn hints(secret_file: &Path) -> Hints {
        let known = Known {
            secret_file: secret_file.to_path_buf(),
            told: Mutex::default(),
            bell: Bell::default(),
            rung: Mutex::default(),
            seen: Mutex::default(),
        };
        let sources = BTreeMap::from([("infra".to_owned(), Arc::new(known))]);
        Hints { listen: Listen::Socket("/nowhere".into()), sources }
    }

    /// What is answered within a moment to a body of four bytes, of which these are sent: the first line, or nothing.
    async fn answered(hints: &Hints, source: &str, header: &str, sent: &str) -> String {
        let (mut forge, stream) = duplex(4096);
        let head = format!("POST /hints/{source} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n{header}\r\n\r\n");
        forge.write_all(format!("{head}{sent}").as_bytes()).await.unwrap();
        connection(hints, stream, Duration::from_millis(if sent.len() < 4 { 20 } else { 10_000 })).await;
        let mut text = String::new();
        forge.read_to_string(&mut text).await.unwrap();
        text.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn whoever_does_not_know_the_secret_is_told_the_same_at_the_same_moment_whatever_sources_there_are() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, SECRET).unwrap();
        let (hints, refused) = (hints(&file), "HTTP/1.1 401 Unauthorized");
        for source in ["infra", "other", ""] {
            for header in ["x-gitlab-token: another", "x-gitlab-token:", "x-hub-signature-256: sha256=00"] {
                // A body that does not come is let go at its limit of time, and nothing is said before.
                assert_eq!(answered(&hints, source, header, "{").await, "", "{source} {header}");
                assert_eq!(answered(&hints, source, header, "{  }").await, refused, "{source} {header}");
            }
            assert_eq!(answered(&hints, source, "x-other: 1", "{").await, refused, "{source}");
        }
        let right = format!("x-gitlab-token: {SECRET}");
        assert_eq!(answered(&hints, "infra", &right, "{  }").await, "HTTP/1.1 202 Accepted");
        assert_eq!(answered(&hints, "other", &right, "{  }").await, refused);
        // One that can be guessed is believed by nobody, as soon as it stands there; so is none.
        for text in ["guessed", ""] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(answered(&hints, "infra", &format!("x-gitlab-token: {text}"), "[  ]").await, refused, "{text}");
        }
        std::fs::write(&file, SECRET).unwrap();
        assert_eq!(answered(&hints, "infra", &right, "[  ]").await, "HTTP/1.1 202 Accepted");
        assert_eq!(answered(&hints, "infra", &right, "[  ]").await, "HTTP/1.1 200 OK");
    }

    fn claim(name: &'static str, value: &str) -> Option<Claim> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        Claim::read(&headers)
    }

    #[test]
    fn each_forge_shows_in_its_way_that_it_knows_the_secret() {
        let signature = Some(Claim::Signature(vec![0, 255, 16]));
        assert_eq!(claim("x-hub-signature-256", "sha256=00ff10"), signature);
        assert_eq!(claim("x-gitea-signature", "00FF10"), signature);
        assert_eq!(claim("x-forgejo-signature", "00ff10"), signature);
        assert_eq!(claim("x-gitlab-token", "abc"), Some(Claim::Token(b"abc".to_vec())));
        for wrong in ["sha256=0", "0g", "sha1=00ff10", "\u{e4}"] {
            assert_eq!(claim("x-hub-signature-256", wrong), None, "{wrong}");
        }
        assert_eq!(claim("authorization", "abc"), None);
    }

    #[test]
    fn a_body_is_news_once_as_long_as_it_is_remembered() {
        let mut seen = Seen::default();
        let mac = |number: usize| {
            let mut mac = [0; 32];
            mac[..8].copy_from_slice(&number.to_be_bytes());
            mac
        };
        assert!(seen.is_news(mac(0)) && !seen.is_news(mac(0)));
        assert!((1..=HINTS_REMEMBERED_MAX).all(|number| seen.is_news(mac(number))));
        assert_eq!((seen.order.len(), seen.known.len()), (HINTS_REMEMBERED_MAX, HINTS_REMEMBERED_MAX));
        assert!(seen.is_news(mac(0)));
    }
}
