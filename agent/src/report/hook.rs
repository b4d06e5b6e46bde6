//! One webhook that is told what is wrong: by CloudEvents that are signed, or as Slack takes it.
//!
//! Invariant: text of a repository stays text; what Slack would make a link or a call of people is written out.
//! Invariant: an address that came out of a file stands in no reason.

use std::sync::OnceLock;
use std::time::Duration;

use hmac::{Hmac, Mac as _};
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};
use sha2::Sha256;

use super::answer::{self, Answer, Try};
use super::news::News;
use super::request;
use crate::error::chain;
use crate::limits::FORGE_SECONDS;
use crate::record::Waiting;
use crate::settings::{Address, Format, webhook_address};
use crate::token;

/// Under which the signature of a body stands: `sha256=` and the hexadecimal digits of its HMAC by the secret.
const SIGNATURE: HeaderName = HeaderName::from_static("x-writ-signature-256");

/// One webhook.
#[derive(Debug)]
pub struct Hook {
    /// The name by which the outbox knows it.
    pub(super) id: String,
    address: Address,
    format: Format,
    /// The record that tells, by which its events are told apart from those of others.
    store: String,
    client: OnceLock<Client>,
}

/// Why it cannot be told anything.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error("cannot read the {what}")]
    Unread {
        what: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("the file of the address holds none that is taken: {0}")]
    Address(String),
    #[error("cannot prepare the connection")]
    Client(#[source] reqwest::Error),
}

impl Hook {
    /// The webhook at an address, known to the outbox as `id`, which a record tells that is called `store`.
    pub(super) const fn new(id: String, address: Address, format: Format, store: String) -> Self {
        Self { id, address, format, store, client: OnceLock::new() }
    }

    /// Tells it, and says what became of that.
    pub(super) async fn offer(&self, waiting: &Waiting, attempt: Try) -> Answer {
        let Some(news) = News::read(waiting) else { return Answer::Never("it is no alert".to_owned()) };
        let ready = self.url().and_then(|url| Ok((self.request(&url, &news)?, url)));
        match ready {
            Err(error) => answer::denied(&attempt, &chain(&error)),
            Ok((request, url)) => {
                let answer = request::send(request, &attempt).await;
                match &self.address {
                    Address::Url(_) => answer,
                    // Whoever answers may repeat what it was asked for.
                    Address::File(_) => answer.without(url.path()),
                }
            }
        }
    }

    fn url(&self) -> Result<Url, Unready> {
        let text = match &self.address {
            Address::Url(url) => url.clone(),
            Address::File(path) => {
                let read =
                    token::read(path).map_err(|source| Unready::Unread { what: "file of the address", source })?;
                read.expose_str().unwrap_or_default().to_owned()
            }
        };
        webhook_address(&text).map_err(Unready::Address)?;
        Url::parse(&text).map_err(|error| Unready::Address(error.to_string()))
    }

    fn request(&self, url: &Url, news: &News<'_>) -> Result<RequestBuilder, Unready> {
        let client = request::client(&self.client, url, Duration::from_secs(FORGE_SECONDS)).map_err(Unready::Client)?;
        let request = client.post(url.clone());
        match &self.format {
            Format::Slack => Ok(request.json(&slack(news))),
            Format::Json { secret_file } => {
                let unread = |source| Unready::Unread { what: "secret of signatures", source };
                let secret = token::read(secret_file).map_err(unread)?;
                let body = event(news, &self.store).to_string();
                let signature = format!("sha256={}", signature(secret.expose(), body.as_bytes()));
                let kind = HeaderValue::from_static("application/cloudevents+json; charset=utf-8");
                Ok(request.header(CONTENT_TYPE, kind).header(SIGNATURE, signature).body(body))
            }
        }
    }
}

/// The hexadecimal digits of a body's HMAC-SHA-256.
fn signature(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Source: CloudEvents 1.0.2, JSON event format.
fn event(news: &News<'_>, store: &str) -> Value {
    let News { id, host, unit, kind, is_over, commit, text, audit, at } = news;
    let kind_of_event = if *is_over { "recovered" } else { kind };
    json!({
        "specversion": "1.0", "id": format!("{store}-{id}"), "source": format!("/writ/{host}"),
        "type": format!("writ.{kind_of_event}"), "subject": format!("{unit}/{kind}"), "time": at.to_string(),
        "datacontenttype": "application/json",
        "data": {
            "schema": "writ/alert/v1", "host": host, "unit": unit, "kind": kind, "over": is_over, "commit": commit,
            "text": text, "audit": audit,
        },
    })
}

/// Source: "Formatting text for app surfaces" of Slack: these three characters are all that it reads.
fn slack(news: &News<'_>) -> Value {
    let text = format!("{}\n{}", news.title(), news.body());
    json!({"text": text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_others_compute_it() {
        // Source: RFC 4231, test case 2.
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
