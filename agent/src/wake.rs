//! Why a pass starts: the interval, a change of a local repository, a hint, drift, a pause that is over, a stop.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::{Notify, mpsc};

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
    /// Somebody hinted that there may be news.
    Hint,
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
            Self::Hint => "hint",
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

/// Lets somebody say that a source may have news, and nothing else.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// There may be news. What is said while nobody waits is kept, once.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// Tells when a repository changed, as far as that is told: when it is on this machine, and by hints.
#[derive(Debug)]
pub struct Changes {
    local: mpsc::Receiver<()>,
    bell: Bell,
    /// A change was told, in that way, and nobody has looked at the repository since.
    unseen: Option<Wake>,
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Changes {
    /// Watches the refs of the repository at `path`.
    ///
    /// # Errors
    /// If the kernel watches no more files; the interval still finds changes.
    pub fn watch(path: &Path, bell: Bell) -> notify::Result<Self> {
        let (sender, local) = mpsc::channel(1);
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
        Ok(Self { local, bell, unseen: None, _watcher: Some(watcher) })
    }

    /// For a repository elsewhere: hints alone tell of it.
    #[must_use]
    pub fn elsewhere(bell: Bell) -> Self {
        let (sender, local) = mpsc::channel(1);
        drop(sender);
        Self { local, bell, unseen: None, _watcher: None }
    }

    /// Ends when the repository changed and has settled, as long as nobody has [`seen`](Self::seen) the change, and gives how
    /// that was told. Giving up the wait loses nothing.
    pub async fn next(&mut self) -> Wake {
        let wake = match self.unseen {
            Some(wake) => wake,
            None => tokio::select! {
                Some(()) = self.local.recv() => Wake::LocalChange,
                () = self.bell.0.notified() => Wake::Hint,
            },
        };
        self.unseen = Some(wake);
        tokio::time::sleep(Duration::from_millis(SETTLE_MILLIS)).await;
        while self.local.try_recv().is_ok() {}
        wake
    }

    /// The repository is looked at from here on, so that a change told before is no news.
    pub const fn seen(&mut self) {
        self.unseen = None;
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
        let mut changes = Changes::watch(folder.path(), Bell::default()).unwrap();
        let silence = tokio::time::timeout(Duration::from_millis(50), changes.next()).await;
        assert!(silence.is_err(), "nothing changed, and a change was told");
        std::fs::write(folder.path().join("refs/heads/main"), "1").unwrap();
        tokio::time::timeout(Duration::from_secs(5), changes.next()).await.expect("the change is told");
    }

    #[tokio::test]
    async fn a_change_is_told_until_it_is_seen_even_if_nobody_waited_to_the_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("refs/heads")).unwrap();
        let mut changes = Changes::watch(folder.path(), Bell::default()).unwrap();
        std::fs::write(folder.path().join("refs/heads/main"), "1").unwrap();
        while changes.unseen.is_none() {
            let given_up = tokio::time::timeout(Duration::from_millis(20), changes.next()).await;
            assert!(given_up.is_err(), "it is told after it has settled");
        }
        changes.next().await;
        changes.seen();
        let silence = tokio::time::timeout(Duration::from_millis(50), changes.next()).await;
        assert!(silence.is_err(), "it was seen");
    }

    #[tokio::test]
    async fn a_hint_is_told_once_however_often_it_was_given_while_nobody_waited() {
        let bell = Bell::default();
        let mut changes = Changes::elsewhere(bell.clone());
        (0..1_000).for_each(|_| bell.ring());
        let told = tokio::time::timeout(Duration::from_secs(5), changes.next()).await;
        assert_eq!(told, Ok(Wake::Hint));
        changes.seen();
        let silence = tokio::time::timeout(Duration::from_millis(50), changes.next()).await;
        assert!(silence.is_err(), "one hint was told twice");
    }
}
