//! Which of a forge's open requests are planned.

use std::cmp::Reverse;

use crate::time::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;

/// An open request to merge something into a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its number at the forge.
    pub number: u32,
    /// The commit that it is about, as the forge says: 40 hexadecimal digits.
    pub head: String,
    /// The branch that it is to be merged into.
    pub branch: String,
    /// When anybody did anything with it last, as the forge says.
    pub touched: Timestamp,
}

/// How many requests a unit plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many, those that were touched last.
    pub number: u32,
    /// None that was not touched for so many days.
    pub days: u32,
}

impl Limits {
    /// Requests that were touched before this moment are let alone.
    #[must_use]
    pub fn oldest(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0.saturating_sub(i64::from(self.days) * DAY_MILLIS))
    }
}

/// Those of a listing that are planned for a branch: what was touched last comes first.
#[must_use]
pub fn chosen(listed: &[Request], branch: &str, limits: &Limits, now: Timestamp) -> Vec<Request> {
    let oldest = limits.oldest(now);
    let mut chosen: Vec<Request> =
        listed.iter().filter(|request| request.branch == branch && request.touched >= oldest).cloned().collect();
    chosen.sort_by_key(|request| Reverse((request.touched, request.number)));
    // What moved from one page of a listing to the next while it was read stands there twice.
    let mut seen = Vec::new();
    chosen.retain(|request| {
        let is_new = !seen.contains(&request.number);
        seen.push(request.number);
        is_new
    });
    chosen.truncate(usize::try_from(limits.number).unwrap_or(usize::MAX));
    chosen
}

/// A moment as forges write it: RFC 3339, in UTC (`…Z`) or with the difference to it (`…+01:00`).
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    if text.ends_with('Z') {
        return Timestamp::parse(text);
    }
    let at = text.len().checked_sub(6)?;
    let (clock, difference) = text.split_at_checked(at)?;
    let (sign, difference) = match difference.split_at_checked(1)? {
        ("+", difference) => (1, difference),
        ("-", difference) => (-1, difference),
        _ => return None,
    };
    let (hours, minutes) = difference.split_once(':')?;
    let number = |text: &str, most: i64| {
        let is_sound = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_sound.then(|| text.parse::<i64>().ok()).flatten().filter(|number| *number <= most)
    };
    let minutes = number(hours, 23)? * 60 + number(minutes, 59)?;
    let there = Timestamp::parse(&format!("{clock}Z"))?;
    Some(Timestamp(there.0 - sign * minutes * 60_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    fn request(number: u32, branch: &str, days_ago: u32) -> Request {
        let touched = Timestamp(NOW.0 - i64::from(days_ago) * 86_400_000);
        Request { number, head: "c0ffee".to_owned(), branch: branch.to_owned(), touched }
    }

    #[test]
    fn those_of_the_branch_that_were_touched_last_are_chosen_up_to_number_and_age() {
        let listed = [
            request(1, "main", 20),
            request(2, "main", 14),
            request(3, "other", 0),
            request(4, "main", 0),
            request(5, "main", 3),
            request(4, "main", 0),
            request(6, "main", 0),
        ];
        let numbers = |number, days| {
            let chosen = chosen(&listed, "main", &Limits { number, days }, NOW);
            chosen.iter().map(|request| request.number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(10, 14), [6, 4, 5, 2]);
        assert_eq!(numbers(2, 14), [6, 4]);
        assert_eq!(numbers(10, 13), [6, 4, 5]);
        assert_eq!(numbers(10, 365), [6, 4, 5, 2, 1]);
    }

    #[test]
    fn moments_of_every_forge_are_read_and_nothing_else_is() {
        let noon = Timestamp::parse("2026-11-27T12:00:00Z");
        for text in [
            "2026-11-27T12:00:00Z",
            "2026-11-27T12:00:00.000Z",
            "2026-11-27T13:00:00+01:00",
            "2026-11-27T06:30:00-05:30",
        ] {
            assert_eq!(moment(text), noon, "{text}");
        }
        for text in [
            "",
            "Z",
            "2026-11-27",
            "2026-11-27T12:00:00",
            "2026-11-27T12:00:00+1:00",
            "2026-11-27T12:00:00+25:00",
            "ä+01:00",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
