//! What touches the world: Git, engines, forges, the record, and the order of a pass.

pub mod cycle;

pub mod agent;
pub mod alerts;
pub mod apply;
pub mod attendance;
pub mod backup;
pub mod bulletin;
pub mod fetch;
pub mod fleet;
pub mod folders;
pub mod gate;
pub mod guard;
pub mod host_trust;
mod lookout;
mod offered;
pub mod one_off;
pub mod outcome;
pub mod outputs;
pub mod outside;
pub mod patience;
pub mod plugin;
pub mod previews;
mod published;
pub mod pulled;
mod rewind;
pub mod run;
mod say;
pub mod service;
mod sight;
pub mod source;
pub mod split;
pub mod token;
pub mod trace;
mod trouble;
pub mod unseal;
pub mod wake;
pub mod wanted;
mod witnesses;

pub mod archive;
pub mod clock;
mod copies;
mod earlier;
pub mod error;
pub mod interrupt;
pub mod limits;
pub mod measure;

pub mod confine;
pub mod git;
pub mod sign;
pub mod signature;

pub mod record;
pub mod render;
pub mod report;
pub mod settings;

pub mod health;
pub mod target;

pub mod page;
pub mod view;
pub mod web;
