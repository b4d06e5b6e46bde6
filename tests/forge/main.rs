//! A real forge.
