//! What Writ decides, and nothing that touches the world.
//!
//! The way of a change, from what was fetched to what is said about it:
//!
//! ```text
//! evidence (raw commits) ─► trust::admit ─► Admitted
//! files of the admitted tree ─► dialect::lower ─► objects ─► model::resolve ─► Desired
//! plan(Desired, Observed, Holdings) ─► Plan ─► guard::check ─► CheckedPlan
//! outcomes ─► status::summarize
//! ```
//!
//! Invariant: no input or output, no clock, no environment, no unordered maps; threads only in `cores`, whose results do
//! not depend on them. Held by `core/clippy.toml` and by the tidy test.

pub mod account;
pub mod backoff;
mod cores;
pub mod text;
pub mod time;

pub mod trust;

pub mod dialect;
pub mod hash;
pub mod model;

pub mod ailment;
pub mod cluster;
pub mod health;
pub mod holdings;
pub mod ingress;
pub mod observed;

pub mod alert;
pub mod guard;
pub mod plan;
pub mod preview;
pub mod simulated;
pub mod status;
pub mod window;

pub mod limits;
