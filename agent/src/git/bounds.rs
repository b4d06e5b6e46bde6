//! What an exchange with a remote may take, and when the mirror is made afresh: the numbers of `limits.rs`, handed in.

use std::time::Duration;

use crate::limits::{
    EXCHANGE_MEMORY_BYTES_MAX, FETCH_BYTES_MAX, FETCH_SECONDS_MAX, LIST_BYTES_MAX, LIST_SECONDS_MAX, MIRROR_GROWTH_MAX,
    MIRROR_PACKS_MAX, MIRROR_SPARE_BYTES, SILENCE_SECONDS_MAX,
};

/// All bounds of a source's exchanges and of its mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For asking where the branch is.
    pub list: Allowance,
    /// For taking what it brings.
    pub fetch: Allowance,
    /// For what the mirror may grow to.
    pub growth: Growth,
}

/// What one exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Time for all of it.
    pub time: Duration,
    /// Time for which the remote may be silent.
    pub silence: Duration,
    /// Bytes that it may bring.
    pub bytes: u64,
    /// Bytes by which the program may grow meanwhile.
    pub memory: u64,
}

/// How large a mirror may become before it is made afresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth {
    /// Packs: each fetch adds one.
    pub packs: usize,
    /// Its bytes over those of its largest pack, which is about what a fresh one takes.
    pub times: u64,
    /// Bytes below which its size does not count.
    pub spare: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        let silence = Duration::from_secs(SILENCE_SECONDS_MAX);
        let memory = EXCHANGE_MEMORY_BYTES_MAX;
        Self {
            list: Allowance { time: Duration::from_secs(LIST_SECONDS_MAX), silence, bytes: LIST_BYTES_MAX, memory },
            fetch: Allowance { time: Duration::from_secs(FETCH_SECONDS_MAX), silence, bytes: FETCH_BYTES_MAX, memory },
            growth: Growth { packs: MIRROR_PACKS_MAX, times: MIRROR_GROWTH_MAX, spare: MIRROR_SPARE_BYTES },
        }
    }
}

/// Bytes of memory of its own that this program holds; files that are mapped do not count. None if the kernel does not say.
pub(super) fn memory_held() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_taken_shows() {
        let before = memory_held().unwrap();
        let taken = vec![1_u8; 64 << 20];
        assert!(memory_held().unwrap() > before + (32 << 20), "{before} {}", taken.len());
    }
}
