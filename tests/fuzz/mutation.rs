//! Makes an input of others.

use rand::Rng as _;
use rand::rngs::StdRng;

/// Longest input, in bytes: beyond, readers are asked for their limits by tests of their own.
const INPUT_BYTES_MAX: usize = 32 << 10;

/// Texts that have been too much for readers.
const NASTY: &[&str] = &[
    "\0",
    "\n",
    "\r\n",
    "\t",
    "\"",
    "'",
    "`",
    "\\",
    "\u{1b}[2K",
    "\u{202e}",
    "\u{feff}",
    "\u{2028}",
    "é",
    "𝕏",
    "-1",
    "0",
    "00",
    "4294967296",
    "18446744073709551616",
    "99999999999999999999999",
    "1e9999",
    "[",
    "]",
    "{",
    "}",
    "(",
    "&a",
    "*a",
    "${",
    "<<",
    "../",
    "/",
    "#",
    "%s",
    "*",
    "!",
    ",",
];

/// Bytes at the ends of ranges.
const EDGES: &[u8] = &[0, 1, 9, 10, 13, 32, 0x7f, 0x80, 0xbf, 0xc0, 0xed, 0xfe, 0xff];

/// One to four changes of something in the pool; what came last is taken more often.
pub(crate) fn mutate(random: &mut StdRng, pool: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let late = random.gen_bool(0.5);
    let from = if late { pool.len().saturating_sub(16) } else { 0 };
    let mut input = pool[random.gen_range(from..pool.len())].clone();
    for _ in 0..random.gen_range(1..=4) {
        change(random, &mut input, pool, words);
    }
    input.truncate(INPUT_BYTES_MAX);
    input
}

fn change(random: &mut StdRng, input: &mut Vec<u8>, pool: &[Vec<u8>], words: &[&str]) {
    let (at, to) = range(random, input.len());
    match random.gen_range(0..12) {
        0 if at < input.len() => input[at] ^= 1 << random.gen_range(0..8),
        1 if at < input.len() => input[at] = EDGES[random.gen_range(0..EDGES.len())],
        2 => input.insert(at, random.r#gen()),
        3 => drop(input.drain(at..to)),
        4 => {
            let times = if random.gen_bool(0.1) { random.gen_range(2..200) } else { 1 };
            let part = input[at..to].repeat(times);
            insert(input, at, &part);
        }
        5 | 6 if !words.is_empty() => {
            let word = words[random.gen_range(0..words.len())];
            insert(input, at, word.as_bytes());
        }
        7 => {
            let other = &pool[random.gen_range(0..pool.len())];
            let (from, end) = range(random, other.len());
            let part = other[from..end].to_vec();
            insert(input, at, &part);
        }
        8 => input.truncate(at),
        9 => lines(random, input),
        10 => {
            let part = NASTY[random.gen_range(0..NASTY.len())];
            drop(input.splice(at..at, part.bytes()));
        }
        11 if !words.is_empty() => {
            let word = words[random.gen_range(0..words.len())];
            drop(input.splice(at..to, word.bytes()));
        }
        _ => {
            if let Some(digit) = input.iter().position(u8::is_ascii_digit) {
                input[digit] = b'0' + random.gen_range(0..10);
            }
        }
    }
}

fn insert(input: &mut Vec<u8>, at: usize, part: &[u8]) {
    if input.len() + part.len() <= INPUT_BYTES_MAX {
        drop(input.splice(at..at, part.iter().copied()));
    }
}

/// A part of so many bytes, short more often than long.
fn range(random: &mut StdRng, length: usize) -> (usize, usize) {
    let at = random.gen_range(0..=length);
    let most = if random.gen_bool(0.7) { 16 } else { length };
    (at, (at + random.gen_range(0..=most)).min(length))
}

/// Two lines change places, or one stands where another stood, too.
fn lines(random: &mut StdRng, input: &mut Vec<u8>) {
    let mut lines: Vec<Vec<u8>> = input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.len() < 2 {
        return;
    }
    let (one, other) = (random.gen_range(0..lines.len()), random.gen_range(0..lines.len()));
    if random.gen_bool(0.5) {
        lines.swap(one, other);
    } else {
        lines[one] = lines[other].clone();
    }
    *input = lines.concat();
}
