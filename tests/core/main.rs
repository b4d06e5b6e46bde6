//! What core decides: text in, text out.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read their data from files")]

mod desired_text;
mod plan;
mod properties;
mod resolve;
mod simulated;
mod simulation;
mod tidy;
mod yaml;
