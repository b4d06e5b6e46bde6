//! Runs a program that the settings name behind the same walls: one question, one answer, the end. It is a plugin or a renderer.
//!
//! Invariant: the program may read nothing and reach nothing; what it is asked comes by its standard input, and what it
//! says by its standard output.
//! Invariant: nothing is run where the kernel cannot close the file system and filter calls, or where the bytes are others
//! than those that the settings name.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use sha2::{Digest as _, Sha256};
use writ_core::text::quoted_up_to;

use super::child::{is_fed_by_pipes, limits};
use super::ended::{ConfineError, Ended};
use super::parent::{Child, Said};
use super::walls::{Landlock, confine_program};
use super::wire::HELLO;
use crate::clock::Stopwatch;

/// The word that stands before the limits, the program, its digest and the word that it is given.
pub(super) const WORD: &str = "--become-within";

/// Longest time that a fork of the agent is waited for that still holds the program's file.
const FORK_MAX: Duration = Duration::from_secs(5);

/// Time between two looks whether it let go: a fork becomes its program within a millisecond where nothing else runs.
const FORK_STEP: Duration = Duration::from_millis(2);

/// Longest complaint of a program that is shown, in characters: a sentence and its advice.
const COMPLAINT_CHARACTERS_MAX: usize = 500;

/// A program that is run behind walls.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// SHA-256 of it, as 64 hexadecimal digits.
    pub digest: &'a str,
    /// What it is told to do.
    pub word: &'static str,
    /// Longest answer that is taken, in bytes.
    pub answer_bytes: u64,
}

/// Becomes the program, with the words that follow this one's name. Returns only if it cannot.
pub(super) fn become_program(words: &[OsString]) -> Result<(), Box<dyn Error>> {
    let [limit_words @ .., path, digest, word] = words else {
        return Err("this is a part of writ that only writ starts".into());
    };
    let limits = limits(WORD, limit_words).filter(|_| is_fed_by_pipes());
    let limits = limits.ok_or("this is a part of writ that only writ starts")?;
    let mut program = File::open(path).map_err(|error| format!("the program cannot be read: {error}"))?;
    let mut hash = Sha256::new();
    io::copy(&mut program, &mut hash)?;
    if Some(hex(&hash.finalize()).as_str()) != digest.to_str() {
        return Err("the program is not the one whose digest the settings name".into());
    }
    let walls = confine_program(limits, &program)?;
    if walls.landlock == Landlock::No || !walls.filter {
        return Err(
            format!("no such program is run where the kernel lacks {}", walls.missing().unwrap_or_default()).into()
        );
    }
    let mut output = io::stdout().lock();
    output.write_all(HELLO)?;
    output.write_all(&walls.bytes())?;
    output.flush()?;
    let own = format!("/proc/self/fd/{}", program.as_raw_fd());
    let error = begin(Command::new(own).arg0("plugin").arg(word).env_clear());
    Err(format!("it cannot be started ({error}): it must be a static executable for this processor").into())
}

/// Becomes the program, and says what is in the way if that fails.
///
/// While the agent wrote the file, another of its threads may have been forking: that fork holds the file open for writing
/// until it becomes what it is for, and the kernel starts no program that anybody may write (`execve(2)`, ETXTBSY).
fn begin(program: &mut Command) -> io::Error {
    let waited = Stopwatch::start();
    loop {
        let error = program.exec();
        if error.kind() != io::ErrorKind::ExecutableFileBusy || waited.elapsed() >= FORK_MAX {
            return error;
        }
        sleep(FORK_STEP);
    }
}

impl Child {
    /// What a program answers to a question; else why it did not answer.
    ///
    /// # Errors
    /// If no program could be started behind walls: nothing is known about the answer then.
    pub async fn expand(
        &self,
        program: &Program<'_>,
        question: &[u8],
    ) -> Result<Result<Vec<u8>, String>, ConfineError> {
        let Program { path, digest, word, answer_bytes } = program;
        let mut bounded = self.clone();
        bounded.bounds.answer_bytes = *answer_bytes;
        let words = [path.as_os_str().to_owned(), OsString::from(digest), OsString::from(word)];
        let said = match bounded.one(WORD, &words, question).await {
            Ok(said) => said,
            Err(ConfineError::Ended(ended)) => return Ok(Err(ended.to_string())),
            Err(error @ ConfineError::Unstarted(_)) => return Err(error),
        };
        Ok(match ended(&said, &bounded) {
            None => Ok(said.output),
            Some(ended) => Err(format!("it {ended}{}", complaint(&said.errors))),
        })
    }
}

/// How it ended, if not well.
fn ended(said: &Said, child: &Child) -> Option<Ended> {
    let is = |signal: Signal| said.status.signal() == Some(signal.as_raw());
    Some(match (said.status.signal(), said.status.code()) {
        (None, Some(0)) => return None,
        (None, code) => Ended::Exit(code.unwrap_or_default()),
        (Some(_), _) if is(Signal::XCPU) => Ended::Processor { seconds: child.bounds.limits.processor_seconds },
        (Some(_), _) if is(Signal::SYS) => Ended::ReachedOut,
        (Some(signal), _) => Ended::Signal(signal),
    })
}

/// The first line of what it said on standard error. It was told no secret.
fn complaint(errors: &str) -> String {
    let Some(line) = errors.lines().map(str::trim).find(|line| !line.is_empty()) else { return String::new() };
    format!(": {}", quoted_up_to(line, COMPLAINT_CHARACTERS_MAX))
}

/// Bytes as hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
