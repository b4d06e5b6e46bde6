//! Programs that are run in containers of a cluster, as `kubectl exec` runs them.
//!
//! Invariant: a program whose end the server did not tell has no exit code.

use std::future::ready;
use std::sync::{Arc, Mutex};

use futures_util::{StreamExt as _, stream};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{AttachParams, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt as _, sink};

use super::pods::parts;
use super::{Kubernetes, lock};
use crate::target::{ExecRequest, Input, LogChunk, Output, Session, TargetError};

/// Bytes of what a program writes or reads that wait between here and the connection, at most.
const PIECE_BYTES: usize = 16 * 1024;

/// How a program ended, in the server's words; none as long as it runs.
type Ending = Arc<Mutex<Option<Status>>>;

/// A program that was started from here.
pub(super) struct Program {
    container: String,
    ending: Ending,
    resize: Box<dyn FnMut(TerminalSize) + Send>,
}

impl Kubernetes {
    /// Runs a program in a container, which is named as [`super::Pod::container`] says.
    ///
    /// # Errors
    /// If the cluster cannot be reached, does not allow it, or has no such container.
    pub async fn exec(&self, container: &str, request: &ExecRequest) -> Result<Session, TargetError> {
        let ExecRequest { command, terminal, interactive } = request;
        let operation = format!("run a program in {container}");
        let (namespace, pod, name) = parts(&operation, container)?;
        let asked = AttachParams {
            container: Some(name.to_owned()),
            stdin: *interactive,
            stdout: true,
            // A terminal is one stream.
            stderr: terminal.is_none(),
            tty: terminal.is_some(),
            max_stdin_buf_size: Some(PIECE_BYTES),
            max_stdout_buf_size: Some(PIECE_BYTES),
            max_stderr_buf_size: Some(PIECE_BYTES),
        };
        let wire = self.wire().await?;
        let started = wire.begin(wire.pods(namespace).exec(pod, command, &asked)).await;
        let mut process = started.map_err(|(status, reason)| match status {
            0 => wire.unreachable(&operation, &reason),
            _ => TargetError::Refused { operation, reason },
        })?;
        let input: Input = match process.stdin() {
            Some(input) => Box::pin(input),
            None => Box::pin(sink()),
        };
        let sizes = process.terminal_size();
        let mut program = Program {
            container: container.to_owned(),
            ending: Ending::default(),
            resize: Box::new(move |size| {
                // A program that has ended has no terminal.
                if let Some(mut sizes) = sizes.clone() {
                    sizes.try_send(size).ok();
                }
            }),
        };
        if let Some((width, height)) = *terminal {
            (program.resize)(TerminalSize { width, height });
        }
        let lost =
            wire.unreachable(&format!("hear from the program in {container}"), "the connection ended before it did");
        let ending = Arc::clone(&program.ending);
        let told = process.take_status();
        let end = async move {
            let status = match told {
                Some(told) => told.await,
                None => None,
            };
            let is_told = status.is_some();
            *lock(&ending) = status;
            if is_told { None } else { Some(Err(lost)) }
        };
        let (written, complained) = (read(process.stdout(), false), read(process.stderr(), true));
        let pieces = [written, complained, Box::pin(stream::once(end).filter_map(ready))];
        // Whoever drops the process ends the connection.
        let output = stream::select_all(pieces).map(move |piece| {
            let _process = &process;
            piece
        });
        let mut programs = lock(&self.programs);
        let id = programs.keys().next_back().map_or(0, |last| last + 1);
        programs.insert(id, program);
        Ok(Session { id: id.to_string(), input, output: Box::pin(output) })
    }

    /// Tells a running program the size of its terminal.
    ///
    /// # Errors
    /// If it was not started from here.
    pub fn exec_resize(&self, session: &str, width: u16, height: u16) -> Result<(), TargetError> {
        let mut programs = lock(&self.programs);
        let known = session.parse().ok().and_then(|id: u64| programs.get_mut(&id));
        let program = known.ok_or_else(|| unknown("resize a terminal", session))?;
        (program.resize)(TerminalSize { width, height });
        Ok(())
    }

    /// The exit code of a program whose output has ended. It is forgotten then.
    ///
    /// # Errors
    /// If it still runs, could not be run, or was not started from here.
    pub fn exec_code(&self, session: &str) -> Result<i64, TargetError> {
        let operation = "ask how a program ended";
        let known = session.parse().ok().and_then(|id: u64| lock(&self.programs).remove(&id));
        let Program { container, ending, resize: _ } = known.ok_or_else(|| unknown(operation, session))?;
        let status = lock(&ending).take().ok_or_else(|| {
            let reason = "the server has not told".to_owned();
            TargetError::Failed { operation: operation.to_owned(), reason }
        })?;
        code(&status)
            .map_err(|reason| TargetError::Refused { operation: format!("run a program in {container}"), reason })
    }
}

fn unknown(operation: &str, session: &str) -> TargetError {
    let reason = format!("no program {session} was started from here");
    TargetError::Failed { operation: operation.to_owned(), reason }
}

/// The exit code that a status tells, or why there is none. Source: the protocol of `exec`, version 4 and later.
fn code(status: &Status) -> Result<i64, String> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.as_ref().and_then(|details| details.causes.as_ref()).into_iter().flatten();
    let mut codes = causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = codes.find_map(|cause| cause.message.as_deref()?.parse().ok());
    let words = || status.message.clone().unwrap_or_else(|| "the server does not say why".to_owned());
    code.filter(|_| status.reason.as_deref() == Some("NonZeroExitCode")).ok_or_else(words)
}

/// What comes from a program, piece by piece, to its end.
fn read(from: Option<impl AsyncRead + Send + Unpin + 'static>, is_error: bool) -> Output<LogChunk> {
    Box::pin(stream::unfold(from, move |from| async move {
        let mut from = from?;
        let mut bytes = vec![0; PIECE_BYTES];
        // The connection's own failure is told where the program's end would be.
        let length = from.read(&mut bytes).await.unwrap_or(0);
        bytes.truncate(length);
        (length > 0).then_some((Ok(LogChunk { is_error, bytes }), Some(from)))
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(status: Value, wanted: Result<i64, &str>) {
        let status: Status = serde_json::from_value(status).unwrap();
        assert_eq!(code(&status), wanted.map_err(str::to_owned));
    }

    #[test]
    fn a_status_tells_the_exit_code_or_why_there_is_none() {
        check(json!({"status": "Success"}), Ok(0));
        let ended = |reason: &str, cause: &str, code: &str| {
            json!({"status": "Failure", "reason": reason, "message": "why",
                "details": {"causes": [{"reason": cause, "message": code}]}})
        };
        check(ended("NonZeroExitCode", "ExitCode", "7"), Ok(7));
        check(ended("NonZeroExitCode", "ExitCode", "seven"), Err("why"));
        check(ended("NonZeroExitCode", "Other", "7"), Err("why"));
        check(ended("InternalError", "ExitCode", "7"), Err("why"));
        check(json!({"status": "Failure"}), Err("the server does not say why"));
    }
}
