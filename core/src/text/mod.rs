//! Places in files and problems at them, and how both are shown to people.

mod places;
mod problem;
mod quote;
mod secret;
mod section;
mod source;
mod wildcard;

pub use places::{Places, PlacesDraft};
pub use problem::{Problem, Problems, Severity};
pub use quote::{is_control, quoted, quoted_up_to};
pub use secret::{SecretText, UNOPENED};
pub use section::{Section, Written, is_secret_name, read_toml};
pub use source::{Place, Sources};
pub use wildcard::is_like;
