//! Moments and spans of time as plain values; nobody here reads a clock.

use std::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

/// A span in whole seconds, as Kubernetes counts probes, grace periods and deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seconds(pub u32);

const MILLIS_PER_SECOND: i64 = 1_000;
const SECONDS_PER_DAY: i64 = 86_400;

impl Timestamp {
    /// The moment `seconds` after 1970, as Git and file systems count.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MILLIS_PER_SECOND))
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MILLIS_PER_SECOND)
    }

    /// This moment and `span` more.
    #[must_use]
    pub fn plus(self, span: Seconds) -> Self {
        Self(self.0.saturating_add(i64::from(span.0) * MILLIS_PER_SECOND))
    }

    /// The time of day to the second, for a moment that is near: `12:03:10 UTC`.
    #[must_use]
    pub fn time_of_day(self) -> String {
        let second = self.seconds().rem_euclid(SECONDS_PER_DAY);
        format!("{:02}:{:02}:{:02} UTC", second / 3_600, second / 60 % 60, second % 60)
    }

    /// Milliseconds from `earlier` to this moment; negative if it came before.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads the UTC form of RFC 3339 that [`fmt::Display`] writes and that Docker sends
    /// (`2026-11-21T09:10:11Z`, with any number of fractional digits).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
        let mut date = date.splitn(3, '-').map(str::parse::<i64>);
        let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let mut clock = clock.splitn(3, ':').map(str::parse::<i64>);
        let (hour, minute, second) = (clock.next()?.ok()?, clock.next()?.ok()?, clock.next()?.ok()?);
        if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let millis = fraction.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        // The second 60 is one that a year was given.
        let ranges = [(year, 9_999), (hour, 23), (minute, 59), (second, 60)];
        let is_within = ranges.iter().all(|(number, most)| (0..=*most).contains(number));
        if !is_within || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
        Some(Self(seconds * MILLIS_PER_SECOND + millis))
    }
}

impl Seconds {
    /// What is left at `now` of this span that began at `since`.
    #[must_use]
    pub fn left(self, since: Timestamp, now: Timestamp) -> Self {
        let spent = now.millis_since(since).max(0) / MILLIS_PER_SECOND;
        Self(self.0.saturating_sub(u32::try_from(spent).unwrap_or(u32::MAX)))
    }

    /// Reads a span as people write it: `30s`, `5m`, `1h` or `2d`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            _ => return None,
        };
        let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 = sound.then(|| digits.parse().ok()).flatten()?;
        count.checked_mul(seconds).map(Self)
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-21T09:10:11.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        let (days, rest) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        let (year, month, day) = civil_from_days(days);
        let millis = self.0.rem_euclid(MILLIS_PER_SECOND);
        let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_and_read_back() {
        for text in ["1970-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "2026-11-21T09:10:11.042Z"] {
            assert_eq!(Timestamp::parse(text).map(|moment| moment.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Timestamp::parse("2026-11-21T09:10:11.123456789Z"), Timestamp::parse("2026-11-21T09:10:11.123Z"));
        assert_eq!(Timestamp::parse("2026-11-21T09:10:11Z").map(Timestamp::seconds), Some(1_795_252_211));
    }

    #[test]
    fn a_near_moment_is_told_by_its_time_of_day() {
        let at = |text: &str| Timestamp::parse(text).unwrap().time_of_day();
        assert_eq!(at("2026-11-21T09:10:11.999Z"), "09:10:11 UTC");
        assert_eq!(at("1969-12-31T23:59:59Z"), "23:59:59 UTC");
    }

    #[test]
    fn a_span_is_a_number_and_a_unit() {
        for (text, seconds) in [("30s", 30), ("5m", 300), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(Seconds::parse(text), Some(Seconds(seconds)), "{text}");
        }
        for text in ["", "s", "30", "30 s", "-1s", "1w", "1.5h", "99999999999d", "5€"] {
            assert_eq!(Seconds::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_none() {
        for text in [
            "",
            "2026-11-21",
            "2026-13-01T00:00:00Z",
            "2026-11-21T09:10:11+01:00",
            "2026-11-21T09:10:11.xZ",
            "294967296-02-04T02:00:00Z",
            "-9223372036854775808-01-01T00:00:00Z",
            "2026-11-21T-1:10:11Z",
            "2026-11-21T09:10:-11Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
