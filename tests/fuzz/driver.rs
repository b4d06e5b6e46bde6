//! Tries inputs on one target, goes on from those with a new answer, and keeps time and memory in view.
//!
//! The answers stand in for what instruments in the program would tell: an input whose answer nobody heard before has come
//! to a new place, and is changed further.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest as _, Sha256};
use writ_core::text::is_control;

use crate::mutation::mutate;

/// Inputs for each target where `FUZZ_SECONDS` is not set.
const INPUTS_FEW: u64 = 400;

/// Most processor time for one input. The slowest takes some hundredths of a second.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);

/// Most memory of the whole process at any time, in KiB. Measured: 33 MiB.
const MEMORY_KIB_MAX: u64 = 256 << 10;

/// Inputs that are kept to go on from.
const POOL_MAX: usize = 2_000;

/// Something that reads bytes.
pub(crate) struct Target<'a> {
    /// Its name, and that of its folder of seeds.
    pub(crate) name: &'static str,
    /// What to begin with.
    pub(crate) seeds: Vec<Vec<u8>>,
    /// Pieces that mean something to it.
    pub(crate) words: &'a [&'a str],
    /// Reads an input and says what came of it, in words of a person. Panics if what must hold does not.
    pub(crate) check: &'a dyn Fn(&[u8]) -> String,
}

impl Target<'_> {
    /// Tries seeds and what comes of them; returns those that were gone on from.
    pub(crate) fn run(mut self) -> Vec<Vec<u8>> {
        self.seeds.extend(kept(self.name));
        assert!(!self.seeds.is_empty(), "{} has seeds", self.name);
        let seconds = std::env::var("FUZZ_SECONDS").ok().map(|text| text.parse().expect("FUZZ_SECONDS is a number"));
        let chance = if seconds.is_some() { rand::thread_rng().r#gen() } else { 1 };
        let mut random = StdRng::seed_from_u64(chance);
        let (mut pool, mut answers) = (Vec::new(), BTreeSet::new());
        for seed in std::mem::take(&mut self.seeds) {
            answers.insert(shape(&self.tried(&seed)));
            pool.push(seed);
        }
        let (start, mut count) = (spent(), 0_u64);
        while seconds.map_or(count < INPUTS_FEW, |seconds: u64| spent() - start < Duration::from_secs(seconds)) {
            let input = mutate(&mut random, &pool, self.words);
            if answers.insert(shape(&self.tried(&input))) && pool.len() < POOL_MAX {
                pool.push(input);
            }
            count += 1;
            if count % 256 == 0 {
                bounded(self.name);
            }
        }
        let peak = bounded(self.name);
        eprintln!("{}: {count} inputs from chance {chance}, {} answers, {peak} KiB", self.name, answers.len());
        pool
    }

    /// The answer to an input. What goes wrong is made shorter, written down and told.
    fn tried(&self, input: &[u8]) -> String {
        let start = spent();
        let answer = self.caught(input);
        let taken = spent() - start;
        let wrong = match answer {
            Ok(answer) if taken < INPUT_TIME_MAX => return answer,
            Ok(_) => format!("it took {taken:?}"),
            Err(wrong) => wrong,
        };
        let short = self.shortened(input, taken);
        let name: String = Sha256::digest(&short).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", self.name));
        std::fs::write(&path, &short).unwrap();
        panic!(
            "{}: {wrong}\nwith {:?}\nwhich stands in {}; keep it in tests/fuzz/seeds/{} once it is mended",
            self.name,
            String::from_utf8_lossy(&short),
            path.display(),
            self.name
        );
    }

    fn caught(&self, input: &[u8]) -> Result<String, String> {
        quietly(|| {
            let answer = (self.check)(input);
            // An answer is read in a terminal and on a page of a forge.
            let bad = answer.chars().find(|character| is_control(*character) && *character != '\n');
            assert!(bad.is_none(), "the answer holds the control character {bad:?}: {answer:?}");
            answer
        })
    }

    /// A shorter input that goes wrong, too.
    fn shortened(&self, input: &[u8], taken: Duration) -> Vec<u8> {
        let mut short = input.to_vec();
        // What is slow is not tried again and again.
        let mut tries = if taken < Duration::from_millis(100) { 2_000 } else { 0 };
        let mut size = short.len() / 2;
        while size > 0 {
            let mut at = 0;
            while at + size <= short.len() && tries > 0 {
                tries -= 1;
                let shorter = [&short[..at], &short[at + size..]].concat();
                if self.caught(&shorter).is_err() { short = shorter } else { at += size }
            }
            size /= 2;
        }
        short
    }
}

/// The processor time that this thread has had: an input is not slow because the machine has other work.
fn spent() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(now.tv_sec).unwrap(), u32::try_from(now.tv_nsec).unwrap())
}

/// Inputs that are kept for a target, in the order of their names.
fn kept(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/fuzz/seeds").join(name);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// An answer without what differs from input to input: numbers and quotations.
fn shape(answer: &str) -> String {
    let mut shape = String::new();
    let mut quoted = false;
    for character in answer.chars().take(2_000) {
        match character {
            '`' | '"' => quoted = !quoted,
            _ if quoted => {}
            '0'..='9' if shape.ends_with('0') => {}
            '0'..='9' => shape.push('0'),
            other => shape.push(other),
        }
    }
    shape
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What a function returns, or what it panics with and where. Nothing is printed.
fn quietly(read: impl FnOnce() -> String) -> Result<String, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if QUIET.get() {
                TOLD.set(info.to_string());
            } else {
                loud(info);
            }
        }));
    });
    QUIET.set(true);
    let found = catch_unwind(AssertUnwindSafe(read));
    QUIET.set(false);
    found.map_err(|_| TOLD.take())
}

/// The most memory that the process took, in KiB, which is not more than it may take.
fn bounded(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < MEMORY_KIB_MAX, "{peak} KiB of memory were taken while {name} was tried");
    peak
}

mod tests {
    use super::*;

    fn found(check: &dyn Fn(&[u8]) -> String) -> String {
        let target = Target { name: "itself", seeds: vec![b"seed one two".to_vec()], words: &["three"], check };
        let wrong = catch_unwind(AssertUnwindSafe(|| target.run())).unwrap_err();
        *wrong.downcast::<String>().unwrap()
    }

    #[test]
    fn what_goes_wrong_is_found_made_short_and_written_down() {
        let told = found(&|input| {
            assert!(!input.windows(5).any(|part| part == b"three"), "three is there");
            "fine".to_owned()
        });
        assert!(told.contains("three is there") && told.contains("with \"three\""), "{told}");
        let told = found(&|input| String::from_utf8_lossy(input).replace('e', "\u{202e}"));
        assert!(told.contains("control character"), "{told}");
    }

    #[test]
    fn two_answers_differ_in_more_than_numbers_and_quotations() {
        assert_eq!(shape("line 17: `name` is 3"), shape("line 4: `other` is 12"));
        assert_ne!(shape("line 1: unknown"), shape("line 1: missing"));
    }
}
