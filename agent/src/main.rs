//! `writ`: the agent and its commands.
fn main() {}
