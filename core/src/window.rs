//! When something may be changed: times at which a window opens, and how long it stays open.

use crate::model::Schedule;
use crate::time::{Seconds, Timestamp};

/// A span of time that comes again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// When it opens.
    pub opens: Schedule,
    /// How long it stays open.
    pub span: Seconds,
}

/// When the next of some windows opens, if all of them are closed at `now`; none if one is open. Without any there is no time at
/// which nothing may be changed.
#[must_use]
pub fn closed_until(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let is_open = |window: &Window| window.opens.until(now).is_some_and(|opened| opened.plus(window.span) > now);
    if windows.iter().any(is_open) {
        return None;
    }
    windows.iter().filter_map(|window| window.opens.after(now)).min()
}
