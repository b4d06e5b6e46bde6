//! Answers, each with the headers that keep a browser from doing more with it than show it.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Bytes;

use sha2::{Digest as _, Sha256};

use super::House;
use super::events::events;

/// Stand on every answer. Nothing comes from elsewhere, nothing is sent elsewhere, nobody frames it; a cache keeps nothing
/// without asking again.
const ALWAYS: [(HeaderName, &str); 8] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "private, no-cache"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// What is sent of an answer.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What is answered.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    kind: &'static str,
    content: Content,
    headers: HeaderMap,
}

/// What it consists of.
#[derive(Debug)]
enum Content {
    Whole(Bytes),
    /// Events, as they come.
    Events(Arc<House>),
}

impl Answer {
    /// Some words.
    pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Self {
        let content = Content::Whole(Bytes::from(text.into()));
        Self { status, kind: "text/plain; charset=utf-8", content, headers: HeaderMap::new() }
    }

    /// A page.
    pub(super) fn html(status: StatusCode, text: String) -> Self {
        Self { kind: "text/html; charset=utf-8", ..Self::text(status, text) }
    }

    /// A file of the program, of this kind.
    pub(super) fn file(kind: &'static str, text: &'static str) -> Self {
        Self { kind, ..Self::text(StatusCode::OK, text) }
    }

    /// What changes, for as long as whoever asks listens.
    pub(super) fn events(house: Arc<House>) -> Self {
        Self { kind: "text/event-stream", content: Content::Events(house), ..Self::text(StatusCode::OK, "") }
    }

    /// A document.
    pub(super) fn json(status: StatusCode, text: String) -> Self {
        Self { kind: "application/json", ..Self::text(status, text) }
    }

    /// Measures for Prometheus.
    pub(super) fn metrics(text: String) -> Self {
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        Self { kind, ..Self::text(StatusCode::OK, text) }
    }

    /// The same with a further header.
    pub(super) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }

    /// As it is sent. To whoever has the same already, only that is said.
    pub(super) fn finish(self, request: &Parts) -> Response<Body> {
        let Self { mut status, kind, content, mut headers } = self;
        for (name, value) in ALWAYS {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let body = match content {
            Content::Events(house) => StreamBody::new(events(house)).boxed_unsync(),
            Content::Whole(mut bytes) => {
                if status == StatusCode::OK {
                    let tag = tag(&bytes);
                    if has_already(request, &tag) {
                        (status, bytes) = (StatusCode::NOT_MODIFIED, Bytes::new());
                        headers.remove(header::CONTENT_TYPE);
                    }
                    headers.insert(header::ETAG, HeaderValue::try_from(tag).expect("digits in quotes are a header"));
                }
                Full::new(bytes).boxed_unsync()
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }

    /// True if it goes on for as long as whoever asks listens.
    pub(super) const fn goes_on(&self) -> bool {
        matches!(self.content, Content::Events(_))
    }
}

/// What tells a body from others, as it stands in `ETag`.
fn tag(body: &[u8]) -> String {
    let digits: String = Sha256::digest(body).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// True if `If-None-Match` lists the tag, or anything at all.
fn has_already(request: &Parts, tag: &str) -> bool {
    let listed = request.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = listed.flat_map(|value| value.split(',')).map(|known| known.trim().trim_start_matches("W/"));
    tags.any(|known| known == tag || known == "*")
}
