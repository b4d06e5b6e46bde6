//! Counts and durations, for whoever watches the agent.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The upper ends of the classes that durations are counted in, in seconds: from a question to an engine to the wait for a pod.
pub const CLASSES: [f64; 12] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0, 600.0];

/// How long something took, counted in classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Durations {
    /// How many were in each class and in no smaller one.
    classes: [u64; CLASSES.len()],
    /// How many there were.
    count: u64,
    /// How long they took together.
    sum: Duration,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// There was an answer.
    Answered,
    /// The answer was a refusal.
    Refused,
    /// There was none, in the time that there was for it.
    Unanswered,
}

/// Calls of one target.
#[derive(Debug, Default)]
pub struct Calls(Mutex<Counted>);

/// Calls that have ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counted {
    /// Those that were answered.
    pub answered: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those without an answer.
    pub unanswered: u64,
    /// How long all of them took.
    pub durations: Durations,
}

impl Durations {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(class) = CLASSES.iter().position(|bound| seconds <= *bound).and_then(|at| self.classes.get_mut(at))
        {
            *class += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// For each class its upper end, and how many were no longer than that.
    pub fn up_to(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let mut sum = 0;
        CLASSES.iter().zip(&self.classes).map(move |(bound, count)| {
            sum += count;
            (*bound, sum)
        })
    }

    /// How many there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// How long they took together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

impl Calls {
    /// One more, which ended in this way after that time.
    pub fn ended(&self, end: CallEnd, took: Duration) {
        let mut counted = self.lock();
        *match end {
            CallEnd::Answered => &mut counted.answered,
            CallEnd::Refused => &mut counted.refused,
            CallEnd::Unanswered => &mut counted.unanswered,
        } += 1;
        counted.durations.add(took);
    }

    /// Those until now.
    #[must_use]
    pub fn counted(&self) -> Counted {
        self.lock().clone()
    }

    /// What was counted stands after a panic as well.
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_its_class_and_in_all_above_it_and_one_beyond_the_last_in_the_number_alone() {
        let mut durations = Durations::default();
        for millis in [1, 2, 30, 100, 3_600_000] {
            durations.add(Duration::from_millis(millis));
        }
        let counts: Vec<u64> = durations.up_to().map(|(_, count)| count).collect();
        assert_eq!(counts, [1, 2, 2, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!((durations.count(), durations.sum()), (5, Duration::from_millis(3_600_133)));
    }
}
