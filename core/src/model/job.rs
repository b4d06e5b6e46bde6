//! What a Job asks for, beside its pods.

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
