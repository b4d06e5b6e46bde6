//! Why a pass starts: the interval, a change of a local repository, drift, a pause that is over, a stop.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::limits::{BACKOFF_SECONDS_MAX, SETTLE_MILLIS};

/// Why a pass starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The agent began, or was asked for one pass.
    Start,
    /// The time between two passes is over.
    Interval,
    /// The repository, which is on this machine, changed.
    LocalChange,
    /// The engine told of a change to something that is ours.
    Drift,
    /// A pod began to answer, or does not answer any more.
    Health,
    /// The pass before was cut short by a newer commit.
    Newer,
    /// The pause after a failure is over.
    Retry,
    /// The moment came at which something is to be done for a run.
    Due,
}

impl fmt::Display for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Interval => "interval",
            Self::LocalChange => "local change",
            Self::Drift => "drift",
            Self::Health => "health",
            Self::Newer => "newer commit",
            Self::Retry => "retry",
            Self::Due => "due",
        })
    }
}

/// When the next pass is due, if nothing else starts one.
#[derive(Debug, Clone)]
pub struct Schedule {
    interval: Duration,
    failures: u32,
    random: u64,
}

impl Schedule {
    /// A schedule with the source's interval. `seed` spreads hosts that start together.
    #[must_use]
    pub const fn new(interval: Duration, seed: u64) -> Self {
        Self { interval, failures: 0, random: seed | 1 }
    }

    /// The source answered.
    pub const fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The source did not answer.
    pub const fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Time to the next pass: the interval, doubled for each failure in a row up to a cap, and up to a tenth more. Never less: a
    /// forge is asked once in an interval by each host, however many there are.
    pub fn pause(&mut self) -> Duration {
        let cap = Duration::from_secs(u64::from(BACKOFF_SECONDS_MAX)).max(self.interval);
        let base = self.interval.saturating_mul(1 << self.failures.min(16)).min(cap);
        // xorshift64*: spreads polls; nothing depends on its quality.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        let tenth = (self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % 101;
        base.mul_f64(1.0 + f64::from(u32::try_from(tenth).unwrap_or(50)) / 1_000.0)
    }
}

/// Tells when a repository on this machine changes. Ends with its last sender.
#[derive(Debug)]
pub struct LocalChanges {
    changes: mpsc::Receiver<()>,
    /// A change was told and nobody has looked at the repository since.
    unseen: bool,
    _watcher: Option<notify::RecommendedWatcher>,
}

impl LocalChanges {
    /// Watches the refs of the repository at `path`.
    ///
    /// # Errors
    /// If the kernel watches no more files; the interval still finds changes.
    pub fn watch(path: &Path) -> notify::Result<Self> {
        let (sender, changes) = mpsc::channel(1);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A full channel already holds the news.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                match sender.try_send(()) {
                    Ok(()) | Err(_) => {}
                }
            }
        })?;
        for (path, mode) in watched(path) {
            watcher.watch(&path, mode)?;
        }
        Ok(Self { changes, unseen: false, _watcher: Some(watcher) })
    }

    /// For a repository elsewhere: tells of nothing, ever.
    #[must_use]
    pub fn none() -> Self {
        let (sender, changes) = mpsc::channel(1);
        drop(sender);
        Self { changes, unseen: false, _watcher: None }
    }

    /// Ends when the repository changed and has settled, as long as nobody has [`seen`](Self::seen) the change. Giving up
    /// the wait loses nothing.
    pub async fn next(&mut self) {
        if !self.unseen && self.changes.recv().await.is_none() {
            return std::future::pending().await;
        }
        self.unseen = true;
        tokio::time::sleep(Duration::from_millis(SETTLE_MILLIS)).await;
        while self.changes.try_recv().is_ok() {}
    }

    /// The repository is looked at from here on, so that a change told before is no news.
    pub const fn seen(&mut self) {
        self.unseen = false;
    }
}

/// The folders that change when a ref does: loose refs, and the folder of `packed-refs` and `HEAD`.
fn watched(path: &Path) -> Vec<(PathBuf, RecursiveMode)> {
    let folder = if path.join(".git").is_dir() { path.join(".git") } else { path.to_path_buf() };
    vec![(folder.join("refs"), RecursiveMode::Recursive), (folder, RecursiveMode::NonRecursive)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn polls_are_spread_by_a_tenth_and_two_seeds_differ() {
        let (mut one, mut two) = (Schedule::new(MINUTE, 7), Schedule::new(MINUTE, 8));
        let (first, second) = (one.pause(), two.pause());
        assert_ne!(first, second);
        for _ in 0..1_000 {
            let next = one.pause();
            assert!(next >= MINUTE && next <= MINUTE.mul_f64(1.1), "{next:?}");
        }
    }

    #[test]
    fn a_thousand_hosts_that_start_together_look_once_in_an_interval_each_and_soon_apart_from_each_other() {
        let (hosts, day) = (1_000, Duration::from_secs(86_400));
        let mut looks = vec![0_u32; 86_400];
        for host in 0..hosts {
            let (mut schedule, mut at) = (Schedule::new(MINUTE, 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(host)), MINUTE);
            while at < day {
                looks[usize::try_from(at.as_secs()).unwrap()] += 1;
                let pause = schedule.pause();
                assert!(pause >= MINUTE, "host {host} looks again after {pause:?}");
                at += pause;
            }
        }
        // In every minute each of them looks once at most, and from the second hour on no second has many more than its share.
        assert!(looks.chunks(60).all(|minute| minute.iter().sum::<u32>() <= 1_000));
        let busiest = looks[7_200..].iter().max().unwrap();
        assert!(*busiest <= 50, "{busiest} of {hosts} hosts look in one second");
    }

    #[test]
    fn failures_back_off_to_a_cap_and_one_success_forgets_them() {
        let mut schedule = Schedule::new(MINUTE, 7);
        schedule.failed();
        assert!(schedule.pause() >= MINUTE * 2);
        for _ in 0..100 {
            schedule.failed();
        }
        let cap = Duration::from_secs(u64::from(BACKOFF_SECONDS_MAX));
        assert!(schedule.pause() <= cap.mul_f64(1.1));
        schedule.succeeded();
        assert!(schedule.pause() <= MINUTE.mul_f64(1.1));
    }

    #[tokio::test]
    async fn a_changed_ref_is_told_and_an_unchanged_repository_is_silent() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("refs/heads")).unwrap();
        let mut changes = LocalChanges::watch(folder.path()).unwrap();
        let silence = tokio::time::timeout(Duration::from_millis(50), changes.next()).await;
        assert!(silence.is_err(), "nothing changed, and a change was told");
        std::fs::write(folder.path().join("refs/heads/main"), "1").unwrap();
        tokio::time::timeout(Duration::from_secs(5), changes.next()).await.expect("the change is told");
    }

    #[tokio::test]
    async fn a_change_is_told_until_it_is_seen_even_if_nobody_waited_to_the_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("refs/heads")).unwrap();
        let mut changes = LocalChanges::watch(folder.path()).unwrap();
        std::fs::write(folder.path().join("refs/heads/main"), "1").unwrap();
        while !changes.unseen {
            let given_up = tokio::time::timeout(Duration::from_millis(20), changes.next()).await;
            assert!(given_up.is_err(), "it is told after it has settled");
        }
        changes.next().await;
        changes.seen();
        let silence = tokio::time::timeout(Duration::from_millis(50), changes.next()).await;
        assert!(silence.is_err(), "it was seen");
    }
}
