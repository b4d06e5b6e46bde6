//! When a unit may be changed.

use writ_core::model::Schedule;
use writ_core::text::{Problems, Written, quoted};
use writ_core::time::Seconds;
use writ_core::window::Window;

use super::check::{check_span, refuse};
use super::raw;
use crate::limits::{WINDOW_SECONDS_MAX, WINDOW_SECONDS_MIN};

/// All windows of a unit; none if one is not right.
pub(super) fn check_windows(raw: Vec<raw::Window>, problems: &mut Problems) -> Option<Vec<Window>> {
    let windows: Vec<Option<Window>> = raw.into_iter().map(|window| check_window(window, problems)).collect();
    windows.into_iter().collect()
}

fn check_window(raw: raw::Window, problems: &mut Problems) -> Option<Window> {
    let raw::Window { cron, tz, span } = raw;
    let span = span.and_then(|span| check_span("for", &span, (WINDOW_SECONDS_MIN, WINDOW_SECONDS_MAX), problems));
    let zone = match tz {
        Some(Written { value, place }) if !Schedule::knows(&value) => {
            let help = "write it as the database of time zones has it: Europe/Berlin, UTC";
            refuse(problems, &place, format!("{} is no time zone", quoted(&value)), help);
            None
        }
        Some(Written { value, .. }) => Some(value),
        None => Some(Schedule::ZONE_DEFAULT.to_owned()),
    };
    let (Written { value, place }, zone) = (cron?, zone?);
    let opens = match Schedule::parse(&value, &zone) {
        Ok(schedule) => schedule,
        Err(why) => {
            refuse(problems, &place, why, "write it as crontab has it: \"0 2 * * *\" is every day at two");
            return None;
        }
    };
    // The longest span is far from a number that seconds cannot hold.
    let span = Seconds(u32::try_from(span?.as_secs()).unwrap_or(u32::MAX));
    Some(Window { opens, span })
}
