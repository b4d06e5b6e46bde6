//! The real program and real git against a simulated host.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../fixtures/again.rs"]
mod again;
mod agreement;
mod alerts;
mod api;
#[path = "../fixtures/ask.rs"]
mod ask;
mod audit;
mod canary;
mod cli;
mod confine;
#[path = "../fixtures/corpus/mod.rs"]
mod corpus;
mod crash;
mod deploy;
mod documents;
mod every_host;
mod explanations;
mod faults;
#[path = "../fixtures/sops.rs"]
mod fixture;
mod fleet;
mod floor;
#[path = "../fixtures/forge.rs"]
mod forge;
#[path = "../fixtures/free_port.rs"]
mod free_port;
mod git;
mod git_growth;
mod git_http;
mod git_limits;
#[path = "../fixtures/git_server.rs"]
mod git_server;
mod git_ssh;
mod golden;
mod hints;
mod hostile;
mod import;
mod jobs;
mod local_files;
#[path = "../fixtures/long_history.rs"]
mod long_history;
mod machine;
#[path = "../fixtures/many_hosts.rs"]
mod many_hosts;
mod metrics;
mod no_way_out;
#[path = "../fixtures/openpgp.rs"]
mod openpgp;
mod outputs;
mod pages;
mod partition;
mod pass;
mod patience;
mod plugins;
#[path = "../fixtures/post.rs"]
mod post;
mod previews;
#[path = "../fixtures/program.rs"]
mod program;
mod published;
mod record;
mod render;
mod report;
mod report_app;
#[path = "../fixtures/repository.rs"]
mod repository;
mod rewind;
mod said;
mod served;
#[path = "../fixtures/server.rs"]
mod server;
mod service;
mod settings;
mod sops;
mod sops_env;
mod split;
#[path = "../fixtures/sshd.rs"]
mod sshd;
mod statements;
mod stop;
mod traces;
mod trust;
mod urls;
mod variables;
mod watch;
mod web;
mod web_tls;
mod windows;
