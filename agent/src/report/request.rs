//! Requests to whoever is told something over HTTP, and what is read of their answers.
//!
//! Invariant: redirects are not followed, and of an answer no more is read than its beginning.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{ETAG, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, Url};

use super::answer::{self, Answer, Headers, Try};
use crate::error::chain;
use crate::limits::FORGE_ANSWER_BYTES_MAX;

const USER_AGENT: &str = concat!("writ/", env!("CARGO_PKG_VERSION"));

/// The client for an address, made when it is first needed: reading the machine's certificates takes longer than a pass.
pub(super) fn client<'a>(
    made: &'a OnceLock<Client>,
    address: &Url,
    timeout: Duration,
) -> Result<&'a Client, reqwest::Error> {
    if let Some(client) = made.get() {
        return Ok(client);
    }
    let builder = Client::builder().user_agent(USER_AGENT).redirect(Policy::none()).timeout(timeout);
    // A proxy would read the secrets of a request that is not encrypted.
    let builder = if address.scheme() == "https" { builder } else { builder.no_proxy() };
    let client = builder.build()?;
    Ok(made.get_or_init(|| client))
}

/// What was answered. It may hold a token, so that nothing shows it.
pub(super) struct Told {
    /// The status of the answer.
    pub(super) code: u16,
    headers: Headers,
    /// The beginning of its body.
    pub(super) body: String,
}

impl Told {
    /// True if it was answered well.
    pub(super) const fn is_success(&self) -> bool {
        matches!(self.code, 200..=299)
    }

    /// True if nothing is new since the answer that the forge was told to know.
    pub(super) const fn is_unchanged(&self) -> bool {
        self.code == 304
    }

    /// True if whoever asked is to wait.
    pub(super) fn is_limited(&self) -> bool {
        self.headers.retry_after.is_some() || answer::exhausted(&self.headers)
    }

    /// By what the forge knows this answer again.
    pub(super) fn tag(&self) -> Option<&str> {
        self.headers.tag.as_deref()
    }

    /// What it means.
    pub(super) fn judge(&self, attempt: &Try) -> Answer {
        answer::judge(attempt, self.code, &self.headers, &self.body)
    }
}

/// Sends a request, and says what its answer means.
pub(super) async fn send(request: RequestBuilder, attempt: &Try) -> Answer {
    match ask(request, attempt, 0).await {
        Ok(told) => told.judge(attempt),
        Err(answer) => answer,
    }
}

/// Sends a request, and tells its answer. Of the body of a good one no more is read than so many bytes, of any other one
/// what is needed to know what the forge complains of.
pub(super) async fn ask(request: RequestBuilder, attempt: &Try, bytes_max: usize) -> Result<Told, Answer> {
    let sent = request.send().await;
    let response = sent.map_err(|error| answer::unanswered(attempt, &chain(&error.without_url())))?;
    let (code, headers) = (response.status().as_u16(), told(response.headers()));
    let bytes_max = if response.status().is_success() { bytes_max } else { FORGE_ANSWER_BYTES_MAX };
    Ok(Told { code, headers, body: beginning(response, bytes_max).await })
}

fn told(headers: &HeaderMap) -> Headers {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Headers {
        retry_after: text(RETRY_AFTER.as_str()),
        remaining: text("x-ratelimit-remaining").or_else(|| text("ratelimit-remaining")),
        reset: text("x-ratelimit-reset").or_else(|| text("ratelimit-reset")),
        location: text(LOCATION.as_str()),
        tag: text(ETAG.as_str()),
    }
}

/// The beginning of a body. A body that breaks off is told as far as it came.
async fn beginning(mut response: Response, bytes_max: usize) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < bytes_max {
        let Ok(Some(chunk)) = response.chunk().await else { break };
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(bytes_max);
    String::from_utf8_lossy(&bytes).into_owned()
}
