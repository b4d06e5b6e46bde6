//! Every number that bounds something in the agent, with its unit and its reason.

/// Steps that the engine takes at once. More only queue inside it.
pub const ENGINE_STEPS_AT_ONCE: usize = 4;

/// Time between two looks into every field of every container, in seconds.
pub const DEEP_INTERVAL_SECONDS: u32 = 600;

/// Longest time between two tries to reach a source, however often it failed, in seconds.
pub const BACKOFF_SECONDS_MAX: u32 = 600;

/// Time that further changes are awaited after the first, in milliseconds: an editor or an engine seldom makes just one.
pub const SETTLE_MILLIS: u64 = 150;

/// Time that a one-off command waits for a pass to end, in seconds: a step that pulls a large image takes minutes.
pub const PASS_LOCK_SECONDS: u64 = 600;
