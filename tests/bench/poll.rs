//! Asks a remote where its branch is, as an agent does between passes: once for each round, in one process.
//!
//! `poll FOLDER URL ROUNDS` prints the microseconds of each round, and last the bytes that one round received.
#![allow(clippy::print_stdout, reason = "its output is what is measured")]

use std::path::Path;
use std::time::Instant;

use writ::git::{Bounds, Credentials, Mirror, Remote};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, url, rounds] = words.as_slice() else { panic!("poll FOLDER URL ROUNDS") };
    let (name, branch) = ("bench".to_owned(), "main".to_owned());
    let remote = Remote { name, url: url.clone(), branch, credentials: Credentials::None, bounds: Bounds::default() };
    let mut mirror = Mirror::open(Path::new(folder), &remote).expect("the mirror opens");
    for _ in 0..rounds.parse().expect("ROUNDS is a number") {
        let start = Instant::now();
        let head = mirror.list().expect("the remote answers");
        println!("{}", start.elapsed().as_micros());
        assert!(head.is_some(), "the remote has the branch");
    }
    println!("{}", mirror.received());
}
