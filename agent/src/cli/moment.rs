//! Moments as people write them.

use writ::settings::duration;
use writ::view::moment;
use writ_core::time::{Seconds, Timestamp};

use super::exit::Failure;

pub(crate) use writ::view::moment::{age, shown};

/// Reads a moment, or how long ago it was.
pub(crate) fn past(text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    moment::past(text, now).map_err(Failure::message)
}

/// The moment a span of time from now: `30m`, `8h`, `2d`.
pub(crate) fn end(now: Timestamp, span: &str) -> Result<Timestamp, Failure> {
    let seconds = duration(span).and_then(|span| u32::try_from(span.as_secs()).ok()).filter(|seconds| *seconds > 0);
    let seconds =
        seconds.ok_or_else(|| Failure::message(format!("`{span}` is no span of time: write 30m, 8h or 2d")))?;
    Ok(now.plus(Seconds(seconds)))
}
