//! Pages for people: what is known of a host as HTML, served by the agent or written as files.
//!
//! Invariant: a page is whole without a program that runs in it, and asks for nothing from elsewhere.
//! Invariant: what comes from a repository is text in it (`html`).

mod audit;
mod entry;
mod history;
mod html;
mod layout;
mod object;
mod overview;
mod site;
mod table;
mod volumes;

pub use audit::audit;
pub use entry::entry;
pub use history::{Page, history};
pub use html::Html;
pub use layout::{Shell, trouble};
pub use object::object;
pub use overview::{Signer, overview};
pub use site::{Link, Site, encoded, file};
pub use volumes::volumes;

/// The style of all pages.
pub const STYLE: &str = include_str!("style.css");

/// What makes pages live that are served.
pub const SCRIPT: &str = include_str!("live.js");

/// The sign of all pages.
pub const ICON: &str = include_str!("icon.svg");
