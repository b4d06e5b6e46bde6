//! Sends spans of passes to whoever collects traces, by the OpenTelemetry protocol over HTTP in JSON.
//!
//! Invariant: nobody waits for this: what is not taken in time is let go, and that is told.

use std::convert::Infallible;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::request;
use crate::error::chain;
use crate::limits::{
    FORGE_SECONDS, SPANS_AT_ONCE_MAX, SPANS_EVERY_SECONDS, SPANS_LAST_SECONDS, SPANS_RETRY_SECONDS_MAX,
};
use crate::settings;
use crate::token;
use crate::trace::Spans;

/// Whoever collects traces, and what waits to be sent there.
#[derive(Debug)]
pub struct Traces {
    settings: settings::Traces,
    host: String,
    spans: Spans,
    client: OnceLock<Client>,
    /// What is being sent.
    batch: Vec<Value>,
    /// Why it was not taken last.
    trouble: Option<String>,
}

/// What became of a batch.
enum Fate {
    Taken,
    /// It would not be taken another time, either.
    Refused(String),
    /// It may be taken later.
    Later(String),
}

impl Traces {
    /// Sends the spans of a host.
    #[must_use]
    pub fn new(settings: settings::Traces, host: &str, spans: Spans) -> Self {
        let host = host.to_owned();
        Self { settings, host, spans, client: OnceLock::new(), batch: Vec::new(), trouble: None }
    }

    /// Sends spans as they come. Never ends.
    pub async fn run(&mut self) -> Infallible {
        let mut pause = SPANS_EVERY_SECONDS;
        loop {
            if self.batch.is_empty() && self.spans.ended.recv_many(&mut self.batch, SPANS_AT_ONCE_MAX).await == 0 {
                // Nobody makes spans any more.
                return std::future::pending().await;
            }
            pause = if self.send().await { SPANS_EVERY_SECONDS } else { (pause * 2).min(SPANS_RETRY_SECONDS_MAX) };
            sleep(Duration::from_secs(pause)).await;
        }
    }

    /// Sends what is left, as far as it is taken in a short time.
    pub async fn finish(&mut self) {
        let sending = async {
            loop {
                while self.batch.len() < SPANS_AT_ONCE_MAX
                    && let Ok(span) = self.spans.ended.try_recv()
                {
                    self.batch.push(span);
                }
                if self.batch.is_empty() || !self.send().await {
                    return;
                }
            }
        };
        if timeout(Duration::from_secs(SPANS_LAST_SECONDS), sending).await.is_err() {
            tracing::warn!("traces: the last spans were not taken in time");
        }
    }

    /// Sends the batch, and tells whether it is out of the way.
    async fn send(&mut self) -> bool {
        let fate = match self.request() {
            Ok(request) => fate(request).await,
            Err(trouble) => Fate::Later(trouble),
        };
        let lost = self.spans.lost();
        if lost > 0 {
            tracing::warn!("traces: {lost} spans were let go, for those before them were not taken");
        }
        let (done, trouble) = match fate {
            Fate::Taken => (true, None),
            Fate::Refused(why) => (true, Some(format!("spans are refused: {why}"))),
            Fate::Later(why) => (false, Some(why)),
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| self.trouble != trouble) {
            tracing::warn!("traces: {trouble}");
        }
        self.trouble = trouble;
        if done {
            self.batch.clear();
        }
        done
    }

    fn request(&self) -> Result<RequestBuilder, String> {
        let settings::Traces { url, token_file } = &self.settings;
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let client = request::client(&self.client, &url, Duration::from_secs(FORGE_SECONDS));
        let request = client.map_err(|error| chain(&error))?.post(url).json(&self.document());
        let Some(file) = token_file else { return Ok(request) };
        let token = token::read(file).map_err(|error| format!("cannot read the token of `[traces]`: {error}"))?;
        let value = token.expose_str().and_then(|token| format!("Bearer {token}").parse().ok());
        let mut value: HeaderValue = value.ok_or_else(|| "the token of `[traces]` is none of a header".to_owned())?;
        value.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, value))
    }

    /// Source: `ExportTraceServiceRequest` of the protocol.
    fn document(&self) -> Value {
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let version = env!("CARGO_PKG_VERSION");
        let resource = [text("service.name", "writ"), text("service.version", version), text("host.name", &self.host)];
        json!({"resourceSpans": [{
            "resource": {"attributes": resource},
            "scopeSpans": [{"scope": {"name": "writ", "version": version}, "spans": self.batch}],
        }]})
    }
}

/// Source: "OTLP/HTTP Response" of the protocol: which answers ask to come again.
async fn fate(request: RequestBuilder) -> Fate {
    match request.send().await {
        Err(error) => Fate::Later(chain(&error.without_url())),
        Ok(answer) => match answer.status().as_u16() {
            200..=299 => Fate::Taken,
            code @ (429 | 502 | 503 | 504) => Fate::Later(format!("the answer is {code}")),
            code => Fate::Refused(format!("the answer is {code}")),
        },
    }
}
