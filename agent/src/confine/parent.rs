//! The agent's side: starts a child, asks it one question, and bounds all that it may do.
//!
//! Invariant: a child that this function started has ended when it returns, or is being ended when it is dropped.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Once;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{self, ChildStderr, ChildStdin, ChildStdout, Command};
use writ_core::dialect::{Files, Given};

use super::ended::{ConfineError, EXIT_UNCONFINED, Ended, of};
use super::walls::{Limits, Walls};
use super::wire::HELLO;
use super::{Answer, Ask, answer, child, request};
use crate::limits::{
    ANSWER_BYTES_MAX, CONFINED_MEMORY_BYTES_MAX, CONFINED_PROCESSOR_SECONDS_MAX, CONFINED_SECONDS_MAX,
    ERROR_TEXT_BYTES_MAX,
};

/// This program, also after another version was put in its place: child and parent are always of one version.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// How children are started, and what each may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The program.
    pub program: PathBuf,
    /// What it may use.
    pub bounds: Bounds,
}

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What the kernel holds it to.
    pub limits: Limits,
    /// Time until it has ended, in seconds, whoever takes it.
    pub seconds: u64,
    /// Longest answer, in bytes.
    pub answer_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        let limits =
            Limits { memory_bytes: CONFINED_MEMORY_BYTES_MAX, processor_seconds: CONFINED_PROCESSOR_SECONDS_MAX };
        Self { limits, seconds: CONFINED_SECONDS_MAX, answer_bytes: ANSWER_BYTES_MAX }
    }
}

impl Default for Child {
    fn default() -> Self {
        Self { program: PathBuf::from(THIS_PROGRAM), bounds: Bounds::default() }
    }
}

/// A child that has put up its walls and waits for its question.
struct Started {
    child: process::Child,
    pipes: Pipes,
    walls: Walls,
}

struct Pipes {
    input: ChildStdin,
    output: ChildStdout,
    errors: ChildStderr,
}

/// All that a child said, and how it ended.
pub(super) struct Said {
    pub(super) output: Vec<u8>,
    pub(super) errors: String,
    pub(super) status: ExitStatus,
}

impl Child {
    /// Which walls a child has here.
    ///
    /// # Errors
    /// If none can be started, or it does not answer.
    pub async fn walls(&self) -> Result<Walls, ConfineError> {
        let walls = self.come_up(child::WORD, &[]).await?.walls;
        // It could come up and yet give no answer.
        self.ask(&Files::new(), &Given::default(), &Ask::First).await.map(|_| walls)
    }

    /// Asks one question about files.
    pub(super) async fn ask(&self, files: &Files, given: &Given, ask: &Ask) -> Result<Answer, ConfineError> {
        let question = request::write(files, given, ask).map_err(|error| unstarted(&error.to_string()))?;
        let said = self.one(child::WORD, &[], &question).await?;
        if let Some(ended) = of(said.status, &said.errors, &self.bounds) {
            return Err(ended.into());
        }
        answer::read(&said.output, files, given).map_err(|garbled| Ended::Garbled(garbled.0).into())
    }

    /// Starts a child, asks it one question, and takes all that it says until it ended.
    pub(super) async fn one(&self, word: &str, more: &[OsString], question: &[u8]) -> Result<Said, ConfineError> {
        let Started { mut child, pipes, walls } = self.come_up(word, more).await?;
        tell_walls(walls);
        let in_time = self.in_time(self.said(&mut child, pipes, question)).await;
        let said = in_time.unwrap_or(Err(Ended::TooLong { seconds: self.bounds.seconds }));
        if said.is_err() {
            // It ends at once, and is waited for so that nothing is left of it.
            child.kill().await.ok();
        }
        Ok(said?)
    }

    async fn come_up(&self, word: &str, more: &[OsString]) -> Result<Started, ConfineError> {
        self.in_time(self.started(word, more)).await.unwrap_or_else(|| Err(unstarted("it does not come up")))
    }

    /// Starts a child and waits until its walls stand.
    async fn started(&self, word: &str, more: &[OsString]) -> Result<Started, ConfineError> {
        let Limits { memory_bytes, processor_seconds } = self.bounds.limits;
        let mut command = Command::new(&self.program);
        command.arg0(child::NAME).args([word, &memory_bytes.to_string(), &processor_seconds.to_string()]);
        command.args(more);
        command.env_clear().current_dir("/").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| unstarted(&format!("{}: {error}", self.program.display())))?;
        let pipes = child.stdin.take().zip(child.stdout.take()).zip(child.stderr.take());
        let ((input, mut output), mut errors) = pipes.ok_or_else(|| unstarted("it has no pipes"))?;
        let mut hello = [0; HELLO.len() + Walls::BYTES];
        let greeted = output.read_exact(&mut hello).await.is_ok();
        let walls = hello.strip_prefix(HELLO).and_then(|bytes| Walls::read(bytes.try_into().ok()?));
        match walls.filter(|_| greeted) {
            Some(walls) => Ok(Started { child, pipes: Pipes { input, output, errors }, walls }),
            None if greeted => {
                child.kill().await.ok();
                Err(unstarted("it is of another version, or another program"))
            }
            None => {
                drop((input, output));
                let errors = first_of(&mut errors).await;
                let status = child.wait().await.map_err(|error| unstarted(&error.to_string()))?;
                // It has read nothing yet, so that these are our own words.
                let own = status.code() == Some(EXIT_UNCONFINED.into());
                let why = if own { errors.trim().replace(char::is_control, " ") } else { status.to_string() };
                Err(unstarted(&why))
            }
        }
    }

    /// Asks, and takes all that is said until the end.
    async fn said(&self, child: &mut process::Child, pipes: Pipes, question: &[u8]) -> Result<Said, Ended> {
        let Pipes { mut input, output, mut errors } = pipes;
        let asked = async move {
            // A child that ends before it has read all is told by how it ended. It reads until this end is closed.
            input.write_all(question).await.ok();
            Ok(())
        };
        let complained = async { Ok(first_of(&mut errors).await) };
        let ((), output, errors) = tokio::try_join!(asked, self.all_of(output), complained)?;
        let status = child.wait().await.map_err(|_| Ended::Garbled("how it ended cannot be found out"))?;
        Ok(Said { output, errors, status })
    }

    async fn all_of(&self, output: ChildStdout) -> Result<Vec<u8>, Ended> {
        let (most, mut bytes) = (self.bounds.answer_bytes, Vec::new());
        let read = output.take(most + 1).read_to_end(&mut bytes).await;
        match read {
            Ok(length) if length as u64 > most => Err(Ended::TooMuch { bytes: most }),
            Ok(_) => Ok(bytes),
            Err(_) => Err(Ended::Garbled("it cannot be read")),
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_secs(self.bounds.seconds), work).await.ok()
    }
}

/// The first that is said; the rest is read and dropped, so that nobody waits for a reader.
async fn first_of(errors: &mut ChildStderr) -> String {
    let mut first = Vec::new();
    if errors.take(ERROR_TEXT_BYTES_MAX).read_to_end(&mut first).await.is_ok() {
        tokio::io::copy(errors, &mut tokio::io::sink()).await.ok();
    }
    String::from_utf8_lossy(&first).into_owned()
}

fn unstarted(why: &str) -> ConfineError {
    ConfineError::Unstarted(why.to_owned())
}

/// Says once what this kernel cannot do.
fn tell_walls(walls: Walls) {
    static ONCE: Once = Once::new();
    let Some(missing) = walls.missing() else { return };
    ONCE.call_once(|| {
        if walls.filter {
            tracing::info!("the process that reads files is confined by fewer walls: this kernel lacks {missing}");
        } else {
            tracing::warn!("the process that reads files is confined in part: this kernel lacks {missing}");
        }
    });
}
