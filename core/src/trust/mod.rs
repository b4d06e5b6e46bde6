//! Which commits may change a host.
//!
//! Invariant: only [`admit`] makes an [`Admitted`], and reading a tree takes nothing else.
