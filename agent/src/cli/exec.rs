//! `writ exec POD -- COMMAND…`

use std::convert::Infallible;
use std::future::pending;
use std::io::Read as _;

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use writ::target::{ExecRequest, Input, LogChunk, Session, Target};

use super::exit::{Ended, Exit, Failure};
use super::host::{Host, block_on};
use super::keyboard::Keyboard;
use super::pods::{self, Found};

/// Bytes taken from standard input at once.
const PIECE: usize = 8 << 10;

/// Pieces of standard input that wait for the program to read them.
const PIECES: usize = 8;

#[derive(Debug, clap::Args)]
#[command(after_help = "The exit code is the program's.")]
pub(crate) struct Arguments {
    /// The pod (data-pg.0, pg-0), or an object that has one (statefulset/data/pg)
    pod: String,
    /// The scope, where two use the same name
    #[arg(short = 'n', long = "scope", visible_alias = "namespace", value_name = "SCOPE")]
    scope: Option<String>,
    /// The container, of a pod that has several; else the one that the pod names, or its first
    #[arg(short, long, value_name = "CONTAINER")]
    container: Option<String>,
    /// Let the program read standard input
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    tty: bool,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(crate) fn run(host: &Host, arguments: &Arguments) -> Ended {
    let Arguments { pod, scope, container, stdin, tty, command } = arguments;
    let Found { target, name: _, container } = pods::one(host, pod, scope.as_deref(), container.as_deref())?;
    let keyboard = if *tty { Some(Keyboard::take()?) } else { None };
    let request =
        ExecRequest { command: command.clone(), terminal: keyboard.as_ref().map(Keyboard::size), interactive: *stdin };
    let ended = block_on(converse(host, &target, &container, &request))?;
    // The terminal is given back before anything else is said.
    drop(keyboard);
    ended
}

async fn converse(host: &Host, target: &Target, container: &str, request: &ExecRequest) -> Ended {
    let Session { id, mut input, mut output } = target.exec(container, request).await?;
    let shown = async {
        while let Some(chunk) = output.next().await {
            show(host, &chunk?)?;
        }
        Ok::<_, Failure>(())
    };
    let fed = async {
        if request.interactive {
            feed(&mut input).await;
        }
        // A program that reads no more may still write.
        pending::<Infallible>().await
    };
    // Side by side: a program that waits for somebody to read what it wrote reads nothing meanwhile.
    tokio::select! {
        shown = shown => shown?,
        never = fed => match never {},
    }
    let code = target.exec_code(&id).await?;
    Ok(u8::try_from(code).map_or(Exit::Failure, Exit::Of))
}

/// Hands on what is typed, until there is no more of it or the program reads no more.
async fn feed(input: &mut Input) {
    let mut typed = standard_input();
    while let Some(piece) = typed.recv().await {
        if input.write_all(&piece).await.is_err() {
            return;
        }
    }
    drop(input.shutdown().await);
}

/// What is typed, piece by piece. The thread that reads ends with the process: nothing can wake it from a read.
fn standard_input() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        while let Ok(length @ 1..) = std::io::stdin().lock().read(&mut buffer) {
            if sender.blocking_send(buffer.iter().take(length).copied().collect()).is_err() {
                break;
            }
        }
    });
    receiver
}

fn show(host: &Host, chunk: &LogChunk) -> Result<(), Failure> {
    let LogChunk { is_error, bytes } = chunk;
    if *is_error { host.terminal.print_error_bytes(bytes) } else { host.terminal.print_bytes(bytes) }
}
