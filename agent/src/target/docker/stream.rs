//! What the engine tells piece by piece: events, logs, and programs in containers.

use std::collections::HashMap;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::{EventMessage, EventMessageTypeEnum};
use bollard::query_parameters::{EventsOptionsBuilder, LogsOptionsBuilder};
use futures_util::{StreamExt as _, stream};
use writ_core::time::Timestamp;

use super::connection::ANSWER;
use super::labels::{CONTAINER, HOST, POD, UNIT};
use super::{Docker, NETWORK};
use crate::clock::Clock;
use crate::target::{Event, EventKind, ExecRequest, LogChunk, LogRequest, Output, Session, TargetError};

/// What the engine is asked to tell. Programs that run in containers are left out: each probe is one.
const ACTIONS: [&str; 12] = [
    "create",
    "start",
    "die",
    "destroy",
    "pause",
    "unpause",
    "rename",
    "update",
    "connect",
    "disconnect",
    "oom",
    "remove",
];

const NANOS_PER_MILLI: i64 = 1_000_000;
const MILLIS_PER_SECOND: i64 = 1_000;

impl Docker {
    /// Everything that happens to the host's pods, volumes and network from now on.
    ///
    /// # Errors
    /// If the engine cannot be reached.
    pub async fn events(&self) -> Result<Output<Event>, TargetError> {
        let engine = self.engine().await?;
        let types = ["container", "network", "volume"];
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let filters = HashMap::from([("type".to_owned(), owned(&types)), ("event".to_owned(), owned(&ACTIONS))]);
        // The question goes out when the stream is first read; what happens until then must not be missed.
        let now = Clock.now().0;
        let since = format!("{}.{:03}", now.div_euclid(MILLIS_PER_SECOND), now.rem_euclid(MILLIS_PER_SECOND));
        let options = EventsOptionsBuilder::new().since(&since).filters(&filters).build();
        let messages = engine.events(Some(options));
        let (host, endpoint) = (self.host.clone(), self.endpoint.clone());
        let events = messages.filter_map(move |message| {
            let event = match message {
                Ok(message) => event(&host, &message).map(Ok),
                Err(error) => Some(Err(lost(&endpoint, &error.to_string()))),
            };
            async move { event }
        });
        // An engine that ends the stream has gone; that is never the same as nothing happening any more.
        let ended = stream::once(std::future::ready(Err(lost(&self.endpoint, "the stream ended"))));
        Ok(Box::pin(events.chain(ended)))
    }

    /// What a container wrote.
    ///
    /// # Errors
    /// If the engine cannot be reached or does not have the container.
    pub async fn logs(&self, container: &str, request: &LogRequest) -> Result<Output<LogChunk>, TargetError> {
        let LogRequest { follow, tail, since, timestamps } = *request;
        let operation = "read a log";
        self.ours(operation, container).await?;
        let engine = self.engine().await?;
        let tail = tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string());
        let options = LogsOptionsBuilder::new()
            .follow(follow)
            .stdout(true)
            .stderr(true)
            .timestamps(timestamps)
            .tail(&tail)
            // 0 is all that there is. A moment that no such number tells has not come yet.
            .since(since.map_or(0, |since| i32::try_from(since.0.div_euclid(1_000)).unwrap_or(i32::MAX)))
            .build();
        let endpoint = self.endpoint.clone();
        let pieces = engine.logs(container, Some(options));
        Ok(Box::pin(pieces.map(move |piece| piece.map(chunk).map_err(|error| told(operation, &endpoint, &error)))))
    }

    /// Runs a program in a container.
    ///
    /// # Errors
    /// If it could not be started.
    pub async fn exec(&self, container: &str, request: &ExecRequest) -> Result<Session, TargetError> {
        let ExecRequest { command, terminal, interactive } = request;
        let operation = "run a program in a container";
        self.ours(operation, container).await?;
        let engine = self.engine().await?;
        let options = CreateExecOptions {
            attach_stdin: Some(*interactive),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(terminal.is_some()),
            cmd: Some(command.clone()),
            ..CreateExecOptions::default()
        };
        let made = self.ask(operation, ANSWER, engine.create_exec(container, options)).await?;
        let options = StartExecOptions { detach: false, tty: terminal.is_some(), output_capacity: None };
        let started = self.ask(operation, ANSWER, engine.start_exec(&made.id, Some(options))).await?;
        let StartExecResults::Attached { output, input } = started else {
            let reason = "the engine let go of it".to_owned();
            return Err(TargetError::Failed { operation: operation.to_owned(), reason });
        };
        if let Some((width, height)) = terminal {
            self.exec_resize(&made.id, *width, *height).await?;
        }
        let endpoint = self.endpoint.clone();
        let output = output.map(move |piece| piece.map(chunk).map_err(|error| told(operation, &endpoint, &error)));
        Ok(Session { id: made.id, input, output: Box::pin(output) })
    }

    /// Tells a running program the size of its terminal.
    ///
    /// # Errors
    /// If it was not told.
    pub async fn exec_resize(&self, session: &str, width: u16, height: u16) -> Result<(), TargetError> {
        let engine = self.engine().await?;
        let size = ResizeExecOptions { height, width };
        match self.ask("resize a terminal", ANSWER, engine.resize_exec(session, size)).await {
            // It may have ended by now.
            Err(TargetError::Refused { .. }) => Ok(()),
            other => other,
        }
    }

    /// The exit code of a program whose output has ended.
    ///
    /// # Errors
    /// If it still runs or cannot be asked for.
    pub async fn exec_code(&self, session: &str) -> Result<i64, TargetError> {
        let operation = "ask how a program ended";
        let engine = self.engine().await?;
        let found = self.ask(operation, ANSWER, engine.inspect_exec(session)).await?;
        found
            .exit_code
            .ok_or_else(|| TargetError::Failed { operation: operation.to_owned(), reason: "it still runs".to_owned() })
    }
}

fn chunk(output: LogOutput) -> LogChunk {
    let (is_error, message) = match output {
        LogOutput::StdErr { message } => (true, message),
        LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
            (false, message)
        }
    };
    LogChunk { is_error, bytes: message.to_vec() }
}

fn told(operation: &str, endpoint: &str, error: &bollard::errors::Error) -> TargetError {
    let operation = operation.to_owned();
    if let bollard::errors::Error::DockerResponseServerError { status_code: _, message } = error {
        return TargetError::Refused { operation, reason: message.clone() };
    }
    TargetError::Unreachable { operation, endpoint: endpoint.to_owned(), reason: error.to_string() }
}

fn lost(endpoint: &str, reason: &str) -> TargetError {
    TargetError::Unreachable {
        operation: "listen to events".to_owned(),
        endpoint: endpoint.to_owned(),
        reason: reason.to_owned(),
    }
}

/// An event of this host's pods, volumes or network; none if it is about something else.
fn event(host: &str, message: &EventMessage) -> Option<Event> {
    let actor = message.actor.as_ref()?;
    let attributes = actor.attributes.as_ref()?;
    let action = message.action.as_deref()?;
    let kind = match (message.typ?, action) {
        (EventMessageTypeEnum::CONTAINER, action) => {
            if attributes.get(HOST).map(String::as_str) != Some(host) {
                return None;
            }
            match action {
                "create" => EventKind::Created,
                "start" => EventKind::Started,
                "die" => EventKind::Died,
                "destroy" => EventKind::Removed,
                "pause" | "unpause" => EventKind::Paused,
                "rename" => EventKind::Renamed,
                "update" => EventKind::Updated,
                _other => return None,
            }
        }
        (EventMessageTypeEnum::NETWORK, _) => {
            let name = attributes.get("name").map(String::as_str);
            return (name == Some(NETWORK)).then(|| {
                let container = attributes.get("container").cloned();
                at(EventKind::Network, container.unwrap_or_default(), None, None, message)
            });
        }
        (EventMessageTypeEnum::VOLUME, "destroy") => EventKind::VolumeRemoved,
        _ => return None,
    };
    let label = |name: &str| attributes.get(name).cloned();
    // A container of a pod of several is told apart from the sandbox that bears the pod's name.
    let pod = match (label(POD), label(CONTAINER)) {
        (Some(pod), Some(container)) => Some(format!("{pod}.{container}")),
        (pod, None) | (pod @ None, Some(_)) => pod,
    };
    Some(at(kind, actor.id.clone().unwrap_or_default(), pod, label(UNIT), message))
}

fn at(kind: EventKind, id: String, pod: Option<String>, unit: Option<String>, message: &EventMessage) -> Event {
    Event { kind, id, pod, unit, at: Timestamp(message.time_nano.unwrap_or(0) / NANOS_PER_MILLI) }
}
