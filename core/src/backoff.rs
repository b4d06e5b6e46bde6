//! How long something that fails again and again is let alone before it is tried again.

use crate::limits::{BACKOFF_SECONDS_FIRST, BACKOFF_SECONDS_MAX};
use crate::time::{Seconds, Timestamp};

/// The longest pause is reached by fewer doublings than these.
const DOUBLINGS_MAX: u32 = 16;

/// The pause after so many failures in a row: none without any, then 10 s, doubled with each one more, at most 5 min.
/// Source: the back-off of the kubelet for images and for containers that end again and again.
#[must_use]
pub const fn pause(failures: u32) -> Seconds {
    pause_up_to(failures, BACKOFF_SECONDS_MAX)
}

/// The same with another longest pause, in seconds.
#[must_use]
pub const fn pause_up_to(failures: u32, longest: u32) -> Seconds {
    if failures == 0 {
        return Seconds(0);
    }
    let doublings = if failures > DOUBLINGS_MAX { DOUBLINGS_MAX } else { failures - 1 };
    let pause = BACKOFF_SECONDS_FIRST << doublings;
    Seconds(if pause > longest { longest } else { pause })
}

/// The end of that pause, up to a tenth of it earlier: `seed` says how much, so that what failed together is not tried
/// together.
#[must_use]
pub fn end_of_pause(now: Timestamp, failures: u32, seed: u64) -> Timestamp {
    let Timestamp(latest) = now.plus(pause(failures));
    let tenth = u64::try_from(latest.saturating_sub(now.0)).unwrap_or(0) / 10;
    let earlier = mix(seed) % (tenth + 1);
    Timestamp(latest.saturating_sub(i64::try_from(earlier).unwrap_or(0)))
}

/// One step of SplitMix64. Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
pub(crate) const fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_from_ten_seconds_to_five_minutes_and_stays_there() {
        let pauses: Vec<u32> = (0..9).map(|failures| pause(failures).0).collect();
        assert_eq!(pauses, [0, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!(pause(u32::MAX), Seconds(300));
        let longer: Vec<u32> = (5..9).map(|failures| pause_up_to(failures, 360).0).collect();
        assert_eq!(longer, [160, 320, 360, 360]);
    }

    #[test]
    fn what_failed_together_is_spread_by_a_tenth_and_never_later_than_the_pause() {
        let now = Timestamp::from_seconds(1_000);
        let ends: Vec<i64> = (0..1_000).map(|seed| end_of_pause(now, 1, seed).millis_since(now)).collect();
        assert!(ends.iter().all(|millis| (9_000..=10_000).contains(millis)), "{ends:?}");
        assert!(ends.iter().min() < Some(&9_100) && ends.iter().max() > Some(&9_900), "{ends:?}");
        assert_eq!(end_of_pause(now, 0, 7), now);
    }
}
