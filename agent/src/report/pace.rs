//! When a forge may be written to: one write after another, with a second between them.
//!
//! Decides from values alone: no network, no clock.

use std::collections::BTreeMap;

use writ_core::time::{Seconds, Timestamp};

use crate::limits::{FORGE_PACE_SECONDS, FORGE_RATION_SECONDS};

/// Remembers when each forge was written to last. Whoever sends keeps one, and is the only one who sends.
#[derive(Debug)]
pub struct Pace {
    gap: Seconds,
    written: BTreeMap<String, Timestamp>,
    /// From when something may be written that is due and was held back.
    again: Option<Timestamp>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::every(Seconds(FORGE_PACE_SECONDS))
    }
}

impl Pace {
    /// With so much time between two writes.
    #[must_use]
    pub const fn every(gap: Seconds) -> Self {
        Self { gap, written: BTreeMap::new(), again: None }
    }

    /// From when something may be written that was due at the last sending, and was held back; none if nothing was.
    #[must_use]
    pub const fn again(&self) -> Option<Timestamp> {
        self.again
    }

    /// Nothing is held back yet.
    pub(super) const fn begin(&mut self) {
        self.again = None;
    }

    /// True if a forge may be written to now; if not, it is held back.
    pub(super) fn lets(&mut self, now: Timestamp, forge: &str) -> bool {
        let Some(last) = self.written.get(forge).copied() else { return true };
        let from = last.plus(self.gap);
        // A clock that was put back holds nothing up.
        if from <= now || now < last {
            return true;
        }
        self.again = Some(self.again.map_or(from, |again| again.min(from)));
        false
    }

    /// It was written to.
    pub(super) fn wrote(&mut self, now: Timestamp, forge: &str) {
        self.written.insert(forge.to_owned(), now);
    }
}

/// From when a commit may be told of again in a context, of which a forge takes so many words at most and was told `sent` times,
/// last at `last`. Half of them are free; then one an hour, and of the last tenth one a day, so that a unit that changes all the
/// time has words left for months.
pub(super) fn again(max: u32, sent: u32, last: Timestamp) -> Timestamp {
    let seconds = if sent < max / 2 {
        0
    } else if sent < max / 10 * 9 {
        FORGE_RATION_SECONDS
    } else {
        FORGE_RATION_SECONDS * 24
    };
    last.plus(Seconds(seconds))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, VecDeque};

    use super::super::Speaks;
    use super::super::answer::{Answer, Headers, Try, judge};
    use super::super::flush::next;
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    #[test]
    fn a_forge_is_written_to_once_a_second_and_another_one_meanwhile() {
        let mut pace = Pace::default();
        assert!(pace.lets(NOW, "one"));
        pace.wrote(NOW, "one");
        let later = |millis: i64| Timestamp(NOW.0 + millis);
        assert!(!pace.lets(later(999), "one") && pace.lets(later(999), "other"));
        assert_eq!(pace.again(), Some(later(1_000)));
        pace.begin();
        assert!(pace.lets(later(1_000), "one"));
        assert_eq!(pace.again(), None);
        assert!(pace.lets(later(-1), "one"), "a clock that was put back holds nothing up");
    }

    #[test]
    fn a_unit_that_changes_all_the_time_has_words_left_for_three_months() {
        let (mut now, mut sent, mut last, mut day) = (NOW, 0, NOW, [0; 100]);
        while sent < 1_000 && now.millis_since(NOW) < 100 * 86_400_000 {
            if again(1_000, sent, last) <= now {
                (sent, last) = (sent + 1, now);
                day[usize::try_from(now.millis_since(NOW) / 86_400_000).unwrap()] += 1;
            }
            now = now.plus(Seconds(60));
        }
        assert_eq!(day[..3], [515, 24, 24], "a word each minute, and then each hour");
        assert_eq!((day[30], sent), (1, 982), "and then each day");
    }

    /// A forge that takes 80 writes in any minute, and tells others when the first of these is over.
    #[derive(Default)]
    struct Limited {
        taken: VecDeque<i64>,
    }

    impl Limited {
        fn answer(&mut self, attempt: &Try) -> Answer {
            let now = attempt.now.seconds();
            while self.taken.front().is_some_and(|first| now - first >= 60) {
                self.taken.pop_front();
            }
            match self.taken.front() {
                Some(first) if self.taken.len() >= 80 => {
                    let headers = Headers { retry_after: Some((first + 60 - now).to_string()), ..Headers::default() };
                    judge(attempt, 403, &headers, "You have exceeded a secondary rate limit")
                }
                Some(_) | None => {
                    self.taken.push_back(now);
                    judge(attempt, 201, &Headers::default(), "")
                }
            }
        }
    }

    #[test]
    fn a_thousand_hosts_behind_one_limit_all_get_a_word_in_and_do_not_storm_it() {
        let (mut forge, mut seed) = (Limited::default(), 7);
        let mut tries = vec![0_u32; 1_000];
        // Each sees the new commit within its poll of a minute.
        let mut due: BTreeSet<(Timestamp, usize)> =
            (0..1_000).map(|host| (Timestamp(NOW.0 + i64::try_from(host).unwrap() * 60), host)).collect();
        let mut minutes: BTreeMap<i64, u32> = BTreeMap::new();
        let mut end = NOW;
        while let Some((now, host)) = due.pop_first() {
            seed = next(seed);
            let attempt = Try { speaks: Some(Speaks::GitHub), now, failures: tries[host], random: seed };
            tries[host] += 1;
            *minutes.entry(now.millis_since(NOW) / 60_000).or_default() += 1;
            end = now;
            match forge.answer(&attempt) {
                Answer::Taken(_) => {}
                Answer::ForgeLater(until, _) => drop(due.insert((until, host))),
                answer @ (Answer::Later(..) | Answer::Never(_)) => panic!("{answer:?}"),
            }
        }
        let asked: Vec<u32> = minutes.values().copied().collect();
        assert!(end.millis_since(NOW) <= 40 * 60_000, "{} minutes: {asked:?}", end.millis_since(NOW) / 60_000);
        assert!(tries.iter().all(|tries| *tries <= 9), "{:?}", tries.iter().max());
        // Once each was told to wait some times, hardly more come in a minute than are let in.
        assert!(minutes.range(8..).all(|(_, asked)| *asked <= 160), "{asked:?}");
    }
}
