//! What a pass comes to, in the words of a commit status.

use crate::limits::STATUS_CHARACTERS_MAX;

/// State of a commit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Admitted; applying, or waiting.
    Pending,
    /// As desired.
    Success,
    /// Health, the guard, or drift found later.
    Failure,
    /// Refused, could not be checked, stale or superseded.
    Error,
}

/// One commit status, as it is to stand on a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitStatus {
    /// The commit.
    pub commit: String,
    /// Who says it: `writ/<host>/<unit>`.
    pub context: String,
    /// Its state.
    pub state: State,
    /// What and how many, at most [`STATUS_CHARACTERS_MAX`] characters.
    pub description: String,
}

impl State {
    /// Its name in the forges' interfaces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }

    /// Finds a state by name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Success, Self::Failure, Self::Error].into_iter().find(|state| state.name() == name)
    }
}

/// What a pass came to, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Workloads that are wanted.
    pub workloads: usize,
    /// Pods that run and are available.
    pub available: usize,
    /// Pods that are wanted.
    pub pods: usize,
    /// Objects of a cluster that are wanted, and how many of them are ready; none on a container host.
    pub objects: Option<(usize, usize)>,
    /// Steps that changed the world in this pass.
    pub changes: usize,
    /// What was refused, each with its reason.
    pub refused: Vec<String>,
    /// What failed, each with its reason.
    pub failed: Vec<String>,
    /// What is still waited for.
    pub waiting: Vec<String>,
    /// What moved away from what was applied and was left so.
    pub drifted: Vec<String>,
    /// Pods that were given enough time and do not answer, each with its reason.
    pub unhealthy: Vec<String>,
    /// Pods that do not answer yet and still have time, each with its reason.
    pub starting: Vec<String>,
    /// Files of servers for which an older copy stands in, each with its reason. That is as desired, and worth knowing.
    pub stale: Vec<String>,
    /// Files of servers that nobody has and a manifest goes on without, each with its reason.
    pub left_out: Vec<String>,
}

/// The state and the words for what a pass came to: the worst first, the rest counted.
#[must_use]
pub fn summarize(summary: &Summary) -> (State, String) {
    let Summary {
        workloads,
        available,
        pods,
        objects,
        changes: _,
        refused,
        failed,
        waiting,
        drifted,
        unhealthy,
        starting,
        stale,
        left_out,
    } = summary;
    let standing = match objects {
        Some((wanted, ready)) => format!("{ready} of {} ready", count(*wanted, "object")),
        None => format!("{}, {available} of {} available", count(*workloads, "workload"), count(*pods, "pod")),
    };
    let standing = match stale.first() {
        None => standing,
        Some(first) => format!("{standing}; an older copy is used: {first}{}", and_more(stale)),
    };
    let standing = match left_out.first() {
        None => standing,
        Some(first) => format!("{standing}; a file is left out: {first}{}", and_more(left_out)),
    };
    let worst = [
        (failed, State::Failure, "failed"),
        (refused, State::Failure, "refused"),
        (drifted, State::Failure, "drifted"),
        (unhealthy, State::Failure, "unhealthy"),
        (waiting, State::Pending, "waiting"),
        (starting, State::Pending, "starting"),
    ];
    for (list, state, word) in worst {
        if let Some(first) = list.first() {
            return (state, format!("{word}: {first}{}; {standing}", and_more(list)));
        }
    }
    (State::Success, standing)
}

/// How many there are beside the first.
fn and_more(list: &[String]) -> String {
    match list.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Cuts a description to the length that forges take, keeping `tail` (the audit head) whole.
#[must_use]
pub fn describe(text: &str, tail: &str) -> String {
    let room = STATUS_CHARACTERS_MAX.saturating_sub(tail.chars().count() + 1);
    let mut cut: String = text.chars().take(room).collect();
    if text.chars().count() > room {
        cut.pop();
        cut.push('…');
    }
    format!("{cut} {tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_and_the_rest_is_counted() {
        let mut summary = Summary { workloads: 1, available: 3, pods: 3, ..Summary::default() };
        assert_eq!(summarize(&summary), (State::Success, "1 workload, 3 of 3 pods available".to_owned()));
        summary.available = 2;
        summary.waiting = vec!["data-pg.2 to become available".to_owned()];
        let text = "waiting: data-pg.2 to become available; 1 workload, 2 of 3 pods available";
        assert_eq!(summarize(&summary), (State::Pending, text.to_owned()));
        summary.drifted = vec!["data-pg.0 is stopped".to_owned(), "data-pg.1 is paused".to_owned()];
        let text = "drifted: data-pg.0 is stopped (and 1 more); 1 workload, 2 of 3 pods available";
        assert_eq!(summarize(&summary), (State::Failure, text.to_owned()));
    }

    #[test]
    fn an_older_copy_is_told_whatever_else_there_is() {
        let stale = vec!["https://a/x: it is down".to_owned(), "https://a/y: it is down".to_owned()];
        let mut summary = Summary { workloads: 1, available: 1, pods: 1, stale, ..Summary::default() };
        let text = "1 workload, 1 of 1 pod available; an older copy is used: https://a/x: it is down (and 1 more)";
        assert_eq!(summarize(&summary), (State::Success, text.to_owned()));
        summary.failed = vec!["web: no".to_owned()];
        assert_eq!(summarize(&summary), (State::Failure, format!("failed: web: no; {text}")));
    }

    #[test]
    fn a_long_description_is_cut_and_keeps_the_audit_head() {
        let text = describe(&"ä".repeat(200), "audit 0123abcd");
        assert_eq!(text.chars().count(), STATUS_CHARACTERS_MAX);
        assert!(text.ends_with("… audit 0123abcd"));
        assert_eq!(describe("3 pods", "audit 0123abcd"), "3 pods audit 0123abcd");
    }
}
