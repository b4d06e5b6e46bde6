//! HTTPS that counts bytes, ends in time, and never follows a redirect, so that credentials stay with their host.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gix::protocol::transport::client::blocking_io::http;
use http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use writ_core::text::SecretText;

use super::meter::{Meter, Metered, Timed};
use crate::limits::CONNECT_SECONDS_MAX;

/// User name beside a token: GitHub wants this one, the other forges take any.
const TOKEN_USER: &str = "x-access-token";

/// The client of `gix` behind a meter.
pub(super) struct Bounded {
    inner: http::reqwest::Remote,
    meter: Arc<Meter>,
}

impl Bounded {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { inner: http::reqwest::Remote::default(), meter }
    }
}

/// The options for one exchange: deadline, no redirects, and the token for the one host that the settings name.
pub(super) fn options(meter: &Arc<Meter>, user: Option<&str>, token: Option<&SecretText>) -> http::Options {
    let meter = Arc::clone(meter);
    let backend = http::reqwest::Options {
        configure_client: Some(Box::new(|builder| {
            let connect = Duration::from_secs(CONNECT_SECONDS_MAX);
            Ok(builder.connect_timeout(connect).referer(false))
        })),
        configure_request: Some(Box::new(move |request| {
            *request.timeout_mut() = Some(meter.left());
            Ok(())
        })),
    };
    http::Options {
        extra_headers: token.map(|token| login(user, token)).into_iter().collect(),
        follow_redirects: http::options::FollowRedirects::None,
        backend: Some(Arc::new(Mutex::new(backend))),
        ..http::Options::default()
    }
}

/// The header that shows a token. It holds a secret.
pub(super) fn login(user: Option<&str>, token: &SecretText) -> String {
    let mut login = format!("{}:", user.unwrap_or(TOKEN_USER)).into_bytes();
    login.extend_from_slice(token.expose());
    format!("Authorization: Basic {}", STANDARD.encode(login))
}

type Inner = http::reqwest::Remote;

impl Http for Bounded {
    type Headers = Box<dyn BufRead + Unpin + Send>;
    type ResponseBody = Metered<Timed>;
    type PostBody = <Inner as Http>::PostBody;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Self::Headers, Self::ResponseBody>> {
        let GetResponse { headers, body } = self.inner.get(url, base_url, headers)?;
        let mut headers = Timed::new(headers, Arc::clone(&self.meter));
        // A request without a body has its answer's headers at once, so that a redirect can be told from other answers.
        let mut read = Vec::new();
        let headers: Self::Headers = match headers.read_to_end(&mut read) {
            Ok(_) => Box::new(Cursor::new(self.without_redirect(read)?)),
            Err(error) => Box::new(BufReader::new(Failed(Some(error)))),
        };
        Ok(GetResponse { headers, body: self.bounded(body) })
    }

    fn post(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        kind: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Self::Headers, Self::ResponseBody, Self::PostBody>> {
        let PostResponse { post_body, headers, body } = self.inner.post(url, base_url, headers, kind)?;
        let headers = Box::new(Timed::new(headers, Arc::clone(&self.meter)));
        Ok(PostResponse { post_body, headers, body: self.bounded(body) })
    }

    fn configure(&mut self, config: &dyn std::any::Any) -> gix::Result {
        self.inner.configure(config)
    }
}

impl Bounded {
    /// A body that is counted, and given up in time.
    fn bounded(&self, body: impl BufRead + Send + 'static) -> Metered<Timed> {
        Metered::new(Timed::new(body, Arc::clone(&self.meter)), Arc::clone(&self.meter))
    }

    fn without_redirect(&self, headers: Vec<u8>) -> gix::Result<Vec<u8>> {
        let text = String::from_utf8_lossy(&headers);
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let Some((_, to)) = lines.find(|(name, _)| name.eq_ignore_ascii_case("location")) else { return Ok(headers) };
        let to: String = to.trim().chars().filter(|character| !character.is_control()).take(200).collect();
        self.meter.set_redirect(to);
        Err(gix::Error::from_error(io::Error::other("the remote redirects")))
    }
}

/// Gives an error to whoever reads.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}
