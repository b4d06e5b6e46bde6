//! Sets of serial numbers as ranges, so that one of 2^64 numbers takes no more room than one number.

/// Ranges in order, none of which touches another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds the numbers from `first` to `last`, both of them included. [`Ranges::settle`] must follow.
    pub(super) fn push(&mut self, first: u64, last: u64) {
        match self.0.last_mut() {
            Some((_, end)) if *end != u64::MAX && *end + 1 == first => *end = last,
            Some(_) | None => self.0.push((first, last)),
        }
    }

    /// The number of ranges, before or after they were settled.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Puts what was pushed into order and joins what touches.
    pub(super) fn settle(&mut self) {
        let mut ranges = std::mem::take(&mut self.0);
        ranges.sort_unstable();
        for (first, last) in ranges {
            match self.0.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                Some(_) | None => self.0.push((first, last)),
            }
        }
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.holds(number, number)
    }

    /// True if all numbers of `other` are in here.
    pub(super) fn contains_all(&self, other: &Self) -> bool {
        other.0.iter().all(|(first, last)| self.holds(*first, *last))
    }

    /// The numbers of both.
    pub(super) fn with(&self, other: &Self) -> Self {
        let mut both = Self(self.0.iter().chain(&other.0).copied().collect());
        both.settle();
        both
    }

    fn holds(&self, first: u64, last: u64) -> bool {
        let after = self.0.partition_point(|(start, _)| *start <= first);
        after.checked_sub(1).and_then(|at| self.0.get(at)).is_some_and(|(_, end)| *end >= last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(all: &[(u64, u64)]) -> Ranges {
        let mut ranges = Ranges::default();
        all.iter().for_each(|(first, last)| ranges.push(*first, *last));
        ranges.settle();
        ranges
    }

    #[test]
    fn what_touches_is_one_range_and_the_ends_are_in_it() {
        let set = ranges(&[(7, 9), (1, 2), (3, 3), (20, u64::MAX), (8, 12)]);
        assert_eq!(set.0, [(1, 3), (7, 12), (20, u64::MAX)]);
        for (number, expected) in
            [(0, false), (1, true), (3, true), (4, false), (12, true), (13, false), (u64::MAX, true)]
        {
            assert_eq!(set.contains(number), expected, "{number}");
        }
    }

    #[test]
    fn a_set_contains_another_if_each_of_its_ranges_lies_within_one() {
        let set = ranges(&[(1, 10), (20, 30)]);
        assert!(set.contains_all(&ranges(&[(2, 5), (20, 30)])));
        assert!(!set.contains_all(&ranges(&[(5, 25)])));
        assert!(set.with(&ranges(&[(11, 19)])).contains_all(&ranges(&[(5, 25)])));
        assert!(set.contains_all(&Ranges::default()) && !Ranges::default().contains_all(&set));
    }
}
