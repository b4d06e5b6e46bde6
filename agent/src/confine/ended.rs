//! How a child ended that did not answer, in words.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use rustix::process::Signal;

use super::parent::Bounds;

/// Exit code of a child that could not put up its walls, or was started in another way than the agent does.
pub(super) const EXIT_UNCONFINED: u8 = 71;

/// Exit code of a program that broke off. Source: the runtime of Rust.
const EXIT_BROKE_OFF: i32 = 101;

/// How a place in this program is told on standard error, when it breaks off there.
pub(super) const BROKE_OFF: &str = "broke off at ";

/// What the runtime of Rust says before it ends a program that was given no more memory.
const NO_MEMORY: &str = "memory allocation of ";

/// Why it is not known what files ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfineError {
    /// A child did something else than answer, once it was given the files.
    #[error("the confined process that reads the files {0}")]
    Ended(#[from] Ended),
    /// No child came so far that it could be given the files. Nothing is known about them.
    #[error("the confined process that reads the files could not be started: {0}")]
    Unstarted(String),
}

/// What a child did instead of answering.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It needed more memory than it may have.
    #[error("ran out of memory ({} MiB)", .bytes >> 20)]
    Memory {
        /// What it may have, in bytes.
        bytes: u64,
    },
    /// It computed for longer than it may.
    #[error("took more than {seconds} s of a processor")]
    Processor {
        /// What it may take.
        seconds: u64,
    },
    /// It did not end in time.
    #[error("took longer than {seconds} s")]
    TooLong {
        /// The time that it has.
        seconds: u64,
    },
    /// Its answer has no end.
    #[error("answered with more than {} MiB", .bytes >> 20)]
    TooMuch {
        /// The longest answer, in bytes.
        bytes: u64,
    },
    /// It called the kernel for what it may not have: a connection, another program or process.
    #[error("reached for what is forbidden to it, and was ended")]
    ReachedOut,
    /// A signal ended it.
    #[error("was ended by signal {0}")]
    Signal(i32),
    /// It broke off at a fault of its own.
    #[error("broke off{}, which is a fault of Writ: please report it", .at.as_deref().map(|at| format!(" at {at}")).unwrap_or_default())]
    BrokeOff {
        /// The place in Writ's code, if it could tell it.
        at: Option<String>,
    },
    /// It ended with an exit code that says nothing.
    #[error("ended with exit code {0}")]
    Exit(i32),
    /// What it answered cannot be an answer.
    #[error("gave no sound answer: {0}")]
    Garbled(&'static str),
}

/// What an end means that is no answer; none for a good end. `errors` is the first that the child said on standard
/// error, of which nothing is repeated but a place in our own code: it may hold anything.
pub(super) fn of(status: ExitStatus, errors: &str, bounds: &Bounds) -> Option<Ended> {
    let Bounds { limits, seconds: _, answer_bytes: _ } = bounds;
    let is = |signal: Signal| status.signal() == Some(signal.as_raw());
    Some(match (status.signal(), status.code()) {
        (None, Some(0)) => return None,
        (None, Some(EXIT_BROKE_OFF)) => Ended::BrokeOff { at: place(errors) },
        (None, code) => Ended::Exit(code.unwrap_or_default()),
        (Some(_), _) if is(Signal::XCPU) => Ended::Processor { seconds: limits.processor_seconds },
        (Some(_), _) if is(Signal::SYS) => Ended::ReachedOut,
        (Some(_), _) if is(Signal::ABORT) && errors.contains(NO_MEMORY) => Ended::Memory { bytes: limits.memory_bytes },
        (Some(signal), _) => Ended::Signal(signal),
    })
}

/// The place in our own code that a child told, if it is one: `core/src/model/pod.rs:12:3`.
fn place(errors: &str) -> Option<String> {
    let place = errors.lines().find_map(|line| line.strip_prefix(BROKE_OFF))?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "/._-:".contains(c);
    (place.len() <= 200 && place.contains(".rs:") && place.chars().all(fits)).then(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::walls::Limits;
    use super::*;

    fn told(wait: i32, errors: &str) -> String {
        let limits = Limits { memory_bytes: 256 << 20, processor_seconds: 7 };
        let bounds = Bounds { limits, seconds: 20, answer_bytes: 1 << 20 };
        of(ExitStatus::from_raw(wait), errors, &bounds).map_or_else(String::new, |ended| ended.to_string())
    }

    #[test]
    fn each_end_is_told_by_what_it_means() {
        assert_eq!(told(0, "whatever"), "");
        assert_eq!(told(7 << 8, ""), "ended with exit code 7");
        assert_eq!(told(6, "memory allocation of 64 bytes failed"), "ran out of memory (256 MiB)");
        assert_eq!(told(6, ""), "was ended by signal 6");
        assert_eq!(told(9, ""), "was ended by signal 9");
        assert_eq!(told(11, "memory allocation of 64 bytes failed"), "was ended by signal 11");
        assert_eq!(told(24, ""), "took more than 7 s of a processor");
        assert_eq!(told(31, ""), "reached for what is forbidden to it, and was ended");
    }

    #[test]
    fn of_what_a_child_says_only_a_place_in_our_code_is_repeated() {
        let broke_off = |errors| told(101 << 8, errors);
        assert!(broke_off("x\nbroke off at core/src/a.rs:1:2\ny").starts_with("broke off at core/src/a.rs:1:2, which"));
        for other in ["", "secret", "broke off at the secret", "broke off at a.rs:1 secret", "broke off at \u{1b}.rs:1"]
        {
            assert_eq!(broke_off(other), "broke off, which is a fault of Writ: please report it");
        }
    }
}
