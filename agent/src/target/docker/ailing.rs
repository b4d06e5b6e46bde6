//! Why a container of the engine does not run, or did not start.
//!
//! Invariant: of what a container wrote nothing is kept but the known cause that it shows.

use bollard::models::ContainerState;
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt as _;
use writ_core::ailment::{Ailment, Ending};
use writ_core::time::Timestamp;

use super::connection::ANSWER;
use super::{Docker, observe};
use crate::limits::{LAST_WORDS_BYTES_MAX, LAST_WORDS_LINES_MAX};
use crate::target::TargetError;

const MILLIS_PER_SECOND: i64 = 1_000;

impl Docker {
    /// Why a container of that state does not run, or last did not, if it is for a known reason. One that `lasts` and is not
    /// started again was stopped by somebody, and is told of only that memory ran out.
    pub(super) async fn ailment(&self, container: &str, state: &ContainerState, lasts: bool) -> Option<Ailment> {
        let found = of_state(state, "");
        let again = state.restarting == Some(true);
        let runs = state.running == Some(true) && !again;
        if runs || found == Some(Ailment::Memory) || !observe::ran(state) || state.exit_code == Some(0) {
            return found;
        }
        if lasts && !again {
            return None;
        }
        of_state(state, &self.last_lines(container, state).await)
    }

    /// What a container wrote last in its last run; empty if nobody can tell.
    async fn last_lines(&self, container: &str, state: &ContainerState) -> String {
        let started = state.started_at.as_deref().and_then(Timestamp::parse).unwrap_or_default();
        let since = i32::try_from(started.0 / MILLIS_PER_SECOND).unwrap_or(0);
        let lines = LAST_WORDS_LINES_MAX.to_string();
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).since(since).tail(&lines).build();
        let Ok(engine) = self.engine().await else { return String::new() };
        let read = async {
            let mut bytes = Vec::new();
            let mut pieces = engine.logs(container, Some(options));
            while let Some(piece) = pieces.next().await {
                bytes.extend_from_slice(&piece?.into_bytes());
                if bytes.len() >= LAST_WORDS_BYTES_MAX {
                    break;
                }
            }
            Ok(bytes)
        };
        // An engine that keeps no logs, or not of this container, tells nothing.
        let read = self.ask("read the last lines of a container", ANSWER, read).await;
        String::from_utf8_lossy(&read.unwrap_or_default()).into_owned()
    }
}

/// What the state of a container and its last lines show.
pub(super) fn of_state(state: &ContainerState, log: &str) -> Option<Ailment> {
    let again = state.restarting == Some(true);
    let out_of_memory = state.oom_killed == Some(true);
    if state.running == Some(true) && !again {
        return out_of_memory.then_some(Ailment::Memory);
    }
    if let Some(ailment) = state.error.as_deref().and_then(Ailment::of_start) {
        return Some(ailment);
    }
    if !observe::ran(state) {
        return None;
    }
    Ailment::of_ending(&Ending { code: state.exit_code.unwrap_or(-1), out_of_memory, again, log })
}

/// The engine's refusal to start a container with what to do about it, where its words show a known cause.
pub(super) fn with_hint(error: TargetError) -> TargetError {
    let TargetError::Refused { operation, reason } = error else { return error };
    let reason = match Ailment::of_start(&reason) {
        Some(ailment) => format!("{}; {} ({reason})", ailment.cause(), ailment.hint()),
        None => reason,
    };
    TargetError::Refused { operation, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: i64, change: impl FnOnce(&mut ContainerState)) -> ContainerState {
        let mut state = ContainerState {
            started_at: Some("2026-11-21T09:10:11.5Z".to_owned()),
            exit_code: Some(code),
            ..ContainerState::default()
        };
        change(&mut state);
        state
    }

    #[test]
    fn the_state_and_the_last_lines_of_a_container_show_why_it_does_not_run() {
        let check =
            |state: &ContainerState, log: &str, expected| assert_eq!(of_state(state, log), expected, "{state:?}");
        let denied = "mkdir: Permission denied";
        check(&ended(1, |_| ()), denied, Some(Ailment::Permission));
        check(&ended(137, |state| state.oom_killed = Some(true)), denied, Some(Ailment::Memory));
        check(&ended(1, |state| state.running = Some(true)), denied, None);
        check(&ended(0, |state| state.restarting = Some(true)), "", Some(Ailment::Ended));
        check(&ended(0, |_| ()), denied, None);
        let never = ContainerState { exit_code: Some(127), ..ContainerState::default() };
        check(&never, denied, None);
        let error = Some("exec: \"serve\": executable file not found in $PATH".to_owned());
        check(&ContainerState { error, ..never }, denied, Some(Ailment::Program));
    }

    #[test]
    fn a_refused_start_says_what_to_do_before_the_words_of_the_engine() {
        let refused =
            |reason: &str| TargetError::Refused { operation: "start pod a".to_owned(), reason: reason.to_owned() };
        let words = "exec: \"serve\": executable file not found in $PATH";
        let expected =
            format!("cannot start pod a: its program is not in the image; correct the command or the image ({words})");
        assert_eq!(with_hint(refused(words)).to_string(), expected);
        assert_eq!(with_hint(refused("no")).to_string(), "cannot start pod a: no");
    }
}
