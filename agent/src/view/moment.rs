//! Moments as people read them, and as they say when something was.

use crate::settings::duration;
use writ_core::time::Timestamp;

/// A moment to the second: `2026-11-21 09:10:11Z`.
#[must_use]
pub fn shown(moment: Timestamp) -> String {
    let text = moment.to_string();
    let text = text.split('.').next().unwrap_or_default().replace('T', " ");
    format!("{text}Z")
}

/// How long ago a moment was, to one unit: `5m`.
#[must_use]
pub fn age(moment: Timestamp, now: Timestamp) -> String {
    let seconds = now.millis_since(moment).max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Reads a moment, or how long ago it was: `2026-11-21T09:10:11Z`, `2026-11-21`, `90s`, `2h`.
///
/// # Errors
/// If it is none; in words that say how one is written.
pub fn past(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let ago = duration(text).and_then(|span| i64::try_from(span.as_millis()).ok());
    let moment = match ago {
        Some(millis) => Some(Timestamp(now.0.saturating_sub(millis))),
        None => Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))),
    };
    moment.ok_or_else(|| format!("`{text}` is no moment: write 2026-11-21T09:10:11Z, 2026-11-21, or how long ago: 2h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_252_211);

    #[test]
    fn a_moment_is_read_in_full_as_a_day_and_as_a_span_before_now() {
        let seconds = |text| past(text, NOW).map(Timestamp::seconds).ok();
        assert_eq!(seconds("2026-11-21T09:10:11Z"), Some(1_795_252_211));
        assert_eq!(seconds("2026-11-21"), Some(1_795_219_200));
        assert_eq!(seconds("2h"), Some(1_795_252_211 - 7_200));
        assert_eq!(seconds("yesterday"), None);
        assert_eq!(seconds("2026-11-21T09:10:11+01:00"), None);
    }

    #[test]
    fn a_moment_is_shown_to_the_second_and_its_age_to_one_unit() {
        assert_eq!(shown(NOW), "2026-11-21 09:10:11Z");
        let age = |seconds| age(Timestamp::from_seconds(NOW.seconds() - seconds), NOW);
        assert_eq!([age(-5), age(59), age(61), age(7_300), age(200_000)], ["0s", "59s", "1m", "2h", "2d"]);
    }
}
