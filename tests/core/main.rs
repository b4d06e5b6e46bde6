//! What core decides: text in, text out.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read their data from files")]

mod desired_text;
mod resolve;
mod tidy;
mod yaml;
