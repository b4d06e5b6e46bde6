//! Gives memory that nobody uses any more back to the system.

/// Gives free pages of the heap back. The GNU C library keeps what was freed below something that is still in use: what one
/// pass over 200 workloads needed for a moment would stay with an idle agent for good (see decision 21). Other C libraries
/// have no such call, and nothing happens.
///
/// Takes some tenths of a millisecond, in which other threads may have to wait for memory: for moments in which there is
/// nothing to do. Source: `malloc_trim(3)`.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "a call into the C library; no crate wraps it")]
    // SAFETY: it takes no pointer, asks for nothing of its caller, and may be called from any thread at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    /// Resident memory of this process, in KiB. Source: `proc_pid_status(5)`.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").expect("it is readable");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it has the line");
        line.trim_end_matches("kB").trim().parse().expect("it is a number")
    }

    #[test]
    fn what_was_freed_below_something_in_use_goes_back_to_the_system() {
        let blocks: Vec<Vec<u8>> = (0..20_000).map(|_| vec![1; 1_000]).collect();
        let kept: Vec<u8> = vec![1; 1_000];
        drop(blocks);
        let before = resident();
        super::give_back();
        assert!(resident() + 10_000 < before, "{before} KiB became {} KiB", resident());
        drop(kept);
    }
}
