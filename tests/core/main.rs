//! What core decides: text in, text out.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "tests read their data from files")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backup;
mod cluster;
mod cluster_accounts;
mod cluster_hcl;
mod cluster_secrets;
mod desired_text;
mod disruption;
mod documents;
mod examples;
mod fields;
mod guard;
mod guard_ways;
mod hash;
mod hcl;
mod ingress;
mod jobs;
mod lifecycle;
mod logins;
mod openmcf;
mod partition;
mod plan;
mod preflight;
mod problem;
mod properties;
mod resolve;
mod resolve_claims;
mod resolve_jobs;
mod seeds;
mod services;
mod setbacks;
mod sidecars;
mod simulated;
mod simulation;
mod tidy;
mod yaml;
