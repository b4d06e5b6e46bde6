//! A described host in memory.
