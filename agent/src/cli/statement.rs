//! `writ approve` and `writ rewind`: a person signs a statement, kept in the clone at hand until it is pushed.
//!
//! Invariant: nothing is published from here, and no host is touched; what is signed is shown as it is.

use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use writ::git::{Repository, approval_ref, rewind_ref};
use writ::sign::sign;
use writ_core::trust::{APPROVAL_NAMESPACE, Approval, CommitId, REWIND_NAMESPACE, Rewind};

use super::exit::{Ended, Exit, Failure};
use super::host::Host;
use super::moment;

#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// The commit, branch or ref whose tree is approved of [default: HEAD]
    revision: Option<String>,
    /// For these hosts alone, as patterns: edge-*,!edge-9
    #[arg(long, value_name = "PATTERNS")]
    hosts: Option<String>,
    /// For hosts that first see it within this time (30m, 8h, 7d) [default: without an end]
    #[arg(long = "for", value_name = "TIME")]
    span: Option<String>,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RewindTo {
    /// The source, by the host's name for it
    #[arg(long)]
    source: String,
    /// The host
    #[arg(long)]
    host: String,
    /// The commit that the host applied last: `writ status` there shows it
    #[arg(long, value_name = "COMMIT")]
    from: CommitId,
    /// The commit from which it goes on; the head of the branch must be it or descend from it
    #[arg(long, value_name = "COMMIT")]
    to: CommitId,
    /// How long the host may use it (30m, 8h, 1d)
    #[arg(long = "for", value_name = "TIME", default_value = "1d")]
    span: String,
    #[command(flatten)]
    place: Place,
}

/// Whose key signs, and where the statement is kept.
#[derive(Debug, clap::Args)]
struct Place {
    /// The SSH key that signs: a private key, or a public one whose private key an agent holds
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The clone to read from and to keep the statement in [default: the one around the current folder]
    #[arg(long, value_name = "FOLDER")]
    git_dir: Option<PathBuf>,
}

pub(crate) fn approve(host: &Host, arguments: &Approve) -> Ended {
    let Approve { revision, hosts, span, place } = arguments;
    let until = span.as_deref().map(|span| moment::end(host.now(), span)).transpose()?;
    let repository = place.repository()?;
    let commit = repository.resolve(revision.as_deref().unwrap_or("HEAD"))?;
    let approval = Approval { tree: repository.tree_of(commit)?, hosts: hosts.clone(), until };
    let text = approval.text();
    Approval::parse(text.as_bytes()).map_err(|_| {
        Failure::message(format!("`{}` are no patterns of hosts: write edge-*,!edge-9", hosts.as_deref().unwrap_or("")))
    })?;
    let name = |mark: &str| approval_ref(&approval, mark);
    place.keep(host, &repository, "approval", (&text, APPROVAL_NAMESPACE), name, None)
}

pub(crate) fn rewind(host: &Host, arguments: &RewindTo) -> Ended {
    let RewindTo { source, host: name, from, to, span, place } = arguments;
    let until = moment::end(host.now(), span)?;
    let repository = place.repository()?;
    if !repository.holds_commit(*to) {
        return Err(Failure::message(format!("commit {to} is not in this clone: fetch it and look at it first")));
    }
    let rewind = Rewind { source: source.clone(), host: name.clone(), from: *from, to: *to, until };
    let text = rewind.text();
    Rewind::parse(text.as_bytes())
        .map_err(|_| Failure::message("--source and --host are the names in the host's settings: one word each"))?;
    // With the commit that the host is at behind it, the host can still judge who may sign, wherever the branch went.
    let parent = Some(*from).filter(|from| repository.holds_commit(*from));
    let name = |mark: &str| rewind_ref(&rewind, mark);
    place.keep(host, &repository, "rewind", (&text, REWIND_NAMESPACE), name, parent)
}

impl Place {
    fn repository(&self) -> Result<Repository, Failure> {
        Ok(match &self.git_dir {
            Some(folder) => Repository::open(folder)?,
            None => Repository::around(&std::env::current_dir()?)?,
        })
    }

    /// Signs a statement, keeps it under its ref, and tells how it is published.
    fn keep(
        &self,
        host: &Host,
        repository: &Repository,
        kind: &str,
        (text, namespace): (&str, &str),
        name: impl Fn(&str) -> String,
        parent: Option<CommitId>,
    ) -> Ended {
        let (signature, signer) = sign(&self.key, namespace, text)?;
        let name = name(&mark(&signature));
        let commit = repository.keep_statement(&name, (text, &signature), parent, host.now())?;
        let push = push(self.git_dir.as_deref(), &name);
        let value = json!({
            "schema": "writ/statement/v1", "kind": kind, "text": text, "signer": signer.id().to_string(), "ref": name,
            "commit": commit.to_string(), "push": push,
        });
        let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
        let shown = format!("signed with {}:\n\n{indented}\nPublish it: {push}\n", signer.id());
        host.terminal.show(&value, &shown)?;
        Ok(Exit::Success)
    }
}

/// Tells a statement from others about the same thing: the same text signed by the same key again is the same.
fn mark(signature: &str) -> String {
    Sha256::digest(signature).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The line that publishes a ref, for a shell.
fn push(git_dir: Option<&Path>, name: &str) -> String {
    let there = git_dir.map_or(String::new(), |folder| {
        let folder = folder.display().to_string().replace('\'', "'\\''");
        format!("-C '{folder}' ")
    });
    format!("git {there}push origin {name}")
}
