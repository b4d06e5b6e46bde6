//! Takes down spans as they end, in the form in which they are sent.
//!
//! Source: the messages `Span` and `AnyValue` of the OpenTelemetry protocol 1.x, in their JSON encoding.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;
use writ_core::time::Timestamp;

use super::TARGET;
use crate::clock::{Clock, Stopwatch};
use crate::limits::SPANS_WAITING_MAX;

const NANOS_PER_MILLI: u128 = 1_000_000;

/// A span of a program by itself. Source: `SpanKind`.
const INTERNAL: u8 = 1;

/// `STATUS_CODE_ERROR`.
const ERROR: u8 = 2;

/// Takes down spans for whoever sends them.
#[derive(Debug)]
pub struct Collector {
    ended: Sender<Value>,
    lost: Arc<AtomicU64>,
}

/// Spans that ended, in the order in which they did.
#[derive(Debug)]
pub struct Spans {
    /// Each as the protocol has it.
    pub ended: Receiver<Value>,
    lost: Arc<AtomicU64>,
}

/// What takes down spans, and where they come out.
#[must_use]
pub fn collect() -> (Collector, Spans) {
    let (sender, ended) = channel(SPANS_WAITING_MAX);
    let lost = Arc::<AtomicU64>::default();
    (Collector { ended: sender, lost: Arc::clone(&lost) }, Spans { ended, lost })
}

impl Spans {
    /// How many were let go since this was asked last, because nobody took them in time.
    pub fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

/// A span that goes on.
struct Open {
    trace: [u8; 16],
    span: [u8; 8],
    parent: Option<[u8; 8]>,
    begun: Timestamp,
    watch: Stopwatch,
    fields: Fields,
}

#[derive(Default)]
struct Fields {
    attributes: Vec<Value>,
    failed: bool,
}

impl Collector {
    /// True for what is a span of a pass.
    #[must_use]
    pub fn takes(metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collector {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let above = span.parent().and_then(|parent| {
            let extensions = parent.extensions();
            extensions.get::<Open>().map(|open| (open.trace, open.span))
        });
        let trace = above.map_or_else(random, |(trace, _)| Ok(trace));
        let (Ok(trace), Ok(own)) = (trace, random()) else { return };
        let mut open = Open {
            trace,
            span: own,
            parent: above.map(|(_, span)| span),
            begun: Clock.now(),
            watch: Stopwatch::start(),
            fields: Fields::default(),
        };
        attributes.record(&mut open.fields);
        span.extensions_mut().insert(open);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<Open>() {
            values.record(&mut open.fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else { return };
        // Whoever works never waits for whoever sends.
        if self.ended.try_send(open.ended(span.name())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Open {
    fn ended(self, name: &str) -> Value {
        let Self { trace, span, parent, begun, watch, fields: Fields { attributes, failed } } = self;
        let begin = u128::try_from(begun.0).unwrap_or_default() * NANOS_PER_MILLI;
        json!({
            "traceId": hex(&trace), "spanId": hex(&span), "parentSpanId": parent.map(|parent| hex(&parent)).unwrap_or_default(),
            "name": name, "kind": INTERNAL,
            "startTimeUnixNano": begin.to_string(), "endTimeUnixNano": (begin + watch.elapsed().as_nanos()).to_string(),
            "attributes": attributes, "status": if failed { json!({"code": ERROR}) } else { json!({}) },
        })
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: &Value) {
        self.attributes.push(json!({"key": format!("writ.{}", field.name()), "value": value}));
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        // That it failed is what the status of a span is for.
        if field.name() == "failed" {
            self.failed |= value;
        } else {
            self.put(field, &json!({"boolValue": value}));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        // Numbers of 64 bits are texts in this encoding.
        self.put(field, &json!({"intValue": value.to_string()}));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, &json!({"stringValue": value}));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, &json!({"stringValue": format!("{value:?}")}));
    }
}

/// Bytes by which something is told apart from everything else.
fn random<const N: usize>() -> Result<[u8; N], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes)?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
