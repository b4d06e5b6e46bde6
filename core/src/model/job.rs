//! What a Job or a CronJob asks for, beside its pods.

use super::Schedule;
use crate::time::Seconds;

/// How the pods of a Job are run to their end. Source: JobSpec of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRules {
    /// How many pods must succeed; none if the pods share a queue, and the first success says that it is empty.
    pub completions: Option<u32>,
    /// How many run at once.
    pub parallelism: u32,
    /// Failures that are borne; with one more the Job has failed.
    pub backoff_limit: u32,
    /// Time from its start after which the Job has failed.
    pub deadline: Option<Seconds>,
    /// Time from its end for which its pods are kept; none for as long as the Job is wanted.
    pub ttl: Option<Seconds>,
    /// Nothing of it runs for now.
    pub suspended: bool,
    /// Pods that failed are kept beside those that are made in their place.
    pub keeps_failed: bool,
}

/// When a CronJob is run, and how each of its runs is. Source: CronJobSpec of Kubernetes.
#[derive(Debug, Clone, PartialEq)]
pub struct CronRules {
    /// When it is due.
    pub schedule: Schedule,
    /// What becomes of a time that comes while an earlier run goes on.
    pub concurrency: Concurrency,
    /// How late a run may begin; none for as late as it comes.
    pub starting_deadline: Option<Seconds>,
    /// No run begins for now.
    pub suspended: bool,
    /// Runs that succeeded and are kept.
    pub keep_succeeded: u32,
    /// Runs that failed and are kept.
    pub keep_failed: u32,
    /// What each run is.
    pub job: JobRules,
}

/// What becomes of a time of a CronJob that comes while an earlier run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Concurrency {
    /// It is run beside it.
    #[default]
    Allow,
    /// It waits for it.
    Forbid,
    /// It takes its place.
    Replace,
}

/// What of a Job's rules its pods are made from, so that it enters their hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    /// How many pods must succeed.
    pub(crate) completions: Option<u32>,
    /// Each pod is told which of the completions it works for.
    pub(crate) indexed: bool,
}

impl JobRules {
    /// How many completions pods work for: those asked for, or one for each worker on a queue.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        match self.completions {
            Some(completions) => completions,
            None => self.parallelism,
        }
    }
}
