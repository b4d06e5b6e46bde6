//! Spans of passes, by which whoever collects traces sees what a pass spent its time on.
//!
//! A pass is a trace: below it stand its units, below these the stages, and below the stage that acts the steps. So is a request
//! that is planned beside passes.
//!
//! Invariant: a span names sources, units, commits, objects, pods and verbs. No value of a manifest and no secret stands in one.
//! Invariant: where nobody collects traces, no span is made; where somebody does, no pass waits for that.

mod layer;

use tracing::field::{Empty, display};
use tracing::{Span, info_span};
use writ_core::plan::Step;

use crate::bulletin::Stage;
use crate::cycle::PassEnd;
use crate::wake::Wake;

pub use layer::{Collector, Spans, collect};

/// By which spans are told apart from what the log says.
pub const TARGET: &str = "writ::trace";

/// One pass over a source: the root of a trace.
pub(crate) fn pass(source: &str, wake: Wake) -> Span {
    info_span!(
        target: TARGET, parent: None, "pass", source, %wake, changes = Empty, refused = Empty, interrupted = Empty,
        failed = Empty
    )
}

/// What the pass came to.
pub(crate) fn passed(span: &Span, end: Option<&PassEnd>) {
    span.record("failed", end.is_none_or(|end| end.failed || end.unreachable));
    if let Some(end) = end {
        span.record("changes", end.changes);
        span.record("refused", end.refused);
        span.record("interrupted", end.interrupted.is_some());
    }
}

/// One unit of a pass.
pub(crate) fn unit(unit: &str, commit: &str) -> Span {
    info_span!(target: TARGET, "unit", unit, commit)
}

/// One open request, planned for a unit beside the passes: the root of a trace.
pub(crate) fn preview(unit: &str, request: u32, commit: &str) -> Span {
    info_span!(target: TARGET, parent: None, "preview", unit, request, commit)
}

/// One stage of a pass.
pub(crate) fn stage(stage: Stage) -> Span {
    match stage {
        Stage::Source => info_span!(target: TARGET, "source"),
        Stage::Read => info_span!(target: TARGET, "read"),
        Stage::Look => info_span!(target: TARGET, "look"),
        Stage::Plan => info_span!(target: TARGET, "plan"),
        Stage::Apply => info_span!(target: TARGET, "apply"),
        Stage::Settle => info_span!(target: TARGET, "settle"),
    }
}

/// One step of a plan.
pub(crate) fn step(step: &Step) -> Span {
    let span = info_span!(
        target: TARGET, "step", verb = %step.verb, object = %step.object, pod = Empty, failed = Empty
    );
    if let Some(pod) = &step.pod {
        span.record("pod", display(pod));
    }
    span
}

/// How the step ended.
pub(crate) fn stepped(span: &Span, well: bool) {
    span.record("failed", !well);
}
