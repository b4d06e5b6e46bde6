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

/// Time between two looks at a source, in seconds, unless its settings say otherwise.
pub const POLL_SECONDS_DEFAULT: u64 = 60;

/// Shortest time between two looks at a source, in seconds. A forge limits requests; 500 hosts at 5 s ask it 100 times
/// a second.
pub const POLL_SECONDS_MIN: u64 = 5;

/// Longest time between two looks at a source, in seconds. A host that looks less than once a day looks dead.
pub const POLL_SECONDS_MAX: u64 = 86_400;

/// Longest name of a host, source or unit, in bytes. Source: value of a Kubernetes label.
pub const NAME_BYTES_MAX: usize = 63;
