//! The child's side: walls, one question, one answer, the end.
//!
//! Invariant: not a byte of input is read before the walls stand.
//! Invariant: no setting, no variable of the environment and no clock has a say in what is answered.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::panic::PanicHookInfo;
use std::process::ExitCode;

use rustix::fs::FileType;
use writ_core::dialect::{Contents, Expansions, Fetched, Files, addresses, lower_expanded, questions};
use writ_core::limits::ADDRESSES_MAX;

use super::ended::{BROKE_OFF, EXIT_UNCONFINED};
use super::walls::{Limits, confine};
use super::wire::HELLO;
use super::{Answer, Ask, Judged, answer, expand, request};
use crate::error::chain;

/// The name by which the agent calls this program for a child.
pub(super) const NAME: &str = "writ-confined";

/// The word that stands before the limits. No program takes it for something else to do.
pub(super) const WORD: &str = "--lower-within";

/// True if this process is to be a child. Nothing but the name that it is called by says so.
#[must_use]
pub fn called(name: Option<&OsString>) -> bool {
    name.is_some_and(|name| name == NAME)
}

/// Is a child, with the words that follow its name.
pub fn run(words: &[OsString]) -> ExitCode {
    std::panic::set_hook(Box::new(tell_place));
    let is_plugin = words.first().is_some_and(|word| word == expand::WORD);
    match if is_plugin { expand::become_program(words) } else { answer_one(words) } {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody else is left to be told.
            writeln!(io::stderr(), "{}", chain(error.as_ref())).ok();
            ExitCode::from(EXIT_UNCONFINED)
        }
    }
}

fn answer_one(words: &[OsString]) -> Result<(), Box<dyn Error>> {
    let limits =
        limits(WORD, words).filter(|_| is_fed_by_pipes()).ok_or("this is a part of writ that only writ starts")?;
    let walls = confine(limits)?;
    let mut output = io::stdout().lock();
    output.write_all(HELLO)?;
    output.write_all(&walls.bytes())?;
    output.flush()?;
    let mut question = Vec::new();
    io::stdin().lock().read_to_end(&mut question)?;
    let (files, ask, expansions) = request::read(&question).map_err(|garbled| garbled.0)?;
    drop(question);
    let mut output = BufWriter::with_capacity(1 << 16, output);
    answer::write(&mut output, &files, &answered(&files, &ask, &expansions))?;
    output.flush()?;
    Ok(())
}

fn answered(files: &Files, ask: &Ask, expansions: &Expansions) -> Answer {
    let judged = |contents: &Contents, unfetched| {
        let (lowered, sources) = lower_expanded(files, contents, expansions);
        Answer::Judged(Judged { lowered, sources, unfetched })
    };
    let named = match ask {
        Ask::Blocks => return Answer::Questions(questions(files, &expansions.kinds)),
        Ask::With(contents) => return judged(contents, [].into()),
        Ask::First | Ask::Unfetched => addresses(files),
    };
    if *ask == Ask::First && (1..=ADDRESSES_MAX).contains(&named.len()) {
        return Answer::Addresses(named);
    }
    let contents = named.iter().map(|address| (address.clone(), Fetched::Unasked)).collect();
    // Lowering refuses so many that nobody asks them all, and then nobody need be told.
    judged(&contents, if named.len() > ADDRESSES_MAX { [].into() } else { named })
}

/// The limits as the agent gives them: the word `first`, bytes, seconds.
pub(super) fn limits(first: &str, words: &[OsString]) -> Option<Limits> {
    let [word, memory, processor] = words else { return None };
    let number = |word: &OsString| word.to_str()?.parse().ok();
    let limits = Limits { memory_bytes: number(memory)?, processor_seconds: number(processor)? };
    (word == first && limits.processor_seconds < u64::MAX).then_some(limits)
}

/// True if standard input and output are pipes, as the agent makes them.
pub(super) fn is_fed_by_pipes() -> bool {
    let is_pipe = |stat: rustix::io::Result<rustix::fs::Stat>| {
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
    };
    is_pipe(rustix::fs::fstat(io::stdin())) && is_pipe(rustix::fs::fstat(io::stdout()))
}

/// Tells where this program breaks off, and nothing of why: that could hold what stands in a file.
fn tell_place(info: &PanicHookInfo<'_>) {
    if let Some(place) = info.location() {
        writeln!(io::stderr(), "{BROKE_OFF}{place}").ok();
    }
}
