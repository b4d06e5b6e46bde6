//! `writ logs OBJECT`

use futures_util::StreamExt as _;
use writ::target::{LogChunk, LogRequest, Output, Published, Target};
use writ_core::time::Timestamp;

use super::exit::{Ended, Exit, Failure};
use super::host::{Host, block_on};
use super::moment;
use super::pods::{self, Found};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A pod (data-pg.0, pg-0), or an object (statefulset/data/pg)
    object: String,
    /// The scope, where two use the same name
    #[arg(short = 'n', long = "scope", visible_alias = "namespace", value_name = "SCOPE")]
    scope: Option<String>,
    /// The container, of a pod that has several; else the one that the pod names, or its first
    #[arg(short, long, value_name = "CONTAINER")]
    container: Option<String>,
    /// Go on as more is written
    #[arg(short, long, conflicts_with = "previous")]
    follow: bool,
    /// What runs that have ended wrote: before the last restart
    #[arg(short, long)]
    previous: bool,
    /// Only so many of the last lines
    #[arg(long, value_name = "LINES", conflicts_with = "previous")]
    tail: Option<u32>,
    /// Only what was written since then: a span (10m) or a moment (2026-11-21T09:00:00Z)
    #[arg(long, value_name = "TIME", conflicts_with = "previous")]
    since: Option<String>,
    /// Each line with its time
    #[arg(long)]
    timestamps: bool,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { object, scope, container, follow, previous, tail, since, timestamps } = arguments;
    let since = since.as_deref().map(|since| moment::past(since, host.now())).transpose()?;
    let request = LogRequest { follow: *follow, tail: *tail, since, timestamps: *timestamps };
    let Found { target, name, container } = pods::first(host, object, scope.as_deref(), container.as_deref())?;
    block_on(async {
        if *previous {
            match target.earlier_logs(&container, &request).await? {
                Some(chunks) => show_all(host, chunks).await,
                None => before_restart(host, &target, &name, &container, *timestamps).await,
            }
        } else {
            show_all(host, target.logs(&container, &request).await?).await
        }
    })?
}

async fn show_all(host: &Host, mut chunks: Output<LogChunk>) -> Ended {
    while let Some(chunk) = chunks.next().await {
        show(host, &chunk?)?;
    }
    Ok(Exit::Success)
}

fn show(host: &Host, chunk: &LogChunk) -> Result<(), Failure> {
    let LogChunk { is_error, bytes } = chunk;
    if *is_error { host.terminal.print_error_bytes(bytes) } else { host.terminal.print_bytes(bytes) }
}

/// A container that was restarted in place keeps one log; what runs that have ended wrote is told by the times in it.
async fn before_restart(host: &Host, target: &Target, name: &str, container: &str, timestamps: bool) -> Ended {
    let published = target.published(container).await?;
    let request = LogRequest { follow: false, tail: None, since: None, timestamps: true };
    let mut chunks = target.logs(container, &request).await?;
    let mut found = false;
    while let Some(chunk) = chunks.next().await {
        let LogChunk { is_error, bytes } = chunk?;
        let Some((at, line)) = timed(&bytes) else { continue };
        if is_of_ended_run(at, &published) {
            found = true;
            let bytes = if timestamps { bytes.clone() } else { line.to_vec() };
            show(host, &LogChunk { is_error, bytes })?;
        }
    }
    if found {
        return Ok(Exit::Success);
    }
    Err(Failure::message(format!("{name} wrote nothing before it was last started: its container is new since then")))
}

/// Whether a line was written by a run that has ended. The engine notes a start some milliseconds after the program began
/// to write, and takes the last lines of a run some milliseconds after its end, so that a line between the two belongs to
/// the nearer one.
fn is_of_ended_run(at: Timestamp, published: &Published) -> bool {
    let Published { running, ended: _, started, finished, shared: _, ailment: _ } = *published;
    match finished {
        _ if !running => true,
        None => false,
        // A clock that was set back between them leaves nothing to choose.
        Some(finished) if finished > started => at < started,
        Some(finished) => at.millis_since(finished) <= started.millis_since(at),
    }
}

/// The time at the beginning of a line, and the rest of it.
fn timed(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let blank = bytes.iter().position(|byte| *byte == b' ')?;
    let time = std::str::from_utf8(bytes.get(..blank)?).ok()?;
    Some((Timestamp::parse(time)?, bytes.get(blank + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_between_an_end_and_a_start_belongs_to_the_nearer_one_and_none_to_a_run_that_goes_on() {
        let check = |running: bool, finished: Option<i64>, at: i64| {
            let finished = finished.map(Timestamp);
            let (started, shared, ailment) = (Timestamp(1_000), false, None);
            let published = Published { running, ended: !running, started, finished, shared, ailment };
            is_of_ended_run(Timestamp(at), &published)
        };
        assert!(check(true, Some(600), 500) && check(true, Some(600), 620));
        assert!(!check(true, Some(600), 980) && !check(true, Some(600), 2_000));
        assert!(!check(true, None, 990), "nothing has ended yet");
        assert!(check(false, Some(3_000), 2_000), "everything has");
    }

    #[test]
    fn a_line_is_split_from_its_time() {
        let (at, line) = timed(b"2026-11-21T09:10:11.123456789Z a line\n").unwrap();
        assert_eq!((at.to_string().as_str(), line), ("2026-11-21T09:10:11.123Z", b"a line\n".as_slice()));
        assert!(timed(b"no time here\n").is_none());
        assert!(timed(b"").is_none());
    }
}
