//! Places in files and problems at them, and how both are shown to people.

mod problem;
mod secret;
mod source;

pub use problem::{Problem, Problems, Severity};
pub use secret::SecretText;
pub use source::{Place, Places, Sources};
