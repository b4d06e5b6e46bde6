//! The real program and real git against a simulated host.
