//! How the engine is reached, asked and understood.
//!
//! Invariant: every question has a time limit, and every error says what was asked and about what.

use std::time::Duration;

use bollard::errors::Error;
use tokio::time::timeout;

use super::{API_MIN, Docker};
use crate::clock::Stopwatch;
use crate::error::chain;
use crate::measure::CallEnd;
use crate::target::TargetError;

/// Time for a question that the engine answers from memory. Seen: below 0.1 s; a busy disk takes seconds.
pub(super) const ANSWER: Duration = Duration::from_secs(30);

/// Time for making, starting or removing something: an image's files are copied into a new volume meanwhile.
pub(super) const WORK: Duration = Duration::from_secs(180);

/// The HTTP status for what is not there.
const NOT_FOUND: u16 = 404;
/// The HTTP status for what is already so.
const NOT_MODIFIED: u16 = 304;
/// The HTTP status for what is in the way.
const CONFLICT: u16 = 409;

const MILLIS_PER_CORE: u64 = 1_000;

impl Docker {
    /// The engine, its version checked.
    pub(super) async fn engine(&self) -> Result<bollard::Docker, TargetError> {
        if let Some(engine) = self.memory().engine.clone() {
            return Ok(engine);
        }
        let operation = "ask for the version";
        // The library's own limit is for each request; ours, around it, is the shorter one wherever it matters.
        let engine = bollard::Docker::connect_with_unix(&self.endpoint, LIBRARY_SECONDS, bollard::API_DEFAULT_VERSION)
            .map_err(|error| self.error(operation, error))?;
        let version = self.ask(operation, ANSWER, engine.version()).await?;
        let api = version.api_version.unwrap_or_default();
        if parse_api(&api).is_none_or(|api| api < API_MIN) {
            let found = version.version.unwrap_or_default();
            return Err(TargetError::Unsupported {
                endpoint: self.endpoint.clone(),
                reason: format!(
                    "it is version {found} with interface {api}; Docker 20.10 (interface {}.{}) or newer is needed",
                    API_MIN.0, API_MIN.1
                ),
            });
        }
        let info = self.ask("ask what the engine can do", ANSWER, engine.info()).await?;
        let mut memory = self.memory();
        memory.data_root = info.docker_root_dir.filter(|root| !root.is_empty()).map(std::path::PathBuf::from);
        memory.swap_limit = info.swap_limit.unwrap_or(false);
        let amount = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
        memory.capacity = (amount(info.ncpu).saturating_mul(MILLIS_PER_CORE), amount(info.mem_total));
        memory.engine = Some(engine.clone());
        Ok(engine)
    }

    /// Asks within `limit`.
    pub(super) async fn ask<T>(
        &self,
        operation: &str,
        limit: Duration,
        question: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, TargetError> {
        let watch = Stopwatch::start();
        let answer = match timeout(limit, question).await {
            Ok(answer) => answer.map_err(|error| self.error(operation, error)),
            Err(_elapsed) => Err(self.unreachable(operation, &format!("no answer within {} s", limit.as_secs()))),
        };
        let end = match &answer {
            Ok(_) => CallEnd::Answered,
            Err(TargetError::Refused { .. }) => CallEnd::Refused,
            Err(_) => CallEnd::Unanswered,
        };
        self.calls.ended(end, watch.elapsed());
        answer
    }

    /// Asks within `limit` for something that may not be there.
    pub(super) async fn find<T>(
        &self,
        operation: &str,
        limit: Duration,
        question: impl Future<Output = Result<T, Error>>,
    ) -> Result<Option<T>, TargetError> {
        let question = async {
            match question.await {
                Ok(found) => Ok(Some(found)),
                Err(error) if status(&error) == Some(NOT_FOUND) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.ask(operation, limit, question).await
    }

    /// Asks within `limit` for something that may be so already; true if it was not.
    pub(super) async fn bring_about(
        &self,
        operation: &str,
        limit: Duration,
        question: impl Future<Output = Result<(), Error>>,
    ) -> Result<bool, TargetError> {
        let question = async {
            match question.await {
                Ok(()) => Ok(true),
                Err(error) if status(&error) == Some(NOT_MODIFIED) => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.ask(operation, limit, question).await
    }

    /// An error of the library in our words.
    pub(super) fn error(&self, operation: &str, error: Error) -> TargetError {
        if let Error::DockerResponseServerError { status_code: _, message: reason }
        | Error::DockerStreamError { error: reason } = error
        {
            return TargetError::Refused { operation: operation.to_owned(), reason };
        }
        // Whatever else goes wrong leaves the engine unheard; the next question connects anew.
        self.memory().engine = None;
        self.unreachable(operation, &chain(&error))
    }

    pub(super) fn unreachable(&self, operation: &str, reason: &str) -> TargetError {
        TargetError::Unreachable {
            operation: operation.to_owned(),
            endpoint: self.endpoint.clone(),
            reason: reason.to_owned(),
        }
    }
}

/// The library's own limit for a request, in seconds: longer than any of ours, which are around it.
const LIBRARY_SECONDS: u64 = 86_400;

fn status(error: &Error) -> Option<u16> {
    if let Error::DockerResponseServerError { status_code, message: _ } = error { Some(*status_code) } else { None }
}

/// True if the engine said that something else is in the way.
pub(super) fn is_conflict(error: &Error) -> bool {
    status(error) == Some(CONFLICT)
}

fn parse_api(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_interface_is_told_from_a_newer_one_by_number() {
        assert!(parse_api("1.40").is_some_and(|api| api < API_MIN));
        for good in ["1.41", "1.100", "2.0"] {
            assert!(parse_api(good).is_some_and(|api| api >= API_MIN), "{good}");
        }
        assert_eq!(parse_api("newest"), None);
    }
}
