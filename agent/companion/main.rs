//! Writ's own program for containers: what it does is its first argument.
//!
//! It is built static, by `agent/build.rs`, from the standard library alone, and is the one file of an image.

mod kernel;
mod pause;
mod relay;
mod signals;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["pause"] => pause::run(),
        ["relay", ..] => relay::run(&words[1..]),
        _ => {
            eprintln!("this program is Writ's own; it is started by Writ: pause, relay");
            ExitCode::FAILURE
        }
    }
}
